#!/usr/bin/env bats
# starttls.bats: STARTTLS is not a way in. What a server, or somebody between, can say before,
# within and after it, byte by byte; what the client may then have said is as exact. The cases of
# "Why TLS Is Better Without STARTTLS" (Poddebniak et al., USENIX Security 2021), and some more.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/wire

setup_file() {
    make_certificate
    export SMTPSEND_PASSWORD=geheim
}

# offering LINE...: a connection in which STARTTLS and AUTH are offered; the lines are what comes
# after STARTTLS.
offering() {
    plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250-AUTH PLAIN LOGIN' '> 250-PIPELINING' \
        '> 250 STARTTLS' '< STARTTLS' "$@"
}

# inside LINE...: the same, through the handshake and to the EHLO in it, whose reply comes next.
inside() {
    offering '> 220 go' starttls '< EHLO *' "$@"
}

# attempt MODE [OPTION...]: a run with a user, in this mode of --tls.
attempt() {
    send --user me --tls-ca "$ca" --tls "$@" a@example.org
}

# No envelope, no message and no AUTH in any connection to the server, which this ends.
assert_nothing_given_away() {
    settle
    assert_delivered 0
    run grep -raiE '^(AUTH|MAIL|RCPT|DATA|BDAT)' "$dir/raw"
    assert_output ''
    run grep -raFe geheim -e "$(base64_of '\0me\0geheim')" -e "$(base64_of geheim)" "$dir"
    assert_output ''
}

# What follows the 220, as it is on the wire.
injected=(
    '250 ok\r\n'
    '250-localhost\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n'
    '250-AUTH PLAIN\r\n'
    '235 2.7.0 you are in\r\n'
    '334 \r\n'
    '334 VXNlcm5hbWU6\r\n'
    '220 go\r\n'
    '354 go ahead\r\n'
    '421 4.3.2 closing\r\n'
    '554 5.7.0 no TLS for you\r\n'
    '\r\n\r\n\r\n'
    '\n'
    '2'
    '\0'
    # the server's handshake before ours: a ServerHello's beginning, an alert
    '\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03'
    '\x15\x03\x03\x00\x02\x02\x28'
)

@test "bytes behind the 220, in its segment: 76, and not a byte more from us" {
    local mode bytes modes=(required opportunistic)
    for mode in "${modes[@]}"; do
        for bytes in "${injected[@]}"; do
            offering "raw 220 go\r\n$bytes" eof
        done
    done
    serve
    for mode in "${modes[@]}"; do
        for bytes in "${injected[@]}"; do
            attempt "$mode"
            expect 76 'smtpsend: starttls: ' 'in clear after its reply to STARTTLS' tampering
        done
    done
    assert_followed_scripts
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "bytes behind the 220, in the next segment: they are no handshake, 76" {
    local mode bytes modes=(required opportunistic)
    for mode in "${modes[@]}"; do
        for bytes in "${injected[@]:0:11}"; do
            offering '> 220 go' 'delay 20' "raw $bytes" hang
        done
    done
    serve
    for mode in "${modes[@]}"; do
        for bytes in "${injected[@]:0:11}"; do
            attempt "$mode"
            expect 76 'smtpsend: '
        done
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "a reply before its command: 76" {
    # With the reply to EHLO: nothing asked for it, so that STARTTLS is not even said.
    plan '> 220 hi' '< EHLO *' 'raw 250-localhost\r\n250 STARTTLS\r\n220 go\r\n' eof
    # With the greeting.
    plan 'raw 220 hi\r\n250-localhost\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n' hang
    serve
    attempt required
    expect 76 'smtpsend: ' 'nothing asked for' '220 go'
    attempt required
    expect 76 'smtpsend: ' 'nothing asked for' STARTTLS
    assert_said EHLO ''
    assert_nothing_given_away

    # Later: it passes for the reply, and the real one for a handshake that it is not.
    plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' 'delay 20' '> 220 go' \
        '< STARTTLS' '> 220 go' hang
    serve
    attempt required
    expect 76
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

# Replies to STARTTLS that do not begin TLS: STATUS REPLY, where TLS is required.
replies=(
    '75 454 4.7.0 TLS not available due to temporary reason'
    '75 421 4.3.2 closing down'
    '75 450 later'
    '69 500 what?'
    '69 501 5.5.4 no parameters'
    '69 502 5.5.1 not implemented'
    '69 503 5.5.1 not now'
    '69 554 5.7.0 no'
    '69 599 never'
    '76 354 send the message'
    '76 334 VXNlcm5hbWU6'
    '76 300 more'
    '76 250 ok'
    '76 221 bye'
    '76 235 2.7.0 you are in'
    '76 200 ok'
    '76 222 go'
    '76 150 wait'
    '76 120 soon'
    '76 650 what'
    '76 2200 go'
    '76 22 go'
    '76 22O go'
    '76 220_go'
    '76 220'$'\t''go'
    '76  220 go'
    '76 go'
    '76 a1 OK begin TLS negotiation'
    '76 +OK begin'
    '76 '
)

@test "STARTTLS answered by 4xx, 5xx, 3xx, 1xx, by 2xx but 220, by none: nothing after it" {
    local reply
    for reply in "${replies[@]}"; do
        offering "> ${reply#* }" '< QUIT' '> 221 bye' eof
    done
    serve
    for reply in "${replies[@]}"; do
        attempt required
        echo "'$reply': $status $output"
        expect "${reply%% *}" 'smtpsend: starttls: '
    done
    assert_said 'EHLO STARTTLS' 'EHLO STARTTLS QUIT'
    assert_nothing_given_away
}

@test "opportunistic: such a reply may mean mail in clear, but never the password" {
    local reply
    for reply in "${replies[@]}"; do
        offering "> ${reply#* }" '< QUIT' '> 221 bye' eof
    done
    serve
    for reply in "${replies[@]}"; do
        attempt opportunistic
        echo "'$reply': $status $output"
        case $reply in
        *' 421 '*) expect 75 '421' ;;
        75* | 69*) expect 77 'smtpsend: auth: ' 'not encrypted' '--tls required' ;;
        *) expect 76 'smtpsend: starttls: ' ;;
        esac
    done
    assert_said 'EHLO STARTTLS' 'EHLO STARTTLS QUIT'
    assert_nothing_given_away
}

