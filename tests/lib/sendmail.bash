# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by common.bash
# sendmail.bash: what the suites about sendmail's names share, on top of common.bash.

# Makes $names, a folder of links to the program, whose queue is the test's own.
make_names() {
    local name
    export SMTPSEND_QUEUE_DIR=${SMTPSEND_QUEUE_DIR:-$BATS_TEST_TMPDIR/queue}
    names=$BATS_TEST_TMPDIR/names
    mkdir "$names"
    for name in sendmail send-mail mailq newaliases; do
        ln -s "$SMTPSEND" "$names/$name"
    done
}

# expect_envelope N REVERSE-PATH RECIPIENT...: of the N-th message that arrived.
expect_envelope() {
    local n=$1 want
    want=$(printf 'MAIL FROM:<%s>' "$2"; shift 2; printf ' RCPT TO:<%s>' "$@")
    run bash -c 'sed -n "s/^\(MAIL FROM:<[^>]*>\|RCPT TO:<[^>]*>\).*/\1/p" "$1" | tr "\n" " "' \
        - "$(printf '%s/mail/envelope/%06d' "$dir" "$n")"
    assert_output "$want "
}
