#!/usr/bin/env bats
# replies.bats: what a server can do with its replies: many lines, too many, too slow, too early,
# unasked for, and words that a terminal should not see.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

# The way to send the message on which the stage $1 comes up.
chunking_for() {
    case $1 in
    data | dot) echo --chunking=off ;;
    *) echo --chunking=auto ;;
    esac
}

# Scripts begin so.
greet() {
    printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' "${@/#/> 250-}" '> 250 HELP'
}

@test "replies of many lines are read whole, and shown on one" {
    start_script <<'SCRIPT'
> 220-first
> 220-
> 220 last
< EHLO *
> 250-localhost
> 250-size 100000
> 250 8bitmime
< MAIL FROM:<sender@example.org> SIZE=*
> 250-2.1.0 one
> 250 2.1.0 two
< RCPT TO:<a@example.org>
> 250
< DATA
> 354
data
> 250-2.0.0 one
> 250-2.0.0 two
> 250 2.0.0 three
< QUIT
> 221
SCRIPT
    send -v a@example.org
    expect 0 'greeting: 220 first |  | last' 'mail: 250 2.1.0 one | 2.1.0 two' \
        $'rcpt a@example.org: 250\n' 'dot: 250 2.0.0 one | 2.0.0 two | 2.0.0 three'
    assert_delivered 1
}

@test "replies byte by byte, and all in one segment" {
    start_script <<'SCRIPT'
split 1 1
> 220 hi
< EHLO *
> 250-localhost
> 250 PIPELINING
< MAIL *
< RCPT *
< RCPT *
< DATA
> 250 ok
> 250 ok
> 550 not him
> 354 go
split 0 0
data
> 250 2.0.0 done
< QUIT
eof
SCRIPT
    send a@example.org b@example.org
    expect 67 'rcpt b@example.org: ' '550 not him'
    assert_delivered 1
}

@test "the code changes within a reply: 76, quoting the line" {
    for stage in ehlo mail rcpt data dot bdat; do
        start_server --reply "$stage=250-one\n251 two"
        send "$(chunking_for "$stage")" a@example.org
        expect 76 "smtpsend: $stage: " "'251 two'"
        stop_server
    done
}

@test "a reply without an end, and a line of 10 MB: 76 soon, with no more memory" {
    for stage in greeting ehlo mail dot bdat; do
        for action in endless longline; do
            start_server --at "$stage=$action"
            (
                [ -n "$SMTPSEND_SAN" ] || ulimit -v 200000
                send "$(chunking_for "$stage")" a@example.org
                expect 76 "smtpsend: $stage: "
                expect_not 'still more to say | still'
            )
            stop_server
        done
    done
}

@test "--timeout is for the whole reply, however slowly it drips" {
    for stage in greeting ehlo dot bdat; do
        start_server --at "$stage=drip"
        send --timeout 2 "$(chunking_for "$stage")" a@example.org
        expect 75 "smtpsend: $stage: " 'within 2 s'
        stop_server
    done
}

@test "--deadline ends the run wherever it is" {
    for stage in greeting ehlo mail rcpt data dot bdat; do
        start_server --at "$stage=hang"
        send --deadline 1 "$(chunking_for "$stage")" a@example.org
        expect 75 "smtpsend: $stage: " 'deadline'
        stop_server
    done
    # It is the sum that counts.
    start_server --delay greeting=600 --delay ehlo=600 --delay mail=600
    send --deadline 1.5 a@example.org
    expect 75 'deadline'
    assert_delivered 0
}

@test "the connection ends within a reply: never a success" {
    for reply in '250-half\r\n' '250 no line end'; do
        for until in ehlo dot; do
            start_script < <(
                if [ "$until" = ehlo ]; then
                    printf '%s\n' '> 220 hi' '< EHLO *'
                else
                    greet
                    printf '%s\n' '< MAIL *' '> 250 ok' '< RCPT *' '> 250 ok' '< DATA' \
                        '> 354 go' data
                fi
                printf '%s\n' "raw $reply" drop
            )
            send a@example.org
            expect 75 "smtpsend: $until: "
            stop_server
        done
    done
}

