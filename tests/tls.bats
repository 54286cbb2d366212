#!/usr/bin/env bats
# tls.bats: what is encrypted, with whom, and what is refused.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
    export other=$BATS_FILE_TMPDIR/other
    "$TESTSERVER" --make-cert "$other" --make-cert-only
}

@test "STARTTLS, verified by --tls-ca" {
    start_tls_server
    send --tls required --tls-ca "$ca" -v a@example.org
    expect 0 'tls: ' 'certificate verified'
    run envelope
    assert_line --regexp '^tls=TLS1\.[23]$'
    assert_dialogue 'EHLO *' STARTTLS '* tls TLS1.*' 'EHLO *' 'MAIL *' QUIT
    run transcript
    refute_line --partial 'no close_notify'
    refute_line --partial 'sni=1'
}

@test "implicit TLS: --tls implicit, smtps://, submissions://" {
    local n=0
    start_tls_server
    for words in "--server|127.0.0.1:$tls_port|--tls|implicit" \
        "--server|smtps://127.0.0.1:$tls_port" "--server|submissions://127.0.0.1:$tls_port" \
        "--server|localhost|--port|$tls_port|--tls|implicit"; do
        IFS='|' read -ra words <<<"$words"
        send "${words[@]}" --tls-ca "$ca" a@example.org
        expect 0
        run envelope $((n += 1))
        assert_line --regexp '^tls=TLS1\.[23]$'
        run transcript "$n"
        refute_line 'C: STARTTLS'
        refute_line --partial 'no close_notify'
    done
    assert_delivered 4
}

@test "SNI: the name, --tls-name, never an address" {
    start_tls_server
    send --server "localhost:$port" --tls required --tls-ca "$ca" a@example.org
    send --server "127.0.0.1:$port" --tls required --tls-ca "$ca" --tls-name localhost \
        a@example.org
    send --server "127.0.0.1:$port" --tls required --tls-ca "$ca" a@example.org
    send --server "localhost.:$port" --tls required --tls-ca "$ca" a@example.org
    assert_delivered 4
    for n in 1 2 4; do
        run grep -h '^\* tls' "$dir/log/$n"
        assert_output --regexp 'sni=localhost( |$)'
    done
    run grep -h '^\* tls' "$dir/log/3"
    refute_output --partial 'sni=127'
}

@test "an unknown authority: 76, and nothing sent" {
    start_tls_server
    for words in "--server|127.0.0.1:$port|--tls|required" "--server|smtps://127.0.0.1:$tls_port"; do
        IFS='|' read -ra words <<<"$words"
        send "${words[@]}" --tls-ca "$other/ca.pem" a@example.org
        expect 76 'smtpsend: tls: ' 'certificate' '--tls-ca'
        # Nor does the system know it; where it knows nobody at all, that is 78.
        send "${words[@]}" a@example.org
        [ "$status" -eq 78 ] || expect 76 'smtpsend: tls: '
    done
    assert_delivered 0
    run grep -rh MAIL "$dir/raw"
    assert_output ''
}

@test "the wrong name: 76; --tls-name says which one is right" {
    start_tls_server
    send --tls required --tls-ca "$ca" --tls-name other.example a@example.org
    expect 76 'smtpsend: tls: ' other.example
    stop_server
    start_server --listen 127.0.0.2:0 --tls-cert "$cert" --tls-key "$key"
    send --server "127.0.0.2:$port" --tls required --tls-ca "$ca" a@example.org
    expect 76 'smtpsend: tls: ' 127.0.0.2
    for name in localhost localhost. 127.0.0.1 LOCALHOST; do
        send --server "127.0.0.2:$port" --tls required --tls-ca "$ca" --tls-name "$name" \
            a@example.org
        expect 0
    done
    for name in local ocalhost a.localhost localhost.example ''; do
        send --server "127.0.0.2:$port" --tls required --tls-ca "$ca" --tls-name "$name" \
            a@example.org
        [ "$status" -ne 0 ] || fail "'$name' was accepted"
    done
    assert_delivered 4
}

