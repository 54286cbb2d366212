#!/usr/bin/env bats
# stages.bats: at each stage of a session, a server that refuses, is silent, goes away or talks
# rubbish: the exit status of each case, the stage that is named, and the server's words.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

# Sets what the client and the server of a stage need: $client and $server.
stage_needs() {
    client=()
    server=()
    case $1 in
    starttls | handshake)
        client=(--tls required --tls-ca "$ca")
        server=(--tls-cert "$cert" --tls-key "$key")
        ;;
    auth)
        client=(--user u --allow-cleartext-auth)
        server=(--user u:secret --auth-in-clear --mechs PLAIN)
        export SMTPSEND_PASSWORD=secret
        ;;
    esac
}

# case_of STAGE WORD STATUS: one server, one run; $output and $status are its.
case_of() {
    local stage=$1 event=$2 wanted=$3 named=$1 also=()
    [ "$stage" != handshake ] || named=tls
    stage_needs "$stage"
    case $event in
    4xx) server+=(--reply "$stage=451 4.3.0 no room today") ;;
    5xx)
        server+=(--reply "$stage=550 5.7.9 we do not like you")
        [ "$stage" != ehlo ] || server+=(--reply "helo=550 5.7.9 we do not like you")
        ;;
    421) server+=(--reply "$stage=421 4.3.2 closing down now" --at "$stage=closeafter") ;;
    silence)
        server+=(--at "$stage=hang")
        client+=(--timeout 1)
        ;;
    *) server+=(--at "$stage=$event") ;;
    esac
    case $stage in data | dot) server+=(--no CHUNKING) ;; esac
    start_server "${server[@]}" "${switches[@]}"
    send "${client[@]}" "${wishes[@]}" a@example.org
    case $event in
    4xx) also=('451 4.3.0 no room today') ;;
    5xx) also=('550 5.7.9 we do not like you') ;;
    421) also=('421 4.3.2 closing down now') ;;
    silence) [ "$stage" = handshake ] || also=('within 1 s') ;;
    esac
    case $stage:$event in
    handshake:garbage) named= ;; # starttls, where it came along with the reply
    greeting:reset) named= ;;    # connect, where it came before connect was through
    rcpt:4?? | rcpt:5xx) named='rcpt a@example.org' ;;
    esac
    echo "$stage, $event, ${switches[*]} ${wishes[*]}: status $status, $output"
    expect "$wanted" "smtpsend: ${named:+$named: }" "${also[@]}"
    expect_not $'\x1b' $'\xff'
    assert_connections 1
    [[ $event != [45]xx ]] || assert_dialogue QUIT
    case $stage:$event in
    dot:silence | dot:drop | dot:reset | dot:garbage) assert_delivered 1 ;;
    bdat:silence | bdat:drop | bdat:reset | bdat:garbage) assert_delivered 1 ;;
    *:garbage) [ ${#wishes[@]} -ne 0 ] || assert_delivered 0 ;; # in one flight it may have it
    *) assert_delivered 0 ;;
    esac
    stop_server
}

# cases STAGE STATUS...: one for each event.
cases() {
    local stage=$1 events=(4xx 5xx 421 silence drop reset garbage) i
    shift
    for i in "${!events[@]}"; do
        [ "${*:i+1:1}" = - ] || case_of "$stage" "${events[i]}" "${*:i+1:1}"
    done
}

# row STAGE 4XX 5XX 421 SILENCE DISCONNECT RESET GARBAGE: the exit statuses, with commands in
# flight together, one by one, and with the message in one flight with them.
row() {
    local switches=() wishes=()
    cases "$@"
    case $1 in mail | rcpt | data | dot | bdat) ;; *) return 0 ;; esac
    switches=(--no PIPELINING)
    cases "$@"
    case $1 in data | dot) return 0 ;; esac
    switches=()
    wishes=(--chunking early)
    cases "$@"
}

# The table. Statuses:     4xx 5xx 421 silence disconnect reset garbage
@test "greeting:  75 69 75 75 75 75 76" { row greeting  75 69 75 75 75 75 76; }
@test "EHLO:      75 69 75 75 75 75 76" { row ehlo      75 69 75 75 75 75 76; }
@test "STARTTLS:  75 69 75 75 75 75 76" { row starttls  75 69 75 75 75 75 76; }
@test "handshake:  -  -  - 75 75 75 76" { row handshake  -  -  - 75 75 75 76; }
@test "AUTH:      75 77 75 75 75 75 76" { row auth      75 77 75 75 75 75 76; }
@test "MAIL:      75 69 75 75 75 75 76" { row mail      75 69 75 75 75 75 76; }
@test "RCPT:      75 67 75 75 75 75 76" { row rcpt      75 67 75 75 75 75 76; }
@test "DATA:      75 65 75 75 75 75 76" { row data      75 65 75 75 75 75 76; }
@test "final dot: 75 65 75 75 75 75 76" { row dot       75 65 75 75 75 75 76; }
@test "BDAT:      75 65 75 75 75 75 76" { row bdat      75 65 75 75 75 75 76; }

