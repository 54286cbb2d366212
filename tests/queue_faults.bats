#!/usr/bin/env bats
# queue_faults.bats: the queue on a disk that is full, over quota or broken, and without
# descriptors, at each call in turn that concerns the spool; and what is on the disk when, for a
# machine that loses its power.
# runs alone: it uses all processors by itself
# not under sanitizers: it preloads a library
# shellcheck disable=SC2034,SC2154 # what lib/ sets and reads

load lib/common
load lib/inject

ERRORS=(ENOSPC EIO EDQUOT EMFILE)

prepare() {
    prepare_injection
    towards=()
}

# refuse_each FUNCTION: calls it with a name for each error, for that alone and, where there is no
# space or no descriptor, for it and all like it after, for the calls from the first on until there is no such call; with the fault in
# $injected, words that go before the program, and a $spool of its own. Sets $tried, and $scratch/ids.
refuse_each() {
    local function=$1 errno jobs=()
    : >"$scratch/found/ids"
    for errno in "${ERRORS[@]}"; do
        refuse_with "$function" "$errno" 3>&- 4>&- &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    cat "$scratch/found/ids" "$scratch"/found/ids.* >"$scratch/ids"
    tried=$(wc -l <"$scratch/ids")
}

refuse_with() {
    local function=$1 errno=$2 n manner manners=(once) id top
    light
    [[ $errno != E[NM]* ]] || manners+=(lasting)
    for ((n = 1; n < 500; n += ${INJECT_STEP:-1})); do
        for manner in "${manners[@]}"; do
            id=$errno-$manner-$n top=$scratch/spools/$errno-$manner-$n
            mkdir "$top"
            spool=$top/state/queue log=$scratch/found/log.$id
            injected=(env "LD_PRELOAD=$fault_so" "FAULT_UNDER=$top" "FAULT_AT=$n"
                "FAULT_ERRNO=$errno" "FAULT_LOG=$log")
            [ "$manner" = once ] || injected+=(FAULT_LASTING=1)
            "$function" "$id"
            grep -q " = $errno$" "$log" 2>/dev/null || return 0
            echo "$id" >>"$scratch/found/ids.$errno"
        done
    done
}

# What was refused, and what came of it.
story() {
    echo "$1: $(grep -m 1 ' = ' "$log"): status $status, '$(cat "$scratch/said/$1")'"
}

# failed_well ID [STATUS...]: the $status tells of the error, or is one of these, and there are
# words.
failed_well() {
    local id=$1
    shift
    case $id:$status in
    EMFILE-*:71 | ENOSPC-*:7[34] | EIO-*:7[34] | EDQUOT-*:7[34]) ;;
    *) [[ " $* " == *" $status "* ]] || wrong "$(story "$id")" ;;
    esac
    [ -s "$scratch/said/$id" ] || wrong "$(story "$id")"
}

# With a call refused while it takes a message.
refused_enqueue() {
    local id=$1 status=0 there before=("${injected[@]}")
    write_message "$id"
    enqueue "$id" || status=$?
    there=$(entries "$spool")
    case $status:$there:$id in
    0:1:*) ;;
    0:*) wrong "$there entries, and $(story "$id")" ;;
    *:0:*-once-*)
        failed_well "$id" "${also[@]}"
        ! compgen -G "$spool/tmp/*" >/dev/null ||
            wrong "something is left in tmp/, and $(story "$id")"
        ;;
    # What can't be taken back, since that is refused too, may be there.
    *:[01]:*-lasting-*) failed_well "$id" "${also[@]}" ;;
    *) wrong "$there entries, and $(story "$id")" ;;
    esac
    echo "$there" >"$scratch/found/there.$id"
    works_again "$id"
}

assert_those_there_arrived() {
    local id
    count_arrived
    while read -r id; do
        [ "${counts[b$id@y.example]-0}" -eq "$(cat "$scratch/found/there.$id")" ] ||
            wrong "$id: arrived ${counts[b$id@y.example]-0} times"
        [ "${counts[b$id-after@y.example]-0}" -eq 1 ] || wrong "$id: not the next one once"
        arrived_whole "$id" "b$id@y.example"
        arrived_whole "$id-after" "b$id-after@y.example"
    done <"$scratch/ids"
    assert_nothing_wrong
    echo "# calls refused: $tried" >&3
}

@test "each call refused while a message is taken: kept and 0, or said, and nothing is left" {
    start_server
    also=()
    refuse_each refused_enqueue
    assert_those_there_arrived
}

@test "each call refused while it falls back on the queue" {
    start_server
    towards=(--server 127.0.0.1:1) queueing=fallback also=(75)
    refuse_each refused_enqueue
    assert_those_there_arrived
}

# With a call refused while it sends the message, or refuses, from the queue.
refused_flush() {
    local id=$1 status=0 before=()
    write_message "$id"
    enqueue "$id" "${recipients[@]/%/$id@y.example}" ||
        wrong "$id: not queued: $(cat "$scratch/said/$id")"
    before=("${injected[@]}")
    flush "$id" || status=$?
    if [ "$status" -eq 0 ] && [ "$(entries "$spool")" -ne 0 ]; then
        wrong "it is still there, and $(story "$id")"
    fi
    [ "$status" -eq 0 ] || [ -s "$scratch/said/$id" ] || wrong "$(story "$id")"
    echo "$status" >"$scratch/found/status.$id"
    works_again "$id"
}