@test "bytes after the STARTTLS reply: 76, and no handshake" {
    for injected in '250 injected\r\n' '250-EHLO' 'x'; do
        start_script --tls-cert "$cert" --tls-key "$key" <<SCRIPT
> 220 hi
< EHLO *
> 250-localhost
> 250 STARTTLS
< STARTTLS
raw 220 go\\r\\n$injected
eof
SCRIPT
        send --tls required --tls-ca "$ca" a@example.org
        expect 76 'smtpsend: starttls: ' 'in clear'
        assert_followed_script
        [ "$(tail -n 1 "$(raw)")" = $'STARTTLS\r' ] || fail "$(cat -A "$(raw)")"
        stop_server
    done
}

@test "a capability that was said in clear is forgotten after STARTTLS" {
    start_tls_server --reply 'ehlo:1=250-localhost\n250-SIZE 1\n250-AUTH PLAIN\n250 STARTTLS' \
        --reply 'ehlo:2=250-localhost\n250 HELP'
    send --tls required --tls-ca "$ca" a@example.org
    expect 0
    assert_dialogue 'EHLO *' STARTTLS 'EHLO *' 'MAIL FROM:<sender@example.org>'
}

@test "354 although nobody was accepted: a lone dot, and the recipient is what failed" {
    start_script < <(greet PIPELINING && printf '%s\n' '< MAIL *' '< RCPT *' '< DATA' '> 250 ok' \
        '> 550 5.1.1 unknown' '> 354 go' '< .' '> 554 5.5.1 no recipients' '< QUIT' \
        '> 221 bye' eof)
    send a@example.org
    expect 67 'smtpsend: rcpt a@example.org: ' '550 5.1.1 unknown'
    expect_not 'no recipients'
    assert_followed_script
    stop_server

    start_script < <(greet PIPELINING && printf '%s\n' '< MAIL *' '< RCPT *' '< DATA' \
        '> 550 5.1.8 no' '> 250 ok' '> 354 go' '< .' '> 250 accepted?' '< QUIT' '> 221 bye' eof)
    send a@example.org
    expect 69 'smtpsend: mail: ' '550 5.1.8 no'
    assert_followed_script
}

@test "MAIL refused: what follows in the same flight says nothing more" {
    start_server --reply 'mail=550 5.1.8 not you'
    send a@example.org b@example.org
    expect 69 'smtpsend: mail: ' '550 5.1.8 not you'
    [ "${#lines[@]}" -eq 1 ] || fail "$output"
    assert_dialogue 'MAIL *' 'RCPT *' 'RCPT *' QUIT
    refute_dialogue BDAT DATA
    stop_server
    start_server --no CHUNKING --reply 'mail=550 5.1.8 not you'
    send a@example.org b@example.org
    expect 69 'smtpsend: mail: ' '550 5.1.8 not you'
    [ "${#lines[@]}" -eq 1 ] || fail "$output"
    assert_dialogue 'MAIL *' 'RCPT *' 'RCPT *' DATA QUIT
    stop_server
    start_server --no PIPELINING --reply 'mail=550 5.1.8 not you'
    send a@example.org b@example.org
    expect 69 'smtpsend: mail: ' '550 5.1.8 not you'
    [ "${#lines[@]}" -eq 1 ] || fail "$output"
    refute_dialogue RCPT DATA BDAT
    assert_dialogue QUIT
}

@test "everybody refused: no body, whatever DATA says" {
    for reply in '503 5.5.1 no valid recipients' '554 5.5.1 none' '451 4.5.1 none'; do
        start_server --no CHUNKING --reply 'rcpt=550 5.1.1 unknown' --reply "data=$reply"
        send a@example.org b@example.org
        expect 67 'rcpt a@example.org: ' 'rcpt b@example.org: '
        expect_not 'none' 'no valid'
        refute_dialogue '<'
        stop_server
    done
}

@test "HELO after a refused EHLO, without any extension" {
    for code in 500 502 550 554; do
        start_server --reply "ehlo=$code what?"
        send --helo me.example.org a@example.org
        expect 0
        run commands
        assert_output "EHLO me.example.org
HELO me.example.org
MAIL FROM:<sender@example.org>
RCPT TO:<a@example.org>
DATA
<$(wc -c <"$(delivered)") bytes of data>
.
QUIT"
        stop_server
    done
    # What HELO's reply says is no list of extensions.
    start_server --reply 'ehlo=500 what?' --reply 'helo=250-localhost\n250-PIPELINING\n250 SIZE'
    send a@example.org
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org>' 'RCPT *' DATA
    run grep -c '^\* flight' <<<"$(transcript)"
    assert_output 7
}

