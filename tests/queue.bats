#!/usr/bin/env bats
# queue.bats: what is kept in the queue, what is not, and how it lies there.
# shellcheck disable=SC2154 # what the libraries set

load lib/common
load lib/queue
load lib/sendmail

setup_file() {
    make_certificate
}

prepare() {
    use_queue
}

# assert_all_kept WORDS: for both recipients, with these words for each.
assert_all_kept() {
    expect 0 'queue: kept as ' 'for 2 recipients'
    assert_kept 1
    assert_recipients "<a@example.org> waiting $1" "<b@example.org> waiting $1"
    assert_fact 'attempts 1'
}

refute_kept() {
    expect_not 'kept as'
    assert_kept 0
}

# ---- which way ----

@test "never, the default: what fails for now is 75, and nothing is kept" {
    start_server --reply 'mail=451 4.3.0 later'
    for way in '' --queue=never; do
        # shellcheck disable=SC2086 # a word or none
        mail --server "127.0.0.1:$port" $way a@example.org
        expect 75 'mail: ' '451 4.3.0 later'
        [ ! -e "$spool" ]
    done
}

@test "fallback: what can be sent leaves nothing behind" {
    start_server
    fall_back a@example.org
    expect 0
    assert_equal "$output" ''
    assert_delivered 1
    [ ! -e "$spool" ]
}

@test "always and -odq: kept without a word and without a connection" {
    start_server
    for way in --queue=always -odq '-o dq' '-odq --queue never'; do
        # shellcheck disable=SC2086 # words
        mail --server "127.0.0.1:$port" $way a@example.org
        expect 0
        assert_equal "$output" ''
    done
    assert_kept 4
    assert_connections 0
    assert_fact 'smtpsend-queue 1' "id $(entry_id)" 'created *' 'from <sender@example.org>' \
        'attempts 0' 'recipient <a@example.org> waiting' end
    flush
    expect 0
    assert_equal "$output" ''
    assert_kept 0
    assert_delivered 4
}

@test "always says where it is kept to who watches" {
    mail --queue always -v a@example.org
    expect 0 "queue: kept as $(entry_id) for 1 recipient; \`smtpsend -q\` sends it"
    mail --queue always -v --quiet a@example.org
    expect 0
    assert_equal "$output" ''
    assert_kept 2
}

@test "the environment and the config say which way, too" {
    closed_port
    export SMTPSEND_SERVER=127.0.0.1:$port
    SMTPSEND_QUEUE=fallback mail a@example.org
    expect 0 'Connection refused' 'kept as'
    configure 'queue = fallback'
    mail "${config[@]}" a@example.org
    expect 0 'kept as'
    mail "${config[@]}" --queue never a@example.org
    expect 75
    configure 'queue = sometimes'
    mail "${config[@]}" a@example.org
    expect 78 'queue'
    assert_kept 2
}

@test "the account says which way, and where the queue is" {
    configure "server = 127.0.0.1:1" '[account one]' 'queue = always' \
        "queue-dir = $BATS_TEST_TMPDIR/one"
    unset SMTPSEND_QUEUE_DIR
    mail "${config[@]}" -a one a@example.org
    expect 0
    spool=$BATS_TEST_TMPDIR/one
    assert_kept 1
    assert_fact 'account one'
}

@test "the message is kept as it would go, the header mended, Bcc left out" {
    printf '%s\n' 'To: a@example.org' 'Bcc: secret@example.org' '' '.dot' 'ümlaut' >"$message"
    keep -t
    assert_recipients '<a@example.org> waiting' '<secret@example.org> waiting'
    run cat "$(entry)/message"
    assert_line $'.dot\r'
    assert_line $'ümlaut\r'
    assert_line --regexp '^Message-ID: '
    assert_line --regexp '^Date: '
    refute_line --partial secret
    start_server
    cp "$(entry)/message" "$BATS_TEST_TMPDIR/kept"
    flush
    expect 0
    assert_same_file "$BATS_TEST_TMPDIR/kept" "$(delivered)"
    assert_equal "$(envelope | grep -c RCPT)" 2
}

# ---- where ----

@test "modes are 0700 and 0600 whatever the umask" {
    for mask in 0000 0777; do
        run bash -c 'umask "$1"; exec "$SMTPSEND" --queue always -f s@example.org a@example.org' \
            - "$mask" <"$message"
        expect 0
        [ -z "$(find "$spool" -type d ! -perm 0700)" ]
        [ -z "$(find "$spool" -type f ! -perm 0600)" ]
        assert_equal "$(find "$spool/queue" -type f | wc -l)" 2
        rm -r "$spool"
    done
}

