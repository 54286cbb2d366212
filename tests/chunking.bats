#!/usr/bin/env bats
# chunking.bats: the message as a chunk of RFC 3030: its octets, its place among the commands, and
# what servers can do to it.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

# A message that has $1 octets on the wire; $2 is how its lines end.
make_message() {
    python3 - "$@" >"$message" <<'PYTHON'
import sys
size, end = int(sys.argv[1]), sys.argv[2].encode().decode("unicode_escape").encode()
wire = bytearray(b"S: x\r\n\r\n")
while len(wire) < size:
    left = size - len(wire) - 2
    line = 70 if left >= 74 else left if left <= 70 else left // 2
    wire += b"." * (line > 0) + b"x" * (line - 1) + b"\r\n"
assert len(wire) == size
sys.stdout.buffer.write(wire.replace(b"\r\n", end))
PYTHON
}

# The chunk of the N-th connection is the message in wire form, said with its size; behind it
# comes just QUIT. The message's name is $2, where it is not $message.
assert_chunk() {
    transcript "$1" >/dev/null
    python3 - "$(raw "$1")" "${2:-$message}" <<'PYTHON' || fail "connection $1"
import re, sys
raw, message = (open(name, "rb").read() for name in sys.argv[1:])
wire = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
wire += b"" if wire.endswith(b"\r\n") else b"\r\n"
wire += b"" if b"\r\n\r\n" in wire else b"\r\n"
begin = re.search(rb"^BDAT (\d+) LAST\r\n", raw, re.M)
said, rest = int(begin[1]), raw[begin.end():]
if said != len(wire) or rest != wire + b"QUIT\r\n":
    sys.exit("said %d, sent %d, wanted %d: %r" % (said, len(rest), len(wire), rest[-200:]))
PYTHON
}

flights() {
    transcript "${1:-1}" | grep -c '^\* flight'
}

# assert_commands LINE...: the client said just this after EHLO.
assert_commands() {
    run commands
    assert_output --regexp '^EHLO '
    [ "${output#*$'\n'}" = "$(printf '%s\n' "$@")" ] || fail "$output"
}

# Scripts begin so.
greet() {
    printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' '> 250-CHUNKING' "${@/#/> 250-}" \
        '> 250 HELP'
}

@test "of any size: said with it, octet for octet, in place or from a pipe" {
    local n=0 size
    start_server
    # 8 is an empty body; then the sizes at which buffers and windows are full.
    for size in 8 10 11 12 16290 16340 16383 16384 16385 65535 65536 65537 131072 3000001; do
        make_message "$size" '\n'
        send --add-headers=no a@example.org
        expect 0
        assert_chunk $((n += 1))
        submit --add-headers=no --chunking early a@example.org < <(cat "$message")
        expect 0
        assert_chunk $((n += 1))
        make_message "$size" '\r\n'
        for chunking in auto early; do
            send --add-headers=no --chunking $chunking a@example.org
            expect 0
            assert_chunk $((n += 1))
            assert_same_file "$message" "$(delivered $n)"
            [ "$(grep -c "BDAT $size LAST" "$dir/log/$n")" -eq 1 ]
        done
    done
}

@test "a file in wire form, nearly so, with something before it, read from where it stands" {
    local n=0 change
    start_server
    # Without a CR at the end, and far in; cut at the end, and within a line.
    for change in 'sed s/a/b/' 'sed -z s/\r\n$/\n/' 'sed 3000s/.$//' 'head -c -1' 'head -c -2' \
        'head -c -30'; do
        make_message 300000 '\r\n'
        $change "$message" >"$message.changed"
        mv "$message.changed" "$message"
        send --add-headers=no a@example.org
        expect 0
        assert_chunk $((n += 1))
    done
    make_message 300000 '\r\n'
    for before in 'From me@example.org Tue Jul  1 10:00:00 2025\r\n' '\xef\xbb\xbf' \
        'Bcc: b@example.org\r\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$before" | cat - "$message" >"$BATS_TEST_TMPDIR/more"
        submit --add-headers=no a@example.org <"$BATS_TEST_TMPDIR/more"
        expect 0
        assert_chunk $((n += 1))
    done
    printf 'this is not for you.' | cat - "$message" >"$BATS_TEST_TMPDIR/more"
    exec 5<"$BATS_TEST_TMPDIR/more"
    dd bs=1 count=20 of=/dev/null status=none <&5
    submit --add-headers=no a@example.org <&5
    exec 5<&-
    expect 0
    assert_chunk $((n += 1))
}

