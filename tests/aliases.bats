#!/usr/bin/env bats
# aliases.bats: whom local names stand for by the file of --aliases, and what is refused there.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

prepare() {
    aliases=$BATS_TEST_TMPDIR/aliases
}

# aliases LINE...: the file has these lines.
aliases() {
    printf '%s\n' "$@" >"$aliases"
}

# header LINE...: the message has this header.
header() {
    printf '%s\n' "$@" '' 'Some text.' >"$message"
}

# Sends the file $message by the server started last, with the aliases.
send_local() {
    send --domain home.example --aliases "$aliases" "$@"
}

# assert_recipients [N] ADDRESS...: they are those of the N-th envelope, in this order.
assert_recipients() {
    local n=1
    if [[ $1 =~ ^[0-9]+$ ]]; then
        n=$1
        shift
    fi
    run sed -n 's/^RCPT TO:<\(.*\)>.*/\1/p' <(envelope "$n")
    assert_output "$(printf '%s\n' "$@")"
}

@test "root reaches a person; names without an alias and addresses are as without the file" {
    start_server
    aliases '# whom mail of this machine goes to' '' 'root: ann@example.org'
    send_local root bob root@other.example
    expect 0
    assert_recipients ann@example.org bob@home.example root@other.example
    SMTPSEND_ALIASES=$aliases send root
    expect 0
    assert_recipients 2 ann@example.org
    send --domain home.example root
    expect 0
    assert_recipients 3 root@home.example
}

@test "comma lists, continuation lines, comments, display names, quotes, any case" {
    start_server
    aliases 'Root: a@example.org, "B, b" <b@example.org>,' '  # c@example.org,' '' \
        $'\td@example.org\r' '"two words" : e@example.org' '# f: g'
    send_local rOOT '"two words"'
    expect 0
    assert_recipients a@example.org b@example.org d@example.org e@example.org
}

@test "nested aliases; a name among its own targets, and one behind a backslash, stay" {
    start_server
    aliases 'postmaster: root' 'root: root, ann, \bob' 'ann: team, ann@example.org' \
        'team: carol, dave@example.org' 'bob: bob@example.org'
    send_local postmaster
    expect 0
    assert_recipients bob@home.example root@home.example carol@home.example \
        dave@example.org ann@example.org
}

@test "default stands for every bare name that no line names" {
    start_server
    aliases 'default: root' 'root: ann@example.org, nobody' 'bob: carol'
    send_local bob cron x@other.example
    expect 0
    assert_recipients ann@example.org nobody@home.example x@other.example
}

@test "several names of one address: it gets the message once" {
    start_server
    aliases 'root: ann@example.org' 'www: Root, ann@EXAMPLE.org' 'cron: www, bob'
    send_local cron root www ann@example.org bob@home.example
    expect 0
    assert_recipients ann@example.org bob@home.example
}

@test "-t: names in To, Cc and Bcc, on top of those in the arguments; Bcc does not leave" {
    start_server
    aliases 'root: ann@example.org, bob' 'ops: carol@example.org' 'audit: dave@example.org'
    header 'From: cron' 'To: root, Ops <ops>' 'Cc: Team: eve;' 'Bcc: audit, ann@example.org'
    send_local -t audit
    expect 0
    assert_recipients dave@example.org ann@example.org bob@home.example carol@example.org \
        eve@home.example
    run cat "$(delivered)"
    assert_output --partial 'To: root@home.example, Ops <ops@home.example>'
    refute_output --partial 'audit'
    header 'To: someone@example.org' 'Resent-To: root'
    send_local -t
    expect 0
    assert_recipients 2 ann@example.org bob@home.example
}

@test "aliases say who gets mail, not who sends it" {
    start_server
    aliases 'root: ann@example.org'
    send_local -f root root
    expect 0
    run envelope
    assert_output --partial 'MAIL FROM:<root@home.example>'
    assert_recipients ann@example.org
}

