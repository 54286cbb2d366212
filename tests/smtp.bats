#!/usr/bin/env bats
# smtp.bats: -bs: SMTP on standard input and output. What the client hears is what the server said,
# and what the server got is what the client sent.
# shellcheck disable=SC2034,SC2154 # set for lib/smtp.bash, and by lib/common.bash

load lib/common
load lib/smtp

# What arrived N-th, up to the first empty line left out.
body() {
    sed '1,/^\r$/d' "$(delivered "${1:-1}")" | tr -d '\r'
}

@test "a message goes, and the replies are the server's" {
    start_server --reply 'mail=250 2.1.0 mail it' --reply 'rcpt=251 2.1.5 will do' \
        --reply 'bdat=250 2.0.0 queued as 4711\nand more'
    talk 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 251 354 250 221 '
    [[ $(reply 1) == 220\ *\ ESMTP\ smtpsend ]]
    assert_equal "$(reply 3)" '250 2.1.0 mail it'
    assert_equal "$(reply 4)" '251 2.1.5 will do'
    assert_equal "$(reply 6)" '250-2.0.0 queued as 4711|250 2.0.0 and more'
    assert_equal "$(cat "$said")" ''
    printf '%s\r\n' "${text[@]}" | cmp - "$(delivered)"
    run envelope
    assert_line --partial 'MAIL FROM:<s@example.org>'
    assert_line --partial 'RCPT TO:<a@example.org>'
    # Each line of a reply ends in CRLF.
    assert_equal "$(grep -c $'\r$' "$replies")" "$(wc -l <"$replies")"
}

@test "EHLO offers what there is; HELO, NOOP, VRFY, HELP, RSET answer; AUTH and STARTTLS don't" {
    start_server
    talk 'ehlo me' 'HELO me' NOOP 'noop x' 'VRFY a' HELP 'help mail' RSET STARTTLS 'AUTH PLAIN' \
        'EXPN a' 'BDAT 3 LAST' EHLO DATA 'RCPT TO:<a@example.org>' 'QUIT now' quit
    expect 0
    assert_equal "$(codes)" \
        '220 250 250 250 250 252 214 214 250 500 500 500 500 501 503 503 501 221 '
    reply 2 | tr '|' '\n' | sed 's/^....//' | tail -n +2 | sort >"$BATS_TEST_TMPDIR/offered"
    assert_equal "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/offered")" \
        '8BITMIME DSN ENHANCEDSTATUSCODES HELP PIPELINING SIZE SMTPUTF8 '
    assert_connections 0
}

@test "what the server refuses is passed through: MAIL, RCPT, DATA, the dot" {
    local stage
    for stage in mail rcpt data dot; do
        start_server --no CHUNKING --reply "$stage=550 5.7.1 not for you\\nreally not"
        talk 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
            QUIT
        [[ $output == *$'550-5.7.1 not for you\n550 5.7.1 really not'* ]] || fail "$output"
        assert_equal "$(cat "$said")" ''
        assert_delivered 0
        stop_server
    done
    for stage in mail rcpt data dot; do
        start_server --no CHUNKING --reply "$stage=451 4.7.1 later"
        talk 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
            QUIT
        [[ $output == *$'\n451 4.7.1 later'* ]] || fail "$output"
        assert_delivered 0
        stop_server
    done
    start_server --reply "bdat=552 5.3.4 too big"
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0 '552 5.3.4 too big'
    assert_equal "$(codes)" '220 250 250 354 552 221 '
}

@test "a reply without an enhanced code gets one, and control bytes of the server's are escaped" {
    start_server --reply 'rcpt=550 no \x1b[31mred\x07' --no ENHANCEDSTATUSCODES
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' QUIT
    expect 0
    assert_equal "$(reply 3)" '550 5.0.0 no \x1b[31mred\x07'
}

