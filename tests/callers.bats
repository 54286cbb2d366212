#!/usr/bin/env bats
# callers.bats: programs that hand their mail to sendmail, each as it comes, with its own way to
# find it: cron, at, mail readers, git, PHP, Perl, Python, Node.js, mdadm. They run where
# /usr/sbin/sendmail is a link to the program and /etc/smtpsend.conf says where mail goes
# (lib/in_place), and what they sent is looked at. Of those that are not here, and of these too,
# the words they pass are replayed.
# not under sanitizers: it is about how others call the program
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common
load lib/sendmail

prepare() {
    start_server
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir "$HOME"
    config=$HOME/smtpsend.conf
    printf '%s\n' "server = 127.0.0.1:$port" 'domain = home.example' >"$config"
    # Before a command: it finds the program as the system's sendmail.
    in_place=("$BATS_TEST_DIRNAME/lib/in_place" "$SMTPSEND" "$config")
    PATH=$PATH:/usr/sbin:/sbin
    cd "$HOME" || return 1
    echo 'Some text.' >text
    number=0
    # What most of the messages are: to a, a copy to b and a blind one to c.
    everyone=(a@example.org b@example.org c@example.org)
    fields=('From: Sender <s@example.org>' 'To: a@example.org' 'Cc: b@example.org'
        'Subject: subject')
}

# needs PROGRAM...: skips where one is missing or in_place can't be.
needs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "no $program"
    done
    "${in_place[@]}" true 2>/dev/null || skip 'no mount namespaces here'
}

needs_root() {
    [ "$(id -u)" = 0 ] || skip "needs root's rights"
}

# call WORD...: a command in place ends well and says nothing; what it sent is the next $number.
call() {
    run timeout 60 "${in_place[@]}" "$@"
    expect 0
    assert_output ''
    number=$((number + 1))
}

# arrives REVERSE-PATH RECIPIENT...: message $number, which the caller may not have waited for.
# It becomes the file $arrived, without carriage returns.
arrives() {
    local n=0
    until [ -e "$(delivered "$number")" ]; do
        [ $((n += 1)) -lt 3000 ] || fail "message $number did not arrive. It said: $output"
        sleep 0.01
    done
    expect_envelope "$number" "$@"
    arrived=$BATS_TEST_TMPDIR/arrived
    tr -d '\r' <"$(delivered "$number")" >"$arrived"
}

# has LINE...: in the header of $arrived, just once; and Bcc never is.
has() {
    local line
    for line in "$@"; do
        [ "$(sed '/^$/q' "$arrived" | grep -cxF -- "$line")" = 1 ] ||
            fail "not once '$line': $(cat "$arrived")"
    done
    for line in '^From: .' '^Date: .' '^Message-I[Dd]: <.*>$'; do
        [ "$(sed '/^$/q' "$arrived" | grep -ci -- "$line")" = 1 ] ||
            fail "not once $line: $(cat "$arrived")"
    done
    ! grep -qi '^\(Resent-\)\?Bcc:\|\<c@example' "$arrived" || fail "Bcc: $(cat "$arrived")"
}

# body [LINE...]: what comes after the header, 'Some text.' by default.
body() {
    [ "$(sed '1,/^$/d' "$arrived")" = "$(printf '%s\n' "${@:-Some text.}")" ] ||
        fail "the body is: $(sed '1,/^$/d' "$arrived")"
}

# ---- daemons ----

# What cron runs is no child of the test's and knows no variable of its environment.
@test "cron mails what a job said to the job's owner, or to MAILTO" {
    needs_root
    needs cron
    printf '%s\n' '@reboot root echo "from root"' 'MAILTO=a@example.org,b@example.org' \
        '@reboot nobody echo "from nobody"' >"$HOME/crontab"
    "${in_place[@]}" cron -f >said 2>&1 3>&- 4>&- &
    servers+=($!)
    local n=0 first=1 second=2
    until [ "$(count_delivered)" = 2 ]; do
        [ $((n += 1)) -lt 3000 ] || fail "cron did not send. It said: $(cat said)"
        sleep 0.01
    done
    if grep -q nobody "$(delivered 1)"; then
        first=2 second=1
    fi
    number=$first
    arrives root@home.example root@home.example
    has 'From: root@home.example (Cron Daemon)' 'To: root@home.example' \
        "Subject: Cron <root@$(hostname)> echo \"from root\""
    body 'from root'
    number=$second
    arrives nobody@home.example a@example.org b@example.org
    has 'To: a@example.org,b@example.org'
    body 'from nobody'
}

