#!/usr/bin/env bats
# fastopen.bats: TCP Fast Open (RFC 7413), and that nothing but a round trip is lost by it.
#
# The server and the program run in a network namespace of their own, for each test a new one,
# whose kernel counts the SYNs that went out and came in with data.
# not under sanitizers: it is about the kernel
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

setup_file() {
    make_certificate
}

prepare() {
    local program
    unshare -Urn sleep 110 3>&- 4>&- &
    servers+=($!)
    inside=(nsenter -U -n --preserve-credentials -t "$!")
    # Nobody can enter the namespace that he is in: until then it is not made yet.
    until grep -q . "/proc/$!/uid_map" 2>/dev/null && "${inside[@]}" true 2>/dev/null; do
        kill -0 "$!" 2>/dev/null || skip 'no network namespaces here'
        sleep 0.01
    done
    "${inside[@]}" ip link set lo up || skip 'no loopback in the namespace'
    fast_open 3 2>/dev/null || skip 'no TCP Fast Open in this kernel'
    for program in TESTSERVER SMTPSEND; do
        printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${inside[*]}" "${!program}" \
            >"$BATS_TEST_TMPDIR/$program"
        chmod +x "$BATS_TEST_TMPDIR/$program"
        declare -gx "$program=$BATS_TEST_TMPDIR/$program"
    done
}

# fast_open BITS: 1 for clients, 2 for servers.
fast_open() {
    # shellcheck disable=SC2016 # the other shell's
    "${inside[@]}" sh -c 'echo "$0" >/proc/sys/net/ipv4/tcp_fastopen' "$1"
}

# assert_counts ACTIVE PASSIVE: SYNs with data that were acknowledged, SYNs with data that were
# taken, in this namespace so far.
assert_counts() {
    local counts
    counts=$("${inside[@]}" cat /proc/net/netstat | awk '/^TcpExt/ {
            if (!n)
                n = split($0, name)
            else
                for (i = 1; i <= n; i++)
                    if (name[i] ~ /^TCPFastOpen(Active|Passive)$/)
                        printf "%s ", $i
        }')
    [ "$counts" = "$1 $2 " ] ||
        fail "SYNs with data (out, in): $counts, not $1 $2. It said: $output"
}

# Sends $message over implicit TLS to the host given.
send_fast() {
    local host=$1
    shift
    smtpsend --server "submissions://$host:$tls_port" --tls-ca "$ca" -f sender@example.org \
        --timeout "$PATIENCE" -v "$@" a@example.org <"$message"
}

# Nobody else has this port here.
start_fast_server() {
    start_server --fast-open --listen 127.0.0.1:0 --listen-tls 127.0.0.1:2465 \
        --tls-cert "$cert" --tls-key "$key" "$@"
}

@test "the first connection gets a cookie, the second one sends with the SYN" {
    start_fast_server
    send_fast 127.0.0.1
    expect 0
    assert_counts 0 0
    send_fast 127.0.0.1
    expect 0 "connect: connected to 127.0.0.1:$tls_port"
    assert_counts 1 1
    assert_delivered 2
    cmp "$(delivered 1)" "$(delivered 2)"
}

@test "a ClientHello that does not fit the SYN goes on in the next segment" {
    start_fast_server
    "${inside[@]}" ip link set lo mtu 280
    send_fast 127.0.0.1
    expect 0
    send_fast 127.0.0.1
    expect 0
    assert_counts 1 1
    assert_delivered 2
}

@test "a server without it gives no cookie, and nothing goes early" {
    start_tls_server
    send_fast 127.0.0.1
    expect 0
    send_fast 127.0.0.1
    expect 0
    assert_counts 0 0
    assert_delivered 2
}

@test "a server that has lost it since takes what came early when it comes again" {
    start_fast_server
    send_fast 127.0.0.1
    expect 0
    stop_server
    start_server --listen-tls 127.0.0.1:2465 --tls-cert "$cert" --tls-key "$key"
    send_fast 127.0.0.1
    expect 0
    assert_counts 0 0
    assert_delivered 1
}

@test "a kernel that has it switched off for clients" {
    fast_open 2
    start_fast_server
    send_fast 127.0.0.1
    expect 0
    send_fast 127.0.0.1
    expect 0
    assert_counts 0 0
    assert_delivered 2
}

@test "never where the server speaks first" {
    start_fast_server
    send_fast 127.0.0.1
    expect 0
    send --tls off a@example.org
    expect 0
    send --tls required --tls-ca "$ca" a@example.org
    expect 0
    assert_counts 0 0
    assert_delivered 3
}

@test "a port that refuses: the stage, the words and the status are those of connecting" {
    local without
    start_fast_server
    stop_server # before anybody has a cookie
    send_fast 127.0.0.1
    expect 75 'smtpsend: connect: ' "(127.0.0.1:$tls_port: Connection refused)"
    without=$output
    start_fast_server
    send_fast 127.0.0.1
    expect 0
    stop_server
    send_fast 127.0.0.1
    expect 75
    [ "$output" = "$without" ] || fail "with a cookie: $output; without: $without"
}

# Even with a cookie an address has to answer before it counts; what it did not take is said anew
# to the next one, first without a cookie, then with one.
@test "the next address is tried when the first one is dead" {
    "${inside[@]}" grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null ||
        skip 'no IPv6 on loopback here'
    start_fast_server --listen-tls '[::1]:2465'
    send_fast '[::1]'
    expect 0
    send_fast '[::1]'
    expect 0
    assert_counts 1 1
    stop_server
    start_fast_server
    send_fast localhost
    expect 0 "connect: connected to 127.0.0.1:$tls_port"
    assert_counts 1 1
    send_fast localhost
    expect 0 "connect: connected to 127.0.0.1:$tls_port"
    assert_counts 2 2
    assert_delivered 2
    stop_server
    send_fast localhost
    expect 75 'smtpsend: connect: ' "([::1]:$tls_port: Connection refused, " \
        "127.0.0.1:$tls_port: Connection refused)"
}

# A route back to the client that leads nowhere: the SYN is never answered.
@test "an address that does not answer is given up after the connect time-out" {
    start_fast_server --listen-tls 127.0.0.2:2465
    send_fast 127.0.0.2 --tls-name localhost
    expect 0
    send_fast 127.0.0.2 --tls-name localhost
    expect 0
    assert_counts 1 1
    "${inside[@]}" sh -c 'ip rule add pref 10 lookup local && ip rule del pref 0 lookup local &&
        ip rule add pref 5 from 127.0.0.2 to 127.0.0.1 blackhole' ||
        skip 'no routing by rules here'
    send_fast 127.0.0.2 --tls-name localhost --connect-timeout 1s
    expect 75 'smtpsend: connect: ' '(127.0.0.2:2465: Connection timed out)'
}
