#!/usr/bin/env bats
# pipelining.bats: what goes out together (RFC 2920), counted in flights, and what servers can do
# with many commands at once.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

# Sets $many to the addresses 1@example.org to $1@example.org.
recipients() {
    local n
    many=()
    for ((n = 1; n <= $1; n++)); do
        many+=("$n@example.org")
    done
}

# What the client sent in the N-th connection, by verbs; a line for each flight.
groups() {
    transcript "${1:-1}" | awk '
        /^\* flight/ { printf "%s", lines++ ? "\n" : ""; blank = last = "" }
        /^C: / {
            verb = $2 ~ /^</ ? "octets" : $2
            n = verb == last && verb == "RCPT" ? n + 1 : 1
            if (n < 3)
                printf "%s%s", blank, n == 2 ? "RCPTs" : verb
            last = verb
            blank = " "
        }
        END { print "" }'
}

# assert_groups [N] FLIGHT...
assert_groups() {
    local n=1 said
    if [[ $1 =~ ^[0-9]+$ ]]; then
        n=$1
        shift
    fi
    said=$(groups "$n")
    [ "$said" = "$(printf '%s\n' "$@")" ] || fail "$said"
}

# Scripts begin so.
greet() {
    printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' "${@/#/> 250-}" '> 250 HELP'
}

@test "MAIL, RCPTs and DATA in one flight; BDAT in the next, or with them; QUIT with the end" {
    start_server
    for count in 1 50; do
        recipients $count
        all='RCPT RCPTs'
        [ $count -gt 1 ] || all=RCPT
        send "${many[@]}"
        expect 0
        assert_groups 1 EHLO "MAIL $all" 'BDAT octets QUIT'
        send --chunking early "${many[@]}"
        expect 0
        assert_groups 2 EHLO "MAIL $all BDAT octets QUIT"
        send --chunking off "${many[@]}"
        expect 0
        assert_groups 3 EHLO "MAIL $all DATA" 'octets . QUIT'
        send --chunking off --require-all "${many[@]}"
        expect 0
        assert_groups 4 EHLO "MAIL $all" DATA 'octets . QUIT'
        run grep -c '^RCPT' <(envelope 1)
        assert_output $count
        stop_server
        start_server
    done
}

