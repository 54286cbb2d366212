#!/usr/bin/env bats
# queue_flush.bats: what is in the queue is sent: when, by which account, in which session, and
# what then is left.
# shellcheck disable=SC2154 # what the libraries set

load lib/common
load lib/queue

prepare() {
    use_queue
    flusher=''
}

# ---- one pass ----

@test "-q: nothing in the queue, or no queue: 0, and no connection" {
    start_server
    flush
    expect 0
    assert_equal "$output" ''
    keep a@example.org
    flush
    flush
    expect 0
    assert_connections 1
}

@test "-q: no recipients, no odd interval, nothing else with it" {
    for words in '-bm -q' '-q -bs' '-q --dry-run' '-q -t' '-q a@example.org' '-q 30m' '-qx' '-q-1'; do
        # shellcheck disable=SC2086 # words
        run "$SMTPSEND" $words </dev/null
        expect 64 '-q'
    done
}

@test "-q0: what is due, once" {
    start_server
    keep a@example.org
    reschedule 1000
    keep b@example.org
    run timeout 60 "$SMTPSEND" -q0 --server "127.0.0.1:$port" </dev/null
    expect 0
    assert_output ''
    assert_kept 1
    assert_delivered 1
    assert_fact 'recipient <a@example.org> waiting'
    flush
    expect 0
    assert_kept 0
}

@test "-q -v: which message, each reply, and how many went" {
    start_server --rcpt 'b@*=451 4.3.0 later'
    keep a@example.org
    flush -v
    expect 0 "queue: message " 'rcpt a@example.org: 250 ' \
        'queue: 1 sent, and nothing is left to send'
    keep b@example.org
    flush -v
    expect 75 '451 4.3.0 later' 'queue: 0 sent; ' ' shows what is left'
}

@test "-q does not read the standard input" {
    keep a@example.org
    start_server
    run bash -c 'echo left | { "$SMTPSEND" -q --server "127.0.0.1:$1"; cat; }' - "$port"
    expect 0
    assert_output left
}

@test "-q: all that is not held, due or not; what arrives is what was kept" {
    local n
    for n in 1 2 3; do
        keep "$n@example.org"
    done
    reschedule 1000
    reschedule held 2
    start_server
    flush
    expect 0
    assert_equal "$output" ''
    assert_delivered 2
    assert_connections 1
    assert_kept 1
    [[ $(entry) == */held----* ]]
    assert_equal "$(cat "$dir"/mail/envelope/* | grep -c 'MAIL FROM:<sender@example.org>')" 2
}

@test "a header that grew beyond its limits when it was mended: what was kept can be sent" {
    start_server
    message=$BATS_TEST_TMPDIR/grows
    { printf 'To: ' && seq -f name%.0f 6000 | paste -sd,; } >"$message"
    printf 'X: %065000d\n' {1..15} >>"$message"
    printf '\ntext\n' >>"$message"
    keep a@example.org
    [ "$(stat -c %s "$(entry)/message")" -gt $((1024 * 1024)) ]
    flush
    expect 0
    assert_kept 0
    assert_delivered 1
}

@test "what fails for now stays, with the last reply and a later time: 75" {
    keep a@example.org b@example.org c@example.org
    start_server --rcpt 'a@*=451 4.3.0 later' --rcpt 'b@*=550 5.1.1 unknown'
    flush -v
    expect 75 '451 4.3.0 later' '550 5.1.1 unknown'
    assert_recipients '<a@example.org> waiting 451 4.3.0 rcpt 4.3.0 later'
    assert_fact 'attempts 1'
    assert_pause 240 360
    assert_delivered 2 # the second is the bounce
    flush
    expect 75
    assert_fact 'attempts 2'
    assert_pause 480 720
}

