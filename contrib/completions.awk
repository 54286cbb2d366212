# completions.awk: what a shell offers after "smtpsend", made from the one table of options.
#
#   awk -v shell=bash|zsh|fish -v sysconfdir=/etc -f completions.awk src/conf/options.def
#
# Every row becomes an option, but not those without a group: they are for sendmail's callers.
# Values: FILE and DIR complete to files and folders, CMD to commands, an ARGUMENT that begins
# with a word ("auto|off|LIST") to its words, and an account to the names in the file that the
# command line names, else in the usual ones (not in what they include).

function fail(text) {
    print "completions.awk: " text | "cat >&2"
    failed = 1
    exit 1
}

function without_comments(text,    out, end) {
    while ((end = index(text, "/*"))) {
        out = out substr(text, 1, end - 1)
        text = substr(text, end + 2)
        text = substr(text, index(text, "*/") + 2)
    }
    return out text
}

# MACRO(field, "name", 'x', KIND, "ARGUMENT", "group"): whatever the macro is.
function read_rows(text,    row, quoted, plain, text_pattern, row_pattern) {
    text_pattern = "[ \n]*\"[^\"]*\""
    row_pattern = "^[^\",]*," text_pattern ",[^\",]*,[ \n]*[A-Z]+," text_pattern "," \
        text_pattern "[)]"
    while (match(text, /[A-Z]+\(/)) {
        text = substr(text, RSTART + RLENGTH)
        if (!match(text, row_pattern))
            fail("not a row: " substr(text, 1, 60))
        row = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        split(row, quoted, "\"")
        split(quoted[3], plain, ",")
        if (quoted[6] == "")
            continue
        rows++
        field[rows] = quoted[1]
        sub(/,.*/, "", field[rows])
        name[rows] = quoted[2]
        letter[rows] = match(plain[2], /'.'/) ? substr(plain[2], RSTART + 1, 1) : ""
        kind[rows] = plain[3]
        gsub(/[ \n]/, "", kind[rows])
        argument[rows] = quoted[4]
    }
    if (!rows)
        fail("no rows")
}

# How a row's value is given: "no", "apart" (a word of its own, or after '='), "attached" (only
# in the same word, and it may be left out).
function takes(row) {
    if (kind[row] == "OPTIONAL" || kind[row] == "ATTACHED")
        return "attached"
    if (kind[row] == "SWITCH")
        return name[row] == "" ? "no" : "attached"
    return kind[row] == "COUNT" ? "no" : "apart"
}

# "auto|off|LIST": auto off
function words(text,    parts, n, i, out) {
    n = split(text, parts, /[|,]/)
    for (i = 1; i <= n && (i > 1 || parts[1] ~ /^[a-z0-9]/); i++)
        if (parts[i] ~ /^[a-z0-9][a-z0-9.+-]*$/)
            out = out (out == "" ? "" : " ") parts[i]
    return out
}

# What a value completes to: "files", "folders", "commands", "accounts", "words", "nothing".
function completes_to(row) {
    if (field[row] == "account")
        return "accounts"
    if (argument[row] ~ /^FILE/)
        return "files"
    if (argument[row] ~ /^DIR/)
        return "folders"
    if (argument[row] == "CMD")
        return "commands"
    return value_words(row) == "" ? "nothing" : "words"
}

function value_words(row) {
    return kind[row] == "SWITCH" ? "yes no" : words(argument[row])
}

function shell_quoted(text) {
    gsub(/'/, "'\\''", text)
    return "'" text "'"
}

# The sed command that takes the names of accounts out of configuration files.
function account_names() {
    return "sed -n 's/^[[:blank:]]*\\[[[:blank:]]*account[[:blank:]]\\{1,\\}" \
        "\\(.*[^[:blank:]]\\)[[:blank:]]*\\].*/\\1/p'"
}

function heading(first) {
    if (first)
        print first
    print "# What " shell " completes for smtpsend. Made by contrib/completions.awk."
}

# ---- bash ----

# The words after which this row's value comes; for what is typed as --tls=off, that is --tls=.
function bash_pattern(row,    out) {
    if (takes(row) == "apart") {
        if (letter[row] != "")
            out = "-" letter[row]
        if (name[row] != "")
            out = out (out == "" ? "" : " | ") "--" name[row]
    }
    if (name[row] != "")
        out = out (out == "" ? "" : " | ") "--" name[row] "="
    return out
}

function bash_options(    row, line, out, item) {
    line = "       "
    for (row = 1; row <= rows; row++) {
        item = letter[row] == "" ? "" : " -" letter[row]
        item = item (name[row] == "" ? "" : " --" name[row])
        if (length(line item) > 90) {
            out = out line "\n"
            line = "       "
        }
        line = line item
    }
    return out line
}

function bash_values(    row, what, pattern) {
    for (row = 1; row <= rows; row++) {
        pattern = bash_pattern(row)
        if (takes(row) == "no" || pattern == "")
            continue
        what = completes_to(row)
        printf "    %s) ", pattern
        if (what == "files")
            print "_smtpsend_offer -o filenames -f ;;"
        else if (what == "folders")
            print "_smtpsend_offer -o filenames -d ;;"
        else if (what == "commands")
            print "_smtpsend_offer -c ;;"
        else if (what == "accounts")
            print "_smtpsend_offer -W \"$(_smtpsend_accounts)\" ;;"
        else if (what == "words")
            print "_smtpsend_offer -W '" value_words(row) "' ;;"
        else
            print ";;"
    }
}

function bash() {
    heading("# shellcheck shell=bash")
    print "\n_smtpsend_accounts() {"
    print "    local i value files=(" sysconfdir "/smtpsend.conf"
    print "        \"${XDG_CONFIG_HOME:-$HOME/.config}/smtpsend/smtpsend.conf\")"
    print "    for ((i = 1; i < COMP_CWORD; i++)); do"
    print "        value=$((i + 1))"
    print "        [[ ${COMP_WORDS[value]} != '=' ]] || value=$((i + 2))"
    print "        case ${COMP_WORDS[i]} in"
    print "        -C | --config) files=(\"${COMP_WORDS[value]/#\\~\\//$HOME/}\") ;;"
    print "        esac"
    print "    done"
    print "    " account_names() " \"${files[@]}\" 2>/dev/null"
    print "}\n"
    print "# As compgen is called, with the word that is there so far in $current."
    print "_smtpsend_offer() {"
    print "    if [[ $1 == -o ]]; then"
    print "        compopt -o \"$2\" 2>/dev/null"
    print "        shift 2"
    print "    fi"
    print "    mapfile -t COMPREPLY < <(compgen \"$@\" -- \"$current\")"
    print "}\n"
    print "_smtpsend() {"
    print "    local word current=${COMP_WORDS[COMP_CWORD]}"
    print "    local before=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    COMPREPLY=()"
    print "    # After \"--\" there are recipients only."
    print "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do"
    print "        [[ $word != -- ]] || return 0"
    print "    done"
    print "    # --tls=off comes as three words."
    print "    if [[ $current == '=' ]]; then"
    print "        before+='=' current=''"
    print "    elif [[ $before == '=' ]]; then"
    print "        before=${COMP_WORDS[COMP_CWORD - 2]}="
    print "    fi"
    print "    case $before in"
    bash_values()
    print "    *) [[ $current != -* ]] || _smtpsend_offer -W '\n" bash_options() "' ;;"
    print "    esac"
    print "}\n"
    print "complete -F _smtpsend smtpsend"
}

# ---- zsh ----

function zsh_action(row,    what) {
    what = completes_to(row)
    if (what == "files")
        return "_files"
    if (what == "folders")
        return "_files -/"
    if (what == "commands")
        return "_command_names -e"
    if (what == "accounts")
        return "_smtpsend_accounts"
    return what == "words" ? "(" value_words(row) ")" : " "
}

# A specification as _arguments has it, for the option FLAG.
function zsh_spec(row, flag, joint,    spec, shown, message) {
    shown = message = argument[row] == "" && kind[row] == "SWITCH" ? "yes or no" : argument[row]
    gsub(/[][]/, "\\\\&", shown)
    gsub(/:/, "\\:", message)
    if (kind[row] == "LIST" || kind[row] == "COUNT")
        spec = "*"
    else if (name[row] != "" && letter[row] != "")
        spec = "(-" letter[row] " --" name[row] ")"
    spec = spec flag
    if (takes(row) != "no")
        spec = spec (takes(row) == "apart" ? joint : joint == "=" ? "=-" : "-")
    if (argument[row] != "")
        spec = spec "[" shown "]"
    if (takes(row) != "no")
        spec = spec (takes(row) == "apart" ? ":" : "::") message ":" zsh_action(row)
    return "        " shell_quoted(spec) " \\"
}

function zsh(    row) {
    heading("#compdef smtpsend")
    print "\n_smtpsend_accounts() {"
    print "    local -a files names"
    print "    files=(" sysconfdir "/smtpsend.conf" \
        " ${XDG_CONFIG_HOME:-$HOME/.config}/smtpsend/smtpsend.conf)"
    print "    local named=${opt_args[-C]:-${opt_args[--config]}}"
    print "    [[ -z $named ]] || files=(${~named})"
    print "    names=(${(f)\"$(" account_names() " $files 2>/dev/null)\"})"
    print "    compadd -a names"
    print "}\n"
    print "_smtpsend() {"
    print "    _arguments -s -S \\"
    for (row = 1; row <= rows; row++) {
        if (letter[row] != "")
            print zsh_spec(row, "-" letter[row], "+")
        if (name[row] != "")
            print zsh_spec(row, "--" name[row], "=")
    }
    print "        '*:recipient:_email_addresses'"
    print "}\n"
    print "_smtpsend \"$@\""
}

# ---- fish ----

function fish_value(row,    what) {
    what = completes_to(row)
    if (takes(row) == "no")
        return ""
    if (what == "files" && takes(row) == "apart")
        return " -r -F"
    return (takes(row) == "apart" ? " -x" : "") fish_list(row, what)
}

function fish_list(row, what) {
    if (what == "files")
        return " -a '(__fish_complete_path (__smtpsend_value))'"
    if (what == "folders")
        return " -a '(__fish_complete_directories (__smtpsend_value))'"
    if (what == "commands")
        return " -a '(__fish_complete_command)'"
    if (what == "accounts")
        return " -a '(__smtpsend_accounts)'"
    return what == "words" ? " -a '" value_words(row) "'" : ""
}

function fish(    row) {
    heading()
    print "\nfunction __smtpsend_accounts"
    print "    set -l config $XDG_CONFIG_HOME"
    print "    test -n \"$config\"; or set config ~/.config"
    print "    set -l files " sysconfdir "/smtpsend.conf $config/smtpsend/smtpsend.conf"
    print "    set -l words (commandline -opc)"
    print "    for i in (seq (count $words))"
    print "        switch $words[$i]"
    print "            case -C --config"
    print "                set files $words[(math $i + 1)]"
    print "            case '--config=*'"
    print "                set files (string replace -- --config= '' $words[$i])"
    print "        end"
    print "    end"
    print "    " account_names() " (string replace -r -- '^~/' ~/ $files) 2>/dev/null"
    print "end\n"
    print "# What is there so far of the value in --option=VALUE, or of a word."
    print "function __smtpsend_value"
    print "    string replace -r -- '^--[^=]*=' '' (commandline -ct)"
    print "end\n"
    print "complete -c smtpsend -f"
    for (row = 1; row <= rows; row++)
        print "complete -c smtpsend" (letter[row] == "" ? "" : " -s " letter[row]) \
            (name[row] == "" ? "" : " -l " name[row]) fish_value(row) \
            (argument[row] == "" ? "" : " -d " shell_quoted(argument[row]))
}

!/^#/ { table = table $0 "\n" }

END {
    if (failed)
        exit 1
    read_rows(without_comments(table))
    if (shell == "bash")
        bash()
    else if (shell == "zsh")
        zsh()
    else if (shell == "fish")
        fish()
    else
        fail("shell is bash, zsh or fish")
}