@test "of the recipients, those that are refused don't get the message" {
    start_server --rcpt 'b@*=550 5.1.1 no b' --rcpt 'c@*=452 4.2.2 c is full'
    talk 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' \
        'RCPT TO:<c@example.org>' 'RCPT TO:<d@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 550 452 250 354 250 221 '
    assert_equal "$(envelope | sed -n 's/^RCPT TO:<\([^>]*\)>.*/\1/p' | tr '\n' ' ')" \
        'a@example.org d@example.org '
    options=(--require-all)
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' DATA QUIT
    assert_equal "$(codes)" '220 250 250 550 554 221 '
    assert_delivered 1
}

@test "without an accepted recipient DATA is refused, and its sender can begin anew" {
    start_server --rcpt 'b@*=550 5.1.1 no b'
    talk 'MAIL FROM:<s@example.org>' DATA 'RCPT TO:<b@example.org>' DATA 'MAIL FROM:<s@example.org>' \
        RSET 'MAIL FROM:<t@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 250 554 550 554 503 250 250 250 354 250 221 '
    run envelope
    assert_line --partial 'MAIL FROM:<t@example.org>'
    assert_connections 1
}

@test "two messages go by one connection; RSET, HELO and EHLO make the server forget" {
    start_server
    talk 'EHLO me' 'MAIL FROM:<1@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<2@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<3@example.org>' 'RCPT TO:<x@example.org>' RSET \
        'MAIL FROM:<4@example.org>' 'RCPT TO:<x@example.org>' 'EHLO me' \
        'MAIL FROM:<>' 'RCPT TO:<b@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_delivered 3
    assert_connections 1
    run envelope 3
    assert_line --regexp '^MAIL FROM:<>'
    refute_line --partial x@example.org
    assert_equal "$(commands | grep -c '^RSET')" 2
    assert_equal "$(commands | tail -1)" QUIT
}

@test "dots are unstuffed on the way in and stuffed on the way out" {
    start_server --no CHUNKING
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" '..' '...x' '.y' \
        'z.' . QUIT
    expect 0
    assert_equal "$(body)" $'Some text.\n.\n..x\ny\nz.'
}

@test "a message with 8-bit text is converted for a server without 8BITMIME" {
    start_server --no 8BITMIME
    talk 'EHLO me' 'MAIL FROM:<s@example.org> BODY=8BITMIME' 'RCPT TO:<a@example.org>' DATA \
        'MIME-Version: 1.0' 'Content-Type: text/plain; charset=utf-8' \
        'Content-Transfer-Encoding: 8bit' '' 'grün' . QUIT
    expect 0
    run cat "$(delivered)"
    assert_output --partial 'gr=C3=BCn'
    run envelope
    refute_output --partial BODY
    start_server
    talk 'EHLO me' 'MAIL FROM:<s@example.org> BODY=8BITMIME' 'RCPT TO:<a@example.org>' DATA \
        "${text[@]}" 'grün' . QUIT
    assert_equal "$(body)" $'Some text.\ngrün'
    run envelope
    assert_line --partial 'BODY=8BITMIME'
}

@test "Bcc never leaves, and what is missing is added" {
    start_server
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA 'To: a@example.org' \
        'Bcc: secret@example.org' '' 'text' . QUIT
    expect 0
    run cat "$(delivered)"
    refute_output --partial secret
    assert_output --partial 'From: s@example.org'
    assert_output --partial 'Date: '
    assert_output --partial 'Message-ID: <'
    options=(--add-headers=no --undisclosed)
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA 'To: a@example.org' '' 'x' . QUIT
    assert_equal "$(tr -d '\r' <"$(delivered 2)")" $'To: undisclosed-recipients:;\n\nx'
}

