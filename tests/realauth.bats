#!/usr/bin/env bats
# Every mechanism against real servers, private to this file: Exim, Postfix with Cyrus's SASL,
# and Dovecot's submission server with a Kerberos KDC; not -PLUS, which none of them has. Each
# is optional. What the client says is checked against what the server logs and delivers.
# not under sanitizers: its servers are what counts; other suites go the same ways
# shellcheck disable=SC2154 # what lib/realtests.bash sets

bats_load_library bats-support
bats_load_library bats-assert
load lib/realservers
load lib/otherservers
load lib/realtests

users=(scram-sha-256 scram-sha-1 cram-md5 plain login auto old external secret ann bob)

setup_file() {
    local server
    export S=$BATS_FILE_TMPDIR
    for server in exim cyrus submission; do
        "missing_$server" >"$S/$server.missing"
        [ ! -s "$S/$server.missing" ] || continue
        serve_prepare "$S/$server"
        make_cert "$S/$server/tls" external DNS:client clientAuth
        "run_$server"
    done
}

run_exim() {
    start_exim "$S/exim" "${users[@]}"
}

missing_cyrus() {
    missing_postfix_cyrus
}

run_cyrus() {
    start_postfix_cyrus "$S/cyrus" "${users[@]}"
    ln -s postfix.env "$S/cyrus/cyrus.env"
}

run_submission() {
    missing_kdc >"$S/kdc.missing"
    [ -s "$S/kdc.missing" ] || start_kdc "$S/submission" "${users[@]}"
    start_submission "$S/submission" "${users[@]}"
}

teardown_file() {
    local server
    for server in exim cyrus submission; do
        serve_stop "$S/$server"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    write_message
    umask 077
}

# ---- passwords ----

# Sets mechanisms to those by password that SERVER has here.
by_password() {
    mechanisms=(SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN)
    # Exim gets SCRAM from Dovecot.
    if [ "$1" = exim ] && [ ! -S "$D/root/auth" ]; then
        mechanisms=("${mechanisms[@]:2}")
    fi
}

# right_passwords SERVER: each mechanism, once with TLS 1.2 and else with 1.3.
right_passwords() {
    local mechanism user
    with "$1"
    by_password "$1"
    for mechanism in "${mechanisms[@]}"; do
        user=${mechanism,,}
        submit "$user" "$port" --tls required --tls-min 1.3 --auth "$mechanism" \
            "$user@example.org" <message
        assert_success
        received "$user"
        "$1_saw" "$mechanism" "$user" 1.3
    done
}

# wrong_passwords SERVER: refused once each, and the server was asked no more than that.
wrong_passwords() {
    local mechanism
    with "$1"
    by_password "$1"
    echo 'not it' >wrong
    for mechanism in "${mechanisms[@]}"; do
        attempt "$port" --tls required --auth "$mechanism" --user secret \
            --password-file wrong secret@example.org <message
        assert_failure 77
        assert_line --regexp '^smtpsend: auth: .*: 535 .*; check --user and the password$'
        refute_output --partial 'not it'
        "$1_refused" "$mechanism" secret
    done
    attempt "$port" --tls required --user secret --password-file wrong secret@example.org \
        <message
    assert_failure 77
    "$1_refused" "${mechanisms[0]}" secret 2
    assert [ ! -e "$D/mail/secret/new" ]
}

# strongest SERVER: what is taken unasked, in either version of TLS.
strongest() {
    with "$1"
    by_password "$1"
    [ "${mechanisms[0]}" = SCRAM-SHA-256 ] || skip 'no SCRAM at this server here'
    submit auto "$port" --tls required -vv auto@example.org <message
    assert_success
    assert_line '> AUTH SCRAM-SHA-256 <redacted>'
    received auto
    "$1_saw" SCRAM-SHA-256 auto 1.3
    submit old "$tls_port" --tls implicit --tls-priority "$tls12" old@example.org <message
    assert_success
    received old
    "$1_saw" SCRAM-SHA-256 old 1.2
}

# SERVER_refused MECHANISM USER [N]: the N-th time (the first) that it refused USER so.

cyrus_refused() {
    times "${3-1}" "$D/postfix.log" "SASL $1 authentication failed: .*, sasl_username=$2@"
}