@test "at mails what a job said, and root's mail reaches a person" {
    needs_root
    needs at atd
    echo 'root: a@example.org' >aliases
    echo "aliases = $HOME/aliases" >>"$config"
    run timeout 60 "${in_place[@]}" sh -c 'echo "echo done at last" | at now && atd -s'
    expect 0
    number=1
    arrives root@home.example a@example.org
    has 'To: root@home.example'
    grep -q '^Subject: Output from your job  *1$' "$arrived"
    body 'done at last'
}

# Debian's mdadm is bound to the init system: it is not installed for this, only unpacked.
@test "mdadm --monitor --test" {
    needs
    local mdadm
    mdadm=$(fetched mdadm /sbin/mdadm) || skip 'no mdadm, and apt does not fetch it'
    call "$mdadm" --monitor --test --oneshot --mail a@example.org --config /dev/null /dev/md127
    arrives root@home.example a@example.org
    has 'To: a@example.org' "Subject: TestMessage event on /dev/md127:$(hostname)"
    grep -q '^A TestMessage event had been detected' "$arrived"
}

# fetched PACKAGE PATH: prints where the program is: at PATH, or below a folder beside the
# programs under test, where a Debian package is unpacked.
fetched() {
    local folder
    folder=$(dirname "$TESTSERVER")/callers/$1
    if [ -x "$2" ]; then
        echo "$2"
        return
    fi
    if [ ! -x "$folder$2" ]; then
        mkdir -p "$folder"
        (cd "$folder" && apt-get download "$1" && dpkg -x "$1"_*.deb .) >/dev/null 2>&1 ||
            return
    fi
    echo "$folder$2"
}

# ---- mail readers ----

# mutt_settings [LINE...]: makes the file muttrc.
mutt_settings() {
    printf '%s\n' 'set from="s@example.org"' 'set realname="Sender"' 'set write_bcc=yes' \
        'set use_envelope_from=yes' 'set copy=no' "$@" >muttrc
}

@test "mutt" {
    needs mutt
    mutt_settings
    call mutt -n -F muttrc -s subject -c b@example.org -b c@example.org a@example.org <text
    arrives s@example.org "${everyone[@]}"
    has "${fields[@]}"
    body
}

@test "neomutt, with what it asks of the server too" {
    needs neomutt
    mutt_settings 'set use_8bitmime=yes' 'set send_charset=utf-8' \
        'set dsn_notify="failure,delay"' 'set dsn_return=hdrs'
    printf 'Gr\303\274\303\237e\n' >text
    call neomutt -n -F muttrc -s subject -c b@example.org -b c@example.org a@example.org <text
    arrives s@example.org "${everyone[@]}"
    has "${fields[@]}"
    body "$(cat text)"
    [[ $(envelope) == *'RET=HDRS'* && $(envelope) == *'NOTIFY=FAILURE,DELAY'* ]] ||
        fail "$(envelope)"
}

@test "s-nail" {
    needs s-nail
    call s-nail -:/ -s subject -c b@example.org -b c@example.org a@example.org <text
    arrives root@home.example "${everyone[@]}"
    has 'To: a@example.org' 'Cc: b@example.org' 'Subject: subject'
    body
    call s-nail -:/ -r s@example.org -s subject a@example.org <text
    arrives s@example.org a@example.org
    has 'From: s@example.org' 'To: a@example.org'
}

@test "bsd-mailx, and a bare name" {
    needs bsd-mailx
    call bsd-mailx -s subject -c b@example.org -b c@example.org root <text
    arrives root@home.example root@home.example b@example.org c@example.org
    has 'To: root@home.example' 'Cc: b@example.org' 'Subject: subject'
    body
    call bsd-mailx -r s@example.org -s subject a@example.org <text
    arrives s@example.org a@example.org
    has 'From: s@example.org' 'To: a@example.org'
}