@test "no server: 451 and a line on stderr; the next MAIL finds it" {
    start_server
    stop_server
    open_client
    tell 'MAIL FROM:<s@example.org>'
    [[ $heard == '451 4.4.1 connect: '* ]] || fail "$heard"
    grep -q '^smtpsend: connect: ' "$said"
    tell 'RCPT TO:<a@example.org>'
    assert_equal "${heard%% *}" 503
    start_server --listen "127.0.0.1:$port"
    tell 'MAIL FROM:<s@example.org>'
    assert_equal "${heard%% *}" 250
    tell 'RCPT TO:<a@example.org>'
    assert_equal "${heard%% *}" 250
    tell DATA
    assert_equal "${heard%% *}" 354
    tell "${text[@]}" .
    assert_equal "${heard%% *}" 250
    tell QUIT
    leave
    assert_equal "$status" 0
    assert_delivered 1
}

@test "a session that ended between transactions is opened anew, silently" {
    start_server --at 'dot:1=closeafter' --at 'bdat:1=closeafter'
    open_client
    for _ in 1 2 3; do
        tell 'MAIL FROM:<s@example.org>'
        assert_equal "${heard%% *}" 250
        tell 'RCPT TO:<a@example.org>'
        tell DATA
        tell "${text[@]}" .
        assert_equal "${heard%% *}" 250
        until grep -q '^\* server: closeafter' "$dir/log/$(count_connections)"; do
            sleep 0.01
        done
    done
    tell QUIT
    leave
    assert_equal "$(cat "$said")" ''
    assert_delivered 3
    assert_connections 3
}

@test "LIMITS MAILMAX makes further sessions" {
    start_server --offer 'LIMITS MAILMAX=1'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_delivered 2
    assert_connections 2
}

@test "connection lost: after the dot it may have been accepted, before it was not" {
    start_server --at dot=drop --at bdat=drop
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<t@example.org>' QUIT
    expect 0 'may have accepted'
    assert_equal "$(codes)" '220 250 250 354 451 250 221 '
    [[ $(reply 5) == '451 4.4.2 '*'may have accepted'* ]] || fail "$(reply 5)"
    grep -q 'may have accepted' "$said"
    start_server --at rcpt=drop
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' DATA QUIT
    expect 0
    assert_equal "$(codes)" '220 250 451 451 554 221 '
    start_server --reply 'rcpt:2=421 4.3.2 going down'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' DATA QUIT
    assert_equal "$(codes)" '220 250 250 451 451 221 '
    [[ $(reply 4) == '451 4.3.2 going down' ]]
}

@test "strange codes of the server's do not reach the client" {
    start_server --reply 'mail=221 2.0.0 bye' --reply 'rcpt=354 go on'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' QUIT
    assert_equal "$(codes)" '220 250 451 221 '
    start_server --no CHUNKING --reply 'dot=354 more'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 250 354 451 221 '
}

@test "what can't be a command: too long, control bytes, NUL, unknown; and 20 of them are enough" {
    start_server
    {
        printf 'EHLO %04095d\r\nNOOP %04089d\r\nNOOP %04090d\r\n' 0 0 0
        head -c 300000 /dev/zero | tr '\0' x
        printf '\r\nNO\0OP\r\nNOOP \x1b\r\nNO\rOP\r\n\r\n\xff\xfe\r\nNOOP\r\nQUIT\r\n'
    } >"$input"
    serve_input
    expect 0
    assert_equal "$(codes)" '220 500 250 500 500 500 500 500 500 500 250 221 '
    yes x | head -n 30 >"$input"
    serve_input
    expect 76 'too many errors'
    assert_equal "$(codes | wc -w)" 22
    assert_equal "$(tail -n 1 "$replies" | cut -c 1-3)" 421
}

