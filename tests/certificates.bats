#!/usr/bin/env bats
# certificates.bats: which certificates are taken, which are refused, and what is said then.
#
# Each case runs by STARTTLS in TLS 1.3 and by implicit TLS in 1.2, the first ones the other way
# about too. Refused means: exit status 76, the reason in words, and neither MAIL nor AUTH sent.
# shellcheck disable=SC2154 # what the files of lib/ set

load lib/common
load lib/certificates

setup_file() {
    new_pki
    pki_tools || return 0
    new_authority root self
    new_authority other self
    new_authority inter root
    new_leaf good inter 'dns_name = localhost' 'ip_address = 127.0.0.1'
    chain good-chain good inter
    new_leaf client root tls_www_client
    new_leaf direct root 'dns_name = localhost' 'ip_address = 127.0.0.1'
}

prepare() {
    pki_tools || skip 'no certtool or no openssl'
    trust=(--tls-ca "$pki/root.pem")
    thorough=no
    offer=()
    these_days=("$(date -ud yesterday +%F)" "$(date -ud tomorrow +%F)")
}

# serve NAME [OPTION...]: a server with the certificates in $pki/NAME.pem. offer: more options.
serve() {
    local name=$1
    shift
    start_server --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --tls-cert "$pki/$name.pem" \
        --tls-key "$pki/$name.key" "${offer[@]}" "$@"
}

