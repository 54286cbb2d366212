#!/usr/bin/env bats
# config.bats: configuration files, accounts, what wins over what, and what is wrong in them.
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

prepare() {
    export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
    config=$XDG_CONFIG_HOME/smtpsend/smtpsend.conf
    mkdir -p "${config%/*}"
    export SMTPSEND_TIMEOUT=$PATIENCE
}

# Writes the user's configuration from standard input; PORT in it becomes the server's.
configure() {
    sed "s/PORT/${port:-1}/g" >"${1:-$config}"
}

# sent N: reverse-path and recipients of the N-th message that arrived.
sent() {
    envelope "$1" | sed -n 's/^\(MAIL FROM\|RCPT TO\):<\([^>]*\)>.*/\2/p' | tr '\n' ' '
}

@test "the general part sets what the options do" {
    start_server
    configure <<'END'
# where mail goes
server = smtp://127.0.0.1:PORT
  ; and from whom
from = "me@example.org"
helo = client.example.org
END
    smtpsend a@example.org <"$message"
    expect 0
    assert_equal "$(sent 1)" 'me@example.org a@example.org '
    assert_dialogue 'EHLO client.example.org'
}

@test "-C is read alone; without the file it is 78; /dev/null is none" {
    start_server
    configure <<<'server = 127.0.0.1:1'
    configure "$BATS_TEST_TMPDIR/other" <<<'server = 127.0.0.1:PORT'
    smtpsend -C "$BATS_TEST_TMPDIR/other" -f s@example.org a@example.org <"$message"
    expect 0
    smtpsend --config="$BATS_TEST_TMPDIR/other" -f s@example.org a@example.org <"$message"
    expect 0
    assert_delivered 2
    smtpsend -C "$BATS_TEST_TMPDIR/none" a@example.org <"$message"
    expect 78 "$BATS_TEST_TMPDIR/none"
    smtpsend -C /dev/null --dry-run -f s@example.org a@example.org <"$message"
    expect 0
    expect_not 'server ='
}

@test "an account by -a, by SMTPSEND_ACCOUNT, by the account key" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
from = general@example.org
account = two
[account one]
from = one@example.org
[account two]
from = two@example.org
END
    smtpsend a@example.org <"$message"
    smtpsend -a one a@example.org <"$message"
    smtpsend --account=one a@example.org <"$message"
    SMTPSEND_ACCOUNT=one smtpsend a@example.org <"$message"
    assert_equal "$(sent 1; sent 2; sent 3; sent 4)" \
        "$(printf '%s@example.org a@example.org ' two one one one)"
    smtpsend -a three a@example.org <"$message"
    expect 64 "no account 'three'"
    assert_delivered 4
}

@test "match-from chooses by the envelope sender: -f, the header, or the user" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
helo = general.example
domain = home.example
[account work]
match-from = *@work.example, boss@*
helo = work.example
[account play]
match-from = *@play.example
helo = play.example
from = player@play.example
[account home]
match-from = *@home.example
helo = home.example
END
    smtpsend -f me@WORK.example a@example.org <"$message"
    smtpsend -f boss@example.net a@example.org <"$message"
    smtpsend -f x@other.example a@example.org <"$message"
    sed 's/^From: .*/From: Me <me@play.example>/' "$message" >"$message.play"
    smtpsend a@example.org <"$message.play"
    assert_equal "$(commands 1 | head -1)" 'EHLO work.example'
    assert_equal "$(commands 2 | head -1)" 'EHLO work.example'
    assert_equal "$(commands 3 | head -1)" 'EHLO general.example'
    assert_equal "$(commands 4 | head -1)" 'EHLO play.example'
    assert_equal "$(sent 4)" 'player@play.example a@example.org '
    smtpsend <"$message.play" -a work a@example.org
    assert_equal "$(commands 5 | head -1)" 'EHLO work.example'
}

@test "command line over environment over account over general part" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
helo = general.example
[account a]
helo = account.example
END
    smtpsend -f s@example.org x@example.org <"$message"
    smtpsend -f s@example.org -a a x@example.org <"$message"
    export SMTPSEND_HELO=environment.example
    smtpsend -f s@example.org -a a x@example.org <"$message"
    smtpsend -f s@example.org -a a --helo words.example x@example.org <"$message"
    SMTPSEND_HELO='' smtpsend -f s@example.org -a a x@example.org <"$message"
    local n=0
    for name in general account environment words account; do
        n=$((n + 1))
        assert_equal "$(commands "$n" | head -1)" "EHLO $name.example"
    done
}

