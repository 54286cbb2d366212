#!/usr/bin/env bats
# Against a real Postfix, with Dovecot for SASL, both private to this file: TLS, AUTH, refused
# recipients, sizes, and a long message of every kind of line that arrives byte for byte.
# not under sanitizers: its servers are what counts; other suites go the same ways

bats_load_library bats-support
bats_load_library bats-assert
load lib/realservers

setup_file() {
    MISSING=$(missing_postfix)
    S=$BATS_FILE_TMPDIR/s
    export MISSING S
    [ -z "$MISSING" ] || return 0
    serve_prepare "$S"
    start_postfix "$S" plain login plain2 login2 secret ann bob long pipe small silent \
        first second keeper kept
}

teardown_file() {
    local left
    [ -e "$S/queue" ] || return 0
    left=$(postfix_queue "$S")
    serve_stop "$S"
    [ -z "$left" ] || { echo "left in the queue: $left" >&2; return 1; }
}

setup() {
    [ -z "$MISSING" ] || skip "$MISSING"
    port='' tls_port='' small_port='' silent_port=''
    # shellcheck source=/dev/null
    . "$S/postfix.env"
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >message <<'MESSAGE'
From: Sender <sender@example.org>
To: Recipient <recipient@example.org>
Subject: a short one
Date: Wed, 1 Jan 2025 12:00:00 +0000
Message-ID: <short@example.org>

Hello.
MESSAGE
}

# --tls-priority for TLS 1.2, which is not taken where both sides have 1.3.
tls12=NORMAL:-VERS-TLS1.3

# submit USER PORT OPTION|RECIPIENT...: as USER, with USER's password.
submit() {
    local user=$1 server=localhost:$2
    shift 2
    (umask 077 && echo "s3cret $user" >password)
    run timeout 100 "$SMTPSEND" -v --server "$server" --tls-ca "$S/tls/ca.pem" \
        --user "$user" --password-file password -f sender@example.org "$@"
}

# delivered USER: it was sent, and the mailbox of USER has exactly that message.
delivered() {
    assert_success
    arrived=$(arrived "$S" "$1")
    same_message message "$arrived"
}

not_delivered() {
    assert [ ! -e "$S/mail/$1/new" ]
}

# traced WORDS: the trace field that Postfix put before the message has them.
traced() {
    run sed -n '/^Received:/,/^[^[:blank:]R]/p' "$arrived"
    assert_output --partial "$1"
}

# authenticated USER MECHANISM VERSION, as Postfix saw it.
authenticated() {
    traced "(Authenticated sender: $1)"
    traced "using TLSv$3 with"
    traced 'with ESMTPSA'
    run grep -F "sasl_method=$2, sasl_username=$1" "$S/postfix.log"
    assert_success
}

@test "postfix: STARTTLS, AUTH PLAIN, TLS 1.3" {
    submit plain "$port" --tls required --tls-min 1.3 --auth PLAIN \
        plain@example.org <message
    delivered plain
    authenticated plain PLAIN 1.3
}

@test "postfix: STARTTLS, AUTH LOGIN, TLS 1.2" {
    submit login "$port" --tls required --tls-priority "$tls12" --auth LOGIN \
        login@example.org <message
    delivered login
    authenticated login LOGIN 1.2
}

@test "postfix: implicit, AUTH PLAIN, TLS 1.2" {
    submit plain2 "$tls_port" --tls implicit --tls-priority "$tls12" --auth PLAIN \
        plain2@example.org <message
    delivered plain2
    authenticated plain2 PLAIN 1.2
}

@test "postfix: implicit, AUTH LOGIN, TLS 1.3" {
    submit login2 "$tls_port" --tls implicit --tls-min 1.3 --auth LOGIN \
        login2@example.org <message
    delivered login2
    authenticated login2 LOGIN 1.3
}

@test "postfix: a wrong password is 77, in the server's words" {
    echo 'not it' >wrong
    chmod 600 wrong
    submit secret "$port" --tls required --password-file wrong secret@example.org <message
    assert_failure 77
    assert_output --partial '535 5.7.8 '
    refute_output --partial 'not it'
    not_delivered secret
}

@test "postfix: an authority that is not ours, or another name, is 76" {
    make_ca other
    submit secret "$port" --tls required --tls-ca other/ca.pem secret@example.org <message
    assert_failure 76
    submit secret "$tls_port" --tls implicit --tls-ca other/ca.pem secret@example.org <message
    assert_failure 76
    submit secret "$port" --tls required --tls-name mail.example.net secret@example.org <message
    assert_failure 76
    assert_output --partial mail.example.net
    not_delivered secret
}

@test "postfix: without AUTH, it refuses the recipient: 67" {
    run timeout 60 "$SMTPSEND" --server "localhost:$port" --tls required \
        --tls-ca "$S/tls/ca.pem" -f sender@example.org secret@example.org <message
    assert_failure 67
    assert_output --partial 'rcpt secret@example.org: '
    assert_output --partial ': 554 5.7.1 '
    not_delivered secret
}

@test "postfix: of two recipients one is refused: the other gets it, 67" {
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 5\.1\.1 '
    assert_line --regexp '^smtpsend: .* User unknown in virtual mailbox table'
    refute_line --partial 'smtpsend: rcpt ann@'
    arrived=$(arrived "$S" ann)
    same_message message "$arrived"
}