@test "no HELO after 421 or 4xx; STARTTLS demanded and only HELO there: 69" {
    for code in 421 450; do
        start_server --reply "ehlo=$code not now"
        send a@example.org
        expect 75 'smtpsend: ehlo: ' "$code not now"
        refute_dialogue HELO
        stop_server
    done
    start_server --reply 'ehlo=500 what?' --tls-cert "$cert" --tls-key "$key"
    send --tls required --tls-ca "$ca" a@example.org
    expect 69 'smtpsend: starttls: '
    refute_dialogue MAIL
}

@test "a reply that nothing asked for is not taken for the next command's" {
    start_script <<'SCRIPT'
> 220 hi
raw 250 too early\r\n
eof
SCRIPT
    send a@example.org
    expect 76 '250 too early'
    stop_server
    start_script < <(greet && printf '%s\n' '< MAIL *' 'raw 250 ok\r\n250 and one more\r\n' eof)
    send a@example.org
    expect 76 '250 and one more'
    assert_dialogue 'MAIL *'
    stop_server
    # Nor is one of an earlier command left to make the final dot a success.
    start_script < <(greet && printf '%s\n' '< MAIL *' '> 250 ok' '< RCPT *' '> 250 ok' '< DATA' \
        'raw 354 go\r\n250 accepted\r\n' data '> 554 5.6.0 not this' hang)
    send --timeout 5 a@example.org
    [ "$status" -ne 0 ] || fail 'an earlier 250 was taken for the reply to the final dot'
}

@test "refused half-way through the body: 65 by 5xx, 75 by 4xx, with the words" {
    head -c 20000000 /dev/zero | tr '\0' 'x' | fold -w 70 >>"$message"
    for reply in '552 5.3.4 too big:65' '451 4.3.1 disk full:75' '421 4.3.2 going down:75'; do
        start_script < <(greet && printf '%s\n' '< MAIL *' '> 250 ok' '< RCPT *' '> 250 ok' \
            '< DATA' '> 354 go' 'bytes 10000' "> ${reply%:*}" 'delay 20' hang)
        send --timeout 5 a@example.org
        # Named is the body, or the dot where the kernel's buffers took all the rest.
        expect "${reply##*:}" 'smtpsend: ' "${reply%:*}"
        stop_server
    done
}

@test "QUIT that is not answered, or answered badly, changes nothing" {
    for action in hang drop reset garbage closeafter; do
        start_server --at "quit=$action"
        send a@example.org
        expect 0
        assert_delivered 1
        stop_server
    done
    start_server --reply 'quit=500 no'
    send a@example.org
    expect 0
}

# Sends as -v does, to a server whose greeting, RCPT and dot say the bytes; nothing of them may
# come through.
@test "control bytes, C1 and marks that hide or turn text are shown escaped" {
    words='\x1b]0;owned\x07 \x9b31m \xc2\x9b31m \xe2\x80\xae \xef\xbb\xbf \x08\x7f \xc3\xa9'
    for stage in greeting ehlo mail rcpt data dot bdat; do
        start_server --reply "$stage=550 $words" --reply "helo=550 $words"
        for flags in '' -v -vv; do
            # shellcheck disable=SC2086 # one word or none
            send $flags "$(chunking_for "$stage")" a@example.org
            [ "$status" -ne 0 ]
            expect "$status" '550 \x1b]0;owned\x07 \x9b31m \xc2\x9b31m \xe2\x80\xae' \
                '\x08\x7f é'
            printf '%s' "$output" >"$BATS_TEST_TMPDIR/said"
            run ! env LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f\x9b]|\xe2\x80\xae|\xef\xbb\xbf' \
                "$BATS_TEST_TMPDIR/said"
        done
        stop_server
    done
}

@test "what is quoted of garbage is escaped, once" {
    for stage in greeting mail dot bdat; do
        start_server --at "$stage=garbage"
        send "$(chunking_for "$stage")" a@example.org
        expect 76 "'\\x00\\xffgarbage\\x1b[31m'"
        stop_server
    done
}
