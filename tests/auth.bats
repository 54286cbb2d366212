#!/usr/bin/env bats
# auth.bats: when the user authenticates, how, to whom, and what must never see the password.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/accounts

setup_file() {
    make_certificate
}

prepare() {
    unset SMTPSEND_PASSWORD
}

# What the client said of AUTH, one line each: AUTH lines and the responses after them.
said() {
    commands "${1:-1}" | sed -n '/^AUTH/,/^MAIL\|^QUIT/p' | grep -v '^MAIL\|^QUIT'
}

@test "PLAIN and LOGIN, chosen or found" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server
    login
    authenticated 1
    login --auth PLAIN
    authenticated 2
    login --auth login
    authenticated 3
    login --auth 'LOGIN,PLAIN'
    authenticated 4
    login --auth auto
    authenticated 5
    run said 1
    assert_output "AUTH PLAIN $(base64_of '\0me\0geheim')"
    run said 2
    assert_output "AUTH PLAIN $(base64_of '\0me\0geheim')"
    for n in 3 4; do
        run said "$n"
        assert_output "AUTH LOGIN
$(base64_of me)
$(base64_of geheim)"
    done
    stop_server
    start_auth_server --mechs 'CRAM-MD5 LOGIN'
    login
    authenticated
}

@test "AUTH as very old servers list it: AUTH=LOGIN" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server --reply 'ehlo=250-localhost\n250 AUTH=LOGIN PLAIN'
    login
    authenticated
}

@test "over TLS, without another option" {
    export SMTPSEND_PASSWORD=geheim
    start_tls_server --user me:geheim
    send --user me --tls required --tls-ca "$ca" a@example.org
    authenticated 1
    send --server "submissions://me@127.0.0.1:$tls_port" --tls-ca "$ca" a@example.org
    authenticated 2
    run said
    assert_output "AUTH PLAIN $(base64_of '\0me\0geheim')"
}

@test "--auth off, or no user: no AUTH" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server
    login --auth off
    expect 0
    send a@example.org
    expect 0
    refute_dialogue AUTH
    run envelope 2
    assert_line auth=
    send --auth PLAIN a@example.org
    expect 64 '--user'
}