@test "mailutils" {
    needs mail.mailutils
    call mail.mailutils -r s@example.org -s subject -a 'Cc: b@example.org' \
        -a 'Bcc: c@example.org' a@example.org <text
    arrives s@example.org "${everyone[@]}"
    has 'From: s@example.org' 'To: <a@example.org>' 'Cc: <b@example.org>' 'Subject: subject'
    body
}

# ---- programs that send ----

# What git sends is the next $number. With --quiet it still says a line.
send_patch() {
    run timeout 60 "${in_place[@]}" git send-email --quiet --confirm=never --suppress-cc=all \
        --to a@example.org "$@" patches/0001-*
    expect 0
    assert_output 'Sent [PATCH] Add a text'
    number=$((number + 1))
}

@test "git send-email" {
    needs git
    git send-email -h 2>&1 | grep -q -- --sendmail-cmd || skip 'no git send-email'
    git init -q . && git config user.name Sender && git config user.email s@example.org
    git add text && git commit -q -m 'Add a text' && git format-patch -q --root -o patches
    send_patch --cc b@example.org --bcc c@example.org --envelope-sender=auto
    arrives s@example.org "${everyone[@]}"
    has 'From: Sender <s@example.org>' 'To: a@example.org' 'Cc: b@example.org' \
        'Subject: [PATCH] Add a text'
    git init -q other && git -C other config user.name Other
    git -C other config user.email b@example.org && git -C other am -q "$arrived"
    assert_same_file text other/text
    send_patch
    arrives root@home.example a@example.org
}

@test "PHP's mail(), without and with its fifth parameter" {
    needs php
    cat >mail.php <<'END'
<?php
$header = "From: Sender <s@example.org>\r\nCc: b@example.org\r\nBcc: c@example.org";
$more = array_slice($argv, 1);
exit(mail("a@example.org", "subject", "Some text.\r\n.\r\nMore.", $header, ...$more) ? 0 : 1);
END
    call php -n mail.php
    arrives root@home.example "${everyone[@]}"
    has "${fields[@]}"
    call php -n mail.php -fbounce@example.org
    arrives bounce@example.org "${everyone[@]}"
    body 'Some text.' . More.
    # What strangers would like it to be.
    run timeout 60 "${in_place[@]}" php -n mail.php \
        "-X$HOME/shell.php -C/etc/passwd -OQueueDirectory=$HOME"
    expect 0
    [ ! -e shell.php ]
    refute_output --partial root:
    run timeout 60 "${in_place[@]}" php -n mail.php '--server=127.0.0.1:1'
    expect 1 'unknown option'
}

@test "Perl's Email::Sender" {
    needs perl
    perl -MEmail::Sender -e 1 2>/dev/null || skip 'no Email::Sender'
    cat >mail.pl <<'END'
use Email::Sender::Simple qw(sendmail);
use Email::Sender::Transport::Sendmail;
use Email::Simple;
my $mail = Email::Simple->create(
    header => [From => 'Sender <s@example.org>', To => 'a@example.org',
        Cc => 'b@example.org', Subject => 'subject'],
    body => "Some text.\n");
sendmail($mail, {transport => Email::Sender::Transport::Sendmail->new, @ARGV});
END
    call perl mail.pl
    arrives s@example.org a@example.org b@example.org
    has "${fields[@]}"
    body
    call perl mail.pl from bounce@example.org to c@example.org
    arrives bounce@example.org c@example.org
}

@test "Perl's MIME::Lite" {
    needs perl
    perl -MMIME::Lite -e 1 2>/dev/null || skip 'no MIME::Lite'
    cat >mail.pl <<'END'
use MIME::Lite;
my $mail = MIME::Lite->new(From => 'Sender <s@example.org>', To => 'a@example.org',
    Cc => 'b@example.org', Bcc => 'c@example.org', Subject => 'subject',
    Data => "Some text.\n");
exit($mail->send('sendmail', @ARGV) ? 0 : 1);
END
    call perl mail.pl
    arrives s@example.org "${everyone[@]}"
    has "${fields[@]}"
    body
    call perl mail.pl FromSender bounce@example.org
    arrives bounce@example.org "${everyone[@]}"
}