@test "a queue that others can write in, or that can't be made, is refused and nothing promised" {
    closed_port
    mkdir -m 777 "$spool"
    fall_back a@example.org
    expect 75 'Connection refused' 'others can write in the queue'
    mail --queue always a@example.org
    expect 78 'others can write in the queue'
    mail --queue always --queue-dir /dev/null a@example.org
    expect 73 'queue'
    mail --queue always --queue-dir /dev/null --quiet a@example.org
    expect 73
    assert_equal "$output" ''
}

# in_place COMMAND...: as lib/in_place has it, /var/spool being empty too.
in_place() {
    run timeout 60 "$BATS_TEST_DIRNAME/lib/in_place" "$SMTPSEND" "$BATS_TEST_TMPDIR/config" \
        sh -c 'mount -t tmpfs tmpfs /var/spool && "$@"' - "$@"
}

@test "as sendmail: fallback is the default, and root's queue lies in /var/spool/smtpsend" {
    configure 'server = 127.0.0.1:1'
    in_place true
    [ "$status" -eq 0 ] || skip 'no mount namespaces here'
    unset SMTPSEND_QUEUE_DIR
    export HOME=$BATS_TEST_TMPDIR XDG_STATE_HOME=$BATS_TEST_TMPDIR
    for way in '' -odi '-odb'; do
        # shellcheck disable=SC2016 # the inner shell's
        in_place sh -c 'sendmail -f s@example.org $1 a@example.org <"$2" &&
            ls /var/spool/smtpsend/queue && stat -c %a /var/spool/smtpsend' - "$way" "$message"
        expect 0 'Connection refused' 'kept as' '700'
    done
    # shellcheck disable=SC2016
    in_place sh -c 'sendmail -f s@example.org -odq a@example.org <"$1" &&
        ls /var/spool/smtpsend/queue' - "$message"
    expect 0
    expect_not Connection
    # A program that is not called so takes the same for root.
    # shellcheck disable=SC2016
    in_place sh -c '/run/smtpsend --queue fallback -f s@example.org a@example.org <"$1" &&
        sendmail -f s@example.org a@example.org <"$1" && ls /var/spool/smtpsend/queue | wc -l' \
        - "$message"
    expect 0
    assert_line 2
    [ -z "$(find "$BATS_TEST_TMPDIR" -name smtpsend)" ]
}

@test "as sendmail: a user's queue lies in the home of the password database" {
    [ "$(id -u)" -eq 0 ] || skip 'needs to be root'
    command -v setpriv >/dev/null || skip 'no setpriv'
    configure 'server = 127.0.0.1:1'
    in_place true
    [ "$status" -eq 0 ] || skip 'no mount namespaces here'
    unset SMTPSEND_QUEUE_DIR
    export HOME=$BATS_TEST_TMPDIR XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    # shellcheck disable=SC2016
    in_place sh -c '
        home=$(getent passwd daemon | cut -d: -f6)
        mount -t tmpfs -o mode=777 tmpfs "$home"
        setpriv --reuid daemon --regid daemon --clear-groups /run/sbin/sendmail -f s@example.org \
            a@example.org <"$1" || exit
        ls "$home/.local/state/smtpsend/queue"
        find "$home" -mindepth 1 -maxdepth 3 -printf "%u %m\n" | uniq' - "$message"
    expect 0 'kept as'
    assert_line 'daemon 700'
    [ ! -e "$BATS_TEST_TMPDIR/state" ]
}

