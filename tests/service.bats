#!/usr/bin/env bats
# service.bats: many users, one secret (contrib/systemd): the units, and what comes of them under
# several users. systemd's part, a process for each client, is lib/accept.py's; the system with
# these users is lib/many_users'.
# not under sanitizers: its processes have limits that a sanitizer does not fit in
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

units=$BATS_TEST_DIRNAME/../contrib/systemd
door=/run/smtpsend/submit
spool=/var/lib/smtpsend/queue

# A server that wants the secret, and a system whose users don't know it. The arguments are lines
# for relay.conf.
prepare_system() {
    start_server --user machine:geheim --auth-in-clear --require-auth
    system=$BATS_TEST_TMPDIR/system
    mkdir -p "$system/etc/smtpsend"
    cp "$SMTPSEND" "$system"
    printf '%s\n' "server = unix:$door" 'domain = home.example' 'queue = fallback' \
        >"$system/etc/smtpsend.conf"
    printf '%s\n' "server = smtp://127.0.0.1:$port" 'user = machine' \
        'allow-cleartext-auth = yes' "queue-dir = $spool" 'domain = home.example' "$@" \
        >"$system/etc/smtpsend/relay.conf"
}

# Makes it, without a service yet: lib/many_users.
make_system() {
    local flags
    command -v python3 >/dev/null || skip 'no python3'
    flags=$("$BATS_TEST_DIRNAME/lib/many_users" --flags) || skip 'no namespace with several users'
    prepare_system 'password = geheim' "$@"
    "$BATS_TEST_DIRNAME/lib/many_users" "$system" >"$system/said" 2>&1 3>&- 4>&- &
    servers+=($!)
    wait_for 'a system' "$system/said" test -e "$system/made"
    inside=(nsenter --target $! --mount)
    [ "$flags" = --mount ] || inside+=(--user --preserve-credentials)
}

# wait_for WHAT FILE COMMAND...: until COMMAND ends well; FILE has what is said otherwise.
wait_for() {
    local what=$1 file=$2 n=0
    shift 2
    until "$@"; do
        [ $((n += 1)) -lt 1500 ] || fail "no $what: $(tail -n 20 "$file")"
        sleep 0.02
    done
}

# as USER COMMAND...: as a shell of his would run it.
as() {
    local user=$1
    shift
    run timeout 60 "${inside[@]}" setpriv --reuid "$user" --regid "$user" --clear-groups \
        --reset-env env "PATH=/run/bin:$PATH" LC_ALL=C.UTF-8 "$@"
}

as_root() {
    "${inside[@]}" "$@"
}

# The words of a unit's command.
command_of() {
    sed -n 's/^ExecStart=smtpsend //p' "$units/$1"
}

# open_door [OPTION...]: the socket unit's work, with its limit of clients or $most. What it says
# is in the file $log.
open_door() {
    local words
    read -ra words < <(command_of smtpsend@.service)
    log=$BATS_TEST_TMPDIR/door.log
    "${inside[@]}" python3 "$BATS_TEST_DIRNAME/lib/accept.py" "$door" smtpsend \
        "${most:-$(sed -n 's/^MaxConnections=//p' "$units/smtpsend.socket")}" \
        /run/bin/smtpsend "${words[@]}" "$@" >"$log" 2>&1 3>&- 4>&- &
    servers+=($!)
    wait_for door "$log" as_root test -S "$door"
}

# What smtpsend-queue.service does.
flush() {
    local words
    read -ra words < <(command_of smtpsend-queue.service)
    as smtpsend smtpsend "${words[@]}"
}

all_ended() {
    [ "$(grep -c ^started "$log")" = "$(grep -c ^ended "$log")" ]
}

# Until no client is served any more.
wait_for_clients() {
    wait_for end "$log" all_ended
}

