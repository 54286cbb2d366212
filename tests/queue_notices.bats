#!/usr/bin/env bats
# queue_notices.bats: what was asked of a message's delivery is not forgotten in the queue, and who
# hears what became of it.
# shellcheck disable=SC2154 # what the libraries set

load lib/common
load lib/queue

prepare() {
    use_queue
}

# read_notice [N]: what python's email package finds in the N-th message that arrived.
read_notice() {
    command -v python3 >/dev/null || skip 'no python3'
    run python3 - "$(delivered "${1:-1}")" <<'END'
import email, email.policy, sys

with open(sys.argv[1], "rb") as file:
    notice = email.message_from_binary_file(file, policy=email.policy.SMTP)
print(notice.get_content_type(), notice.get_param("report-type"))
print("to", notice["To"], "from", notice["From"].addresses[0].username)
print("subject", notice["Subject"])
parts = list(notice.iter_parts())
assert not any(part.defects for part in notice.walk())
for fields in parts[1].get_payload():
    for name, value in fields.items():
        print(f"{name}: {value}")
if parts[2].get_content_type() == "message/rfc822":
    print("original", parts[2].get_content()["Subject"], parts[2].get_content().get_content())
END
    [ "$status" -eq 0 ] || fail "$output"
}

# The number of the message that came for RECIPIENT.
number_for() {
    local file
    file=$(grep -lF "RCPT TO:<$1>" "$dir"/mail/envelope/*)
    echo $((10#${file##*/}))
}

# ---- what was asked ----

@test "-N -R -V -B survive, and are asked of the server that can" {
    keep -N success,delay -R hdrs -V id+7 -B 8bitmime a@example.org b@example.org
    assert_fact 'notify success,delay' 'ret hdrs' 'envid id+7' 'body 8bitmime'
    start_server
    flush
    expect 0
    assert_dialogue 'MAIL FROM:<sender@example.org>*RET=HDRS*ENVID=id+2B7*' \
        'RCPT TO:<a@example.org>*NOTIFY=SUCCESS,DELAY*' \
        'RCPT TO:<b@example.org>*NOTIFY=SUCCESS,DELAY*'
    grep -q 'BODY=8BITMIME' "$dir/log/1"
    assert_delivered 1
}

@test "--deliver-by less the time that has passed; too late it is a failure, or a notice's business" {
    start_server --offer 'DELIVERBY 1'
    keep --deliver-by '1000;R' a@example.org
    age 400
    flush
    expect 0
    [[ $(envelope) =~ BY=([0-9]+)\;R ]] && [ "${BASH_REMATCH[1]}" -le 600 ] &&
        [ "${BASH_REMATCH[1]}" -ge 540 ]
    keep --deliver-by '1000;N' a@example.org
    age 4000
    flush
    expect 0
    grep -q 'BY=-30[0-9][0-9];N' "$dir/mail/envelope/000002"
    keep --deliver-by '1000;R' a@example.org
    age 4000
    flush
    expect 0
    assert_kept 0
    read_notice "$(number_for sender@example.org)"
    assert_line 'Action: failed'
    assert_line --partial 'the time in which it had to be delivered has passed'
}

