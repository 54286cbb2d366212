#!/usr/bin/env bats
# What the shells complete after "smtpsend": the files that the build makes from the table of
# options, asked in the shells themselves.
# not under sanitizers: it is about shells
load lib/common

prepare() {
    cd "$BATS_TEST_TMPDIR" || return
    completions=$(dirname "$SMTPSEND")/completions
    generator=$BATS_TEST_DIRNAME/../contrib/completions.awk
    export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
    mkdir -p "$XDG_CONFIG_HOME/smtpsend" files
    printf '%s\n' 'user = ann' '[account home]' 'port = 25' ' [ account  work ] ' \
        '# [account none]' >"$XDG_CONFIG_HOME/smtpsend/smtpsend.conf"
    echo '[account other]' >files/other.conf
}

# Every option that --help shows, one a line.
options_of_help() {
    "$SMTPSEND" --help | sed -n '/^  [A-Z]/,/^$/p' |
        grep -oE '(^|[ ,])(--[a-z0-9][a-z0-9-]*|-[A-Za-z0-9])' | tr -d ' ,' | sort -u
}

# A table of options with all that a row can be.
made_up_table() {
    cat <<'TABLE'
/* OPTION(field, name, letter, kind, argument, group) */
SETTING(server, "server", 0, TEXT, "S", "Where to")
OPTION(config, "config", 'C', TEXT, "FILE", "Configuration")
SETTING(account, "account", 0, TEXT, "NAME", "Configuration")
OPTION(account, "", 'a', TEXT, "NAME", "Configuration")
SETTING(user, "user", 0, TEXT, "NAME", "Who")
SETTING(tls, "tls", 0, CHOICE, "required|off", "Where to")
SETTING(auth, "auth", 0, TEXT, "auto|off|LIST", "Who")
SETTING(netrc, "netrc", 0, OPTIONAL, "FILE", "Who")
SETTING(rate, "rate", 0, TEXT, "N/s|m|h", "Who")
SETTING(queue_dir, "queue-dir", 0, TEXT, "DIR", "Queue")
SETTING(token_command, "token-command", 0, TEXT, "CMD", "Who")
SETTING(attach, "attach", 0, LIST, "FILE[;type=T]", "Who")
SETTING(stream, "stream", 0, SWITCH, "", "Message")
SETTING(a_long_one, "a-long-one",
        0, DURATION, "DUR", "Where to")
OPTION(verbose, "", 'v', COUNT, "", "What it says")
LETTER(queue_run, "", 'q', ATTACHED, "DUR", "Queue")
LETTER(log_traffic, "", 'X', TEXT, "FILE", "")
LETTER(mode, "", 'b', ATTACHED, "m|s", "")
TABLE
}

# made_up SHELL FILE
made_up() {
    made_up_table | awk -v shell="$1" -v sysconfdir="$BATS_TEST_TMPDIR/none" -f "$generator" >"$2"
}

# complete_in_bash FILE WORD...: what is offered for the last word, one a line. An '=' is a word
# of its own, as it is for readline.
complete_in_bash() {
    bash --norc -c '
        . "$1"
        shift
        COMP_WORDS=(smtpsend "$@") COMP_CWORD=$#
        _smtpsend
        printf "%s\n" "${COMPREPLY[@]}"
    ' bash "$@" | sort -u
}

# complete_in_zsh FOLDER LINE, complete_in_fish FILE LINE: the same for the last word of LINE.
complete_in_zsh() {
    timeout 60 zsh -f "$BATS_TEST_DIRNAME/lib/complete.zsh" "$@" | tr -d '\r' |
        sed -n '/smtpsend /,/smtpsend /{/smtpsend /d; s/ -- .*//; p;}' | tr -s ' ' '\n' |
        grep . | sort -u
}

complete_in_fish() {
    # shellcheck disable=SC2016 # fish's dollars
    fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' -- "$@" 3>&- 4>&- |
        cut -f1 | grep -v '=$' | sort -u
}

needs_shell() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

# offers LINE...: what was offered is just that.
offers() {
    [ "$output" = "$(printf '%s\n' "$@" | sort -u)" ] || fail "offered: $output"
}

@test "completions: every row with a group is in --help, and --help has no others" {
    run complete_in_bash "$completions/smtpsend.bash" -
    [ "$(options_of_help | wc -l)" -gt 50 ]
    mapfile -t options < <(options_of_help)
    offers "${options[@]}"
}

