#!/usr/bin/env bats
# mechanisms.bats: each SASL mechanism against a server (SCRAM's is GNU SASL), which one is chosen,
# when one gives way to the next, and servers that lie.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/accounts

setup_file() {
    make_certificate
    # A client certificate, which is its own authority.
    export client=$BATS_FILE_TMPDIR/client.pem client_key=$BATS_FILE_TMPDIR/client.key
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=someone -keyout "$client_key" -out "$client" 2>/dev/null || true
    export token=ya29.marked-token token_file=$BATS_FILE_TMPDIR/token
    (umask 077 && printf '%s\n' "$token" >"$token_file")
}

prepare() {
    export SMTPSEND_PASSWORD=geheim
}

plus='SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS'
plain_scram='SCRAM-SHA-256 SCRAM-SHA-1'
by_password="$plus $plain_scram CRAM-MD5 PLAIN LOGIN"
tls12='NORMAL:-VERS-ALL:+VERS-TLS1.2'
tls13='NORMAL:-VERS-ALL:+VERS-TLS1.3'

needs_gsasl() {
    # The server links libgsasl where it was there.
    ldd "$TESTSERVER" | grep -q libgsasl || skip 'the test server was built without GNU SASL'
}

needs_client_certificate() {
    [ -s "$client" ] || skip 'no openssl'
}

# offers MECHANISMS OPTION...: a server with TLS that has the account me and its token.
offers() {
    local mechanisms=$1
    shift
    start_tls_server --mechs "$mechanisms" --user me:geheim --token "me:$token" "$@"
}

# Sends over TLS, as me.
secure() {
    send --tls required --tls-ca "$ca" --user me "$@" a@example.org
}

external() {
    send --tls required --tls-ca "$ca" --tls-cert "$client" --tls-key "$client_key" "$@" \
        a@example.org
}

# The mechanisms that were tried in the N-th connection, in order.
tried() {
    commands "${1:-1}" | sed -n 's/^AUTH \([^ ]*\).*/\1/p' | paste -sd ' '
}

# What the client said in AUTH and after it, up to the next command.
said() {
    commands "${1:-1}" | sed -n '/^AUTH/,/^MAIL\|^QUIT/p' | grep -v '^MAIL\|^QUIT'
}

# The initial response of the first AUTH in the N-th connection, decoded.
initial() {
    commands "${1:-1}" | sed -n 's/^AUTH [^ ]* //p' | head -n 1 | base64 -d | tr '\0\1' '0^'
}

assert_tried() {
    run tried "${2:-1}"
    assert_output "$1"
}

# The server's note of the N-th connection: mechanism, user, authzid, binding.
assert_granted() {
    local n=1
    if [[ $1 =~ ^[0-9]+$ ]]; then
        n=$1
        shift
    fi
    run transcript "$n"
    assert_line "* auth $*"
}

@test "every mechanism by password, TLS 1.2 and 1.3" {
    needs_gsasl
    for priority in "$tls12" "$tls13"; do
        offers "$by_password" --tls-priority "$priority"
        n=0
        for mechanism in $by_password; do
            binding=none
            [[ $mechanism != *-PLUS ]] || binding=tls-unique
            [[ $mechanism != *-PLUS || $priority == "$tls12" ]] || binding=tls-exporter
            secure --auth "$mechanism" -v
            authenticated $((n += 1))
            assert_tried "$mechanism" "$n"
            assert_granted "$n" "$mechanism user=me authzid= binding=$binding"
        done
        stop_server
    done
}

@test "SCRAM and CRAM-MD5 in clear, and over implicit TLS" {
    needs_gsasl
    n=0
    start_tls_server --mechs "$by_password" --user me:geheim --auth-in-clear
    for mechanism in $plain_scram CRAM-MD5; do
        login --tls off --auth "$mechanism"
        authenticated $((n += 1))
    done
    send --server "submissions://me@127.0.0.1:$tls_port" --tls-ca "$ca" a@example.org
    authenticated $((n += 1))
    assert_granted "$n" 'SCRAM-SHA-256-PLUS user=me authzid= binding=tls-exporter'
    login --tls off --auth SCRAM-SHA-256-PLUS
    expect 69 'smtpsend: auth: ' SCRAM-SHA-256-PLUS
}

