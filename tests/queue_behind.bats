#!/usr/bin/env bats
# queue_behind.bats: what is due goes behind a message that was sent, which is none of that one's
# business.
# shellcheck disable=SC2154 # what the libraries set

load lib/common
load lib/queue

prepare() {
    use_queue
}

# The user's config has a fallback to the server started last.
configure_fallback() {
    configure "server = 127.0.0.1:$port" 'queue = fallback' "$@"
    export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/xdg
    mkdir -p "$XDG_CONFIG_HOME/smtpsend"
    cp "$BATS_TEST_TMPDIR/config" "$XDG_CONFIG_HOME/smtpsend/smtpsend.conf"
    config=()
}

@test "what is due goes behind a message, in its session; what is not stays" {
    start_server
    configure_fallback
    keep a@example.org
    keep b@example.org
    keep c@example.org
    reschedule 1000
    reschedule held
    mail "${config[@]}" z@example.org
    expect 0
    assert_equal "$output" ''
    assert_delivered 2
    assert_connections 1
    assert_kept 2
}

@test "behind a message that was not taken nothing goes, nor with --queue never" {
    start_server --rcpt 'z@*=550 5.1.1 unknown'
    configure_fallback
    keep a@example.org
    mail "${config[@]}" z@example.org
    expect 67
    mail "${config[@]}" --queue never b@example.org
    expect 0
    assert_delivered 1
    assert_kept 1
}

@test "not too many go behind one message" {
    start_server
    configure_fallback
    local n
    for ((n = 0; n < 25; n++)); do
        keep a@example.org
    done
    mail "${config[@]}" z@example.org
    expect 0
    n=$(count_kept)
    [ "$n" -ge 5 ] && [ "$n" -lt 25 ]
    assert_connections 1
}

@test "what fails behind a message changes neither its exit status nor what is said" {
    start_server --rcpt 'a@*=451 4.3.0 later' --rcpt 'b@*=550 5.1.1 unknown'
    configure_fallback '[account gone]'
    keep a@example.org
    keep b@example.org
    keep "${config[@]}" -a gone c@example.org
    configure_fallback '[account two]' 'server = 127.0.0.1:1'
    keep "${config[@]}" -a two d@example.org
    : >"$(entry 2)/envelope"
    mail "${config[@]}" z@example.org
    expect 0
    assert_equal "$output" ''
}

@test "options of a message say nothing of those behind it" {
    start_server
    local other=$port other_dir=$dir
    start_server
    configure_fallback '[account two]' "server = 127.0.0.1:$port" 'helo = two.example'
    keep "${config[@]}" a@example.org
    mail "${config[@]}" --server "127.0.0.1:$other" z@example.org
    expect 0
    mail "${config[@]}" -a two -N success --require-all y@example.org
    expect 0
    dir=$other_dir
    assert_delivered 1
    grep -q 'RCPT TO:<z@' "$dir"/mail/envelope/*
    start_server
    configure_fallback '[account two]' "server = 127.0.0.1:$port" 'helo = two.example'
    mail "${config[@]}" x@example.org
    expect 0
    assert_kept 0
    run cat "$dir"/mail/envelope/*
    refute_output --partial NOTIFY
}

@test "a message with a config, a lifetime or a postmaster of its own takes none along" {
    start_server --rcpt 'late@*=451 4.3.0 later'
    configure_fallback
    keep late@example.org
    age 100
    mail --queue-lifetime 1s z@example.org
    expect 0
    mail --postmaster p@example.org z@example.org
    expect 0
    cp "$XDG_CONFIG_HOME/smtpsend/smtpsend.conf" "$BATS_TEST_TMPDIR/other"
    mail -C "$BATS_TEST_TMPDIR/other" z@example.org
    expect 0
    assert_delivered 3
    assert_kept 1
    assert_fact 'attempts 0'
    mail z@example.org
    expect 0
    assert_fact 'attempts 1' 'recipient <late@example.org> waiting 451 *'
}
