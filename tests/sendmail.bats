#!/usr/bin/env bats
# sendmail.bats: called by sendmail's names: its letters in every spelling, what they do, and that
# no argument can do more than that.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/sendmail

prepare() {
    make_names
    export SMTPSEND_DOMAIN=home.example
}

start() {
    start_server "$@"
    export SMTPSEND_SERVER=127.0.0.1:$port
}

# sendmail WORD...: with the test message as input.
sendmail() {
    run timeout 60 "$names/sendmail" "$@" <"$message"
}

me() {
    id -un
}

@test "each letter that means nothing here is taken, in every spelling, and the message goes" {
    start
    local n=0
    while IFS= read -r words; do
        # shellcheck disable=SC2086 # words
        sendmail -f s@example.org $words a@example.org
        expect 0
        assert_equal "$output" ''
        expect_envelope $((n += 1)) s@example.org a@example.org
    done <<'END'
-i
-oi
-o i
-oem
-oep -oee -oew -oeq
-em
-ep
-odi
-odb
-om
-os
-oA/etc/aliases
-oQ/var/spool/x
-O DeliveryMode=b
-ODeliveryMode=b
-A m
-Ac
-G
-U
-n
-m
-h 3
-h3
-L tag
-Ltag
-p ESMTP:host
-M id
-X /dev/null
-X/dev/null
-C /etc/mail/submit.cf
-C/etc/mail/submit.cf
-d
-d0.1
-bm
-B 8BITMIME
-B8BITMIME
-B7BIT
-F Name
-FName
-N never
-Nsuccess,failure
-R hdrs
-RFULL
-V id
-Vid
-iGUn
-S
END
}

@test "an unknown -B is warned about and the message goes" {
    start
    sendmail -f s@example.org -Bwhatever a@example.org
    expect 0 'warning' '-B'
    assert_delivered 1
}

@test "options after recipients, clusters, --, and lists" {
    start
    sendmail a@example.org -i -f s@example.org b@example.org -oi
    expect 0
    expect_envelope 1 s@example.org a@example.org b@example.org
    sendmail -tif s@example.org
    expect 0
    expect_envelope 2 s@example.org a@example.org
    sendmail -it -fs@example.org -- b@example.org
    expect 0
    expect_envelope 3 s@example.org b@example.org a@example.org
    sendmail -f s@example.org 'a@example.org, B <b@example.org>' a@example.org
    expect 0
    expect_envelope 4 s@example.org a@example.org b@example.org
    sendmail -f s@example.org -- -x@example.org
    expect 0
    expect_envelope 5 s@example.org -x@example.org
}

@test "who sends: -f and -r, the last one; '' and <> are nobody; else the user, never the header" {
    start
    sendmail -f one@example.org -r two@example.org a@example.org
    expect_envelope 1 two@example.org a@example.org
    sendmail -rone@example.org -ftwo@example.org a@example.org
    expect_envelope 2 two@example.org a@example.org
    sendmail -f '' a@example.org
    expect_envelope 3 '' a@example.org
    sendmail -f '<>' a@example.org
    expect_envelope 4 '' a@example.org
    sendmail -F '' -f x a@example.org
    expect_envelope 5 x@home.example a@example.org
    sendmail a@example.org
    expect_envelope 6 "$(me)@home.example" a@example.org
    sendmail -t
    expect_envelope 7 "$(me)@home.example" a@example.org
    SMTPSEND_FROM=box@example.net sendmail -t
    expect_envelope 8 box@example.net a@example.org
}

@test "-F is the name in a From that is added" {
    start
    printf 'Subject: x\n\ntext\n' >"$message"
    sendmail -FCronDaemon -i -f root@example.org a@example.org
    expect 0
    grep -q '^From: CronDaemon <root@example.org>' "$(delivered)"
}

@test "a lone dot is data" {
    start
    printf 'Subject: x\n\none\n.\ntwo\n' >"$message"
    sendmail -f s@example.org a@example.org
    expect 0
    grep -q '^two' "$(delivered)"
}

@test "bare recipients get the domain" {
    start
    sendmail -f s@example.org root
    expect 0
    expect_envelope 1 s@example.org root@home.example
}

# write_bare: a message as daemons write it, and worse.
write_bare() {
    printf '%s\n' 'Date: Tue, 01 Jul 2025 10:00:00 +0000' 'From: root (Cron Daemon)' \
        'To: root, "Bob" <bob>,' ' x@y.example, Team: "a b";' 'Reply-To: no name at all' \
        'Cc: undisclosed-recipients:;' 'Resent-To: ann' 'X-To: root' \
        'Message-ID: <1@example.org>' '' 'To: root' >"$message"
}

# arrived N: what became of it is $output, without carriage returns.
arrived() {
    run tr -d '\r' <"$(delivered "$1")"
}

@test "bare names in the header get the domain" {
    start
    write_bare
    sendmail -f s@example.org root
    expect 0
    arrived 1
    assert_output 'Date: Tue, 01 Jul 2025 10:00:00 +0000
From: root@home.example (Cron Daemon)
To: root@home.example, "Bob" <bob@home.example>,
 x@y.example, Team: "a b"@home.example;
Reply-To: no name at all
Cc: undisclosed-recipients:;
Resent-To: ann@home.example
X-To: root
Message-ID: <1@example.org>

To: root'
    "$SMTPSEND" root <"$message"
    assert_same_file "$(delivered 1)" "$(delivered 2)"
    "$SMTPSEND" --stream root < <(cat "$message")
    assert_same_file "$(delivered 1)" "$(delivered 3)"
    expect_envelope 2 root@home.example root@home.example
}