@test "OAUTHBEARER and XOAUTH2" {
    offers 'OAUTHBEARER XOAUTH2'
    secure --auth OAUTHBEARER --token-file "$token_file"
    authenticated 1
    assert_granted 1 'OAUTHBEARER user=me authzid=me binding=none'
    run initial 1
    assert_output "n,a=me,^host=127.0.0.1^port=$port^auth=Bearer $token^^"
    secure --auth XOAUTH2 --token-command "echo $token"
    authenticated 2
    assert_granted 2 'XOAUTH2 user=me authzid=me binding=none'
    run initial 2
    assert_output "user=me^auth=Bearer $token^^"
    # The user is in the token.
    unset SMTPSEND_PASSWORD
    send --tls required --tls-ca "$ca" --token-file "$token_file" a@example.org
    authenticated 3
    run initial 3
    assert_output "n,,^host=127.0.0.1^port=$port^auth=Bearer $token^^"
}

@test "EXTERNAL: '=' for the empty response, the user, --authzid" {
    needs_client_certificate
    unset SMTPSEND_PASSWORD
    offers EXTERNAL --tls-client-ca "$client" --user you:x
    external --auth EXTERNAL
    expect 0
    run said 1
    assert_output 'AUTH EXTERNAL ='
    assert_granted 1 'EXTERNAL user=EXTERNAL:CN=someone authzid= binding=none'
    external --user me --auth external
    expect 0
    assert_granted 2 'EXTERNAL user=EXTERNAL:me authzid=me binding=none'
    external --user me --authzid you --auth EXTERNAL
    expect 0
    assert_granted 3 'EXTERNAL user=EXTERNAL:you authzid=you binding=none'
    # Nothing else to prove it by: taken unasked.
    external --user me
    expect 0
    assert_tried EXTERNAL 4
    secure --auth EXTERNAL
    expect 64 --tls-cert
    assert_delivered 4
    SMTPSEND_PASSWORD=geheim external --user me
    expect 69 EXTERNAL
}

@test "--authzid: where a mechanism has room for it" {
    needs_gsasl
    n=0 delivered=0
    offers "$by_password OAUTHBEARER" --user you:x --user 'a,b=c:x'
    for words in 'PLAIN none' 'SCRAM-SHA-256 none' 'SCRAM-SHA-1-PLUS tls-exporter'; do
        for authzid in you 'a,b=c'; do
            secure --authzid "$authzid" --auth "${words% *}"
            authenticated $((delivered += 1))
            assert_granted $((n += 1)) "${words% *} user=me authzid=$authzid binding=${words#* }"
        done
        secure --authzid nobody --auth "${words% *}"
        expect 77 'act for'
        n=$((n + 1))
    done
    run initial 4
    assert_output --regexp '^n,a=you,n=me,r='
    run initial 5
    assert_output --regexp '^n,a=a=2Cb=3Dc,n=me,r='
    secure --authzid 'a,b=c' --auth OAUTHBEARER --token-file "$token_file"
    run initial 10
    assert_output --partial 'n,a=a=2Cb=3Dc,^host='
}

@test "names with ',', '=' and UTF-8, and passwords that need preparing" {
    needs_gsasl
    n=0
    for name in 'a,b=c' '=2C' 'jürgen@example.org'; do
        offers "$by_password" --user "$name:pä ss"
        # The same in other characters: ä composed of two, a blank that does not break.
        export SMTPSEND_PASSWORD=$'pa\u0308\u00a0ss'
        for mechanism in SCRAM-SHA-256-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN; do
            secure --user "$name" --auth "$mechanism"
            expect 0
        done
        assert_delivered 5
        stop_server
    done
}

@test "a wrong password: 77, one attempt, nothing weaker" {
    needs_gsasl
    n=0
    export SMTPSEND_PASSWORD=wrong
    offers "$by_password"
    for mechanism in $by_password; do
        secure --auth "$mechanism,PLAIN,LOGIN"
        expect 77 'smtpsend: auth: ' ' 535 ' 'check --user'
        assert_tried "$mechanism" $((n += 1))
    done
    secure
    expect 77
    assert_tried SCRAM-SHA-256-PLUS $((n += 1))
    secure --user nobody --auth SCRAM-SHA-1
    expect 77
    assert_delivered 0
    run grep -rhE '^(MAIL|RCPT|DATA)' "$dir/raw"
    assert_output ''
}

