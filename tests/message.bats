#!/usr/bin/env bats
# message.bats: what of the message goes over the wire: line ends, dots, added and removed fields,
# limits, and when the connection is opened.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

# wire FORMAT [OPTION...]: sends these bytes with nothing added to them.
wire() {
    local text=$1
    shift
    # shellcheck disable=SC2059 # a format
    printf "$text" >"$message"
    send --add-headers=no "$@" a@example.org
    expect 0
}

# same FORMAT [N]: the N-th message is, byte for byte, this.
same() {
    # shellcheck disable=SC2059 # a format
    printf "$1" >"$BATS_TEST_TMPDIR/wanted"
    assert_same_file "$BATS_TEST_TMPDIR/wanted" "$(delivered "${2:-1}")"
}

# What DATA carried, dots stuffed, with the final dot.
body_bytes() {
    sed -n '/^DATA\r$/,/^QUIT\r$/{/^DATA\r$/d;/^QUIT\r$/d;p}' "$(raw)"
}

refute_bare_line_ends() {
    run grep -hE '^\* bare' "$dir"/log/*
    assert_output ''
}

@test "every mixture of line ends becomes CRLF, and none of them a bare one" {
    local n=0 text
    start_server
    for text in 'S: x\n\na\nb\n' 'S: x\r\n\r\na\r\nb\r\n' 'S: x\r\ra\rb\r' 'S: x\r\n\na\rb\r\n' \
        'S: x\n\r\na\r\nb\r' 'S: x\n\na\nb' 'S: x\r\n\r\na\r\nb' 'S: x\n\na\rb'; do
        wire "$text"
        same 'S: x\r\n\r\na\r\nb\r\n' $((n += 1))
    done
    wire 'S: x\n\n\n\r\r\n\n\ra\r\r\n\n'
    same 'S: x\r\n\r\n\r\n\r\n\r\n\r\n\r\na\r\n\r\n\r\n' $((n += 1))
    refute_bare_line_ends
}

@test "line ends at the borders of what is read at once" {
    local n=0 pad
    start_server
    # A CR and its LF may come in two reads of any size.
    for pad in 16382 16383 16384 32766 32767 32768 65534 65535 65536 131071 262143; do
        {
            printf 'S: x\n\n'
            head -c $((pad - 6)) /dev/zero | tr '\0' 'y' | sed 's/.\{1000\}/&\n/g' |
                head -c $((pad - 6))
            printf '\r\n.\r\n..\nz\r.'
        } >"$message"
        {
            sed 's/\r$//' "$message" | tr '\r' '\n'
            echo
        } | sed 's/$/\r/' >"$BATS_TEST_TMPDIR/wanted"
        send --add-headers=no a@example.org
        expect 0
        n=$((n + 2))
        assert_same_file "$BATS_TEST_TMPDIR/wanted" "$(delivered $((n - 1)))"
        submit --add-headers=no a@example.org < <(cat "$message")
        expect 0
        assert_same_file "$BATS_TEST_TMPDIR/wanted" "$(delivered $n)"
    done
    refute_bare_line_ends
}

@test "a line end that comes in two writes of a pipe" {
    start_server
    for mode in no yes; do
        run timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" -f s@example.org --stream=$mode \
            --add-headers=no a@example.org < <(
                printf 'S: x\r'
                sleep 0.1
                printf '\n\r'
                sleep 0.1
                printf '\na\r'
                sleep 0.1
                printf '\n.'
                sleep 0.1
                printf '\r'
            )
        expect 0
    done
    same 'S: x\r\n\r\na\r\n.\r\n' 1
    same 'S: x\r\n\r\na\r\n.\r\n' 2
    refute_bare_line_ends
}

@test "dots: stuffed on the wire, alone or leading, first or last, after any line end" {
    start_server --no CHUNKING
    wire 'S: x\n\n.\n..\n...a\nb.\n\r.\r.c\r\n.\n'
    same 'S: x\r\n\r\n.\r\n..\r\n...a\r\nb.\r\n\r\n.\r\n.c\r\n.\r\n'
    run cat -A < <(body_bytes)
    assert_output 'S: x^M$
^M$
..^M$
...^M$
....a^M$
b.^M$
^M$
..^M$
..c^M$
..^M$
.^M$'
    # A lone dot in the middle is no end, -i or not: nothing of what follows is a command.
    wire 'S: x\n\na\n.\nRSET\nMAIL FROM:<evil@example.org>\n' -i
    same 'S: x\r\n\r\na\r\n.\r\nRSET\r\nMAIL FROM:<evil@example.org>\r\n' 2
    wire 'S: x\n\na\r.\r\nQUIT\n\r.\n\n'
    same 'S: x\r\n\r\na\r\n.\r\nQUIT\r\n\r\n.\r\n\r\n' 3
    refute_bare_line_ends
}

@test "NUL: 65 before any connection, in the header, in the body, far into a pipe" {
    start_server
    for text in 'S: \0x\n\nb\n' 'From \0 x\nS: x\n\nb\n' 'S: x\n\nb\0\n' '\0' 'S: x\n\0: y\n\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$message"
        send a@example.org
        expect 65 'smtpsend: message: ' 'NUL'
    done
    {
        printf 'S: x\n\n'
        head -c 3000000 /dev/zero | tr '\0' 'x'
        printf '\0'
    } >"$message"
    send a@example.org
    expect 65 'NUL'
    submit a@example.org < <(cat "$message")
    expect 65 'NUL'
    assert_connections 0
    # With --stream it may be too late for that, but the message must not be accepted.
    submit --stream a@example.org < <(cat "$message")
    expect 65 'NUL'
    assert_delivered 0
}

@test "an mbox line and a byte order mark before the header are dropped" {
    local n=0 text
    start_server
    for text in 'From me@example.org Tue Jul  1 10:00:00 2025\nS: x\n\nb\n' \
        '\xef\xbb\xbfS: x\n\nb\n' '\xef\xbb\xbfFrom me\r\nS: x\r\n\r\nb\r\n' \
        'From me\n\xef\xbb\xbfS: x\n\nb\n'; do
        wire "$text"
        same 'S: x\r\n\r\nb\r\n' $((n += 1))
    done
    wire 'From : me@example.org\nS: x\n\nFrom here on\n\xef\xbb\xbfb\n'
    same 'From : me@example.org\r\nS: x\r\n\r\nFrom here on\r\n\xef\xbb\xbfb\r\n' $((n += 1))
}

@test "no header at all, no body, nothing at all" {
    local n=0
    start_server
    wire '' && same '\r\n' $((n += 1))
    wire '\n' && same '\r\n' $((n += 1))
    wire 'S: x' && same 'S: x\r\n\r\n' $((n += 1))
    wire 'S: x\n' && same 'S: x\r\n\r\n' $((n += 1))
    wire '\nonly text\n' && same '\r\nonly text\r\n' $((n += 1))
    wire 'only text\n' && same '\r\nonly text\r\n' $((n += 1))
    wire ' folded: nothing\n' && same '\r\n folded: nothing\r\n' $((n += 1))
    wire 'S: x\nno field\nX: y\n' && same 'S: x\r\n\r\nno field\r\nX: y\r\n' $((n += 1))
    submit --add-headers=no a@example.org </dev/null
    expect 0
    same '\r\n' $((n += 1))
}

@test "Date, Message-ID and From are added when missing, and only then" {
    start_server
    printf 'Subject: x\n\nb\n' >"$message"
    send -f me@example.org -F 'Jörg "J" Me' --domain host.example a@example.org
    expect 0
    run tr -d '\r' <"$(delivered 1)"
    assert_line --regexp \
        '^Date: [A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} [+-][0-9]{4}$'
    assert_line --regexp '^Message-ID: <[^<>@ ]+@[a-z.]+>$'
    assert_line --regexp '^From: =\?UTF-8\?B\?[A-Za-z0-9+/=]+\?= <me@example\.org>$'
    send --add-headers=no a@example.org
    expect 0
    same 'Subject: x\r\n\r\nb\r\n' 2
    printf 'dATE: d\nmessage-id : <i>\nFROM:\n f@example.org\n\nDate: no\n' >"$message"
    send a@example.org
    expect 0
    same 'dATE: d\r\nmessage-id : <i>\r\nFROM:\r\n f@example.org\r\n\r\nDate: no\r\n' 3
    # Two messages don't share an id.
    printf 'Subject: x\n\nb\n' >"$message"
    send a@example.org
    run bash -c 'grep -h ^Message-ID "$@" | sort -u | wc -l' - "$(delivered 1)" "$(delivered 4)"
    assert_output 2
    # A bounce has no sender, but somebody wrote it.
    send -f '' a@example.org
    expect 0
    run grep -c '^From: .*@' "$(delivered 5)"
    assert_output 1
}

@test "other fields go as they are: order, folding, blanks, 8-bit, long lines" {
    start_server
    {
        printf 'Received: by x\n\tby y;\n  z\nX-Empty:\nX-Blank: \nsubject:no blank\n'
        printf 'X-Utf8: Grüße \xff\nX-Long: %s\n\n' "$(printf 'y%.0s' {1..5000})"
        printf 'Body %s\n' "$(printf 'z%.0s' {1..100000})"
    } >"$message"
    send --add-headers=no a@example.org
    expect 0
    assert_equal "$stderr" ''
    assert_same_file <(sed 's/$/\r/' "$message") "$(delivered)"
    send -v --add-headers=no a@example.org
    expect 0 'message: a line of over 998 octets'
}

@test "limits of the header: 64 KiB a line, 1 MiB in all; beyond them 65 before any connection" {
    start_server
    {
        printf 'X: '
        head -c 65533 /dev/zero | tr '\0' x
        printf '\n\nb\n'
    } >"$message"
    send a@example.org
    expect 0
    sed -i '1s/^/x/' "$message"
    send a@example.org
    expect 65 'smtpsend: message: ' 65536
    {
        for i in {1..16}; do
            printf 'X%02d: ' "$i"
            head -c 65400 /dev/zero | tr '\0' x
            printf '\n'
        done
        printf '\nb\n'
    } >"$message"
    send a@example.org
    expect 0
    sed -i "1s/^/Y: $(printf '%03000d' 1)\n/" "$message"
    send a@example.org
    expect 65 'smtpsend: message: ' 1048576
    # Neither is a limit of the body.
    {
        printf 'S: x\n\n'
        head -c 2000000 /dev/zero | tr '\0' x
    } >"$message"
    send --add-headers=no a@example.org
    expect 0
    assert_connections 3
    assert_delivered 3
}

@test "a slow producer: no connection before its input has ended" {
    start_server
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" -f s@example.org a@example.org \
        <"$BATS_TEST_TMPDIR/pipe" 3>&- &
    local client=$!
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    printf 'Subject: x\n\nfirst\n' >&7
    sleep 0.3
    assert_connections 0
    head -c 2000000 /dev/zero | tr '\0' 'x' >&7
    sleep 0.2
    assert_connections 0
    exec 7>&-
    wait "$client"
    assert_connections 1
    assert_delivered 1
}

@test "--stream: the connection is there before the end, and the message whole" {
    start_server
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" -f s@example.org --stream \
        --add-headers=no a@example.org <"$BATS_TEST_TMPDIR/pipe" 3>&- 7>&- &
    local client=$! n=0
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    printf 'Subject: x\n\nfirst\n' >&7
    until grep -qs '^S: 354' "$dir/log/1"; do
        sleep 0.02
        [ $((n += 1)) -lt 1000 ] || fail 'no 354'
    done
    printf '.\nlast' >&7
    exec 7>&-
    wait "$client"
    same 'Subject: x\r\n\r\nfirst\r\n.\r\nlast\r\n'
    run envelope
    assert_line --index 0 --regexp '^MAIL FROM:<s@example\.org> *(BODY=8BITMIME)?$'
}

@test "a file in place (from where its descriptor stands), pipes, past 1 MiB, by --stream" {
    start_server
    {
        printf 'Subject: big\n\n'
        head -c 5000000 /dev/urandom | base64
        printf '.\n'
    } >"$message"
    sed 's/$/\r/' "$message" >"$BATS_TEST_TMPDIR/wanted"
    send --add-headers=no a@example.org
    submit --add-headers=no a@example.org < <(cat "$message")
    send --add-headers=no --stream a@example.org
    submit --add-headers=no --stream a@example.org < <(cat "$message")
    TMPDIR=/nonexistent submit --add-headers=no a@example.org < <(cat "$message")
    for n in 1 2 3 4 5; do
        assert_same_file "$BATS_TEST_TMPDIR/wanted" "$(delivered "$n")"
    done
    printf 'skipped\nSubject: x\n\nb\n' >"$message"
    run bash -c '{ read -r line; "$SMTPSEND" --server "127.0.0.1:$1" -f s@example.org \
        --add-headers=no a@example.org; } <"$0"' "$message" "$port"
    expect 0
    same 'Subject: x\r\n\r\nb\r\n' "$(count_delivered)"
}

@test "standard input that is a directory or can't be read: 74" {
    start_server
    smtpsend --server "127.0.0.1:$port" a@example.org </
    expect 74 'smtpsend: message: '
    smtpsend --server "127.0.0.1:$port" a@example.org 0>"$BATS_TEST_TMPDIR/write-only"
    expect 74 'smtpsend: message: '
    assert_connections 0
}

@test "8-bit: BODY=8BITMIME where it is offered and needed, and only there" {
    start_server
    wire 'S: x\n\nGrüße\n' && wire 'S: Grüße\n\nb\n' && wire 'S: x\n\nascii\n'
    run cat <(envelope 1) <(envelope 2) <(envelope 3)
    assert_line --index 0 --partial ' BODY=8BITMIME'
    run envelope 2
    assert_line --index 0 --partial ' BODY=8BITMIME'
    run envelope 3
    refute_output --partial 8BITMIME
    same 'S: x\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n'
    stop_server
    start_server --no 8BITMIME
    printf 'S: x\n\nGrüße\n' >"$message"
    send a@example.org
    expect 0
    run envelope
    refute_output --partial 8BITMIME
    run ! grep -q Grüße "$(delivered)"
}

@test "SIZE: announced exactly, 69 beyond the limit before MAIL; 0 and none are no limit" {
    start_server --offer SIZE=1000
    wire 'S: x\n\n.\n..\na\rb\n'
    run envelope
    assert_line --index 0 --partial " SIZE=$(wc -c <"$(delivered)")"
    { printf 'S: x\n\n' && head -c 990 /dev/zero | tr '\0' x; } >"$message"
    send --add-headers=no a@example.org
    expect 0
    assert_equal "$(wc -c <"$(delivered 2)")" 1000
    printf x >>"$message"
    send --add-headers=no a@example.org
    expect 69 'smtpsend: mail: ' 1001 1000
    run grep -c MAIL "$dir/log/3"
    assert_output 0
    assert_delivered 2
    stop_server
    for limit in SIZE=0 'SIZE' 'SIZE x' 'SIZE 99999999999999999999999'; do
        start_server --reply "ehlo=250-localhost\n250 ${limit/=/ }"
        send a@example.org
        expect 0
        stop_server
    done
    start_server --no SIZE
    send a@example.org
    expect 0
    run envelope
    refute_output --partial SIZE=
}

@test "a header that breaks off before the recipients: 65, and no Bcc goes out as text" {
    start_server
    printf '%s\n' 'To: you@example.org' 'Subject: a long one that' 'was wrapped badly' \
        'Bcc: secret@example.org' '' 'text' >"$message"
    send a@example.org
    expect 65 'smtpsend: message: ' "no field: 'was wrapped badly'" 'empty line'
    send -t
    expect 65 'was wrapped badly'
    [ ! -e "$(delivered)" ] || fail "it was sent"
    # What plainly is a body without an empty line before it still goes.
    printf '%s\n' 'Subject: x' 'hello' 'world' >"$message"
    send a@example.org
    expect 0
}