@test "round trips with TLS and AUTH: 7, 6 with --chunking early, two more for STARTTLS" {
    export SMTPSEND_PASSWORD=geheim
    for count in 1 50; do
        recipients $count
        for how in auto:4 early:3 off:4; do
            start_tls_server --user me:geheim
            send --server "smtps://127.0.0.1:$tls_port" --tls-ca "$ca" --user me --auth PLAIN \
                --chunking "${how%:*}" "${many[@]}"
            expect 0
            # TCP, TLS and the greeting come before the first flight.
            run grep -c '^\* flight' <(transcript)
            assert_output "${how#*:}"
            run groups
            assert_line --index 0 EHLO
            assert_line --index 1 AUTH
            send --tls required --tls-ca "$ca" --user me --auth PLAIN \
                --chunking "${how%:*}" "${many[@]}"
            expect 0
            run grep -c '^\* flight' <(transcript 2)
            assert_output $((${how#*:} + 2))
            run groups 2
            assert_line --index 1 STARTTLS
            assert_line --index 2 EHLO
            stop_server
        done
    done
}

@test "--pipelining off, and a server that does not offer it: one command in each flight" {
    for how in auto off; do
        start_server --no "$([ $how = off ] && echo DSN || echo PIPELINING)"
        send --pipelining $how a@example.org b@example.org
        expect 0
        assert_groups 1 EHLO MAIL RCPT RCPT 'BDAT octets' QUIT
        send --pipelining $how --chunking off a@example.org b@example.org
        expect 0
        assert_groups 2 EHLO MAIL RCPT RCPT DATA 'octets .' QUIT
        stop_server
    done
    smtpsend --server 127.0.0.1:1 --pipelining maybe a@example.org <"$message"
    expect 64 '--pipelining' maybe
}

@test "some of 1,000 refused: each is named, the others get it" {
    recipients 1000
    for chunking in off auto early; do
        start_server --rcpt '*7@*=550 5.1.1 unknown' --rcpt '*00@*=450 4.2.1 later'
        send --chunking $chunking "${many[@]}"
        expect 75 'rcpt 7@example.org: ' 'rcpt 997@example.org: ' 'rcpt 1000@example.org: '
        [ ${#lines[@]} -eq 110 ] || fail "${#lines[@]} lines"
        run grep -c 'smtpsend: rcpt [0-9]*7@.*: 550 5.1.1 unknown' <<<"$output"
        assert_output 100
        assert_delivered 1
        run grep -c '^RCPT' <(envelope)
        assert_output 890
        stop_server
    done
}

@test "all refused: no message; DATA refused although some are accepted: neither" {
    recipients 50
    for chunking in off auto; do
        start_server --reply 'rcpt=550 5.1.1 unknown'
        send --chunking $chunking "${many[@]}"
        expect 67
        [ ${#lines[@]} -eq 50 ] || fail "$output"
        refute_dialogue '<' BDAT
        assert_dialogue QUIT
        stop_server
    done
    for reply in '554 5.7.1 no:65' '451 4.3.0 later:75' '421 4.3.2 bye:75'; do
        start_server --no CHUNKING --reply "data=${reply%:*}" --rcpt '1@*=550 5.1.1 unknown'
        send "${many[@]}"
        expect "${reply#*:}" 'rcpt 1@example.org: ' "smtpsend: data: " "${reply%:*}"
        [ ${#lines[@]} -eq 2 ] || fail "$output"
        refute_dialogue '<'
        assert_delivered 0
        stop_server
    done
}

@test "421 in the middle of a flight, then the end: 75, with its words" {
    for chunking in off auto early; do
        start_script < <(greet PIPELINING CHUNKING && printf '%s\n' '< MAIL *' '< RCPT *' \
            '< RCPT *' '> 250 ok' '> 250 ok' '> 421 4.3.2 closing' drop)
        send --chunking $chunking a@example.org b@example.org c@example.org
        expect 75 '421 4.3.2 closing'
        stop_server
    done
}

@test "20,000 recipients: all of them, by any server" {
    local n=20000
    [ -z "$SMTPSEND_SAN" ] || n=2000
    recipients "$n"
    start_server
    send "${many[@]}"
    expect 0
    run grep -c '^RCPT' <(envelope)
    assert_output "$n"
    stop_server
    start_server --no PIPELINING
    recipients 2000
    send "${many[@]}"
    expect 0
    run grep -c '^RCPT' <(envelope)
    assert_output 2000
}

# follow SERVER-OPTION... -- OPTION...: the message to $many by $steps, within 100 seconds.
follow() {
    local script=$BATS_TEST_TMPDIR/steps options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    printf '%s\n' "${steps[@]}" >"$script"
    start_server --script "$script" "${options[@]}"
    run timeout 100 "$SMTPSEND" --server "smtp://127.0.0.1:$port" -f sender@example.org \
        --send-buffer 4096 --receive-buffer 4096 "$@" "${many[@]}" <"$message"
    expect 0
    assert_followed_script
    assert_delivered 1
    stop_server
}

@test "a server that is slow to read, or talks much before it reads on: no deadlock" {
    local long steps hello last
    long=$(printf 'x%.0s' {1..900})
    recipients 20000
    last=('< DATA' '> 354 go' data '> 250 2.0.0 done' '< QUIT' eof)
    hello=('> 220 hi' '< EHLO *' '> 250-localhost' '> 250 PIPELINING')

    steps=("${hello[@]}" 'delay 1500' '< MAIL *' '> 250 ok' 'delay 500' 'repeat 20000' '< RCPT *'
        '> 250 2.1.5 ok' end "${last[@]}")
    follow --
    # 9 MB of replies to 0.2 MB of commands.
    recipients 5000
    steps=("${hello[@]}" '< MAIL *' '> 250 ok' 'repeat 5000' '< RCPT *' "> 250-$long"
        "> 250 $long" end "${last[@]}")
    follow --
    # A thousand read, then a thousand answers before the next is read.
    steps=("${hello[@]}" '< MAIL *' '> 250 ok' 'repeat 5' 'repeat 1000' '< RCPT *' end
        'repeat 1000' "> 250 $long" end end "${last[@]}")
    follow --
    steps=("${hello[@]/PIPELINING/STARTTLS}" '< STARTTLS' '> 220 go' starttls "${hello[@]:1}"
        '< MAIL *' '> 250 ok' 'repeat 5000' '< RCPT *' "> 250-$long" "> 250 $long" end
        "${last[@]}")
    follow --tls-cert "$cert" --tls-key "$key" -- --tls required --tls-ca "$ca"
}

@test "a chunk in the same flight, answered while it is on its way" {
    local steps
    recipients 20000
    steps=('> 220 hi' '< EHLO *' '> 250-localhost' '> 250-CHUNKING' '> 250 PIPELINING'
        'delay 500' '< MAIL *' '> 250 ok' 'repeat 20000' '< RCPT *'
        "> 250 $(printf 'x%.0s' {1..400})" end 'delay 500' '< BDAT 5000144 LAST' 'delay 500' 'bytes 5000144' '> 250 2.0.0 done'
        '< QUIT' eof)
    yes "$(printf 'x%.0s' {1..98})" | head -n 50000 >>"$message"
    printf '%s\n' "${steps[@]}" >"$BATS_TEST_TMPDIR/steps"
    start_server --script "$BATS_TEST_TMPDIR/steps"
    run timeout 100 "$SMTPSEND" --server "smtp://127.0.0.1:$port" -f sender@example.org \
        --send-buffer 4096 --receive-buffer 4096 --chunking early "${many[@]}" <"$message"
    expect 0
    assert_followed_script
}

@test "QUIT rides with the end, and is not waited for" {
    for chunking in off auto early; do
        start_server --at quit=hang
        send -v --chunking $chunking a@example.org
        expect 0 '250 2.0.0 Ok'
        expect_not 'quit: '
        run groups
        assert_line --regexp '(octets|octets \.) QUIT$'
        stop_server
    done
    # The verdict is waited for, whatever QUIT does to it.
    for reply in '554 5.6.0 no:65' '451 4.3.0 no:75'; do
        for stage in off:dot auto:bdat early:bdat; do
            start_server --reply "${stage#*:}=${reply%:*}" --delay "${stage#*:}=300"
            send --chunking "${stage%:*}" a@example.org
            expect "${reply#*:}" "smtpsend: ${stage#*:}: " "${reply%:*}"
            stop_server
        done
    done
    # Where nothing may ride, it goes by itself.
    start_server --reply 'rcpt=550 5.1.1 unknown'
    send -v a@example.org
    expect 67 'quit: 221 '
}

@test "--send-buffer and --receive-buffer: numbers of bytes, anything else is 64" {
    for option in --send-buffer --receive-buffer; do
        for value in 0 -1 x 1k 99999999999 ''; do
            smtpsend --server 127.0.0.1:1 "$option=$value" a@example.org <"$message"
            expect 64 "$option"
        done
    done
    start_server
    send --send-buffer 1 --receive-buffer 1 a@example.org
    expect 0
    send --send-buffer 1073741824 --receive-buffer 1073741824 a@example.org
    expect 0
    assert_delivered 2
}
