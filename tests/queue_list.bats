#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the libraries and by bats
# The queue looked at and handled: -bp and mailq, --report json, --queue-show, -delete, -hold and
# -release, over entries that are made by hand.

load lib/common
load lib/sendmail
load lib/spool

# Two messages to be tried and one that is held.
a=6925f3a1-7K2M9QXC4T b=6925f3a2-0000000000 c=6925f3a3-ZZZZZZZZZZ
due_a=6925f4cd-$a due_b=6925f500-$b held_c=held-----$c

prepare() {
    use_spool
    export TZ=UTC
}

fill() {
    keep "$due_b" 'from <ann@example.org>' 'recipient <bob@example.net> waiting'
    keep "$held_c" 'from <>' \
        'recipient <gone@example.com> failed 550 5.1.1 rcpt 5.1.1 no such user' \
        'recipient <lost@example.com> failed' 'recipient <late@example.com> waiting'
    keep "$due_a" 'account work' 'from <ann@example.org>' \
        'recipient <bob@example.net> waiting 451 4.7.1 rcpt try later' \
        'recipient <c@example.com> waiting - - connect no route to host'
}

# The list, without what is said on stderr.
list() {
    run --separate-stderr timeout 60 "$SMTPSEND" -bp "$@"
}

# ids: the first words of the lines that begin with an id.
ids() {
    printf '%s\n' "$output" | sed -n 's/^\([0-9a-f]\{8\}-[^ ]*\) .*/\1/p' | tr '\n' ' '
}

# python CODE: runs it with `messages`, what the list in $output is as JSON.
python() {
    command -v python3 >/dev/null || skip 'no python3'
    printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/json"
    python3 - "$BATS_TEST_TMPDIR/json" <<END || fail "not so in: $output"
import json, sys
messages = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8", errors="strict")
            if line.strip()]
$1
END
}

@test "an empty queue, or none: said so, 0, and no folder is made" {
    list
    assert_success
    assert_output 'Mail queue is empty'
    list --report json
    assert_success
    assert_output ''
    [ ! -e "$spool" ]
    mkdir -m 700 "$spool"
    list
    assert_output 'Mail queue is empty'
    assert_equal "$(ls -A "$spool")" ''
    mkdir -m 700 "$spool/queue"
    list
    assert_output 'Mail queue is empty'
    assert_equal "$stderr" ''
}

@test "the list: ids first, size, time of arrival, sender, and each recipient's last reply" {
    fill
    list
    assert_success
    assert_equal "$stderr" ''
    assert_output - <<'END'
-Queue ID----------- --Size-- ---Arrival Time----  -Sender/Recipient-------
6925f3a1-7K2M9QXC4T       144 Tue Nov 25 18:21:21  ann@example.org
    (rcpt: 451 4.7.1 try later)
                                                   bob@example.net
    (connect: no route to host)
                                                   c@example.com

6925f3a2-0000000000       144 Tue Nov 25 18:21:22  ann@example.org
                                                   bob@example.net

6925f3a3-ZZZZZZZZZZ!      144 Tue Nov 25 18:21:23  MAILER-DAEMON
    (failed: rcpt: 550 5.1.1 no such user)
                                                   gone@example.com
    (failed)
                                                   lost@example.com
    (waiting)
                                                   late@example.com

-- 1 Kbytes in 3 Requests.
END
}

@test "mailq and sendmail -bp list the same, in local time; one request is one" {
    make_names
    keep "$due_a" 'from <ann@example.org>' 'recipient <bob@example.net> waiting'
    for words in mailq 'sendmail -bp' 'send-mail -bp'; do
        # shellcheck disable=SC2086 # words
        TZ=UTC-2 run timeout 60 "$names/"$words
        assert_success
        assert_line --index 1 "$a       144 Tue Nov 25 20:21:21  ann@example.org"
        assert_line --index 3 '-- 1 Kbytes in 1 Request.'
    done
    run timeout 60 "$names/mailq" --report json
    expect 64 "sendmail's letters"
    run timeout 60 "$names/sendmail" "--queue-delete=$a"
    expect 64 "sendmail's letters"
    assert_equal "$(queued)" "$due_a"
}