# kept N: so many messages are in the spool, and nothing half.
kept() {
    local entries half
    entries=$(as_root sh -c "test ! -d $spool || ls $spool/queue")
    half=$(as_root sh -c "test ! -d $spool || ls $spool/tmp")
    [ "$(grep -c . <<<"$entries")" = "$1" ] ||
        fail "not $1 in the spool: $entries. It said: $(cat "$log")"
    [ -z "$half" ] || fail "something half is in the spool: $half"
}

# ---- the units ----

@test "service: systemd finds nothing wrong with the units" {
    command -v systemd-analyze >/dev/null || skip 'no systemd-analyze'
    local unit
    mkdir "$BATS_TEST_TMPDIR/units"
    for unit in smtpsend.socket smtpsend@.service smtpsend-queue.{service,path,timer}; do
        sed "s|^ExecStart=smtpsend |ExecStart=$SMTPSEND |" "$units/$unit" \
            >"$BATS_TEST_TMPDIR/units/$unit"
    done
    cd "$BATS_TEST_TMPDIR/units"
    run systemd-analyze verify --man=no ./*
    assert_success
    assert_output ''
    # 0 is the least exposed, 100 the most.
    for unit in ./*.service; do
        run systemd-analyze security --no-pager --offline=yes --threshold=20 "$unit"
        assert_success
    done
}

# ---- mail ----

@test "service: the mail of two users goes out with a secret that neither knows" {
    make_system
    open_door
    as ann sendmail -i a@example.org <"$message"
    expect 0
    assert_output ''
    as bob smtpsend b@example.org <"$message"
    expect 0
    assert_output ''
    assert_connections 0
    kept 2
    flush
    expect 0
    kept 0
    assert_delivered 2
    for n in 1 2; do
        run envelope $n
        assert_line auth=machine
    done
    cat "$dir"/mail/envelope/* >"$BATS_TEST_TMPDIR/envelopes"
    run cat "$BATS_TEST_TMPDIR/envelopes"
    assert_line --regexp '^MAIL FROM:<ann@home\.example>'
    assert_line --regexp '^RCPT TO:<a@example\.org>'
    assert_line --regexp '^MAIL FROM:<sender@example\.org>'
    assert_line --regexp '^RCPT TO:<b@example\.org>'
}

@test "service: who sent is written down, in the envelope file and a Received field" {
    make_system
    open_door
    as ann sendmail -i a@example.org <"$message"
    expect 0
    run as_root sh -c "cat $spool/queue/*/envelope"
    assert_line 'uid 2001'
    flush
    expect 0
    run sed '/^\r$/q' "$(delivered)"
    assert_line --index 0 --regexp '^Received: '
    assert_output --partial 'ann'
    assert_output --partial '2001'
    assert_equal "$(sed -n '/^From: /,$p' "$(delivered)" | tr -d '\r')" "$(cat "$message")"
}

@test "service: --match-user refuses one user who poses as another" {
    make_system 'match-user = yes'
    open_door
    as ann sendmail -i -f bob@home.example a@example.org <"$message"
    expect 69 553 5.7.1
    as ann sendmail -i -f ann@elsewhere.example a@example.org <"$message"
    expect 69 553 5.7.1
    kept 0
    as ann sendmail -i a@example.org <"$message"
    expect 0
    as bob sendmail -i -f bob@home.example a@example.org <"$message"
    expect 0
    kept 2
}

# ---- what nobody else can see ----

# refused USER COMMAND...: the system does not let him.
refused() {
    as "$@"
    [[ $status -ne 0 && $output =~ 'Permission denied'|'Read-only file system' ]] ||
        fail "$*: $status, $output"
}

