#!/bin/sh
# How long functions and files may be, and which library functions are banned, in src/ and
# tests/server/. Prints TAP; each breach as FILE:LINE: what.
#
#   tests/lengths.sh [ROOT]     a self-test on a made-up tree, then the tree in ROOT
#
# A function's lines are those from its opening to its closing brace. src/base/banned.h stops
# the banned functions at compile time as well; here comments and strings don't count.
set -eu

most_function=60
most_file=600
# Those of src/base/banned.h are read from there, so that there is one list.
banned_list() {
    sed -n 's/^#define \([a-z_0-9]*\)(\.\.\.).*/\1/p' "$1/src/base/banned.h" | tr '\n' ' '
}

# breaches ROOT BANNED: prints the breaches, nothing when there are none.
breaches() {
    (
        cd "$1"
        # shellcheck disable=SC2046 # the names of sources have no blanks
        awk -v most_function=$most_function -v most_file=$most_file -v banned="$2" '
            function breach(line, text) {
                printf "%s:%d: %s\n", name, line, text
            }
            # The text without comments and without what is in quotes; remembers an open comment.
            function bare(text,    out, c, two, quote) {
                out = ""
                quote = ""
                while (text != "") {
                    c = substr(text, 1, 1)
                    two = substr(text, 1, 2)
                    if (comment) {
                        if (two == "*/") {
                            comment = 0
                            text = substr(text, 2)
                        }
                    } else if (quote != "") {
                        if (c == "\\")
                            text = substr(text, 2)
                        else if (c == quote) {
                            quote = ""
                            out = out c
                        }
                    } else if (two == "/*") {
                        comment = 1
                        text = substr(text, 2)
                    } else if (two == "//")
                        break
                    else {
                        if (c == "\"" || c == "\047")
                            quote = c
                        out = out c
                    }
                    text = substr(text, 2)
                }
                return out
            }
            function end_of_file() {
                if (name == "")
                    return
                if (lines > most_file)
                    breach(lines, "a file of " lines " lines, " most_file " at most")
                if (depth != 0)
                    breach(lines, "braces do not pair: do both branches of an #if open one?")
            }
            function look_for_banned(text,    call) {
                while (match(text, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
                    call = substr(text, RSTART, RLENGTH - 1)
                    sub(/[ \t]+$/, "", call)
                    text = substr(text, RSTART + RLENGTH)
                    if (call in is_banned)
                        breach(FNR, call " is banned")
                }
            }
            # At depth 0, what stands before a brace tells a function (it ends its parameter
            # list) from a struct or an initialiser.
            function braces(text,    c) {
                while (text != "") {
                    c = substr(text, 1, 1)
                    text = substr(text, 2)
                    if (c == "{") {
                        if (depth++ == 0) {
                            start = head ~ /\)[ \t]*$/ ? FNR : 0
                            head = ""
                        }
                    } else if (c == "}") {
                        if (--depth == 0 && start && FNR - start + 1 > most_function)
                            breach(start, "a function of " FNR - start + 1 " lines, " \
                                most_function " at most")
                    } else if (depth == 0)
                        head = c == ";" ? "" : head c
                }
            }
            BEGIN {
                n = split(banned, names, " ")
                for (i = 1; i <= n; i++)
                    is_banned[names[i]] = 1
            }
            FNR == 1 {
                end_of_file()
                name = FILENAME
                depth = comment = continued = 0
                head = ""
            }
            {
                lines = FNR
                text = bare($0)
                preprocessor = continued || text ~ /^[ \t]*#/
                continued = preprocessor && /\\$/
                if (name !~ /src\/base\/banned\.h$/)
                    look_for_banned(text)
                if (!preprocessor)
                    braces(text " ")
            }
            END {
                end_of_file()
            }
        ' $(find src tests/server -name '*.[ch]' 2>/dev/null | sort) /dev/null
    )
}

tests=0
failed=0
# verdict NAME BREACHES: one test, passed when there are none.
verdict() {
    tests=$((tests + 1))
    if [ -z "$2" ]; then
        echo "ok $tests - lengths: $1"
    else
        failed=$((failed + 1))
        printf '%s\n' "$2" | sed 's/^/# /'
        echo "not ok $tests - lengths: $1"
    fi
}

# try WHAT EXPECTED: complains unless the tree in $scratch has the breaches EXPECTED, given as
# FILE:LINE each.
try() {
    found=$(breaches "$scratch" 'strcpy gets' | sed 's/^\([^:]*:[0-9]*\):.*/\1/' | tr '\n' ' ')
    [ "$found" = "$2" ] || echo "$1: wanted '$2', got '$found'"
}

# function_of LINES NAME: writes one.
function_of() {
    printf 'static int %s(int a,\n    int b)\n{\n' "$2"
    awk -v n="$1" 'BEGIN { for (i = 2; i < n; i++) print "    if (a) { b++; }" }'
    printf '}\n'
}

self_test() {
    mkdir -p "$scratch/src/base" "$scratch/tests/server"
    function_of 60 fits >"$scratch/src/base/a.c"
    try 'a function of 60 lines' ''
    function_of 61 too_long >>"$scratch/src/base/a.c"
    try 'a function of 61 lines' 'src/base/a.c:65 '
    {
        printf 'struct x {\n'
        awk 'BEGIN { for (i = 0; i < 70; i++) print "    int a" i ";" }'
        printf '};\nstatic const int y[] = {\n'
        awk 'BEGIN { for (i = 0; i < 70; i++) print "    " i "," }'
        # shellcheck disable=SC1003 # the backslashes are C's
        printf '};\n#define M(x) \\\n    do { \\\n    (x)\nint z; /* { */\nchar q = %s{%s;\n' "'" "'"
    } >"$scratch/src/base/a.c"
    try 'tables, macros and quoted braces are no functions' ''
    awk 'BEGIN { for (i = 0; i < 600; i++) print "" }' >"$scratch/tests/server/a.c"
    try 'a file of 600 lines' ''
    echo >>"$scratch/tests/server/a.c"
    try 'a file of 601 lines' 'tests/server/a.c:601 '
    # shellcheck disable=SC1003 # the backslashes are C's
    printf '%s\n' '/* strcpy(a, b)' ' gets(a) */' 'char *s = "strcpy(a, \"b)";' \
        'int my_strcpy(int);' 'x = strcpy (a, b);' '#define G gets(x)' >"$scratch/tests/server/a.c"
    try 'banned functions' 'tests/server/a.c:5 tests/server/a.c:6 '
}

root=${1:-$(dirname "$0")/..}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
banned=$(banned_list "$root")
[ -n "$banned" ] || { echo 'lengths.sh: no names in src/base/banned.h' >&2; exit 1; }
verdict 'finds each breach in made-up trees' "$(self_test)"
verdict 'the tree' "$(breaches "$root" "$banned")"
echo "1..$tests"
[ "$failed" = 0 ]