@test "addresses and parameters can't carry anything along" {
    start_server
    talk 'MAIL FROM:<s@example.org> FOO=1' 'MAIL FROM:<s@example.org> SIZE=x' \
        'MAIL FROM:<s@example.org> BODY=BINARYMIME' 'MAIL FROM:<s@example.org> AUTH=<>' \
        'MAIL FROM:<s@example.org> RET=ALL' 'MAIL FROM:<s@example.org> ENVID=a+0D+0Ab' \
        'MAIL FROM:<s@example.org> SMTPUTF8=1' 'MAIL FROM:<s@example.org>SIZE=1' \
        'MAIL FROM:s@example.org' 'MAIL TO:<s@example.org>' 'MAIL FROM:<a b@example.org>' \
        'MAIL FROM:<a@example.org> <b@example.org>' 'MAIL FROM:<a@example.org,b@example.org>' \
        'MAIL FROM:<"a>b"@example.org>' \
        'RCPT TO:<>' 'RCPT TO:<a@b@c>' 'RCPT TO:<a@example.org> NOTIFY=NEVER,DELAY'
    expect 0
    assert_equal "$(codes)" \
        '220 555 501 501 555 501 501 501 501 501 501 501 555 501 250 501 501 501 '
    talk 'MAIL FROM:<s@example.org>' $'RCPT TO:<a@example.org>\rDATA' 'RCPT TO:<a@example.org> X=1' \
        'RCPT TO:<a@example.org> ORCPT=rfc822;a+0' 'RCPT TO:<"a\"> b"@example.org>' \
        'RCPT TO:<@x.example,@y.example:c@example.org>' 'RCPT TO: <d@example.org>' QUIT
    assert_equal "$(codes)" '220 250 500 555 501 250 250 250 221 '
    run commands 2
    assert_line --regexp '^RCPT TO:<"a\\"> b"@example.org>$'
    assert_line 'RCPT TO:<c@example.org>'
    assert_line 'RCPT TO:<d@example.org>'
}

# smuggle DATA-LINE BYTES: a message with BYTES in it, which hold what could be a second one.
smuggle() {
    printf 'MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\n%bSubject: x\r\n\r\none%b%b' \
        "$1" "$2" '\r\n.\r\nQUIT\r\n' >"$input"
    serve_input
}

