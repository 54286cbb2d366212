# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by bats and common.bash
# spool.bash: a queue with entries made by hand, as smtpsend-queue(5) has them; on top of
# common.bash.

# Sets $spool, the folder of the queue, which does not exist yet, and has the program use it.
use_spool() {
    spool=$BATS_TEST_TMPDIR/spool
    export SMTPSEND_QUEUE_DIR=$spool
}

# keep NAME LINE...: an entry queue/NAME (DUE-ID) with the file $message, and an envelope with these
# lines beside id, created, size and attempts ($attempts, default 2).
keep() {
    local name=$1 id=${1:9} size
    shift
    (
        umask 077
        mkdir -p "$spool"/{queue,tmp,damaged} "$spool/queue/$name"
        sed 's/$/\r/' "$message" >"$spool/queue/$name/message"
    )
    size=$(stat -c %s "$spool/queue/$name/message")
    (
        umask 077
        printf '%s\n' 'smtpsend-queue 1' "id $id" "created $((16#${id%%-*}))" "size $size" \
            "attempts ${attempts:-2}" "$@" end >"$spool/queue/$name/envelope"
    )
}

# lock NAME: holds the lock of queue/NAME until `unlock`.
lock() {
    exec {locked}<>"$spool/queue/$1/message"
    flock -n "$locked"
}

unlock() {
    exec {locked}>&-
}

# What is in the queue now, a name a line.
queued() {
    ls "$spool/queue"
}
