#!/usr/bin/env bats
# secrets.bats: a marked password, from each place that it can come from, is sought wherever it
# must not be: outputs, the wire, what /proc shows, children, memory, a core file. And where it
# comes from: netrc files, commands, files, the terminal; tokens that have to be renewed.
# not under sanitizers: they keep copies, and have ways of their own
# shellcheck disable=SC2154 # what lib/common.bash and its kin set

load lib/common
load lib/wire
load lib/secrets

setup_file() {
    make_certificate
    make_secret
}

prepare() {
    unset SMTPSEND_PASSWORD CREDENTIALS_DIRECTORY
    know_secret
    runner=()
    clients=()
}

teardown() {
    local client
    for client in "${clients[@]}"; do
        kill "$client" 2>/dev/null || true
    done
    stop_servers
}

# A server with the marked account, which can do TLS.
marked_server() {
    start_server --tls-cert "$cert" --tls-key "$key" --user "me:$secret" --token "me:$secret" \
        --mechs 'PLAIN LOGIN OAUTHBEARER XOAUTH2' "$@"
}

# A run that trusts it.
tls_send() {
    send --tls required --tls-ca "$ca" "$@" a@example.org
}

@test "the search finds the secret in each form" {
    local file=$BATS_TEST_TMPDIR/file form user
    for form in "$secret" "x${secret}x" "${secret:8:12}" "$(base64_of "$secret")" \
        "$(printf '%s' "$secret" | od -An -v -tx1 | tr -d ' \n')"; do
        printf '%s' "$form" >"$file"
        gives_away "$file" || fail "not in '$form'"
    done
    for user in '' m me you thewholename me@example.org; do
        base64_of '%s\0%s\0%s' "$user" "$user" "$secret" >"$file"
        gives_away "$file" || fail "not in PLAIN's response of '$user'"
        base64_of 'n,a=%s,\1auth=Bearer %s\1\1' "$user" "$secret" >"$file"
        gives_away "$file" || fail "not in OAUTHBEARER's response of '$user'"
    done
    for form in '' "$(base64_of '\0me\0geheim')"; do
        printf '%s' "$form" >"$file"
        run ! gives_away "$file"
    done
}

