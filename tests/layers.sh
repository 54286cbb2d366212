#!/bin/sh
# Who may include what in src/. Prints TAP; each breach as FILE:LINE: what.
#
#   tests/layers.sh [ROOT]      a self-test on a made-up tree, then the tree in ROOT
#
# Floors: base < net, mail, conf < smtp < send < main. A file sees its own folder and the floors
# below; net, mail and conf don't see each other. GnuTLS, popt and GSSAPI are each seen by the
# few files that are named here and by no others.
set -eu

# breaches ROOT: prints the breaches in ROOT/src, nothing when there are none.
breaches() {
    (
        cd "$1"
        # shellcheck disable=SC2016 # the dollars are awk's
        find src -name '*.[ch]' | sort | xargs awk '
            BEGIN {
                floor["base"] = 1
                floor["net"] = floor["mail"] = floor["conf"] = 2
                floor["smtp"] = 3
                floor["send"] = 4
                floor["main"] = 5
            }
            function breach(text) {
                printf "%s:%d: %s\n", FILENAME, FNR, text
            }
            # The floor a path under src belongs to: its folder, or main for src/main.c.
            function room(path) {
                if (path !~ /\//)
                    return path == "main.c" ? "main" : ""
                sub(/\/.*/, "", path)
                return path
            }
            function own_file(name,    path, line, found) {
                path = FILENAME
                sub(/[^\/]*$/, name, path)
                found = (getline line < path) >= 0
                close(path)
                return found
            }
            function quoted(name,    here, there) {
                here = room(substr(FILENAME, 5))
                if (name ~ /(^|\/)\.\.?\//) {
                    breach("\"" name "\" is a path with dots: name it from src/")
                    return
                }
                there = room(name)
                if (name !~ /\// && own_file(name))
                    there = here
                if (!(there in floor) || there == "main")
                    breach("\"" name "\" is in none of the rooms")
                else if (!(here in floor))
                    breach("this file is in none of the rooms")
                else if (there != here && floor[there] > floor[here])
                    breach(here " may not see " there ", which is above it: \"" name "\"")
                else if (there != here && floor[there] == floor[here])
                    breach(here " may not see " there ", which is beside it: \"" name "\"")
            }
            function only(name, who) {
                if (FILENAME !~ who)
                    breach("<" name "> is not for this file")
            }
            FNR == 1 && room(substr(FILENAME, 5)) !~ /^(base|net|mail|conf|smtp|send|main)$/ {
                breach("this file is in none of the rooms")
            }
            /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
                name = $0
                sub(/^[^<"]*[<"]/, "", name)
                sub(/[>"].*$/, "", name)
                if (name ~ /^gnutls\//)
                    only(name, "^src/(net/tls[a-z0-9_]*\\.c|net/tls_[a-z0-9_]+\\.h|base/tls_lib\\.[ch])$")
                else if (name ~ /^popt\.h$/)
                    only(name, "^src/conf/options\\.c$")
                else if (name ~ /^gssapi/)
                    only(name, "^src/smtp/sasl_gss[a-z0-9_]*\\.[ch]$")
                else if ($0 ~ /"/)
                    quoted(name)
                # Whoever sees the loader sees GnuTLS with it.
                if (name ~ /(^|\/)tls_lib\.h$/)
                    only(name, "^src/(net/tls[a-z0-9_]*\\.c|net/tls_[a-z0-9_]+\\.h|smtp/sasl[a-z0-9_]*\\.c|base/tls_lib\\.[ch])$")
                # ... and so does who sees an inner header of net/tls.
                if (name ~ /^net\/tls_[a-z0-9_]+\.h$/)
                    only(name, "^src/net/tls")
            }
            /^[ \t]*#[ \t]*include[ \t]*[^ \t<"]/ {
                breach("an include that is no plain name")
            }
        ' /dev/null
    )
}

tests=0
failed=0
# verdict NAME BREACHES: one test, passed when there are none.
verdict() {
    tests=$((tests + 1))
    if [ -z "$2" ]; then
        echo "ok $tests - layers: $1"
    else
        failed=$((failed + 1))
        printf '%s\n' "$2" | sed 's/^/# /'
        echo "not ok $tests - layers: $1"
    fi
}

# try EXPECTED FILE INCLUDE: complains unless a tree where FILE's second line includes INCLUDE
# is as EXPECTED, "breach" or "fine".
try() {
    rm -rf "$scratch/src"
    mkdir -p "$scratch/src" "$scratch/$(dirname "$2")"
    printf '/* a file */\n#include %s\n' "$3" >"$scratch/$2"
    found=$(breaches "$scratch")
    case $1,$found in
    breach,"$2:2: "* | fine,) ;;
    *) echo "wanted $1 for $2 with $3, got: ${found:-nothing}" ;;
    esac
}

self_test() {
    try fine src/base/a.c '<string.h>'
    try fine src/net/a.c '"base/buf.h"'
    try fine src/net/a.c '"net/b.h"'
    try fine src/smtp/a.c '"mail/message.h"'
    try fine src/send/a.c '"smtp/session.h"'
    try fine src/main.c '"send/run.h"'
    try breach src/base/a.c '"net/dial.h"'
    try breach src/net/a.c '"mail/header.h"'
    try breach src/mail/a.h '"conf/options.h"'
    try breach src/conf/a.c '"net/server.h"'
    try breach src/net/a.c '  "smtp/reply.h"'
    try breach src/smtp/a.c '"send/job.h"'
    try breach src/send/a.c '"main.h"'
    try breach src/send/a.c '"../base/buf.h"'
    try breach src/send/a.c '"other/buf.h"'
    try breach src/send/a.c 'MACRO'
    try fine src/net/tls.c '<gnutls/gnutls.h>'
    try fine src/net/tls_verify.c '<gnutls/x509.h>'
    try fine src/base/tls_lib.h '<gnutls/gnutls.h>'
    try breach src/net/tls.h '<gnutls/gnutls.h>'
    try breach src/net/dial.c '<gnutls/gnutls.h>'
    try breach src/smtp/sasl.c '<gnutls/crypto.h>'
    try fine src/smtp/sasl_scram.c '"base/tls_lib.h"'
    try breach src/smtp/session.c '"base/tls_lib.h"'
    try breach src/smtp/sasl.h '"base/tls_lib.h"'
    try breach src/smtp/session.c '"net/tls_inner.h"'
    try fine src/conf/options.c '<popt.h>'
    try breach src/main.c '<popt.h>'
    try fine src/smtp/sasl_gss.c '<gssapi/gssapi.h>'
    try breach src/smtp/sasl.c '<gssapi/gssapi.h>'
}

root=${1:-$(dirname "$0")/..}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
verdict 'finds each breach in made-up trees' "$(self_test)"
verdict 'the tree' "$(breaches "$root")"
echo "1..$tests"
[ "$failed" = 0 ]
