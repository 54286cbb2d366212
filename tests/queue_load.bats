#!/usr/bin/env bats
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bats, common.bash and here
# runs alone
#
# The queue under load: many messages, several flushers at once, a server that fails a third of the
# time; and that what one message costs does not grow with the queue behind it.
#
# QUEUE_LOAD=N: so many messages in the first test. By default 10,000 where the queue can lie in
# memory and nothing slows the program down, else less.

setup_file() {
    local memory=/dev/shm
    [ -w "$memory" ] || memory=$BATS_FILE_TMPDIR
    spools=$(mktemp -d "$memory/smtpsend.XXXXXX")
    export spools
    # A second for 20 messages is a slow machine.
    export BATS_TEST_TIMEOUT=$((BATS_TEST_TIMEOUT + $(how_many) / 20))
}

teardown_file() {
    rm -rf "$spools"
}

prepare() {
    spool=$spools/$BATS_TEST_NUMBER
    export SMTPSEND_QUEUE_DIR=$spool
}

load lib/common

# ---- many messages ----

how_many() {
    if [ -n "${QUEUE_LOAD-}" ]; then
        echo "$QUEUE_LOAD"
    elif [ -n "$SMTPSEND_SAN" ]; then
        echo 500
    elif [[ $spools == /dev/shm/* ]]; then
        echo 10000
    else
        echo 1000
    fi
}

# enqueue FIRST STEP LAST: a run of the program for each message, which has its number as its
# Message-ID and in the recipient's address. In a subshell without the trap of bats, which would
# take longer than the program.
enqueue() (
    trap - DEBUG
    for ((i = $1; i <= $3; i += $2)); do
        printf '%s\n' 'From: sender@example.org' 'To: a@example.org' \
            'Date: Tue, 01 Jul 2025 10:00:00 +0000' "Message-ID: <$i@load.example>" '' 'Text.' |
            "$SMTPSEND" --queue always -f sender@example.org "to$i@example.org" || exit
    done
)

# crowd DUE N: with N copies of a message that the program kept, made as smtpsend-queue(5) has it,
# the queue has that many at the time DUE.
crowd() {
    local due=$1 n=$2 id envelope entry i
    enqueue 1 1 1
    entry=$(echo "$spool/queue"/*)
    id=${entry#*/queue/????????-}
    mv "$entry" "$spools/one"
    envelope=$(<"$spools/one/envelope")
    (
        trap - DEBUG
        umask 077
        cd "$spool/queue" || exit
        for ((i = 0; i < n; i++)); do
            printf '%s-6925f3a1-%010d\n' "$due" "$i"
        done | xargs mkdir
        for entry in *; do
            printf '%s\n' "${envelope//"$id"/"${entry:9}"}" >"$entry/envelope"
            printf '%s' "$(<"$spools/one/message")" $'\n' >"$entry/message"
        done
    )
    rm -r "$spools/one"
    [ "$(in_queue)" -eq "$n" ]
}

in_queue() {
    find "$spool/queue" -mindepth 1 -maxdepth 1 | wc -l
}

# flush N: so many flushers at once. 0 or 75 each: nothing is left, or something.
flush() {
    local i flusher flushers=() status
    for ((i = 0; i < $1; i++)); do
        timeout 600 "$SMTPSEND" -q --server "smtp://127.0.0.1:$port" --timeout "$PATIENCE" \
            2>>"$BATS_TEST_TMPDIR/said" 3>&- 4>&- &
        flushers+=($!)
    done
    for flusher in "${flushers[@]}"; do
        status=0
        wait "$flusher" || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq 75 ] ||
            fail "a flusher ended with $status: $(tail "$BATS_TEST_TMPDIR/said")"
    done
}

# How often a line begins so in all dialogues.
count_said() {
    cat "$dir/log"/* | grep -c "^$1"
}

@test "many messages, four flushers at once, a server that fails a third of the time: each arrives once" {
    local n writer passes=0 tries writers=()
    n=$(how_many)
    for writer in 1 2; do
        enqueue "$writer" 2 "$n" 3>&- 4>&- &
        writers+=($!)
    done
    for writer in "${writers[@]}"; do
        wait "$writer"
    done
    [ "$(in_queue)" -eq "$n" ] || fail "$(in_queue) of $n are in the queue"

    # Of what gets so far a fifth, an eighth, a twentieth: a third.
    start_server --lifetime "$BATS_TEST_TIMEOUT" --reply rcpt/5='451 4.3.0 Not now' \
        --reply bdat/8='451 4.3.0 Not now' --at body/20=drop
    while [ "$(in_queue)" -gt 0 ]; do
        [ $((passes += 1)) -le 60 ] || fail "$(in_queue) are left after 60 passes"
        flush 4
    done

    assert_delivered "$n"
    find "$dir/mail/new" -type f -exec cat {} + | tr -d '\r' | sed -n 's/^Message-ID: <\(.*\)@load.example>/\1/p' |
        sort -n | cmp - <(seq "$n") || fail 'other messages arrived than those that were kept'
    find "$dir/mail/envelope" -type f -exec cat {} + | sed -n 's/^RCPT TO:<to\(.*\)@example.org>.*/\1/p' |
        sort -n | cmp - <(seq "$n") || fail 'others got them than those they were for'
    [ -z "$(find "$spool/tmp" "$spool/damaged" -mindepth 1)" ] || fail 'something stays behind'
    tries=$(count_said 'C: MAIL')
    echo "# $n messages, $tries tries in $passes passes, $(count_connections) connections" >&3
    [ $((tries * 10)) -ge $((n * 14)) ] || fail "the server did not fail a third of $tries"
}

