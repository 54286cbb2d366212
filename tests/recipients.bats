#!/usr/bin/env bats
# recipients.bats: who gets the message: refused ones beside accepted ones, lists, -t, Bcc.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

# The addresses of RCPT in the N-th envelope, one a line.
recipients() {
    envelope "${1:-1}" | sed -n 's/^RCPT TO:<\(.*\)>.*/\1/p'
}

# header LINE...: the message has this header.
header() {
    printf '%s\n' "$@" '' 'Some text.' >"$message"
}

@test "refused recipients don't stop the others: 67, 75 or 77 by the worst that can be mended" {
    for pipelining in '' '--no PIPELINING'; do
        # shellcheck disable=SC2086 # two words or none
        start_server $pipelining --rcpt 'bad*=550 5.1.1 unknown here' \
            --rcpt 'full*=452 4.2.2 over quota' --rcpt 'gone*=551 5.1.6 moved' \
            --rcpt 'big*=552 5.2.2 mailbox full' --rcpt 'who*=530 5.7.0 log in'
        send bad@example.org a@example.org gone@example.org b@example.org
        expect 67 'smtpsend: rcpt bad@example.org: ' '550 5.1.1 unknown here' \
            'smtpsend: rcpt gone@example.org: ' '551 5.1.6 moved'
        [ "${#lines[@]}" -eq 2 ] || fail "$output"
        run recipients 1
        assert_output $'a@example.org\nb@example.org'
        send a@example.org full@example.org
        expect 75 'smtpsend: rcpt full@example.org: ' '452 4.2.2 over quota' 'try again'
        send a@example.org big@example.org
        expect 75 'smtpsend: rcpt big@example.org: ' '552 5.2.2 mailbox full' 'try again'
        send bad@example.org full@example.org a@example.org
        expect 75 'rcpt bad@example.org' 'rcpt full@example.org'
        send a@example.org who@example.org
        expect 77 'smtpsend: rcpt who@example.org: ' '--user'
        assert_delivered 5
        send bad@example.org gone@example.org
        expect 67
        send full@example.org bad@example.org
        expect 75
        assert_delivered 5
        stop_server
    done
}

@test "--require-all: nobody gets it unless all are accepted" {
    for pipelining in '' '--no PIPELINING'; do
        # shellcheck disable=SC2086 # two words or none
        start_server $pipelining --rcpt 'bad*=550 5.1.1 unknown' --rcpt 'full*=452 4.2.2 full'
        send --require-all a@example.org bad@example.org b@example.org
        expect 67 'smtpsend: rcpt bad@example.org: ' '550 5.1.1 unknown'
        send --require-all a@example.org full@example.org
        expect 75 'smtpsend: rcpt full@example.org: '
        assert_delivered 0
        refute_dialogue DATA BDAT
        assert_dialogue 'MAIL *' QUIT
        send --require-all a@example.org b@example.org
        expect 0
        assert_delivered 1
        stop_server
    done
}

@test "the message refused: nobody got it, and each refused recipient is named too" {
    for chunking in off:dot auto:bdat early:bdat; do
        start_server --rcpt 'bad*=550 5.1.1 unknown' \
            --reply "${chunking#*:}=554 5.6.0 not that"
        send --chunking "${chunking%:*}" a@example.org bad@example.org
        expect 65 'rcpt bad@example.org: ' "smtpsend: ${chunking#*:}: " '554 5.6.0 not that'
        assert_delivered 0
        stop_server
    done
}