@test "the pause doubles, and has an end" {
    start_server --reply 'mail=451 4.3.0 later'
    keep a@example.org
    local attempts
    for attempts in 0:300 1:600 3:2400 5:9600 6:14400 7:14400 100:14400 999999999:14400; do
        edit "s/^attempts .*/attempts ${attempts%:*}/"
        flush
        expect 75
        assert_pause $((${attempts#*:} * 8 / 10)) $((${attempts#*:} * 12 / 10))
    done
}

@test "each at its own time: no two of many pauses are alike" {
    start_server --reply 'mail=451 4.3.0 later'
    local n
    for n in 1 2 3 4 5 6; do
        keep a@example.org
    done
    flush
    run bash -c 'ls "$1/queue" | cut -d- -f1 | sort -u | wc -l' - "$spool"
    [ "$output" -ge 3 ]
}

@test "a server that is down is asked once in a pass, and again in the next" {
    local n
    for n in 1 2 3; do
        keep a@example.org
    done
    start_server --reply 'greeting=421 4.3.2 full'
    flush
    expect 75
    assert_connections 1
    flush -v
    expect 75 '421 4.3.2 full'
    assert_connections 2
    assert_kept 3
}

@test "a message that asks for what the server lacks does not keep the others back" {
    keep --require-tls a@example.org
    keep --priority 3 a@example.org
    keep --deliver-by '600;R' a@example.org
    keep b@example.org
    reschedule -10
    reschedule -9 2
    reschedule -8 3
    start_server
    flush
    grep -q 'RCPT TO:<b@' "$dir"/mail/envelope/*
    assert_connections 1
}

@test "a message that is refused does not keep the others back" {
    start_server --no PIPELINING --rcpt 'a@*=421 4.3.2 leave' --rcpt 'b@*=550 5.1.1 unknown'
    keep a@example.org
    keep b@example.org
    keep c@example.org
    flush
    expect 75
    grep -q 'RCPT TO:<c@' "$dir"/mail/envelope/*
    assert_kept 1
    assert_fact 'recipient <a@*'
}

@test "a connection lost after the last byte: written down that it may have arrived" {
    keep a@example.org b@example.org
    start_server --no CHUNKING --at dot=drop
    flush -v
    expect 75 'may have accepted'
    assert_recipients '<a@* waiting - - dot *may have accepted the message*' \
        '<b@* waiting - - dot *may have accepted the message*'
}

@test "TLS that fails is told of each time, a server that is only away is not" {
    make_certificate
    keep a@example.org
    start_server --tls-cert "$cert" --tls-key "$key"
    flush --tls required
    expect 75 'tls: ' 'not trusted'
    flush --tls required --quiet
    expect 75
    assert_equal "$output" ''
    flush --tls required --tls-ca "$ca" --tls-name localhost
    expect 0
    assert_delivered 1
}

# ---- sessions ----

@test "many messages share one connection" {
    local n
    for n in 1 2 3 4 5 6 7 8; do
        keep a@example.org
    done
    start_server
    flush
    expect 0
    assert_delivered 8
    assert_connections 1
    assert_equal "$(commands | grep -c EHLO)" 1
    assert_dialogue 'MAIL*' 'MAIL*' 'QUIT' '\* eof'
}

@test "a server that takes so many in a session gets them so: LIMITS, 421, and gone" {
    local how n
    for how in '--offer=LIMITS MAILMAX=2' --reply='mail:3=421 4.7.0 enough' \
        --at=bdat:2=closeafter --at=mail:3=drop; do
        rm -rf "$spool"
        for n in 1 2 3 4 5; do
            keep "$n@example.org"
        done
        start_server "$how"
        flush
        expect 0
        assert_delivered 5
        assert_connections 3
        stop_server
    done
}

@test "accounts each have their session, whatever the order of their messages" {
    start_server
    local one=$dir one_port=$port n
    start_server
    configure '[account one]' "server = 127.0.0.1:$one_port" '[account two]' \
        "server = 127.0.0.1:$port"
    for n in one two one two; do
        keep "${config[@]}" -a "$n" a@example.org
    done
    run "$SMTPSEND" "${config[@]}" -q
    expect 0
    assert_delivered 2
    assert_connections 1
    dir=$one
    assert_delivered 2
    assert_connections 1
}

@test "one account's server being down does not hold the other's messages" {
    closed_port
    local closed=$port
    start_server
    configure '[account one]' "server = 127.0.0.1:$closed" '[account two]' \
        "server = 127.0.0.1:$port"
    keep "${config[@]}" -a one a@example.org
    keep "${config[@]}" -a two a@example.org
    run "$SMTPSEND" "${config[@]}" -q
    expect 75
    assert_delivered 1
    assert_kept 1
    assert_fact 'account one'
}

# ---- by which account ----

@test "the config of now, by the account's name; options with -q win" {
    closed_port
    configure '[account one]' "server = 127.0.0.1:$port"
    keep "${config[@]}" -a one a@example.org
    keep "${config[@]}" -a one a@example.org
    keep "${config[@]}" -a one a@example.org
    start_server
    configure '[account one]' "server = 127.0.0.1:$port" 'helo = one.example' \
        '[account two]' "server = 127.0.0.1:$port" 'helo = two.example'
    reschedule held 1
    reschedule held 1
    run "$SMTPSEND" "${config[@]}" -q
    expect 0
    assert_dialogue 1 'EHLO one.example'
    reschedule 0 1
    run "$SMTPSEND" "${config[@]}" -q -a two
    expect 0
    assert_dialogue 2 'EHLO two.example'
    start_server
    reschedule 0 1
    run "$SMTPSEND" "${config[@]}" -q --server "127.0.0.1:$port"
    expect 0
    assert_delivered 1
}

@test "a message without an account goes by the one that its sender matches now" {
    keep a@example.org
    start_server
    configure 'server = 127.0.0.1:1' '[account one]' "server = 127.0.0.1:$port" \
        'match-from = *@example.org'
    run "$SMTPSEND" "${config[@]}" -q
    expect 0
    assert_delivered 1
}

@test "an account that is gone from the config: kept, told, 78; the others go" {
    configure '[account one]' 'server = 127.0.0.1:1'
    keep "${config[@]}" -a one a@example.org
    keep b@example.org
    start_server
    configure "server = 127.0.0.1:$port"
    run "$SMTPSEND" "${config[@]}" -q
    expect 78 "no account 'one'"
    assert_kept 1
    assert_delivered 1
    assert_fact 'attempts 0' 'recipient <a@example.org> waiting'
    run "$SMTPSEND" "${config[@]}" -q --quiet
    expect 78
    assert_equal "$output" ''
    # Who says by which server it goes has no need of the account.
    flush
    expect 0
    assert_delivered 2
}

@test "a wrong password is told of, and right it works" {
    start_server --user me:geheim --auth-in-clear
    local password=$BATS_TEST_TMPDIR/password
    configure "server = 127.0.0.1:$port" 'user = me' "password-file = $password" \
        'allow-cleartext-auth = yes'
    keep a@example.org
    keep b@example.org
    run "$SMTPSEND" "${config[@]}" -q
    expect 75 'password'
    echo wrong >"$password"
    chmod 600 "$password"
    run "$SMTPSEND" "${config[@]}" -q
    expect 75 '535'
    assert_connections 1
    chmod 644 "$password"
    run "$SMTPSEND" "${config[@]}" -q
    expect 78 'password'
    chmod 600 "$password"
    echo geheim >"$password"
    run "$SMTPSEND" "${config[@]}" -q
    expect 0
    assert_delivered 2
    assert_kept 0
}

# ---- again and again ----

# Starts `smtpsend -q1s`, or with these options, which $flusher is then.
start_flusher() {
    [ $# -gt 0 ] || set -- -q1s
    "$SMTPSEND" "$@" --server "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/flusher" 2>&1 3>&- &
    flusher=$!
}

teardown() {
    [ -z "$flusher" ] || kill "$flusher" 2>/dev/null || true
    stop_servers
}

arrived() {
    [ "$(count_delivered)" -ge "$1" ]
}

end_flusher() {
    local status=0
    kill -TERM "$flusher"
    wait "$flusher" || status=$?
    flusher=''
    assert_equal "$status" "${1-0}"
}

@test "-q1s: what is due at once, what comes later in a later pass; SIGTERM ends it well" {
    keep a@example.org
    keep b@example.org
    reschedule 1000 2
    start_server
    start_flusher
    await arrived 1
    keep c@example.org
    await arrived 2
    end_flusher
    assert_kept 1
    assert_equal "$(cat "$BATS_TEST_TMPDIR/flusher")" ''
}

@test "-q1s: a queue that is not there yet; a message whose time comes" {
    start_server
    start_flusher
    await test -d "$spool/queue"
    keep a@example.org
    reschedule 1
    await arrived 1
    end_flusher
    assert_kept 0
}

@test "-q1s: --deadline is for each pass, not for all of them" {
    keep a@example.org
    start_server
    start_flusher -q1s --deadline 1s
    await arrived 1
    keep b@example.org
    reschedule 2
    await arrived 2
    end_flusher
}

@test "-q1s under nohup: a signal that was ignored stays so" {
    start_server
    trap '' HUP
    start_flusher
    trap - HUP
    await test -d "$spool/queue"
    kill -HUP "$flusher"
    keep a@example.org
    await arrived 1
    kill -HUP "$flusher"
    keep b@example.org
    await arrived 2
    end_flusher
}

@test "-q1h waits long, and SIGTERM ends it at once" {
    start_server
    keep a@example.org
    start_flusher -q1h
    await arrived 1
    await test "$(count_kept)" -eq 0
    end_flusher
}

@test "SIGTERM within a message: it is finished, the next is not begun, for -q and -q1h" {
    local way
    for way in -q -q1h; do
        rm -rf "$spool"
        keep a@example.org
        keep b@example.org
        start_server --delay dot=600 --delay bdat=600
        start_flusher "$way"
        await grep -q 'data>\|BDAT' "$dir/log/1"
        end_flusher "$([ "$way" = -q ] && echo 75 || echo 0)"
        assert_delivered 1
        assert_kept 1
    done
}

@test "two at once: nothing is sent twice" {
    local n
    for n in 1 2 3 4 5 6 7 8 9 10; do
        keep "$n@example.org"
    done
    start_server --delay mail=20
    "$SMTPSEND" -q --server "127.0.0.1:$port" 3>&- &
    flush
    expect 0
    wait $!
    flush
    expect 0
    assert_delivered 10
    assert_equal "$(cat "$dir"/mail/envelope/* | grep RCPT | sort -u | wc -l)" 10
}

# ---- damage, and the clock ----

@test "damaged entries are set aside, untouched, and told of; the others go" {
    local n kind
    for kind in torn size word missing empty symlink fifo; do
        keep "$kind@example.org"
        n=$(dirname "$(grep -l "<$kind@" "$spool"/queue/*/envelope)")
        case $kind in
        torn) sed -i '$d' "$n/envelope" ;;
        size) echo more >>"$n/message" ;;
        word) sed -i 's/^attempts.*/&\nfrobnicate 7/' "$n/envelope" ;;
        missing) rm "$n/message" ;;
        empty) : >"$n/envelope" ;;
        symlink) mv "$n/message" "$BATS_TEST_TMPDIR/m" && ln -s "$BATS_TEST_TMPDIR/m" "$n/message" ;;
        fifo) rm "$n/envelope" && mkfifo "$n/envelope" ;;
        esac
    done
    touch "$spool/queue/$(printf '%08x' 1)-$(entry_id)x" "$spool/queue/stray"
    keep good@example.org
    start_server
    flush
    expect 65 'damaged' "line " 'frobnicate' 'bytes, not' "is no file" 'message is missing' \
        "$spool/damaged/"
    assert_delivered 1
    assert_equal "$(find "$spool/damaged" -mindepth 1 -maxdepth 1 | wc -l)" 7
    assert_kept 2
    flush
    expect 0
}

