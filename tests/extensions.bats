#!/usr/bin/env bats
# extensions.bats: what is asked of a server beyond RFC 5321: the parameters as they go out, what
# happens where they are not offered, and limits that need more than one transaction.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

# The parameters of MAIL in the N-th connection but SIZE, and those of the first RCPT.
parameters() {
    commands "${1:-1}" | head -n 3 |
        sed -nE 's/^MAIL FROM:<[^>]*>( SIZE=[0-9]+)?//p; s/^RCPT TO:<[^>]*>//p'
}

# asks PARAMETERS OPTION...: the next connection to a server that offers all has these.
asks() {
    local wanted=$1
    shift
    send "$@" a@example.org
    expect 0
    run parameters $((asked += 1))
    assert_output "$wanted"
}

everything='DELIVERBY 60,MT-PRIORITY MIXER,FUTURERELEASE 604800 2030-01-01T00:00:00Z,REQUIRETLS'

# Sets $addresses to a@example.org and so on, $1 of them.
letters() {
    addresses=()
    local letter
    for letter in a b c d e f g h i j; do
        [ ${#addresses[@]} -eq "$1" ] || addresses+=("$letter@example.org")
    done
}

# assert_parts PART...: each message that arrived is the same and went to these, a letter each.
assert_parts() {
    local n=0 part
    assert_delivered $#
    for part in "$@"; do
        n=$((n + 1))
        run sed -nE 's/^RCPT TO:<(.).*/\1/p' <(envelope $n)
        [ "${output//$'\n'/}" = "$part" ] || fail "message $n: $output, not $part"
        assert_same_file "$(delivered 1)" "$(delivered $n)"
    done
}

# ---- options ----

@test "each option's parameter, exactly" {
    local asked=0
    start_server --offer "$everything"
    asks '' # neither MAIL's nor RCPT's
    asks $'\n NOTIFY=NEVER' -N never
    asks $'\n NOTIFY=SUCCESS' -Nsuccess
    asks $'\n NOTIFY=SUCCESS,FAILURE,DELAY' -N Delay,FAILURE,success,delay
    asks ' RET=HDRS' -R hdrs
    asks ' RET=FULL' -R FULL
    asks ' ENVID=QQ314159' -V QQ314159
    asks ' ENVID=a+2Bb+3Dc+20d/~!<>\"' -V 'a+b=c d/~!<>\"'
    asks ' BY=3600;R' --deliver-by 1h
    asks ' BY=120;N' --deliver-by '2m;N'
    asks ' BY=2;N' --deliver-by '1.5;N'
    asks ' BY=1;N' --deliver-by '0.2;N'
    asks ' BY=999999999;RT' --deliver-by '999999999;RT'
    asks ' MT-PRIORITY=9' --priority 9
    asks ' MT-PRIORITY=-9' --priority=-9
    asks ' MT-PRIORITY=0' --priority 0
    asks ' HOLDFOR=7200' --hold-for 2h
    asks ' HOLDUNTIL=2029-12-31T08:00:00Z' --hold-until 2029-12-31T08:00:00Z
    asks ' HOLDUNTIL=2029-12-31T08:00:00+02:00' --hold-until 2029-12-31T08:00:00+02:00
    asks ' BODY=8BITMIME' -B 8bitmime
    asks '' -B 7bit
    asks $' BODY=8BITMIME RET=FULL ENVID=x BY=60;R MT-PRIORITY=1 HOLDFOR=1\n NOTIFY=DELAY' \
        --hold-for 1 --priority 1 --deliver-by 60 -V x -R full -N delay -B 8bitmime
    SMTPSEND_DELIVER_BY=90 SMTPSEND_PRIORITY=2 SMTPSEND_HOLD_FOR=60 asks \
        ' BY=90;R MT-PRIORITY=2 HOLDFOR=60'
    # Each recipient has its own.
    send -N failure a@example.org b@example.org
    run grep -c 'NOTIFY=FAILURE' <(envelope $((asked + 1)))
    assert_output 2
}

@test "what was asked for and is not offered: 69 before MAIL, and the option is named" {
    start_server
    for option in --deliver-by=60:DELIVERBY --priority=1:MT-PRIORITY \
        --hold-for=60:FUTURERELEASE --hold-until=2029-12-31T08\;00\;00Z:FUTURERELEASE; do
        pair=${option//;/:}
        send "${pair%:*}" a@example.org
        expect 69 'smtpsend: mail: ' "does not offer ${option##*:}" "${option%%=*}"
        [ ${#lines[@]} -eq 1 ] || fail "$output"
    done
    assert_delivered 0
    for n in 1 2 3 4; do
        run commands $n
        assert_line --index 1 QUIT
    done
}

# too_much OPTION... -- WORD...: not sent, and said with these words.
too_much() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    send "${options[@]}" a@example.org
    expect 69 'smtpsend: mail: ' "${@:2}"
    [ ${#lines[@]} -eq 1 ] || fail "$output"
}

@test "DELIVERBY with a least time: what is to be returned sooner is 69 before MAIL" {
    start_server --offer 'DELIVERBY 240'
    too_much --deliver-by 239 -- '240 seconds' '--deliver-by'
    too_much --deliver-by '60;R' -- '240 seconds'
    too_much --deliver-by '2m;rt' -- '240 seconds'
    for n in 1 2 3; do
        run commands $n
        assert_line --index 1 QUIT
    done
    # RFC 2852 section 3: the least time is for mode R alone.
    send --deliver-by '239;N' a@example.org
    expect 0
    send --deliver-by '1;NT' a@example.org
    expect 0
    send --deliver-by '4m;R' a@example.org
    expect 0
    assert_delivered 3
    stop_server
    for least in '' 0 x 9999999999999999999999; do
        start_server --offer "DELIVERBY $least"
        send --deliver-by 1 a@example.org
        expect 0
        stop_server
    done
}

@test "FUTURERELEASE with its limits: what is to be held longer is 69 before MAIL" {
    start_server --offer 'FUTURERELEASE 86400 2028-02-29T12:00:00Z'
    too_much --hold-for 86401 -- '86400 seconds' '--hold-for'
    too_much --hold-for 2d -- '86400 seconds'
    too_much --hold-until 2028-02-29T12:00:01Z -- 2028-02-29T12:00:01Z '--hold-until'
    too_much --hold-until 2028-02-29T13:00:00+00:59 -- 2028-02-29T13:00:00+00:59
    too_much --hold-until 2028-02-29T09:00:00-03:01 -- '--hold-until'
    for n in 1 2 3 4 5; do
        run commands $n
        assert_line --index 1 QUIT
    done
    send --hold-for 1d a@example.org
    expect 0
    for at in 2028-02-29T12:00:00Z 2028-02-29T13:00:00+01:00 2028-02-28T23:59:60Z; do
        send --hold-until $at a@example.org
        expect 0
    done
    assert_delivered 4
    stop_server
    # A limit that can't be understood is the server's to apply.
    for limits in '' '0' 'x y' '86400x 2028-02-30T12:00:00Z'; do
        start_server --offer "FUTURERELEASE $limits"
        send --hold-for 999999999 a@example.org
        expect 0
        send --hold-until 2999-01-01T00:00:00Z a@example.org
        expect 0
        stop_server
    done
}

@test "DSN alone degrades: the message goes without, and -v says so" {
    start_server --no DSN
    for options in '-N never' '-R full' '-V x'; do
        # shellcheck disable=SC2086 # two words
        send $options a@example.org
        expect 0
        assert_output ''
        # shellcheck disable=SC2086
        send -v $options a@example.org
        expect 0 'mail: the server has no DSN'
    done
    send -v a@example.org
    expect_not 'no DSN'
    assert_delivered 7
    run cat "$dir"/log/*
    refute_output --regexp 'NOTIFY|RET=|ENVID'
}

@test "bad values: 64 before any connection" {
    local hundred pairs i
    hundred=$(printf 'x%.0s' {1..100})
    pairs=(-N '' -N no -N 'never,delay' -N 'success,' -N ',success' -N 'success failure' -R ''
        -R half -V '' -V "x$hundred" -V $'a\tb' -V $'a\r\nRCPT' -V ä --deliver-by ''
        --deliver-by 0 --deliver-by -1 --deliver-by '60;X' --deliver-by '60;' --deliver-by 60R
        --deliver-by 1000000000 --priority 10 --priority -10 --priority '' --priority x
        --priority +1 --hold-for 0 --hold-for 0.5 --hold-for -1 --hold-for x
        --hold-for 1000000000 --hold-until tomorrow --hold-until 2029-12-31
        --hold-until 2029-12-31T08:00:00 --hold-until '2029-12-31 08:00:00Z'
        --hold-until 2029-12-31T08:00:00+0200 --hold-until $'2029-12-31T08:00:00Z\r\nRSET'
        --hold-until 2026-02-31T25:61:00Z --hold-until 2026-02-29T08:00:00Z
        --hold-until 2026-00-10T08:00:00Z --hold-until 2026-13-10T08:00:00Z
        --hold-until 2026-04-31T08:00:00Z --hold-until 2026-04-00T08:00:00Z
        --hold-until 2026-04-30T24:00:00Z --hold-until 2026-04-30T08:60:00Z
        --hold-until 2026-04-30T08:00:61Z --hold-until 2026-04-30T08:00:00+24:00
        --hold-until 2026-04-30T08:00:00-02:60 --hold-until 1969-12-31T08:00:00Z)
    start_server
    for ((i = 0; i < ${#pairs[@]}; i += 2)); do
        send "${pairs[i]}" "${pairs[i + 1]}" a@example.org
        expect 64 'smtpsend: config: ' "${pairs[i]}"
    done
    send --hold-for 1 --hold-until 2029-12-31T08:00:00Z a@example.org
    expect 64 '--hold-for' '--hold-until'
    assert_connections 0
    send -V "$hundred" a@example.org
    expect 0
}

@test "--require-tls: over TLS that verified the server, else 69 before MAIL" {
    local pin
    start_tls_server --offer REQUIRETLS
    send --require-tls --tls required --tls-ca "$ca" a@example.org
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org> SIZE=144 REQUIRETLS'
    pin=sha256:$(openssl x509 -in "$cert" -noout -pubkey | openssl pkey -pubin -outform DER |
        sha256sum | cut -d' ' -f1)
    send --require-tls --tls-pin "$pin" a@example.org
    expect 0
    for options in '--tls off' '--tls opportunistic' '--tls required --tls-insecure'; do
        # shellcheck disable=SC2086 # words
        send --require-tls $options a@example.org
        expect 69 'smtpsend: mail: ' '--require-tls'
    done
    assert_delivered 2
    stop_server
    start_tls_server --offer-before-tls STARTTLS,REQUIRETLS --offer-after-tls PIPELINING
    send --require-tls --tls required --tls-ca "$ca" a@example.org
    expect 69 'smtpsend: mail: ' 'REQUIRETLS'
    refute_dialogue MAIL
}

# ---- SIZE, 8BITMIME, SMTPUTF8 ----

@test "SIZE: what goes out, where it is known and offered; more than the limit is not tried" {
    printf 'S: x\n\n.dots\n' >"$message"
    start_server
    send --add-headers=no a@example.org
    submit --add-headers=no a@example.org < <(cat "$message")
    submit --add-headers=no --stream a@example.org < <(cat "$message")
    stop_server
    for n in 1 2; do
        assert_dialogue $n 'MAIL FROM:<sender@example.org> SIZE=15'
    done
    # What is streamed may turn out to be 8-bit.
    assert_dialogue 3 'MAIL FROM:<sender@example.org> BODY=8BITMIME'
    for limit in 'SIZE 15' 'SIZE 0' 'SIZE' 'size 16' 'SIZE 99999999999999999999'; do
        start_server --reply "ehlo=250-localhost\\n250 $limit"
        send --add-headers=no a@example.org
        expect 0
        assert_dialogue 'MAIL FROM:<sender@example.org> SIZE=15'
        stop_server
    done
    start_server --reply "ehlo=250-localhost\\n250 SIZE 14"
    send --add-headers=no a@example.org
    expect 69 'smtpsend: mail: ' '15 bytes' 'at most 14'
    refute_dialogue MAIL
    assert_dialogue QUIT
    stop_server
    start_server --no SIZE
    send --add-headers=no a@example.org
    assert_dialogue 'MAIL FROM:<sender@example.org>'
}

@test "BODY=8BITMIME for 8-bit text, in the body or the header, or where it was asked for" {
    start_server
    send a@example.org
    printf 'Subject: x\n\n\xc3\xa4\n' >"$message"
    send a@example.org
    printf 'Subject: \xc3\xa4\n\nx\n' >"$message"
    send a@example.org
    for n in 2 3; do
        assert_dialogue $n 'MAIL * BODY=8BITMIME'
    done
    run grep BODY "$dir/log/1"
    assert_output ''
    # Not SMTPUTF8: no address needs it.
    run grep -h 'MAIL.*SMTPUTF8' "$dir"/log/*
    assert_output ''
    send -B 7bit a@example.org
    expect 0
    run grep BODY "$dir/log/4"
    assert_output ''
    run env LC_ALL=C grep -P '[\x80-\xff]' "$(delivered 4)"
    assert_output ''
    size=$(wc -c <"$(delivered 4)")
    assert_dialogue 4 "MAIL FROM:<sender@example.org> SIZE=$size" 'RCPT *' "BDAT $size LAST"
    stop_server
    # Nothing is said of it where it is not offered, and the text made 7-bit.
    start_server --no 8BITMIME
    for option in 7bit 8bitmime; do
        send -B $option a@example.org
        expect 0
    done
    run grep -h MAIL "$dir"/log/*
    refute_output --partial BODY
    # But for what is new in each: the second may have turned.
    assert_same_file <(grep -vE '^(Date|Message-ID):' "$(delivered 1)") \
        <(grep -vE '^(Date|Message-ID):' "$(delivered 2)")
}

@test "SMTPUTF8 where an address needs it" {
    start_server
    send a@example.org
    send grün@example.org b@example.org
    send a@bücher.example
    smtpsend --server "127.0.0.1:$port" -f jörg@example.org a@example.org <"$message"
    expect 0
    run grep -h '^C: \(MAIL\|RCPT\)' "$dir"/log/{1,2,3,4}
    assert_output 'C: MAIL FROM:<sender@example.org> SIZE=144
C: RCPT TO:<a@example.org>
C: MAIL FROM:<sender@example.org> SIZE=144 SMTPUTF8
C: RCPT TO:<grün@example.org>
C: RCPT TO:<b@example.org>
C: MAIL FROM:<sender@example.org> SIZE=144 SMTPUTF8
C: RCPT TO:<a@bücher.example>
C: MAIL FROM:<jörg@example.org> SIZE=144 SMTPUTF8
C: RCPT TO:<a@example.org>'
}

@test "without SMTPUTF8: domains as A-labels; other text in an address is 69 before MAIL" {
    start_server --no SMTPUTF8
    smtpsend --server "127.0.0.1:$port" -f me@straße.example a@bücher.example \
        '"b c"@BÜCHER.example' d@例え.テスト e@example.org <"$message"
    expect 0
    run grep '^C: \(MAIL\|RCPT\)' "$dir/log/1"
    assert_output 'C: MAIL FROM:<me@xn--strae-oqa.example> SIZE=144
C: RCPT TO:<a@xn--bcher-kva.example>
C: RCPT TO:<"b c"@xn--bcher-kva.example>
C: RCPT TO:<d@xn--r8jz45g.xn--zckzah>
C: RCPT TO:<e@example.org>'
    # What is refused is named as it was given.
    for address in grün@example.org grün@bücher.example; do
        send a@example.org $address
        expect 69 'smtpsend: mail: ' "$address" SMTPUTF8
    done
    smtpsend --server "127.0.0.1:$port" -f jörg@example.org a@example.org <"$message"
    expect 69 'smtpsend: mail: ' 'jörg@example.org' SMTPUTF8
    assert_delivered 1
    for n in 2 3 4; do
        run commands $n
        assert_line --index 1 QUIT
    done
    stop_server
    start_server --no SMTPUTF8 --reply 'rcpt=550 5.1.1 unknown'
    send a@bücher.example
    expect 67 'rcpt a@bücher.example: '
}

# ---- more recipients than a server takes ----

@test "LIMITS RCPTMAX and MAILMAX: further transactions, on further connections" {
    letters 5
    start_server --offer 'LIMITS MAILMAX=100 RCPTMAX=2'
    send "${addresses[@]}"
    expect 0
    assert_connections 1
    assert_parts ab cd e
    run grep -c 'C: RSET' "$dir/log/1"
    assert_output 0
    # QUIT rides with the last end alone.
    assert_dialogue 'BDAT *' '*bytes of data>' 'MAIL *' 'BDAT *' '*bytes of data>' 'MAIL *' \
        'BDAT *' '*bytes of data>' QUIT
    run awk '/^\* flight/ { n = 0 } /^C: / { n++ } END { print n }' "$dir/log/1"
    assert_output 3
    stop_server

    start_server --offer 'LIMITS RCPTMAX=2 MAILMAX=1 RCPTDOMAINMAX=1'
    send --chunking early "${addresses[@]}"
    expect 0
    assert_connections 3
    assert_parts ab cd e
    stop_server

    start_server --offer 'LIMITS MAILMAX=2 RCPTMAX=1' --no CHUNKING
    submit "${addresses[@]}" < <(cat "$message")
    expect 0
    assert_connections 3
    assert_parts a b c d e
    stop_server

    for limits in 'LIMITS' 'LIMITS RCPTMAX=0' 'LIMITS RCPTMAX=x' 'LIMITS RCPTMAX=5'; do
        start_server --offer "$limits"
        send "${addresses[@]}"
        expect 0
        assert_parts abcde
        stop_server
    done
}

@test "LIMITS and --require-all: 69 before MAIL where one transaction does not take all" {
    letters 3
    start_server --offer 'LIMITS RCPTMAX=2'
    send --require-all "${addresses[@]}"
    expect 69 'smtpsend: mail: ' 'takes 2' '--require-all'
    refute_dialogue MAIL
    send --require-all a@example.org b@example.org
    expect 0
    assert_parts ab
}

@test "452 or 552 to RCPT: the rest in a further transaction, from a file and from pipes" {
    letters 5
    head -c 3000000 /dev/zero | tr '\0' 'x' | fold -w 70 >"$BATS_TEST_TMPDIR/much"
    for reply in '452 4.5.3 too many' '552 5.5.3 too many'; do
        for how in '' '--chunking off' '--pipelining off'; do
            # In the first transaction a, b of five; so in the second c, d; then e.
            if [ "$how" = '--pipelining off' ]; then
                start_server --reply "rcpt:3=$reply"
            else
                start_server --reply "rcpt:3=$reply" --reply "rcpt:4=$reply" \
                    --reply "rcpt:5=$reply"
            fi
            # shellcheck disable=SC2086 # words
            send $how "${addresses[@]}"
            expect 0
            assert_output ''
            assert_connections 1
            assert_parts ab cd e
            stop_server
        done
    done
    for size in 0 500000 3000000; do
        start_server --reply 'rcpt:3=452 4.5.3 too many' --reply 'rcpt:4=452 4.5.3 too many' \
            --reply 'rcpt:5=452 4.5.3 too many'
        submit "${addresses[@]}" < <(cat "$message" && head -c "$size" "$BATS_TEST_TMPDIR/much")
        expect 0
        assert_connections 1
        assert_parts ab cd e
        stop_server
    done
    # Sent along, QUIT has ended the first session.
    start_server --reply 'rcpt:3=452 4.5.3 too many'
    send --chunking early a@example.org b@example.org c@example.org
    expect 0
    assert_connections 2
    assert_parts ab c
}

# takes ASKED TAKEN: a transaction in a script whose server takes the first TAKEN recipients only,
# with commands in flight together, or not.
takes() {
    local i ask=() say=('> 250 sender ok')
    for ((i = 0; i < $1; i++)); do
        ask+=('< RCPT *')
        say+=("> $([ "$i" -lt "$2" ] && echo '250 ok' || echo '452 too many recipients')")
    done
    echo '< MAIL *'
    if [ "$how" = on ]; then
        printf '%s\n' "${ask[@]}" "${say[@]}"
    else
        echo "${say[0]}"
        for ((i = 0; i < $1; i++)); do
            printf '%s\n' '< RCPT *' "${say[i + 1]}"
        done
    fi
    printf '%s\n' '< BDAT 144 LAST' 'bytes 144' '> 250 2.0.0 taken'
}

@test "452 to RCPT: no further transaction names more than the server took" {
    letters 10
    for how in on off; do
        # Without pipelining the first 452 is enough.
        start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' '> 250-CHUNKING' &&
            if [ $how = on ]; then echo '> 250-PIPELINING'; fi && echo '> 250 HELP' &&
            takes "$([ $how = on ] && echo 10 || echo 5)" 4 && takes 4 4 && takes 2 2 &&
            printf '%s\n' '< QUIT' '> 221 bye' eof)
        send "${addresses[@]}"
        assert_followed_script
        expect 0
        assert_output ''
        stop_server
    done
    # Nor on another connection.
    start_server --offer 'LIMITS MAILMAX=1' --reply 'rcpt:2=452 4.5.3 too many' \
        --reply 'rcpt:3=452 4.5.3 too many'
    send a@example.org b@example.org c@example.org
    expect 0
    assert_parts a b c
    for n in 2 3; do
        run grep -c '^C: RCPT' "$dir/log/$n"
        assert_output 1
    done
}

@test "452 to RCPT that is no limit: a full mailbox, a refusal that stays, --require-all" {
    letters 5
    # Where it is said, or another is taken after it, it is about that mailbox.
    for how in auto off; do
        start_server --rcpt 'b@*=452 4.2.2 mailbox full'
        send --pipelining $how "${addresses[@]}"
        expect 75 'rcpt b@example.org: '
        [ ${#lines[@]} -eq 1 ] || fail "$output"
        assert_parts acde
        stop_server
    done
    start_server --rcpt 'b@*=452 full'
    send "${addresses[@]}"
    expect 75 'rcpt b@example.org: '
    assert_parts acde
    stop_server
    # Asked again alone, it is refused all the same: that was no limit.
    start_server --rcpt 'b@*=452 full'
    send --pipelining off "${addresses[@]}"
    expect 75 'rcpt b@example.org: '
    [ ${#lines[@]} -eq 1 ] || fail "$output"
    assert_parts a cde
    stop_server
    start_server --rcpt 'b@*=452 4.5.3 too many'
    for how in auto off; do
        send --require-all --pipelining $how "${addresses[@]}"
        expect 75 'rcpt b@example.org: '
        [ ${#lines[@]} -eq 1 ] || fail "$output"
    done
    assert_delivered 0
}

@test "452 for ever, or to everybody: asked again once more, or never; 75" {
    start_server --rcpt 'full*=452 4.2.2 over quota' --rcpt 'bad*=550 5.1.1 unknown'
    send a@example.org full@example.org
    expect 75 'rcpt full@example.org: ' '452 4.2.2 over quota'
    [ ${#lines[@]} -eq 1 ] || fail "$output"
    run grep -c 'RCPT TO:<full' "$dir/log/1"
    assert_output 2
    assert_dialogue 'MAIL *' 'RCPT TO:<a@*' 'RCPT TO:<full*' 'BDAT *' 'MAIL *' \
        'RCPT TO:<full*' QUIT
    assert_parts a
    send full@example.org bad@example.org
    expect 75 'rcpt full@example.org: ' 'rcpt bad@example.org: '
    run grep -c 'RCPT TO:<full' "$dir/log/2"
    assert_output 1
}

@test "a message that is sent as it is read goes out once: 75 for the rest" {
    letters 4
    start_server --reply 'rcpt:3=452 4.5.3 too many' --reply 'rcpt:4=452 4.5.3 too many'
    submit --stream "${addresses[@]}" < <(cat "$message")
    expect 75 'rcpt c@example.org: ' 'rcpt d@example.org: '
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    assert_parts ab
    stop_server
    start_server --offer 'LIMITS RCPTMAX=2'
    submit --stream "${addresses[@]}" < <(cat "$message")
    expect 75 'smtpsend: ' '--stream'
    assert_parts ab
    stop_server
    # Unless nobody has had it yet.
    start_server --offer 'LIMITS RCPTMAX=2' --rcpt '[ab]@*=550 5.1.1 unknown'
    submit --stream "${addresses[@]}" < <(cat "$message")
    expect 67 'rcpt a@example.org: ' 'rcpt b@example.org: '
    assert_parts cd
}

@test "further transactions of a message made 7-bit, and of one that is refused" {
    letters 3
    printf '\xc3\xa4\n' >>"$message"
    start_server --offer 'LIMITS RCPTMAX=1' --no 8BITMIME
    send "${addresses[@]}"
    expect 0
    assert_parts a b c
    grep -q '=C3=A4' "$(delivered 2)"
    stop_server
    # The second is refused: the first has it, the third is not tried.
    for chunking in off auto; do
        start_server --offer 'LIMITS RCPTMAX=1' --reply 'dot:2=554 5.6.0 no' \
            --reply 'bdat:2=554 5.6.0 no'
        send --chunking $chunking "${addresses[@]}"
        expect 65 '554 5.6.0 no'
        assert_parts a
        stop_server
    done
}

# ---- PRDR ----

# prdr VERDICT...: a server that has these to say after the dot; sends to a, b and c.
prdr() {
    start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' '> 250-PIPELINING' \
        '> 250 PRDR' '< MAIL FROM:<sender@example.org> PRDR' '< RCPT *' '< RCPT *' '< RCPT *' \
        '< DATA' '> 250 ok' '> 250 ok' '> 250 ok' '> 250 ok' '> 354 go' data "${@/#/> }" \
        '< QUIT' '> 221 bye' eof)
    send a@example.org b@example.org c@example.org
    assert_followed_script
}

@test "PRDR: a verdict for each recipient, then one for the message" {
    prdr '353 here they come' '250 a' '250 b' '250 c' '250 2.0.0 all'
    expect 0
    assert_output ''
    stop_server
    prdr '353 here they come' '250 a' '550 5.7.1 b does not want it' '250 c' '250 2.0.0 two'
    expect 67 'smtpsend: dot b@example.org: ' '550 5.7.1 b does not want it'
    [ ${#lines[@]} -eq 1 ] || fail "$output"
    stop_server
    prdr '353 here' '450 4.2.0 a later' '550 5.7.1 b no' '250 c' '250 2.0.0 one'
    expect 75 'dot a@example.org: ' '450 4.2.0 a later' 'dot b@example.org: ' '550 5.7.1 b no'
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    stop_server
    prdr '353 here' '550 5.7.1 a' '550 5.7.1 b' '550 5.7.1 c' '550 5.7.1 nobody'
    expect 67 'dot a@example.org: ' 'dot b@example.org: ' 'dot c@example.org: '
    [ ${#lines[@]} -eq 3 ] || fail "$output"
    stop_server
    # The last word is on the message, whatever was said before.
    prdr '353 here' '250 a' '550 5.7.1 b' '250 c' '554 5.6.0 on second thought no'
    expect 65 'dot b@example.org: ' 'smtpsend: dot: ' '554 5.6.0 on second thought no'
    stop_server
    # What is no verdict.
    prdr '353 here' '250 a' '354 b'
    expect 76 'smtpsend: dot' '354 b'
    expect_not 'try again'
    stop_server
    # A server that has one verdict gives one.
    prdr '250 2.0.0 all'
    expect 0
    stop_server
    prdr '554 5.6.0 none'
    expect 65 '554 5.6.0 none'
}

@test "PRDR: only for accepted recipients, with BDAT too, and not for one alone" {
    start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' '> 250-PIPELINING' \
        '> 250-CHUNKING' '> 250 PRDR' '< MAIL FROM:<sender@example.org> PRDR' '< RCPT *' \
        '< RCPT *' '< RCPT *' '> 250 ok' '> 250 ok' '> 550 5.1.1 unknown' '> 250 ok' \
        '< BDAT 144 LAST' 'bytes 144' '> 353 here' '> 250 a' '> 452 4.2.2 full' '> 250 done' \
        '< QUIT' '> 221 bye' eof)
    send a@example.org b@example.org c@example.org
    assert_followed_script
    expect 75 'rcpt b@example.org: ' 'bdat c@example.org: ' '452 4.2.2 full'
    [ ${#lines[@]} -eq 2 ] || fail "$output"
    stop_server
    start_server --offer PRDR
    send a@example.org
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org> SIZE=144'
}

@test "PRDR: not with --require-all, where it would part the recipients after the message" {
    start_server --offer PRDR
    send --require-all a@example.org b@example.org
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org> SIZE=144' 'RCPT *' 'RCPT *'
    assert_parts ab
}

@test "PRDR: QUIT rides with the message's end, behind the verdicts" {
    for verdicts in '250 a:550 5.7.1 b:250 2.0.0 one' '452 a:452 b:250 2.0.0 none'; do
        for how in 'off:DATA:> 250 ok:> 354 go:data' 'early:BDAT 144 LAST:bytes 144:> 250 ok'; do
            IFS=: read -ra parts <<<"$how"
            IFS=: read -ra last <<<"$verdicts"
            start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' \
                '> 250-PIPELINING' '> 250-CHUNKING' '> 250 PRDR' '< MAIL * PRDR' '< RCPT *' \
                '< RCPT *' "< ${parts[1]}" '> 250 ok' '> 250 ok' "${parts[@]:2}" '< QUIT' \
                '> 353 here' "${last[@]/#/> }" '> 221 bye' eof)
            send --timeout 5s --chunking "${parts[0]}" a@example.org b@example.org
            assert_followed_script
            [ "$status" -eq 67 ] || [ "$status" -eq 75 ] || fail "$status: $output"
            expect_not 'may have accepted'
            stop_server
        done
    done
}

@test "PRDR: lost among the verdicts: it may have been accepted" {
    for last in '250 a' '550 a'; do
        start_script < <(printf '%s\n' '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 PRDR' \
            '< MAIL * PRDR' '> 250 ok' '< RCPT *' '> 250 ok' '< RCPT *' '> 250 ok' '< DATA' \
            '> 354 go' data '> 353 here' "> $last" drop)
        send a@example.org b@example.org
        expect 75 'may have accepted'
        stop_server
    done
}
