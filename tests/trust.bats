#!/usr/bin/env bats
# trust.bats: importing only the anchors that a chain may need changes no verdict.
#
# The judge is gnutls-cli, which loads the whole of its bundle: what it takes we have to take,
# and what it refuses we have to refuse for the same reason.
# not under sanitizers: verdicts are compared; bundles have a unit program and a fuzzer
# shellcheck disable=SC2154 # what the files of lib/ set

load lib/common
load lib/certificates

system=/etc/ssl/certs/ca-certificates.crt

setup_file() {
    new_pki
    pki_tools || return 0
    new_authority root self
    new_authority other self
    new_authority stranger self
    new_authority inter root
    # The same subject with another key; the same key, certified by another or once before.
    new_authority twin self 'cn = Test root'
    again inter-by-other inter other
    again root-by-other root other
    again root-before root self 'activation_date = "2019-01-01 00:00:00 UTC"' \
        'expiration_date = "2021-01-01 00:00:00 UTC"'
    new_leaf leaf inter 'dns_name = localhost'
    new_leaf of-twin twin 'dns_name = localhost'
    new_leaf of-stranger stranger 'dns_name = localhost'
    new_leaf of-root root 'dns_name = localhost'
    new_leaf alone self 'dns_name = localhost'
    new_leaf late inter 'dns_name = localhost' 'activation_date = "2020-01-01 00:00:00 UTC"' \
        'expiration_date = "2020-02-03 04:05:06 UTC"'
    new_authority inter-late root 'activation_date = "2020-01-01 00:00:00 UTC"' \
        'expiration_date = "2021-02-03 04:05:06 UTC"'
    new_leaf of-late inter-late 'dns_name = localhost'
    new_leaf gone root 'dns_name = localhost'
    revocation_list gone root "$(date -d yesterday +%F)" "$(date -d tomorrow +%F)" gone
    make_bundles
}

# again NAME AUTHORITY ISSUER [LINE...]: AUTHORITY's subject and key in another certificate.
again() {
    local name=$1 authority=$2 issuer=$3
    shift 3
    cp "$pki/$authority.key" "$pki/$name.key"
    certify "$name" "$issuer" ca cert_signing_key crl_signing_key "cn = Test $authority" "$@"
}

# What a system has, or a few of ours where it has nothing.
others() {
    if [ -s "$system" ]; then
        cat "$system"
    else
        cat "$pki"/{other,stranger,inter-late}.pem
    fi
}

# $bundles/*: the 140 certificates of a system with ours among them, written in several ways.
make_bundles() {
    export bundles=$BATS_FILE_TMPDIR/bundles
    local half
    mkdir "$bundles"
    others >"$bundles/none"
    half=$(($(grep -c '^-----BEGIN' "$bundles/none") / 2))
    cat "$pki/root.pem" "$bundles/none" >"$bundles/first"
    cat "$bundles/none" "$pki/root.pem" >"$bundles/last"
    awk -v half=$half -v ours="$pki/root.pem" '/^-----BEGIN/ && n++ == half {
        while ((getline line <ours) > 0) print line } { print }' "$bundles/none" \
        >"$bundles/middle"
    cat "$bundles/middle" "$pki/root.pem" >"$bundles/twice"
    cat "$pki/twin.pem" "$bundles/last" >"$bundles/twin-first"
    cat "$bundles/first" "$pki/twin.pem" >"$bundles/twin-last"
    sed 's/$/\r/' "$bundles/middle" >"$bundles/crlf"
    sed 's/$/ \t/' "$bundles/middle" >"$bundles/blanks"
    awk '/^-----BEGIN/ { print "\n# Authority: =", n++, "\nSubject: CN=x -----\n" } { print }' \
        "$bundles/middle" >"$bundles/comments"
    printf %s "$(cat "$bundles/last")" >"$bundles/no-line-end"
    sed '/^-----/!s/$/\n \n/' "$bundles/middle" >"$bundles/empty-lines"
    sed '/^-----/!s/.\{7\}/&\n/g' "$bundles/middle" >"$bundles/short-lines"
    awk '/^-----BEGIN/ { print; inside = 1; next } /^-----END/ { print ""; inside = 0 }
        inside { printf "%s", $0; next } { print }' "$bundles/middle" >"$bundles/long-lines"
    openssl x509 -in "$pki/root.pem" -trustout -addtrust serverAuth -out "$pki/trusted.pem"
    cat "$pki/trusted.pem" "$bundles/none" "$pki/trusted.pem" >"$bundles/trusted-only"
    cat "$pki/trusted.pem" "$bundles/none" "$pki/trusted.pem" "$pki/root.pem" \
        >"$bundles/trusted-too"
}

