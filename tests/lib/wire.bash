# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by common.bash
# wire.bash: several scripts for one server, and what went over the wire; on top of common.bash.

scripts=()

# plan LINE...: the script of the next connection to the server that `serve` starts.
plan() {
    scripts+=("$BATS_TEST_TMPDIR/script-${#servers[@]}-${#scripts[@]}")
    printf '%s\n' "$@" >"${scripts[-1]}"
}

# serve [OPTION...]: starts a server that can do TLS and follows what was planned, a script for
# each connection.
serve() {
    local file options=()
    for file in "${scripts[@]}"; do
        options+=(--script "$file")
    done
    scripts=()
    start_server --tls-cert "$cert" --tls-key "$key" "${options[@]}" "$@"
}

# Puts lib/tap.py before the server started last, with its further arguments; $port is then the
# tap's, and $tap the folder of what it saw.
start_tap() {
    local n=0
    command -v python3 >/dev/null || skip 'no python3'
    tap=$BATS_TEST_TMPDIR/tap${#servers[@]}
    mkdir "$tap"
    python3 "$BATS_TEST_DIRNAME/lib/tap.py" "$tap/ready" "$tap" "$port" "$@" \
        >"$tap/said" 2>&1 3>&- 4>&- &
    servers+=($!)
    until [ -e "$tap/ready" ]; do
        [ $((n += 1)) -lt 1000 ] || fail "no tap: $(cat "$tap/said")"
        sleep 0.01
    done
    port=$(cat "$tap/ready")
}

# What the clients sent: the first words of their lines, in one line for each connection, up to
# a ClientHello that the server did not take.
said() {
    LC_ALL=C awk '
        FNR == 1 && NR > 1 { print said }
        FNR == 1 { said = ""; hello = 0 }
        /^\026\003/ { hello = 1 }
        !hello { sub(/[ \r].*/, ""); said = said (said == "" ? "" : " ") $0 }
        END { if (NR) print said }
    ' "$dir"/raw/*
}

# Ends all servers, so that what they saw is all there.
settle() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
}

# assert_said WORDS...: the clients of each connection sent just that: one of these. Ends the
# servers.
assert_said() {
    local line wanted
    settle
    while IFS= read -r line; do
        for wanted in "$@"; do
            [ "$line" != "$wanted" ] || continue 2
        done
        fail "a client sent '$line', not '$*'"
    done < <(said)
}

# All connections to the server went as their scripts say. Ends the servers.
assert_followed_scripts() {
    local mismatches
    settle
    mismatches=$(grep -r '^\* mismatch' "$dir/log") || return 0
    fail "$mismatches"
}