@test "-v says when each is tried next, and all that was said" {
    local long
    long=$(printf 'x%.0s' {1..300})
    attempts=1 keep "ffffff00-$a" 'account work' 'from <ann@example.org>' \
        "recipient <bob@example.net> waiting 451 - dot $long"
    keep "$due_b" 'from <ann@example.org>'
    keep "$held_c" 'from <ann@example.org>'
    list
    assert_success
    assert_line "    (dot: 451 ${long:0:200}...)"
    refute_line --partial 'tries'
    list -v
    assert_line "    (dot: 451 $long)"
    assert_line '    (next try Sun Feb  7 06:24:00, 1 try so far, account work)'
    assert_line '    (due now, 2 tries so far)'
    assert_line '    (held, 2 tries so far)'
}

@test "what others said can't drive a terminal or forge a line; characters stay whole" {
    local umlauts
    umlauts=$(printf 'ü%.0s' {1..150})
    keep "$due_a" 'account \x1b[31m' 'from <s\xc2\x9b31m@example.org>' \
        "recipient <b\\xe2\\x80\\xae$b@example.net> waiting 451 - rcpt 4.1.1 one\\x0a$b two\\x1b[2J\\xff" \
        "recipient <bob@example.net> waiting 451 - rcpt a$umlauts"
    for option in -i -v --report=json; do
        smtpsend -bp $option
        assert_success
        # Nothing but printable bytes and line ends.
        ! LC_ALL=C grep -q '[^ -~ü]' <<<"${output//ü/}" || fail "$output"
    done
    list
    assert_equal "$(ids)" "$a "
    assert_line "    (rcpt: 451 4.1.1 one | $b two\\x1b[2J\\xff)"
    assert_line "    (rcpt: 451 a${umlauts:0:99}...)"
    assert_line --partial "b\\xe2\\x80\\xae$b@example.net"
    assert_line --partial 's\xc2\x9b31m@example.org'
}

@test "--report json: an object a line, in the same order" {
    fill
    list --report json
    assert_success
    assert_equal "${#lines[@]}" 3
    python "
assert [m['id'] for m in messages] == ['$a', '$b', '$c']
assert messages[0] == {
    'id': '$a', 'size': 144, 'created': 0x6925f3a1, 'due': 0x6925f4cd, 'attempts': 2,
    'from': 'ann@example.org', 'account': 'work', 'recipients': [
        {'address': 'bob@example.net', 'state': 'waiting', 'code': 451, 'enhanced': '4.7.1',
         'stage': 'rcpt', 'text': 'try later'},
        {'address': 'c@example.com', 'state': 'waiting', 'code': None, 'enhanced': None,
         'stage': 'connect', 'text': 'no route to host'}]}
held = messages[2]
assert held['held'] is True and 'due' not in held
assert held['from'] == '' and held['account'] is None
assert [r['state'] for r in held['recipients']] == ['failed', 'failed', 'waiting']
assert held['recipients'][2]['text'] is None"
}

@test "--report json is JSON and UTF-8, whatever was said" {
    keep "$due_a" 'account a"\\b' 'from <s"\\\xff@example.org>' \
        'recipient <ü@example.net> waiting 451 - rcpt one\x0atwo "q" \\ \x1b \xc2\x9b \xc3( \xf0\x9f\x98\x80 \xe2\x80\xae'
    list --report=json
    assert_success
    python "
m = messages[0]
assert m['account'] == 'a\"\\\\b'
assert m['from'] == 's\"\\\\\\ufffd@example.org'
assert m['recipients'][0]['address'] == '\\u00fc@example.net'
assert m['recipients'][0]['text'] == \
    'one\\ntwo \"q\" \\\\ \\x1b \\x9b \\ufffd( \\U0001f600 \\u202e'"
}

@test "--report is for -bp, and json is all it can be" {
    start_server
    for words in '' --dry-run -bs -bv -q "--queue-show $a"; do
        # shellcheck disable=SC2086 # words
        send --report json $words a@example.org
        expect 64 '--report'
    done
    list --report xml
    assert_equal "$status" 64
    assert_equal "$stderr" "smtpsend: config: --report: 'xml' is not json"
    assert_connections 0
}

