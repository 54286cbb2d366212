# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by bats and common.bash
# inject.bash: the queue with runs that are killed or refused a call at each point in turn; on top
# of common.bash.
#
# Points are shared out to jobs at the same time, each point with a spool ($spool) and a message
# of its own: message ID, the point's number, goes from aID@x.example to bID@y.example. INJECT_STEP=K: each K-th of
# the points that a test tries. What a job finds wrong goes into a file: a job can't fail its test.

SHARES=4

# For prepare.
prepare_injection() {
    kill_at=$(dirname "$TESTSERVER")/inject/kill_at
    fault_so=$(dirname "$TESTSERVER")/inject/fault.so
    scratch=$(fast_folder)
    mkdir "$scratch/spools" "$scratch/messages" "$scratch/said" "$scratch/found"
    # Longer than what one write or read of a pipe takes.
    seq -f 'Line %.0f of a message that has to arrive whole.' 4000 >"$scratch/body"
}

# In memory where there is such a place: fsync(2) is what takes time here.
fast_folder() {
    if [ -w /dev/shm ]; then
        mktemp -d /dev/shm/smtpsend-inject-XXXXXX
    else
        (cd "$BATS_TEST_TMPDIR" && pwd -P)
    fi
}

teardown() {
    stop_servers
    rm -rf "$scratch"
}

can_kill() {
    "$kill_at" --count -- true >/dev/null || skip 'no ptrace here'
}

wrong() {
    printf '%s\n' "$*" >>"$scratch/found/wrong"
}

# write_message N: $scratch/messages/N, in wire form.
write_message() {
    {
        printf '%s\n' "From: a$1@x.example" "To: b$1@y.example" "Subject: message $1" \
            'Date: Tue, 01 Jul 2025 10:00:00 +0000' "Message-ID: <$1@x.example>" ''
        cat "$scratch/body"
    } | sed 's/$/\r/' >"$scratch/messages/$1"
}

# The messages that are in the spool.
entries() {
    find "$1/queue" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

# What killed runs left in tmp/ is old now.
age_leftovers() {
    ! compgen -G "$spool/tmp/*" >/dev/null || touch -d '2 days ago' "$spool"/tmp/*
}

# The program, with the words of $before before it, and what it says in $scratch/said/ID.
before=()
queue_program() {
    local id=$1
    shift
    timeout 60 "${before[@]}" "$SMTPSEND" --queue-dir "$spool" "$@" >"$scratch/said/$id" 2>&1
}

# enqueue ID [RECIPIENT...]: message ID, to where it goes or to these. Its status.
enqueue() {
    local id=$1
    shift
    [ $# -gt 0 ] || set -- "b$id@y.example"
    queue_program "$id" --queue "${queueing:-always}" "${towards[@]}" -f "a$id@x.example" "$@" \
        <"$scratch/messages/$id"
}

# flush ID: one pass. Its status.
flush() {
    queue_program "$1" -q --server "127.0.0.1:$port" --timeout "$PATIENCE" </dev/null
}

# After whatever happened to message N, the spool works: a message that comes now arrives, no
# entry is left once those that are held have been tried, and nothing is in tmp/ once that is a
# day old.
works_again() {
    local n=$1 tries=0 held before=() queueing=always
    age_leftovers
    write_message "$n-after"
    enqueue "$n-after" || wrong "$n: later, nothing can be queued: $(cat "$scratch/said/$n-after")"
    # Whether the flushes do well is seen by what is left, and by what arrived.
    until [ $((tries += 1)) -gt 3 ] || ! compgen -G "$spool/queue/*" >/dev/null; do
        for held in "$spool"/queue/held-*; do
            [ ! -e "$held" ] || queue_program "$n-after" --server "127.0.0.1:$port" \
                --queue-retry "${held##*/held-----}" || true
        done
        flush "$n-after" || true
    done
    ! compgen -G "$spool/*/*" >/dev/null ||
        wrong "$n: there is left: $(cd "$spool" && find . -mindepth 2)"
}

# For a job: without what bats does before each command, which takes longer than the commands.
light() {
    trap - DEBUG ERR
    set +eET
}

# walk FUNCTION FIRST [STEP]: calls it for the points from FIRST on, or each STEP-th of them, each
# with its own $spool, until it fails, for there is no such point. Sets $tried.
walk() {
    local function=$1 first=$2 step=$((${3:-1} * ${INJECT_STEP:-1})) share jobs=()
    for ((share = 0; share < SHARES; share++)); do
        (
            light
            n=$((first + share * step))
            spool=$scratch/spools/$n
            while "$function" "$n" && [ "$n" -lt 5000 ]; do
                echo "$n" >>"$scratch/found/points.$share"
                n=$((n + SHARES * step))
                spool=$scratch/spools/$n
            done
            echo "$n" >>"$scratch/found/points.$share"
        ) 3>&- 4>&- &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    tried=$(cat "$scratch"/found/points.* | wc -l)
}

# Ends the server, when all clients have left. Sets, by recipient, $counts, how many messages
# arrived, and $files, their names.
count_arrived() {
    local to file
    settle_connections
    stop_server
    declare -gA counts=() files=()
    while read -r to file; do
        counts[$to]=$((${counts[$to]-0} + 1))
        files[$to]+="$file "
    done < <(cd "$dir/mail/envelope" 2>/dev/null &&
        awk -F '[<>]' '/^RCPT TO:/ { print $2, FILENAME }' /dev/null ./*)
}

# The server has seen all its clients leave, so what it took is stored.
settle_connections() {
    local n=0
    while [ "$(find "$dir/log" -type f | wc -l)" -ne \
        "$(grep -lE '^\* (eof|reset|timeout)' -r "$dir/log" | wc -l)" ]; do
        [ $((n += 1)) -lt 500 ] || fail 'a connection does not end'
        sleep 0.01
    done
}

# arrived_whole ID RECIPIENT: what arrived for him is message ID, each time.
arrived_whole() {
    local file
    for file in ${files[$2]-}; do
        cmp -s "$scratch/messages/$1" "$dir/mail/new/$file" ||
            wrong "$1: not what was sent arrived in $dir/mail/new/$file"
    done
}

# one_notice ID: what was told the sender of it is one notice about bad…, sent again or not, and
# comes from nobody.
one_notice() {
    local file first=''
    for file in ${files[a$1@x.example]-}; do
        first=${first:-$file}
        # The same notice sent again comes from a window; two notices do not.
        cmp -s "$dir/mail/new/$first" "$dir/mail/new/$file" || wrong "$1: two different notices"
    done
    [ -n "$first" ] || return 0
    grep -q "^Final-Recipient: rfc822; *bad$1@y.example" "$dir/mail/new/$first" ||
        wrong "$1: the notice does not say whom it is about"
    ! grep -qi "^Final-Recipient: rfc822; *good" "$dir/mail/new/$first" ||
        wrong "$1: the notice is about one who got it"
    grep -q '^MAIL FROM:<>' "$dir/mail/envelope/$first" ||
        wrong "$1: the notice does not come from <>"
}

# The points that there were, in order.
points() {
    cat "$scratch"/found/points.* | sort -n
}

# Nothing was wrong, and points were tried.
assert_nothing_wrong() {
    [ ! -s "$scratch/found/wrong" ] || fail "$(head -n 20 "$scratch/found/wrong")"
    [ "$tried" -gt 10 ] || fail "only $tried points were tried"
}
