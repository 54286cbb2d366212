# shellcheck shell=bash
# shellcheck disable=SC2034 # set here for the suites
# What the suites against the servers of realservers.bash and otherservers.bash share. A server
# SERVER has its folder in $S/SERVER; $S/SERVER.missing says why it is not there.

# --tls-priority for TLS 1.2, which is not taken where both sides have 1.3.
tls12=NORMAL:-VERS-TLS1.3

# The file message, which only this test sends.
write_message() {
    printf '%s\n' 'From: Sender <sender@example.org>' 'Subject: a short one' \
        'Date: Wed, 1 Jan 2025 12:00:00 +0000' \
        "Message-ID: <$BATS_TEST_NUMBER@example.org>" '' \
        'Hello.' . ..two '' $'gr\303\274\303\237e' >message
}

# with SERVER: skips, or sets D, its folder, and its ports.
with() {
    [ ! -s "$S/$1.missing" ] || skip "$(cat "$S/$1.missing")"
    D=$S/$1
    port='' tls_port=''
    # shellcheck source=/dev/null
    . "$D/$1.env"
}

# attempt PORT OPTION|RECIPIENT...: sends standard input.
attempt() {
    local server=localhost:$1
    shift
    run timeout 100 "$SMTPSEND" -v --server "$server" --tls-ca "$D/tls/ca.pem" \
        -f sender@example.org "$@"
}

# submit USER PORT OPTION|RECIPIENT...: as USER, with USER's password.
submit() {
    local user=$1 port=$2
    shift 2
    (umask 077 && echo "s3cret $user" >password)
    attempt "$port" --user "$user" --password-file password "$@"
}

# received USER: USER has this message, and no other one.
received() {
    local arrived
    if [ -e "$D/sink" ]; then
        relayed "$1@example.org"
        return
    fi
    arrived=$(arrived "$D" "$1")
    same_message message "$arrived"
}

# relayed RECIPIENT: the sink of Dovecot has this message for RECIPIENT alone, once.
relayed() {
    local file found=
    for file in "$D"/sink/new/*; do
        if grep -q "^Message-ID: <$BATS_TEST_NUMBER@example.org>" "$file" &&
            grep -qx "RCPT TO:<$1>" "$D/sink/envelope/${file##*/}"; then
            assert [ -z "$found" ]
            found=$file
        fi
    done
    assert [ -n "$found" ]
    tr -d '\r' <"$found" >relayed
    same_message message relayed
    run grep '^RCPT' "$D/sink/envelope/${found##*/}"
    assert_output "RCPT TO:<$1>"
}

# logged FILE PATTERN: a line of the server's log has it; waited for, since a server may write
# it after its reply.
logged() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        ! grep -q -e "$2" "$1" || return 0
        sleep 0.05
    done
    tail -n 20 "$1"
    fail "'$2' is not in $1"
}

# SERVER_saw MECHANISM USER [VERSION]: it authenticated USER so, over that version of TLS.

exim_saw() {
    local name=${1,,}
    logged "$D/root/spool/log/mainlog" " <= .* X=TLS${3-1\..}:.* A=${name//-/_}:$2 "
}

# It does not tell the mechanism.
opensmtpd_saw() {
    logged "$D/opensmtpd.out" " smtp authentication user=$2 result=ok"
    logged "$(arrived "$D" "$2")" "with ESMTPSA id .* (TLSv${3-1\..}:"
}

submission_saw() {
    logged "$D/dovecot.log" "Login: user=<$2>, method=$1, .* TLSv${3-1\..} with"
}

cyrus_saw() {
    logged "$D/postfix.log" "sasl_method=$1, sasl_username=$2@example.org"
    logged "$(arrived "$D" "$2")" "using TLSv${3-1\..} with"
}