prepare() {
    pki_tools || skip 'no certtool or no openssl'
    command -v gnutls-cli >/dev/null || skip 'no gnutls-cli'
    list=() sets=()
}

# The full load's verdict on the server started last, with the bundle $1: "taken" or why not.
full_verdict() {
    local said
    said=$(timeout 60 gnutls-cli --x509cafile "$1" ${list[0]+--x509crlfile "${list[0]}"} \
        --priority NORMAL:%PROFILE_MEDIUM --sni-hostname localhost --verify-hostname localhost \
        -p "$tls_port" 127.0.0.1 </dev/null 2>&1) && echo taken && return
    case $said in
    # It wants an anchor's signature on the list. Where there is none, so is none on the chain.
    *'CRL verification'*) echo unknown ;;
    *'NOT trusted'*revoked*) echo revoked ;;
    *'NOT trusted'*expired*) echo expired ;;
    *'NOT trusted'*'issuer is unknown'*) echo unknown ;;
    *) echo "undecided: $said" ;;
    esac
}

# Ours.
our_verdict() {
    send --server "127.0.0.1:$tls_port" --tls implicit --tls-name localhost --tls-ca "$1" \
        ${list[0]+--tls-crl "${list[0]}"} a@example.org
    case $status:$output in
    0:) verdict=taken ;;
    76:*revoked*) verdict=revoked ;;
    76:*expired*) verdict=expired ;;
    76:*'not trusted'*) verdict=unknown ;;
    *) verdict="$status $output" ;;
    esac
}

# compare NAME BUNDLE...: both verdicts on $pki/NAME.pem with each bundle; $taken counts.
compare() {
    local name=$1 bundle wanted
    shift
    taken=0
    start_server --discard --listen-tls 127.0.0.1:0 --tls-cert "$pki/$name.pem" \
        --tls-key "$pki/$name.key"
    for bundle in "$@"; do
        wanted=$(full_verdict "$bundle")
        our_verdict "$bundle"
        echo "$name with ${bundle##*/}: $wanted"
        [ "$verdict" = "$wanted" ] ||
            fail "$name with ${bundle##*/}: with all anchors '$wanted', but '$verdict': $output"
        [ "$wanted" != taken ] || taken=$((taken + 1))
    done
    stop_server
}

# Files of one anchor and of two, in either order.
anchor_sets() {
    local one two
    sets=()
    for one in root other twin inter inter-by-other root-by-other root-before stranger; do
        sets+=("$pki/$one.pem")
    done
    while read -r one two; do
        cat "$pki/$one.pem" "$pki/$two.pem" >"$BATS_TEST_TMPDIR/$one+$two"
        cat "$pki/$two.pem" "$pki/$one.pem" >"$BATS_TEST_TMPDIR/$two+$one"
        sets+=("$BATS_TEST_TMPDIR/$one+$two" "$BATS_TEST_TMPDIR/$two+$one")
    done <<<'root twin
root root-before
root root-by-other
root other'
}