# arrived_once ID RECIPIENT: or twice, with the flush saying that something was amiss.
arrived_once() {
    case ${counts[$2]-0}:$(cat "$scratch/found/status.$1") in
    1:*) ;;
    2:[1-9]*) duplicates=$((duplicates + 1)) ;;
    *) wrong "$1: arrived ${counts[$2]-0} times: $(cat "$scratch/said/$1")" ;;
    esac
    arrived_whole "$1" "$2"
}

@test "each call refused during a flush: sent, or kept for the next; twice only if it says so" {
    local id duplicates=0
    start_server
    recipients=(b)
    refuse_each refused_flush
    count_arrived
    while read -r id; do
        arrived_once "$id" "b$id@y.example"
    done <"$scratch/ids"
    assert_nothing_wrong
    echo "# calls refused: $tried, sent twice: $duplicates" >&3
}

@test "each call refused during a flush that makes a notice: there is one" {
    local id duplicates=0
    start_server --rcpt 'bad*=550 5.1.1 No such user'
    recipients=(good bad)
    refuse_each refused_flush
    count_arrived
    while read -r id; do
        arrived_once "$id" "good$id@y.example"
        [ "${counts[a$id@x.example]-0}" -ge 1 ] ||
            wrong "$id: no notice: $(cat "$scratch/said/$id")"
        one_notice "$id"
    done <"$scratch/ids"
    assert_nothing_wrong
    echo "# calls refused: $tried, sent twice: $duplicates" >&3
}

# ---- the order of what comes on the disk ----

# assert_order LINE...: what the run that was logged in $log wrote, synced, renamed and deleted,
# with ids as words, each line once where it is there several times in a row; without the way to
# the spool.
assert_order() {
    run bash -c 'sed -E "s/[0-9a-f]{8}-[0-9A-Z]{10}/ID/g; s/([0-9a-f]{8}|held----)-ID/DUE-ID/g" "$1" |
        grep -E "^(mkdir|write|fsync|rename|unlink|exit) [^.]" | uniq' - "$log"
    assert_output "$(printf '%s\n' "$@")"
}

# From now on what is done in the folder is logged in $log.
log_calls() {
    log=$scratch/log
    before=(env "LD_PRELOAD=$fault_so" "FAULT_UNDER=$1" "FAULT_LOG=$log")
}

@test "power loss: a message and its name are on the disk before the exit status promises it" {
    spool=$scratch/spools/q
    write_message 0
    write_message 1
    enqueue 0
    log_calls "$spool"
    enqueue 1
    assert_order 'mkdir tmp/ID' 'write tmp/ID/message' 'fsync tmp/ID/message' \
        'write tmp/ID/envelope' 'fsync tmp/ID/envelope' 'fsync tmp/ID' \
        'rename tmp/ID queue/DUE-ID' 'fsync queue' 'exit 0'
}

@test "power loss: the folders of a new spool are on the disk before what is in them" {
    spool=$scratch/spools/a/b/q
    write_message 1
    log_calls "$scratch/spools"
    enqueue 1
    sed -i 's|^\(.*\) a/b/q/|\1 |; s| a/b/q/| |' "$log"
    run grep -vE '^(open|read|unlink)' "$log"
    assert_output --regexp "mkdir a
.*fsync \.
.*mkdir a/b
.*fsync a
.*mkdir a/b/q
.*fsync a/b
.*mkdir queue
.*fsync a/b/q
.*mkdir tmp/.*
.*fsync queue
exit 0$"
}

@test "power loss: a message that was sent leaves the queue by one rename, before it is deleted" {
    start_server
    spool=$scratch/spools/q
    write_message 1
    enqueue 1
    log_calls "$spool"
    flush 1
    assert_delivered 1
    assert_order 'rename queue/DUE-ID tmp/ID' 'fsync queue' 'unlink tmp/ID/envelope.new' \
        'unlink tmp/ID/envelope' 'unlink tmp/ID/message' 'unlink tmp/ID' 'exit 0'
}

# What a program of the C library's can change files by, and fault.so has not, is this.
@test "the calls that can be refused are all that the program has" {
    command -v nm >/dev/null || skip 'no nm'
    local known='fopen|mkostemp' # configuration; what came by a pipe, elsewhere
    symbols() {
        nm -D "$@" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u
    }
    run comm -23 <(symbols --undefined-only "$SMTPSEND" |
        grep -xE '(__)?(f?open(at)?|creat|p?(read|write)v?2?|f(data)?sync|sync(fs|_file_range)?|rename(at2?)?|mkdir(at)?|unlink(at)?|rmdir|remove|(sym)?link(at)?|f?truncate|fallocate|sendfile|splice|copy_file_range|mk.?(o?s?temp|dtemp)|f(write|puts|printf))(64)?(_2|_chk)?' |
        grep -vxE "$known") <(symbols --defined-only "$fault_so")
    assert_output ''
}
