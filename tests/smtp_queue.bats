#!/usr/bin/env bats
# smtp_queue.bats: -bs with a queue behind it: what the client is told, what is kept for whom, and
# what arrives in the end.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # tests are subshells; set for lib/, and by it

load lib/common
load lib/smtp

setup() {
    servers=()
    prepare
    spool=$BATS_TEST_TMPDIR/spool
    export SMTPSEND_QUEUE_DIR=$spool
    port=9 # nobody is there
    letter=('MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' DATA \
        "${text[@]}" .)
}

# The folders of what is in the queue.
entries() {
    find "$spool/queue" -mindepth 1 -maxdepth 1 2>/dev/null | sort
}

assert_kept() {
    local n
    n=$(entries | wc -l)
    [ "$n" -eq "$1" ] || fail "$n entries were kept, not $1: $output"
    [ -z "$(find "$spool/tmp" -mindepth 1 2>/dev/null)" ] || fail 'something is left in tmp/'
}

# One line for each entry: its recipients, and what was said of them.
kept() {
    local entry
    entries | while read -r entry; do
        sed -n 's/^recipient //p' "$entry/envelope" | tr '\n' ' '
        echo
    done
}

# The envelope of the only entry.
kept_envelope() {
    cat "$(entries)/envelope"
}

# Sends all that is kept by the server started last.
flush() {
    run timeout 60 "$SMTPSEND" -q --server "smtp://127.0.0.1:$port" --timeout "$PATIENCE"
    expect 0
    assert_kept 0
}

# play UID LINE...: over a Unix socket, as that user where UID is not empty; $options as in talk.
play() {
    local client=$1
    shift
    printf '%s\r\n' "$@" >"$input"
    status=0
    env ${client:+CLIENT_UID="$client"} timeout 60 python3 "$BATS_TEST_DIRNAME/lib/connect.py" \
        "$input" "$replies" "$SMTPSEND" -bs --server "smtp://127.0.0.1:$port" \
        --timeout "$PATIENCE" "${options[@]}" 2>"$said" || status=$?
    output=$(tr -d '\r' <"$replies")$(sed '1s/^/ (stderr) /' "$said")
}

@test "always: no server is asked, nothing it would take is fetched, and the bytes arrive later" {
    start_server
    options=(--queue always --user me --auth plain --allow-cleartext-auth \
        --password-command "touch $BATS_TEST_TMPDIR/asked" --tls-ca /nonexistent/ca.pem)
    talk 'EHLO me' "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 250 354 250 221 '
    assert_connections 0
    [ ! -e "$BATS_TEST_TMPDIR/asked" ]
    assert_kept 1
    assert_equal "$(cat "$said")" ''
    [[ $(reply 7) == "250 2.0.0 kept as $(kept_envelope | sed -n 's/^id //p')" ]]
    assert_equal "$(kept)" '<a@example.org> waiting <b@example.org> waiting '
    printf '%s\r\n' "${text[@]}" | cmp - "$(entries)/message"
    run kept_envelope
    assert_line 'from <s@example.org>'
    assert_line 'attempts 0'
    refute_line --partial uid
    cp "$(entries)/message" "$BATS_TEST_TMPDIR/spooled"
    flush
    assert_delivered 1
    cmp "$(delivered)" "$BATS_TEST_TMPDIR/spooled"
    assert_equal "$(envelope | sed -n 's/^RCPT TO:<\([^>]*\)>.*/\1/p' | tr '\n' ' ')" \
        'a@example.org b@example.org '
}

@test "always: the message is edited as one that is sent, and 2 MB are what they were" {
    options=(--queue always)
    {
        printf '%s\r\n' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA \
            'To: a@example.org' 'Bcc: secret@example.org' '' '..dots'
        yes 'a line of the message' | head -n 100000 | sed 's/$/\r/'
        printf '%s\r\n' . QUIT
    } >"$input"
    serve_input "${options[@]}"
    expect 0
    assert_kept 1
    run sed '/^\r$/q' "$(entries)/message"
    refute_output --partial secret
    assert_line --partial 'From: s@example.org'
    assert_line --partial 'Message-ID: <'
    { printf '.dots\r\n' && yes 'a line of the message' | head -n 100000 | sed 's/$/\r/'; } |
        cmp - <(sed '1,/^\r$/d' "$(entries)/message")
}