@test "service: no user can read the secret, the spool or another's mail" {
    local path user
    make_system
    as ann sendmail -i a@example.org <"$message" # into her own queue: there is no door yet
    expect 0
    open_door
    as bob sendmail -i a@example.org <"$message"
    expect 0
    run as_root find /var/lib/smtpsend /home/ann/.local /etc/smtpsend/relay.conf
    assert_line --regexp "^$spool/queue/.*/message$"
    assert_line --regexp '^/home/ann/.*/message$'
    for path in $output; do
        for user in ann bob; do
            [ "$user" != ann ] || [[ $path != /home/ann/* ]] || continue
            if as_root test -d "$path"; then
                refused $user ls "$path"
                refused $user touch "$path/new"
            else
                refused $user head -c 1 "$path"
                refused $user dd if=/dev/null of="$path" conv=notrunc
            fi
        done
    done
    as ann smtpsend -C /etc/smtpsend/relay.conf -q
    expect 78 'Permission denied'
    expect_not geheim
    as ann smtpsend --queue-dir "$spool" -q
    [ "$status" -ne 0 ] || fail "$output"
    kept 1
}

# Her own process talks with it meanwhile.
@test "service: its processes show no secret" {
    local pid file
    make_system
    open_door --timeout "$PATIENCE"
    hold 1 'EHLO ann'
    pid=$(sed -n 's/^started //p' "$log")
    for file in cmdline environ; do
        run as_root cat "/proc/$pid/$file"
        expect 0
        expect_not geheim
    done
    for file in environ mem fd/0 maps; do
        refused ann head -c 1 "/proc/$pid/$file"
    done
    run "${inside[@]}" sed -n '/^Uid:/p' "/proc/$pid/status"
    assert_output $'Uid:\t2003\t2003\t2003\t2003'
}

# ---- when it does not answer ----

@test "service: where nobody answers, the user's own queue has the message" {
    make_system
    as ann sendmail -i a@example.org <"$message"
    expect 0
    assert_output --partial queue
    run as_root find /home/ann/.local/state/smtpsend/queue/queue -type f
    assert_line --partial /message
    open_door
    as ann smtpsend -q
    expect 0
    run as_root find /home/ann/.local/state/smtpsend/queue/queue -type f
    assert_output ''
    run as_root sh -c "cat $spool/queue/*/envelope"
    assert_line 'uid 2001'
    flush
    expect 0
    assert_delivered 1
    run envelope
    assert_line auth=machine
}

# ---- peers that cost ----

# hold COUNT [LINE...]: ann's clients that connect, say that, and then nothing.
hold() {
    held=$BATS_TEST_TMPDIR/held
    "${inside[@]}" python3 "$BATS_TEST_DIRNAME/lib/silent.py" "$door" ann "$@" \
        >"$held" 2>"$held.said" 3>&- 4>&- &
    servers+=($!)
    wait_for clients "$held.said" grep -q there "$held"
}

# told N: so many of them have been told in the end that the time is up.
told() {
    wait "${servers[-1]}" || true
    [ "$(sed 1d "$held")" = "$1" ] || fail "$(cat "$held" "$held.said")"
}

@test "service: a flood of silent clients costs nobody else" {
    make_system
    open_door --timeout 4s
    hold 200
    as bob sendmail -i b@example.org <"$message"
    expect 0
    assert_output ''
    kept 1
    flush
    expect 0
    assert_delivered 1
    told 40
    wait_for_clients
    assert_equal "$(grep -c ' 75$' "$log")" 200
    # 40 are heard out, the others are sent away at once.
    assert_equal "$(grep -c 'too many connections' "$log")" 160
    kept 0
}

@test "service: clients that stall within the message cost nobody else" {
    make_system
    open_door --timeout 4s
    hold 20 'EHLO ann' 'MAIL FROM:<ann@home.example>' 'RCPT TO:<a@example.org>' DATA \
        'Subject: half' '' 'a line'
    as bob sendmail -i b@example.org <"$message"
    expect 0
    assert_output ''
    told 20
    wait_for_clients
    kept 1
    flush
    expect 0
    assert_delivered 1
}

@test "service: a client that goes within the message leaves nothing" {
    make_system
    open_door
    hold 1 'EHLO ann' 'MAIL FROM:<ann@home.example>' 'RCPT TO:<a@example.org>' DATA \
        'Subject: half' '' 'a line'
    kill "${servers[-1]}"
    wait_for_clients
    kept 0
}

@test "service: one who drips gets the time of the whole, and no more" {
    make_system
    open_door --timeout "$PATIENCE" --deadline 2s
    hold 1 'EHLO ann' 'MAIL FROM:<ann@home.example>' 'RCPT TO:<a@example.org>' DATA 'a line'
    told 1
    wait_for_clients
    kept 0
}

@test "service: where all places are taken, the user's own queue has the message" {
    make_system
    most=3 open_door --timeout 4s
    hold 3
    as bob sendmail -i b@example.org <"$message"
    expect 0
    assert_output --partial queue
    kept 0
    told 3
    wait_for_clients
    as bob smtpsend -q
    expect 0
    kept 1
}

# ---- without systemd ----

@test "service: socat, as the README has it, is a door too" {
    local lines
    command -v socat >/dev/null || skip 'no socat'
    make_system
    lines=$(sed -n '/^    install -d -o smtpsend/,/nofork$/p' "$units/README")
    log=$BATS_TEST_TMPDIR/socat.log
    "${inside[@]}" env "PATH=/run/bin:$PATH" sh -c "$lines" >"$log" 2>&1 3>&- 4>&- &
    servers+=($!)
    wait_for door "$log" as_root test -S "$door"
    as ann sendmail -i a@example.org <"$message"
    expect 0
    assert_output ''
    run as_root sh -c "cat $spool/queue/*/envelope"
    assert_line 'uid 2001'
    flush
    expect 0
    assert_delivered 1
}

# ---- under systemd itself ----

# The units as they are, but for the words after which is said here.
boot() {
    local can
    can=$("$BATS_TEST_DIRNAME/lib/boot" --can) || skip "$can"
    prepare_system
    mkdir -m 700 "$system/etc/credstore"
    (umask 077 && echo geheim >"$system/etc/credstore/smtpsend.password")
    : >"$system/etc/fstab"
    log=$system/console
    "$BATS_TEST_DIRNAME/lib/boot" "$system" "${1:-$units}" >"$system/said" 2>&1 3>&- 4>&- &
    servers+=($!)
    wait_for systemd "$system/said" test -s "$system/first"
    inside=(nsenter --target "$(tr -d ' ' <"$system/first")" --mount --pid)
    wait_for door "$log" as_root test -S "$door"
}

bob_sends() {
    as bob smtpsend -q
    [ "$status" = 0 ]
}

has_arrived() {
    [ "$(count_delivered)" = "$1" ]
}

@test "service: under systemd, mail goes out at once" {
    boot
    as ann sendmail -i a@example.org <"$message"
    expect 0
    assert_output ''
    as bob sendmail -i b@example.org <"$message"
    expect 0
    wait_for delivery "$log" has_arrived 2
    run envelope
    assert_line auth=machine
    run tr -d '\r' <"$(delivered)"
    assert_line --index 0 --regexp '^Received: '
    kept 0
    run as_root systemctl --failed --plain --no-legend
    assert_output ''
    for user in ann bob; do
        refused $user head -c 1 /etc/credstore/smtpsend.password
        refused $user ls /var/lib/smtpsend
    done
}

# systemd by itself would take so many for a fault of the service, and close the door.
@test "service: under systemd, no flood closes the door for good" {
    cp -r "$units" "$BATS_TEST_TMPDIR/units"
    sed -i 's/^MaxConnections=.*/MaxConnections=5/' "$BATS_TEST_TMPDIR/units/smtpsend.socket"
    boot "$BATS_TEST_TMPDIR/units"
    "${inside[@]}" timeout 60 python3 - "$door" <<'END'
import socket
import sys

for _ in range(300):
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    client.close()
END
    run as_root systemctl is-active smtpsend.socket
    assert_output active
    as bob sendmail -i b@example.org <"$message"
    expect 0
    # Not all places may have been free again.
    wait_for "queue of bob's that is empty" "$log" bob_sends
    wait_for delivery "$log" has_arrived 1
}