@test "an entry of another's id, or that is no folder: aside" {
    keep a@example.org
    keep b@example.org
    mv "$(entry)" "$spool/queue/00000001-00000001-0000000000"
    mkdir "$BATS_TEST_TMPDIR/elsewhere"
    mv "$(entry 2)" "$BATS_TEST_TMPDIR/elsewhere/x"
    ln -s "$BATS_TEST_TMPDIR/elsewhere/x" "$spool/queue/00000002-00000001-0000000001"
    start_server
    flush
    expect 65 'its envelope is that of' 'it is no folder'
    assert_delivered 0
    assert_equal "$(find "$spool/damaged" -mindepth 1 -maxdepth 1 | wc -l)" 2
}

@test "a clock that was wrong: kept in 1970, or in times to come, is not old" {
    local created
    start_server --reply 'mail=451 4.3.0 later'
    for created in 0 86400 99999999999; do
        keep a@example.org
        edit "s/^created .*/created $created/"
        flush
        expect 75
        assert_kept 1
        assert_equal "$(($(date +%s) - $(sed -n 's/^created //p' "$(entry)/envelope") < 60))" 1
        rm -r "$spool"
    done
}

@test "due years ahead counts as due" {
    keep a@example.org
    reschedule 100000000
    start_server
    start_flusher
    await arrived 1
    end_flusher
}