@test "--hold-for less the time that has passed, --hold-until, --priority, --require-tls" {
    start_server --offer 'FUTURERELEASE 100000 2099-01-01T00:00:00Z,MT-PRIORITY'
    keep --hold-for 1000 --priority 3 a@example.org
    age 400
    flush
    expect 0
    [[ $(envelope) =~ HOLDFOR=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -le 600 ] &&
        [ "${BASH_REMATCH[1]}" -ge 540 ]
    [[ $(envelope) == *MT-PRIORITY=3* ]]
    keep --hold-for 1000 a@example.org
    age 4000
    flush
    expect 0
    [[ $(envelope 2) != *HOLD* ]]
    keep --hold-until 2090-01-01T00:00:00Z a@example.org
    keep --hold-until 2090-01-01T00:00:00Z a@example.org
    edit 's/^hold-until .*/hold-until 2020-01-01T00:00:00Z/' 2
    flush
    expect 0
    [[ $(envelope 3) == *HOLDUNTIL=2090-01-01T00:00:00Z* ]]
    [[ $(envelope 4) != *HOLD* ]]
    keep --require-tls a@example.org
    assert_fact require-tls
}

@test "--require-all: nobody gets it while one is refused for now; all, once none is" {
    keep --require-all a@example.org b@example.org
    start_server --rcpt 'b@*=450 4.2.1 greylisted'
    flush
    expect 75
    assert_delivered 0
    assert_recipients '<a@example.org> waiting*' '<b@example.org> waiting 450 *'
    start_server
    flush
    expect 0
    assert_equal "$(envelope | grep -c RCPT)" 2
}

@test "--require-all: one refusal for good, and all of them are told of" {
    keep --require-all a@example.org b@example.org
    start_server --rcpt 'b@*=550 5.1.1 unknown'
    flush
    expect 0
    assert_kept 0
    assert_delivered 1
    read_notice
    assert_line 'Final-Recipient: rfc822; a@example.org'
    assert_line 'Final-Recipient: rfc822; b@example.org'
    assert_line 'Diagnostic-Code: smtp; 550 5.1.1 unknown'
}

# ---- failures ----

@test "a refusal comes back to the sender through the queue, in the server's words" {
    keep a@example.org b@example.org
    start_server --rcpt 'b@*=550 5.1.1 No such\nuser here'
    flush
    expect 0
    assert_equal "$output" ''
    assert_kept 0
    assert_delivered 2
    assert_connections 1
    run envelope "$(number_for sender@example.org)"
    assert_line --regexp '^MAIL FROM:<>'
    assert_equal "$(grep -c '^RCPT' <<<"$output")" 1
    read_notice "$(number_for sender@example.org)"
    assert_line 'multipart/report delivery-status'
    assert_line 'to sender@example.org from MAILER-DAEMON'
    assert_line 'Final-Recipient: rfc822; b@example.org'
    assert_line 'Action: failed'
    assert_line 'Status: 5.1.1'
    assert_line --regexp '^Diagnostic-Code: smtp; 550-5.1.1 No such 550.* user here$'
    assert_line 'original a test Some text.'
    refute_line --partial 'a@example.org'
}

@test "the whole message refused: one notice of all, by the account that it was sent by" {
    start_server --no CHUNKING --reply 'dot:1=554 5.7.1 spam'
    configure '[account one]' "server = 127.0.0.1:$port" 'helo = one.example'
    keep "${config[@]}" -a one a@example.org b@example.org
    run "$SMTPSEND" "${config[@]}" -q
    expect 0
    assert_delivered 1
    read_notice
    assert_equal "$(grep -c '^Diagnostic-Code: smtp; 554 5.7.1 spam$' <<<"$output")" 2
}

@test "-N never: not a word" {
    keep -N never a@example.org
    start_server --rcpt 'a@*=550 5.1.1 unknown'
    flush
    expect 0
    assert_equal "$output" ''
    assert_kept 0
    assert_delivered 0
    keep -N success a@example.org
    flush
    expect 0
    assert_kept 0
    assert_delivered 0
}

@test "nobody to tell: held, said, and tried again when asked" {
    run "$SMTPSEND" --queue always -f '<>' a@example.org <"$message"
    start_server --rcpt 'a@*=550 5.1.1 unknown'
    flush
    expect 75 "$(entry_id)" 'nobody to tell'
    [[ $(entry) == */held----* ]]
    assert_recipients '<a@example.org> failed 550 5.1.1 rcpt 5.1.1 unknown'
    assert_connections 1
    flush
    expect 0
    assert_equal "$output" ''
    assert_connections 1
    start_server
    run "$SMTPSEND" --queue-retry "$(entry_id)" --server "127.0.0.1:$port"
    expect 0
    assert_delivered 1
    assert_kept 0
}

@test "--postmaster hears of it; also from the config, a bare name at the domain" {
    start_server --rcpt 'a@*=550 5.1.1 unknown'
    keep -f '<>' a@example.org
    flush --postmaster root
    expect 0
    assert_kept 0
    run envelope
    assert_line --regexp '^MAIL FROM:<>'
    assert_line 'RCPT TO:<root@home.example>'
    keep -f '<>' a@example.org
    configure 'postmaster = pm@example.net'
    flush "${config[@]}"
    expect 0
    [ "$(number_for pm@example.net)" -eq 2 ]
    read_notice 2
    assert_line 'to pm@example.net from MAILER-DAEMON'
}

@test "a bounce that fails is not bounced: held and said; the postmaster hears, but not of his own" {
    start_server --reply 'rcpt=550 5.1.1 unknown'
    keep a@example.org
    flush
    expect 75 'nobody to tell'
    assert_kept 1
    assert_fact 'from <>' 'recipient <sender@example.org> failed*'
    rm -r "$spool"
    keep a@example.org
    flush --postmaster pm@example.org
    expect 75 'nobody to tell'
    assert_kept 1
    assert_fact 'from <>' 'recipient <pm@example.org> failed*'
    flush --postmaster pm@example.org
    expect 0
    assert_kept 1
}

@test "a notice that can't be made now is made later, and the message is not held" {
    start_server --reply 'rcpt=550 5.1.1 unknown'
    keep a@example.org
    # No file of over 1 KiB: the envelope fits, the notice does not.
    run bash -c 'ulimit -f 1; exec "$@" </dev/null' - "$SMTPSEND" -q --server "127.0.0.1:$port"
    expect 74 "can't write the notice"
    assert_kept 1
    assert_recipients '<a@example.org> failed 550 *'
    assert_pause 240 360
    start_server
    flush
    expect 0
    assert_kept 0
    read_notice
    assert_line 'Final-Recipient: rfc822; a@example.org'
    assert_line 'Diagnostic-Code: smtp; 550 5.1.1 unknown'
}

@test "a message that can't be read as one comes back at once, with the reason" {
    start_server
    keep a@example.org
    printf '\0' | dd of="$(entry)/message" bs=1 seek=2 conv=notrunc status=none
    flush
    expect 0
    assert_kept 0
    assert_delivered 1
    run cat "$dir"/mail/new/*
    assert_line --partial 'Final-Recipient: rfc822; a@example.org'
    assert_line --partial 'the message has a NUL byte'
}

# ---- time ----

@test "past its lifetime it comes back, after a last attempt" {
    keep a@example.org b@example.org
    age 500000
    start_server --rcpt 'b@*=450 4.2.1 greylisted'
    flush
    expect 0
    assert_kept 0
    assert_delivered 2
    read_notice "$(number_for sender@example.org)"
    assert_line 'Final-Recipient: rfc822; b@example.org'
    assert_line 'Status: 4.4.7'
    assert_line 'Diagnostic-Code: smtp; 450 4.2.1 greylisted'
    refute_line --partial 'a@example.org'
}

@test "--queue-lifetime says how long" {
    start_server --rcpt 'a@*=450 4.2.1 greylisted'
    keep a@example.org
    age 100
    flush --queue-lifetime 1h
    expect 75
    flush --queue-lifetime 1s
    expect 0
    assert_delivered 1
}

@test "an account's lifetime and postmaster are those of its messages, its server being down" {
    local n
    closed_port
    configure 'queue-lifetime = 1d' "server = 127.0.0.1:$port" '[account long]' \
        'queue-lifetime = 30d' '[account told]' 'postmaster = pm@example.org'
    for n in long long told told; do
        keep "${config[@]}" -f '<>' -a "$n" "$n@example.org"
    done
    for n in 1 2 3 4; do
        edit "s/^created .*/created $(($(date +%s) - 500000))/" $n
    done
    run "$SMTPSEND" "${config[@]}" -q
    expect 75
    expect_not 'nobody to tell'
    assert_equal "$(grep -lx 'recipient <long@example.org> waiting.*' "$spool"/queue/*/envelope |
        wc -l)" 2
    assert_equal "$(grep -l '^recipient <pm@example.org> waiting' "$spool"/queue/*/envelope |
        wc -l)" 2
    assert_kept 4
}

