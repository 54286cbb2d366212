#!/usr/bin/env bats
# Against real servers other than Postfix, private to this file: Exim, OpenSMTPD and Dovecot's
# submission server. Each is optional.

bats_load_library bats-support
bats_load_library bats-assert
load lib/realservers
load lib/otherservers

setup_file() {
    local server
    export S=$BATS_FILE_TMPDIR
    for server in exim opensmtpd submission; do
        "missing_$server" >"$S/$server.missing"
        [ ! -s "$S/$server.missing" ] || continue
        serve_prepare "$S/$server"
        "run_$server"
    done
}

run_exim() {
    start_exim "$S/exim" plain login plain2 login2 secret ann
}

run_opensmtpd() {
    start_opensmtpd "$S/opensmtpd" plain login plain2 login2 secret ann
}

# What Dovecot relays ends in the test server.
run_submission() {
    local dir=$S/submission
    serve_run "$dir" sink "$TESTSERVER" --maildir "$dir/sink" --ready "$dir/sink.env" \
        --lifetime 1800 --rcpt 'nobody@*=550 5.1.1 no such user'
    until [ -e "$dir/sink.env" ]; do
        serve_alive "$dir" sink || return 1
        sleep 0.05
    done
    start_submission "$dir" "$(sed -n 's/^port=//p' "$dir/sink.env")" \
        plain login plain2 login2 secret ann
}

teardown_file() {
    local server
    for server in exim opensmtpd submission; do
        serve_stop "$S/$server"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf '%s\n' 'From: Sender <sender@example.org>' 'Subject: a short one' \
        'Date: Wed, 1 Jan 2025 12:00:00 +0000' \
        "Message-ID: <$BATS_TEST_NUMBER@example.org>" '' \
        'Hello.' . ..two '' $'gr\303\274\303\237e' >message
}

# with SERVER: skips, or sets D, its folder, and its ports.
with() {
    [ ! -s "$S/$1.missing" ] || skip "$(cat "$S/$1.missing")"
    D=$S/$1
    port='' tls_port=''
    # shellcheck source=/dev/null
    . "$D/$1.env"
}

# submit USER PORT OPTION|RECIPIENT...: as USER, with USER's password.
submit() {
    local user=$1 server=localhost:$2
    shift 2
    (umask 077 && echo "s3cret $user" >password)
    run timeout 100 "$SMTPSEND" -v --server "$server" --tls-ca "$D/tls/ca.pem" \
        --user "$user" --password-file password -f sender@example.org "$@"
}

# received USER: USER has this message, and no other one.
received() {
    local arrived
    arrived=$(arrived "$D" "$1")
    same_message message "$arrived"
}

# relayed RECIPIENT: the sink has this message, for RECIPIENT alone.
relayed() {
    local file found=
    for file in "$D"/sink/new/*; do
        if grep -q "^Message-ID: <$BATS_TEST_NUMBER@example.org>" "$file"; then
            assert [ -z "$found" ]
            found=$file
        fi
    done
    assert [ -n "$found" ]
    tr -d '\r' <"$found" >relayed
    same_message message relayed
    run grep '^RCPT' "$D/sink/envelope/${found##*/}"
    assert_output "RCPT TO:<$1>"
}

four_ways() {
    local check=$1
    submit plain "$port" --tls required --auth PLAIN plain@example.org <message
    assert_success
    submit login "$port" --tls required --auth LOGIN login@example.org <message
    assert_success
    submit plain2 "$tls_port" --tls implicit --auth PLAIN plain2@example.org <message
    assert_success
    submit login2 "$tls_port" --tls implicit --auth LOGIN login2@example.org <message
    assert_success
    "$check" plain
    "$check" login
    "$check" plain2
    "$check" login2
}

wrong_password() {
    (umask 077 && echo 'not it' >wrong)
    submit secret "$port" --tls required --password-file wrong secret@example.org <message
    assert_failure 77
    assert_output --partial 'smtpsend: auth: '
    assert_output --partial ': 535 '
}

@test "exim: STARTTLS and implicit TLS, PLAIN and LOGIN" {
    with exim
    four_ways received
    run grep -c ' A=plain:plain \| A=login:login2 ' "$D/root/spool/log/mainlog"
    assert_output 2
}

@test "exim: a wrong password is 77" {
    with exim
    wrong_password
}

@test "exim: of two recipients one is refused: the other gets it, 67" {
    with exim
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 unknown user'
    received ann
}

@test "opensmtpd: STARTTLS and implicit TLS, PLAIN and LOGIN" {
    with opensmtpd
    four_ways received
}

@test "opensmtpd: a wrong password is 77" {
    with opensmtpd
    wrong_password
}

@test "opensmtpd: of two recipients one is refused: the other gets it, 67" {
    with opensmtpd
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 Invalid recipient'
    received ann
}

@test "dovecot submission: STARTTLS, PLAIN" {
    with submission
    submit plain "$port" --tls required --auth PLAIN plain@example.org <message
    assert_success
    relayed plain@example.org
}

@test "dovecot submission: implicit TLS, LOGIN" {
    with submission
    submit login "$tls_port" --tls implicit --auth LOGIN login@example.org <message
    assert_success
    relayed login@example.org
}

@test "dovecot submission: a wrong password is 77" {
    with submission
    wrong_password
}

@test "dovecot submission: of two recipients one is refused: the other gets it, 67" {
    with submission
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 5\.1\.1 .*no such user'
    relayed ann@example.org
}