@test "--dry-run says what each setting is and where it comes from, and connects to nobody" {
    configure <<'END'
server = 127.0.0.1:1
timeout = 2m
[account a]

helo = account.example
END
    SMTPSEND_TLS=off smtpsend --dry-run -a a -f s@example.org --require-all \
        'x@example.org, y@example.org' <"$message"
    expect 0 'account: a' "server = 127.0.0.1:1  ($config:1)" "helo = account.example  ($config:5)" \
        'tls = off  (SMTPSEND_TLS)' 'require-all = yes  (--require-all)' 'from = s@example.org  (-f)' \
        'MAIL FROM:<s@example.org>' 'RCPT TO:<x@example.org>' 'RCPT TO:<y@example.org>' \
        'Subject: a test' 'Some text.'
}

@test "%U and %H in from, domain and helo of a config, and nowhere else" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
from = %U+100%%@example.org
domain = example.net
END
    smtpsend root <"$message"
    expect 0
    assert_equal "$(sent 1)" "$(id -un)+100%@example.org root@example.net "
    smtpsend -f 'a%Ub@example.org' root <"$message"
    assert_equal "$(sent 2)" 'a%Ub@example.org root@example.net '
    configure <<<'from = %x@example.org'
    smtpsend root <"$message"
    expect 78 "$config:1: from" '%U, %H or %%'
}

@test "all that is wrong is said in one run, with file, line and key; nobody is called" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
sever = x
pasword-file = /x
tls = maybe
timeout = soon
require-all = perhaps
dry-run = yes
nonsense
[acount x]
[account a]
server = smtp://host/path
helo = a_b
[account a]
match-from
[account b]
tls-pin = rubbish
port = 99999
priority = 12
END
    smtpsend -f s@example.org x@example.org <"$message"
    expect 78 "$config:2: sever" 'server' "$config:3: pasword-file" 'password-file' \
        "$config:4: tls" "$config:5: timeout" "$config:6: require-all" "$config:7: dry-run" \
        "$config:8: " "$config:9: " "$config:13: " "$config:14: "
    assert_connections 0
}

@test "values that need more than a look are found wrong too, in accounts that are not used" {
    while IFS='|' read -r line key; do
        configure <<END
server = 127.0.0.1:1
[account used]
helo = x.example
[account other]
$line
END
        smtpsend -a used --dry-run -f s@example.org x@example.org <"$message"
        expect 78 "$config:5: $key"
    done <<'END'
server = smtp://host/path|server
server = smtp://user:secret@host|server
helo = a_b|helo
domain = a..b|domain
from = not an address|from
port = 99999|port
priority = 12|priority
deliver-by = never|deliver-by
send-buffer = much|send-buffer
auth = MAGIC|auth
END
}

@test "several errors in several accounts are all said" {
    configure <<'END'
[account one]
helo = a_b
[account two]
server = smtp://host/path
END
    smtpsend -f s@example.org x@example.org <"$message"
    expect 78 "$config:2: helo" "$config:4: server"
}

@test "include: relative to the file, in the part where it stands; a bad one is named" {
    start_server
    mkdir "${config%/*}/parts"
    configure <<'END'
include = parts/where
[account a]
include = parts/who
END
    configure "${config%/*}/parts/where" <<<'server = 127.0.0.1:PORT'
    configure "${config%/*}/parts/who" <<<'from = who@example.org'
    smtpsend -a a x@example.org <"$message"
    expect 0
    assert_equal "$(sent 1)" 'who@example.org x@example.org '
    configure <<'END'
include = parts/none
include = smtpsend.conf
END
    smtpsend -f s@example.org x@example.org <"$message"
    expect 78 "$config:1: include" 'parts/none' "$config:2: include"
}

@test "a password: only in a file that is its owner's alone, and shown nowhere" {
    start_server --user 'me:pass"word #1' --auth-in-clear
    configure <<'END'
server = 127.0.0.1:PORT
user = me
allow-cleartext-auth = yes
password = "pass\"word #1"
END
    chmod 644 "$config"
    smtpsend -f s@example.org x@example.org <"$message"
    expect 78 "$config:4: password" 'chmod 600'
    expect_not 'word #1'
    chmod 600 "$config"
    smtpsend -vv -f s@example.org x@example.org <"$message"
    expect 0
    expect_not 'word #1'
    smtpsend --dry-run -f s@example.org x@example.org <"$message"
    expect 0
    expect_not 'word #1'
    grep -q '^auth=me' "$dir/mail/envelope/000001"
}

