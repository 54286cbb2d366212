#!/usr/bin/env bats
# contrib/convert: other programs' configurations as smtpsend.conf. The cases are in convert/:
# KIND-NAME.in, the configuration it makes in .out, what it says about it in .notes.
# not under sanitizers: it is about awk
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

cases=$BATS_TEST_DIRNAME/convert
convert=$BATS_TEST_DIRNAME/../contrib/convert/to-smtpsend

prepare() {
    export HOME=/home/me
}

# convert_case CASE: runs it as it is meant, from the folder of the cases.
convert_case() {
    local kind=${1%%-*} arguments=("$1.in")
    cd "$cases" || return 1
    [ "$kind" != url ] || arguments=(-f "${arguments[@]}")
    [ ! -e "$1.revaliases" ] || arguments+=("$1.revaliases")
    run --separate-stderr "$convert" "$kind" "${arguments[@]}"
}

case_names() {
    local file
    for file in "$cases"/*.in; do
        basename "$file" .in
    done
}

# msmtprc TEXT: converts a file with this text, printf's escapes included; $output has the
# configuration, without the comment at its head, $stderr the notes.
msmtprc() {
    printf '%b' "$1" >"$BATS_TEST_TMPDIR/msmtprc"
    run --separate-stderr "$convert" msmtprc "$BATS_TEST_TMPDIR/msmtprc"
    assert_success
    output=$(sed 1d <<<"$output")
}

# The configuration in $output is one that smtpsend reads.
is_read() {
    (umask 077 && cat >"$BATS_TEST_TMPDIR/made.conf" <<<"$output")
    smtpsend -C "$BATS_TEST_TMPDIR/made.conf" --dry-run a@example.org <"$message"
    [ "$status" -eq 0 ] || fail "smtpsend refuses it: $output"
}

# msmtp_has ACCOUNT LINE...: msmtp, where there is one, reads these lines from the same file.
msmtp_has() {
    local read line account=$1
    shift
    command -v msmtp >/dev/null || return 0
    chmod 600 "$BATS_TEST_TMPDIR/msmtprc"
    read=$(msmtp -C "$BATS_TEST_TMPDIR/msmtprc" -P -a "$account" a@example.org 2>&1)
    for line in "$@"; do
        grep -Fxq -- "$line" <<<"$read" || fail "msmtp does not read '$line' but: $read"
    done
}

# Names of the table in FILE between the comments FROM and TO.
table_names() {
    sed -n "/# $2/,/# $3/p" "$1" | grep -o '("[^"]*")' | tr -d '("")' | tr ' ' '\n' | sort
}

@test "every case gives the configuration and the notes it should" {
    local name
    for name in $(case_names); do
        convert_case "$name"
        assert_success
        diff -u "$name.out" <(printf '%s\n' "$output") || fail "$name: another configuration"
        diff -u "$name.notes" <(printf '%s' "$stderr${stderr:+$'\n'}") ||
            fail "$name: other notes"
    done
}

@test "every awk there is gives the same" {
    local awks=() name awk bin=$BATS_TEST_TMPDIR/bin
    for awk in mawk gawk original-awk busybox; do
        awks+=("$(command -v "$awk" || true)")
    done
    mkdir "$bin"
    PATH=$bin:$PATH
    for awk in "${awks[@]}"; do
        [ -n "$awk" ] || continue
        # busybox goes by the name it is called by.
        ln -sf "$awk" "$bin/awk"
        for name in $(case_names); do
            convert_case "$name"
            assert_success
            diff -u "$name.out" <(printf '%s\n' "$output") || fail "$name: not so with $awk"
            diff -u <(sort "$name.notes") <(sort <<<"$stderr" | grep .) ||
                fail "$name: not so with $awk"
        done
    done
}

@test "every command of msmtp 1.8 is known, and is in a case" {
    local name wanted
    # Those of its manual, then what it takes from files for older versions, then a newer one.
    wanted=$(tr -s ' \n' '\n' <<'END' | sort
defaults account eval host port source_ip proxy_host proxy_port socket timeout protocol domain
auth user password passwordeval ntlmdomain tls tls_starttls tls_trust_file tls_crl_file
tls_fingerprint tls_key_file tls_cert_file tls_certcheck tls_priorities tls_host_override
tls_min_dh_prime_bits from allow_from_override dsn_notify dsn_return set_from_header
set_date_header set_msgid_header remove_bcc_headers undisclosed_recipients logfile
logfile_time_format syslog aliases auto_from maildomain
add_missing_from_header add_missing_date_header keepbcc tls_nocertcheck tls_nostarttls
connect_timeout
from_full_name
END
    )
    assert_equal "$wanted" \
        "$(table_names "${convert%/*}/msmtprc.awk" 'commands of msmtp' 'end of')"
    for name in $wanted; do
        grep -Eq "^ *$name( |$)" "$cases"/msmtprc-*.in || fail "$name is in no case"
    done
}

@test "every variable of the mail readers is in a case" {
    local name
    for name in $(table_names "${convert%/*}/url.awk" 'variables that' 'variables that can'); do
        grep -Eq "[ 	]$name(-[^= ]+)?( *=|$| )" "$cases"/url-*.in || fail "$name is in no case"
    done
}

@test "values: quotes, blanks, comments, backslashes, line ends, length" {
    local long
    # as msmtp has it | as smtpsend has it
    while IFS='|' read -r theirs ours; do
        msmtprc "account default\nhost h\nauth on\ntls on\nuser $theirs"
        assert_line "user = $ours"
        assert_equal "$(grep -c . <<<"$output")" 5
        [[ $ours != \"* ]] || ours=$(sed 's/^"//; s/"$//; s/\\\(.\)/\1/g' <<<"$ours")
        msmtp_has default "user = $ours"
    done <<'END'
plain|plain
two words|two words
two words \t |two words
carriage return\r|carriage return
# no comment|"# no comment"
; no comment|"; no comment"
a#b ;c|a#b ;c
"  blanks  "|"  blanks  "
"blanks  "\r|"blanks  "
""x""|"\"x\""
"|"\""
"a|"\"a"
a"|a"
a"b|a"b
a\\\\b|a\\b
" a\\\\b"|" a\\\\b"
"\\\\"|\\
"p"q"|p"q
[x]|[x]
k = v|k = v
%U %H|%U %H
\0303\0244|ä
END
    long=$(printf 'x%.0s' {1..5000})
    msmtprc "account default\nhost h\nauth on\ntls on\nuser $long\\\\"
    assert_line "user = $long\\"
}

@test "files: no lines, no last line end, carriage returns, blanks before a command" {
    msmtprc '  account\tdefault \r\n\r\n # c\r\n\thost  h\r\ntls on\r\nport 1'
    assert_output $'server = h\nport = 1\ntls = required'
    assert_equal "$stderr" ''
}

@test "names of accounts: what a heading can't have is replaced, and said so" {
    msmtprc 'account a]b\nhost h\naccount "a-b"\nhost i\naccount a]b c:a]b\nhost j
account x]\x1b[1m\nhost k\n'
    assert_equal "$(grep '^\[' <<<"$output")" \
        $'[account a-b]\n[account a-b-2]\n[account a-b-c]\n[account x---1m]'
    assert_regex "$stderr" "msmtprc:1: account: the account is 'a-b' now"
    refute_regex "$stderr" $'\x1b'
    msmtprc 'account default\nhost h\naccount second : default, nowhere\nhost i'
    assert_regex "$stderr" 'msmtprc:3: account: it is made of an account that is not there'
}

@test "inheritance: what an account sets itself goes on, what it had as a default does not" {
    msmtprc 'defaults\nport 1\ntls on\naccount a\nhost h\nfrom a@x\ndefaults\nport 2
account b : a\ntls_starttls off\naccount default : b, a\nport 3\nfrom c@x'
    assert_output - <<'END'

[account a]
server = h
port = 1
tls = required
from = a@x
match-from = a@x, a+*@x

[account b]
server = h
port = 2
tls = implicit
from = a@x
match-from = a@x, a+*@x

[account default]
server = h
port = 3
tls = implicit
from = c@x
match-from = *
END
    msmtp_has a 'host = h' 'port = 1' 'tls = on' 'tls_starttls = on' 'from = a@x'
    msmtp_has b 'host = h' 'port = 2' 'tls = on' 'tls_starttls = off' 'from = a@x'
    msmtp_has default 'host = h' 'port = 3' 'tls = on' 'tls_starttls = off' 'from = c@x'
}

@test "what holds for one server stays in its account, even where all have it in common" {
    msmtprc 'defaults\nhost h\ntls off\ntls_trust_file ca\nauth plain\nuser u\npassword p
timeout 5\naccount a\nfrom a@x\naccount default\nfrom b@x'
    assert_equal "$(sed '/^$/,$d' <<<"$output")" $'connect-timeout = 5s\ntimeout = 5s'
    assert_equal "$(grep -c '^tls = off$' <<<"$output")" 2
    assert_equal "$(grep -c '^allow-cleartext-auth = yes$' <<<"$output")" 2
    is_read
}

@test "of an inherited password and the account's own passwordeval the own one counts" {
    local parent
    for parent in 'defaults\npassword p\naccount default' \
        'account a\nhost h\npassword p\naccount default : a'; do
        msmtprc "$parent\nhost h\ntls on\nauth on\nuser u\npasswordeval pass me"
        assert_line 'password-command = pass me'
        assert_regex "$stderr" 'passwordeval: taken in place of the password'
    done
    msmtprc 'account default\nhost h\ntls on\nauth on\nuser u\npasswordeval x\npassword p'
    assert_line 'password = p'
    assert_regex "$stderr" ':6: passwordeval: left out, as there is a password'
    is_read
}

@test "what is written for a host, a domain or an address is what smtpsend takes" {
    local key text
    while IFS='|' read -r key text; do
        msmtprc "account default\nhost h\ntls on\n$key $text"
        assert_line "$(sed 's/host/server/; s/domain/helo/' <<<"$key") = $text"
        is_read
    done <<'END'
host|h.example.org.
host|a_b
host|192.0.2.1
host|::
host|2001:db8::1
host|1:2:3:4:5:6:7:8
host|::ffff:192.0.2.1
host|fe80::1%eth0
domain|h
domain|[192.0.2.1]
domain|[IPv6:::1]
from|a+b@example.org
from|postmaster
END
    while IFS='|' read -r key text; do
        msmtprc "account default\nhost h\ntls on\n$key $text"
        refute_line --regexp "^(server = [^h]|helo|from)"
        assert_regex "$stderr" ":4: $key: left out"
        is_read
    done <<'END'
host|1:2:3
host|1::2::3
host|1:2:3:4:5:6:7:8:9
host|::192.0.2.256
host|[h]
host|h:25
host|-h
host|`h`
domain|[192.0.2.256]
domain|[h]
domain|a_b
domain|a..b
domain|-a
domain|%%H
from|a@b@c
from|a b@c
from|a..b@c
from|a@
from|A <a@b>
END
}

@test "a time of nought is no limit: left out" {
    msmtprc 'account default\nhost h\ntls on\ntimeout 0\nconnect_timeout 00'
    assert_output $'server = h\nport = 25\ntls = required'
    run "$convert" url h 'set connect_timeout=0'
    refute_output --partial 'connect-timeout ='
}

@test "without an account, or a server, there is no configuration, and the status is 65" {
    local text file=$BATS_TEST_TMPDIR/made
    mkdir "$BATS_TEST_TMPDIR/nullmailer"
    for text in '' '# comment\n' 'defaults\nhost h\n' 'host h\n'; do
        printf '%b' "$text" >"$BATS_TEST_TMPDIR/msmtprc"
        run --separate-stderr "$convert" -o "$file" msmtprc "$BATS_TEST_TMPDIR/msmtprc"
        assert_equal "$status" 65
        assert_equal "$stderr" \
            "$BATS_TEST_TMPDIR/msmtprc: there is no account in it; no configuration is made"
    done
    for text in '' '\n# comment\n'; do
        printf '%b' "$text" >"$BATS_TEST_TMPDIR/nullmailer/remotes"
        echo h >"$BATS_TEST_TMPDIR/nullmailer/me"
        run --separate-stderr "$convert" -o "$file" nullmailer "$BATS_TEST_TMPDIR/nullmailer"
        assert_equal "$status" 65
        assert_regex "$stderr" 'remotes: there is no server in it; no configuration is made'
    done
    [ ! -e "$file" ] || fail 'a file was written'
}

@test "nothing that is in a file is run, or looked up" {
    local file=$BATS_TEST_TMPDIR/ran
    msmtprc "account default\nhost h\neval touch $file\nauth on\nuser \$(touch $file)
passwordeval touch $file; echo"
    cat >"$BATS_TEST_TMPDIR/muttrc" <<END
set smtp_url="smtp://\`touch $file\`@h" smtp_pass="\`touch $file\`" from="\$(touch $file)@x"
set hostname=\`touch $file\`
END
    run "$convert" url -f "$BATS_TEST_TMPDIR/muttrc"
    assert_success
    mkdir "$BATS_TEST_TMPDIR/nullmailer"
    echo "h smtp user=\`touch $file\` pass=\$(touch $file)" \
        >"$BATS_TEST_TMPDIR/nullmailer/remotes"
    run "$convert" nullmailer "$BATS_TEST_TMPDIR/nullmailer"
    assert_success
    [ ! -e "$file" ] || fail 'a command was run'
}

@test "URLs: what is encoded can't begin a line of the configuration" {
    run --separate-stderr "$convert" url 'smtps://u%0apassword-command=x:p%0d%00%25%C3%A4@h'
    assert_success
    assert_line 'user = u%0apassword-command=x'
    assert_line 'password = p%0d%00%ä'
    assert_regex "$stderr" 'argument 1: url: control characters'
    run --separate-stderr "$convert" url h:587 'set smtp-use-starttls' from=a@x
    assert_output - <<'END'
# Made from the configuration of a mail reader; see smtpsend.conf(5).
server = smtp://h:587
tls = required
from = a@x
END
    for url in http://h 'set mta=file:///x'; do
        run --separate-stderr "$convert" url "$url"
        assert_success
        refute_line --partial 'server ='
        assert_regex "$stderr" 'not a URL of an SMTP server'
    done
}

@test "secrets: in no note, and in no argument of a command" {
    local bin=$BATS_TEST_TMPDIR/bin name real
    mkdir "$bin"
    for name in awk cat; do
        real=$(command -v "$name")
        # shellcheck disable=SC2016 # for the script
        printf '#!/bin/sh\necho "$@" >>"%s"\nexec %s "$@"\n' "$bin/log" "$real" >"$bin/$name"
        chmod +x "$bin/$name"
    done
    printf '%s\n' 'account default' 'host h' 'auth on' 'password s3cret' 'pasword s3cret' \
        'eval echo password s3cret' 'user u' 'auth s3cret' >"$BATS_TEST_TMPDIR/msmtprc"
    PATH=$bin:$PATH run --separate-stderr "$convert" msmtprc "$BATS_TEST_TMPDIR/msmtprc"
    assert_line 'password = s3cret'
    refute_regex "$stderr" s3cret
    assert_regex "$stderr" 'chmod 600'
    PATH=$bin:$PATH run --separate-stderr "$convert" url smtps://u:s3cret@h smtp_pass=s3cret
    assert_line 'password = s3cret'
    refute_regex "$stderr" s3cret
    assert_regex "$stderr" 'use -f'
    grep -q config.awk "$bin/log"
    refute grep s3cret "$bin/log"
}

@test "-o: a new file, for its owner alone; one that is there stays" {
    local file=$BATS_TEST_TMPDIR/smtpsend.conf
    umask 0
    run --separate-stderr "$convert" -o "$file" msmtprc "$cases/msmtprc-one.in"
    assert_success
    assert_output ''
    diff "$cases/msmtprc-one.out" "$file"
    assert_equal "$(stat -c %a "$file")" 600
    echo mine >"$file"
    run "$convert" -o "$file" msmtprc "$cases/msmtprc-one.in"
    expect 73 'is not replaced'
    assert_equal "$(cat "$file")" mine
}

# Standard error goes where standard output should.
into_full() {
    { "$convert" "$@" 3>&1 >/dev/full 2>&3 3>&-; }
}

in_no_space() (
    trap '' XFSZ
    ulimit -f 0
    exec "$convert" "$@"
)

@test "what can't be made or written: one line of our own, nothing left behind" {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s nowhere link
    echo 'smtps://h' >url
    run "$convert" -o no/file url -f url
    assert_equal "$status: $output" "73: to-smtpsend: can't make 'no/file'"
    run "$convert" -o link url -f url
    assert_equal "$status: $output" "73: to-smtpsend: 'link' is there; it is not replaced"
    [ ! -e nowhere ] || fail 'written through a link'
    run into_full url -f url
    assert_equal "$status: $output" "74: to-smtpsend: can't write the configuration"
    run into_full --help
    assert_equal "$status: $output" "74: to-smtpsend: can't write the help"
    # No file may have a byte: the disk is full, as it were.
    run in_no_space -o made url -f url
    assert_equal "$status: $output" "74: to-smtpsend: can't write 'made'"
    [ ! -e made ] || fail 'half a file is left'
}

@test "wrong arguments are 64, files that can't be read 66, and nothing is written" {
    local words
    for words in '' bogus --bogus -x -o 'msmtprc a b' 'ssmtp a b c' 'nullmailer a b' url \
        'url -f' 'url -f a b'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr "$convert" $words
        [ "$status" -eq 64 ] || fail "'$words' is $status"
        assert_output ''
    done
    cd "$BATS_TEST_TMPDIR" || return 1
    for words in msmtprc 'msmtprc nothing' 'msmtprc .' 'ssmtp nothing' 'nullmailer nothing' \
        'url -f nothing'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr "$convert" -o written $words
        [ "$status" -eq 66 ] || fail "'$words' is $status"
        assert_regex "$stderr" "can't read"
        [ ! -e written ]
    done
    run --separate-stderr "$convert" --help
    assert_success
    assert_output --partial 'Usage: to-smtpsend'
}

@test "odd names of files, and standard input" {
    cd "$BATS_TEST_TMPDIR" || return 1
    for name in part=x -v 'a b' "it's"; do
        echo 'account default' >"$name"
        run "$convert" msmtprc "$name"
        expect 0 "$name:1: account: it has no host"
    done
    run "$convert" msmtprc - < <(echo 'account default')
    expect 0 'standard input:1: account: it has no host'
}

@test "smtpsend takes every configuration that is made, and each account in it" {
    local file=$BATS_TEST_TMPDIR/smtpsend.conf name account
    smtpsend -C /dev/null --dry-run a@example.org <"$message"
    [ "$status" -ne 64 ] || skip 'this smtpsend has no --dry-run yet'
    for name in $(case_names); do
        install -m 600 "$cases/$name.out" "$file"
        smtpsend -C "$file" --dry-run a@example.org <"$message"
        [ "$status" -eq 0 ] || fail "$name: $output"
        while read -r account; do
            smtpsend -C "$file" --dry-run -a "$account" a@example.org <"$message"
            [ "$status" -eq 0 ] || fail "$name, account $account: $output"
        done < <(sed -n 's/^\[account \(.*\)\]$/\1/p' "$file")
    done
}