@test "a reply to STARTTLS whose lines disagree: 76" {
    local mode text modes=(required opportunistic)
    local texts=('220-go\r\n250 on\r\n' '220-go\r\n220_on\r\n' '220-go\r\ngo\r\n'
        '250-no\r\n220 go\r\n' '454-no\r\n220 go\r\n' '220-go\r\n454 no\r\n')
    for mode in "${modes[@]}"; do
        for text in "${texts[@]}"; do
            offering "raw $text" hang
        done
    done
    serve
    for mode in "${modes[@]}"; do
        for text in "${texts[@]}"; do
            attempt "$mode"
            expect 76 'smtpsend: starttls: '
        done
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "a 220 of several lines, without words, in pieces, is a 220" {
    local text
    local texts=('220-go\r\n220-on\r\n220 now\r\n' '220\r\n' '220 \r\n' '220-\r\n220\r\n'
        '220 5.7.0 no\r\n' '220 go\n')
    for text in "${texts[@]}"; do
        offering 'split 1 1' "raw $text" 'split 0 0' starttls '< EHLO *' '> 250 inside' \
            '< QUIT' '> 221 bye' eof
    done
    serve
    for text in "${texts[@]}"; do
        attempt required
        expect 69 'smtpsend: auth: ' 'does not offer authentication'
    done
    assert_followed_scripts
    assert_said 'EHLO STARTTLS EHLO QUIT'
}

# Replies to EHLO in which STARTTLS is not offered, though it may be written there.
not_offers=(
    '250 STARTTLS'
    '250-STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-XSTARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-STARTTLSX\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-START TLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-X STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-AUTH STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-AUTH=STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250- STARTTLS\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-STARTTL\r\n250 AUTH PLAIN'
    '250-localhost\r\n250-\r\n250 AUTH PLAIN'
    '250-localhost\r\n250 AUTH PLAIN'
)

@test "STARTTLS that is not offered, or not as a line of EHLO's reply: 69, and QUIT" {
    local mode reply modes=(required opportunistic)
    for mode in "${modes[@]}"; do
        for reply in "${not_offers[@]}"; do
            plan '> 220 hi' '< EHLO *' "raw $reply\r\n" '< QUIT' '> 221 bye' eof
        done
    done
    serve
    for reply in "${not_offers[@]}"; do
        attempt required
        expect 69 'smtpsend: starttls: ' 'does not offer STARTTLS' '--tls implicit'
    done
    for reply in "${not_offers[@]}"; do
        attempt opportunistic # the AUTH that is offered in clear is not used
        [ "$status" -eq 77 ] || expect 69 'smtpsend: auth: '
    done
    assert_followed_scripts
    assert_said 'EHLO QUIT'
    assert_nothing_given_away
}

@test "STARTTLS in any case, with words behind it, is offered" {
    local word words=(STARTTLS starttls StartTLS 'STARTTLS REQUIRED')
    for word in "${words[@]}"; do
        plan '> 220 hi' '< EHLO *' '> 250-localhost' "> 250 $word" '< STARTTLS' '> 502 no' \
            '< QUIT' '> 221 bye' eof
    done
    serve
    for word in "${words[@]}"; do
        attempt required
        expect 69 '502 no'
    done
    assert_followed_scripts
}

@test "EHLO refused: what HELO's reply says is no offer" {
    local code helo codes=(500 502 504 550)
    local helos=('250 localhost' '250-localhost\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS')
    for code in "${codes[@]}" 502; do
        for helo in "${helos[@]}"; do
            plan '> 220 hi' '< EHLO *' "> $code what?" '< HELO *' "raw $helo\r\n" '< QUIT' \
                '> 221 bye' eof
        done
    done
    serve
    for code in "${codes[@]}"; do
        for helo in "${helos[@]}"; do
            attempt required
            expect 69 'smtpsend: starttls: ' 'does not offer STARTTLS'
        done
    done
    for helo in "${helos[@]}"; do
        attempt opportunistic --allow-cleartext-auth
        expect 69 'smtpsend: auth: ' 'does not offer authentication'
    done
    assert_followed_scripts
    assert_said 'EHLO HELO QUIT'
    assert_nothing_given_away
}

@test "a greeting that says we are in already: 76, or STARTTLS all the same" {
    local greeting
    local odd=('250 ready' '235 2.7.0 authenticated' '200 PREAUTH' '334 ' '* PREAUTH ready'
        '+OK ready')
    local good=('220 PREAUTH AUTH=PLAIN 235 2.7.0 authenticated, no STARTTLS needed'
        '220-localhost\r\n220-AUTH PLAIN\r\n220-STARTTLS\r\n220 250 ok')
    for greeting in "${odd[@]}"; do
        plan "> $greeting" '< QUIT' '> 221 bye'
    done
    for greeting in "${good[@]}"; do
        plan "raw $greeting\r\n" '< EHLO *' '> 250 localhost' '< QUIT' '> 221 bye'
    done
    plan '> 220 you are authenticated' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' \
        '< STARTTLS' '> 235 2.7.0 authenticated' '< QUIT' '> 221 bye'
    serve
    for greeting in "${odd[@]}"; do
        attempt required
        expect 76 'smtpsend: greeting: '
    done
    for greeting in "${good[@]}"; do
        attempt required
        expect 69 'smtpsend: starttls: ' 'does not offer STARTTLS'
    done
    attempt required
    expect 76 'smtpsend: starttls: ' '235'
    assert_said QUIT 'EHLO QUIT' 'EHLO STARTTLS QUIT'
    assert_nothing_given_away
}

@test "the connection ends with the reply to STARTTLS, within it, or in the handshake: 75" {
    local mode end modes=(required opportunistic) ends=(drop reset)
    local hello='\x16\x03\x03\x00\x7a\x02\x00\x00'
    for mode in "${modes[@]}"; do
        for end in "${ends[@]}"; do
            offering '> 220 go' "$end"
            offering 'raw 220 g' "$end" # half a reply is none
            offering 'raw 220-go\r\n' "$end"
            offering '> 220 go' 'delay 20' "raw $hello" "$end"
        done
    done
    serve
    for mode in "${modes[@]}"; do
        for end in "${ends[@]}"; do
            attempt "$mode"
            expect 75 'smtpsend: '
            attempt "$mode"
            expect 75 'smtpsend: starttls: '
            attempt "$mode"
            expect 75 'smtpsend: starttls: '
            attempt "$mode"
            expect 75 'smtpsend: tls: '
        done
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "alerts instead of a handshake: 76, with the alert's name" {
    local mode alert modes=(required opportunistic) alerts=(20 40 47 70 71 80 86 112)
    for mode in "${modes[@]}"; do
        for alert in "${alerts[@]}"; do
            offering '> 220 go' "tlsalert $alert"
        done
    done
    serve
    for mode in "${modes[@]}"; do
        for alert in "${alerts[@]}"; do
            attempt "$mode"
            expect 76 'smtpsend: tls: ' 'alert'
            [ "$alert" -ne 40 ] || expect 76 "'Handshake failed'"
            [ "$alert" -ne 80 ] || expect 76 "'Internal error'"
        done
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "alerts without a look at our ClientHello: fatal, warning, close_notify" {
    local alert alerts=('\x02\x28' '\x02\x50' '\x01\x28' '\x01\x00' '\x02\x00')
    for alert in "${alerts[@]}"; do
        offering '> 220 go' 'delay 20' "raw \x15\x03\x03\x00\x02$alert" drop
    done
    serve
    for alert in "${alerts[@]}"; do
        attempt required
        [ "$status" -eq 75 ] || expect 76 'smtpsend: tls: '
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "a server that is mute in the handshake: 75 in time" {
    local bytes patience=--deadline
    local beginnings=('' '\x16' '\x16\x03\x03\x00' '\x16\x03\x03\x00\x7a\x02\x00\x00\x76' '250')
    for bytes in "${beginnings[@]}"; do
        offering '> 220 go' 'delay 20' "raw $bytes" hang
    done
    serve
    for bytes in "${beginnings[@]}"; do
        attempt required "$patience" 1s
        expect 75 'smtpsend: tls: ' 'in the TLS handshake'
        patience=--timeout
    done
    assert_said 'EHLO STARTTLS'
    assert_nothing_given_away
}

@test "a server that never ends its handshake: 75 or 76 in time" {
    # A large ServerHello, byte by byte; warnings without an end.
    offering '> 220 go' 'delay 20' 'split 1 50' \
        "raw \x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03$(printf 'x%.0s' {1..200})" hang
    offering '> 220 go' 'delay 20' 'repeat 100000000' 'raw \x15\x03\x03\x00\x02\x01\x5a' end
    serve
    for n in 1 2; do
        attempt required --timeout 1s --deadline 3s
        echo "server $n"
        [ "$status" -eq 76 ] || expect 75 'smtpsend: tls: '
    done
    assert_nothing_given_away
}

# changing BEFORE AFTER: a server with other capabilities before TLS and within it.
changing() {
    start_server --tls-cert "$cert" --tls-key "$key" --user me:geheim \
        --offer-before-tls "$1" --offer-after-tls "$2"
}

@test "AUTH offered only in clear: 69, said neither there nor inside" {
    changing 'STARTTLS,AUTH PLAIN LOGIN' 'SIZE'
    attempt required
    expect 69 'smtpsend: auth: ' 'does not offer authentication'
    assert_said 'EHLO STARTTLS EHLO QUIT'
    assert_nothing_given_away
}

@test "other mechanisms inside than in clear: those inside count" {
    changing 'STARTTLS,AUTH LOGIN' 'AUTH PLAIN'
    attempt required
    expect 0
    assert_dialogue 'EHLO *' STARTTLS '* tls TLS*' 'EHLO *' \
        "AUTH PLAIN $(base64_of '\0me\0geheim')" 'MAIL *'
    refute_dialogue 'AUTH LOGIN'
    attempt required --auth LOGIN
    expect 69 'smtpsend: auth: ' 'PLAIN'
    run commands 2
    refute_line --partial AUTH
    stop_server
    changing 'STARTTLS' 'AUTH LOGIN'
    attempt required
    expect 0
    assert_dialogue 'EHLO *' STARTTLS '* tls TLS*' 'EHLO *' 'AUTH LOGIN' 'MAIL *'
}

@test "capabilities offered only in clear are not used inside" {
    changing 'STARTTLS,PIPELINING,SIZE=10,8BITMIME,CHUNKING,DSN,SMTPUTF8' ''
    send --tls required --tls-ca "$ca" a@example.org b@example.org
    expect 0 # SIZE=10 would have forbidden it
    assert_dialogue 'MAIL FROM:<sender@example.org>' 'RCPT TO:<a@example.org>' DATA
    refute_dialogue BDAT
    run transcript
    # EHLO, STARTTLS, EHLO, MAIL, two RCPT, DATA, the body, QUIT: each waits for a reply.
    [ "$(grep -c '^\* flight' <<<"$output")" -ge 9 ] || fail "$output"
    send --tls required --tls-ca "$ca" ü@example.org
    expect 69 SMTPUTF8
    printf '\xc3\xa4\n' >>"$message"
    send --tls required --tls-ca "$ca" a@example.org
    expect 0 # as quoted-printable
    assert_delivered 2
    run cat "$(delivered 2)"
    assert_line --partial '=C3=A4'
}

@test "capabilities offered only inside are used" {
    changing STARTTLS 'PIPELINING,SIZE,8BITMIME'
    printf '\xc3\xa4\n' >>"$message"
    send --tls required --tls-ca "$ca" a@example.org b@example.org
    expect 0
    assert_dialogue STARTTLS '* tls TLS*' 'MAIL FROM:<sender@example.org>*SIZE=*'
    assert_dialogue 'MAIL FROM:<sender@example.org>*BODY=8BITMIME*'
    run transcript
    [ "$(grep -c '^\* flight' <<<"$output")" -le 6 ] || fail "$output"
    stop_server
    changing STARTTLS 'CHUNKING'
    send --tls required --tls-ca "$ca" a@example.org
    expect 0
    assert_dialogue STARTTLS '* tls TLS*' 'BDAT * LAST'
    stop_server
    changing STARTTLS 'SIZE=10'
    send --tls required --tls-ca "$ca" a@example.org
    expect 69 'smtpsend: mail: ' 'at most 10'
    assert_delivered 0
}

@test "STARTTLS offered again inside: not done again" {
    changing STARTTLS 'STARTTLS,AUTH PLAIN'
    attempt required
    expect 0
    run commands
    [ "$(grep -c STARTTLS <<<"$output")" -eq 1 ] || fail "$output"
    [ "$(grep -c EHLO <<<"$output")" -eq 2 ] || fail "$output"
}

@test "EHLO inside that is refused or answered in vain: nothing falls back to clear" {
    local reply
    local replies=('69 550 no' '75 451 later' '75 421 bye' '76 354 what' '76 what')
    for reply in "${replies[@]}"; do
        inside "> ${reply#* }" '< *' "> ${reply#* }" '< QUIT' '> 221 bye' hang
    done
    # HELO's reply says nothing of AUTH, whatever was said in clear.
    inside '> 502 what?' '< HELO *' '> 250 localhost' '< QUIT' '> 221 bye' eof
    serve
    for reply in "${replies[@]}"; do
        attempt required
        expect "${reply%% *}" 'smtpsend: ehlo: '
    done
    attempt required
    expect 69 'smtpsend: auth: ' 'does not offer authentication'
    assert_said 'EHLO STARTTLS EHLO' 'EHLO STARTTLS EHLO QUIT' 'EHLO STARTTLS EHLO HELO QUIT'
    assert_nothing_given_away
}

@test "replies that nothing asked for, inside: 76, no AUTH and no MAIL" {
    local reply replies=('235 2.7.0 you are in' '250 ok' '334 ' '354 go' '220 go')
    for reply in "${replies[@]}"; do
        inside "raw 250-localhost\r\n250 AUTH PLAIN\r\n$reply\r\n" hang
    done
    serve
    for reply in "${replies[@]}"; do
        attempt required
        expect 76 'smtpsend: ' "${reply% }" 'nothing asked for'
    done
    assert_said 'EHLO STARTTLS EHLO'
    assert_nothing_given_away
}

@test "cut off inside TLS, without close_notify: 75 at each stage" {
    local stage
    for stage in ehlo:2 auth mail rcpt data; do
        start_server --tls-cert "$cert" --tls-key "$key" --user me:geheim --no PIPELINING \
            --no CHUNKING --at "$stage=drop"
        attempt required
        expect 75 "smtpsend: ${stage%:*}"
        expect_not 'may have accepted'
        assert_delivered 0
        stop_server
    done
    start_server --tls-cert "$cert" --tls-key "$key" --user me:geheim --at quit=drop
    attempt required
    expect 0 # the message is there
    assert_delivered 1
}

@test "half a reply inside TLS is none, whether TLS was closed or cut off: 75" {
    local half end
    local ehlos=('250-localhost\r\n' '250-localhost\r\n250 AUTH PLAI' '250' '250 localhost\r'
        '250-localhost\r\n250-AUTH PLAIN\r\n')
    local auths=('235 2.7.0 o' '235-ok\r\n' '235')
    # Where a script just ends, TLS is closed properly.
    for half in "${ehlos[@]}"; do
        inside "raw $half" drop
        inside "raw $half"
    done
    serve
    for half in "${ehlos[@]}"; do
        for end in cut closed; do
            attempt required
            echo "$half, $end"
            expect 75 'smtpsend: ehlo: '
        done
    done
    assert_said 'EHLO STARTTLS EHLO'
    assert_nothing_given_away

    for half in "${auths[@]}"; do
        inside '> 250-localhost' '> 250 AUTH PLAIN' '< AUTH *' "raw $half" drop
    done
    serve
    for half in "${auths[@]}"; do
        attempt required
        expect 75 'smtpsend: auth: '
    done
    assert_said 'EHLO STARTTLS EHLO AUTH'

    inside '> 250 localhost' '< MAIL *' '> 250 ok' '< RCPT *' '> 250 ok' '< DATA' '> 354 go' data \
        'raw 250 2.0.0 o' drop
    serve
    send --tls required --tls-ca "$ca" a@example.org
    expect 75 'smtpsend: dot: ' 'may have accepted'
}

# between WHAT N VERSION [FROM]: a server that speaks just this version of TLS, and between us
# somebody who does WHAT (see lib/tap.py) after our N-th command in TLS, EHLO being the first.
between() {
    start_server --tls-cert "$cert" --tls-key "$key" --user me:geheim --no PIPELINING \
        --tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$3"
    # In 1.3 the client's Finished is an encrypted record too.
    start_tap "$1" $(($2 + ${3#1.} - 2)) "${4:-server}"
}

@test "tampered with inside TLS: 76 at each stage, and the session ends there" {
    local stages=('' ehlo auth mail rcpt) sent='EHLO STARTTLS EHLO' n version
    local after=('' '' ' AUTH' ' MAIL' ' RCPT')
    for n in 1 2 3 4; do
        sent+=${after[n]}
        for version in 1.3 1.2; do
            between flip "$n" "$version"
            attempt required
            echo "TLS $version, ${stages[n]}: $status $output"
            expect 76 "smtpsend: ${stages[n]}: TLS: "
            assert_said "$sent"
            assert_delivered 0
        done
    done
}

@test "inside TLS: a record twice, a line or an alert in clear: 76; cut within a record: 75" {
    local what version
    for what in again clear alert cut; do
        for version in 1.3 1.2; do
            between "$what" 1 "$version"
            attempt required
            echo "TLS $version, $what: $status $output"
            case $what in
            cut) expect 75 'smtpsend: ehlo: ' ;;
            *) expect 76 'smtpsend: ' ;;
            esac
            case $what in
            again) assert_said 'EHLO STARTTLS EHLO' 'EHLO STARTTLS EHLO AUTH' ;;
            *) assert_said 'EHLO STARTTLS EHLO' ;;
            esac
        done
    done
}

@test "our record tampered with: nothing is accepted" {
    for version in 1.3 1.2; do
        between flip 3 "$version" client
        attempt required
        [ "$status" -eq 75 ] || expect 76 'smtpsend: '
        assert_delivered 0
    done
}

@test "what goes over the wire: EHLO and STARTTLS, and all else within TLS" {
    local word
    start_server --tls-cert "$cert" --tls-key "$key" --user me:geheim
    start_tap
    attempt required
    expect 0
    assert_delivered 1
    run bash -c "LC_ALL=C sed '/^\x16\x03/,\$d' '$tap/1.client' | tr -d '\r'"
    assert_line --index 0 --regexp '^EHLO '
    assert_line --index 1 STARTTLS
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    for word in AUTH MAIL RCPT BDAT 'Some text' "$(base64_of '\0me\0geheim')"; do
        grep -qF "$word" "$(raw)"
        ! grep -qaF "$word" "$tap/1.client" || fail "'$word' went over the wire"
    done
}