@test "fallback, and the server is there: it goes at once" {
    start_server --reply 'bdat=250 2.0.0 queued as 4711'
    options=(--queue fallback)
    talk "${letter[@]}" QUIT
    expect 0
    assert_equal "$(reply 6)" '250 2.0.0 queued as 4711'
    assert_kept 0
    [ ! -e "$spool" ]
    assert_delivered 1
}

@test "fallback, and no server: all is kept; the next message asks anew" {
    start_server
    stop_server
    options=(--queue fallback)
    talk "${letter[@]}" "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 250 250 250 250 354 250 221 '
    assert_kept 2
    assert_equal "$(grep -c '^smtpsend: connect: ' "$said")" 2
    assert_equal "$(grep -c '^smtpsend: queue: kept as ' "$said")" 2
    run cat "$(entries | head -n 1)/envelope"
    assert_line 'attempts 1'
    assert_line --regexp '^recipient <a@example.org> waiting - - connect .*refused'
    start_server --listen "127.0.0.1:$port"
    flush
    assert_delivered 2
}

@test "called sendmail, fallback is the default" {
    ln -s "$SMTPSEND" "$BATS_TEST_TMPDIR/sendmail"
    start_server
    stop_server
    printf '%s\r\n' "${letter[@]}" QUIT >"$input"
    export SMTPSEND_SERVER=smtp://127.0.0.1:$port
    run timeout 60 "$BATS_TEST_TMPDIR/sendmail" -bs <"$input"
    expect 0 '250 2.0.0 kept as '
    assert_kept 1
    run timeout 60 "$SMTPSEND" -bs <"$input"
    expect 0 '451 4.4.1'
}

@test "fallback: 451 to MAIL, a refused login and no secret keep all" {
    start_server --reply 'mail=451 4.3.2 not now'
    options=(--queue fallback)
    talk "${letter[@]}" QUIT
    expect 0 'mail: the server refuses the sender: 451 4.3.2 not now' 'kept as'
    assert_equal "$(codes)" '220 250 250 250 354 250 221 '
    assert_equal "$(kept)" "$(printf '%s ' '<a@example.org> waiting 451 4.3.2 mail 4.3.2 not now' \
        '<b@example.org> waiting 451 4.3.2 mail 4.3.2 not now')"
    start_server --user u:right --auth-in-clear
    options=(--queue fallback --user u --allow-cleartext-auth --password-command 'echo wrong')
    talk "${letter[@]}" QUIT
    expect 0 'auth: ' 'kept as'
    assert_kept 2
    # Without the means to log in nobody is called, and the next message tries again.
    options=(--queue fallback --user u --password-command false)
    talk "${letter[@]}" "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 250 250 250 250 354 250 221 '
    assert_kept 4
    assert_connections 1
}

@test "fallback: a recipient that is refused for now is kept, the others have the message" {
    start_server --rcpt 'b@*=450 4.2.1 b is busy' --rcpt 'c@*=550 5.1.1 no c' \
        --reply 'bdat=250 2.0.0 queued as 4711'
    options=(--queue fallback)
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' \
        'RCPT TO:<c@example.org>' DATA "${text[@]}" . QUIT
    expect 0 'rcpt b@example.org: ' '450 4.2.1 b is busy'
    assert_equal "$(codes)" '220 250 250 250 550 354 250 221 '
    [[ $(reply 7) == '250 2.0.0 queued as 4711; kept for the others as '* ]] || fail "$(reply 7)"
    assert_delivered 1
    assert_equal "$(kept)" '<b@example.org> waiting 450 4.2.1 rcpt 4.2.1 b is busy '
    start_server
    flush
    cmp "$(delivered)" <(printf '%s\r\n' "${text[@]}")
    # Nobody but him.
    start_server --rcpt 'b@*=450 4.2.1 b is busy'
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<b@example.org>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 250 354 250 221 '
    assert_kept 1
    assert_delivered 0
}

