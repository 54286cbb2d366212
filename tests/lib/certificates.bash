# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bats
# certificates.bash: authorities, certificates, revocation lists and OCSP responses for the tests.
#
# Everything lies in $pki as NAME.pem with its key in NAME.key. Made by certtool, the OCSP
# responses by openssl; all keys are ECDSA, and shared, where a test is not about keys.

# new_pki: sets $pki and makes $pki/shared.key. For setup_file.
new_pki() {
    export pki=$BATS_FILE_TMPDIR/pki
    mkdir "$pki"
    if pki_tools; then
        new_key shared --key-type=ecdsa --curve=secp256r1
    fi
}

pki_tools() {
    command -v certtool >/dev/null && command -v openssl >/dev/null
}

# new_key NAME OPTION...: options as for certtool.
new_key() {
    local name=$1
    shift
    certtool --generate-privkey "$@" --outfile "$pki/$name.key" 2>/dev/null
}

# certify NAME ISSUER LINE...: a certificate from the lines of a certtool template, signed by
# ISSUER ('self' for its own key). It lasts for 30 days unless a line says otherwise. Its key is
# $pki/NAME.key if that is there, else the shared one, which is copied. $hash: another hash.
certify() {
    local name=$1 issuer=$2 source=()
    shift 2
    [ -e "$pki/$name.key" ] || cp "$pki/shared.key" "$pki/$name.key"
    printf '%s\n' "$@" >"$pki/$name.template"
    [[ $* == *_date* ]] || echo 'expiration_days = 30' >>"$pki/$name.template"
    if [ "$issuer" = self ]; then
        source=(--generate-self-signed)
    else
        source=(--generate-certificate --load-ca-certificate "$pki/$issuer.pem"
            --load-ca-privkey "$pki/$issuer.key")
    fi
    certtool "${source[@]}" --load-privkey "$pki/$name.key" --template "$pki/$name.template" \
        --hash "${hash:-SHA256}" --outfile "$pki/$name.pem" 2>"$pki/$name.said" ||
        { cat "$pki/$name.said" && return 1; }
}

# new_authority NAME ISSUER [LINE...]: with a key of its own.
new_authority() {
    local name=$1 issuer=$2
    shift 2
    new_key "$name" --key-type=ecdsa --curve=secp256r1
    certify "$name" "$issuer" ca cert_signing_key crl_signing_key \
        "$([[ $* == *'cn ='* ]] || echo "cn = Test $name")" "$@"
}

# new_leaf NAME ISSUER LINE...: for servers, unless a line says otherwise.
new_leaf() {
    local name=$1 issuer=$2
    shift 2
    certify "$name" "$issuer" signing_key "cn = Leaf $name" "$@" \
        "$([[ $* == *tls_www_* ]] || echo tls_www_server)"
}

# chain NAME PART...: $pki/NAME.pem of the certificates PART..., with the first one's key.
chain() {
    local name=$1 part
    shift
    cp "$pki/$1.key" "$pki/$name.key"
    for part in "$@"; do
        cat "$pki/$part.pem"
    done >"$pki/$name.pem"
}

