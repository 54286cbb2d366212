#!/usr/bin/env bats
# cli.bats: options, recipients, the environment and server addresses as they are written.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

@test "--help and --version: on standard output, with 0, whatever else is there" {
    for words in --help '-t --help a@example.org'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr "$SMTPSEND" $words </dev/null
        assert_success
        assert_output --partial 'Usage: smtpsend'
        assert_output --partial '--server S'
        assert_equal "$stderr" ''
    done
    run --separate-stderr "$SMTPSEND" --version </dev/null
    assert_success
    assert_output --regexp '^smtpsend [0-9]+\.[0-9]+'
    assert_equal "$stderr" ''
}

@test "--help into a full disk is 74, into a closed descriptor 0" {
    run bash -c '"$SMTPSEND" --help >/dev/full'
    expect 74 'standard output'
    run bash -c '"$SMTPSEND" --help >&-'
    assert_success
}

@test "options that do not exist, here or yet, are 64 and named" {
    for option in --bogus --hel --probe --batch --progress=on \
        --jobs=2 --no-stream -Z -tZ -Zt $'--\x1b[31m'; do
        smtpsend --server 127.0.0.1:1 "$option" a@example.org <"$message"
        expect 64 'smtpsend: ' "unknown option '-" '--help'
        expect_not $'\x1b'
    done
    smtpsend --server 127.0.0.1:1 -Zt a@example.org <"$message"
    expect 64 "'-Z'"
}

@test "bad values are 64, with the option and the value" {
    for pair in --tls=foo --tls= --timeout=abc --timeout=-1 --timeout=1x --timeout= \
        --connect-timeout=1,5 --deadline=99999999999999 --add-headers=maybe --require-all=2 \
        --help=x --auth=BOGUS --auth=',' --helo=a_b --helo=a..b --domain=a_b --user=; do
        smtpsend --server 127.0.0.1:1 --user u "$pair" a@example.org <"$message"
        expect 64 'smtpsend: config: ' "${pair%%=*}"
    done
    smtpsend --server 127.0.0.1:1 a@example.org --timeout <"$message"
    expect 64 "'--timeout' needs a value"
    smtpsend --server 127.0.0.1:1 a@example.org -f <"$message"
    expect 64 "'-f' needs a value"
    smtpsend --server 127.0.0.1:1 -4 -6 a@example.org <"$message"
    expect 64 '-4' '-6'
}

@test "no recipient is 64, and so is what can't be one" {
    smtpsend --server 127.0.0.1:1 <"$message"
    expect 64 'no recipient' '-t'
    for word in '' ' ' ',' '<>' a@ @b 'a b@c' 'a@b c@d' 'a@b,,@' 'a@-b' 'a@b..c' 'a@b_c@d' \
        'Name <a@b' 'a@b>' '<a@b> <c@d>' "a@$(printf '%064d' 1).org"; do
        smtpsend --server 127.0.0.1:1 "$word" <"$message"
        expect 64 'smtpsend: config: ' 'is not an address'
    done
}

@test "durations: seconds, fractions, units" {
    start_server
    for duration in 20 20s 1m 1h 5d 20.5 0.9h; do
        send --timeout "$duration" --connect-timeout "$duration" --deadline "$duration" \
            a@example.org
        expect 0
    done
}

@test "options and recipients mix; after -- everything is a recipient" {
    start_server
    export POSIXLY_CORRECT=1
    for posix in 1 2; do
        smtpsend a@example.org --server "smtp://127.0.0.1:$port" b@example.org -i \
            -f sender@example.org c@example.org -- -d@example.org <"$message"
        expect 0
        run grep RCPT <(envelope "$posix")
        assert_output 'RCPT TO:<a@example.org>
RCPT TO:<b@example.org>
RCPT TO:<c@example.org>
RCPT TO:<-d@example.org>'
        unset POSIXLY_CORRECT
    done
    smtpsend --server "127.0.0.1:$port" -- --help@example.org <"$message"
    expect 0
    run envelope 3
    assert_output --partial 'RCPT TO:<--help@example.org>'
}

@test "letters cluster, and take values attached or apart; the last one counts" {
    local n=0 words
    start_server
    for words in '-ti -f s@example.org' '-it -fs@example.org' '-tifs@example.org' \
        '-oi -t -r s@example.org' '-i -oi -t -rs@example.org' '-t -f x@y -f s@example.org' \
        '-t -f x@y -r s@example.org' '-t -o i --from s@example.org' \
        '-t --from=s@example.org -F Name'; do
        # shellcheck disable=SC2086 # words
        smtpsend --server "127.0.0.1:$port" $words <"$message"
        expect 0
        run envelope $((n += 1))
        assert_line --index 0 --partial 'MAIL FROM:<s@example.org>'
        assert_line --index 1 'RCPT TO:<a@example.org>'
    done
}

