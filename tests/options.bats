#!/usr/bin/env bats
# options.bats: the table of options (src/conf/options.def) against all that has to agree with it:
# the program, its manuals, config keys, environment names, completions.
# not under sanitizers: it is about the manual and the tables
# shellcheck disable=SC2154 # what lib/common.bash sets

load lib/common

prepare() {
    table=$BATS_TEST_DIRNAME/../src/conf/options.def
    manual=$BATS_TEST_DIRNAME/../man/smtpsend.1
    manual5=$BATS_TEST_DIRNAME/../man/smtpsend.conf.5
}

# rows MACRO: "NAME LETTER KIND ARGUMENT" of each row, "-" for what it does not have.
rows() {
    sed -n "s/^$1([a-z0-9_]*, \"\([a-z-]*\)\", \('\(.\)'\|0\), \([A-Z]*\), \"\([^\"]*\)\".*/\1 \3 \4 \5/p" \
        "$table" | awk -v FS=' ' '{ if ($0 ~ /^ /) print "-" $0; else print }'
}

names() {
    rows "$1" | sed -n 's/^\([a-z][a-z-]*\).*/\1/p'
}

# A value that an option of this kind takes.
value_for() {
    case $1 in
    tls-min) echo 1.2 ;;
    tls) echo off ;;
    port) echo 25 ;;
    server) echo 127.0.0.1 ;;
    tls-pin) echo "sha256:$(printf '%064d' 0)" ;;
    chunking | pipelining) echo off ;;
    connect-timeout | timeout | deadline | hold-for) echo 5m ;;
    hold-until) echo 2030-01-01T00:00:00Z ;;
    deliver-by) echo 1h ;;
    priority) echo 1 ;;
    send-buffer | receive-buffer) echo 65536 ;;
    auth) echo auto ;;
    helo | domain | tls-name) echo a.example ;;
    from) echo a@example.org ;;
    user | authzid | account) echo me ;;
    *-file | *-command | tls-ca | tls-crl | tls-cert | tls-key | netrc | aliases) echo /nonexistent ;;
    tls-priority) echo NORMAL ;;
    queue) echo never ;;
    queue-dir) echo /nonexistent ;;
    queue-lifetime) echo 5d ;;
    postmaster) echo a@example.org ;;
    *) echo yes ;;
    esac
}

@test "the table can be read here, and has what it has to" {
    [ "$(names SETTING | wc -l)" -ge 40 ]
    [ "$(names OPTION | wc -l)" -ge 4 ]
    [ "$(rows LETTER | wc -l)" -ge 25 ]
    assert_equal "$(names SETTING | sort | uniq -d)" ''
    # No row is written so that this file does not see it.
    assert_equal "$(grep -cE '^(SETTING|OPTION|LETTER)\(' "$table")" \
        "$({ rows SETTING; rows OPTION; rows LETTER; } | wc -l)"
}

@test "the manual has each long option and each letter, and no others" {
    local option
    for option in $(names SETTING) $(names OPTION); do
        grep -qE "^\.It .*Fl -$option( |\$)" "$manual" || fail "--$option is not in the manual"
    done
    while IFS= read -r option; do
        { names SETTING; names OPTION; } | grep -qx -- "$option" || fail "there is no --$option"
    done < <(grep -oE '^\.It .*Fl -[a-z-]+.*' "$manual" | grep -oE -- '-[a-z][a-z0-9-]+' |
        sed 's/^-//' | sort -u)
    for option in $({ rows OPTION; rows LETTER; } | awk '$1 == "-" { print $2 }'); do
        grep -qE "Fl ([A-Za-z0-9]+ )*$option([a-z]| |\$)" "$manual" || fail "-$option is not in the manual"
    done
}

@test "each setting is a config key, and smtpsend.conf(5) has it; acts are not" {
    local name
    for name in $(names SETTING); do
        printf '%s = %s\n' "$name" "$(value_for "$name")" >"$BATS_TEST_TMPDIR/config"
        [ "$name" != account ] || echo '[account me]' >>"$BATS_TEST_TMPDIR/config"
        smtpsend -C "$BATS_TEST_TMPDIR/config" --dry-run -f s@example.org x@example.org <"$message"
        [[ $output != *unknown* ]] || fail "$name: $output"
        case $name in
        authzid | auth | netrc | hold-for | hold-until | quiet) ;;
        *) expect 0 "$name = " ;;
        esac
        grep -qE "^\.It Ic $name( |\$)" "$manual5" || grep -qE "Ic (.* )?$name( |\$)" "$manual5" ||
            fail "$name is not in smtpsend.conf(5)"
    done
    for name in $(names OPTION); do
        printf '%s = yes\n' "$name" >"$BATS_TEST_TMPDIR/config"
        smtpsend -C "$BATS_TEST_TMPDIR/config" --dry-run -f s@example.org x@example.org <"$message"
        expect 78 "config:1: $name"
    done
}

@test "each setting is an environment name; acts are not" {
    local name variable
    for name in $(names SETTING); do
        variable=SMTPSEND_$(tr a-z- A-Z_ <<<"$name")
        [ "$name" != account ] || continue
        run env "$variable=$(value_for "$name")" timeout 60 "$SMTPSEND" -C /dev/null --dry-run \
            -f s@example.org x@example.org <"$message"
        case $name in
        authzid | auth | netrc | quiet | from) ;;
        *) expect 0 "$name = " "($variable)" ;;
        esac
    done
    for name in $(names OPTION); do
        run env "SMTPSEND_$(tr a-z- A-Z_ <<<"$name")=yes" timeout 60 "$SMTPSEND" -C /dev/null \
            --server 127.0.0.1:1 -f s@example.org x@example.org <"$message"
        expect 75
    done
}

@test "each long option and each own letter is completed in bash, zsh and fish" {
    local name folder
    folder=$(dirname "$SMTPSEND")/completions
    for name in $(names SETTING) $(names OPTION); do
        grep -qE -- "--$name([^a-z-]|\$)" "$folder/smtpsend.bash" || fail "bash: --$name"
        grep -qE -- "--$name([^a-z-]|\$)" "$folder/_smtpsend" || fail "zsh: --$name"
        grep -qE -- "-l '?$name'?( |\$)" "$folder/smtpsend.fish" || fail "fish: --$name"
    done
}

@test "sendmail's letters are what sendmail takes, our own are not" {
    local letter kind
    ln -s "$SMTPSEND" "$BATS_TEST_TMPDIR/sendmail"
    export SMTPSEND_SERVER=127.0.0.1:1 SMTPSEND_QUEUE=never
    while read -r _ letter kind _; do
        case $letter$kind in
        bATTACHED) continue ;;
        ISWITCH) want=0 ;;
        qATTACHED) want=64 ;; # it takes no recipients
        NTEXT | RTEXT) want=64 ;; # 'x' is none of theirs
        *) want=75 ;;
        esac
        case $kind in
        TEXT | LIST) words=("-$letter" x@example.org) ;;
        *) words=("-$letter") ;;
        esac
        run timeout 60 "$BATS_TEST_TMPDIR/sendmail" "${words[@]}" a@example.org <"$message"
        expect "$want"
        [[ $output != *'unknown option'* ]] || fail "$output"
    done < <(rows LETTER)
    for letter in $(rows OPTION | awk '$1 == "-" { print $2 }'); do
        run timeout 60 "$BATS_TEST_TMPDIR/sendmail" "-$letter" a@example.org <"$message"
        expect 64 'unknown option'
    done
}