@test "the same through TLS" {
    local n=0 size
    start_tls_server
    for size in 8 16384 65537 3000001; do
        make_message "$size" '\n'
        for chunking in auto early; do
            send --server "smtps://127.0.0.1:$tls_port" --tls-ca "$ca" --add-headers=no \
                --chunking "$chunking" a@example.org
            expect 0
            assert_chunk $((n += 1))
        done
    done
}

@test "line ends are mended, dots not stuffed, a last line gets its end" {
    local n=0 text
    start_server
    for text in 'S: x\n\n.\n..\n...a\n.' 'S: x\r\r.\rb\n\r\n\n\r' \
        'S: x\r\n\r\n.\r\nQUIT\r\n' '' 'S: x' '\n' '\n.\nRSET\nMAIL FROM:<evil@example.org>\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$message"
        send --add-headers=no a@example.org
        expect 0
        transcript $((n += 1)) >/dev/null
        printf 'BDAT %d LAST\r\n' "$(wc -c <"$(delivered $n)")" | cat - "$(delivered $n)" \
            <(printf 'QUIT\r\n') >"$BATS_TEST_TMPDIR/wanted"
        assert_same_file "$BATS_TEST_TMPDIR/wanted" <(sed -n '/^BDAT/,$p' "$(raw $n)")
        run grep -cE 'bare|mismatch|S: 5' "$dir/log/$n"
        assert_output 0
    done
    run cat -A "$(delivered 1)"
    assert_output $'S: x^M$\n^M$\n.^M$\n..^M$\n...a^M$\n.^M$'
    run cat -A "$(delivered 2)"
    assert_output $'S: x^M$\n^M$\n.^M$\nb^M$\n^M$\n^M$\n^M$'
}

@test "once a recipient is accepted: BDAT and QUIT in a flight of their own" {
    start_server --rcpt 'bad*=550 5.1.1 unknown'
    send a@example.org bad@example.org
    expect 67 'rcpt bad@example.org'
    assert_commands 'MAIL FROM:<sender@example.org> SIZE=144' 'RCPT TO:<a@example.org>' \
        'RCPT TO:<bad@example.org>' 'BDAT 144 LAST' '<144 bytes of data>' QUIT
    run flights
    assert_output 3
    assert_delivered 1
    # Nobody is: no BDAT.
    send bad@example.org
    expect 67
    run commands 2
    assert_line --index 3 QUIT
}