@test "a later transaction fails: how many have the message, and who does not" {
    local sent='recipients have the message already: sending it again to all gives them two'
    start_server --offer 'LIMITS RCPTMAX=2' --reply 'mail:2=550 5.7.1 no' \
        --rcpt 'bad@*=550 5.1.1 unknown'
    send a@example.org b@example.org c@example.org bad@example.org e@example.org
    expect 69 'smtpsend: mail: ' '550 5.7.1 no' "smtpsend: 2 of 5 $sent"
    for name in c bad e; do
        assert_line "smtpsend: mail $name@example.org: this recipient does not have the message"
    done
    [ ${#lines[@]} -eq 5 ] || fail "$output"
    send bad@example.org a@example.org c@example.org --quiet
    assert_output ''
    stop_server
    # One that was refused is named once; one whose message got no verdict may have it.
    start_server --offer 'LIMITS RCPTMAX=2' --rcpt 'bad@*=550 5.1.1 unknown' --at bdat:2=drop
    send a@example.org bad@example.org c@example.org d@example.org e@example.org
    expect 75 'may have accepted' "smtpsend: 1 of 5 $sent" \
        'c@example.org: this recipient may not have' 'd@example.org: this recipient may not' \
        'e@example.org: this recipient does not have'
    [ ${#lines[@]} -eq 6 ] || fail "$output"
    stop_server
    # Where nobody has it, the cause says all.
    start_server --reply 'mail=550 5.7.1 no'
    send a@example.org b@example.org
    expect 69 '550 5.7.1 no'
    [ ${#lines[@]} -eq 1 ] || fail "$output"
}

@test "comma lists, names, groups, comments, quotes and routes in arguments" {
    start_server
    send 'a@example.org, b@example.org,c@example.org' 'Some Name <d@example.org>' \
        '"Last, First" <e@example.org>' '<f@example.org>' 'Team: g@example.org, h@example.org;' \
        'i@example.org (a comment, with a comma)' '"j j"@example.org' '"k"@example.org' \
        '<@relay.example:l@example.org>' 'm@[192.0.2.1]' 'n+tag=x@example.org' \
        "o'o@example.org" ' p@example.org '
    expect 0
    run recipients
    assert_output 'a@example.org
b@example.org
c@example.org
d@example.org
e@example.org
f@example.org
g@example.org
h@example.org
i@example.org
"j j"@example.org
k@example.org
l@example.org
m@[192.0.2.1]
n+tag=x@example.org
o'"'"'o@example.org
p@example.org'
}

@test "duplicates collapse: domains in any case, local parts as they are" {
    start_server
    header 'To: a@example.org, A@example.org' 'Cc: a@EXAMPLE.org' 'Bcc: b@example.org'
    send -t a@Example.Org b@example.org 'a@example.org, c@example.org'
    expect 0
    run recipients
    assert_output $'a@Example.Org\nb@example.org\nc@example.org\nA@example.org'
}

@test "--domain qualifies bare names in arguments, sender and header" {
    start_server
    header 'From: me' 'To: a, Name <b>, c@other.example' 'Bcc: Team: d, e;'
    smtpsend --server "127.0.0.1:$port" --domain example.org -t f <"$message"
    expect 0
    run recipients
    assert_output 'f@example.org
a@example.org
b@example.org
c@other.example
d@example.org
e@example.org'
    run envelope
    assert_line --index 0 --partial 'MAIL FROM:<me@example.org>'
    send -f joe --domain example.org a
    expect 0
    assert_dialogue 2 'MAIL FROM:<joe@example.org>*' 'RCPT TO:<a@example.org>*'
}

@test "-t: groups, comments, folding, encoded words, quoted commas, obsolete routes" {
    start_server
    header 'To: Team : "A, B" <a@example.org>, (x (nested, y) z) b@example.org;,' \
        ' undisclosed-recipients:;' \
        'CC: =?utf-8?q?J=C3=BCrgen=2C_x?= <c@example.org>,' $'\td' ' (split) @example.org ,,' \
        'cc : "e\"e"@example.org' \
        'Bcc: <@a.example,@b.example:f@example.org>, Müller <g@example.org>' \
        'bCC:' ' h@example.org' 'X-To: nobody@example.org' 'To: i@example.org'
    send -t
    expect 0
    run recipients
    assert_output 'a@example.org
b@example.org
i@example.org
c@example.org
d@example.org
"e\"e"@example.org
f@example.org
g@example.org
h@example.org'
}

@test "-t: the union of arguments and header; without -t the header counts for nothing" {
    start_server
    header 'To: a@example.org' 'Cc: b@example.org' 'Bcc: c@example.org'
    send -t d@example.org
    expect 0
    run recipients 1
    assert_output $'d@example.org\na@example.org\nb@example.org\nc@example.org'
    send d@example.org
    expect 0
    run recipients 2
    assert_output d@example.org
}

@test "-t: where there are Resent- fields, only they count, and of them the first block" {
    start_server
    header 'Resent-From: r@example.org' 'Resent-To: a@example.org' 'Resent-Cc: b@example.org' \
        'Resent-Bcc: c@example.org' 'Received: x' 'Resent-From: old@example.org' \
        'Resent-To: older@example.org' 'From: x@example.org' 'To: x@example.org' \
        'Bcc: y@example.org'
    smtpsend --server "127.0.0.1:$port" -t <"$message"
    expect 0
    run recipients
    assert_output $'a@example.org\nb@example.org\nc@example.org'
    assert_dialogue 'MAIL FROM:<r@example.org>*'
    run grep -ciE '^(resent-)?bcc' "$(delivered)"
    assert_output 0
}

@test "-t: no recipient is 64, a field that can't be read 65, before any connection" {
    start_server
    for field in 'Subject: x' 'To:' 'To: undisclosed-recipients:;' 'Cc: ,,'; do
        header "$field"
        send -t
        expect 64 'no recipient'
    done
    for field in 'To: a b@example.org' 'Cc: <a@example.org' 'Bcc: a@example.org b@example.org' \
        'To: "a@example.org' 'To: (a@example.org'; do
        header "$field"
        send -t
        expect 65 'smtpsend: message: ' "${field%%:*} field: "
    done
    assert_connections 0
}

@test "the sender: -f, else Sender or From, else the user here" {
    start_server
    header 'From: a@example.org, b@example.org' 'Sender: s@example.org' 'To: x@example.org'
    smtpsend --server "127.0.0.1:$port" -t <"$message"
    header 'From: Some Body <from@example.org>' 'Sender: s@example.org' 'To: x@example.org'
    smtpsend --server "127.0.0.1:$port" -t <"$message"
    header 'To: x@example.org'
    smtpsend --server "127.0.0.1:$port" --domain host.example -t <"$message"
    run cat <(envelope 1) <(envelope 2) <(envelope 3)
    assert_line --index 0 --partial 'MAIL FROM:<s@example.org>'
    assert_output --partial "MAIL FROM:<$(id -un)@host.example>"
    run grep -c '^From: .*<\?'"$(id -un)@host.example" "$(delivered 3)"
    assert_output 1
}

@test "Bcc never leaves: in any spelling, folded, many, Resent-, behind a byte order mark" {
    start_server
    for mark in '' $'\xef\xbb\xbf'; do
        printf '%s' "$mark" >"$message"
        printf '%s\n' 'Bcc: s3cret@example.org' 'bcc: s3cret@example.org' \
            'BCC:s3cret@example.org,' $'\ts3cret2@example.org' ' , s3cret3@example.org' \
            'Bcc : s3cret@example.org' $'Bcc\t: s3cret@example.org' \
            'Resent-Bcc: s3cret@example.org' 'Bcc:' ' s3cret@example.org' \
            'From: a@example.org' 'To: b@example.org' 'bCc: s3cret@example.org' '' \
            'Bcc: in the body stays' >>"$message"
        send b@example.org
        expect 0
    done
    for n in 1 2; do
        run grep -a s3cret "$(delivered "$n")" "$(raw "$n")"
        assert_output ''
        run grep -aciE '^bcc' "$(delivered "$n")"
        assert_output 1
    done
    # With -t they get the message all the same.
    send -t
    expect 0
    run recipients 3
    assert_output s3cret@example.org
}

@test "an address that is not ASCII: SMTPUTF8 where offered, else 69" {
    start_server
    send 'jürgen@example.org'
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org>* SMTPUTF8*' 'RCPT TO:<j*rgen@example.org>'
    send a@example.org
    expect 0
    run grep -c SMTPUTF8$ "$dir/log/2"
    stop_server
    start_server --no SMTPUTF8
    send 'jürgen@example.org'
    expect 69 'SMTPUTF8'
    refute_dialogue MAIL
}

# 1,000 recipients, 3 of them refused; the flights are counted.
thousand() {
    local i list=()
    start_server --rcpt 'r1??3@*=550 5.1.1 no such user' "$@"
    for i in {1..1000}; do
        list+=("r$i@example.org")
    done
    list[499]='r1xx3@example.org'
    send "${list[@]}"
    expect 67 'smtpsend: rcpt r1xx3@example.org: '
    [ "${#lines[@]}" -eq 1 ] || fail "$output"
    run recipients
    [ "${#lines[@]}" -eq 999 ]
    assert_line --index 0 r1@example.org
    assert_line --index 998 r1000@example.org
}

@test "1,000 recipients, in flight together and one by one" {
    thousand
    run grep -c '^\* flight' <<<"$(transcript)"
    [ "$output" -lt 20 ] || fail "$output flights"
    stop_server
    thousand --no PIPELINING
    run grep -c '^\* flight' <<<"$(transcript)"
    [ "$output" -gt 1000 ] || fail "$output flights"
}

@test "many recipients and replies so long that both sides could block in writing" {
    local i address list=()
    for i in {1..2000}; do
        printf -v address '%060d@%060d.%060d.example.org' "$i" "$i" "$i"
        list+=("$address")
    done
    start_server --reply "rcpt=250-$(printf 'x%.0s' {1..900})\n250 ok"
    send "${list[@]}"
    expect 0
    assert_delivered 1
}