@test "only CRLF.CRLF ends the message where DATA ended in CRLF" {
    local end evil='MAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n\r\nevil'
    for chunking in '' CHUNKING; do
        start_server --no "$chunking"
        local n=0
        for end in '\n.\n' '\n.\r\n' '\r\n.\n' '\r.\r' '\r\n.\r' '\r.\r\n' '\n.\r' '\r\n\x00.\r\n'; do
            smuggle 'DATA\r\n' "$end$evil"
            expect 0
            if [[ $end == *x00* ]]; then
                assert_equal "$(codes)" '220 250 250 354 554 221 '
                continue
            fi
            assert_equal "$(codes)" '220 250 250 354 250 221 '
            n=$((n + 1))
            assert_delivered $n
            run cat "$(delivered $n)"
            assert_output --partial 'MAIL FROM:<evil@example.org>'
        done
        # The test server notes what is no CRLF.
        run grep -h 'bare' "$dir"/log/*
        assert_output ''
    done
}

@test "a client of bare LFs is understood" {
    start_server
    printf '%s\n' 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" \
        '..' . QUIT >"$input"
    serve_input
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 250 221 '
    assert_equal "$(body)" $'Some text.\n.'
}

@test "a message that can't be sent is refused, and the session goes on" {
    start_server --offer SIZE=100000
    {
        printf 'MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n\r\nx\0y\r\n'
        head -c 3000000 /dev/zero | tr '\0' x
        printf '\r\n.\r\nMAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n\r\n'
        head -c 200000 /dev/zero | tr '\0' x
        printf '\r\n.\r\nMAIL FROM:<s@example.org> SIZE=200000\r\nRSET\r\n'
        printf 'MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n'
    } >"$input"
    serve_input
    expect 0 '554 5.6.0' 'NUL' '552 5.3.4'
    assert_equal "$(codes)" '220 250 250 354 554 250 250 354 552 552 250 250 250 354 250 221 '
    assert_delivered 1
    assert_connections 1
}

@test "a message of 10 MB arrives as it is" {
    start_server
    {
        printf 'MAIL FROM:<s@example.org> SIZE=10000000\r\nRCPT TO:<a@example.org>\r\nDATA\r\n'
        printf '%s\r\n' "${text[@]:0:3}" ''
        seq -f '..%.0f and some more to make a line of it' 250000 | sed 's/$/\r/'
        printf '.\r\nQUIT\r\n'
    } >"$input"
    serve_input
    expect 0
    seq -f '.%.0f and some more to make a line of it' 250000 | cmp - <(body)
}

@test "the end of the input: quiet between messages, told within one, and nothing is delivered" {
    start_server
    talk 'EHLO me'
    expect 0
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>'
    expect 0
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}"
    expect 74 'within the message'
    printf 'NOOP' >"$input"
    serve_input
    expect 0
    assert_equal "$(cat "$said")" ''
    : >"$input"
    serve_input
    expect 0
    assert_delivered 0
}

@test "a client that is silent gets 421; one that does not read ends the run" {
    start_server
    open_client --timeout 0.3s
    hear
    assert_equal "${heard%% *}" 421
    leave
    assert_equal "$status" 75
    grep -q silent "$said"
    [ -e /dev/full ] || skip 'no /dev/full'
    status=0
    "$SMTPSEND" -bs >/dev/full 2>"$said" <<<QUIT || status=$?
    assert_equal "$status" 74
}

@test "the sender chooses account and server, and the password serves each" {
    start_server --user me:geheim --auth-in-clear --require-auth
    local one=$port first=$dir
    start_server --user me:geheim --auth-in-clear --require-auth
    cat >"$BATS_TEST_TMPDIR/conf" <<END
user = me
allow-cleartext-auth = yes
[account one]
match-from = *@one.example
server = 127.0.0.1:$one
[account two]
match-from = *@two.example, bare@home.example
server = 127.0.0.1:$port
END
    printf '%s\r\n' 'MAIL FROM:<s@one.example>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<bare>' 'RCPT TO:<b@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<t@two.example>' 'RCPT TO:<c@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<s@one.example>' 'RCPT TO:<d@example.org>' DATA "${text[@]}" . QUIT >"$input"
    run env SMTPSEND_PASSWORD=geheim timeout 60 "$SMTPSEND" -bs -C "$BATS_TEST_TMPDIR/conf" <"$input"
    expect 0
    assert_delivered 2
    assert_connections 1
    run envelope 1
    assert_line --partial 'MAIL FROM:<bare@home.example>'
    assert_line auth=me
    dir=$first
    assert_delivered 2
    assert_connections 2
}

@test "a refused password is 451 in our words, without it" {
    start_server --user me:geheim --auth-in-clear --require-auth
    export SMTPSEND_PASSWORD=falsch
    options=(--user me --allow-cleartext-auth)
    talk 'MAIL FROM:<s@example.org>' QUIT
    expect 0 '451 4.7.0 auth: ' '535'
    expect_not falsch ZmFsc2No
    unset SMTPSEND_PASSWORD
    options=()
    talk 'MAIL FROM:<s@example.org>' QUIT
    expect 0 $'\n530 '
}

@test "bare names get the domain, aliases are expanded, all or the first refusal" {
    start_server --rcpt 'no@*=550 5.1.1 no such one'
    printf '%s\n' 'root: ann, bob@example.org' 'mixed: ann, no@example.org, bob@example.org' \
        'loop: loop2' 'loop2: loop' >"$BATS_TEST_TMPDIR/aliases"
    options=(--aliases "$BATS_TEST_TMPDIR/aliases")
    talk 'MAIL FROM:<cron>' 'RCPT TO:<root>' 'RCPT TO:<mixed>' 'RCPT TO:<loop>' \
        'RCPT TO:<bob@example.org>' 'RCPT TO:<Postmaster>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 550 451 250 250 354 250 221 '
    assert_equal "$(envelope | sed -n 's/^[A-Z]* [A-Z]*:<\([^>]*\)>.*/\1/p' | tr '\n' ' ')" \
        'cron@home.example ann@home.example bob@example.org Postmaster@home.example '
}