@test "damaged ones are warned of and left where they are; the others are listed" {
    fill
    echo 'recipient <' >>"$spool/queue/$due_b/envelope"
    mkdir -m 700 "$spool/damaged/6925f4cd-6925f3a1-8888888888" "$spool/queue/stray"
    list
    assert_success
    assert_equal "$(ids)" "$a $c! "
    assert_line --partial ' in 2 Requests.'
    expect_stderr() {
        [[ $stderr == *"$1"* ]] || fail "$stderr"
    }
    expect_stderr "smtpsend: warning: message: '$b' is damaged: line "
    expect_stderr "smtpsend: warning: message: not listed: 2 in damaged/ and queue/ of '$spool'"
    [ -e "$spool/queue/$due_b" ]
    list --report json
    assert_success
    assert_equal "${#lines[@]}" 2
    expect_stderr "'$b' is damaged"
    list --quiet
    assert_equal "$(ids)" "$a $c! "
    assert_equal "$stderr" ''
    # One that is worked on is set aside.
    smtpsend --queue-hold "$b"
    expect 65 "'$b' is damaged" "$spool/damaged/$due_b"
    smtpsend --queue-hold "$b"
    expect 66 "$b"
    list
    expect_stderr ' 3 in damaged/ and queue/'
}

@test "a list that can't be written is 74; to a closed descriptor it is 0" {
    run bash -c '"$SMTPSEND" -bp >/dev/full'
    expect 74 'standard output: No space left on device'
    fill
    for option in '' --report=json "--queue-show=$a"; do
        [ "$option" = "--queue-show=$a" ] || option="-bp $option"
        run bash -c '"$SMTPSEND" $1 >/dev/full' - "$option"
        expect 74 'standard output: No space left on device'
        run bash -c '"$SMTPSEND" $1 >&-' - "$option"
        assert_success
    done
}

@test "a queue that others can write in, or that is none, is not listed" {
    fill
    chmod 777 "$spool/queue"
    smtpsend -bp
    expect 78 "others can write in the queue"
    rm -r "$spool"
    : >"$spool"
    smtpsend -bp
    expect 66 "$spool"
    smtpsend -bp --queue-dir "$spool/none"
    expect 66 "$spool"
    smtpsend -bp --queue-dir "$BATS_TEST_TMPDIR"
    expect 0 'Mail queue is empty'
}

@test "the config says where the queue is, and is checked" {
    fill
    unset SMTPSEND_QUEUE_DIR
    printf '%s\n' '[account x]' "queue-dir = $spool" >"$BATS_TEST_TMPDIR/config"
    list -C "$BATS_TEST_TMPDIR/config" -a x
    assert_equal "$(ids)" "$a $b $c! "
    printf '%s\n' "queue-dir = $spool" >"$BATS_TEST_TMPDIR/config"
    list -C "$BATS_TEST_TMPDIR/config"
    assert_equal "$(ids)" "$a $b $c! "
    SMTPSEND_QUEUE_DIR='' HOME=$BATS_TEST_TMPDIR XDG_STATE_HOME=$BATS_TEST_TMPDIR list \
        -C "$BATS_TEST_TMPDIR/config"
    assert_equal "$(ids)" "$a $b $c! "
    echo 'queue-dri = /x' >"$BATS_TEST_TMPDIR/config"
    list -C "$BATS_TEST_TMPDIR/config"
    assert_equal "$status" 78
}