@test "never: 4xx goes to the client, and nothing is kept" {
    start_server --rcpt 'b@*=450 4.2.1 b is busy'
    options=(--queue never)
    talk "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 450 354 250 221 '
    assert_delivered 1
    [ ! -e "$spool" ]
}

@test "fallback: 451 to the message and a connection lost keep those who were accepted" {
    local how
    options=(--queue fallback)
    for how in '--reply data=451 4.3.1 full' '--reply dot=451 4.3.1 full' '--at dot=drop' \
        '--at body=drop' '--reply rcpt:2=421 4.3.2 bye' '--at rcpt:2=drop' \
        '--reply mail=421 4.3.2 bye'; do
        rm -rf "$spool"
        start_server --no CHUNKING --rcpt 'c@*=550 5.1.1 no c' "${how%% *}" "${how#* }"
        talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' 'RCPT TO:<b@example.org>' \
            'RCPT TO:<d@example.org>' DATA "${text[@]}" . QUIT
        expect 0 'kept as'
        [ "$(codes)" = '220 250 250 250 250 354 250 221 ' ] || fail "$how: $output"
        assert_kept 1
        assert_equal "$(kept | grep -o '<.@example.org> waiting' | tr '\n' ' ')" \
            '<a@example.org> waiting <b@example.org> waiting <d@example.org> waiting '
        stop_server
    done
    start_server --no CHUNKING --at dot=drop
    talk "${letter[@]}" QUIT
    expect 0 'may have accepted'
}

@test "fallback: 5xx goes to the client, and nothing is kept" {
    local stage
    options=(--queue fallback)
    for stage in mail rcpt data dot; do
        start_server --no CHUNKING --reply "$stage=550 5.7.1 not for you"
        talk "${letter[@]}" QUIT
        [[ $output == *$'\n550 5.7.1 not for you'* ]] || fail "$output"
        assert_delivered 0
        assert_kept 0
        stop_server
    done
    # Also for those who were refused for now: the client has heard that nobody gets it.
    start_server --no CHUNKING --rcpt 'b@*=450 4.2.1 b is busy' --reply 'dot=554 5.6.0 spam'
    talk "${letter[@]}" QUIT
    assert_equal "$(codes)" '220 250 250 250 354 554 221 '
    assert_kept 0
    start_server --offer SIZE=20
    talk "${letter[@]}" QUIT
    assert_equal "$(codes)" '220 250 250 250 354 552 221 '
    assert_kept 0
    start_server --no SMTPUTF8
    talk 'MAIL FROM:<s@example.org> SMTPUTF8' 'RCPT TO:<ü@example.org>' QUIT
    assert_equal "$(codes)" '220 250 553 221 '
    assert_kept 0
}

@test "--require-all: one that is refused for now keeps the message back from all" {
    start_server --rcpt 'b@*=450 4.2.1 b is busy'
    options=(--queue fallback --require-all)
    talk "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 250 221 '
    assert_delivered 0
    assert_kept 1
    run kept_envelope
    assert_line require-all
    assert_line --partial 'recipient <a@example.org> waiting'
    assert_line --partial 'recipient <b@example.org> waiting 450'
}

@test "RET, ENVID and NOTIFY are kept: an entry for each NOTIFY" {
    start_server
    options=(--queue always)
    talk 'EHLO me' 'MAIL FROM:<s@example.org> RET=HDRS ENVID=a+2Bb BODY=8BITMIME SIZE=9' \
        'RCPT TO:<a@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@example.org' \
        'RCPT TO:<b@example.org>' 'RCPT TO:<c@example.org> NOTIFY=FAILURE,SUCCESS' \
        'RCPT TO:<d@example.org> NOTIFY=NEVER' DATA "${text[@]}" . QUIT
    expect 0
    assert_kept 3
    assert_equal "$(reply 9 | tr -cd , | wc -c)" 2
    assert_equal "$(kept | sort)" "$(printf '%s \n' \
        '<a@example.org> waiting <c@example.org> waiting' '<b@example.org> waiting' \
        '<d@example.org> waiting' | sort)"
    flush
    assert_delivered 3
    run cat "$dir/mail/envelope/"*
    assert_equal "$(grep -c '^MAIL FROM:<s@example.org> .*RET=HDRS ENVID=a+2Bb' <<<"$output")" 3
    assert_line 'RCPT TO:<a@example.org> NOTIFY=SUCCESS,FAILURE'
    assert_line --regexp '^RCPT TO:<b@example.org> ?$'
    assert_line 'RCPT TO:<c@example.org> NOTIFY=SUCCESS,FAILURE'
    assert_line 'RCPT TO:<d@example.org> NOTIFY=NEVER'
}

