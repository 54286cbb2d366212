# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by common.bash
# queue.bash: what the suites about the queue share, on top of common.bash.
#
# The queue of a test is $spool; its messages are named by their number, in the order of their
# names, that is of when they are due.

# For prepare.
use_queue() {
    spool=$BATS_TEST_TMPDIR/spool
    export SMTPSEND_QUEUE_DIR=$spool SMTPSEND_DOMAIN=home.example SMTPSEND_TIMEOUT=$PATIENCE
}

# The program with the test message as its input.
mail() {
    run timeout 60 "$SMTPSEND" -f sender@example.org "$@" <"$message"
}

# Sends the test message by the server started last, as `--queue fallback` has it.
fall_back() {
    mail --server "127.0.0.1:$port" --queue fallback "$@"
}

# keep [OPTION...] RECIPIENT...: puts the test message into the queue.
keep() {
    mail --queue always "$@"
    expect 0
}

# One pass over the queue, by the server started last.
flush() {
    run timeout 60 "$SMTPSEND" -q --server "127.0.0.1:$port" "$@" </dev/null
}

# A port that nobody listens on.
closed_port() {
    start_server
    stop_server
}

# A config of these lines, which is the only one.
configure() {
    printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/config"
    chmod 600 "$BATS_TEST_TMPDIR/config"
    config=(-C "$BATS_TEST_TMPDIR/config")
}

count_kept() {
    find "$spool/queue" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

assert_kept() {
    local n
    n=$(count_kept)
    [ "$n" -eq "$1" ] || fail "$n messages are in the queue, not $1. It said: $output"
}

# The folder of the N-th (default: first) message.
entry() {
    find "$spool/queue" -mindepth 1 -maxdepth 1 | sort | sed -n "${1:-1}p"
}

entry_id() {
    local name
    name=$(entry "${1:-1}")
    name=${name##*/}
    printf "%s\n" "${name:9}"
}

# assert_fact LINE...: lines of the first message's envelope file, which may be globs.
assert_fact() {
    local wanted line file
    file=$(entry)/envelope
    for wanted in "$@"; do
        while IFS= read -r line; do
            # shellcheck disable=SC2053 # a glob
            [[ $line != $wanted ]] || continue 2
        done <"$file"
        fail "'$wanted' is not in: $(cat "$file")"
    done
}

# assert_recipients LINE...: those of the first message, and no others. Globs.
assert_recipients() {
    assert_equal "$(grep -c '^recipient ' "$(entry)/envelope")" $#
    assert_fact "${@/#/recipient }"
}

# edit EXPRESSION [N]: changes an envelope file by sed.
edit() {
    sed -i "$1" "$(entry "${2:-1}")/envelope"
}

# Makes the first message SECONDS older.
age() {
    edit "s/^created .*/created $(($(date +%s) - $1))/"
}

# reschedule SECONDS [N]: it is due so many seconds from now; "held": not at all.
reschedule() {
    local from to
    from=$(entry "${2:-1}")
    if [ "$1" = held ]; then
        to=held----
    else
        to=$(printf '%08x' $(($(date +%s) + $1)))
    fi
    mv "$from" "${from%/*}/$to-$(entry_id "${2:-1}")"
}

# assert_pause LEAST MOST: the first message is due so many seconds after it was last looked at.
assert_pause() {
    local name pause
    name=$(entry)
    pause=$(stat -c %Y "$name/envelope")
    name=${name##*/}
    pause=$((16#${name%%-*} - pause))
    # The envelope is written when all has been done.
    if [ "$pause" -lt $(($1 - 10)) ] || [ "$pause" -gt "$2" ]; then
        fail "it is due $pause seconds after the attempt"
    fi
}

# Waits until COMMAND succeeds.
await() {
    local n=0
    until "$@" >/dev/null 2>&1; do
        [ $((n += 1)) -le 1500 ] || fail "this never came true: $*"
        sleep 0.01
    done
}