@test "auto takes the strongest offered that we have a proof for" {
    needs_gsasl
    while IFS='|' read -r mechanisms want; do
        # Offered from the weakest to the strongest, which must not matter.
        offers "$mechanisms"
        secure
        authenticated
        assert_tried "$want"
        stop_server
    done <<'TABLE'
LOGIN PLAIN CRAM-MD5 XOAUTH2 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS|SCRAM-SHA-256-PLUS
LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256|SCRAM-SHA-256
LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS|SCRAM-SHA-1-PLUS
LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1|SCRAM-SHA-1
LOGIN PLAIN XOAUTH2 OAUTHBEARER CRAM-MD5|CRAM-MD5
LOGIN PLAIN|PLAIN
LOGIN|LOGIN
TABLE
    unset SMTPSEND_PASSWORD
    offers "XOAUTH2 OAUTHBEARER $by_password"
    secure --token-file "$token_file"
    authenticated
    assert_tried OAUTHBEARER
    stop_server
    offers "XOAUTH2 $by_password"
    secure --token-file "$token_file"
    authenticated
    assert_tried XOAUTH2
}

@test "TLS 1.2 that can't be bound to: SCRAM without -PLUS" {
    needs_gsasl
    offers "$by_password" --tls-priority "$tls12:%NO_SESSION_HASH"
    secure
    authenticated
    assert_tried SCRAM-SHA-256
    run initial
    assert_output --regexp '^n,,'
    secure --auth SCRAM-SHA-1-PLUS
    expect 69 SCRAM-SHA-1-PLUS
}

@test "--auth LIST: its order, blanks and case; what is not offered is passed over" {
    needs_gsasl
    offers "$by_password"
    n=0
    while IFS='|' read -r list want; do
        secure --auth "$list"
        authenticated $((n += 1))
        assert_tried "$want" "$n"
    done <<'TABLE'
LOGIN,PLAIN,SCRAM-SHA-256|LOGIN
plain, Login|PLAIN
cram-md5 PLAIN|CRAM-MD5
XOAUTH2,SCRAM-SHA-1,LOGIN|SCRAM-SHA-1
TABLE
}

@test "a failure of the protocol gives way to the next" {
    for reply in '501 5.5.2 what' '504 5.5.4 no' '500 5.5.6 too long' '334 !rubbish!' '334 A' \
        '334-Q\n334 Q'; do
        offers 'CRAM-MD5 PLAIN LOGIN' --reply "auth:1=$reply"
        secure
        authenticated
        assert_tried 'CRAM-MD5 PLAIN'
        run said
        [[ $reply != 334* ]] || assert_line --index 1 '*'
        assert_line --index 2 "AUTH PLAIN $(base64_of '\0me\0geheim')"
        stop_server
    done
    # Offered in EHLO, but not there.
    offers PLAIN --offer 'AUTH CRAM-MD5 OAUTHBEARER LOGIN PLAIN'
    secure --auth CRAM-MD5,LOGIN,PLAIN
    authenticated
    assert_tried 'CRAM-MD5 LOGIN PLAIN'
    stop_server
    # The last one's failure is what is told.
    offers 'CRAM-MD5 PLAIN LOGIN' --reply 'auth:1=504 5.5.4 first' --reply 'auth:2=504 second' \
        --reply 'auth:3=501 third'
    secure
    expect 77 '501 third'
    expect_not first second
    assert_tried 'CRAM-MD5 PLAIN LOGIN'
}

@test "a refusal does not, nor does a failure that may pass" {
    for words in '535 5.7.8 no|77' '534 5.7.9 too weak|77' '538 5.7.11 encrypt|77' \
        '530 5.7.0 no|77' '550 no|77' '454 4.7.0 later|75' '432 4.7.12 change|75' '250 yes|0'; do
        offers 'CRAM-MD5 PLAIN LOGIN' --reply "auth:1=${words%|*}"
        secure
        expect "${words#*|}"
        assert_tried CRAM-MD5
        stop_server
    done
    offers 'CRAM-MD5 PLAIN LOGIN' --reply 'auth:1=421 4.3.0 bye'
    secure
    expect 75 421
    assert_tried CRAM-MD5
}