@test "early: one flight with MAIL and RCPT, whoever is refused" {
    start_server --rcpt 'bad*=550 5.1.1 unknown' --rcpt 'full*=451 4.2.0 full'
    send --chunking early a@example.org
    expect 0
    send --chunking early bad@example.org a@example.org full@example.org
    expect 75 'rcpt bad@example.org: ' 'rcpt full@example.org: '
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    send --chunking early bad@example.org bad2@example.org
    expect 67 'rcpt bad@example.org: ' 'rcpt bad2@example.org: '
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    for n in 1 2 3; do
        [ "$(flights $n)" -eq 2 ] || fail "$(transcript $n)"
        assert_dialogue $n 'MAIL *' 'RCPT *' 'BDAT 144 LAST' '*<144 bytes of data>' QUIT
    done
    assert_delivered 2
    stop_server

    start_server --reply 'mail=550 5.1.8 not you'
    send --chunking early a@example.org b@example.org
    expect 69 'smtpsend: mail: ' '550 5.1.8 not you'
    [ ${#lines[@]} -eq 1 ] || fail "$output"
    assert_delivered 0
    [ "$(flights)" -eq 2 ] || fail "$(transcript)"
    stop_server

    for reply in '451 4.3.0 later:75' '554 5.6.0 never:65' '421 4.3.2 bye:75'; do
        start_server --reply "bdat=${reply%:*}"
        send --chunking early a@example.org b@example.org
        expect "${reply#*:}" 'smtpsend: bdat: ' "${reply%:*}"
        expect_not 'may have'
        assert_delivered 0
        stop_server
    done
}

@test "early, everybody refused, and the server refuses the chunk before it has come: 67" {
    make_message 20000000 '\r\n'
    for last in hang drop reset; do
        start_script < <(greet PIPELINING && printf '%s\n' '< MAIL *' '< RCPT *' '< BDAT *' \
            '> 250 ok' '> 550 5.1.1 unknown' '> 503 5.5.1 no recipients' "$last")
        send --add-headers=no --chunking early --timeout 5 --send-buffer 65536 a@example.org
        expect 67 'rcpt a@example.org' '550 5.1.1 unknown'
        expect_not 'may have' '503'
        stop_server
    done
}

@test "a reply that comes before the last octet: a 250 is none, 5xx is 65, 4xx 75" {
    make_message 20000000 '\r\n'
    for reply in '250 2.0.0 taken:76' '552 5.3.4 too big:65' '451 4.3.1 disk full:75' \
        '421 4.3.2 going down:75'; do
        for chunking in auto early; do
            start_script < <(greet PIPELINING && if [ $chunking = auto ]; then
                printf '%s\n' '< MAIL *' '< RCPT *' '> 250 ok' '> 250 ok' '< BDAT *'
            else
                printf '%s\n' '< MAIL *' '< RCPT *' '< BDAT *' '> 250 ok' '> 250 ok'
            fi && printf '%s\n' 'bytes 10000' "> ${reply%:*}" 'delay 20' hang)
            send --add-headers=no --chunking $chunking --send-buffer 65536 --timeout 5 \
                a@example.org
            expect "${reply#*:}" 'smtpsend: body: ' "${reply%:*}"
            expect_not 'may have'
            stop_server
        done
    done
}

@test "a reply that comes while the client waits to write the last octets is none" {
    make_message 300000 '\r\n'
    start_script --unix "$BATS_TEST_TMPDIR/socket" < <(greet PIPELINING &&
        printf '%s\n' '< MAIL *' '< RCPT *' '> 250 ok' '> 250 ok' '< BDAT *' 'delay 1000' \
            '> 250 2.0.0 taken' 'bytes 300000' eof)
    "$SMTPSEND" --server "unix:$unix" -f sender@example.org --add-headers=no --timeout 20 \
        a@example.org <"$message" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    until grep -qs BDAT "$dir/raw/1"; do sleep 0.02; done
    # Reply and room are there when it wakes up.
    sleep 0.2
    kill -STOP $!
    sleep 2
    kill -CONT $!
    status=0
    wait $! || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/said")
    expect 76 'smtpsend: body: ' '250 2.0.0 taken'
}

@test "lost within the chunk: 75, and nobody can have it; lost behind it: somebody may" {
    make_message 20000000 '\r\n'
    for chunking in auto early; do
        for action in drop reset; do
            start_server --at "body=$action"
            send --add-headers=no --chunking $chunking --send-buffer 65536 --timeout 1 \
                a@example.org
            expect 75
            expect_not 'may have'
            assert_delivered 0
            stop_server
            start_server --at "bdat=$action"
            send --add-headers=no --chunking $chunking --timeout 2 a@example.org
            expect 75 'may have accepted the message'
            assert_delivered 1
            stop_server
        done
    done
}

@test "CHUNKING without PIPELINING: each command waits, early or not" {
    for chunking in auto early; do
        for how in auto off; do
            start_server --no "$([ $how = off ] && echo DSN || echo PIPELINING)"
            send --chunking $chunking --pipelining $how a@example.org b@example.org
            expect 0
            assert_commands 'MAIL FROM:<sender@example.org> SIZE=144' \
                'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' 'BDAT 144 LAST' \
                '<144 bytes of data>' QUIT
            run flights
            assert_output 6
            stop_server
        done
    done
}

@test "--require-all is never early" {
    start_server --rcpt 'bad*=550 5.1.1 unknown'
    send --require-all --chunking early a@example.org b@example.org
    expect 0
    [ "$(flights)" -eq 3 ] || fail "$(transcript)"
    send --require-all --chunking early a@example.org bad@example.org
    expect 67
    assert_delivered 1
    run commands 2
    refute_output --partial BDAT
}

@test "a chunk that failed, a transaction without one: RSET before the next" {
    for chunking in auto early; do
        start_server --offer 'LIMITS RCPTMAX=1' --rcpt 'bad*=550 5.1.1 unknown'
        send --chunking $chunking bad@example.org a@example.org b@example.org
        expect 67 'rcpt bad@example.org'
        [ ${#lines[@]} -eq 1 ] || fail "$output"
        assert_delivered 2
        assert_connections 1
        assert_dialogue 'MAIL *' 'RCPT TO:<bad*' RSET 'MAIL *' 'RCPT TO:<a@*' 'BDAT *' \
            'MAIL *' 'RCPT TO:<b@*' 'BDAT *' QUIT
        run grep -c '^C: RSET' "$dir/log/1"
        assert_output 1
        run grep -c '^C: BDAT' "$dir/log/1"
        assert_output "$([ $chunking = early ] && echo 3 || echo 2)"
        stop_server
    done
}

@test "--chunking off, a size that is not known, a server that has none: DATA" {
    start_server
    send --chunking off a@example.org
    expect 0
    SMTPSEND_CHUNKING=off send a@example.org
    expect 0
    submit --stream --chunking early a@example.org < <(cat "$message")
    expect 0
    stop_server
    for n in 1 2 3; do
        assert_dialogue $n 'MAIL *' DATA '*<144 bytes of data>' . QUIT
    done
    start_server --no CHUNKING
    send --chunking early a@example.org
    expect 0
    refute_dialogue BDAT
    smtpsend --server 127.0.0.1:1 --chunking later a@example.org <"$message"
    expect 64 '--chunking' 'later'
}

@test "a file that shrinks or grows before it is sent: what was announced, or nothing" {
    for size in 200000 400000; do
        make_message 300000 '\r\n'
        cp "$message" "$BATS_TEST_TMPDIR/before"
        start_server --delay rcpt=1500
        (
            until grep -qs RCPT "$dir/raw/1"; do sleep 0.02; done
            truncate -s $size "$message"
        ) 3>&- &
        send --add-headers=no a@example.org
        wait $!
        if [ $size -gt 300000 ]; then
            expect 0
            assert_same_file "$BATS_TEST_TMPDIR/before" "$(delivered)"
            assert_chunk 1 "$BATS_TEST_TMPDIR/before"
        else
            expect 74 'smtpsend: body: '
            expect_not 'may have'
            assert_delivered 0
            run grep -c QUIT "$(raw)"
            assert_output 0
        fi
        stop_server
    done
}

@test "a file that shrinks while it is sent is no connection lost" {
    make_message 20000000 '\r\n'
    start_server --discard --delay body=1500
    (
        until grep -qs BDAT "$dir/raw/1"; do sleep 0.02; done
        truncate -s 19900000 "$message"
    ) 3>&- &
    send --add-headers=no a@example.org
    wait $!
    expect 74 'smtpsend: body: the message changed while it was read; do not write to'
    run grep -c QUIT "$(raw)"
    assert_output 0
}

@test "a file that is written to before it is sent is looked at again" {
    local tls url
    for tls in off implicit; do
        make_message 300000 '\r\n'
        start_tls_server --delay rcpt=1500
        (
            until grep -qs RCPT "$dir/raw/1"; do sleep 0.02; done
            printf '\0' | dd of="$message" bs=1 seek=200000 conv=notrunc status=none
        ) 3>&- &
        url=smtp://127.0.0.1:$port
        [ $tls = off ] || url=smtps://127.0.0.1:$tls_port
        send --server "$url" --add-headers=no --tls $tls --tls-ca "$ca" --tls-name localhost a@example.org
        wait $!
        expect 65 'smtpsend: body: the message has a NUL byte'
        assert_delivered 0
        stop_server
    done
}