@test "bare names in the header stay with --add-headers=no" {
    start
    write_bare
    "$SMTPSEND" --add-headers=no root <"$message"
    arrived 1
    assert_output "$(cat "$message")"
    SMTPSEND_ADD_HEADERS=no sendmail -f s@example.org root
    arrived 2
    assert_output "$(cat "$message")"
}

@test "bare names in the header stay where no domain is known" {
    local nameless=(unshare -Urmun bash -c 'echo nowhere >/proc/sys/kernel/hostname &&
        { [ ! -e /etc/mailname ] || mount --bind /dev/null /etc/mailname; } && "$@"' -)
    "${nameless[@]}" true || skip 'no namespaces here'
    unset SMTPSEND_DOMAIN
    write_bare
    run timeout 60 "${nameless[@]}" "$SMTPSEND" --dry-run -f s@example.org root <"$message"
    expect 0 'RCPT TO:<root>'
    [[ ${output//$'\r'/} == *"$(cat "$message")" ]] || fail "$output"
    run timeout 60 "${nameless[@]}" "$SMTPSEND" --dry-run --domain x.example \
        -f s@example.org root <"$message"
    expect 0 'From: root@x.example (Cron Daemon)'
}

@test "no recipients, no -t: 64; an unreachable server: kept, or 75 where that is not wanted" {
    start
    sendmail -i
    expect 64 'no recipient'
    SMTPSEND_SERVER=127.0.0.1:1 sendmail a@example.org
    expect 0 'connect' 'kept as'
    SMTPSEND_SERVER=127.0.0.1:1 SMTPSEND_QUEUE=never sendmail a@example.org
    expect 75
}

@test "mailq, newaliases, -bp, -bi, -I and -q end well and send nothing" {
    start
    export SMTPSEND_QUEUE_DIR=$BATS_TEST_TMPDIR/queue
    for words in 'mailq' 'mailq -v' 'sendmail -bp' 'send-mail -bp'; do
        # shellcheck disable=SC2086 # words
        run timeout 60 "$names/"$words <"$message"
        assert_success
        assert_output 'Mail queue is empty'
    done
    for words in newaliases 'sendmail -bi' 'sendmail -I' 'sendmail -q' \
        'sendmail -qf' 'sendmail -qRexample' 'sendmail -v -q'; do
        # shellcheck disable=SC2086 # words
        run timeout 60 "$names/"$words <"$message"
        assert_success
        assert_output ''
    done
    [ ! -e "$SMTPSEND_QUEUE_DIR" ]
    assert_delivered 0
}

@test "modes that would change a message's fate are 64" {
    start
    for mode in d D t h H a r R P '' mx; do
        sendmail "-b$mode" a@example.org
        expect 64 "-b$mode"
    done
    assert_delivered 0
}

@test "-bv shows, and sends nothing" {
    start
    sendmail -bv -f s@example.org root a@example.org
    expect 0 'MAIL FROM:<s@example.org>' 'RCPT TO:<root@home.example>' 'RCPT TO:<a@example.org>'
    assert_connections 0
}

@test "long options and our own letters are refused" {
    start
    for word in --server=127.0.0.1:1 --help --version '--password-command=touch x' --config=/x \
        --log=/x --quiet --dry-run -a -ax -4 -6 -tax --; do
        [ "$word" != -- ] || continue
        sendmail "$word" a@example.org
        expect 64 'unknown option' "sendmail's letters"
    done
    assert_connections 0
}

@test "arguments that strangers can influence write, read and run nothing" {
    local trap=$BATS_TEST_TMPDIR/trap secret=$BATS_TEST_TMPDIR/secret
    echo 'server = 127.0.0.1:1' >"$secret"
    mkdir "$BATS_TEST_TMPDIR/queue"
    start
    while IFS= read -r word; do
        : >"$BATS_TEST_TMPDIR/said"
        run timeout 60 "$names/sendmail" -t -i -f s@example.org "$word" <"$message"
        [ ! -e "$trap" ] || fail "'$word' made a file"
        [[ $output != *"127.0.0.1:1: Connection refused"* ]] || fail "'$word' had a file read"
    done <<END
-X$trap
-OQueueDirectory=$BATS_TEST_TMPDIR/queue
-oQ$BATS_TEST_TMPDIR/queue
-C$secret
-be\${run{/bin/touch $trap}}
-bf$secret
-D$trap
-OLogFile=$trap
-oL$trap
-oA$secret
-Otimeout=1 -X$trap
-F\$(touch $trap)
--password-command=touch $trap
--config=$secret
--server=127.0.0.1:1
--log=$trap
--queue-dir=$trap
-f|touch $trap
|touch $trap
"|touch $trap"@example.org
:include:$secret
/$trap
END
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/queue")" ]
    # A recipient that begins with a dash is an option, or refused; never a file's name.
    sendmail -f s@example.org -t "-X$trap@example.org"
    [ ! -e "$trap" ]
}

@test "closed descriptors are not taken for the server's connection" {
    start
    run bash -c '"$0" -f s@example.org a@example.org <"$1" 1>&- 2>&-' \
        "$names/sendmail" "$message"
    assert_success
    run bash -c '"$0" -f s@example.org a@example.org 0<&-' "$names/sendmail"
    assert_success
    assert_delivered 2
}

@test "two megabytes of arguments" {
    start --discard
    local words=()
    mapfile -t words < <(seq -f 'user%.0f@example.org' 60000)
    sendmail -f s@example.org "${words[@]}"
    expect 0
}

@test "a sender with a line end is refused" {
    start
    for sender in $'a@example.org\r\nRCPT TO:<b@example.org>' $'a@example.org\n' $'\ra@b.example'; do
        sendmail -f "$sender" a@example.org
        expect 64
    done
    assert_connections 0
}