@test "SCRAM's flag: y where no -PLUS is offered over TLS, n without TLS or unwanted" {
    needs_gsasl
    offers 'SCRAM-SHA-256 PLAIN' --auth-in-clear
    secure
    authenticated 1
    run initial 1
    assert_output --regexp '^y,,n=me,r='
    login --tls off
    authenticated 2
    run initial 2
    assert_output --regexp '^n,,n=me,r='
    stop_server
    offers "$by_password"
    secure --auth SCRAM-SHA-1
    authenticated
    run initial
    assert_output --regexp '^n,,n=me,r='
    secure --auth SCRAM-SHA-1-PLUS
    authenticated 2
    run initial 2
    assert_output --regexp '^p=tls-exporter,,n=me,r='
}

@test "-PLUS stripped from the offer: the server sees it, and nothing weaker is tried" {
    needs_gsasl
    offers "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN" --offer 'AUTH SCRAM-SHA-256 PLAIN'
    secure
    expect 77 'Channel binding is offered'
    run initial
    assert_output --regexp '^y,,'
    assert_tried SCRAM-SHA-256
    assert_delivered 0
}

# lies WORDS OPTION...: a lying server that offers weaker mechanisms too. We leave with 76 and
# these words, and have told nothing that the password could be guessed from.
lies() {
    local words=$1
    shift
    offers "$plain_scram CRAM-MD5 PLAIN LOGIN" "$@"
    secure
    expect 76 'smtpsend: auth: ' "$words"
    assert_tried SCRAM-SHA-256
    run transcript
    refute_output --partial 'the client went on'
    refute_output --partial "$(base64_of geheim)"
    assert_delivered 0
    refute_dialogue MAIL
    stop_server
}

@test "a lying server: 76, in words, and no weaker mechanism" {
    lies 'does not repeat our SCRAM nonce' --lie nonce
    lies 'extension' --lie extension
    lies 'salt' --lie badsalt
    lies 'salt' --lie emptysalt
    lies 'without proving' --lie success-early
    lies 'a line of over 16384 bytes' --lie longserverfirst
    for n in 0 1 4095 2000001 1000000000 4294971392 18446744073709551615; do
        lies "asks for $n rounds" --lie iterations --scram-iterations "$n"
    done
}

@test "10^9 rounds are refused at once, by -PLUS as well" {
    offers "$by_password" --lie iterations --scram-iterations 1000000000
    SECONDS=0
    for mechanism in $plus $plain_scram; do
        secure --auth "$mechanism,PLAIN"
        expect 76 'asks for 1000000000 rounds' 'from 4096 to 2000000'
    done
    # Each of them would take minutes.
    [ "$SECONDS" -lt 60 ]
    for n in 1 2 3 4; do
        run said "$n"
        assert_line --index 1 '*'
        refute_line --partial PLAIN
    done
}

@test "rounds that are accepted" {
    needs_gsasl
    for rounds in 4096 10000 600000; do
        offers SCRAM-SHA-256 --scram-iterations "$rounds"
        secure
        authenticated
        stop_server
    done
    offers SCRAM-SHA-1 --scram-salt "$(printf '%064d' 0 | base64 -w 0)"
    secure
    authenticated
}

@test "a server that can't prove itself at the end: 76, the session is left" {
    for mechanism in SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1; do
        offers "$mechanism PLAIN" --lie signature
        secure
        expect 76 'smtpsend: auth: ' "can't prove that it knows the password"
        run said
        assert_line --index 2 '*'
        assert_tried "$mechanism"
        assert_delivered 0
        stop_server
        offers "$mechanism PLAIN" --lie nosignature
        secure
        expect 76 'smtpsend: auth: ' 'says yes without proving'
        assert_tried "$mechanism"
        refute_dialogue MAIL
        stop_server
    done
    # An error in the signature's place is a refusal, and shown.
    offers 'SCRAM-SHA-256 PLAIN' --lie servererror
    secure
    expect 77 'invalid-proof' ' 535 '
    assert_tried SCRAM-SHA-256
}

@test "a challenge that is no base64 tells nothing, and is cancelled" {
    offers "$plain_scram" --lie badbase64
    secure
    expect 76 'smtpsend: auth: ' 'no base64'
    assert_tried "$plain_scram"
    run transcript
    refute_output --partial 'the client went on'
}