@test "UTF-8 addresses are kept where MAIL said SMTPUTF8, bare names get the domain" {
    options=(--queue always)
    talk 'MAIL FROM:<s@example.org>' 'RCPT TO:<ü@example.org>' RSET \
        'MAIL FROM:<s@example.org> SMTPUTF8' 'RCPT TO:<ü@example.org>' 'RCPT TO:<root>' \
        'RCPT TO:<root@home.example>' 'RCPT TO:<a b@x>' DATA "${text[@]}" . QUIT
    assert_equal "$(codes)" '220 250 553 250 250 250 250 250 501 354 250 221 '
    assert_equal "$(kept)" '<ü@example.org> waiting <root@home.example> waiting '
}

@test "the sender chooses the account, whose name is kept, and whose queue it is" {
    cat >"$BATS_TEST_TMPDIR/config" <<END
queue = always
[account work]
match-from = *@work.example
server = nonsense.invalid
[account home]
match-from = *@home.example
queue = never
END
    options=(-C "$BATS_TEST_TMPDIR/config")
    start_server
    talk 'MAIL FROM:<s@work.example>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . \
        'MAIL FROM:<s@home.example>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" . QUIT
    expect 0
    assert_kept 1
    assert_delivered 1
    run kept_envelope
    assert_line 'account work'
    assert_line 'from <s@work.example>'
}

@test "a client that leaves within the message leaves nothing; one that leaves after it is kept" {
    options=(--queue always)
    printf '%s\r\n' 'MAIL FROM:<s@example.org>' 'RCPT TO:<a@example.org>' DATA "${text[@]}" \
        >"$input"
    serve_input --queue always
    expect 74 'within the message'
    assert_kept 0
    printf '.\r\n' >>"$input"
    serve_input --queue always
    expect 0
    assert_kept 1
    # It is gone before it could be told.
    open_client --queue always
    tell 'MAIL FROM:<s@example.org>'
    tell 'RCPT TO:<a@example.org>'
    tell DATA
    printf '%s\r\n' "${text[@]}" . >&"$to"
    leave
    assert_kept 2
}

@test "no room for the queue: 452, and nothing is kept" {
    options=(--queue always --queue-dir /dev/null/queue)
    talk "${letter[@]}" NOOP QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 452 250 221 '
    [[ $(reply 6) == '452 4.3.1 queue: '* ]] || fail "$(reply 6)"
    grep -q '^smtpsend: queue: ' "$said"
    mkdir -m 0777 "$BATS_TEST_TMPDIR/open"
    options=(--queue always --queue-dir "$BATS_TEST_TMPDIR/open")
    talk "${letter[@]}" QUIT
    assert_equal "$(codes)" '220 250 250 250 354 451 221 '
    {
        printf '%s\r\n' "${letter[@]:0:4}" "${text[@]}"
        yes 'a line of the message' | head -n 20000 | sed 's/$/\r/'
        printf '%s\r\n' . "${letter[@]}" QUIT
    } >"$input"
    (
        ulimit -f 64
        serve_input --queue always
        expect 0 'File too large'
    )
    assert_equal "$(codes)" '220 250 250 250 354 452 250 250 250 354 250 221 '
    assert_kept 1
}

@test "no room for the queue: what the server has said counts, and those it took for have it" {
    start_server --rcpt 'b@*=450 4.2.1 b is busy'
    options=(--queue fallback --queue-dir /dev/null/queue)
    talk "${letter[@]}" QUIT
    expect 0
    assert_equal "$(codes)" '220 250 250 250 354 452 221 '
    [[ $(reply 6) == *'some recipients will have the message all the same' ]]
    assert_delivered 1
}

