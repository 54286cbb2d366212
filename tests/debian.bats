#!/usr/bin/env bats
# The Debian package: built, looked at by lintian, installed in a system of its own, used there
# by root and by a user, removed.
# runs alone
# not under sanitizers: it builds a package
# shellcheck disable=SC2154 # what lib/common.bash sets
#
# The system is made by mmdebstrap, of the release that this machine has and from the archive
# that its apt knows: debootstrap takes four times as long. It shares this machine's network, so
# that the test server on loopback is its server.
load lib/common

setup_file() {
    export S=$BATS_FILE_TMPDIR
    export root=$S/system
    what_is_missing >"$S/missing"
    [ ! -s "$S/missing" ] || return 0
    touch "$S/before"
    timeout 300 "$BATS_TEST_DIRNAME/../contrib/debian/build" "$S/made" \
        >"$S/package" 2>"$S/build.said" 3>&- 4>&- &
    make_system >"$S/system.said" 2>&1 ||
        echo "no system could be made: $(tail -n 1 "$S/system.said")" >"$S/missing"
    wait $! || echo 'failed' >"$S/build.failed"
    [ ! -s "$S/missing" ] || return 0
    find "$root" -xdev ! -type d | sort >"$S/files.before"
    [ -e "$S/build.failed" ] || install_package >"$S/install.said" 2>&1 || touch "$S/install.failed"
}

what_is_missing() {
    if [ "$(id -u)" != 0 ]; then
        echo 'only root can make a system to install it in'
    elif [ -z "$(archive)" ]; then
        echo "apt has no lists of Debian's archive"
    else
        command -v mmdebstrap >/dev/null || echo 'mmdebstrap is not installed'
        dpkg-checkbuilddeps "$BATS_TEST_DIRNAME/../contrib/debian/control" 2>&1
    fi
}

# The line for sources.list: what this machine itself was made from.
archive() {
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt's dollars
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' "Release: $codename" 'Component: main' | sed 1q
}

make_system() {
    timeout 300 mmdebstrap --variant=apt --skip=cleanup "$(archive | cut -d' ' -f3)" "$root" \
        "$(archive)" &&
        # Nothing that is installed there starts.
        printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" &&
        chmod 755 "$root/usr/sbin/policy-rc.d" &&
        chroot "$root" useradd --create-home ann
}

apt_get() {
    timeout 300 chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        apt-get -y -o Dpkg::Options::=--force-unsafe-io "$@"
}

# With those that want a mail-transport-agent, and would bring exim.
install_package() {
    cp "$(cat "$S/package")" "$root/root/smtpsend.deb" &&
        apt_get install /root/smtpsend.deb cron bsd-mailx &&
        rm "$root/root/smtpsend.deb"
}

prepare() {
    [ ! -s "$S/missing" ] || skip "$(cat "$S/missing")"
}

installed() {
    if [ -e "$S/build.failed" ] || [ -e "$S/install.failed" ]; then
        tail -n 30 "$S"/*.said
        fail 'the package is not installed'
    fi
}

# A server, which the configuration names.
configured() {
    installed
    start_server
    printf '%s\n' "server = smtp://127.0.0.1:$port" 'domain = example.org' \
        >"$root/etc/smtpsend.conf"
}

# in_system USER COMMAND...: as cron or a shell would start it.
in_system() {
    local user=$1
    shift
    run timeout 60 chroot "$root" su -s /bin/sh "$user" -c '"$@"' sh -- "$@"
}

@test "debian: the package is built, and the tree stays as it was" {
    [ ! -e "$S/build.failed" ] || fail "$(cat "$S/build.said")"
    run cat "$S/package"
    assert_output --regexp '^/.*/smtpsend_[0-9.]+_[a-z0-9]+\.deb$'
    cd "$BATS_TEST_DIRNAME/.."
    run find . -newer "$S/before" ! -path './build*' ! -path './.git*' ! -path .
    assert_output ''
}