@test "a stronger place's password wins, of whatever kind it is" {
    start_server --user me:right --auth-in-clear
    configure <<'END'
server = 127.0.0.1:PORT
user = me
allow-cleartext-auth = yes
password = wrong
[account command]
password-command = echo right
[account password]
password = right
[account file]
password-file = /nonexistent
END
    chmod 600 "$config"
    echo right >"$BATS_TEST_TMPDIR/right"
    chmod 600 "$BATS_TEST_TMPDIR/right"
    smtpsend -f s@example.org x@example.org <"$message"
    expect 77
    smtpsend -a command -f s@example.org x@example.org <"$message"
    expect 0
    smtpsend -a password -f s@example.org x@example.org <"$message"
    expect 0
    SMTPSEND_PASSWORD=right smtpsend -a file -f s@example.org x@example.org <"$message"
    expect 0
    SMTPSEND_PASSWORD=wrong smtpsend -a password -f s@example.org x@example.org \
        --password-file "$BATS_TEST_TMPDIR/right" <"$message"
    expect 0
    smtpsend -a file -f s@example.org x@example.org --password-command 'echo right' <"$message"
    expect 0
}

@test "called as sendmail, neither the environment's folders nor -C choose the config" {
    start_server
    ln -s "$SMTPSEND" "$BATS_TEST_TMPDIR/sendmail"
    configure <<<'helo = wrong.example'
    export HOME=$BATS_TEST_TMPDIR SMTPSEND_SERVER=127.0.0.1:$port SMTPSEND_DOMAIN=home.example
    mkdir -p "$HOME/.config/smtpsend"
    cp "$config" "$HOME/.config/smtpsend/"
    run timeout 60 "$BATS_TEST_TMPDIR/sendmail" -C "$config" a@example.org <"$message"
    assert_success
    run commands
    refute_output --partial wrong.example
}

@test "HOME has the config where XDG_CONFIG_HOME is not set" {
    configure <<<'helo = home.example'
    mkdir -p "$BATS_TEST_TMPDIR/.config/smtpsend"
    mv "$config" "$BATS_TEST_TMPDIR/.config/smtpsend/"
    XDG_CONFIG_HOME='' HOME=$BATS_TEST_TMPDIR smtpsend --dry-run -f s@example.org x@example.org \
        <"$message"
    expect 0 'helo = home.example'
}

@test "--set-from: the account's address in From, with the name that stood there" {
    start_server
    configure <<'END'
server = 127.0.0.1:PORT
from = box@provider.example
set-from = yes
END
    local n=0
    while IFS='|' read -r before after; do
        printf '%s\nSubject: x\n\ntext\n' "$before" >"$message"
        smtpsend -f other@example.org x@example.org <"$message"
        expect 0
        n=$((n + 1))
        run grep -i '^From:' "$(delivered "$n")"
        assert_output "$after"$'\r'
    done <<'END'
From: me@example.org|From: box@provider.example
From: Me <me@example.org>|From: Me <box@provider.example>
From: "A, B \"C\"" <me@example.org>|From: "A, B \"C\"" <box@provider.example>
From: =?utf-8?q?J=C3=B6?= <me@example.org>|From: =?utf-8?q?J=C3=B6?= <box@provider.example>
from: a@example.org, B <b@example.org>|From: box@provider.example
From: <me@example.org> (x)|From: box@provider.example
END
    smtpsend -C /dev/null --server 127.0.0.1:1 --set-from x@example.org <"$message"
    expect 64 '--set-from needs an address'
}

@test "--undisclosed hides To and Cc" {
    start_server
    printf 'From: a@example.org\nTo: b@example.org\nCc: c@example.org,\n d@example.org\n\nx\n' \
        >"$message"
    smtpsend --server "127.0.0.1:$port" -t --undisclosed <"$message"
    expect 0
    assert_equal "$(sent 1)" 'a@example.org b@example.org c@example.org d@example.org '
    run grep -v '^Message-ID:' "$(delivered)" # in which anything may stand by chance
    assert_output --partial 'To: undisclosed-recipients:;'
    refute_output --partial 'c@example.org'
    refute_output --partial 'b@example.org'
}

