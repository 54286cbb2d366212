#!/usr/bin/env bats
# password.bats: where the password comes from: file, command, environment, terminal.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/accounts

prepare() {
    unset SMTPSEND_PASSWORD
}

@test "--password-file: its first line, whatever ends it" {
    local n=0
    start_auth_server
    umask 077
    for text in 'geheim' 'geheim\n' 'geheim\r\n' 'geheim\nsecond line\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$BATS_TEST_TMPDIR/password"
        login --password-file "$BATS_TEST_TMPDIR/password"
        authenticated $((n += 1))
    done
    chmod 400 "$BATS_TEST_TMPDIR/password"
    login --password-file "$BATS_TEST_TMPDIR/password"
    authenticated $((n += 1))
    SMTPSEND_PASSWORD_FILE=$BATS_TEST_TMPDIR/password login
    authenticated $((n += 1))
    stop_server
    start_server --auth-in-clear --user $'me: ge heim\tü#"\\'
    printf ' ge heim\tü#"\\\n' >"$BATS_TEST_TMPDIR/with-blanks"
    login --password-file "$BATS_TEST_TMPDIR/with-blanks"
    authenticated
}

@test "--password-file that others can read is 78, missing 66, empty or binary 77" {
    start_auth_server
    printf 'geheim\n' >"$BATS_TEST_TMPDIR/password"
    for mode in 640 604 660 606 644 610; do
        chmod "$mode" "$BATS_TEST_TMPDIR/password"
        login --password-file "$BATS_TEST_TMPDIR/password"
        expect 78 "$BATS_TEST_TMPDIR/password" 'chmod 600'
        expect_not geheim
    done
    login --password-file "$BATS_TEST_TMPDIR/missing"
    expect 66 "$BATS_TEST_TMPDIR/missing"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    for text in '' '\n' '\ngeheim\n' 'ge\0heim\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$BATS_TEST_TMPDIR/password"
        login --password-file "$BATS_TEST_TMPDIR/password"
        expect 77 'smtpsend: auth: '
    done
    assert_connections 0
}

@test "--password-command: its output; it gets neither the message nor the password" {
    export SMTPSEND_PASSWORD=wrong
    start_auth_server
    login --password-command "env >'$BATS_TEST_TMPDIR/environment'
        wc -c >'$BATS_TEST_TMPDIR/input'; echo noise >&2; printf 'geheim\nmore\n'"
    authenticated
    expect_not noise
    run grep -c wrong "$BATS_TEST_TMPDIR/environment"
    assert_output 0
    run grep SMTPSEND_PASSWORD "$BATS_TEST_TMPDIR/environment"
    assert_output ''
    run cat "$BATS_TEST_TMPDIR/input"
    assert_output 0
    assert_same_file <(sed 's/$/\r/' "$message") "$(delivered)"
}

@test "--password-command that fails, is killed, says nothing or does not exist: 77" {
    start_auth_server
    # shellcheck disable=SC2016 # for the command's shell
    login --password-command 'echo geheim; echo first >&2; echo "no $HOME key" >&2; exit 3'
    expect 77 'smtpsend: auth: ' '--password-command' 'status 3' "no $HOME key"
    expect_not geheim first
    login --password-command 'kill -9 $$'
    expect 77 'signal 9'
    login --password-command true
    expect 77 empty
    login --password-command /nonexistent/command
    expect 77 'status 127'
    login --password-command 'printf "\033[31mred\n" >&2; exit 1'
    expect 77 '\x1b[31mred'
    assert_connections 0
}

@test "--password-command that hangs ends with --deadline, and its children with it" {
    start_auth_server
    login --deadline 1 --password-command "echo \$\$ >'$BATS_TEST_TMPDIR/pid'; sleep 55 & wait"
    expect 77 'in time'
    assert_connections 0
    # What init has not reaped yet is no longer running.
    run pgrep -r D,R,S,T -g "$(cat "$BATS_TEST_TMPDIR/pid")"
    assert_output ''
}

@test "SMTPSEND_PASSWORD leaves the environment at once" {
    start_server --at greeting=hang
    SMTPSEND_PASSWORD=geheim timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" --user me \
        --allow-cleartext-auth -f s@example.org a@example.org <"$message" 3>&- &
    local client n=0
    until [ -e "$dir/log/1" ]; do
        sleep 0.01
        [ $((n += 1)) -lt 1000 ] || fail 'no connection'
    done
    client=$(pgrep -P $! -x smtpsend)
    run tr '\0' '\n' <"/proc/$client/environ"
    refute_output --partial geheim
    run ps -o args= -p "$client"
    refute_output --partial geheim
    kill "$client"
}

@test "no password at all: 77, before any connection" {
    start_auth_server
    for value in '' unset; do
        export SMTPSEND_PASSWORD=$value
        [ "$value" != unset ] || unset SMTPSEND_PASSWORD
        run setsid -w timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" --user me \
            --allow-cleartext-auth a@example.org <"$message"
        expect 77 'smtpsend: auth: ' '--password-file'
    done
    assert_connections 0
}

@test "the question on the terminal shows nothing of the answer" {
    command -v python3 >/dev/null || skip 'no python3'
    start_auth_server
    export port message
    run timeout 60 python3 - <<'PYTHON'
import os, pty, sys

child, terminal = pty.fork()
if child == 0:
    os.dup2(os.open(os.environ["message"], os.O_RDONLY), 0)
    os.execv(os.environ["SMTPSEND"], ["smtpsend", "--server", "127.0.0.1:" + os.environ["port"],
        "--user", "me", "--allow-cleartext-auth", "-f", "s@example.org", "a@example.org"])
said = b""
asked = False
while True:
    try:
        got = os.read(terminal, 4096)
    except OSError:
        break
    if not got:
        break
    said += got
    if not asked and b": " in said:
        asked = True
        os.write(terminal, b"geheim\n")
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
PYTHON
    assert_success
    assert_output --partial 'Password of me: '
    refute_output --partial geheim
    # A terminal gets each reply, one line each.
    assert_output --partial 'bdat: 250 '
    refute_output --partial '> AUTH'
    authenticated
}

@test "--password-command that leaves something running behind is not waited for" {
    start_server --user me:geheim --auth-in-clear
    SECONDS=0
    send --user me --allow-cleartext-auth --password-command 'echo geheim; sleep 50 &' \
        a@example.org
    expect 0
    [ "$SECONDS" -lt 40 ] || fail "it took $SECONDS s"
}

@test "--password-command does not inherit the socket that was handed in" {
    start_server --user me:geheim --auth-in-clear
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    submit --server fd:7 --tls off --user me --allow-cleartext-auth \
        --password-command '[ ! -e /proc/self/fd/7 ] && echo geheim' a@example.org <"$message"
    exec 7>&-
    expect 0
}
