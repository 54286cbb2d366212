#!/usr/bin/env bats
# Against real servers other than Postfix, private to this file: Exim, OpenSMTPD and Dovecot's
# submission server. Each is optional.
# not under sanitizers: its servers are what counts; other suites go the same ways
# shellcheck disable=SC2154 # what lib/realtests.bash sets

bats_load_library bats-support
bats_load_library bats-assert
load lib/realservers
load lib/otherservers
load lib/realtests

# Fifty users, for one message to all of them.
many=(many{1..50})

setup_file() {
    local server
    export S=$BATS_FILE_TMPDIR
    for server in exim opensmtpd submission; do
        "missing_$server" >"$S/$server.missing"
        [ ! -s "$S/$server.missing" ] || continue
        serve_prepare "$S/$server"
        "run_$server"
    done
}

run_exim() {
    start_exim "$S/exim" plain login plain2 login2 secret ann carl{1..9} picky{1..9} later1 \
        early1 early2 big data "${many[@]}"
}

run_opensmtpd() {
    start_opensmtpd "$S/opensmtpd" plain login plain2 login2 secret ann big "${many[@]}"
}

run_submission() {
    start_submission "$S/submission" plain login plain2 login2 secret ann
}

teardown_file() {
    local server
    for server in exim opensmtpd submission; do
        serve_stop "$S/$server"
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    write_message
}

# four_ways SERVER: STARTTLS and implicit TLS, PLAIN and LOGIN, TLS 1.2 and 1.3.
four_ways() {
    local user
    with "$1"
    submit plain "$port" --tls required --tls-min 1.3 --auth PLAIN plain@example.org <message
    assert_success
    submit login "$port" --tls required --tls-priority "$tls12" --auth LOGIN \
        login@example.org <message
    assert_success
    submit plain2 "$tls_port" --tls implicit --tls-priority "$tls12" --auth PLAIN \
        plain2@example.org <message
    assert_success
    submit login2 "$tls_port" --tls implicit --tls-min 1.3 --auth LOGIN \
        login2@example.org <message
    assert_success
    for user in plain login plain2 login2; do
        received "$user"
    done
    "$1_saw" PLAIN plain 1.3
    "$1_saw" LOGIN login 1.2
    "$1_saw" PLAIN plain2 1.2
    "$1_saw" LOGIN login2 1.3
}

wrong_password() {
    (umask 077 && echo 'not it' >wrong)
    submit secret "$port" --tls required --password-file wrong secret@example.org <message
    assert_failure 77
    assert_output --partial 'smtpsend: auth: '
    assert_output --partial ': 535 '
}

@test "exim: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways exim
}

@test "exim: a wrong password is 77" {
    with exim
    wrong_password
}

@test "exim: of two recipients one is refused: the other gets it, 67" {
    with exim
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 unknown user'
    received ann
}

# all_received USER...: each has the message of this test, and no other one.
all_received() {
    local user
    for user in "$@"; do
        received "$user"
    done
}

# nothing_for USER...: no message arrived, now that those of others have.
nothing_for() {
    local user
    for user in "$@"; do
        assert [ ! -e "$D/mail/$user" ]
    done
}

# exim_to USER...: sends to these over implicit TLS, and shows the dialogue.
exim_to() {
    submit carl1 "$tls_port" --tls implicit -v "${@/%/@example.org}" <message
}

@test "exim: CHUNKING and PRDR are offered and used, and a verdict comes for each" {
    with exim
    exim_to carl1 carl2
    assert_success
    assert_line --partial '> MAIL FROM:<sender@example.org> SIZE='
    assert_line --regexp '^> MAIL .* PRDR$'
    assert_line --regexp '^> BDAT [0-9]+ LAST$'
    assert_line --regexp '^bdat: 353 '
    assert_line --regexp '^bdat carl1@example\.org: 250 '
    assert_line --regexp '^bdat carl2@example\.org: 250 '
    assert_line --regexp '^bdat: 250 .* message accepted'
    all_received carl1 carl2
}

@test "exim: PRDR: of those accepted some refuse the message, one of them for now: 75" {
    with exim
    exim_to picky1 carl3 later1 nobody carl4
    assert_failure 75
    assert_line --regexp '^smtpsend: rcpt nobody@.*: 550 unknown user'
    assert_line --regexp '^smtpsend: bdat picky1@.*: 550 not a message like this'
    assert_line --regexp '^smtpsend: bdat later1@.*: 450 not now'
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 3
    all_received carl3 carl4
    nothing_for picky1 later1 nobody
}

@test "exim: PRDR: the same after DATA: 67" {
    with exim
    submit carl1 "$port" --tls required --chunking off picky2@example.org carl5@example.org \
        <message
    assert_failure 67
    assert_line --regexp '^smtpsend: dot picky2@.*: 550 not a message like this'
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 1
    all_received carl5
    nothing_for picky2
}

@test "exim: PRDR: all refuse the message: 67, and its last word says nothing new" {
    with exim
    exim_to picky3 picky4
    assert_failure 67
    assert_line --regexp '^smtpsend: bdat picky3@.*: 550 not a message like this'
    assert_line --regexp '^smtpsend: bdat picky4@.*: 550 not a message like this'
    assert_line --regexp '^bdat: 550 .*rejected for all'
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 2
    nothing_for picky3 picky4
}