@test "--tls-insecure: goes on, and warns each time" {
    start_tls_server
    for again in no yes; do
        echo "again: $again"
        send --tls required --tls-insecure --tls-ca "$other/ca.pem" a@example.org
        expect 0 'smtpsend: warning: ' '--tls-insecure'
        send --server "smtps://localhost:$tls_port" --tls-insecure a@example.org
        expect 0 'smtpsend: warning: ' '--tls-insecure'
    done
    SMTPSEND_TLS_INSECURE=yes send --tls required a@example.org
    expect 0 'smtpsend: warning: '
    send --quiet --tls required --tls-insecure a@example.org
    expect 0
    assert_output ''
    assert_delivered 6
}

@test "STARTTLS that is not offered: 69 where TLS is required, and nothing sent" {
    start_server
    send --tls required --tls-ca "$ca" a@example.org
    expect 69 'smtpsend: starttls: ' '--tls implicit' '--tls off'
    refute_dialogue MAIL STARTTLS
    assert_dialogue QUIT
}

@test "opportunistic: TLS where it is offered, whoever it is; else in clear" {
    start_tls_server
    send --tls opportunistic a@example.org
    expect 0
    run envelope
    assert_line --regexp '^tls=TLS1\.[23]$'
    stop_server
    start_server
    send --tls opportunistic a@example.org
    expect 0
    run envelope
    assert_line tls=
    stop_server
    for reply in '454 4.7.0 not now' '502 5.5.1 what?'; do
        start_tls_server --reply "starttls=$reply"
        send --tls opportunistic a@example.org
        expect 0
        run envelope
        assert_line tls=
        stop_server
    done
}

@test "to loopback it is off: STARTTLS is not used" {
    start_tls_server
    send a@example.org
    expect 0
    refute_dialogue STARTTLS
    send --tls off a@example.org
    expect 0
    run envelope 2
    assert_line tls=
}

@test "TLS below 1.2 is refused: 76; 1.2 and 1.3 are not" {
    for version in 1.0 1.1; do
        start_tls_server --tls-priority "LEGACY:-VERS-ALL:+VERS-TLS$version"
        send --tls required --tls-insecure a@example.org
        expect 76 'smtpsend: tls: '
        send --server "smtps://127.0.0.1:$tls_port" --tls-ca "$ca" a@example.org
        expect 76 'smtpsend: tls: '
        assert_delivered 0
        stop_server
    done
    for version in 1.2 1.3; do
        start_tls_server --tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$version"
        send --tls required --tls-ca "$ca" a@example.org
        expect 0
        run envelope
        assert_line "tls=TLS$version"
        stop_server
    done
}

@test "cut off within TLS: 75, not taken for an end" {
    for stage in ehlo:2 mail bdat dot; do
        start_tls_server --at "$stage=drop"
        send --tls required --tls-ca "$ca" \
            --chunking "$([ "$stage" = dot ] && echo off || echo auto)" a@example.org
        expect 75 "smtpsend: ${stage%:*}: "
        case $stage in dot | bdat) expect 75 'may have accepted' ;; esac
        stop_server
    done
    start_tls_server --at greeting=drop
    send --server "smtps://127.0.0.1:$tls_port" --tls-ca "$ca" a@example.org
    expect 75 'smtpsend: greeting: '
}

@test "the wrong kind of port: TLS to one that speaks SMTP, SMTP to one that wants TLS" {
    start_tls_server
    send --server "smtps://127.0.0.1:$port" --tls-ca "$ca" a@example.org
    expect 76 'smtpsend: tls: '
    send --server "smtp://127.0.0.1:$tls_port" --timeout 1 a@example.org
    expect 75 'smtpsend: greeting: ' '--tls implicit'
}

@test "--tls-ca: a file that is missing is 66, one without a certificate 78" {
    start_tls_server
    send --tls required --tls-ca "$BATS_TEST_TMPDIR/missing" a@example.org
    expect 66 "$BATS_TEST_TMPDIR/missing"
    for file in "$key" "$message" /dev/null; do
        send --tls required --tls-ca "$file" a@example.org
        expect 78 "$file"
    done
    assert_connections 0
}