@test "the initial response: in the line up to 510 octets, then after 334" {
    needs_client_certificate
    unset SMTPSEND_PASSWORD
    offers EXTERNAL --tls-client-ca "$client"
    external --user "$(printf 'u%.0s' {1..372})" --auth EXTERNAL
    external --user "$(printf 'u%.0s' {1..373})" --auth EXTERNAL
    run said 1
    assert_output "AUTH EXTERNAL $(printf 'u%.0s' {1..372} | base64 -w 0)"
    assert_equal "${#output}" 510
    run said 2
    assert_output "AUTH EXTERNAL
$(printf 'u%.0s' {1..373} | base64 -w 0)"
}

@test "long responses of SCRAM and OAUTH go after 334" {
    needs_gsasl
    local name
    name=$(printf 'n%.0s' {1..400})
    start_tls_server --mechs "$by_password" --user "$name:geheim"
    for mechanism in SCRAM-SHA-256-PLUS SCRAM-SHA-1; do
        secure --user "$name" --auth "$mechanism"
        run tail -n +2 "$dir/log/1"
        assert_line --partial "* auth SCRAM-SHA-256-PLUS user=$name"
    done
    run said 2
    assert_line --index 0 'AUTH SCRAM-SHA-1'
    assert_line --index 1 --regexp '^[A-Za-z0-9+/]{500,}={0,2}$'
}

@test "a token of 8 KB" {
    local large
    large=$(printf '%08000d' 7)
    start_tls_server --mechs 'OAUTHBEARER XOAUTH2' --token "me:$large"
    (umask 077 && printf '%s' "$large" >"$BATS_TEST_TMPDIR/large")
    unset SMTPSEND_PASSWORD
    secure --auth OAUTHBEARER --token-file "$BATS_TEST_TMPDIR/large"
    authenticated 1
    secure --auth XOAUTH2 --token-command "cat '$BATS_TEST_TMPDIR/large'"
    authenticated 2
    run said 2
    assert_line --index 0 'AUTH XOAUTH2'
}

@test "a response of more than 12,288 octets is not sent: 64" {
    offers 'OAUTHBEARER XOAUTH2'
    for size in 10000 13000 20000; do
        (umask 077 && printf "%0${size}d" 7 >"$BATS_TEST_TMPDIR/large")
        secure --auth OAUTHBEARER --token-file "$BATS_TEST_TMPDIR/large"
        expect 64 'smtpsend: auth: ' 'longer than 9216'
    done
    run grep -rh 0000000000 "$dir/raw"
    assert_output ''
    assert_delivered 0
}

# A challenge of N bytes of base64.
challenge() {
    head -c $(($1 * 3 / 4)) /dev/zero | tr '\0' x | base64 -w 0
}

@test "a challenge of 12,288 octets is answered, a longer one not" {
    local hmac
    offers CRAM-MD5 --reply "auth=334 $(challenge 12288)"
    secure
    expect 77 ' 535 '
    hmac=$(head -c 9216 /dev/zero | tr '\0' x | openssl dgst -md5 -hmac geheim | sed 's/.*= //')
    run said
    assert_line --index 1 "$(base64_of 'me %s' "$hmac")"
    stop_server
    offers 'CRAM-MD5 PLAIN' --reply "auth:1=334 $(challenge 12292)"
    secure --auth CRAM-MD5
    expect 76 'smtpsend: auth: ' 'longer than 12288'
    run said
    assert_line --index 1 '*'
    secure
    authenticated
    stop_server
    offers 'CRAM-MD5 PLAIN' --reply "auth:1=334 $(challenge 70000)"
    secure
    expect 76 'smtpsend: auth: ' 'a line of over 16384 bytes'
    assert_delivered 0
}

@test "a refused token: the server's JSON in words, the dummy response, no password after it" {
    offers 'OAUTHBEARER XOAUTH2 PLAIN'
    secure --auth OAUTHBEARER,PLAIN --token-command 'echo old'
    expect 77 'smtpsend: auth: ' invalid_token 'scope https://mail.example.org/' ' 535 5.7.8' token
    expect_not '{' AQ==
    run said 1
    assert_line --index 1 'AQ=='
    refute_line --partial 'AUTH PLAIN'
    secure --auth XOAUTH2,PLAIN --token-command 'echo old'
    expect 77 400 'schemes bearer'
    # An empty line each time.
    run said 2
    assert_output "$(said 2 | sed -n 1p)

$(said 2 | sed -n 1p)"
    run grep -rh 'not the dummy response' "$dir/log"
    assert_output ''
    assert_delivered 0
}