@test "exim: --require-all: nobody is left out by PRDR" {
    with exim
    submit carl1 "$port" --tls required -v --require-all picky5@example.org \
        carl6@example.org <message
    assert_success
    refute_line --regexp '^> MAIL .*PRDR'
    refute_line --regexp '^bdat: 353 '
    all_received picky5 carl6
}

@test "exim: --chunking early: some refused, all refused" {
    with exim
    submit carl1 "$port" --tls required -v --chunking early nobody@example.org \
        early1@example.org <message
    assert_failure 67
    assert_line --regexp '^bdat: 250 '
    all_received early1
    submit carl1 "$port" --tls required -v --chunking early nobody@example.org \
        noone@example.org <message
    assert_failure 67
    assert_line --regexp '^bdat: 503 '
    assert_equal "$(grep -c '^smtpsend: rcpt ' <<<"$output")" 2
    submit carl1 "$port" --tls required -v --chunking early picky6@example.org \
        early2@example.org picky7@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: bdat picky6@'
    assert_line --regexp '^smtpsend: bdat picky7@'
    all_received early2
    nothing_for picky6 picky7
}

@test "exim: fifty recipients and one that is refused" {
    with exim
    submit carl1 "$port" --tls required "${many[@]/%/@example.org}" nobody@example.org <message
    assert_failure 67
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 1
    all_received "${many[@]}"
}

# ten_megabytes: adds lines of all lengths up to 250, in all 10 MB, to the file message.
ten_megabytes() {
    LC_ALL=C awk 'BEGIN {
        for (i = 0; size < 10000000; i++) {
            line = sprintf("%s%*d", i % 7 ? "" : ".", i % 250, i)
            print line
            size += length(line) + 2
        }
    }' >>message
}

@test "exim: 10 MB by BDAT and by DATA arrive as they were" {
    with exim
    ten_megabytes
    submit carl1 "$tls_port" --tls implicit big@example.org <message
    assert_success
    submit carl1 "$port" --tls required --chunking off data@example.org <message
    assert_success
    all_received big data
}

@test "opensmtpd: 10 MB arrive as they were" {
    with opensmtpd
    ten_megabytes
    submit ann "$tls_port" --tls implicit big@example.org <message
    assert_success
    all_received big
}

@test "opensmtpd: fifty recipients and two that are refused" {
    with opensmtpd
    submit ann "$port" --tls required nobody@example.org "${many[@]/%/@example.org}" \
        noone@example.org <message
    assert_failure 67
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 2
    all_received "${many[@]}"
}

@test "opensmtpd: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways opensmtpd
}

@test "opensmtpd: a wrong password is 77" {
    with opensmtpd
    wrong_password
}

@test "opensmtpd: of two recipients one is refused: the other gets it, 67" {
    with opensmtpd
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 Invalid recipient'
    received ann
}

@test "dovecot submission: STARTTLS and implicit TLS, 1.2 and 1.3, PLAIN and LOGIN" {
    four_ways submission
}

@test "dovecot submission: a wrong password is 77" {
    with submission
    wrong_password
}

@test "dovecot submission: of two recipients one is refused: the other gets it, 67" {
    with submission
    submit ann "$port" --tls required nobody@example.org ann@example.org <message
    assert_failure 67
    assert_line --regexp '^smtpsend: rcpt nobody@example\.org: .*: 550 5\.1\.1 .*no such user'
    received ann
}

# ---- a server without extensions ----

# plain_server OPTION...: a test server, in clear, at $port, with its Maildir in ./mail.
plain_server() {
    port=''
    "$TESTSERVER" --maildir mail --ready ready --lifetime 100 "$@" 3>&- &
    server=$!
    until [ -e ready ]; do
        sleep 0.05
    done
    # shellcheck source=/dev/null
    . ./ready
}

teardown() {
    [ -z "${server-}" ] || kill "$server"
}

@test "only HELO: 10 MB to fifty recipients, of whom one is refused, in plain RFC 821" {
    plain_server --reply 'ehlo=502 what?' --rcpt 'many7@*=550 no such user' --transcript log
    ten_megabytes
    sed -i 's/gr.*e/plain/' message
    run timeout 100 "$SMTPSEND" --server "127.0.0.1:$port" -f sender@example.org \
        "${many[@]/%/@example.org}" <message
    assert_failure 67
    assert_equal "$(grep -c '^smtpsend: ' <<<"$output")" 1
    assert_line --regexp '^smtpsend: rcpt many7@example\.org: .*: 550 no such user'
    assert_equal "$(ls mail/new)" 000001
    assert_equal "$(grep -c '^RCPT' mail/envelope/000001)" 49
    sed 's/$/\r/' message | cmp - mail/new/000001
    assert_equal "$(grep '^C: MAIL' log/1)" 'C: MAIL FROM:<sender@example.org>'
    # Each command by itself: EHLO, HELO, MAIL, RCPTs, DATA, the message, QUIT.
    assert_equal "$(grep -c '^\* flight' log/1)" 56
}
