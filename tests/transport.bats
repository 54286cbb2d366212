#!/usr/bin/env bats
# transport.bats: which address, port and socket the connection goes to, and what is said when
# there is none.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

need_ipv6() {
    grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || skip 'no IPv6 on loopback here'
}

@test "IPv6: literals with brackets and without, in URLs, in EHLO" {
    need_ipv6
    start_server --listen '[::1]:0'
    for server in "[::1]:$port6" "smtp://[::1]:$port6" "smtp://[::1]:$port6/" \
        "smtp://[0:0:0:0:0:0:0:1]:$port6"; do
        submit --server "$server" -v a@example.org <"$message"
        expect 0 "connect: connected to [::1]:$port6"
    done
    submit --server ::1 --port "$port6" a@example.org <"$message"
    expect 0
    assert_delivered 5
    run grep -h 'EHLO' "$dir/log/1"
    assert_output --regexp '^C: EHLO ([A-Za-z0-9-]+\.[A-Za-z0-9.-]+|\[IPv6:::1\])$'
}

@test "each address is tried until one connects" {
    need_ipv6
    start_server --listen 127.0.0.1:0
    submit --server "localhost:$port" -v a@example.org <"$message"
    expect 0 "connect: connected to 127.0.0.1:$port"
    submit --server "localhost:$port" -6 a@example.org <"$message"
    expect 75 "[::1]:$port: Connection refused"
    expect_not 127.0.0.1
    submit --server "localhost:$port" -4 a@example.org <"$message"
    expect 0
    stop_server
    start_server --listen '[::1]:0'
    submit --server "localhost:$port6" -v a@example.org <"$message"
    expect 0 "connect: connected to [::1]:$port6"
    submit --server "localhost:$port6" -4 a@example.org <"$message"
    expect 75 "127.0.0.1:$port6: Connection refused"
    expect_not ::1
}

@test "the error names every address, and why each failed" {
    need_ipv6
    start_server
    stop_server
    submit --server "localhost:$port" a@example.org <"$message"
    expect 75 'smtpsend: connect: ' localhost "[::1]:$port: Connection refused" \
        "127.0.0.1:$port: Connection refused" 'is a server running'
    [ "${#lines[@]}" -eq 1 ] || fail "$output"
}

@test "an address of the family that was ruled out" {
    submit --server 127.0.0.1:1 -6 a@example.org <"$message"
    expect 68 'smtpsend: connect: '
    submit --server '[::1]:1' -4 a@example.org <"$message"
    expect 68 'smtpsend: connect: '
}

# Where no name server answers, nobody can say that there is no such host: then it is 75, as for
# everything that may pass.
@test "no such host: 68, with the name" {
    for options in '' '--deadline 20'; do
        # shellcheck disable=SC2086 # words
        submit --server nosuchhost.invalid $options a@example.org <"$message"
        [ "$status" -eq 75 ] || expect 68 "no such host: 'nosuchhost.invalid'"
        expect "$status" 'smtpsend: connect: ' nosuchhost.invalid
    done
}

@test "Unix sockets" {
    start_server --unix "$BATS_TEST_TMPDIR/socket"
    submit --server "unix:$BATS_TEST_TMPDIR/socket" -v a@example.org <"$message"
    expect 0 "connected to $BATS_TEST_TMPDIR/socket"
    assert_delivered 1
    submit --server "unix:$BATS_TEST_TMPDIR/socket" --port 25 a@example.org <"$message"
    expect 64 port
    submit --server "unix:$BATS_TEST_TMPDIR/missing" a@example.org <"$message"
    expect 75 'smtpsend: connect: ' "$BATS_TEST_TMPDIR/missing: No such file"
    stop_server
    submit --server "unix:$BATS_TEST_TMPDIR/socket" a@example.org <"$message"
    expect 75 'smtpsend: connect: '
    submit --server "unix:/$(printf 'x%.0s' {1..200})" a@example.org <"$message"
    expect 64 longer
}

@test "fd:N, a connected socket that was handed in" {
    start_server
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    submit --server fd:7 --tls off a@example.org <"$message"
    exec 7<&-
    expect 0
    assert_delivered 1
    # Not standard error's number either, when that is closed.
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    run bash -c '"$SMTPSEND" --server fd:7 --tls off -vv -f s@example.org a@example.org \
        <"$0" 2>&-' "$message"
    exec 7<&-
    expect 0
    assert_delivered 2
}

