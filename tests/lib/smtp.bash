# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and by lib/common.bash
# smtp.bash: clients of -bs: one that says all it has to say at once, and one that listens.

prepare() {
    replies=$BATS_TEST_TMPDIR/replies
    said=$BATS_TEST_TMPDIR/said
    input=$BATS_TEST_TMPDIR/input
    text=('From: s@example.org' 'Date: Tue, 01 Jul 2025 10:00:00 +0000' \
        'Message-ID: <1@example.org>' '' 'Some text.')
    export SMTPSEND_DOMAIN=home.example
}

# serve_input [OPTION...]: plays the file $input to -bs. Sets $status, $replies and $said.
serve_input() {
    status=0
    timeout 60 "$SMTPSEND" -bs --server "smtp://127.0.0.1:$port" --timeout "$PATIENCE" \
        "$@" <"$input" >"$replies" 2>"$said" || status=$?
    output=$(tr -d '\r' <"$replies")$(sed '1s/^/ (stderr) /' "$said")
}

# talk LINE...: the same with these lines, all at once; $options go to the program.
talk() {
    printf '%s\r\n' "$@" >"$input"
    serve_input "${options[@]}"
}

# The codes of the replies, and the N-th reply, whole.
codes() {
    sed -n 's/^\([0-9]\{3\}\) .*/\1/p' "$replies" | tr '\n' ' '
}

reply() {
    tr -d '\r' <"$replies" | awk -v n="$1" '
        { text = text (text == "" ? "" : "|") $0 }
        /^[0-9][0-9][0-9] / { if (++count == n) print text; text = "" }'
}

# The client of a conversation in which the next word depends on the answer.
open_client() {
    coproc CLIENT { exec timeout 60 "$SMTPSEND" -bs --server "smtp://127.0.0.1:$port" \
        --timeout "$PATIENCE" "$@" 2>"$said" 3>&-; }
    client=$CLIENT_PID
    exec {to}>&"${CLIENT[1]}" {from}<&"${CLIENT[0]}"
    hear
}

# Sets $heard to the last line of the next reply.
hear() {
    heard=''
    until [[ $heard =~ ^[0-9]{3}' ' ]]; do
        IFS= read -r -t 50 -u "$from" heard || fail "no reply: $(cat "$said")"
        heard=${heard%$'\r'}
    done
}

tell() {
    printf '%s\r\n' "$@" >&"$to"
    hear
}

leave() {
    status=0
    exec {to}>&- {from}<&-
    wait "$client" || status=$?
}