# judge NAME STATUS [OPTION...] [-- PATTERN...]: what becomes of a message for the server
# 'localhost' that has $pki/NAME.pem, by all ways. trust: how it is verified.
judge() {
    local name=$1 wanted=$2 options=() way
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift $(($# > 0))
    serve "$name"
    ways
    for way in "${ways[@]}"; do
        # shellcheck disable=SC2086 # words
        send --server localhost --port $way "${trust[@]}" "${options[@]}" a@example.org
        echo "$name, $way: $status $output"
        expect "$wanted" "$@"
        [ "$status" -ne 76 ] || expect 76 'smtpsend: tls: '
    done
    judge_server "$wanted"
    stop_server
}

# Sets ways: options for the server started last. thorough: all four.
ways() {
    ways=("$port --tls required --tls-min 1.3"
        "$tls_port --tls implicit --tls-priority NORMAL:-VERS-TLS1.3")
    [ "$thorough" = no ] || ways+=("$tls_port --tls implicit --tls-min 1.3"
        "$port --tls required --tls-priority NORMAL:-VERS-TLS1.3")
}

# The server got all messages, or nothing that it could have used.
judge_server() {
    if [ "$1" -eq 0 ]; then
        assert_delivered ${#ways[@]}
    else
        assert_delivered 0
        run grep -rhE 'MAIL|AUTH' "$dir/raw"
        assert_output ''
    fi
}

# judge_names NAME STATUS HOST...: what becomes of it when one of the HOSTs is expected.
judge_names() {
    local name=$1 wanted=$2 host
    shift 2
    serve "$name"
    for host in "$@"; do
        send --server "127.0.0.1:$port" --tls required "${trust[@]}" --tls-name "$host" \
            a@example.org
        echo "$name for $host: $status $output"
        expect "$wanted"
        [ "$wanted" -eq 0 ] || expect 76 "the certificate is not for '${host%.}'"
    done
    stop_server
}

@test "valid: taken" {
    thorough=yes
    judge good-chain 0 -v -- 'certificate verified'
    judge direct 0
}

@test "expired: refused, and since when" {
    thorough=yes
    new_leaf expired root 'dns_name = localhost' 'activation_date = "2020-01-01 00:00:00 UTC"' \
        'expiration_date = "2020-02-03 04:05:06 UTC"'
    judge expired 76 -- "the server's certificate expired on 2020-02-03 04:05 UTC" clock
}

@test "an authority that expired: refused, and since when" {
    new_authority old root 'activation_date = "2019-01-01 00:00:00 UTC"' \
        'expiration_date = "2021-12-31 10:20:30 UTC"'
    new_leaf young old 'dns_name = localhost'
    chain young-chain young old
    judge young-chain 76 -- "authority's certificate expired on 2021-12-31 10:20 UTC"
    trust=(--tls-ca "$pki/old.pem")
    judge young 76 -- expired
}

@test "not yet valid: refused, and until when" {
    new_leaf future root 'dns_name = localhost' 'activation_date = "2090-05-06 07:08:09 UTC"' \
        'expiration_date = "2091-02-01 00:00:00 UTC"'
    judge future 76 -- "the server's certificate is not valid before 2090-05-06 07:08 UTC" clock
}

@test "the wrong name: refused, with the one expected and those there are" {
    thorough=yes
    new_leaf elsewhere root 'dns_name = a.example' 'dns_name = b.example' \
        'ip_address = 192.0.2.7' 'ip_address = 2001:db8::7'
    judge elsewhere 76 -- --tls-name \
        "not for 'localhost' but for a.example, b.example, 192.0.2.7, 2001:db8::7"
    judge_names elsewhere 0 a.example B.example b.example. 192.0.2.7 2001:db8:0::7
    judge_names elsewhere 76 .example a.example.org xa.example a.exampl 192.0.2.8 2001:db8::8
}

@test "a wildcard stands for one whole label at the left" {
    new_leaf wild root 'dns_name = *.example.org'
    judge_names wild 0 a.example.org A.Example.ORG xn--bcher-kva.example.org mail-1.example.org.
    judge_names wild 76 example.org a.b.example.org a.example.com a.example.org.evil.example \
        xexample.org
    for pattern in 'f*.example.org' '*oo.example.org' 'f*o.example.org' '*.*.example.org' \
        'foo.*.org' '*' '*.org'; do
        new_leaf partial root "dns_name = $pattern"
        judge_names partial 76 foo.example.org foo.foo.example.org foo.a.org
    done
}

@test "IP addresses: only as such" {
    new_leaf v4 root 'ip_address = 127.0.0.1'
    new_leaf v6 root 'ip_address = ::1'
    new_leaf text root 'dns_name = 127.0.0.1'
    new_leaf mixed root 'dns_name = 127.0.0.1' 'ip_address = 127.0.0.2'
    judge_names v4 0 127.0.0.1
    judge_names v4 76 127.0.0.2 ::1 ::ffff:127.0.0.1 localhost
    judge_names v6 0 ::1 0:0::1
    judge_names v6 76 ::2 127.0.0.1
    judge_names text 76 127.0.0.1
    judge_names mixed 0 127.0.0.2
    judge_names mixed 76 127.0.0.1
}

@test "IP addresses: the server's own, v4 and v6" {
    new_leaf both root 'ip_address = 127.0.0.1' 'ip_address = ::1'
    offer=(--listen '[::1]:0')
    serve both
    send --server "127.0.0.1:$port" --tls required "${trust[@]}" a@example.org
    expect 0
    [ -n "$port6" ] || skip 'no IPv6'
    send --server "[::1]:$port6" --tls required "${trust[@]}" a@example.org
    expect 0
}

@test "a name that is only in the common name: refused" {
    new_leaf common root 'cn = localhost'
    judge common 76 -- "not for 'localhost'" 'no alternative name'
    new_leaf common-mail root 'cn = localhost' 'email = localhost'
    judge_names common-mail 76 localhost
    new_leaf common-address root 'cn = localhost' 'ip_address = 127.0.0.1'
    judge_names common-address 76 localhost
    judge_names common-address 0 127.0.0.1
}

@test "an international name: in either form" {
    new_leaf idn root 'dns_name = xn--bcher-kva.example'
    judge_names idn 0 bücher.example BÜCHER.example xn--bcher-kva.example bücher.example.
    serve idn
    send --tls required "${trust[@]}" --tls-name bücher.example a@example.org
    run transcript
    assert_line --partial sni=xn--bcher-kva.example
    stop_server
    serve idn
    send --tls required "${trust[@]}" --tls-name bucher.example a@example.org
    expect 76 "not for 'bucher.example' but for xn--bcher-kva.example"
}

@test "self-signed: refused, unless it is what --tls-ca trusts" {
    new_leaf alone self 'dns_name = localhost'
    judge alone 76 -- self-signed --tls-ca --tls-pin
    trust=(--tls-ca "$pki/alone.pem")
    judge alone 0
}

@test "an authority that nobody knows: refused, and which" {
    new_leaf foreign other 'dns_name = localhost'
    judge foreign 76 -- 'not trusted: CN=Test other' --tls-ca --tls-pin
    chain foreign-chain foreign other
    judge foreign-chain 76 -- 'not trusted: CN=Test other'
    # Nor does the system know it; where that knows nobody at all it is 78.
    trust=()
    serve foreign
    send --tls required a@example.org
    [ "$status" -eq 78 ] || expect 76 'not trusted: CN=Test other'
}

@test "an intermediate that the server does not send: refused, and which" {
    judge good 76 -- 'not trusted: CN=Test inter'
    trust=(--tls-ca "$pki/inter.pem")
    judge good 0
}

@test "a certificate signed by one that is no authority: refused" {
    new_leaf sub direct 'dns_name = localhost'
    chain sub-chain sub direct
    judge sub-chain 76 -- authority
}

@test "an authority that may sign no other, or no such names: refused" {
    new_authority last root 'path_len = 0'
    new_authority further last
    new_leaf far further 'dns_name = localhost'
    chain far-chain far further last
    judge far-chain 76 -- 'certificate'
    new_authority bound root 'nc_permit_dns = example.org'
    new_leaf outside bound 'dns_name = localhost'
    chain outside-chain outside bound
    judge outside-chain 76 -- 'may not issue'
    new_leaf inside bound 'dns_name = a.example.org'
    chain inside-chain inside bound
    judge inside-chain 0 --tls-name a.example.org
}

@test "a signature that is not the authority's: refused" {
    new_authority twin self 'cn = Test root'
    new_leaf forged twin 'dns_name = localhost'
    judge forged 76
}

@test "--tls-crl: a revoked certificate is refused, another is not" {
    new_leaf revoked root 'dns_name = localhost'
    revocation_list now root "${these_days[@]}" revoked
    judge revoked 76 --tls-crl "$pki/now.crl" -- 'has been revoked'
    judge direct 0 --tls-crl "$pki/now.crl"
    judge revoked 0
}

@test "--tls-crl: a revoked intermediate is refused" {
    revocation_list inter-gone root "${these_days[@]}" inter
    judge good-chain 76 --tls-crl "$pki/inter-gone.crl" -- 'revoked'
}

@test "--tls-crl: not one that is too old, unless the new one is there too" {
    revocation_list late root 2020-01-01 2020-02-03
    judge direct 76 --tls-crl "$pki/late.crl" -- 'too old' 2020-02-03
    revocation_list next root "${these_days[@]}" client
    cat "$pki/late.crl" "$pki/next.crl" >"$pki/both.crl"
    judge direct 0 --tls-crl "$pki/both.crl"
    revocation_list late-other other 2020-01-01 2020-02-03
    judge direct 0 --tls-crl "$pki/late-other.crl"
}

@test "--tls-crl: only one that the authority signed" {
    # What came in clear over the network in place of the list that revokes the certificate.
    new_authority impostor self 'cn = Test root'
    revocation_list impostor impostor "${these_days[@]}" client
    judge direct 76 --tls-crl "$pki/impostor.crl" -- 'not signed by'
    chain with-impostor direct impostor
    judge with-impostor 76 --tls-crl "$pki/impostor.crl" -- 'not signed by'
    revocation_list inter inter "${these_days[@]}" client
    judge good-chain 0 --tls-crl "$pki/inter.crl"
    trust=(--tls-ca "$pki/inter.pem")
    judge good 0 --tls-crl "$pki/inter.crl"
    # Trust begins at the intermediate: what its own issuer says does not matter then.
    revocation_list above root "${these_days[@]}" client
    judge good-chain 0 --tls-crl "$pki/above.crl"
}

@test "an OCSP staple: good, revoked, stale, forged, another's" {
    local yesterday tomorrow
    yesterday=$(date -ud yesterday +%Y%m%d%H%M%SZ) tomorrow=$(date -ud tomorrow +%Y%m%d%H%M%SZ)
    ocsp_response good direct root root good "$yesterday" "$tomorrow"
    ocsp_response bad direct root root revoked "$yesterday" "$tomorrow"
    ocsp_response stale direct root root good 20200101000000Z 20200201000000Z
    ocsp_response forged direct root other good "$yesterday" "$tomorrow"
    ocsp_response another client root root good "$yesterday" "$tomorrow"
    echo rubbish >"$pki/rubbish.ocsp"
    offer=(--tls-ocsp "$pki/good.ocsp")
    judge direct 0
    offer=(--tls-ocsp "$pki/bad.ocsp")
    judge direct 76 -- 'has been revoked'
    offer=(--tls-ocsp "$pki/stale.ocsp")
    judge direct 76 -- 'too old'
    for staple in forged another rubbish; do
        offer=(--tls-ocsp "$pki/$staple.ocsp")
        judge direct 76 -- OCSP
    done
}

@test "must-staple: refused without a staple, taken with one" {
    new_leaf must root 'dns_name = localhost' 'tls_feature = 5'
    judge must 76 -- must-staple
    ocsp_response must must root root good "$(date -ud yesterday +%Y%m%d%H%M%SZ)" \
        "$(date -ud tomorrow +%Y%m%d%H%M%SZ)"
    offer=(--tls-ocsp "$pki/must.ocsp")
    judge must 0
}

@test "RSA with 1,024 bits: refused; with 2,048: taken" {
    new_key small --key-type=rsa --bits=1024
    new_leaf small root 'dns_name = localhost' encryption_key
    judge small 76 -- 'too weak'
    new_key large --key-type=rsa --bits=2048
    new_leaf large root 'dns_name = localhost' encryption_key
    judge large 0
}

@test "a signature with SHA-1: refused" {
    hash=SHA1 new_leaf sha1 root 'dns_name = localhost'
    judge sha1 76 -- 'too weak'
    hash=SHA1 new_authority inter1 root
    new_leaf below root 'dns_name = localhost'
    new_leaf below1 inter1 'dns_name = localhost'
    chain below1-chain below1 inter1
    judge below1-chain 76 -- 'too weak'
}

@test "a certificate that is not meant for servers: refused" {
    new_leaf purpose root 'dns_name = localhost' tls_www_client
    judge purpose 76 -- 'not meant for servers'
    new_leaf purposes root 'dns_name = localhost' tls_www_client tls_www_server
    judge purposes 0
    certify purposeless root signing_key 'cn = x' 'dns_name = localhost'
    judge purposeless 0
}

@test "--tls-pin alone stands in for the chain and the name" {
    trust=()
    judge foreign 0 --tls-pin "$(pin foreign)" -v -- 'certificate pinned'
    judge foreign 0 --tls-pin "$(pin foreign hex)" --tls-name other.example
    judge foreign 0 --tls-pin "$(pin foreign hex | tr a-f A-F | sed 's/^sh[aA]/sha/')"
    judge foreign 76 --tls-pin "$(pin root)" -- "sha256//$(pin foreign | cut -c 9-)" --tls-pin
    judge foreign 0 --tls-pin "$(pin root)" --tls-pin "$(pin foreign)" --tls-pin "$(pin other)"
    judge foreign 76 --tls-pin "$(pin root)" --tls-pin "$(pin other)" -- 'not the pinned one'
    # It is the server's key that is pinned, not an authority's.
    judge foreign-chain 76 --tls-pin "$(pin other)" -- 'not the pinned one'
}

@test "--tls-pin and --tls-ca: both must hold" {
    judge direct 0 --tls-pin "$(pin direct)"
    judge direct 76 --tls-pin "$(pin root)" -- 'not the pinned one'
    judge foreign 76 --tls-pin "$(pin foreign)" -- 'not trusted: CN=Test other'
    judge direct 76 --tls-pin "$(pin direct)" --tls-name other.example -- 'not for'
}

@test "--tls-insecure: takes any certificate, but not one that is not pinned" {
    trust=()
    judge foreign 0 --tls-insecure -- 'smtpsend: warning: '
    judge foreign 0 --tls-insecure --tls-pin "$(pin foreign)"
    judge foreign 76 --tls-insecure --tls-pin "$(pin root)" -- 'not the pinned one'
    serve foreign
    send --tls opportunistic --tls-pin "$(pin root)" a@example.org
    expect 76 'not the pinned one'
    assert_delivered 0
}

# judge_client NAME [OPTION...]: a server takes our messages, and saw NAME's certificate.
judge_client() {
    local seen=$1 way n=0
    shift
    serve direct
    ways
    for way in "${ways[@]}"; do
        # shellcheck disable=SC2086 # words
        send --server localhost --port $way "${trust[@]}" "$@" a@example.org
        expect 0
        run transcript $((n += 1))
        assert_line --regexp "^\* tls TLS1.* client=$seen\$"
    done
    stop_server
}

@test "client certificate: asked for, given or not" {
    offer=(--tls-client-ca "$pki/root.pem")
    judge_client none
    judge_client 'CN=Leaf client' --tls-cert "$pki/client.pem" --tls-key "$pki/client.key"
    (umask 077 && cat "$pki/client.pem" "$pki/client.key" >"$pki/one.pem")
    judge_client 'CN=Leaf client' --tls-cert "$pki/one.pem"
    (umask 077 && cat "$pki/client.key" "$pki/client.pem" >"$pki/turned.pem")
    judge_client 'CN=Leaf client' --tls-cert "$pki/turned.pem"
    offer=()
    judge_client none --tls-cert "$pki/client.pem" --tls-key "$pki/client.key"
}

@test "client certificate: the whole chain is sent, RSA too" {
    new_key rsa --key-type=rsa --bits=2048
    new_leaf rsa inter tls_www_client
    chain rsa-chain rsa inter
    offer=(--tls-client-ca "$pki/root.pem" --tls-client-required)
    judge_client 'CN=Leaf rsa' --tls-cert "$pki/rsa-chain.pem" --tls-key "$pki/rsa.key"
}

@test "client certificate: required, but absent or another authority's: refused" {
    local way options
    new_leaf stranger other tls_www_client
    offer=(--tls-client-ca "$pki/root.pem" --tls-client-required)
    thorough=yes
    for options in '' "--tls-cert $pki/stranger.pem --tls-key $pki/stranger.key"; do
        serve direct
        ways
        for way in "${ways[@]}"; do
            # shellcheck disable=SC2086 # words
            send --server localhost --port $way "${trust[@]}" $options a@example.org
            echo "$way: $status $output"
            # In TLS 1.2 the server may be gone before its alert is read.
            case $way in
            *-VERS-TLS1.3) [ "$status" -eq 75 ] || expect 76 ;;
            *) expect 76 'Certificate is required' --tls-cert ;;
            esac
        done
        judge_server 76
        stop_server
    done
}

@test "client certificate: one that expired is shown to the server, which judges it" {
    new_leaf was root tls_www_client 'activation_date = "2020-01-01 00:00:00 UTC"' \
        'expiration_date = "2020-02-03 04:05:06 UTC"'
    offer=(--tls-client-ca "$pki/root.pem")
    serve direct
    send --tls required "${trust[@]}" --tls-cert "$pki/was.pem" --tls-key "$pki/was.key" \
        a@example.org
    [ "$status" -eq 75 ] || expect 76
    judge_server 76
}

@test "client certificate: in a PKCS#11 token" {
    local uri='pkcs11:token=smtpsend;object=mail' certificate secret
    if ! command -v softhsm2-util >/dev/null || ! command -v p11tool >/dev/null; then
        skip 'no softhsm2-util or no p11tool'
    fi
    # What p11-kit loads for it leaks a little.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
    export SOFTHSM2_CONF=$BATS_TEST_TMPDIR/softhsm.conf
    mkdir "$BATS_TEST_TMPDIR/tokens"
    echo "directories.tokendir = $BATS_TEST_TMPDIR/tokens" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label smtpsend --pin 4711 --so-pin 81518
    openssl pkcs8 -topk8 -nocrypt -in "$pki/client.key" -out "$BATS_TEST_TMPDIR/key"
    softhsm2-util --import "$BATS_TEST_TMPDIR/key" --token smtpsend --label mail --id a1 \
        --pin 4711
    p11tool --list-tokens | grep -q token=smtpsend || skip 'p11-kit has no module for SoftHSM'
    p11tool --login --set-pin 4711 --batch --write --load-certificate "$pki/client.pem" \
        --label mail --id a1 pkcs11:token=smtpsend
    offer=(--tls-client-ca "$pki/root.pem" --tls-client-required)
    judge_client 'CN=Leaf client' --tls-cert "$uri;type=cert" \
        --tls-key "$uri;type=private?pin-value=4711"
    judge_client 'CN=Leaf client' --tls-cert "$uri?pin-value=4711"
    printf 4711 >"$BATS_TEST_TMPDIR/pin"
    judge_client 'CN=Leaf client' --tls-cert "$pki/client.pem" \
        --tls-key "$uri;type=private?pin-source=$BATS_TEST_TMPDIR/pin"
    # A wrong PIN, none, no such object, no such token: 78, and the PIN is not told.
    serve direct
    while read -r certificate secret; do
        send --tls required "${trust[@]}" --tls-cert "$certificate" --tls-key "$secret" \
            a@example.org
        expect 78 'pkcs11:token='
        expect_not pin-value=
    done <<EOF
$uri;type=cert $uri;type=private?pin-value=1147
$uri;type=cert $uri;type=private
$uri;type=cert pkcs11:token=smtpsend;object=none;type=private?pin-value=4711
pkcs11:token=none;object=mail?pin-value=4711 $uri;type=private?pin-value=4711
EOF
    assert_connections 0
}

# refuse STATUS PATTERN OPTION...: before any connection.
refuse() {
    local wanted=$1 pattern=$2
    shift 2
    send --tls required "${trust[@]}" "$@" a@example.org
    echo "$*: $status $output"
    expect "$wanted" 'smtpsend: ' "$pattern"
    assert_connections 0
}

@test "bad modes, floors, priorities, names and pins: 64, before any connection" {
    local good
    good=$(pin direct)
    serve direct
    for mode in nonsense Requiredly '' none; do
        refuse 64 --tls --tls "$mode"
    done
    refuse 64 'not in this build' --tls dane
    for floor in 1.1 1.0 1.4 3 '' TLS1.3; do
        refuse 64 --tls-min --tls-min "$floor"
    done
    refuse 64 "'nonsense'" --tls-priority nonsense
    refuse 64 "'+NONSENSE" --tls-priority NORMAL:+NONSENSE:-VERS-TLS1.2
    for priority in '' NORMAL:-VERS-ALL NORMAL:-VERS-ALL:+VERS-TLS1.1 NONE NORMAL,SECURE; do
        refuse 64 --tls-priority --tls-priority "$priority"
    done
    refuse 64 --tls-min --tls-min 1.3 --tls-priority NORMAL:-VERS-TLS1.3
    for name in '' 'a b' $'a\nb' '*.example.org' a/b 'büch_er.example' a@b; do
        refuse 64 'no name to verify' --tls-name "$name"
    done
    for pin in '' sha256 sha256: sha256// "$good=" "${good%=}" "x$good" \
        "sha1//${good#sha256//}" "sha256:${good#sha256//}" sha256//AAAA "$(pin direct hex)0" \
        "$(pin direct hex | cut -c 1-70)" "$(pin direct hex | sed 's/.$/g/')" " $good"; do
        refuse 64 --tls-pin --tls-pin "$pin"
        refuse 64 --tls-pin --tls-pin "$good" --tls-pin "$pin"
    done
}

@test "authorities and revocation lists that are none: 66 or 78, before any connection" {
    trust=()
    serve direct
    for file in "$BATS_TEST_TMPDIR/missing" "$BATS_TEST_TMPDIR" ''; do
        refuse 66 "--tls-ca '$file'" --tls-ca "$file"
        refuse 66 "--tls-crl '$file'" --tls-ca "$pki/root.pem" --tls-crl "$file"
    done
    # The test's user may be root, who can read anything.
    touch "$BATS_TEST_TMPDIR/closed"
    chmod 0 "$BATS_TEST_TMPDIR/closed"
    [ -r "$BATS_TEST_TMPDIR/closed" ] || refuse 66 closed --tls-ca "$BATS_TEST_TMPDIR/closed"
    for file in "$message" "$pki/root.key" /dev/null; do
        refuse 78 'no certificate in it' --tls-ca "$file"
        refuse 78 'no revocation list' --tls-ca "$pki/root.pem" --tls-crl "$file"
    done
    refuse 78 'no revocation list' --tls-ca "$pki/root.pem" --tls-crl "$pki/root.pem"
    sed '3s/^..../!!!!/' "$pki/root.pem" >"$BATS_TEST_TMPDIR/damaged"
    sed '$d' "$pki/root.pem" >"$BATS_TEST_TMPDIR/short"
    sed '3s/^..../& /' "$pki/root.pem" >"$BATS_TEST_TMPDIR/blank"
    sed '3s/^..../====/' "$pki/root.pem" >"$BATS_TEST_TMPDIR/padded"
    sed '3d' "$pki/root.pem" >"$BATS_TEST_TMPDIR/lacks-a-line"
    sed '3s/^.//' "$pki/root.pem" >"$BATS_TEST_TMPDIR/lacks-a-digit"
    sed '3s/^..../\x00\x00\x00\x00/' "$pki/root.pem" >"$BATS_TEST_TMPDIR/zeros"
    for file in damaged short blank padded lacks-a-line lacks-a-digit zeros; do
        refuse 78 certificate --tls-ca "$BATS_TEST_TMPDIR/$file"
        cat "$pki/other.pem" "$BATS_TEST_TMPDIR/$file" >"$BATS_TEST_TMPDIR/both"
        refuse 78 'damaged certificate' --tls-ca "$BATS_TEST_TMPDIR/both"
        cat "$BATS_TEST_TMPDIR/$file" "$pki/other.pem" >"$BATS_TEST_TMPDIR/both"
        refuse 78 certificate --tls-ca "$BATS_TEST_TMPDIR/both"
    done
    truncate -s 32M "$BATS_TEST_TMPDIR/both"
    refuse 66 'too large' --tls-ca "$BATS_TEST_TMPDIR/both"
    # --tls-insecure needs no authorities; a list it still reads.
    refuse 78 '--tls-crl' --tls-insecure --tls-crl "$message"
}

@test "client certificates and keys that are none: 64, 66 or 78, before any connection" {
    local missing=$BATS_TEST_TMPDIR/missing
    serve direct
    refuse 64 '--tls-key needs --tls-cert' --tls-key "$pki/client.key"
    refuse 66 "--tls-cert '$missing'" --tls-cert "$missing" --tls-key "$pki/client.key"
    refuse 66 "--tls-key '$missing'" --tls-cert "$pki/client.pem" --tls-key "$missing"
    refuse 66 "--tls-cert '$missing'" --tls-cert "$missing"
    refuse 78 'does not belong to' --tls-cert "$pki/client.pem" --tls-key "$pki/root.key"
    (umask 077 && cat "$pki/client.pem" "$pki/root.key" >"$pki/wrong.pem")
    refuse 78 'does not belong to' --tls-cert "$pki/wrong.pem"
    refuse 78 "can't be used" --tls-cert "$message" --tls-key "$pki/client.key"
    refuse 78 "can't be used" --tls-cert "$pki/client.key" --tls-key "$pki/client.key"
    (umask 077 && cp "$pki/client.pem" "$pki/no-key.pem" && chmod 600 "$pki/no-key.pem")
    refuse 78 "can't be used" --tls-cert "$pki/no-key.pem"
    openssl pkcs8 -topk8 -in "$pki/client.key" -passout pass:x -out "$pki/locked.key"
    chmod 600 "$pki/locked.key"
    refuse 78 passphrase --tls-cert "$pki/client.pem" --tls-key "$pki/locked.key"
    cp "$pki/client.key" "$pki/open.key"
    for mode in 644 604 602 601; do
        chmod $mode "$pki/open.key"
        refuse 78 'can be read by everybody' --tls-cert "$pki/client.pem" \
            --tls-key "$pki/open.key"
    done
    chmod 640 "$pki/open.key"
    send --tls required "${trust[@]}" --tls-cert "$pki/client.pem" --tls-key "$pki/open.key" \
        a@example.org
    expect 0
}