@test "Python, as its FAQ has it" {
    needs python3
    cat >mail.py <<'END'
import os
import sys
from email.message import EmailMessage
from subprocess import PIPE, Popen

p = os.popen("/usr/sbin/sendmail -t -i", "w")
p.write("From: Sender <s@example.org>\nTo: a@example.org\nBcc: c@example.org\n")
p.write("Subject: subject\n\nSome text.\n")
if p.close() is not None:
    sys.exit(1)

message = EmailMessage()
message["From"] = "s@example.org"
message["To"] = "a@example.org"
message["Subject"] = "subject"
message.set_content("Some text.\n")
p = Popen(["/usr/sbin/sendmail", "-t", "-oi"], stdin=PIPE)
p.communicate(message.as_bytes())
sys.exit(p.returncode)
END
    call python3 mail.py
    arrives root@home.example a@example.org c@example.org
    has 'From: Sender <s@example.org>' 'To: a@example.org' 'Subject: subject'
    body
    number=2
    arrives root@home.example a@example.org
    has 'From: s@example.org' 'To: a@example.org'
    body
}

@test "Node.js's nodemailer" {
    needs node
    local modules
    modules=$(nodemailer) || skip 'no nodemailer, and npm does not fetch it'
    cat >mail.js <<'END'
require("nodemailer").createTransport({ sendmail: true }).sendMail({
    from: "Sender <s@example.org>", to: "a@example.org", cc: "b@example.org",
    bcc: "c@example.org", subject: "subject", text: "Some text.\n.\n",
});
END
    export NODE_PATH=$modules
    call node mail.js
    arrives s@example.org "${everyone[@]}"
    has "${fields[@]}"
    body 'Some text.' .
}

# Prints the folder that has the module, fetched if need be.
nodemailer() {
    local folder
    folder=$(dirname "$TESTSERVER")/callers/node
    if [ ! -e "$folder/node_modules/nodemailer/package.json" ]; then
        mkdir -p "$folder"
        timeout 60 npm install --silent --no-audit --no-fund --ignore-scripts \
            --prefix "$folder" nodemailer@8.0.11 >/dev/null 2>&1 || return
    fi
    echo "$folder/node_modules"
}

@test "who called hears of a refused recipient" {
    local mailer failures=0
    needs
    start_server --reply 'rcpt=550 5.1.1 no such user here'
    echo "server = 127.0.0.1:$port" >"$config"
    printf '%s\n' 'From: s@example.org' 'Subject: subject' '' 'Text.' >0001.patch
    while read -r mailer; do
        command -v "${mailer%% *}" >/dev/null || continue
        run timeout 60 "${in_place[@]}" bash -c "$mailer" <text
        [ "$status" != 0 ] || fail "$mailer: it was told that all is well. It said: $output"
        # Of all of them, mailutils alone keeps what sendmail says to itself.
        [[ $output =~ 'no such user here'|'non-zero status' ]] || fail "$mailer: $output"
        failures=$((failures + 1))
    done <<'END'
mutt -n -F /dev/null -s subject a@example.org
neomutt -n -F /dev/null -s subject a@example.org
s-nail -:/ -S sendwait -s subject a@example.org
mail.mailutils -r s@example.org a@example.org
git -c user.name=S -c user.email=s@example.org send-email --to=a@example.org 0001.patch
php -n -r 'exit(mail("a@example.org", "subject", "Text.") ? 0 : 1);'
perl -e 'open(my $m, "|-", "sendmail -t"); print $m "To: a\@x.example\n\n"; exit !close($m)'
END
    [ "$failures" -gt 0 ] || skip 'no caller is here'
    assert_delivered 0
}

# ---- words ----