@test "connect:   refused 75, silence 75; both say which address" {
    start_server
    stop_server
    send a@example.org
    expect 75 "smtpsend: connect: " "127.0.0.1:$port: Connection refused"

    # The kernel drops connections to a socket whose queue is full.
    python3 - "$BATS_TEST_TMPDIR/full" 3>&- <<'PYTHON' &
import os, socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
clients = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
    clients.append(client)
time.sleep(0.2)
with open(sys.argv[1] + ".tmp", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(60)
PYTHON
    servers+=($!)
    until [ -e "$BATS_TEST_TMPDIR/full" ]; do sleep 0.01; done
    port=$(cat "$BATS_TEST_TMPDIR/full")
    send --connect-timeout 1 a@example.org
    expect 75 "smtpsend: connect: " "127.0.0.1:$port: Connection timed out"
    send --connect-timeout 30 --deadline 1 a@example.org
    expect 75 "smtpsend: connect: " "127.0.0.1:$port"
}

@test "the connection is lost in the body: 75, with the words said before" {
    head -c 3000000 /dev/zero | tr '\0' 'x' | fold -w 70 >>"$message"
    for chunking in off auto early; do
        for event in drop reset garbage hang; do
            start_server --at "body=$event"
            send --timeout 1 --chunking "$chunking" a@example.org
            case $event in
            garbage) expect 76 'no SMTP reply' ;;
            *) expect 75 'smtpsend: ' && assert_delivered 0 ;;
            esac
            stop_server
        done
        start_server --at body=closeafter
        send --chunking "$chunking" a@example.org
        expect 75 '421 4.3.2'
        assert_delivered 0
        stop_server
    done
}

@test "lost after the final dot or octet: it says that the message may have been accepted" {
    for chunking in off:dot auto:bdat early:bdat; do
        for event in drop reset hang garbage; do
            start_server --at "${chunking#*:}=$event"
            send --timeout 1 --chunking "${chunking%:*}" a@example.org
            case $event in
            garbage) expect 76 'may have accepted the message' ;;
            *) expect 75 'may have accepted the message' ;;
            esac
            assert_delivered 1
            stop_server
        done
        for code in 451 550 421; do
            start_server --reply "${chunking#*:}=$code no"
            send --chunking "${chunking%:*}" a@example.org
            expect_not 'may have accepted'
            stop_server
        done
    done
}

@test "replies that fit no stage: 76, with the code" {
    # 2xx and 3xx where the protocol has none, and codes that no reply has.
    for reply in greeting=250 greeting=354 ehlo=354 mail=354 rcpt=354 data=250 dot=354 \
        bdat=354; do
        start_server --reply "$reply what?" --no "$([[ $reply == bdat* ]] && echo DSN || echo CHUNKING)"
        send a@example.org
        expect 76 "smtpsend: ${reply%=*}" "${reply#*=} what?"
        assert_delivered 0
        stop_server
    done
    for reply in '650 x' '150 x' '25 x' '2500 x' '25O x' 'hello' '220_x' ' 220 x' ''; do
        start_script <<<"> $reply"$'\n'"eof"
        send a@example.org
        expect 76 'smtpsend: greeting: ' "'$reply'"
        stop_server
    done
}

@test "authentication wanted: 530 and 535 are 77 at MAIL and RCPT" {
    for reply in mail=530 mail=535 rcpt=530 rcpt=535; do
        start_server --reply "$reply 5.7.0 who are you?"
        send a@example.org
        expect 77 "smtpsend: ${reply%=*}" "${reply#*=} 5.7.0 who are you?" '--user'
        stop_server
    done
    start_server --user u:p --require-auth
    send a@example.org
    expect 77 'smtpsend: mail: ' ' 530 '
}

@test "552: for RCPT a mailbox that is full now, for MAIL and the message too large for good" {
    for pipelining in '' '--no PIPELINING'; do
        for reply in rcpt:75 mail:65 data:65 dot:65 bdat:65; do
            # shellcheck disable=SC2086 # two words or none
            start_server --reply "${reply%:*}=552 5.3.4 too much" $pipelining
            send --chunking "$([[ $reply == bdat* ]] && echo auto || echo off)" a@example.org
            expect "${reply#*:}" "smtpsend: ${reply%:*}" '552 5.3.4 too much'
            stop_server
        done
    done
}

@test "252 to RCPT is acceptance; 251 too" {
    start_server --reply 'rcpt:1=252 cannot VRFY' --reply 'rcpt:2=251 will forward'
    send a@example.org b@example.org
    expect 0
    assert_delivered 1
}

@test "codes never seen before count by their first digit" {
    start_server --reply 'ehlo=250-localhost\n250 8BITMIME' --reply 'mail=299 fine' \
        --reply 'rcpt=277 fine' --reply 'dot=222 fine'
    send a@example.org
    expect 0
    stop_server
    start_server --reply 'rcpt=577 no'
    send a@example.org
    expect 67 '577 no'
    stop_server
    start_server --reply 'rcpt=477 no'
    send a@example.org
    expect 75 '477 no'
}