@test "values arrive untouched: '=', '!#:+', numbers, references" {
    local n=0 value
    start_server
    for value in '=me@example.org' '"!#:+"@example.org' '0@example.org' '1@example.org' \
        '2@example.org' '%s@example.org' '~@example.org'; do
        smtpsend --server "127.0.0.1:$port" "-f$value" "$value" <"$message"
        expect 0
        run envelope $((n += 1))
        assert_line --index 0 --partial "MAIL FROM:<$value>"
        assert_line --index 1 "RCPT TO:<$value>"
    done
    smtpsend --server "127.0.0.1:$port" -F '!#:+' -f 1@example.org a@example.org <<<'Subject: x'
    expect 0
    run grep '^From:' "$(delivered $((n + 1)))"
    assert_output $'From: "!#:+" <1@example.org>\r'
    smtpsend --server "127.0.0.1:$port" -f 1 --domain example.org a@example.org <"$message"
    expect 0
    run envelope $((n += 1))
    assert_line --index 0 --partial 'MAIL FROM:<1@example.org>'
}

@test "-f '' and -f '<>' are the null sender, and not the next word" {
    local n=0
    start_server
    for words in "-f||a@example.org" '-f|<>|a@example.org' '-f<>|a@example.org' \
        '--from=|a@example.org' '--from=<>|a@example.org' '-r||a@example.org'; do
        IFS='|' read -ra words <<<"$words"
        smtpsend --server "127.0.0.1:$port" "${words[@]}" <"$message"
        expect 0
        run envelope $((n += 1))
        assert_line --index 0 --partial 'MAIL FROM:<>'
        assert_line --index 1 'RCPT TO:<a@example.org>'
    done
}

@test "a sender that can't be one is 64" {
    for value in 'a@' '@b' 'a b@c' 'a@b,c@d' 'a@b> SIZE=1' '<a@b' 'a@b c'; do
        smtpsend --server 127.0.0.1:1 -f "$value" a@example.org <"$message"
        expect 64 'is not an address'
    done
}

@test "line ends in arguments are 64 before any connection" {
    local evil
    start_server
    for evil in $'x@example.org\r\nRCPT TO:<evil@example.org>' $'x@example.org\n' \
        $'\rx@example.org' $'x@example.org>\nDATA'; do
        send "$evil"
        expect 64
        send -f "$evil" a@example.org
        expect 64
        send "Name <$evil>"
        expect 64
        send --helo "${evil/x@/}" a@example.org
        expect 64
        send --domain "${evil/x@/}" a
        expect 64
        send -F "$evil" a@example.org
        expect 64 '-F'
        send --user "$evil" a@example.org
        expect 64 '--user'
        send --server "127.0.0.1:$port$evil" a@example.org
        expect 64
        send --server $'smtp://u%0d%0aX@127.0.0.1:'"$port" a@example.org
        expect 64
    done
    assert_connections 0
}

@test "the environment: each long option that is a setting" {
    start_server
    SMTPSEND_SERVER=127.0.0.1:$port SMTPSEND_FROM=env@example.org SMTPSEND_ADD_HEADERS=no \
        SMTPSEND_HELO=env.example.org SMTPSEND_TIMEOUT=20s smtpsend a@example.org \
        <<<'Subject: x'
    expect 0
    assert_dialogue 'EHLO env.example.org' 'MAIL FROM:<env@example.org>*'
    assert_same_file <(printf 'Subject: x\r\n\r\n') "$(delivered)"
    SMTPSEND_TIMEOUT=soon smtpsend a@example.org <"$message"
    expect 64 "SMTPSEND_TIMEOUT: 'soon'"
    SMTPSEND_QUIET=yes smtpsend --server 127.0.0.1:1 a@example.org <"$message"
    expect 75
    assert_output ''
}

@test "the command line wins over the environment; set to nothing is unset; acts are not read" {
    start_server
    SMTPSEND_SERVER=127.0.0.1:1 SMTPSEND_FROM=env@example.org SMTPSEND_QUIET=yes \
        send --quiet=no a@example.org
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org>*'
    SMTPSEND_FROM='' SMTPSEND_HELO='' SMTPSEND_TIMEOUT='' SMTPSEND_TLS='' SMTPSEND_HELP=1 \
        SMTPSEND_VERSION=1 smtpsend --server "127.0.0.1:$port" a@example.org <"$message"
    expect 0
    assert_dialogue 2 'MAIL FROM:<sender@example.org>*'
}