exim_refused() {
    local name=${1,,}
    times "${3-1}" "$D/root/spool/log/mainlog" \
        " ${name//-/_} authenticator failed for .*: 535 .*(set_id=$2)"
}

submission_refused() {
    times "${3-1}" "$D/dovecot.log" "(auth failed, 1 attempts in .*: user=<$2>, method=$1,"
}

# times N FILE PATTERN: so many lines of the log have it.
times() {
    logged "$2" "$3"
    run grep -c "$3" "$2"
    assert_output "$1"
}

@test "postfix with Cyrus SASL: each mechanism by password" {
    right_passwords cyrus
}

@test "postfix with Cyrus SASL: a wrong password is 77, whatever the mechanism" {
    wrong_passwords cyrus
}

@test "postfix with Cyrus SASL: SCRAM-SHA-256 unasked, TLS 1.2 and 1.3" {
    strongest cyrus
}

@test "exim: each mechanism by password" {
    right_passwords exim
}

@test "exim: a wrong password is 77, whatever the mechanism" {
    wrong_passwords exim
}

@test "exim: SCRAM-SHA-256 unasked, TLS 1.2 and 1.3" {
    strongest exim
}

@test "dovecot submission: each mechanism by password" {
    right_passwords submission
}

@test "dovecot submission: a wrong password is 77, whatever the mechanism" {
    wrong_passwords submission
}

@test "dovecot submission: SCRAM-SHA-256 unasked, TLS 1.2 and 1.3" {
    strongest submission
}

# ---- tokens ----

# by_token USER MECHANISM OPTION...: as USER, to USER.
by_token() {
    local user=$1 mechanism=$2
    shift 2
    attempt "$port" --tls required --user "$user" --auth "$mechanism" "$@" \
        "$user@example.org" <message
}

# token_refused MECHANISM: its reasons are shown, and the token is not.
token_refused() {
    local reason=invalid_token
    [ "$1" = OAUTHBEARER ] || reason=401
    assert_failure 77
    assert_line --regexp "^smtpsend: auth: .* \\($reason.*\\): 535 .*; is the token "
    refute_output --partial "$(cat token)"
}

@test "dovecot submission: OAUTHBEARER and XOAUTH2" {
    with submission
    serve_token "$D" ann >token
    by_token ann XOAUTH2 --token-file token
    assert_success
    received ann
    submission_saw XOAUTH2 ann
    serve_token "$D" bob >token
    by_token bob OAUTHBEARER --token-command 'cat token'
    assert_success
    received bob
    submission_saw OAUTHBEARER bob
    serve_token "$D" auto >token
    by_token auto auto --token-file token
    assert_success
    received auto
    submission_saw OAUTHBEARER auto
}

@test "dovecot submission: an expired token is asked for once more" {
    local mechanism
    with submission
    serve_token "$D" old -60 >token
    serve_token "$D" old >fresh
    for mechanism in OAUTHBEARER XOAUTH2; do
        rm -rf asked
        by_token old "$mechanism" \
            --token-command 'if mkdir asked; then cat token; else cat fresh; fi 2>/dev/null'
        assert_success
        assert_line 'auth: the token was refused; asking for another'
        submission_saw "$mechanism" old
    done
}

@test "dovecot submission: a token that stays expired is 77, and asked for twice" {
    local mechanism
    with submission
    serve_token "$D" secret -60 >token
    for mechanism in OAUTHBEARER XOAUTH2; do
        rm -f asked
        by_token secret "$mechanism" --token-command 'echo once >>asked; cat token'
        token_refused "$mechanism"
        run grep -c once asked
        assert_output 2
        logged "$D/dovecot.log" "(auth failed, 2 attempts .*: user=<secret>, method=$mechanism,"
    done
}

@test "dovecot submission: a token that is another's or forged is 77; no password after it" {
    local mechanism
    with submission
    echo 's3cret secret' >password
    for mechanism in OAUTHBEARER XOAUTH2; do
        serve_token "$D" bob >token
        by_token secret "$mechanism,PLAIN" --token-file token --password-file password
        token_refused "$mechanism"
        serve_token "$D" secret | tr 'A-Za-z' 'N-ZA-Mn-za-m' >token
        by_token secret "$mechanism,PLAIN" --token-file token --password-file password
        token_refused "$mechanism"
        logged "$D/dovecot.log" "(auth failed, 1 attempts .*: user=<secret>, method=$mechanism,"
    done
}