@test "all messages of a pass go over one connection" {
    local n=1000
    crowd 6925f3a1 "$n"
    start_server
    flush 1
    assert_delivered "$n"
    assert_connections 1
}

@test "four flushers that nothing fails for need four connections at most" {
    local n=1000
    crowd 6925f3a1 "$n"
    start_server
    flush 4
    assert_delivered "$n"
    [ "$(count_connections)" -le 4 ] || fail "$(count_connections) connections"
}

# ---- what does not grow ----

needs_strace() {
    [ -z "$SMTPSEND_SAN" ] || skip 'a sanitizer does not get along with strace'
    strace -o /dev/null true 2>/dev/null || skip 'no strace'
}

# The system calls of a run, by name, but those for memory and those that wait for the server.
calls() {
    local log=$BATS_TEST_TMPDIR/strace
    if ! timeout 60 strace -f -o "$log" "$SMTPSEND" "$@" <"$message" 2>"$BATS_TEST_TMPDIR/said"; then
        cat "$BATS_TEST_TMPDIR/said" >&2
        return 1
    fi
    sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$log" | grep -vE '^(poll|recvfrom|brk|m(un|re)?map|sysinfo)$' |
        sort | uniq -c
}

# What `calls` of the arguments finds beside few and beside many, in $few and $many.
beside() {
    local due=$1 small=$2
    shift 2
    crowd "$due" "$small"
    few=$(calls "$@") || fail "it failed: $*"
    rm -r "$spool"
    crowd "$due" 10000
    many=$(calls "$@") || fail "it failed: $*"
}

# In an hour; no message is due then.
later() {
    printf '%08x' $(($(date +%s) + 3600))
}

@test "to keep a message takes no more system calls beside 10,000 than beside 10" {
    local few many
    needs_strace
    beside "$(later)" 10 --queue always -f sender@example.org a@example.org
    [ "$few" = "$many" ] || fail "$(diff <(echo "$few") <(echo "$many"))"
}

@test "to send a message beside 10,000 that are not due takes no more system calls than beside 300" {
    local few many
    needs_strace
    start_server
    export SMTPSEND_SERVER=smtp://127.0.0.1:$port # named on the command line, nothing goes along
    beside "$(later)" 300 --queue fallback -f sender@example.org a@example.org
    assert_delivered 2
    # It did look at the queue.
    grep -q getdents64 <<<"$many"
    [ "$few" = "$many" ] || fail "$(diff <(echo "$few") <(echo "$many"))"
}

@test "a pass over 10,000 that are held does nothing but list them" {
    local few many
    needs_strace
    beside held---- 10 -q --server smtp://127.0.0.1:9
    [ "$(grep -v getdents64 <<<"$few")" = "$(grep -v getdents64 <<<"$many")" ] ||
        fail "$(diff <(echo "$few") <(echo "$many"))"
}

# ---- what waits for the disk ----

# syncs RECIPIENT...: how often a pass does that calls fsync for a message to them.
syncs() {
    local log=$BATS_TEST_TMPDIR/strace
    rm -rf "$spool"
    "$SMTPSEND" --queue always -f sender@example.org "$@" <"$message"
    timeout 60 strace -f -e trace=fsync -o "$log" "$SMTPSEND" -q --server "smtp://127.0.0.1:$port" \
        </dev/null 2>/dev/null || [ $? -eq 75 ]
    grep -c 'fsync(' "$log"
}

@test "a pass waits for the disk once for a message that goes, three times for one that does not" {
    needs_strace
    start_server --rcpt 'later*=451 4.3.0 Not now'
    assert_equal "$(syncs a@example.org b@example.org)" 1
    # The envelope, its folder, and the new time.
    assert_equal "$(syncs later@example.org)" 3
    assert_equal "$(syncs a@example.org later@example.org)" 3
}