@test "postfix: --require-all, one is refused: nobody gets it, 67" {
    submit bob "$port" --tls required --require-all bob@example.org nobody@example.org <message
    assert_failure 67
    assert_output --partial '550 5.1.1 <nobody@example.org>'
    run cat "$S/postfix.log"
    refute_output --partial 'to=<bob@example.org>, relay'
    not_delivered bob
}

@test "postfix: several recipients each get their copy, and the queue is empty again" {
    submit first "$port" --tls required first@example.org second@example.org \
        first@example.org <message
    delivered first
    arrived=$(arrived "$S" second)
    same_message message "$arrived"
    run postfix_queue "$S"
    assert_output ''
}

@test "postfix: with a wrong password it is kept, with the right one it goes; a refusal comes back" {
    local options=(--server "localhost:$port" --tls required --tls-ca "$S/tls/ca.pem"
        --user keeper --password-file password --queue-dir "$PWD/queue")
    (umask 077 && echo wrong >password)
    run timeout 100 "$SMTPSEND" "${options[@]}" --queue fallback -f keeper@example.org \
        kept@example.org nobody@example.org <message
    assert_success
    assert_output --partial ': 535 '
    assert_output --partial 'kept as '
    run timeout 100 "$SMTPSEND" "${options[@]}" -q
    [ "$status" -eq 75 ]
    assert_output --partial ': 535 '
    echo 's3cret keeper' >password
    run timeout 100 "$SMTPSEND" "${options[@]}" -q
    assert_success
    assert_output ''
    arrived=$(arrived "$S" kept)
    same_message message "$arrived"
    arrived=$(arrived "$S" keeper)
    run grep -E '^(Final-Recipient|Status|Subject|Return-Path):' "$arrived"
    assert_line 'Return-Path: <>'
    assert_line 'Final-Recipient: rfc822; nobody@example.org'
    assert_line 'Status: 5.1.1'
    run timeout 100 "$SMTPSEND" --queue-dir "$PWD/queue" -bp
    assert_output 'Mail queue is empty'
}

# ---- byte for byte ----

# A header, and a body of 20 MB and more: "message" as it is sent, "expected" as it has to be in
# a mailbox, where each line ends in LF. Both are written down here, so that nothing of what is
# tested decides what is right.
long_message() {
    local i
    {
        printf 'by LF\nby CRLF\r\nby CR\rtwo by CR, one by CRLF\r\r\r\n'
        printf '.\n..\r\n.\r...\n. x\n.x\r\n.\r\n.\r\r\n\n.\n\n'
        printf '\n\r\n\n\rLF, then CR\n'
        printf 'gr\303\274\303\237e \342\202\254\nLatin-1 \351\377\200\240\r\n'
        printf 'blanks at the end \t \n \n\t\r\n'
        printf 'From the start\n>From the start\nFrom: no header\n'
        printf 'controls \001\010\033\177\013\014 end\n'
        printf 'long \344%05000d.\r\n.%01023d\n' 0 0
    } >block
    {
        printf 'by LF\nby CRLF\nby CR\ntwo by CR, one by CRLF\n\n\n'
        printf '.\n..\n.\n...\n. x\n.x\n.\n.\n\n\n.\n\n'
        printf '\n\n\n\nLF, then CR\n'
        printf 'gr\303\274\303\237e \342\202\254\nLatin-1 \351\377\200\240\n'
        printf 'blanks at the end \t \n \n\t\n'
        printf 'From the start\n>From the start\nFrom: no header\n'
        printf 'controls \001\010\033\177\013\014 end\n'
        printf 'long \344%05000d.\n.%01023d\n' 0 0
    } >expected_block
    for ((i = 0; i < 12; i++)); do
        cat block block >twice && mv twice block
        cat expected_block expected_block >twice && mv twice expected_block
    done
    { cat message block && printf '.last line, with no end'; } >long
    { cat message expected_block && printf '.last line, with no end\n'; } >expected
    rm block expected_block
    mv long message
    assert [ "$(stat -c %s message)" -gt 20000000 ]
}

@test "postfix: 20 MB of every kind of line, from a file, arrive byte for byte" {
    long_message
    submit long "$port" --tls required long@example.org <message
    assert_success
    arrived=$(arrived "$S" long)
    same_message expected "$arrived"
    rm -f message expected "$arrived"
}

@test "postfix: the same from a pipe, through implicit TLS" {
    long_message
    submit pipe "$tls_port" --tls implicit pipe@example.org < <(cat message)
    assert_success
    arrived=$(arrived "$S" pipe)
    same_message expected "$arrived"
    rm -f message expected "$arrived"
}

# ---- sizes ----

larger_message() {
    printf '%01000d\n' 0 0 0 0 0 0 0 0 0 0 >>message
}

@test "postfix: more than the size it announces isn't sent: 69" {
    larger_message
    submit small "$small_port" --tls required small@example.org <message
    assert_failure 69
    assert_line --regexp '^smtpsend: mail: .* 10000'
    not_delivered small
}

@test "postfix: more than it takes, found after the message, is 65" {
    local server
    larger_message
    for server in "$silent_port" "$small_port"; do
        submit silent "$server" --tls required --stream silent@example.org < <(cat message)
        assert_failure 65
        assert_line --regexp '^smtpsend: dot: .*: 552 5\.3\.4 '
    done
    submit silent "$silent_port" --tls required silent@example.org <message
    assert_failure 65
    assert_line --regexp '^smtpsend: bdat: .*: 552 5\.3\.4 '
    submit silent "$silent_port" --tls required --chunking off silent@example.org <message
    assert_failure 65
    assert_line --regexp '^smtpsend: dot: .*: 552 5\.3\.4 '
    not_delivered silent
}