# Makes NAME.pem from a template's lines, signed by an authority of our own.
issue() {
    local name=$1
    shift
    printf '%s\n' "$@" >"$name.template"
    certtool --generate-certificate --load-privkey "$key" --load-ca-certificate authority.pem \
        --load-ca-privkey authority.key --template "$name.template" --outfile "$name.pem" \
        2>/dev/null
}

@test "certificates that are out of date, for another purpose, or name the server only as CN: 76" {
    command -v certtool >/dev/null || skip 'no certtool'
    cd "$BATS_TEST_TMPDIR"
    certtool --generate-privkey --key-type=ecdsa --outfile authority.key 2>/dev/null
    printf 'cn = Authority\nca\ncert_signing_key\nexpiration_days = 30\n' >template
    certtool --generate-self-signed --load-privkey authority.key --template template \
        --outfile authority.pem 2>/dev/null
    issue good 'cn = x' 'dns_name = localhost' tls_www_server signing_key 'expiration_days = 3'
    issue expired 'cn = x' 'dns_name = localhost' tls_www_server signing_key \
        'activation_date = "2020-01-01 00:00:00 UTC"' 'expiration_date = "2020-02-01 00:00:00 UTC"'
    issue future 'cn = x' 'dns_name = localhost' tls_www_server signing_key \
        'activation_date = "2090-01-01 00:00:00 UTC"' 'expiration_date = "2091-02-01 00:00:00 UTC"'
    issue purpose 'cn = x' 'dns_name = localhost' tls_www_client signing_key 'expiration_days = 3'
    issue cn-only 'cn = localhost' tls_www_server signing_key 'expiration_days = 3'
    issue prefix 'cn = x' 'dns_name = localhost.evil.example' tls_www_server signing_key \
        'expiration_days = 3'
    for name in good expired future purpose prefix cn-only; do
        start_server --tls-cert "$name.pem" --tls-key "$key"
        send --server "localhost:$port" --tls required \
            --tls-ca authority.pem a@example.org
        echo "$name: $status $output"
        if [ "$name" = good ]; then
            expect 0
        else
            expect 76 'smtpsend: tls: ' certificate
        fi
        stop_server
    done
}

@test "20 MB through TLS arrive byte for byte, from a file and a pipe" {
    {
        printf 'Subject: big\n\n'
        head -c 15000000 /dev/urandom | base64
        printf '.\n'
    } >"$message"
    sum=$(sed 's/$/\r/' "$message" | sha256sum | cut -d ' ' -f 1)
    start_tls_server --discard --sha256
    send --add-headers=no --tls required --tls-ca "$ca" -v a@example.org
    expect 0 "sha256=$sum"
    submit --add-headers=no --server "smtps://127.0.0.1:$tls_port" --tls-ca "$ca" -v \
        a@example.org < <(cat "$message")
    expect 0 "sha256=$sum"
}

@test "--tls off contradicts a pin: 64; without it a pin makes TLS required, to loopback too" {
    make_certificate
    start_server --tls-cert "$cert" --tls-key "$key"
    pin=sha256:$(printf 'a%.0s' {1..64})
    send --tls off --tls-pin "$pin" a@example.org
    expect 64 '--tls-pin'
    SMTPSEND_TLS_PIN=$pin send --tls off a@example.org
    expect 64 '--tls-pin'
    send --tls-pin "$pin" a@example.org
    expect 76 'not the pinned one'
}

@test "SSLKEYLOGFILE is not honoured" {
    make_certificate
    start_server --tls-cert "$cert" --tls-key "$key"
    SSLKEYLOGFILE=$BATS_TEST_TMPDIR/keys send --tls required --tls-insecure a@example.org
    expect 0
    [ ! -s "$BATS_TEST_TMPDIR/keys" ] || fail 'the keys were written down'
}