@test "commands, files and lists are refused by name: 78, nobody is called, nothing is run" {
    start_server
    aliases 'robot: "|touch '"$BATS_TEST_TMPDIR"'/ran, x"' 'trash: /dev/null' \
        'list: :include:/etc/list' 'root: ann@example.org,' '  robot' 'nobody:'
    send_local root
    expect 78 "config: $aliases:1: 'robot' stands for the command '\"|touch "
    send_local x@example.org trash
    expect 78 "config: $aliases:2: 'trash' stands for the file '/dev/null'"
    send_local list
    expect 78 "config: $aliases:3: 'list' stands for the directive ':include:/etc/list'"
    send_local nobody
    expect 78 "config: $aliases:6: 'nobody' stands for nobody"
    header 'To: trash'
    send_local -t
    expect 78 "config: $aliases:2: 'trash' stands for the file"
    assert_connections 0
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
    send_local bob
    expect 0
    assert_recipients bob@home.example
}

@test "aliases that lead back to themselves: 78 and the chain" {
    start_server
    aliases 'root: a, x@example.org' 'a: b' 'b:' ' A' 'ann: ann@example.org'
    send_local root
    expect 78 "config: $aliases:2: an alias leads back to itself: a -> b -> a"
    assert_connections 0
    send_local ann
    expect 0
    for n in {1..51}; do
        echo "n$n: n$((n + 1))"
    done >"$aliases"
    send_local n1
    expect 78 "config: $aliases:51: too many aliases lead to 'n51'"
    send_local n2
    expect 0
    assert_recipients 2 n52@home.example
}

@test "what is no aliases file: 78, the file and the line" {
    start_server
    aliases 'root: ann@example.org' '' 'bob carol@example.org'
    send_local root
    expect 78 "config: $aliases:3: there is no ':' after the name 'bob'"
    aliases '# x' '  root: ann@example.org'
    send_local root
    expect 78 "config: $aliases:2: it begins with a blank"
    aliases 'a: b' ': ann@example.org'
    send_local root
    expect 78 "config: $aliases:2: there is no name"
    aliases 'root: ann@example.org,' '  two words'
    send_local root
    expect 78 "config: $aliases:2: 'two words' is not an address: "
    printf 'root: \0ann@example.org\n' >"$aliases"
    send_local root
    expect 78 "--aliases '$aliases'" 'NUL'
    assert_connections 0
}

@test "a file that can't be read: 66, unless there is no bare name to look up" {
    start_server
    send_local root
    expect 66 "config: --aliases '$aliases': No such file"
    header 'To: root'
    send_local -t
    expect 66 "config: --aliases '$aliases': No such file"
    aliases=$BATS_TEST_TMPDIR send_local root
    expect 66 "config: --aliases '$BATS_TEST_TMPDIR': "
    assert_connections 0
    send_local a@example.org
    expect 0
    assert_recipients a@example.org
}

@test "a file that this user may not read: 66" {
    [ "$(id -u)" -ne 0 ] || skip 'root may read anything'
    start_server
    aliases 'root: ann@example.org'
    chmod 0 "$aliases"
    send_local root
    expect 66 "config: --aliases '$aliases': Permission denied"
}

@test "100,000 lines, and a list of 10,000 names that are aliases themselves" {
    start_server
    awk 'BEGIN {
        for (i = 1; i <= 100000; i++)
            printf "user%d: person%d@example.org\n", i, i
        printf "root: user100000, user1\nall: root"
        for (i = 1; i <= 10000; i++)
            printf ",\n user%d", i
        print ""
    }' >"$aliases"
    send_local root
    expect 0
    assert_recipients person100000@example.org person1@example.org
    send_local all
    expect 0
    [ "$(grep -c '^RCPT' <(envelope 2))" -eq 10001 ]
}

@test "a byte order mark is no part of a name; a pipe is not waited for" {
    printf '\xef\xbb\xbfroot: ann@example.org\n' >"$BATS_TEST_TMPDIR/marked"
    smtpsend -C /dev/null --dry-run --aliases "$BATS_TEST_TMPDIR/marked" -f s@example.org root \
        <"$message"
    expect 0 'RCPT TO:<ann@example.org>'
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    smtpsend -C /dev/null --dry-run --aliases "$BATS_TEST_TMPDIR/pipe" -f s@example.org root \
        <"$message"
    expect 66 'a pipe'
}