@test "completions: bash offers what a row's value can be" {
    bash=$BATS_TEST_TMPDIR/smtpsend.bash
    made_up bash "$bash"
    run complete_in_bash "$bash" --
    offers --server --config --account --user --tls --auth --netrc --rate --queue-dir --token-command \
        --attach --stream --a-long-one
    run complete_in_bash "$bash" -
    assert_line -- -C
    assert_line -- -a
    assert_line -- -q
    refute_line -- -X
    refute_line -- -b
    run complete_in_bash "$bash" --tls ''
    offers required off
    run complete_in_bash "$bash" --tls = of
    offers off
    run complete_in_bash "$bash" --tls =
    offers required off
    run complete_in_bash "$bash" --auth ''
    offers auto off
    run complete_in_bash "$bash" --stream =
    offers yes no
    for option in --stream --rate --server; do
        run complete_in_bash "$bash" $option ''
        offers ''
    done
    run complete_in_bash "$bash" -C fil
    offers files
    run complete_in_bash "$bash" --netrc = files/
    offers files/other.conf
    run complete_in_bash "$bash" --attach files/o
    offers files/other.conf
    touch afile
    mkdir afolder
    run complete_in_bash "$bash" --queue-dir af
    offers afolder
    run complete_in_bash "$bash" --token-command printen
    offers printenv
    run complete_in_bash "$bash" -- -
    offers ''
}

@test "completions: bash offers the accounts of the configuration that counts" {
    bash=$BATS_TEST_TMPDIR/smtpsend.bash
    made_up bash "$bash"
    run complete_in_bash "$bash" -a ''
    offers home work
    run complete_in_bash "$bash" --account = h
    offers home
    run complete_in_bash "$bash" -C files/other.conf --account ''
    offers other
    run complete_in_bash "$bash" --config = files/other.conf --account ''
    offers other
    # shellcheck disable=SC2088 # the tilde is for the completion
    HOME=$BATS_TEST_TMPDIR run complete_in_bash "$bash" --config '~/files/other.conf' -a ''
    offers other
    run complete_in_bash "$bash" -C /nowhere --account ''
    offers ''
}

@test "completions: zsh offers the same" {
    needs_shell zsh
    mapfile -t options < <(options_of_help)
    run complete_in_zsh "$completions" 'smtpsend -'
    offers "${options[@]}"
    mkdir zsh
    made_up zsh zsh/_smtpsend
    run complete_in_zsh zsh 'smtpsend -'
    offers --server --config -C --account -a --user --tls --auth --netrc --rate --queue-dir \
        --token-command --attach --stream --a-long-one -v -q
    run complete_in_zsh zsh 'smtpsend --tls '
    offers required off
    run complete_in_zsh zsh 'smtpsend --tls='
    offers required off
    touch files/second.conf
    run complete_in_zsh zsh 'smtpsend -C files/'
    offers other.conf second.conf
    mkdir afolder
    run complete_in_zsh zsh 'smtpsend --queue-dir a'
    offers afolder/
    run complete_in_zsh zsh 'smtpsend --token-command printen'
    offers printenv
    run complete_in_zsh zsh 'smtpsend -a '
    offers home work
    run complete_in_zsh zsh 'smtpsend -C files/other.conf --account='
    offers other
}

@test "completions: fish offers the same" {
    needs_shell fish
    mapfile -t options < <(options_of_help)
    run complete_in_fish "$completions/smtpsend.fish" 'smtpsend -'
    offers "${options[@]}"
    made_up fish smtpsend.fish
    run complete_in_fish smtpsend.fish 'smtpsend -'
    offers --server --config -C --account -a --user --tls --auth --netrc --rate --queue-dir \
        --token-command --attach --stream --a-long-one -v -q
    run complete_in_fish smtpsend.fish 'smtpsend --tls '
    offers required off
    run complete_in_fish smtpsend.fish 'smtpsend --tls=o'
    offers --tls=off
    run complete_in_fish smtpsend.fish 'smtpsend -C files/'
    offers files/other.conf
    mkdir afolder
    touch afile
    run complete_in_fish smtpsend.fish 'smtpsend --queue-dir a'
    offers afolder/
    run complete_in_fish smtpsend.fish 'smtpsend --netrc=files/'
    offers --netrc=files/other.conf
    run complete_in_fish smtpsend.fish 'smtpsend --queue-dir=a'
    offers --queue-dir=afolder/
    run complete_in_fish smtpsend.fish 'smtpsend --stream='
    offers --stream=no --stream=yes
    run complete_in_fish smtpsend.fish 'smtpsend --token-command printen'
    offers printenv
    run complete_in_fish smtpsend.fish 'smtpsend -a '
    offers home work
    run complete_in_fish smtpsend.fish 'smtpsend -C files/other.conf --account '
    offers other
    run complete_in_fish smtpsend.fish 'smtpsend '
    offers ''
}

@test "completions: a table that isn't understood stops the build" {
    for row in 'OPTION(server, "server")' 'OPTION(a, "b", 0, TEXT, "S", nothing)' ''; do
        run awk -v shell=bash -v sysconfdir=/etc -f "$generator" <<<"$row"
        assert_failure 1
        assert_output --partial 'completions.awk: '
    done
}