@test "a refused token is asked for once more from the command, then given up" {
    offers 'OAUTHBEARER XOAUTH2 PLAIN'
    echo old >"$BATS_TEST_TMPDIR/tokens"
    secure --auth OAUTHBEARER --token-command "cat '$BATS_TEST_TMPDIR/tokens';
        echo $token >'$BATS_TEST_TMPDIR/tokens'; echo x >>'$BATS_TEST_TMPDIR/calls'"
    authenticated
    assert_tried 'OAUTHBEARER OAUTHBEARER'
    run grep -c x "$BATS_TEST_TMPDIR/calls"
    assert_output 2
    rm "$BATS_TEST_TMPDIR/calls"
    secure --token-command "echo old; echo x >>'$BATS_TEST_TMPDIR/calls'"
    expect 77 invalid_token
    assert_tried 'OAUTHBEARER OAUTHBEARER' 2
    run grep -c x "$BATS_TEST_TMPDIR/calls"
    assert_output 2
    # A file has but the one.
    (umask 077 && echo old >"$BATS_TEST_TMPDIR/old")
    secure --token-file "$BATS_TEST_TMPDIR/old"
    expect 77
    assert_tried OAUTHBEARER 3
    assert_delivered 1
}

@test "AUTH= as very old servers list it" {
    needs_gsasl
    offers "$by_password" --no AUTH --reply 'ehlo=250-localhost\n250-STARTTLS\n250 AUTH=CRAM-MD5 PLAIN' \
        --offer AUTH
    secure
    authenticated
    assert_tried CRAM-MD5
}

@test "--auth off: no AUTH, whatever there is to prove it by" {
    offers "$by_password" --lie nonce
    secure --auth off --token-file "$token_file"
    expect 0
    assert_tried ''
    send --tls required --tls-ca "$ca" --auth OFF a@example.org
    expect 0
    refute_dialogue AUTH
}

@test "--auth with what is no mechanism: 64, before any connection" {
    offers "$by_password" --lie nonce
    for list in DIGEST-MD5 NTLM digest-md5 PLAIN,NTLM SCRAM-SHA-512 ANONYMOUS PLAINX PLAI \
        auto,PLAIN off,PLAIN $'PLAIN\x1b[31m'; do
        secure --auth "$list"
        expect 64 --auth
        expect_not $'\x1b'
    done
    for list in '' ',' ' '; do
        secure --auth "$list"
        expect 64
    done
    send --tls required --tls-ca "$ca" --auth PLAIN a@example.org
    expect 64 --user
    secure --auth EXTERNAL
    expect 64 --tls-cert
    assert_connections 0
}

@test "OAUTH without a token, a mechanism without a password: 77, before any connection" {
    unset SMTPSEND_PASSWORD
    offers 'OAUTHBEARER XOAUTH2 PLAIN'
    for list in OAUTHBEARER XOAUTH2 XOAUTH2,OAUTHBEARER; do
        secure --auth "$list"
        expect 77 'smtpsend: auth: ' 'no token' --token-command
        SMTPSEND_PASSWORD=geheim secure --auth "$list"
        expect 77 'no token'
    done
    run setsid -w timeout 60 "$SMTPSEND" --server "smtp://127.0.0.1:$port" --tls required \
        --tls-ca "$ca" --user me --auth SCRAM-SHA-256 a@example.org <"$message"
    expect 77 --password-file
    assert_connections 0
}

@test "-vv shows each mechanism, and nothing of its responses" {
    needs_gsasl
    offers "$by_password OAUTHBEARER XOAUTH2"
    n=0
    for mechanism in $by_password OAUTHBEARER XOAUTH2; do
        secure --auth "$mechanism" --token-file "$token_file" -vv
        expect 0 "> AUTH $mechanism" '<redacted>' 'auth: 235 '
        expect_not geheim "$token" "$(base64_of geheim)" "$(base64_of '\0me\0geheim')"
        shown=$output
        while IFS= read -r line; do
            line=${line#AUTH "$mechanism"}
            line=${line# }
            [ -z "$line" ] || [[ $shown != *"$line"* ]] || fail "$line in $shown"
        done < <(said $((n += 1)))
    done
}
