# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here for the suites, and set by bats and common.bash
# secrets.bash: a marked password, the places it can come from, and finding it where it must not
# be; on top of common.bash.

# Sets $secret: not exported, or it would be in the environment of all that a test starts.
know_secret() {
    secret=$(<"$stash/secret")
}

# The parts of TEXT that are N long, one a line.
parts() {
    local n=$1 text=$2 i
    for ((i = 0; i + n <= ${#text}; i++)); do
        printf '%s\n' "${text:i:n}"
    done
}

# The base64 of the secret with $1 bytes before it and some behind it, without the characters
# that depend on these.
inner_base64() {
    local coded
    coded=$(base64_of "%.$1s%s" xx "$secret")
    coded=${coded%=*}
    printf '%s' "${coded:4:${#coded}-8}"
}

# Makes a secret in $stash/secret, and $needles: a file with the parts of it, of its base64 at
# each alignment and of its hex digits that give it away. $stash has it in files of each kind. For
# setup_file.
make_secret() {
    local hex n secret
    secret=$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 30)
    export needles=$BATS_FILE_TMPDIR/needles stash=$BATS_FILE_TMPDIR/stash
    hex=$(printf '%s' "$secret" | od -An -v -tx1 | tr -d ' \n')
    {
        parts 12 "$secret"
        for n in 0 1 2; do
            parts 12 "$(inner_base64 $n)"
        done
        parts 18 "$hex"
        parts 18 "${hex^^}"
    } | sort -u >"$needles"
    (
        umask 077
        mkdir -p "$stash/credentials"
        printf '%s\n' "$secret" >"$stash/secret"
        cp "$stash/secret" "$stash/credentials/smtpsend.password"
        printf 'machine 127.0.0.1 login me password %s\n' "$secret" >"$stash/netrc"
        mkdir "$stash/token"
        cp "$stash/secret" "$stash/token/smtpsend.token"
    )
}

# All places but the terminal: passwords, tokens.
password_sources=(file command environment netrc credential)
token_sources=(token-file token-command token-credential)

# take_from SOURCE: sets $options, and the environment, so that the secret comes from there.
take_from() {
    unset SMTPSEND_PASSWORD CREDENTIALS_DIRECTORY
    options=(--user me)
    case $1 in
    file) options+=(--password-file "$stash/secret") ;;
    command) options+=(--password-command "cat '$stash/secret'") ;;
    environment) export SMTPSEND_PASSWORD=$secret ;;
    netrc) options+=(--netrc="$stash/netrc") ;;
    credential) export CREDENTIALS_DIRECTORY=$stash/credentials ;;
    token-file) options+=(--token-file "$stash/secret") ;;
    token-command) options+=(--token-command "cat '$stash/secret'") ;;
    token-credential) export CREDENTIALS_DIRECTORY=$stash/token ;;
    *) fail "no source '$1'" ;;
    esac
    case $1 in
    token-*) options+=(--auth 'OAUTHBEARER,XOAUTH2') ;;
    esac
}

# The secret, or a good part of it in any form, is in the file.
gives_away() {
    LC_ALL=C grep -aqFf "$needles" "$1"
}

# assert_no_secret FILE...: in none of them.
assert_no_secret() {
    local file
    for file in "$@"; do
        [ -e "$file" ] || fail "there is no '$file' to look into"
        ! gives_away "$file" || fail "the secret is in $file"
    done
}

# What the last run said had none of it.
assert_said_no_secret() {
    printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/output"
    assert_no_secret "$BATS_TEST_TMPDIR/output"
}

# hold STAGE OPTION...: starts the program in the background ($client) in a folder of its own
# ($home), its outputs in $said, and comes back when the server, started with `--at STAGE=hang`,
# has seen it come to that stage.
hold() {
    local stage=$1 n=0 before
    shift
    before=$(count_connections)
    home=$BATS_TEST_TMPDIR/home$before said=$BATS_TEST_TMPDIR/said$before
    mkdir "$home"
    (
        cd "$home" || exit
        ulimit -S -c "$(ulimit -H -c)"
        exec "${runner[@]}" "$SMTPSEND" --server "127.0.0.1:$port" -f s@example.org --deadline 60s \
            "$@" a@example.org
    ) <"$message" >"$said" 2>&1 3>&- 4>&- &
    client=$!
    clients+=("$client")
    until grep -qsi "^C: $stage" "$dir/log/$((before + 1))"; do
        kill -0 "$client" 2>/dev/null || fail "it did not come to $stage: $(cat "$said")"
        [ $((n += 1)) -lt 1000 ] || fail "it never came to $stage"
        sleep 0.01
    done
}

# Ends the program that `hold` started, by a signal.
let_go() {
    kill "-${1:-TERM}" "$client"
    wait "$client" 2>/dev/null || true
}