# ---- one message ----

@test "--queue-retry: that one now, held or not, as if it were sent anew" {
    start_server --rcpt 'b@*=451 4.3.0 later' --rcpt 'c@*=550 5.1.1 unknown'
    keep a@example.org
    reschedule held
    keep b@example.org
    reschedule 1000
    run "$SMTPSEND" --queue-retry "$(entry_id 2)" --server "127.0.0.1:$port"
    expect 0
    assert_kept 1
    assert_delivered 1
    run "$SMTPSEND" --queue-retry "$(entry_id)" --server "127.0.0.1:$port"
    expect 75 'rcpt b@example.org: ' '451 4.3.0 later'
    assert_fact 'attempts 1'
    run "$SMTPSEND" --queue-retry 00000001-0000000000 --server "127.0.0.1:$port"
    expect 66 '00000001-0000000000'
    rm -r "$spool"
    keep -N never c@example.org
    run "$SMTPSEND" --queue-retry "$(entry_id)" --server "127.0.0.1:$port"
    expect 67 '550 5.1.1 unknown'
    run "$SMTPSEND" --queue-retry 00000001-0000000000
    expect 66
}

@test "--queue-retry: one that was held is held again where it does not go" {
    start_server --rcpt 'b@*=451 4.3.0 later'
    keep b@example.org
    reschedule held
    run "$SMTPSEND" --queue-retry "$(entry_id)" --server "127.0.0.1:$port"
    expect 75 '451 4.3.0 later'
    assert_fact 'attempts 1'
    [[ $(entry) == */held-----* ]]
}