# Whose | what is on standard input | reverse-path: recipients | the words. The inputs: `headed`
# has To a, Cc b and Bcc c; `mbox` is that below a "From " line; `text` has only Subject. In the
# envelope, `-` is nobody, `me` the user. Alpine, nmh, Symfony and Laravel talk SMTP to
# sendmail -bs and pass no more than that: they have no row. smartd, logrotate and apticron call
# mail, which is one of those above.
callers() {
    cat <<'END'
cron (Debian)            | text   | me: root  | -FCronDaemon -i -B8BITMIME -oem root
cronie                   | headed | root: a b c | -FCronDaemon -i -odi -oem -oi -t -f root
cronie 1.7               | headed | -: a b c  | -FCronDaemon -i -odi -oem -oi -t -f '<>'
anacron                  | text   | me: root  | -FAnacron -odi root
at                       | text   | me: root  | -i root
mdadm, sudo, logwatch    | headed | me: a b c | -t
mutt                     | headed | s: a      | -oem -oi -f s@example.org -- a@example.org
NeoMutt                  | headed | me: a     | -oem -oi -- a@example.org
NeoMutt, 8 bits and DSN  | headed | s: a      | -oem -oi -B8BITMIME -f s@example.org -N failure,delay -R hdrs -- a@example.org
s-nail                   | headed | me: a b   | -i -- a@example.org b@example.org
s-nail -r                | headed | s: a      | -i -f s@example.org -- a@example.org
bsd-mailx                | headed | me: a b c | -i -t
bsd-mailx -r             | headed | s: a b c  | -i -t -f s@example.org
mailutils                | headed | s: a b c  | -oi -f s@example.org -t
git send-email           | headed | me: a b   | -i a@example.org b@example.org
git send-email, sender   | headed | s: a      | -f s@example.org -i a@example.org
PHP, Rails               | headed | me: a b c | -t -i
PHP, fifth parameter     | headed | s: a b c  | -t -i -fs@example.org
PHPMailer by mail()      | headed | s: a b c  | -t -i -oi -fs@example.org -t
Swift Mailer             | headed | s: a b c  | -oi -t -fs@example.org
Perl's Email::Sender     | headed | s: a      | -i -f s@example.org -- a@example.org
Perl's MIME::Lite        | headed | me: a b c | -t -oi -oem
MIME::Lite, FromSender   | headed | s: a b c  | -t -oi -oem -fs@example.org
Ruby's mail 2.4          | headed | s: c a b  | -i -t -f "s@example.org" c@example.org a@example.org
Python's documentation   | headed | me: a b c | -t -oi
unattended-upgrades      | headed | me: a b c | -oi -t
nodemailer               | headed | s: a b c  | -i -f s@example.org a@example.org b@example.org c@example.org
rss2email                | headed | s: a      | -F '' -f s@example.org a@example.org
maildrop                 | mbox   | -: a      | -f '' a@example.org
vacation                 | headed | joe: a    | -f joe a@example.org
procmail                 | mbox   | me: a     | -oi a@example.org
fail2ban                 | headed | s: a      | -f "s@example.org" "a@example.org"
END
}

# addresses NAME...: sets $addresses to what the table means.
addresses() {
    local name
    addresses=()
    for name in "$@"; do
        case $name in
        -) addresses+=('') ;;
        me) addresses+=("$(id -un)@home.example") ;;
        root | joe) addresses+=("$name@home.example") ;;
        *) addresses+=("$name@example.org") ;;
        esac
    done
}

write_inputs() {
    printf '%s\n' 'From: Sender <s@example.org>' 'To: a@example.org' 'Cc: b@example.org' \
        'Bcc: c@example.org' 'Subject: subject' '' 'Some text.' >headed
    { echo 'From s@example.org  Tue Jul  1 10:00:00 2025' && cat headed; } >mbox
    printf '%s\n' 'Subject: subject' '' 'Some text.' >text
}

@test "the words that callers pass, replayed" {
    local whose input envelope line words rows=0
    make_names
    write_inputs
    export SMTPSEND_SERVER=127.0.0.1:$port SMTPSEND_DOMAIN=home.example
    while IFS='|' read -r whose input envelope line; do
        echo "$whose:$line"
        eval "words=($line)"
        # shellcheck disable=SC2086 # names
        addresses ${envelope/:/}
        run timeout 60 "$names/sendmail" "${words[@]}" <"${input// /}"
        expect 0
        assert_output ''
        number=$((number + 1))
        arrives "${addresses[@]}"
        has 'Subject: subject'
        body
        rows=$((rows + 1))
    done < <(callers)
    [ "$rows" -ge 30 ]
}