@test "server addresses that are none are 64" {
    for server in '' ' ' -h 'a b' a_b@ http://h smtp: smtp:// smtp:/// smtp://h/path smtp://h?q \
        'smtp://h#f' smtp://h/// smtp://@h smtp://%zz@h smtp://%4@h smtp://a%00b@h smtp://h:99999 \
        smtp://h:-1 smtp://h:0x19 h: h:0 h:65536 h:nosuchservice '[::1' '[::1]25' '[::1]:' '[x]' \
        ::g 'unix:' unix:relative fd: fd:x fd:-1 fd:1x; do
        smtpsend --server "$server" a@example.org <"$message"
        expect 64 'smtpsend: '
    done
}

@test "a password in the server URL is 64, and not shown" {
    for server in smtp://u:geheim@h submissions://u:geheim@h:465 smtp://u:@h; do
        smtpsend --server "$server" a@example.org <"$message"
        expect 64 'must not carry a password' '--password-file'
        expect_not geheim
        SMTPSEND_SERVER=$server smtpsend a@example.org <"$message"
        expect 64 'must not carry a password'
        expect_not geheim
    done
}

@test "the user in a URL is percent-decoded; --user wins" {
    start_server --user 'me@example.org:pw' --user 'a:b:pw' --auth-in-clear
    export SMTPSEND_PASSWORD=pw
    send --server "smtp://me%40example.org@127.0.0.1:$port" --allow-cleartext-auth a@example.org
    expect 0
    run envelope 1
    assert_line auth=me@example.org
    send --server "smtp://me@example.org@127.0.0.1:$port/" --allow-cleartext-auth a@example.org
    expect 0
    send --server "smtp://nobody@127.0.0.1:$port" --user me@example.org \
        --allow-cleartext-auth a@example.org
    expect 0
    run envelope 3
    assert_line auth=me@example.org
}

@test "the name in EHLO: --helo, an address literal, never what is no domain" {
    start_server
    for name in mail.example.org '[192.0.2.1]' '[IPv6:2001:db8::1]' localhost; do
        send --helo "$name" a@example.org
        expect 0
    done
    run grep -h EHLO "$dir"/log/{1,2,3,4}
    assert_output 'C: EHLO mail.example.org
C: EHLO [192.0.2.1]
C: EHLO [IPv6:2001:db8::1]
C: EHLO localhost'
    for name in under_score.example.org '[' '[]' '[a b]' '[foo]' '[192.0.2.256]' \
        '[2001:db8::1]' '[IPv6:192.0.2.1]' 'a b' -a.example.org a-.example.org; do
        send --helo "$name" a@example.org
        expect 64 '--helo'
    done
    send a@example.org
    expect 0
    run grep -h EHLO "$dir/log/5"
    assert_output --regexp '^C: EHLO ([A-Za-z0-9-]+\.[A-Za-z0-9.-]+|\[127\.0\.0\.1\])$'
}

@test "closed standard descriptors: nothing of ours goes to the server" {
    start_server --no CHUNKING
    export port
    run bash -c '"$SMTPSEND" --server "127.0.0.1:$port" -vv -f s@example.org a@example.org \
        <"$0" >&- 2>&-' "$message"
    assert_success
    run bash -c '"$SMTPSEND" --server "127.0.0.1:$port" -vv -f s@example.org a@example.org \
        <&- >&- 2>&-'
    assert_success
    assert_delivered 2
    run grep -v '^[A-Z]' "$(raw 1)"
    assert_output $'\r\n.\r'
    run grep -cE '^(EHLO|MAIL|RCPT|DATA|QUIT)' "$(raw 2)"
    assert_output 5
    run bash -c '"$SMTPSEND" --bogus 2>&-'
    assert_failure 64
}

@test "silent on success; --quiet says nothing ever; -v and -vv say the dialogue" {
    start_server --no CHUNKING
    send a@example.org
    expect 0
    assert_output ''
    send --quiet -vv a@example.org
    expect 0
    assert_output ''
    send --quiet 'a b'
    expect 64
    assert_output ''
    send -v a@example.org
    expect 0 'greeting: 220 ' 'ehlo: 250 ' 'mail: 250 ' 'rcpt a@example.org: 250 ' 'data: 354 ' \
        'dot: 250 ' 'queued as 000003'
    expect_not '> ' 'quit: ' # which goes out with the dot and is not waited for
    send -v -v a@example.org
    expect 0 '> EHLO ' '> MAIL FROM:<sender@example.org>' '> RCPT TO:<a@example.org>' '> DATA' \
        '> QUIT' ' ms)'
    stop_server
    start_server
    send -vv a@example.org
    expect 0 '> RCPT TO:<a@example.org>' '> BDAT 144 LAST' 'bdat: 250 ' '> QUIT'
    expect_not DATA
}