@test "SMTPUTF8: as the client says it, and as the server has it" {
    start_server
    talk 'EHLO me' 'MAIL FROM:<s@example.org>' 'RCPT TO:<ü@example.org>' RSET \
        'MAIL FROM:<s@example.org> SMTPUTF8' 'RCPT TO:<ü@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 553 250 250 250 354 250 221 '
    run envelope
    assert_line --regexp '^MAIL .* SMTPUTF8'
    start_server --no SMTPUTF8
    talk 'MAIL FROM:<ü@example.org> SMTPUTF8' 'MAIL FROM:<s@example.org> SMTPUTF8' \
        'RCPT TO:<ü@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 553 250 553 250 354 250 221 '
}

@test "DSN: what the client asks goes on, or the message goes without" {
    start_server
    talk 'EHLO me' 'MAIL FROM:<s@example.org> RET=hdrs ENVID=a+2Bb' \
        'RCPT TO:<a@example.org> NOTIFY=success,FAILURE ORCPT=rfc822;o+2Bo@example.org' \
        'RCPT TO:<b@example.org> NOTIFY=NEVER' 'RCPT TO:<c@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    run envelope
    assert_line --regexp '^MAIL FROM:<s@example.org> .*RET=HDRS ENVID=a\+2Bb'
    assert_line 'RCPT TO:<a@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o+2Bo@example.org'
    assert_line 'RCPT TO:<b@example.org> NOTIFY=NEVER'
    assert_line --regexp '^RCPT TO:<c@example.org> ?$'
    start_server --no DSN
    talk 'MAIL FROM:<s@example.org> RET=HDRS' 'RCPT TO:<a@example.org> NOTIFY=NEVER' DATA \
        "${text[@]}" . QUIT
    expect 0
    run envelope
    refute_output --partial NOTIFY
}

@test "named sendmail it is the same; recipients as arguments are refused; -v shows the server" {
    start_server
    ln -s "$SMTPSEND" "$BATS_TEST_TMPDIR/sendmail"
    printf '%s\r\n' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT \
        >"$input"
    SMTPSEND_SERVER=127.0.0.1:$port run timeout 60 "$BATS_TEST_TMPDIR/sendmail" -bs -odi -oem -t \
        <"$input"
    expect 0
    assert_delivered 1
    run timeout 60 "$BATS_TEST_TMPDIR/sendmail" -bs a@example.org <"$input"
    expect 64 -bs
    run timeout 60 "$SMTPSEND" -bs --server nonsense://x <"$input"
    expect 64 nonsense
    run timeout 60 "$SMTPSEND" -bs --dry-run --server "127.0.0.1:$port" <"$input"
    expect 64 --dry-run
    smtpsend -bm --dry-run --server "127.0.0.1:$port" -f s@example.org a@example.org <"$message"
    expect 0 'MAIL FROM:<s@example.org>'
    assert_delivered 1
    options=(-v)
    talk 'MAIL FROM:<s@example.org>' QUIT
    grep -q '^mail: 250 ' "$said"
}