@test "a config of 100,000 lines" {
    { echo 'server = 127.0.0.1:1'; seq -f '[account a%.0f]' 50000 | sed 's/$/\nhelo = x.example/'; } \
        >"$config"
    smtpsend --dry-run -a a50000 -f s@example.org x@example.org <"$message"
    expect 0 'account: a50000' "($config:100001)"
}

@test "what a stronger place's URL says wins over weaker keys; a contradiction in one place is 78" {
    make_certificate
    start_tls_server
    printf 'tls = off\nport = 1\nuser = weak\n' >"$config"
    smtpsend --server "submissions://127.0.0.1:$tls_port" --tls-ca "$ca" -f s@example.org \
        x@example.org <"$message"
    expect 0
    grep -q '^tls=TLS' "$dir/mail/envelope/000001"
    printf 'tls = off\n[account a]\nserver = submissions://127.0.0.1:%s\ntls-ca = %s\n' \
        "$tls_port" "$ca" >"$config"
    smtpsend -a a -f s@example.org x@example.org <"$message"
    expect 0
    grep -q '^tls=TLS' "$dir/mail/envelope/000002"
    printf 'server = submissions://127.0.0.1\ntls = off\n' >"$config"
    smtpsend -f s@example.org x@example.org <"$message"
    expect 78 "$config:2: tls" 'contradict'
    smtpsend -C /dev/null --tls off --server submissions://127.0.0.1 -f s@example.org x@example.org \
        <"$message"
    expect 64 'contradict'
}

@test "credentials of a config are not for a server that the command line names" {
    start_server --user me:secret --auth-in-clear
    configure <<'END'
server = mail.example.org
user = me
password = secret
allow-cleartext-auth = yes
END
    chmod 600 "$config"
    smtpsend --server "127.0.0.1:$port" -f s@example.org x@example.org <"$message"
    expect 0
    refute_dialogue AUTH
    SMTPSEND_SERVER=127.0.0.1:$port smtpsend -f s@example.org x@example.org <"$message"
    expect 0
    run commands 2
    refute_output --partial AUTH
}

@test "a stronger place's password wins over a weaker token" {
    start_server --user me:right --auth-in-clear --mechs 'PLAIN XOAUTH2 OAUTHBEARER' --token me:token
    configure <<'END'
server = 127.0.0.1:PORT
user = me
allow-cleartext-auth = yes
token-command = echo wrong
[account a]
password-command = echo right
END
    smtpsend -a a -f s@example.org x@example.org <"$message"
    expect 0
}

@test "every bad value is said in one run" {
    printf '%s\n' 'server = http://x' 'helo = a b' 'domain = a b' 'from = a b' 'priority = 99' \
        'tls-pin = g' 'auth = foo' 'send-buffer = much' 'unknown = 1' '[account z]' 'port = 99999' \
        >"$config"
    smtpsend -f s@example.org x@example.org <"$message"
    local n
    for n in 1 2 3 4 5 6 7 8 9; do
        expect 78 "$config:$n: "
    done
    printf 'set-from = yes\n' >"$config"
    smtpsend x@example.org <"$message"
    expect 78 "$config:1: set-from"
    printf 'server = 127.0.0.1\n[account z]\nport = 99999\n' >"$config"
    smtpsend x@example.org <"$message"
    expect 78 "$config:3: port"
}

@test "--dry-run shows letters, the server, that there is a password; on a terminal no control bytes" {
    printf 'server = submissions://mail.example.org\nuser = me\npassword = secret\n' >"$config"
    chmod 600 "$config"
    printf 'Subject: \033]0;owned\007\n\nbody\n' >"$message"
    smtpsend --dry-run -N success -R hdrs -f s@example.org x@example.org <"$message"
    expect 0 '-N = success  (-N)' '-R = hdrs  (-R)' "password = <redacted>  ($config:3)" \
        'to mail.example.org port 465, TLS implicit, as me'
    expect_not secret
    run script -qec "'$SMTPSEND' --dry-run -f s@example.org x@example.org <'$message'" /dev/null
    expect 0 '\x1b]0;owned\x07'
    expect_not $'\x1b'
    ln -s "$SMTPSEND" "$BATS_TEST_TMPDIR/sendmail"
    SMTPSEND_SERVER=hidden.example run "$BATS_TEST_TMPDIR/sendmail" -bv x@example.org <"$message"
    expect 0 'RCPT TO:<x@example.org>'
    expect_not hidden.example
}