# revocation_list NAME ISSUER THIS NEXT [REVOKED]...: $pki/NAME.crl; THIS and NEXT are dates.
revocation_list() {
    local name=$1 issuer=$2 revoked=()
    printf 'crl_this_update_date = "%s"\ncrl_next_update_date = "%s"\ncrl_number = 1\n' \
        "$3" "$4" >"$pki/$name.template"
    shift 4
    for leaf in "$@"; do
        cat "$pki/$leaf.pem"
    done >"$pki/$name.revoked"
    [ $# -eq 0 ] || revoked=(--load-certificate "$pki/$name.revoked")
    certtool --generate-crl --load-ca-certificate "$pki/$issuer.pem" \
        --load-ca-privkey "$pki/$issuer.key" "${revoked[@]}" --template "$pki/$name.template" \
        --outfile "$pki/$name.crl" 2>/dev/null
}

# pin NAME [HEX]: the public key's pin, in base64 or (with the second word) in hex.
pin() {
    openssl x509 -in "$pki/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER |
        if [ $# -gt 1 ]; then
            sha256sum | sed 's/ .*//; s/^/sha256:/'
        else
            openssl dgst -sha256 -binary | base64 | sed 's|^|sha256//|'
        fi
}

# DER as one line of hex.
hex_of() {
    od -An -v -tx1 "$@" | tr -d ' \n'
}

# der FILE SECTION-LINE...: what openssl's ASN.1 generator makes of the lines.
der() {
    local out=$1
    shift
    printf '%s\n' 'asn1 = SEQUENCE:top' "$@" >"$out.conf"
    openssl asn1parse -genconf "$out.conf" -noout -out "$out" 2>"$out.said" ||
        { cat "$out.said" "$out.conf" && return 1; }
}

# The OCSP request for a certificate has its id, in hex: $name_hash, $key_hash, $serial.
certificate_id() {
    local text
    text=$(openssl ocsp -no_nonce -issuer "$pki/$2.pem" -cert "$pki/$1.pem" -req_text) || return
    name_hash=$(sed -n 's/.*Issuer Name Hash: //p' <<<"$text")
    key_hash=$(sed -n 's/.*Issuer Key Hash: //p' <<<"$text")
    serial=$(sed -n 's/.*Serial Number: //p' <<<"$text")
}

# ocsp_response NAME LEAF ISSUER SIGNER good|revoked THIS NEXT: $pki/NAME.ocsp (RFC 6960 section
# 4.2), the times as 20250101000000Z. openssl's own responder can't date one back. SIGNER's key
# signs it, in the name of ISSUER, which has to be of new_authority.
ocsp_response() {
    local name=$1 leaf=$2 issuer=$3 signer=$4 state='IMPLICIT:0,NULL' at=$6 until=$7
    local name_hash key_hash serial tbs signature
    certificate_id "$leaf" "$issuer" || return
    [ "$5" = good ] || state='IMPLICIT:1,SEQUENCE:revoked'
    tbs=('[tbs]' 'by = EXPLICIT:1,SEQUENCE:name' "at = GENERALIZEDTIME:$at"
        'all = SEQUENCE:all' '[all]' 'one = SEQUENCE:one'
        '[name]' 'rdn = SET:rdn' '[rdn]' 'pair = SEQUENCE:pair'
        '[pair]' 'type = OID:commonName' "value = PRINTABLESTRING:Test $issuer"
        '[one]' 'id = SEQUENCE:id' "state = $state" "this = GENERALIZEDTIME:$at"
        "next = EXPLICIT:0,GENERALIZEDTIME:$until"
        '[id]' 'hash = SEQUENCE:sha1' "issuer = FORMAT:HEX,OCTETSTRING:$name_hash"
        "key = FORMAT:HEX,OCTETSTRING:$key_hash" "serial = INTEGER:0x$serial"
        '[sha1]' 'oid = OID:1.3.14.3.2.26' 'none = NULL' '[revoked]' "at = GENERALIZEDTIME:$at")
    der "$pki/$name.tbs" "${tbs[@]/#\[tbs\]/[top]}" || return
    signature=$(openssl dgst -sha256 -sign "$pki/$signer.key" "$pki/$name.tbs" | hex_of)
    der "$pki/$name.basic" '[top]' 'tbs = SEQUENCE:tbs' 'algorithm = SEQUENCE:algorithm' \
        "signature = FORMAT:HEX,BITSTRING:$signature" \
        '[algorithm]' 'oid = OID:1.2.840.10045.4.3.2' "${tbs[@]}" || return
    der "$pki/$name.ocsp" '[top]' 'status = ENUMERATED:0' 'bytes = EXPLICIT:0,SEQUENCE:bytes' \
        '[bytes]' 'type = OID:1.3.6.1.5.5.7.48.1.1' \
        "response = FORMAT:HEX,OCTETSTRING:$(hex_of "$pki/$name.basic")"
}