@test "no AUTH in clear: 77, and nothing secret was sent; not even to loopback" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server --listen 127.0.0.1:0 --unix "$BATS_TEST_TMPDIR/socket"
    send --user me a@example.org
    expect 77 'smtpsend: auth: ' 'not encrypted' '--allow-cleartext-auth'
    send --server "unix:$BATS_TEST_TMPDIR/socket" --user me a@example.org
    expect 77 'not encrypted'
    send --user me --tls opportunistic a@example.org
    expect 77 'not encrypted'
    assert_delivered 0
    run grep -hvE '^(EHLO .*|QUIT)'$'\r$' "$dir/raw"/*
    assert_output ''
}

@test "no AUTH through TLS with somebody unknown: 77; --tls-insecure permits it" {
    export SMTPSEND_PASSWORD=geheim
    start_tls_server --user me:geheim
    send --user me --tls opportunistic a@example.org
    expect 77 'smtpsend: auth: ' 'not verified'
    send --user me --tls required a@example.org
    [ "$status" -eq 78 ] || expect 76 'smtpsend: tls: '
    run grep -rhE 'AUTH|MAIL' "$dir/raw"
    assert_output ''
    send --user me --tls required --tls-insecure a@example.org
    authenticated
}

@test "STARTTLS stripped from the capabilities: the password stays here" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server
    send --user me --tls required --tls-ca "$ca" a@example.org
    expect 69 'smtpsend: starttls: '
    refute_dialogue AUTH
}

@test "535: 77 with the words, and no other mechanism is tried" {
    export SMTPSEND_PASSWORD=wrong
    start_auth_server --reply 'auth=535 5.7.8 bad credentials'
    login
    expect 77 'smtpsend: auth: ' '535 5.7.8 bad credentials' '--user'
    run grep -c '^C: AUTH' "$dir/log/1"
    assert_output 1
    assert_dialogue QUIT
    refute_dialogue MAIL
    stop_server
    start_auth_server
    for mechanism in PLAIN LOGIN; do
        login --auth "$mechanism"
        expect 77 ' 535 '
    done
    assert_delivered 0
}

@test "refused for a reason that is not the password: the next mechanism" {
    export SMTPSEND_PASSWORD=geheim
    for code in 500 501 502 504 555; do
        start_auth_server --reply "auth:1=$code not like this"
        login
        authenticated
        run said
        assert_line --index 0 --partial 'AUTH PLAIN'
        assert_line --index 1 'AUTH LOGIN'
        stop_server
    done
    start_auth_server --reply 'auth=504 5.5.4 unknown'
    login
    expect 77 '504 5.5.4 unknown'
    run grep -c '^C: AUTH' "$dir/log/1"
    assert_output 2
}

@test "4xx to AUTH: 75, and no other mechanism" {
    export SMTPSEND_PASSWORD=geheim
    start_auth_server --reply 'auth=454 4.7.0 database down'
    login
    expect 75 'smtpsend: auth: ' '454 4.7.0 database down'
    run grep -c '^C: AUTH' "$dir/log/1"
    assert_output 1
}

@test "no AUTH there, or no mechanism of ours: 69, with what it offers" {
    export SMTPSEND_PASSWORD=geheim
    start_server
    login
    expect 69 'smtpsend: auth: ' 'does not offer authentication'
    stop_server
    start_auth_server --mechs $'GSSAPI X\x1b[31m'
    login
    expect 69 'smtpsend: auth: ' 'GSSAPI'
    expect_not $'\x1b' '\x5c'
    stop_server
    start_auth_server --mechs PLAIN
    login --auth LOGIN
    expect 69 PLAIN
    refute_dialogue AUTH MAIL
}

# challenge LINE...: AUTH PLAIN and LOGIN are offered; these are the script's lines after EHLO.
challenge() {
    start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' \
        '> 250 AUTH LOGIN PLAIN' "$@")
}

@test "334 with rubbish is cancelled by '*'" {
    export SMTPSEND_PASSWORD=geheim
    for rubbish in '!!!' 'bm90IGVtcHR5' '=' 'A'; do
        challenge '< AUTH PLAIN ?*' "> 334 $rubbish" '< [*]' '> 501 cancelled' \
            '< QUIT' '> 221 x' eof
        login --auth PLAIN
        expect 76 'smtpsend: auth: the server'
        assert_followed_script
        stop_server
    done
    challenge '< AUTH LOGIN' '> 334 VXNlcm5hbWU6' '< bWU=' '> 334 UGFzc3dvcmQ6' '< Z2VoZWlt' \
        '> 334 bW9yZQ==' '< [*]' '> 501 cancelled' '< QUIT' '> 221 x' eof
    login --auth LOGIN
    expect 76 'asks more than AUTH LOGIN'
    assert_followed_script
    stop_server
    # The challenge's words don't matter to LOGIN, but they have to be base64.
    challenge '< AUTH LOGIN' '> 334 ???' '< [*]' '> 501 cancelled' '< AUTH PLAIN ?*' '> 235 ok' \
        '< MAIL *' '> 550 done' '< QUIT' '> 221 x' eof
    login --auth LOGIN,PLAIN
    expect 69 '550 done'
    assert_followed_script
}

@test "334 for ever ends" {
    export SMTPSEND_PASSWORD=geheim
    for mechanism in PLAIN LOGIN; do
        challenge '< AUTH *' 'repeat 100000' '> 334 ' '< *' end
        login --auth "$mechanism" --timeout 5 --deadline 20
        [ "$status" -ne 0 ] || fail "$output"
        expect_not deadline
        run grep -c '^S: 334' "$dir/log/1"
        [ "$output" -lt 10 ] || fail "$output challenges"
        stop_server
    done
}

@test "long users and passwords go after 334, so that the line stays below 512" {
    SMTPSEND_PASSWORD=$(printf 'p%.0s' {1..600})
    export SMTPSEND_PASSWORD
    start_server --auth-in-clear --user "me:$SMTPSEND_PASSWORD"
    login
    authenticated
    run said
    assert_line --index 0 'AUTH PLAIN'
    assert_line --index 1 "$(base64_of '\0me\0%s' "$SMTPSEND_PASSWORD")"
    login --auth LOGIN
    authenticated 2
    # The longest that fits: "AUTH PLAIN " and 499 more, with CRLF 512.
    stop_server
    SMTPSEND_PASSWORD=$(printf 'p%.0s' {1..368})
    start_server --auth-in-clear --user "me:$SMTPSEND_PASSWORD"
    login
    authenticated
    run awk '/^AUTH/ { print length($0) + 1 }' "$(raw)"
    [ "$output" -le 512 ]
}

@test "no secret in what -vv says, nor in errors" {
    export SMTPSEND_PASSWORD=geheim
    start_tls_server --user me:geheim
    for mechanism in PLAIN LOGIN; do
        send --user me --tls required --tls-ca "$ca" --auth "$mechanism" -vv a@example.org
        expect 0 "> AUTH $mechanism" '<redacted>' 'auth: 235 '
        expect_not geheim Z2VoZWlt "$(base64_of '\0me\0geheim')" bWU=
    done
    stop_server
    SMTPSEND_PASSWORD=$(printf 'p%.0s' {1..600})
    start_server --auth-in-clear --user me:x
    login -vv
    expect 77 '> AUTH PLAIN' '> <redacted>'
    expect_not ppppp cHBwc "$(base64_of '\0me\0pp')"
}
