#!/usr/bin/env bats
# queue_kill.bats: the queue with the program killed before and after each of its system calls.
# A message that was promised arrives, whole and once; the one duplicate there can be is that of a
# flush that is killed after the server took the message and before that is written down.
# runs alone: it uses all processors by itself
# not under sanitizers: it traces
# shellcheck disable=SC2034,SC2154 # what lib/ sets and reads

load lib/common
load lib/inject

# Until here a run is the dynamic loader's, as one with --version is.
prepare() {
    prepare_injection
    can_kill
    first=$(("$("$kill_at" --count -- "$SMTPSEND" --version)" - 10))
    towards=()
}

# Killed at point N while it takes a message; status 1: it ended before.
killed_enqueue() {
    local n=$1 status=0 before=("$kill_at" "$1" --)
    write_message "$n"
    enqueue "$n" || status=$?
    echo "$status" >"$scratch/found/status.$n"
    [ "$status" -eq 137 ] || [ "$status" -eq 0 ] || wrong "$n: $status: $(cat "$scratch/said/$n")"
    works_again "$n"
    [ "$status" -eq 137 ]
}

# After a walk of enqueues: promised ones came once, others once or not at all. Sets $kept.
assert_promises_kept() {
    local n
    kept=0
    count_arrived
    for n in $(points); do
        case $(cat "$scratch/found/status.$n")${counts[b$n@y.example]-0} in
        01) ;;
        1370) ;;
        1371) kept=$((kept + 1)) ;;
        *) wrong "$n: $(cat "$scratch/found/status.$n"), arrived ${counts[b$n@y.example]-0} times" ;;
        esac
        [ "${counts[b$n-after@y.example]-0}" -eq 1 ] || wrong "$n: not the next one once"
        arrived_whole "$n" "b$n@y.example"
        arrived_whole "$n-after" "b$n-after@y.example"
    done
    assert_nothing_wrong
}

@test "killed at each point of taking a message: it is there whole, or not at all" {
    start_server
    walk killed_enqueue "$first"
    assert_promises_kept
    echo "# points tried: $tried, in the queue though not promised: $kept" >&3
}

@test "killed at each third point of falling back on the queue" {
    start_server
    towards=(--server 127.0.0.1:1) queueing=fallback
    # The point behind a call and the one before the next are one state to others: half will do.
    walk killed_enqueue "$first" 2
    assert_promises_kept
    echo "# points tried: $tried, in the queue though not promised: $kept" >&3
}

@test "killed at each point of taking one more: those that are there stay" {
    local n status before=()
    start_server
    spool=$scratch/spools/shared
    write_message 0
    enqueue 0
    tried=0
    # Not at once: all in one spool.
    for ((n = first; ; n += 2 * ${INJECT_STEP:-1})); do
        age_leftovers # or each run would have more to look at
        status=0 before=("$kill_at" "$n" --)
        write_message "$n"
        enqueue "$n" || status=$?
        tried=$((tried + 1))
        [ "$status" -eq 137 ] || break
    done
    [ "$status" -eq 0 ] || fail "$status: $(cat "$scratch/said/$n")"
    works_again 0
    count_arrived
    [ "${counts[b0@y.example]}" -eq 1 ]
    [ "${counts[b$n@y.example]}" -eq 1 ]
    for ((; n >= first; n -= 2 * ${INJECT_STEP:-1})); do
        [ "${counts[b$n@y.example]-0}" -le 1 ] || wrong "$n: more than once"
        arrived_whole "$n" "b$n@y.example"
    done
    assert_nothing_wrong
    echo "# points tried: $tried" >&3
}

# Killed at point N while it sends a message from the queue.
killed_flush() {
    local n=$1 status=0 before=()
    write_message "$n"
    enqueue "$n" "${recipients[@]/%/$n@y.example}" ||
        wrong "$n: not queued: $(cat "$scratch/said/$n")"
    before=("$kill_at" "$n" --)
    flush "$n" || status=$?
    # What a flush ends with that met a refusal is not this test's matter.
    [ "$status" -eq 137 ] || [ "$status" -eq 0 ] || [ ${#recipients[@]} -gt 1 ] ||
        wrong "$n: $status: $(cat "$scratch/said/$n")"
    works_again "$n"
    [ "$status" -eq 137 ]
}

@test "killed at each point of a flush: delivered by the next one, and once but for one window" {
    local n duplicates=()
    start_server
    recipients=(b)
    walk killed_flush "$first"
    count_arrived
    for n in $(points); do
        case ${counts[b$n@y.example]-0} in
        1) ;;
        2) duplicates+=("$n") ;;
        *) wrong "$n: arrived ${counts[b$n@y.example]-0} times" ;;
        esac
        arrived_whole "$n" "b$n@y.example"
    done
    assert_nothing_wrong
    echo "# points tried: $tried, duplicates in the window: ${#duplicates[@]}" >&3
    # To send, to wait and to read, and the rename.
    assert_one_window 16 "${duplicates[@]}"
}

# assert_one_window MOST POINT...: the points at which a kill made a duplicate, from the one where
# the server has the dot to the one before the rename that says so, are that many at most, and lie
# together: as nearly as may be, since a run that waits once more has two points more before them.
assert_one_window() {
    local most=$1
    shift
    [ $# -gt 0 ] || fail 'no duplicate: were there no points between the dot and the rename?'
    if [ $# -gt "$most" ] || [ $((${*: -1} - $1)) -gt $((4 * most)) ]; then
        fail "duplicates at the points $*"
    fi
}

@test "killed at each point of a flush that makes a notice: there is one notice" {
    local n good notices duplicates=() again=0
    start_server --rcpt 'bad*=550 5.1.1 No such user'
    recipients=(good bad)
    # The point behind a call and the one before the next are one state to others: half will do.
    walk killed_flush "$first" 2
    count_arrived
    for n in $(points); do
        good=${counts[good$n@y.example]-0} notices=${counts[a$n@x.example]-0}
        [ "$good" -ge 1 ] && [ "$notices" -ge 1 ] && [ $((good + notices)) -le 3 ] ||
            wrong "$n: arrived $good times, and $notices notices"
        [ "$good" -ne 2 ] || duplicates+=("$n")
        [ "$notices" -ne 2 ] || again=$((again + 1))
        [ "${counts[bad$n@y.example]-0}" -eq 0 ] || wrong "$n: to one who was refused"
        arrived_whole "$n" "good$n@y.example"
        one_notice "$n"
    done
    assert_nothing_wrong
    echo "# points tried: $tried, duplicates in the window: ${#duplicates[@]}," \
        "notices sent again in theirs: $again" >&3
    # Those who have it are written down before the notice is made.
    assert_one_window 20 "${duplicates[@]}"
}