@test "-q and its kin take no option that is of a message" {
    for words in '-q -f s@example.org' '-q -N never' '-q0 --require-all' '-bp -F x'; do
        # shellcheck disable=SC2086 # words
        run "$SMTPSEND" $words </dev/null
        expect 64 'is of a message that is given'
    done
    run "$SMTPSEND" -q --postmaster 'x y' </dev/null
    expect 64 "'x y' is not an address"
    run "$SMTPSEND" -q --queue-dir '' </dev/null
    expect 64 '--queue-dir'
    run "$SMTPSEND" --queue-retry ../../etc/passwd </dev/null
    expect 64 "'../../etc/passwd' can't be the id"
}

@test "-q1s serves the folder that its path leads to now" {
    start_server
    start_flusher
    keep a@example.org
    await arrived 1
    rm -r "$spool"
    keep b@example.org
    await arrived 2
    end_flusher
}

@test "a wish in the envelope that can't be is told to the sender; an address that can't is damage" {
    start_server
    keep a@example.org
    edit 's/^from /notify bogus\nfrom /'
    flush
    expect 0
    read_subject=$(grep -c '^Subject: Undelivered' "$(delivered)")
    assert_equal "$read_subject" 1
    keep a@example.org
    edit 's/^recipient .*/recipient <b@x\\x3e\\x0d\\x0aRSET> waiting/'
    flush
    expect 65 'damaged' 'an address with a control byte'
    assert_delivered 1
    [ -n "$(ls "$spool/damaged")" ]
}