@test "Python's smtplib, for two messages, one of them refused" {
    command -v python3 >/dev/null || skip 'no python3'
    start_server --rcpt 'no@*=550 5.1.1 no such one'
    run timeout 60 python3 - "$SMTPSEND" "127.0.0.1:$port" <<'END'
import smtplib, socket, subprocess, sys

class Pipe(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        ours, theirs = socket.socketpair()
        self.server = subprocess.Popen([sys.argv[1], '-bs', '--server', sys.argv[2]],
                                       stdin=theirs, stdout=theirs)
        theirs.close()
        return ours

smtp = Pipe('sendmail', 1)
text = 'From: s@example.org\r\nSubject: x\r\n\r\n.dot\r\n..\r\nf\u00fcr\r\n'.encode()
print(smtp.sendmail('s@example.org', ['a@example.org', 'no@example.org'], text,
                    mail_options=['BODY=8BITMIME']))
try:
    smtp.sendmail('s@example.org', ['no@example.org'], text)
except smtplib.SMTPRecipientsRefused as e:
    print(e.recipients)
smtp.sendmail('s@example.org', ['b@example.org'], text)
smtp.quit()
print(smtp.server.wait())
END
    expect 0 "{'no@example.org': (550, b'5.1.1 no such one')}"
    assert_line 0
    assert_delivered 2
    assert_equal "$(body 1)" $'.dot\n..\nfür'
}

@test "SIGTERM within a message leaves nothing behind" {
    start_server
    open_client
    tell 'MAIL FROM:<s@example.org>'
    tell 'RCPT TO:<a@example.org>'
    tell DATA
    printf '%s\r\n' "${text[@]}" >&"$to"
    kill -TERM "$client"
    leave
    assert_delivered 0
}

@test "a 2xx that answers nothing is no verdict on the message" {
    start_server --no CHUNKING --reply 'data=250 what'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 250 354 451 221 '
    assert_delivered 0
    start_script <<'END'
> 220 x
< EHLO*
> 250-x
> 250 CHUNKING
< MAIL*
> 250 ok
< RCPT*
raw 250 rcpt ok\r\n250 2.0.0 STALE\r\n
eof
END
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 250 354 451 221 '
    [ -s "$said" ]
}

@test "one pipe for answers and errors has answers only" {
    start_server
    stop_server
    printf '%s\r\n' 'MAIL FROM:<s@example.org>' QUIT >"$input"
    run bash -c '"$0" -bs --server "127.0.0.1:$1" <"$2" 2>&1 | cat' "$SMTPSEND" "$port" "$input"
    assert_line --index 0 --regexp '^220 '
    assert_line --index 1 --regexp '^451 4.4.1 .*refused'
    assert_line --index 2 --regexp '^221 '
    assert_equal "${#lines[@]}" 3
}

@test "what was refused is not sent to the half of an alias that was taken" {
    start_server --rcpt 'bob*=550 5.1.1 no bob'
    printf 'root: ann, bob@x.example\n' >"$BATS_TEST_TMPDIR/aliases"
    options=(--aliases "$BATS_TEST_TMPDIR/aliases")
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<root>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes | cut -d' ' -f1-4)" '220 250 550 554'
    assert_delivered 0
}

@test "the declared size has room for what is added" {
    start_server
    talk 'MAIL FROM:<s@example.org> SIZE=19' 'RCPT TO:<a@example.org>' DATA 'Subject: x' '' hi . QUIT
    assert_equal "$(codes)" '220 250 250 354 250 221 '
    local declared
    declared=$(envelope | sed -n 's/.* SIZE=\([0-9]*\).*/\1/p')
    [ "$declared" -ge "$(wc -c <"$(delivered)")" ]
    start_server --no 8BITMIME
    talk 'MAIL FROM:<s@example.org> SIZE=19' 'RCPT TO:<a@example.org>' DATA 'Subject: x' '' hi . QUIT
    [[ $(envelope) != *SIZE=* ]]
}

@test "a bare LF begins no command in a session of CRLFs" {
    start_server
    printf '%s\r\n' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' \
        $'RCPT TO:<b@example.org>\nRCPT TO:<evil@example.org>' DATA "${text[@]}" . QUIT >"$input"
    serve_input
    assert_equal "$(codes | cut -d' ' -f1-4)" '220 250 250 500'
    [[ $(envelope) != *evil* ]]
}

@test "a server that refuses RSET is left for a new session" {
    start_server --reply 'rset=500 5.5.1 no'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' RSET \
        'MAIL FROM:<t@example.org>' 'RCPT TO:<b@example.org>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 250 250 250 250 354 250 221 '
    assert_delivered 1
    [[ $(envelope) == *'MAIL FROM:<t@example.org>'* ]]
}