@test "past its lifetime with the server down: it comes back when that is up" {
    local n
    closed_port
    for n in 1 2 3; do
        keep "$n@example.org"
        age 500000
    done
    for n in 1 2 3; do
        edit "s/^created .*/created $(($(date +%s) - 500000))/" $n
    done
    flush
    expect 75
    assert_kept 3
    start_server
    flush
    expect 0
    assert_kept 0
    assert_delivered 3
    read_notice
    assert_line --regexp '^Diagnostic-Code: X-smtpsend; .*refused'
    assert_line 'Status: 4.4.7'
}

@test "-N delay: told once, after 4 hours, not before" {
    start_server --rcpt 'a@*=450 4.2.1 greylisted'
    keep -N delay,failure a@example.org
    age 3600
    flush
    expect 75
    assert_delivered 0
    age 15000
    flush
    expect 75
    assert_delivered 1
    assert_fact warned
    read_notice
    assert_line 'Action: delayed'
    assert_line 'Final-Recipient: rfc822; a@example.org'
    assert_line --regexp '^Will-Retry-Until: '
    flush
    flush
    expect 75
    assert_delivered 1
}

@test "-N delay of several messages while the server is down: each sender is told" {
    local n
    closed_port
    for n in 1 2 3; do
        keep -N delay "$n@example.org"
    done
    for n in 1 2 3; do
        edit "s/^created .*/created $(($(date +%s) - 15000))/" $n
    done
    flush
    expect 75
    assert_kept 6
    assert_equal "$(grep -lx warned "$spool"/queue/*/envelope | wc -l)" 3
    flush
    assert_kept 6
}

@test "-N success: told where the server can't, not where it does" {
    start_server --no DSN
    keep -N success,failure a@example.org
    flush
    expect 0
    assert_delivered 2
    read_notice "$(number_for sender@example.org)"
    assert_line 'Action: relayed'
    assert_line 'Final-Recipient: rfc822; a@example.org'
    start_server
    keep -N success,failure a@example.org
    flush
    expect 0
    assert_delivered 1
    grep -q NOTIFY=SUCCESS,FAILURE "$dir/log/1"
}

@test "what can't be tried for want of an account comes back too, when its time is over" {
    start_server
    configure "server = 127.0.0.1:$port" '[account gone]'
    keep "${config[@]}" -a gone a@example.org
    configure "server = 127.0.0.1:$port"
    run timeout 60 "$SMTPSEND" -q "${config[@]}" </dev/null
    expect 78 "no account 'gone'"
    assert_kept 1
    age 864000
    run timeout 60 "$SMTPSEND" -q "${config[@]}" </dev/null
    expect 78 "no account 'gone'"
    configure "server = 127.0.0.1:$port" '[account gone]'
    run timeout 60 "$SMTPSEND" -q "${config[@]}" </dev/null
    expect 0
    assert_kept 0
    read_notice
    assert_line 'to sender@example.org from MAILER-DAEMON'
    assert_output --partial 'Final-Recipient: rfc822; a@example.org'
}