# ---- certificates ----

# by_certificate NAME PORT OPTION|RECIPIENT...: with the certificate of that name.
by_certificate() {
    local name=$1 port=$2
    shift 2
    attempt "$port" --tls-cert "$D/tls/$name.pem" --tls-key "$D/tls/$name.key" "$@" <message
}

# external SERVER: by its certificate, unasked and asked, TLS 1.3 and 1.2; another's is refused.
external() {
    with "$1"
    by_certificate external "$port" --tls required --user external external@example.org
    assert_success
    received external
    "$1_saw" EXTERNAL external 1.3
    by_certificate external "$tls_port" --tls implicit --tls-priority "$tls12" \
        --auth EXTERNAL --user external ann@example.org
    assert_success
    received ann
    by_certificate external "$port" --tls required --auth EXTERNAL --user secret \
        secret@example.org
    assert_failure 77
    assert_line --regexp '^smtpsend: auth: .*: 535 .*; is the certificate this user'
}

@test "exim: EXTERNAL by the client's certificate" {
    external exim
    logged "$D/root/spool/log/mainlog" ' external authenticator failed .*(set_id=secret)'
}

@test "exim: a client's certificate of an authority that it does not know: no EXTERNAL, 69" {
    with exim
    make_ca other
    make_cert other external DNS:client clientAuth
    attempt "$port" --tls required --tls-cert other/external.pem --tls-key other/external.key \
        --auth EXTERNAL --user secret secret@example.org <message
    assert_failure 69
    assert_line --partial 'smtpsend: auth: no authentication mechanism '
}

@test "dovecot submission: EXTERNAL by the client's certificate" {
    external submission
    logged "$D/dovecot.log" '(auth failed, 1 attempts .*, method=EXTERNAL,'
}

@test "dovecot submission: EXTERNAL without --user, as whom the certificate names" {
    with submission
    by_certificate external "$port" --tls required --auth EXTERNAL secret@example.org
    assert_success
    relayed secret@example.org
}

# ---- tickets ----

# with_kdc: skips, or has a place for tickets, with none in it.
with_kdc() {
    with submission
    [ ! -s "$S/kdc.missing" ] || skip "$(cat "$S/kdc.missing")"
    export KRB5_CONFIG=$D/krb5.conf KRB5CCNAME=FILE:$BATS_TEST_TMPDIR/tickets
    unset KRB5_CLIENT_KTNAME
}

ticket() {
    kinit "$1" <<<"s3cret $1" >/dev/null
}

# by_ticket USER OPTION...: as USER, to USER.
by_ticket() {
    local user=$1
    shift
    attempt "$port" --tls required --user "$user" --auth GSSAPI "$@" "$user@example.org" \
        <message
}

@test "dovecot submission: GSSAPI with a ticket" {
    with_kdc
    ticket ann
    by_ticket ann
    assert_success
    received ann
    submission_saw GSSAPI ann
    run klist
    assert_output --partial 'smtp/localhost@'
}

@test "dovecot submission: GSSAPI without a ticket is 77, or the next mechanism" {
    with_kdc
    by_ticket secret
    assert_failure 77
    assert_line --regexp '^smtpsend: auth: Kerberos: .*; is there a ticket \(klist, kinit\)\?'
    refute_line --partial '535'
    echo 's3cret bob' >password
    by_ticket bob --auth GSSAPI,SCRAM-SHA-256 --password-file password
    assert_success
    received bob
    submission_saw SCRAM-SHA-256 bob
}

@test "dovecot submission: GSSAPI with the ticket of another is 77, and no password after it" {
    with_kdc
    ticket bob
    echo 's3cret secret' >password
    by_ticket secret --auth GSSAPI,PLAIN --password-file password
    assert_failure 77
    assert_line --regexp '^smtpsend: auth: .*: 535 .*; may the ticket'
    logged "$D/dovecot.log" '(auth failed, 1 attempts in .*, method=GSSAPI,'
}

@test "dovecot submission: GSSAPI to a name that the KDC does not know is 77" {
    with_kdc
    ticket ann
    by_ticket ann --server "127.0.0.1:$port"
    assert_failure 77
    assert_line --partial 'smtpsend: auth: Kerberos: Server smtp/127.0.0.1@EXAMPLE.ORG not '
}