@test "over a Unix socket: the uid is kept, and a Received field says who it was" {
    command -v python3 >/dev/null || skip 'no python3'
    local login id
    login=$(id -un)
    options=(--queue always)
    play '' "${letter[@]}" QUIT
    expect 0 '250 2.0.0 kept as '
    run kept_envelope
    assert_line "uid $(id -u)"
    id=$(kept_envelope | sed -n 's/^id //p')
    run sed -n 1,3p "$(entries)/message"
    assert_line --index 0 $'Received: from localhost ('"$login, uid $(id -u)"$')\r'
    assert_line --index 1 --regexp "^ by [^ ]+ with ESMTP \(smtpsend\) id $id;"$'\r$'
    assert_line --index 2 --regexp $'^ [A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9: ]+ [+-][0-9]{4}\r$'
    tail -n +4 "$(entries)/message" | cmp - <(printf '%s\r\n' "${text[@]}")
    start_server
    cp "$(entries)/message" "$BATS_TEST_TMPDIR/spooled"
    flush
    cmp "$(delivered)" "$BATS_TEST_TMPDIR/spooled"
}

@test "over a Unix socket: a user without a name has a number" {
    command -v python3 >/dev/null || skip 'no python3'
    [ "$(id -u)" = 0 ] || skip 'only root can be another'
    options=(--queue always)
    play 54321 "${letter[@]}" QUIT
    expect 0
    run sed -n 1p "$(entries)/message"
    assert_output $'Received: from localhost (uid 54321)\r'
    run kept_envelope
    assert_line 'uid 54321'
    options=(--queue always --match-user)
    play 54321 'MAIL FROM:<54321@home.example>' 'MAIL FROM:<@home.example>' 'MAIL FROM:<>' QUIT
    assert_equal "$(codes)" '220 553 501 553 221 '
}

@test "--match-user: the sender has to be the peer's, else 553; without a Unix socket 64" {
    command -v python3 >/dev/null || skip 'no python3'
    local login
    login=$(id -un)
    options=(--queue always --match-user)
    play '' "MAIL FROM:<$login@example.org>" "MAIL FROM:<x$login@home.example>" \
        "MAIL FROM:<${login}x@home.example>" 'MAIL FROM:<>' "MAIL FROM:<${login^^}@home.example>" \
        "MAIL FROM:<\"$login@home.example\"@x.example>" "MAIL FROM:<$login@home.example.org>" \
        "MAIL FROM:<$login@Home.Example>" RSET "MAIL FROM:<$login>" 'RCPT TO:<a@example.org>' \
        DATA "${text[@]}" . QUIT
    expect 0
    assert_equal "$(codes)" '220 553 553 553 553 553 553 553 250 250 250 250 354 250 221 '
    [[ $(reply 2) == '553 5.7.1 '* ]]
    run kept_envelope
    assert_line "from <$login@home.example>"
    # Whatever the queue: no server hears of a sender that is not the peer's.
    start_server
    options=(--match-user)
    play '' 'MAIL FROM:<s@example.org>' QUIT
    assert_equal "$(codes)" '220 553 221 '
    assert_connections 0
    talk "${letter[@]}" QUIT
    expect 64 --match-user 'Unix socket'
    assert_equal "$(codes)" ''
}

@test "over a Unix socket: 40 at once for each user who puts messages in, and not one more" {
    command -v python3 >/dev/null || skip 'no python3'
    local n seat
    options=(--queue always)
    play '' QUIT
    expect 0
    for n in {0..39}; do
        exec {seat}<>"$spool/clients/$(id -u)-$n"
        flock -n "$seat"
    done
    play '' "${letter[@]}" QUIT
    expect 75 'too many connections'
    assert_equal "$(codes)" '421 '
    assert_kept 0
    if [ "$(id -u)" = 0 ]; then
        play 54321 "${letter[@]}" QUIT
        expect 0
    fi
    flock -u "$seat"
    play '' "${letter[@]}" QUIT
    expect 0 '250 2.0.0 kept as '
    # Who asks a server takes no place of anybody's.
    options=(--queue fallback)
    flock -n "$seat"
    play '' QUIT
    expect 0
}