@test "fd:N that is no socket, or none at all: 64" {
    submit --server fd:7 --tls off a@example.org <"$message" 7<"$message"
    expect 64 'fd:7'
    submit --server fd:7 --tls off a@example.org <"$message" 7<&-
    expect 64 'fd:7'
    submit --server fd:1048577 --tls off a@example.org <"$message"
    expect 64
}

@test "fd:N has no name: TLS wants --tls-name" {
    submit --server fd:7 a@example.org <"$message"
    expect 64 '--tls-name' '--tls off'
    make_certificate
    start_server --tls-cert "$cert" --tls-key "$key"
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    submit --server fd:7 --tls-name localhost --tls-ca "$ca" a@example.org <"$message"
    exec 7<&-
    expect 0
    run envelope
    assert_line --regexp '^tls=TLS1\.[23]$'
}

# Without any network each address fails at once, and is named with its port.
@test "default ports by scheme; --port overrides; names of services" {
    unshare -rn true 2>/dev/null || skip 'no network namespaces here'
    local case
    for case in '127.0.0.1 :25' 'smtp://127.0.0.1 :25' 'submission://127.0.0.1 :587' \
        'submissions://127.0.0.1 :465' 'smtps://127.0.0.1 :465' '127.0.0.1:2525 :2525' \
        'smtp://127.0.0.1:26 :26' 'smtp://127.0.0.1:26|--port|27 :27' \
        '127.0.0.1|--user|u :587' 'smtp://u@127.0.0.1 :25' 'submission://u@127.0.0.1 :587' \
        '127.0.0.1|--user|u|--auth|off :25'; do
        IFS='|' read -ra words <<<"${case% *}"
        SMTPSEND_PASSWORD=x run timeout 60 unshare -rn "$SMTPSEND" -f s@example.org \
            --server "${words[@]}" a@example.org <"$message"
        [ "$status" -eq 75 ] || [ "$status" -eq 78 ] # no certificate authorities here
        [ "$status" -eq 78 ] || expect 75 "127.0.0.1${case##* }: Network is unreachable"
    done
    [ -e /etc/services ] || skip 'no /etc/services here'
    run timeout 60 unshare -rn "$SMTPSEND" -f s@example.org --server 127.0.0.1 \
        --port submission --tls off a@example.org <"$message"
    expect 75 127.0.0.1:587
    run timeout 60 unshare -rn "$SMTPSEND" -f s@example.org --server 127.0.0.1:smtp \
        a@example.org <"$message"
    expect 75 127.0.0.1:25
}

@test "a message of 30 MB that the server takes slowly, with a server that talks meanwhile" {
    {
        printf 'Subject: big\n\n'
        head -c 22000000 /dev/urandom | base64
    } >"$message"
    start_server --sha256 --delay body=300
    send --add-headers=no -v a@example.org
    expect 0 "sha256=$(sed 's/$/\r/' "$message" | sha256sum | cut -d ' ' -f 1)"
}

@test "--deadline: past it the end of a streamed message is not sent" {
    start_server
    # shellcheck disable=SC2016 # for the inner shell
    run --separate-stderr bash -c '{ printf "Subject: x\n\n"; sleep 2; echo y; } |
        "$SMTPSEND" --server "127.0.0.1:$1" --stream --deadline 1 -f a@example.org b@example.org' \
        - "$port"
    assert_equal "$status" 75
    stop_server
    [ ! -e "$(delivered)" ] || fail 'it was delivered all the same'
}

@test "a limit on file sizes is 74, and a log that can't grow is no reason to die" {
    start_server
    # shellcheck disable=SC2016 # for the inner shell
    run --separate-stderr bash -c 'ulimit -f 1
        { printf "Subject: x\n\n"; yes x | head -c 3000000; } |
        TMPDIR=/tmp "$SMTPSEND" --server "127.0.0.1:$1" -f a@example.org b@example.org' - "$port"
    assert_equal "$status" 74
}

@test "schemes that are none here are not taken for hosts: 64" {
    for server in mx: srv:example.org srv:smtp lmtp+unix:/x lmtp://h mx:/x; do
        submit --server "$server" a@example.org <"$message"
        expect 64 'unknown scheme'
    done
}