@test "XDG_STATE_HOME and HOME say where, to users that are not root" {
    [ "$(id -u)" -eq 0 ] || skip 'needs to be root'
    command -v setpriv >/dev/null || skip 'no setpriv'
    : >"$BATS_TEST_TMPDIR/config"
    in_place true
    [ "$status" -eq 0 ] || skip 'no mount namespaces here'
    unset SMTPSEND_QUEUE_DIR
    # shellcheck disable=SC2016
    in_place sh -c '
        mkdir -m 777 /run/home
        for state in "" /run/home/state; do
            HOME=/run/home XDG_STATE_HOME=$state setpriv --reuid 65534 --clear-groups \
                /run/smtpsend --queue always -f s@example.org a@example.org <"$1" || exit
        done
        cd /run/home && ls -d .local/state/smtpsend/queue/queue/* state/smtpsend/queue/queue/*' \
        - "$message"
    expect 0
    assert_equal "${#lines[@]}" 2
}

# ---- fallback: what is kept ----

@test "refused for now, or service refused, at any stage before RCPT: all is kept, with the words" {
    local reply stage
    for reply in 'greeting=421 4.3.2 full' 'greeting=554 5.3.2 not now' 'ehlo=451 4.3.0 later' \
        'mail=450 4.1.8 dns' 'mail=421 4.7.0 too fast' 'mail=530 5.7.0 log in'; do
        start_server --reply "$reply"
        fall_back a@example.org b@example.org
        stop_server
        expect 0 "${reply%%=*}: " "${reply#*=}"
        stage=${reply%%=*} reply=${reply#*=}
        assert_all_kept "${reply%% [a-z]*} $stage ${reply#* }"
        rm -r "$spool"
    done
}

@test "4xx to DATA and to the dot, with BDAT and without: all is kept" {
    local stage
    for stage in bdat data dot; do
        start_server --no "$([ $stage = bdat ] || echo CHUNKING)" --reply "$stage=451 4.3.0 later"
        fall_back a@example.org b@example.org
        stop_server
        assert_all_kept "451 4.3.0 $stage 4.3.0 later"
        rm -r "$spool"
    done
}

@test "only the recipients that failed for now are kept, with their last reply" {
    start_server --rcpt 'b@*=450 4.2.1 grey\nlist' --rcpt 'c@*=550 5.1.1 unknown' \
        --rcpt 'd@*=452 4.2.2 full'
    fall_back a@example.org b@example.org c@example.org d@example.org
    expect 67 'rcpt b@example.org: ' '450 4.2.1 grey' 'rcpt c@example.org: ' '550 5.1.1 unknown' \
        'kept as' 'for 2 recipients'
    assert_delivered 1
    assert_recipients '<b@example.org> waiting 450 4.2.1 rcpt 4.2.1 grey*list' \
        '<d@example.org> waiting 452 4.2.2 rcpt 4.2.2 full'
    assert_fact 'attempts 1'
    assert_pause 240 360
}

@test "nobody is told to try again later, or what did arrive, when it is kept" {
    start_server --rcpt 'b@*=450 4.2.1 greylisted'
    fall_back a@example.org b@example.org
    expect 0 '450 4.2.1 greylisted' 'kept as'
    expect_not 'try again' 'give them two'
    fall_back --quiet a@example.org b@example.org
    expect 0
    assert_equal "$output" ''
    assert_kept 2
}

@test "connection refused, no such host, a silent server: kept" {
    closed_port
    fall_back a@example.org b@example.org
    assert_all_kept '- - connect *refused*'
    rm -r "$spool"
    mail --server nobody.invalid --queue fallback a@example.org b@example.org
    assert_all_kept '- - connect no such host*'
    rm -r "$spool"
    start_server --at greeting=hang
    fall_back --timeout 1s a@example.org b@example.org
    assert_all_kept '- - greeting *did not answer*'
}

@test "connection lost at each stage: kept; after the last byte it is said that it may have arrived" {
    local stage
    for stage in greeting ehlo mail rcpt; do
        start_server --at "$stage=drop"
        fall_back a@example.org b@example.org
        stop_server
        assert_all_kept "- - $stage *closed*"
        expect_not 'may have accepted'
        rm -r "$spool"
    done
    for stage in data dot; do
        start_server --no CHUNKING --at "$stage=reset"
        fall_back a@example.org b@example.org
        stop_server
        assert_all_kept "- - $stage *"
        [ "$stage" = data ] || expect 0 'may have accepted'
        rm -r "$spool"
    done
}

@test "TLS that fails, and TLS that is missing: kept" {
    start_server --tls-cert "$cert" --tls-key "$key"
    fall_back --tls required a@example.org b@example.org
    assert_all_kept '- - tls *not trusted*'
    rm -r "$spool"
    start_server
    fall_back --tls required a@example.org b@example.org
    assert_all_kept '- - starttls *'
}

@test "a wrong password, none, and a file or command without one: kept" {
    start_server --user me:geheim --auth-in-clear
    echo wrong >"$BATS_TEST_TMPDIR/password"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    local way
    for way in "--password-file $BATS_TEST_TMPDIR/password" --password-command=false \
        "--password-file $BATS_TEST_TMPDIR/missing" ''; do
        # shellcheck disable=SC2086 # words
        fall_back --user me --allow-cleartext-auth $way a@example.org b@example.org
        assert_all_kept '* auth *'
        expect 0 'auth: '
        rm -r "$spool"
    done
}

@test "trust that can't be read: kept" {
    start_server --tls-cert "$cert" --tls-key "$key"
    fall_back --tls required --tls-ca "$BATS_TEST_TMPDIR/missing" a@example.org b@example.org
    assert_all_kept '- - tls *'
}

# ---- fallback: what is not ----

@test "refused for good: the sender, the message, all recipients: not kept" {
    start_server --no CHUNKING --reply 'dot=554 5.7.1 spam'
    fall_back a@example.org
    expect 65 '554 5.7.1 spam'
    start_server --reply 'bdat=552 5.3.4 too big'
    fall_back a@example.org
    expect 65
    start_server --reply 'mail=552 5.3.4 too big'
    fall_back a@example.org
    expect 65
    start_server --reply 'mail=550 5.1.8 who'
    fall_back a@example.org
    expect 69
    start_server --reply 'rcpt=550 5.1.1 unknown'
    fall_back a@example.org
    expect 67
    start_server
    fall_back --require-tls a@example.org
    expect 69
    fall_back --priority 3 a@example.org
    expect 69
    refute_kept
    [ ! -e "$spool" ]
}

@test "usage errors and broken input: not kept" {
    closed_port
    fall_back --bogus a@example.org
    expect 64
    fall_back
    expect 64
    fall_back a@b@c
    expect 64
    printf 'Subject: x\n\nA\0B\n' >"$message"
    fall_back a@example.org
    expect 65
    run "$SMTPSEND" --server "127.0.0.1:$port" --queue fallback a@example.org <"$BATS_TEST_TMPDIR"
    expect 74
    refute_kept
}

@test "--stream: kept before it was read, not after" {
    start_server --no CHUNKING --reply 'dot=451 4.3.0 later'
    fall_back --stream a@example.org
    expect 75 '451 4.3.0 later' '--stream'
    refute_kept
    start_server --reply 'mail=451 4.3.0 later'
    # shellcheck disable=SC2016 # the inner shell's
    run bash -c 'cat "$1" | "$SMTPSEND" --server "127.0.0.1:$2" --queue fallback --stream \
        -f s@example.org a@example.org' - "$message" "$port"
    expect 0 'kept as'
    cmp <(tail -n 1 "$(entry)/message") <(printf 'Some text.\r\n')
}

@test "--require-all: all are kept for one that is refused for now, none for good" {
    start_server --rcpt 'b@*=450 4.2.1 greylisted' --rcpt 'c@*=550 5.1.1 unknown'
    fall_back --require-all a@example.org b@example.org
    expect 0 'kept as' 'for 2 recipients'
    assert_recipients '<a@example.org> waiting*' \
        '<b@example.org> waiting 450 4.2.1 rcpt 4.2.1 greylisted'
    assert_fact require-all
    rm -r "$spool"
    fall_back --require-all a@example.org c@example.org
    expect 67 'c@example.org'
    refute_kept
    assert_delivered 0
}

@test "a full disk: 75 or 74 as it was, and nothing is left" {
    [ "$(id -u)" -eq 0 ] || skip 'needs to be root'
    head -c 300000 /dev/zero | tr '\0' x | fold -w 70 >>"$message"
    closed_port
    # shellcheck disable=SC2016
    run unshare -m sh -c 'mkdir "$1" && mount -t tmpfs -o size=128k,mode=700 tmpfs "$1" &&
        "$SMTPSEND" --server "127.0.0.1:$2" --queue fallback -f s@example.org a@example.org <"$3"
        echo "status $?"; "$SMTPSEND" --queue always -f s@example.org a@example.org <"$3"
        echo "status $?"; find "$1" -type f' - "$spool" "$port" "$message"
    [ "$status" -eq 0 ] || skip "no mount namespaces here"
    assert_line 'status 75'
    assert_line 'status 74'
    expect 0 'No space left'
    expect_not "$spool/"
}

@test "fallback: where the queue can't take it, the status is what it would be without" {
    start_server --rcpt 'b@*=451 4.3.0 later'
    mkdir -m 777 "$spool"
    fall_back a@example.org b@example.org
    expect 75 '451 4.3.0 later' 'others can write in the queue'
    rmdir "$spool"
    ln -s elsewhere "$spool"
    fall_back b@example.org
    expect 75 '451 4.3.0 later'
    mail --server 127.0.0.1:1 --queue always a@example.org
    expect 73
}