@test "--queue-show: the envelope, an empty line, the message" {
    fill
    list --queue-show "$a"
    assert_equal "$status" 64
    run --separate-stderr timeout 60 "$SMTPSEND" --queue-show "$a"
    assert_success
    assert_equal "$stderr" ''
    "$SMTPSEND" --queue-show "$a" >"$BATS_TEST_TMPDIR/shown"
    { cat "$spool/queue/$due_a/envelope"; echo; cat "$spool/queue/$due_a/message"; } \
        >"$BATS_TEST_TMPDIR/wanted"
    sort "$BATS_TEST_TMPDIR/shown" >"$BATS_TEST_TMPDIR/shown.sorted"
    sort "$BATS_TEST_TMPDIR/wanted" >"$BATS_TEST_TMPDIR/wanted.sorted"
    assert_same_file "$BATS_TEST_TMPDIR/wanted.sorted" "$BATS_TEST_TMPDIR/shown.sorted"
    sed '1,/^$/d' "$BATS_TEST_TMPDIR/shown" >"$BATS_TEST_TMPDIR/message.shown"
    assert_same_file "$spool/queue/$due_a/message" "$BATS_TEST_TMPDIR/message.shown"
    # Held ones too, and ones that another has locked.
    lock "$held_c"
    smtpsend --queue-show "$c"
    expect 0 "id $c" 'recipient <lost@example.com> failed' 'Some text.'
    unlock
    assert_equal "$(queued | wc -l)" 3
}

@test "--queue-show: a long message comes as it is" {
    { cat "$message"; head -c 300000 /dev/urandom | base64 -w 150; } >"$message.long"
    head -c 200000 /dev/zero | tr '\0' x >>"$message.long"
    message=$message.long
    keep "$due_a" 'from <ann@example.org>'
    "$SMTPSEND" --queue-show "$a" | sed '1,/^$/d' >"$BATS_TEST_TMPDIR/shown"
    assert_same_file "$spool/queue/$due_a/message" "$BATS_TEST_TMPDIR/shown"
}

@test "--queue-show: at a terminal control bytes are escaped" {
    command -v python3 >/dev/null || skip 'no python3'
    { cat "$message"; printf 'red \033[31m\rüx\n'; seq 1 20000; printf 'end\n'; } >"$message.red"
    message=$message.red
    keep "$due_a" 'from <ann@example.org>'
    timeout 60 python3 "$BATS_TEST_DIRNAME/lib/terminal.py" /dev/null 'type:' \
        "$SMTPSEND" --queue-show "$a" >"$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    run grep -c '^exit: 0$' "$BATS_TEST_TMPDIR/said"
    assert_output 1
    # As Python shows bytes: a backslash of ours is two, a byte ESC would be one.
    run bash -c "grep '^said: ' '$BATS_TEST_TMPDIR/said'"
    expect 0 'red \\x1b[31m\\x0d\xc3\xbcx\r\n' 'from <ann@example.org>\r\n' 'Some text.\r\n' \
        '\r\nend\r\n'
    expect_not '[^\]\x1b' '\\x0d\r\n' '\r\r\n'
}

@test "--queue-hold and --queue-release: kept back, due now" {
    local before after
    fill
    smtpsend --queue-hold "$a"
    assert_success
    assert_output ''
    [ -e "$spool/queue/held-----$a" ]
    smtpsend --queue-hold "$a"
    assert_success
    list
    assert_equal "$(ids)" "$b $a! $c! "
    before=$(date +%s)
    smtpsend --queue-release "$a"
    assert_success
    assert_output ''
    after=$(date +%s)
    list --report json
    python "
due = {m['id']: m.get('due') for m in messages}['$a']
assert $before <= due <= $after, due"
    # One that is not held does not wait any longer.
    keep ffffff00-6925f3a4-0000000000 'from <ann@example.org>'
    smtpsend --queue-release 6925f3a4-0000000000
    assert_success
    [ ! -e "$spool/queue/ffffff00-6925f3a4-0000000000" ]
}

@test "--queue-release: recipients that had failed wait again, with what was said" {
    fill
    smtpsend --queue-release "$c"
    assert_success
    smtpsend --queue-show "$c"
    expect 0 'recipient <gone@example.com> waiting 550 5.1.1 rcpt 5.1.1 no such user' \
        'recipient <lost@example.com> waiting' 'recipient <late@example.com> waiting'
    expect_not failed
    assert_equal "$(find "$spool" -name 'held*')" ''
    assert_equal "$(find "$spool" -name '*.new')" ''
}

@test "--queue-delete: gone, the others stay" {
    fill
    smtpsend --queue-delete "$a"
    assert_success
    assert_output ''
    smtpsend --queue-delete "$c"
    assert_success
    assert_equal "$(queued)" "$due_b"
    assert_equal "$(ls -A "$spool/tmp")" ''
    smtpsend --queue-delete "$a"
    expect 66 "there is no message '$a' in the queue"
}