# compare_chain TAKEN PART...: a chain of these, with each set of anchors; at least TAKEN do.
compare_chain() {
    local least=$1
    shift
    [ ${#sets[@]} -gt 0 ] || anchor_sets
    chain "sent-$BATS_TEST_NUMBER" "$@"
    compare "sent-$BATS_TEST_NUMBER" "${sets[@]}"
    [ "$taken" -ge "$least" ] || fail "only $taken of the anchors made the chain good"
}

@test "leaf and intermediate" {
    compare_chain 6 leaf inter
}

@test "leaf, intermediate and the self-signed root" {
    compare_chain 6 leaf inter root
}

@test "a leaf without its intermediate" {
    compare_chain 1 leaf
}

@test "an intermediate cross-signed by another root, alone and with the other" {
    compare_chain 1 leaf inter-by-other
    compare_chain 3 leaf inter inter-by-other
    compare_chain 3 leaf inter-by-other inter
}

@test "a root cross-signed by another" {
    compare_chain 3 leaf inter root-by-other
}

@test "two roots of the same name" {
    compare_chain 1 of-twin
    compare_chain 1 of-twin twin
    compare_chain 1 of-root twin
}

@test "an expired root beside its successor" {
    compare_chain 1 leaf inter root-before
    compare_chain 1 of-root
}

@test "expired: the leaf, the intermediate" {
    compare_chain 0 late inter
    compare_chain 0 of-late inter-late
}

@test "unknown, and self-signed" {
    compare_chain 1 of-stranger
    compare_chain 1 of-stranger stranger
    compare_chain 0 alone
    compare alone "$pki/alone.pem" "$pki/root.pem"
}

@test "revoked" {
    local set
    list=("$pki/gone.crl")
    # gnutls-cli wants an anchor's signature on the list: not where the intermediate is the anchor,
    # and of two anchors of one name it tries one alone.
    anchor_sets
    for set in "${!sets[@]}"; do
        [[ ${sets[set]} != *twin+* && ${sets[set]} != */inter* ]] || unset "sets[$set]"
    done
    compare_chain 0 gone
    compare_chain 1 of-root
    compare_chain 1 leaf inter
}

@test "out of order, and with a stranger among them" {
    compare_chain 0 leaf root inter
    compare_chain 0 leaf stranger inter
    compare_chain 0 leaf inter inter root stranger
}

@test "140 anchors: ours first, in the middle, last, twice, beside its twin, however written" {
    chain good leaf inter
    chain foreign of-twin twin
    compare good "$bundles"/*
    # All but the bundle without it, and the one whose mark of trust GnuTLS does not read.
    [ "$taken" -eq $(($(find "$bundles" -type f | wc -l) - 2)) ]
    compare foreign "$bundles"/*
    [ "$taken" -eq 2 ]
}

@test "anchors from a pipe" {
    chain piped leaf inter
    start_server --listen-tls 127.0.0.1:0 --tls-cert "$pki/piped.pem" --tls-key "$pki/piped.key"
    send --server "localhost:$tls_port" --tls implicit --tls-ca <(cat "$bundles/middle") \
        a@example.org
    expect 0
    send --server "localhost:$tls_port" --tls implicit --tls-ca <(cat "$bundles/none") \
        a@example.org
    expect 76 'not trusted: CN=Test root'
    send --server "localhost:$tls_port" --tls implicit --tls-ca <(:) a@example.org
    expect 78 'no certificate in it'
}

@test "the system's anchors, where nothing else is named" {
    # shellcheck disable=SC2016 # for the inner shell
    local with_ours=(unshare --user --map-root-user --mount bash -c
        'mount --bind "$0" "$1" && shift && exec "$@"' "$bundles/middle" "$system")
    [ -s "$system" ] || skip 'no bundle of the system'
    "${with_ours[@]}" true 2>/dev/null || skip 'no user namespaces'
    chain plain leaf inter
    start_server --listen-tls 127.0.0.1:0 --tls-cert "$pki/plain.pem" --tls-key "$pki/plain.key"
    run "${with_ours[@]}" "$SMTPSEND" --server "localhost:$tls_port" --tls implicit \
        -f sender@example.org --timeout "$PATIENCE" a@example.org <"$message"
    expect 0
    send --server "localhost:$tls_port" --tls implicit a@example.org
    expect 76 'not trusted'
    # What is damaged in it is passed over.
    sed '2s/^..../!!!!/' "$bundles/last" >"$BATS_TEST_TMPDIR/damaged"
    with_ours[7]=$BATS_TEST_TMPDIR/damaged
    run "${with_ours[@]}" "$SMTPSEND" --server "localhost:$tls_port" --tls implicit \
        -f sender@example.org --timeout "$PATIENCE" a@example.org <"$message"
    expect 0
}
