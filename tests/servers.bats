#!/usr/bin/env bats
# Against real servers other than Postfix, private to this file: Exim, OpenSMTPD and Dovecot's
# submission server. Each is optional.
# shellcheck disable=SC2154 # what lib/realtests.bash sets

bats_load_library bats-support
bats_load_library bats-assert
load lib/realservers
load lib/otherservers
load lib/realtests

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

run_submission() {
    start_submission "$S/submission" plain login plain2 login2 secret ann
}

teardown_file() {
    local server
    for server in exim opensmtpd submission; do
        serve_stop "$S/$server"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    write_message
}

# four_ways SERVER: STARTTLS and implicit TLS, PLAIN and LOGIN, TLS 1.2 and 1.3.
four_ways() {
    local user
    with "$1"
    submit plain "$port" --tls required --tls-min 1.3 --auth PLAIN plain@example.org <message
    assert_success
    submit login "$port" --tls required --tls-priority "$tls12" --auth LOGIN \
        login@example.org <message
    assert_success
    submit plain2 "$tls_port" --tls implicit --tls-priority "$tls12" --auth PLAIN \
        plain2@example.org <message
    assert_success
    submit login2 "$tls_port" --tls implicit --tls-min 1.3 --auth LOGIN \
        login2@example.org <message
    assert_success
    for user in plain login plain2 login2; do
        received "$user"
    done
    "$1_saw" PLAIN plain 1.3
    "$1_saw" LOGIN login 1.2
    "$1_saw" PLAIN plain2 1.2
    "$1_saw" LOGIN login2 1.3
}

wrong_password() {
    (umask 077 && echo 'not it' >wrong)
    submit secret "$port" --tls required --password-file wrong secret@example.org <message
    assert_failure 77
    assert_output --partial 'smtpsend: auth: '
    assert_output --partial ': 535 '
}

@test "exim: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways exim
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

@test "opensmtpd: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways opensmtpd
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

@test "dovecot submission: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways submission
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
    received ann
}
