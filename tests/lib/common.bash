# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by bats
# common.bash: what the suites share: test servers, the program, and what arrived.
#
# A test starts the servers it needs by start_server; teardown ends them by their process ids.
# $port, $tls_port, $port6, $tls_port6, $unix and $dir belong to the server started last.
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# Fits any test that is not about time, slow machines and sanitizers included.
PATIENCE=30s

# Sets $dir and, from the ready file, the ports.
start_server() {
    local store=() n=0 word
    servers=("${servers[@]}")
    dir=$BATS_TEST_TMPDIR/server${#servers[@]}
    mkdir -p "$dir/log" "$dir/raw"
    store=(--maildir "$dir/mail")
    for word in "$@"; do
        [ "$word" != --discard ] || store=()
    done
    "$TESTSERVER" --ready "$dir/ready" --transcript "$dir/log" --raw "$dir/raw" \
        --lifetime 110 "${store[@]}" "$@" >"$dir/said" 2>&1 3>&- 4>&- &
    servers+=($!)
    until [ -e "$dir/ready" ]; do
        if ! kill -0 "${servers[-1]}" 2>/dev/null || [ $((n += 1)) -gt 1000 ]; then
            cat "$dir/said"
            fail "the test server does not start: $*"
        fi
        sleep 0.01
    done
    port='' tls_port='' port6='' tls_port6='' unix=''
    # shellcheck disable=SC1091 # written by the server
    . "$dir/ready"
}

# Ends the server started last, once it has seen its clients leave.
stop_server() {
    kill "${servers[-1]}" 2>/dev/null || true
    wait "${servers[-1]}" 2>/dev/null || true
}

stop_servers() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    servers=()
}

setup() {
    servers=()
    message=$BATS_TEST_TMPDIR/message
    printf '%s\n' 'From: sender@example.org' 'To: a@example.org' 'Subject: a test' \
        'Date: Tue, 01 Jul 2025 10:00:00 +0000' 'Message-ID: <1@example.org>' '' \
        'Some text.' >"$message"
    if declare -F prepare >/dev/null; then
        prepare
    fi
}

teardown() {
    stop_servers
}

# Makes $ca, $cert and $key, once for a file of tests. For setup_file.
make_certificate() {
    export certificates=$BATS_FILE_TMPDIR/certificates
    export ca=$certificates/ca.pem cert=$certificates/server.pem key=$certificates/server.key
    "$TESTSERVER" --make-cert "$certificates" --make-cert-only
}

start_tls_server() {
    start_server --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 \
        --tls-cert "$cert" --tls-key "$key" "$@"
}

# A server that follows the script on standard input: not at the end of a pipe, which would keep
# $port and the rest in a subshell.
start_script() {
    local script=$BATS_TEST_TMPDIR/script${#servers[@]}
    cat >"$script"
    start_server --script "$script" "$@"
}

# The program alone, with a limit in case it hangs; $output has both of its outputs.
smtpsend() {
    run timeout 60 "$SMTPSEND" "$@"
}

# Sends standard input by the server started last.
submit() {
    smtpsend --server "smtp://127.0.0.1:$port" -f sender@example.org --timeout "$PATIENCE" "$@"
}

# Sends the file $message by it.
send() {
    submit "$@" <"$message"
}

# expect STATUS [PATTERN...]: how the run ended, and texts that $output has to have.
expect() {
    local pattern
    [ "$status" -eq "$1" ] ||
        fail "exit status $status, not $1. It said: $output"
    shift
    for pattern in "$@"; do
        [[ $output == *"$pattern"* ]] ||
            fail "'$pattern' was not said, but: $output"
    done
}

expect_not() {
    local pattern
    for pattern in "$@"; do
        [[ $output != *"$pattern"* ]] || fail "'$pattern' was said: $output"
    done
}

# What came in N-th (default: first): the message, its envelope; all bytes and the dialogue of
# the N-th connection.
delivered() {
    printf '%s/mail/new/%06d\n' "$dir" "${1:-1}"
}

envelope() {
    cat "$(printf '%s/mail/envelope/%06d' "$dir" "${1:-1}")"
}

raw() {
    printf '%s/raw/%d\n' "$dir" "${1:-1}"
}

transcript() {
    local n=0 file=$dir/log/${1:-1}
    # The server writes how the client left when it sees that.
    until grep -qE '^\* (eof|reset|timeout|mismatch|server: (drop|reset))' "$file" 2>/dev/null ||
        [ $((n += 1)) -gt 200 ]; do
        sleep 0.01
    done
    cat "$file"
}

count_delivered() {
    find "$dir/mail/new" -type f 2>/dev/null | wc -l
}

count_connections() {
    find "$dir/log" -type f | wc -l
}

assert_delivered() {
    local n
    n=$(count_delivered)
    [ "$n" -eq "$1" ] || fail "$n messages arrived, not $1. It said: $output"
}

assert_connections() {
    local n
    n=$(count_connections)
    [ "$n" -eq "$1" ] || fail "$n connections were made, not $1. It said: $output"
}

# The client's side of the N-th connection, one line each.
commands() {
    transcript "${1:-1}" | sed -n 's/^C: //p'
}

# assert_dialogue [N] PATTERN...: the client's side of the N-th connection has these lines, in
# this order, others between them or not. Patterns are globs.
assert_dialogue() {
    local n=1 line said
    if [[ $1 =~ ^[0-9]+$ ]]; then
        n=$1
        shift
    fi
    said=$(transcript "$n")
    while IFS= read -r line; do
        # shellcheck disable=SC2053 # a glob
        if [ $# -gt 0 ] && [[ ${line#C: } == $1 ]]; then
            shift
        fi
    done <<<"$said"
    [ $# -eq 0 ] || fail "'$1' is not (in this order) in: $said"
}

# The connection went as its script says.
assert_followed_script() {
    local said
    said=$(transcript)
    [[ $said != *'* mismatch'* ]] || fail "$said"
}

# No line of the client's in the first connection begins so.
refute_dialogue() {
    local said pattern
    said=$(transcript)
    for pattern in "$@"; do
        # shellcheck disable=SC2053 # a glob
        [[ $said != *"C: "$pattern* ]] || fail "'$pattern' is in: $said"
    done
}

assert_same_file() {
    cmp "$1" "$2" || fail "$1 and $2 differ: $(cat -A "$2" | head -c 2000)"
}

# The base64 of what printf makes of the arguments.
base64_of() {
    # shellcheck disable=SC2059 # a format
    printf "$@" | base64 -w 0
}