@test "success, from each source, -vv: in no output, and not on the wire outside of TLS" {
    local source
    marked_server
    start_tap
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        take_from "$source"
        tls_send -vv "${options[@]}"
        echo "$source"
        expect 0 '> AUTH ' '<redacted>' 'auth: 235 '
        assert_said_no_secret
    done
    assert_delivered 8
    assert_no_secret "$tap"/*.client "$tap"/*.server
    for n in {1..8}; do
        gives_away "$(raw "$n")" # as the server saw it, within TLS
    done
}

@test "535, 4xx and no answer, from each source, -vv: in no output" {
    local source n=0
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' '< STARTTLS' '> 220 go' \
            starttls '< EHLO *' '> 250-x' '> 250 AUTH PLAIN OAUTHBEARER' '< AUTH *' \
            '> 535 5.7.8 no' '< *' '> 535 5.7.8 no' '< QUIT' '> 221 bye'
        plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' '< STARTTLS' '> 220 go' \
            starttls '< EHLO *' '> 250-x' '> 250 AUTH LOGIN XOAUTH2' '< AUTH *' \
            '> 454 4.7.0 later' '< QUIT' '> 221 bye'
    done
    for source in file environment token-command; do
        plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' '< STARTTLS' '> 220 go' \
            starttls '< EHLO *' '> 250-x' '> 250 AUTH PLAIN OAUTHBEARER' '< AUTH *' hang
    done
    serve
    start_tap
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        take_from "$source"
        for wanted in 77 75; do
            tls_send -vv "${options[@]}"
            echo "$source"
            expect "$wanted" '> AUTH ' 'smtpsend: auth: '
            assert_said_no_secret
        done
    done
    for source in file environment token-command; do
        take_from "$source"
        tls_send -vv --timeout 1s "${options[@]}"
        expect 75 '<redacted>' 'within 1 s'
        assert_said_no_secret
    done
    assert_no_secret "$tap"/*.client "$tap"/*.server
}

@test "no mechanism's responses are shown by -vv, right or wrong" {
    local mechanism mechanisms=(PLAIN LOGIN CRAM-MD5)
    # The server's SCRAM is GNU SASL's, where it was built with that.
    ! ldd "$TESTSERVER" | grep -q libgsasl ||
        mechanisms+=(SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS)
    for mechanism in "${mechanisms[@]}"; do
        start_server --tls-cert "$cert" --tls-key "$key" --user "me:$secret" --mechs "$mechanism"
        for SMTPSEND_PASSWORD in "$secret" "x$secret"; do
            export SMTPSEND_PASSWORD
            tls_send -vv --user me --auth "$mechanism"
            [ "$status" -eq 77 ] || expect 0
                expect "$status" "> AUTH $mechanism" '<redacted>'
            assert_said_no_secret
        done
        stop_server
    done
}

@test "a server that says what it heard: it is not shown" {
    local answer
    local answers=("500 5.5.1 what? 'AUTH PLAIN $(base64_of '\0me\0%s' "$secret")'"
        "535 5.7.8 no: $(base64_of '\0me\0%s' "$secret")"
        "454 4.7.0 later: $(base64_of '\0me\0%s' "$secret")"
        "AUTH PLAIN $(base64_of '\0me\0%s' "$secret")")
    for answer in "${answers[@]}"; do
        plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 STARTTLS' '< STARTTLS' '> 220 go' \
            starttls '< EHLO *' '> 250-x' '> 250 AUTH PLAIN' '< AUTH *' "> $answer" '< QUIT' \
            '> 221 bye'
    done
    serve
    take_from file
    for answer in "${answers[@]}"; do
        tls_send -vv "${options[@]}"
        echo "$answer: $status"
        [ "$status" -ne 0 ]
        assert_said_no_secret
    done
}

@test "a secret where none belongs is refused, and not repeated: 64" {
    local words
    for words in "--server|smtp://me:$secret@localhost" "--server|me:$secret@localhost" \
        "--server|smtp://me:x@$secret@localhost" "--server|smtp://me:$secret@localhost:x" \
        "--server|submissions://me:$secret/x@localhost" "--password|$secret" \
        "--password=$secret" "--token=$secret" "--pass|$secret"; do
        IFS='|' read -ra words <<<"$words"
        smtpsend "${words[@]}" a@example.org <"$message"
        expect 64 'smtpsend: config: '
        assert_said_no_secret
    done
    SMTPSEND_SERVER=smtp://me:$secret@localhost smtpsend a@example.org <"$message"
    expect 64
    assert_said_no_secret
}

@test "in /proc while the server is silent: not in cmdline, environ, comm or files" {
    local source file
    [ -r /proc/self/environ ] || skip 'no /proc'
    marked_server --at auth=hang
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        take_from "$source"
        hold AUTH --tls required --tls-ca "$ca" -vv "${options[@]}"
        for file in cmdline comm environ status stat maps; do
            # What is not for us to read, others can't read either.
            cat "/proc/$client/$file" >"$BATS_TEST_TMPDIR/$file" 2>/dev/null || true
        done
        ls -l "/proc/$client/fd" >"$BATS_TEST_TMPDIR/fd" 2>/dev/null || true
        assert_no_secret "$BATS_TEST_TMPDIR"/{cmdline,comm,environ,status,stat,maps,fd} "$said"
        grep -q smtpsend "$BATS_TEST_TMPDIR/comm"
        let_go
        assert_no_secret "$said"
        gives_away "$(raw "$(count_connections)")" # it had got there
    done
}

@test "children: not in their environment, their command line or their parent's" {
    # shellcheck disable=SC2016 # for the command's shell
    local look='env >"$out"; ls -l /proc/self/fd >"$out.fd"
        cat "/proc/$PPID/environ" >"$out.parent" 2>/dev/null # where it may be read
        cat "/proc/$PPID/cmdline" >"$out.cmdline" 2>/dev/null; echo other'
    export out=$BATS_TEST_TMPDIR/child
    marked_server
    take_from environment
    tls_send --user me --password-command "$look"
    expect 77 535
    run ! grep SMTPSEND_PASSWORD "$out"
    assert_no_secret "$out" "$out.parent" "$out.cmdline"
    tls_send --user me --auth XOAUTH2 --token-command "$look"
    expect 77 535
    assert_no_secret "$out" "$out.parent" "$out.cmdline"
    # Its descriptors are the null device, pipes, and what the shell opened.
    run grep -E ' [0-9]+ -> ' "$out.fd"
    refute_line --partial socket:
    refute_line --partial "$message"
}

@test "a crash leaves no core file, and nothing in the outputs" {
    local source core=no
    # Where this system writes cores elsewhere, or none, there is no more to see than the limit.
    mkdir "$BATS_TEST_TMPDIR/control"
    (
        cd "$BATS_TEST_TMPDIR/control" || exit
        ulimit -S -c "$(ulimit -H -c)"
        sh -c 'kill -ABRT $$'
    ) >/dev/null 2>&1 || true
    [ -z "$(ls "$BATS_TEST_TMPDIR/control")" ] || core=yes
    marked_server --at auth=hang
    for source in file environment token-file; do
        take_from "$source"
        hold AUTH --tls required --tls-ca "$ca" -vv "${options[@]}"
        run grep '^Max core file size' "/proc/$client/limits"
        assert_output --regexp '^Max core file size +0 +0 '
        let_go ABRT
        [ "$core" = no ] || [ -z "$(ls "$home")" ] || fail "there is $(ls "$home")"
        assert_no_secret "$said"
    done
    [ "$core" = yes ] || echo '# no core files here' >&3
}

@test "the secret's memory is locked and in no dump; nowhere else is a copy after AUTH" {
    command -v python3 >/dev/null || skip 'no python3'
    local source
    marked_server --at mail=hang
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        take_from "$source"
        hold MAIL --tls required --tls-ca "$ca" "${options[@]}"
        [ -r "/proc/$client/mem" ] && head -c 1 "/proc/$client/maps" >/dev/null 2>&1 ||
            skip "another process's memory is not for us"
        run python3 "$BATS_TEST_DIRNAME/lib/memory.py" "$client" "$needles"
        let_go
        echo "$source: $output"
        # Locked, not dumped, wiped in children; all parts are in the one place.
        assert_output --regexp '^1 copy: [^ ]*$'
        assert_output --partial dd
        assert_output --partial wf
        [ "$(ulimit -l)" = 0 ] || assert_output --partial lo
    done
}

@test "another process of the same user can't look into it" {
    local other=(env)
    if [ "$(id -u)" -eq 0 ]; then
        runner=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        "${runner[@]}" test -x "$SMTPSEND" || skip 'no other user can run the program'
        other=("${runner[@]}")
    fi
    # By itself such a process can be read.
    "${runner[@]}" sleep 50 3>&- 4>&- &
    clients+=($!)
    until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.01; done
    "${other[@]}" cat "/proc/$!/environ" >/dev/null || skip 'no process can be read here'
    "${other[@]}" head -c 0 "/proc/$!/mem"
    start_server --user "me:$secret" --auth-in-clear --at auth=hang
    take_from environment
    hold AUTH --allow-cleartext-auth "${options[@]}"
    for file in environ mem maps auxv; do
        run "${other[@]}" head -c 1 "/proc/$client/$file"
        assert_failure
    done
    let_go
}

@test "system calls: nothing that is written before or after TLS has it" {
    strace -o /dev/null true 2>/dev/null || skip 'no strace'
    local source trace=$BATS_TEST_TMPDIR/trace
    local calls=write,writev,pwrite64,sendto,sendmsg,sendmmsg,execve
    marked_server
    for source in file command netrc credential token-command; do
        take_from "$source"
        run timeout 60 strace -f -v -s 65536 -e "trace=$calls" -o "$trace" "$SMTPSEND" \
            --server "127.0.0.1:$port" --tls required --tls-ca "$ca" -f s@example.org \
            "${options[@]}" a@example.org <"$message"
        expect 0
        grep -q 'STARTTLS' "$trace" || skip "strace can't look into a process that is not dumpable"
        # The commands themselves write it into their pipes.
        grep -v '^[0-9]* *write(1, "'"$secret" "$trace" >"$trace.ours"
        assert_no_secret "$trace.ours"
    done
    # In clear it would have been seen.
    stop_server
    marked_server --auth-in-clear
    take_from file
    run timeout 60 strace -f -s 65536 -e "trace=$calls" -o "$trace" "$SMTPSEND" \
        --server "127.0.0.1:$port" --allow-cleartext-auth -f s@example.org "${options[@]}" \
        a@example.org <"$message"
    expect 0
    gives_away "$trace"
}

@test "in clear: 77 from each source and for each mechanism, with what to do; nothing secret sent" {
    local source mechanism
    marked_server --auth-in-clear --mechs 'PLAIN LOGIN CRAM-MD5 OAUTHBEARER XOAUTH2'
    for source in "${password_sources[@]}" "${token_sources[@]}"; do
        take_from "$source"
        send -vv "${options[@]}" a@example.org
        expect 77 'smtpsend: auth: ' 'not encrypted' '--tls required' '--allow-cleartext-auth'
        assert_said_no_secret
    done
    take_from file
    for mechanism in PLAIN LOGIN CRAM-MD5; do
        send -vv "${options[@]}" --auth "$mechanism" a@example.org
        expect 77 'not encrypted' '--allow-cleartext-auth'
    done
    SMTPSEND_ALLOW_CLEARTEXT_AUTH=no send "${options[@]}" a@example.org
    expect 77
    assert_said 'EHLO QUIT'
    assert_delivered 0
}

# with_netrc TEXT [OPTION...]: a run with this netrc file; printf's escapes work.
with_netrc() {
    # shellcheck disable=SC2059 # a format
    (umask 077 && printf "$1" >"$BATS_TEST_TMPDIR/netrc")
    shift
    send --allow-cleartext-auth --netrc="$BATS_TEST_TMPDIR/netrc" "$@" a@example.org
}

@test "--netrc: the entry of this host and user, among others" {
    local n=0 text
    local mine='machine 127.0.0.1 login me password geheim\n'
    local another='machine mail.example.org login me password wrong\n'
    local texts=(
        "$mine" "$another$mine" "$mine$another" "${mine}default login me password wrong\n"
        "${another}default login me password geheim\n"
        "${another}default password geheim\n"
        "machine 127.0.0.1 password geheim login me\n"
        "machine 127.0.0.1 login you password wrong\n$mine"
        "machine 127.0.0.1.example login me password wrong\n$mine"
        "machine 127.0.0.1 login me account x password geheim\n"
        'machine\t127.0.0.1\n\tlogin\tme\n\tpassword\tgeheim'
        'machine 127.0.0.1\r\nlogin me\r\npassword geheim\r\n'
        "# machine 127.0.0.1 login me password wrong\n$mine"
        "machine 127.0.0.1 # ours\nlogin me # us\npassword geheim # it\n"
        "machine x macdef init\nmachine 127.0.0.1 login me password wrong\n\n$mine"
        "macdef init\nput a\n\n\n$mine"
        'machine "127.0.0.1" login "me" password "geheim"\n'
        'machine x login y password "machine 127.0.0.1 login me password wrong"\n'"$mine"
        'machine x login machine password default\n'"$mine"
    )
    start_server --user me:geheim --auth-in-clear
    for text in "${texts[@]}"; do
        with_netrc "$text" --user me
        echo "'$text'"
        expect 0
        run envelope $((n += 1))
        assert_line auth=me
    done
    # Without --user the file says who.
    with_netrc "$another$mine"
    expect 0
    run envelope $((n += 1))
    assert_line auth=me
}

@test "--netrc: values in quotes, with blanks, quotes and backslashes" {
    local n=0 text
    local password='ge "heim" \ #1'
    start_server --user "me too:$password" --user "#:#\"\\" --auth-in-clear
    with_netrc 'machine 127.0.0.1 login "me too" password "ge \\"heim\\" \\\\ #1"' --user 'me too'
    expect 0
    with_netrc 'machine 127.0.0.1 login "me too" password "ge \\"heim\\" \\\\ #1"'
    expect 0
    with_netrc 'machine 127.0.0.1 login "#" password "#\\"\\\\"'
    expect 0
    with_netrc 'machine 127.0.0.1 login "#" password "\\#\\"\\\\" machine x'
    expect 0
}

@test "--netrc: no entry, or one without a password, is 77; no netrc 78" {
    start_server --user me:geheim --auth-in-clear
    for text in '' '\n' '# nothing\n' 'machine mail.example.org login me password geheim\n' \
        'machine 127.0.0.1 login you password geheim\n' 'machine 127.0.0.1 login me\n' \
        'machine 127.0.0.1 login me password ""\n' 'machine 127.0.0.1 login me password' \
        'macdef x\nmachine 127.0.0.1 login me password geheim\n'; do
        with_netrc "$text" --user me
        echo "'$text'"
        expect 77 'smtpsend: auth: ' --netrc
        expect_not geheim
    done
    for text in 'machine 127.0.0.1 login me password two geheim\n' 'geheim\n' \
        'machine 127.0.0.1 login me passwort geheim\n'; do
        with_netrc "$text" --user me
        expect 78 --netrc
        expect_not geheim passwort
    done
    assert_connections 0
}

@test "--netrc that others can read is 78, missing 66; ~/.netrc without a name" {
    local mode
    start_server --user me:geheim --auth-in-clear
    export HOME=$BATS_TEST_TMPDIR
    printf 'machine 127.0.0.1 login me password geheim\n' >"$HOME/.netrc"
    for mode in 640 604 644 620 666; do
        chmod "$mode" "$HOME/.netrc"
        send --user me --allow-cleartext-auth --netrc a@example.org
        expect 78 --netrc "$HOME/.netrc" 'chmod 600'
        send --allow-cleartext-auth --netrc a@example.org # it would say who, too
        expect 78 'chmod 600'
    done
    chmod 600 "$HOME/.netrc"
    send --user me --allow-cleartext-auth --netrc a@example.org
    expect 0
    HOME='' send --user me --allow-cleartext-auth --netrc a@example.org
    expect 66 'home folder'
    send --user me --allow-cleartext-auth --netrc="$HOME/missing" a@example.org
    expect 66 "$HOME/missing"
    send --user me --allow-cleartext-auth --netrc="$HOME" a@example.org
    expect 66 "$HOME"
    assert_connections 1
}

@test "--token-file: 78 when others can read it, 66 when it can't be read, 77 when empty" {
    local file=$BATS_TEST_TMPDIR/token mode text
    start_server --token me:geheim --auth-in-clear --mechs XOAUTH2
    printf 'geheim\n' >"$file"
    for mode in 640 604 644; do
        chmod "$mode" "$file"
        login --auth XOAUTH2 --token-file "$file"
        expect 78 --token-file "$file" 'chmod 600'
        expect_not geheim
    done
    login --auth XOAUTH2 --token-file "$BATS_TEST_TMPDIR/missing"
    expect 66 "$BATS_TEST_TMPDIR/missing"
    login --auth XOAUTH2 --token-file "$BATS_TEST_TMPDIR"
    expect 66 "$BATS_TEST_TMPDIR"
    login --password-file "$BATS_TEST_TMPDIR"
    expect 66 "$BATS_TEST_TMPDIR"
    if [ "$(id -u)" -ne 0 ]; then
        chmod 0 "$file"
        login --auth XOAUTH2 --token-file "$file"
        expect 66 "$file"
    fi
    chmod 600 "$file"
    for text in '' '\n' '\r\n' '\ngeheim\n' 'ge\0heim\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$file"
        login --auth XOAUTH2 --token-file "$file"
        expect 77 'smtpsend: auth: ' --token-file
    done
    assert_connections 0
    for text in geheim 'geheim\n' 'geheim\r\n' 'geheim\nmore\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$file"
        login --auth XOAUTH2 --token-file "$file"
        expect 0
    done
}

# login OPTION...: the account me, in clear.
login() {
    send --user me --allow-cleartext-auth "$@" a@example.org
}

@test "systemd's credentials: their first line; empty 77; options and the environment go first" {
    local text credentials=$BATS_TEST_TMPDIR/credentials
    start_server --user me:geheim --token me:zeichen --auth-in-clear --mechs 'PLAIN XOAUTH2'
    mkdir "$credentials"
    export CREDENTIALS_DIRECTORY=$credentials
    for text in geheim 'geheim\n' 'geheim\r\n' 'geheim\nmore\n'; do
        # shellcheck disable=SC2059 # a format
        printf "$text" >"$credentials/smtpsend.password"
        login
        expect 0
    done
    chmod 444 "$credentials/smtpsend.password" # its folder is what protects it
    login
    expect 0
    printf 'wrong\n' >"$BATS_TEST_TMPDIR/wrong"
    chmod 600 "$BATS_TEST_TMPDIR/wrong"
    login --password-file "$BATS_TEST_TMPDIR/wrong"
    expect 77 535
    SMTPSEND_PASSWORD=wrong login
    expect 77 535
    printf 'zeichen\n' >"$credentials/smtpsend.token"
    login --auth XOAUTH2
    expect 0
    rm -f "$credentials"/smtpsend.*
    printf '\n' >"$credentials/smtpsend.password"
    login
    expect 77 'smtpsend.password' empty
    rm "$credentials/smtpsend.password"
    run setsid -w timeout 60 "$SMTPSEND" --server "127.0.0.1:$port" --user me \
        --allow-cleartext-auth a@example.org <"$message"
    expect 77 'no password'
}

@test "--token-command: fails with its stderr, says nothing, hangs: 77; newlines go" {
    local text
    start_server --token me:geheim --auth-in-clear --mechs XOAUTH2
    login --auth XOAUTH2 --token-command 'echo geheim; echo "login expired" >&2; exit 2'
    expect 77 'smtpsend: auth: ' --token-command 'status 2' 'login expired'
    expect_not geheim
    login --auth XOAUTH2 --token-command 'kill -9 $$'
    expect 77 'signal 9'
    login --auth XOAUTH2 --token-command true
    expect 77 --token-command empty
    login --auth XOAUTH2 --token-command 'echo; echo geheim'
    expect 77 empty
    login --auth XOAUTH2 --deadline 1s --token-command 'echo geheim; exec sleep 50'
    expect 77 'in time'
    login --deadline 1s --password-command 'exec >&-; sleep 50' # no output, and no end
    expect 77 'in time'
    assert_connections 0
    for text in geheim 'geheim\n' 'geheim\r\n' 'geheim\nmore\n'; do
        login --auth XOAUTH2 --token-command "printf '$text'"
        expect 0
    done
    login --user me --auth PLAIN --password-command 'printf "geheim\r\n"'
    expect 69 # it was read; but there is no PLAIN here
}

@test "secrets too long for the command line go after 334, through TLS and unseen" {
    local long=$secret
    while [ ${#long} -le 510 ]; do
        long+=$secret
    done
    export SMTPSEND_PASSWORD=$long
    start_server --tls-cert "$cert" --tls-key "$key" --user "me:$long" --token "me:$long" \
        --mechs 'PLAIN LOGIN OAUTHBEARER XOAUTH2'
    start_tap
    for mechanism in PLAIN LOGIN OAUTHBEARER XOAUTH2; do
        tls_send -vv --user me --auth "$mechanism" --token-command "echo '$long'"
        expect 0
        assert_said_no_secret
        grep -qx '> <redacted>' "$BATS_TEST_TMPDIR/output"
    done
    for n in 1 2 3 4; do
        run commands "$n"
        assert_line --regexp '^AUTH [A-Z0-9]+$'
    done
    assert_no_secret "$tap"/*.client
}

@test "passwords beyond ASCII: prepared by RFC 8265, other bytes as they are" {
    local given n=0
    local composed=$'p\xc3\xa4ss w\xc3\xb6rd'
    start_server --user "me:$composed" --auth-in-clear --mechs PLAIN
    # As it is; decomposed; with a no-break space.
    for given in "$composed" $'pa\xcc\x88ss wo\xcc\x88rd' $'p\xc3\xa4ss\xc2\xa0w\xc3\xb6rd'; do
        SMTPSEND_PASSWORD=$given login -vv
        expect 0
        assert_delivered $((n += 1))
        expect_not "$composed" "$(base64_of '\0me\0%s' "$composed")"
    done
    stop_server
    # Latin 1 is not UTF-8.
    start_server --user $'me:p\xe4ss' --auth-in-clear --mechs PLAIN
    SMTPSEND_PASSWORD=$'p\xe4ss' login
    expect 0
}

# at_terminal DO OPTION...: asks for the password at a terminal; see lib/terminal.py.
at_terminal() {
    local act=$1
    shift
    command -v python3 >/dev/null || skip 'no python3'
    run timeout 80 python3 "$BATS_TEST_DIRNAME/lib/terminal.py" "$message" "$act" "$SMTPSEND" \
        --server "127.0.0.1:$port" --user me -f s@example.org "$@" a@example.org
}

@test "the terminal: asked without echo, not shown by -vv either, and echoing again after it" {
    marked_server
    start_tap
    at_terminal "type:$secret\\n" -vv --tls required --tls-ca "$ca"
    assert_line 'echo: off'
    assert_line 'then: on'
    assert_line 'exit: 0'
    assert_line --partial "said: b'Password of me: "
    assert_said_no_secret
    assert_no_secret "$tap"/*.client
    gives_away "$(raw)"
    # A refused one.
    at_terminal "type:x$secret\\n" -vv --tls required --tls-ca "$ca"
    assert_line 'exit: 77'
    assert_said_no_secret
}

@test "the terminal: an interrupted question leaves it as it was, and ends by that signal" {
    local act
    start_server
    for act in 'type:\x03 2' 'type:geheim\x03 2' 'type:\x1c 3' 'signal:2 2' 'signal:15 15' \
        'signal:1 1' 'signal:3 3'; do
        at_terminal "${act% *}" --allow-cleartext-auth
        echo "$act"
        assert_line 'echo: off'
        assert_line 'then: on'
        assert_line "exit: -${act##* }"
        refute_output --partial geheim
    done
    assert_connections 0
}

@test "the terminal: no answer is 77" {
    local act
    start_server
    for act in 'type:\n' 'type:\x04'; do
        at_terminal "$act" --allow-cleartext-auth
        assert_line 'echo: off'
        assert_line 'then: on'
        assert_line 'exit: 77'
        assert_line --partial 'smtpsend: auth: '
    done
    assert_connections 0
}

# A command that prints the first of these tokens in its first run, the next in the next one.
tokens() {
    local n=0 token
    runs=$BATS_TEST_TMPDIR/runs
    rm -f "$runs" "$runs".*
    for token in "$@"; do
        n=$((n + 1))
        printf '%s\n' "$token" >"$runs.$n"
    done
    # shellcheck disable=SC2016 # for the command's shell
    command='echo run >>"$runs"; cat "$runs.$(wc -l <"$runs")"'
    export runs
}

assert_runs() {
    local n
    n=$(wc -l <"$runs")
    [ "$n" -eq "$1" ] || fail "the command ran $n times, not $1. It said: $output"
}

@test "a token that is refused is asked for once more, and no more" {
    local mechanism n
    for mechanism in OAUTHBEARER XOAUTH2; do
        start_server --tls-cert "$cert" --tls-key "$key" --token me:new --mechs "$mechanism"
        tokens new
        tls_send --user me --token-command "$command"
        expect 0
        assert_runs 1

        tokens old new
        tls_send --user me --token-command "$command" -vv
        expect 0 'asking for another'
        assert_runs 2
        run commands 2
        [ "$(grep -c '^AUTH' <<<"$output")" -eq 2 ] || fail "$output"

        tokens old older new
        tls_send --user me --token-command "$command"
        expect 77 'smtpsend: auth: ' '535 5.7.8' 'token of this user'
        assert_runs 2
        run transcript 3
        refute_output --partial 'not the dummy response'
        assert_line 'C: QUIT'
        refute_line --partial MAIL
        stop_server
    done
}

@test "the JSON of the 334 is shown in words" {
    start_server --token me:new --auth-in-clear --mechs OAUTHBEARER
    login --token-command 'echo old'
    expect 77 'refuses authentication (invalid_token, scope https://mail.example.org/): 535 5.7.8'
    expect_not '{' '"status"' eyJ
    stop_server
    start_server --token me:new --auth-in-clear --mechs XOAUTH2
    login --token-command 'echo old'
    expect 77 '(400, scope https://mail.example.org/, schemes bearer): 535 5.7.8'
}

# explained JSON: the server refuses a token and explains why.
explained() {
    # shellcheck disable=SC2059 # a format
    plan '> 220 hi' '< EHLO *' '> 250-localhost' '> 250 AUTH XOAUTH2' '< AUTH XOAUTH2 *' \
        "> 334 $(printf "$1" | base64 -w 0)" '< ' '> 535 5.7.8 no' '< QUIT' '> 221 bye' eof
}

@test "JSON that is none, or hides control bytes: 77, the words escaped" {
    local json
    local odd=('' '{}' 'no json' '{"status":' '{"status":"x' '"status"' '{"status":400}' '\0' '"'
        '{"status":"a","status":"b"}' '[[[[[[[[')
    for json in "${odd[@]}" '{"status":"a\033[31mb\nc","scope":"\377"}' \
        "{\"status\":\"$(printf 'x%.0s' {1..2000})\"}"; do
        explained "$json"
    done
    serve
    printf 'old\n' >"$BATS_TEST_TMPDIR/token"
    chmod 600 "$BATS_TEST_TMPDIR/token"
    for json in "${odd[@]}"; do
        login --token-file "$BATS_TEST_TMPDIR/token"
        echo "'$json'"
        expect 77 'smtpsend: auth: ' '535 5.7.8 no'
    done
    login --token-file "$BATS_TEST_TMPDIR/token"
    expect 77 '(a\x1b[31mb\x0ac, scope \xff)'
    login --token-file "$BATS_TEST_TMPDIR/token"
    expect 77 '535 5.7.8 no'
    [ "${#output}" -lt 1000 ]
    assert_followed_scripts
}

@test "what does not say that the token is old: no second run" {
    start_server --token me:new --auth-in-clear --mechs XOAUTH2 \
        --reply 'auth=454 4.7.0 database down'
    tokens old new
    login --token-command "$command"
    expect 75 '454 4.7.0'
    assert_runs 1
    stop_server
    # The session is over.
    start_server --token me:new --auth-in-clear --mechs XOAUTH2 --reply 'auth=421 4.3.2 bye'
    tokens old new
    login --token-command "$command"
    expect 75 '421 4.3.2'
    assert_runs 1
    stop_server
    # Not this way: the other mechanism, with the same token.
    start_server --token me:new --auth-in-clear --mechs 'OAUTHBEARER XOAUTH2' \
        --reply 'auth:1=504 5.5.4 what?'
    tokens new newer
    login --token-command "$command"
    expect 0
    assert_runs 1
}

@test "a refused token leads to no other mechanism, neither with it nor with a password" {
    export SMTPSEND_PASSWORD=geheim
    start_server --user me:geheim --token me:new --auth-in-clear \
        --mechs 'OAUTHBEARER XOAUTH2 PLAIN LOGIN'
    tokens old older new
    login --token-command "$command"
    expect 77 535
    assert_runs 2
    run commands
    refute_line --regexp '^AUTH (XOAUTH2|PLAIN|LOGIN)'
    assert_delivered 0
}

@test "the command fails when asked once more: 77 with its words; a file is not read again" {
    start_server --token me:new --auth-in-clear --mechs 'XOAUTH2 OAUTHBEARER'
    tokens old
    login --token-command "$command"
    expect 77 'smtpsend: auth: ' --token-command 'No such file'
    assert_runs 2
    assert_dialogue QUIT
    printf 'old\n' >"$BATS_TEST_TMPDIR/token"
    chmod 600 "$BATS_TEST_TMPDIR/token"
    login --token-file "$BATS_TEST_TMPDIR/token"
    expect 77 535
    run commands 2
    [ "$(grep -c '^AUTH' <<<"$output")" -eq 1 ] || fail "$output"
    # 535 at once, without an explanation.
    stop_server
    start_server --token me:new --auth-in-clear --mechs XOAUTH2 --reply 'auth=535 5.7.8 no'
    tokens old new newer
    login --token-command "$command"
    expect 77 '535 5.7.8 no'
    assert_runs 2
}