@test "debian: lintian finds no error and no warning" {
    command -v lintian >/dev/null || skip 'no lintian'
    run lintian --allow-root --fail-on error,warning "$S"/made/*.changes
    assert_success
    assert_output ''
}

@test "debian: it is the mail-transport-agent of the system" {
    installed
    # shellcheck disable=SC2016 # dpkg's dollars
    run chroot "$root" dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Provides}\n'
    assert_line 'ii smtpsend mail-transport-agent'
    assert_line --regexp '^ii bsd-mailx '
    assert_line --regexp '^ii cron '
    refute_output --partial exim
    run chroot "$root" dpkg --verify smtpsend
    assert_output ''
    for name in /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases; do
        assert_equal "$(chroot "$root" readlink -f $name)" /usr/bin/smtpsend
    done
    run stat -c '%a %U:%G' "$root/etc/smtpsend.conf"
    assert_output '644 root:root'
    run grep '^[^#]' "$root/etc/smtpsend.conf"
    assert_output ''
}

@test "debian: sendmail sends, for root and for a user" {
    configured
    cp "$message" "$root/tmp/message"
    in_system root sh -c 'sendmail -i root </tmp/message'
    assert_success
    assert_output ''
    run envelope
    assert_line --regexp '^MAIL FROM:<root@example\.org>'
    assert_line --regexp '^RCPT TO:<root@example\.org>'
    in_system ann sh -c '/usr/lib/sendmail -t -oi </tmp/message'
    assert_success
    run envelope 2
    assert_line --regexp '^MAIL FROM:<ann@example\.org>'
    assert_line --regexp '^RCPT TO:<a@example\.org>'
    tr -d '\r' <"$(delivered 2)" | grep -qx 'Some text\.'
}

@test "debian: mail(1) sends through it" {
    configured
    in_system ann sh -c 'echo "the text" | mail -s "from mail" a@example.org root'
    assert_success
    assert_output ''
    run envelope
    assert_line --regexp '^RCPT TO:<a@example\.org>'
    assert_line --regexp '^RCPT TO:<root@example\.org>'
    run tr -d '\r' <"$(delivered)"
    assert_line 'Subject: from mail'
    assert_line 'the text'
}

@test "debian: what a cron job prints arrives" {
    configured
    echo '@reboot ann echo printed by a job' >"$root/etc/cron.d/job"
    rm -f "$root/run/crond.reboot"
    chroot "$root" cron -f 3>&- 4>&- &
    servers+=($!)
    for ((tries = 0; tries < 600; tries++)); do
        [ ! -e "$(delivered)" ] || break
        sleep 0.05
    done
    run tr -d '\r' <"$(delivered)"
    assert_line 'printed by a job'
    assert_line --regexp '^Subject: Cron <ann@.*> echo printed by a job$'
    run envelope
    assert_line --regexp '^RCPT TO:<ann@example\.org>'
    rm "$root/etc/cron.d/job"
}

@test "debian: mailq and newaliases answer, for root and for a user" {
    configured
    for user in root ann; do
        in_system $user mailq
        assert_success
        in_system $user newaliases
        assert_success
    done
}

@test "debian: its documentation and completions are where Debian looks" {
    installed
    for file in man/man1/smtpsend.1 man/man1/mailq.1 man/man1/newaliases.1 man/man8/sendmail.8; do
        zcat "$root/usr/share/$file.gz" | grep -q '^\.Dt SMTPSEND 1'
    done
    for file in bash-completion/completions/smtpsend zsh/vendor-completions/_smtpsend \
        fish/vendor_completions.d/smtpsend.fish doc/smtpsend/copyright; do
        assert [ -s "$root/usr/share/$file" ]
    done
}

# What is there now that was not before, of those that have our names.
left() {
    find "$root" -xdev ! -type d | sort | comm -13 "$S/files.before" - |
        grep -E 'smtpsend|/(sendmail|mailq|newaliases)' | grep -v '/var/\(cache\|log\)/'
}

@test "debian: removed it leaves its configuration, purged nothing" {
    installed
    run apt_get remove smtpsend bsd-mailx cron
    assert_success
    run left
    assert_line "$root/etc/smtpsend.conf"
    refute_line --partial "$root/usr"
    run apt_get purge smtpsend
    assert_success
    run left
    assert_output ''
}