@test "one that another process has locked: 75, and nothing is changed" {
    local act
    fill
    lock "$due_a"
    for act in delete hold release; do
        smtpsend "--queue-$act" "$a"
        expect 75 "another process is just sending message '$a'"
    done
    assert_equal "$(queued)" "$(printf '%s\n' "$due_a" "$due_b" "$held_c")"
    list
    assert_equal "$(ids)" "$a $b $c! "
    unlock
    smtpsend --queue-delete "$a"
    assert_success
}

@test "no such message: 66; what can't be an id: 64, escaped" {
    local act id
    for act in show delete hold release; do
        smtpsend "--queue-$act" "$a"
        expect 66 "'$a'"
        [ ! -e "$spool" ]
    done
    fill
    for act in show delete hold release; do
        smtpsend "--queue-$act" 6925f3a1-7K2M9QXC40
        expect 66 "there is no message '6925f3a1-7K2M9QXC40' in the queue"
        for id in '' x "$due_a" "../$a" "$a!" "${a,,}" "${a::-1}" "$a/" 'held----' ALL \
            $'6925f3a1-7K2M9QXC4\x1b' "$(printf 'x%.0s' {1..5000})"; do
            smtpsend "--queue-$act" "$id"
            expect 64 "can't be the id" '-bp'
            expect_not $'\x1b'
            [ ${#output} -lt 300 ]
        done
    done
    assert_equal "$(queued)" "$(printf '%s\n' "$due_a" "$due_b" "$held_c")"
}

@test "one act at once, and nothing sent beside it" {
    local act word
    fill
    start_server
    for act in show delete hold release; do
        for word in a@example.org -t -bp -bs -bv -bm -q -q30m --dry-run "--queue-retry=$b" \
            "--queue-show=$b" "--queue-delete=$b" "--queue-hold=$b" "--queue-release=$b"; do
            send "--queue-$act=$a" "$word"
            expect 64 '--queue-' 'exclude each other'
        done
    done
    for word in a@example.org -t -q -q30m --dry-run; do
        send -bp "$word"
        expect 64 '-bp' 'exclude each other'
    done
    assert_equal "$(queued)" "$(printf '%s\n' "$due_a" "$due_b" "$held_c")"
    assert_connections 0
}

@test "two thousand messages are all listed, by the time they are tried" {
    local i id names=()
    umask 077
    for ((i = 0; i < 2000; i++)); do
        # The time falls as the number grows.
        printf -v id '6925f3a1-%010d' "$i"
        printf -v names[i] '%s/queue/%08x-%s' "$spool" $((0x6925f4cd - i)) "$id"
    done
    mkdir -p "$spool"/{tmp,damaged} "${names[@]}"
    for ((i = 0; i < 2000; i++)); do
        printf x >"${names[i]}/message"
        printf '%s\n' 'smtpsend-queue 1' "id ${names[i]: -19}" 'created 1764094881' 'size 1' \
            'attempts 0' 'from <ann@example.org>' 'recipient <bob@example.net> waiting' end \
            >"${names[i]}/envelope"
    done
    list
    assert_success
    assert_equal "$stderr" ''
    assert_equal "${lines[-1]}" '-- 2 Kbytes in 2000 Requests.'
    ids >"$BATS_TEST_TMPDIR/ids"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/ids")" \
        "$(for ((i = 1999; i >= 0; i--)); do printf '6925f3a1-%010d ' "$i"; done)"
    list --report json
    python "assert [int(m['id'][9:]) for m in messages] == list(range(1999, -1, -1))"
}

@test "a message to very many is listed in bounded pieces" {
    local i recipients=()
    for ((i = 0; i < 20000; i++)); do
        recipients+=("recipient <user$i@example.net> waiting 451 4.7.1 rcpt try later")
    done
    keep "$due_a" 'from <ann@example.org>' "${recipients[@]}"
    list
    assert_success
    assert_equal "${#lines[@]}" 40003
    list --report json
    python "assert len(messages[0]['recipients']) == 20000"
    run bash -c '"$SMTPSEND" -bp >/dev/full'
    expect 74 'standard output'
}
