#include "net/tls_context.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAMES_MAX = 600, NAMES_SHOWN = 12, SAN_MAX = 1024 };

/* A verdict under way. */
struct verdict {
    const struct tls_context *context;
    const struct tls_lib *lib;
    gnutls_session_t session;
    const gnutls_datum_t *chain;
    unsigned int count;
    gnutls_x509_crt_t leaf;
    struct err *e;
};

static bool is_address(const char *name, unsigned char bytes[16], size_t *len)
{
    if (inet_pton(AF_INET, name, bytes) == 1)
        *len = 4;
    else if (inet_pton(AF_INET6, name, bytes) == 1)
        *len = 16;
    else
        return false;
    return true;
}

/* One subject alternative name. Its type, or a negative code at the end of the list. */
static int alternative_name(const struct verdict *v, unsigned int i, char san[SAN_MAX],
                            size_t *len)
{
    *len = SAN_MAX - 1;
    return v->lib->x509_crt_get_subject_alt_name(v->leaf, i, san, len, NULL);
}

/* The names of the certificate, for the user to compare. */
static void list_names(const struct verdict *v, struct buf *out)
{
    char san[SAN_MAX], address[INET6_ADDRSTRLEN];
    unsigned int i;
    size_t len;
    int type;

    for (i = 0; i < NAMES_SHOWN; i++) {
        type = alternative_name(v, i, san, &len);
        if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
            return;
        if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_IPADDRESS)
            continue;
        if (out->len)
            buf_addstr(out, ", ");
        if (type == GNUTLS_SAN_DNSNAME)
            text_escape(out, san, len);
        else if (inet_ntop(len == 4 ? AF_INET : AF_INET6, san, address, sizeof(address)))
            buf_addstr(out, address);
    }
    buf_addstr(out, ", ...");
}

/* RFC 9525 section 6.3: case does not count, and "*" as the whole leftmost label stands for any
 * one label. GnuTLS would also take "*il.example.org" for mail.example.org. */
static bool dns_matches(const char *pattern, size_t len, const char *name)
{
    if (len > 2 && !memcmp(pattern, "*.", 2) && memchr(pattern + 2, '.', len - 2)) {
        size_t label = strcspn(name, ".");

        if (!label)
            return false;
        name += label;
        pattern++;
        len--;
    }
    return text_same_n(pattern, len, name);
}

/* RFC 9525 section 6: a DNS name matches a dNSName alone and an address an iPAddress alone; the
 * common name counts for nothing. */
static bool names_match(const struct verdict *v)
{
    const char *name = v->context->name;
    unsigned char address[16];
    char san[SAN_MAX];
    size_t len, address_len = 0;
    unsigned int i;
    bool numeric = is_address(name, address, &address_len);
    int type;

    for (i = 0; (type = alternative_name(v, i, san, &len)) >= 0 ||
                type == GNUTLS_E_SHORT_MEMORY_BUFFER;
         i++) {
        if (type == GNUTLS_SAN_IPADDRESS && numeric && len == address_len &&
            !memcmp(san, address, len))
            return true;
        if (type == GNUTLS_SAN_DNSNAME && !numeric && dns_matches(san, len, name))
            return true;
    }
    return false;
}

static int check_name(const struct verdict *v)
{
    const char *name = v->context->name;
    struct buf names;

    if (names_match(v))
        return 0;
    buf_init(&names, NAMES_MAX);
    list_names(v, &names);
    if (names.len)
        err_set(v->e, ERR_PROTOCOL, "the certificate is not for '%.255s' but for %s", name,
                names.data);
    else
        err_set(v->e, ERR_PROTOCOL,
                "the certificate is not for '%.255s': it has no alternative name", name);
    buf_release(&names);
    return err_hint(v->e,
                    "is --server the name in the certificate? --tls-name expects another");
}

bool tls_date(time_t when, char day[TLS_DATE_MAX])
{
    struct tm parts;

    return when != (time_t)-1 && gmtime_r(&when, &parts) &&
           strftime(day, TLS_DATE_MAX, "%Y-%m-%d %H:%M UTC", &parts);
}

/* The first certificate of the chain that is out of its dates, in words. */
static bool explain_dates(const struct verdict *v, unsigned int status)
{
    time_t now = time(NULL), when;
    gnutls_x509_crt_t crt;
    char day[TLS_DATE_MAX];
    unsigned int i;
    bool expired = status & GNUTLS_CERT_EXPIRED, found = false;

    for (i = 0; i < v->count && !found; i++) {
        if (v->lib->x509_crt_init(&crt) < 0)
            return false;
        if (v->lib->x509_crt_import(crt, &v->chain[i], GNUTLS_X509_FMT_DER) >= 0) {
            when = expired ? v->lib->x509_crt_get_expiration_time(crt)
                           : v->lib->x509_crt_get_activation_time(crt);
            found = when != (time_t)-1 && (expired ? when < now : when > now) &&
                    tls_date(when, day);
        }
        v->lib->x509_crt_deinit(crt);
    }
    if (found)
        err_set(v->e, ERR_PROTOCOL, "the server's certificate%s %s %s",
                i > 1 ? " authority's certificate" : "",
                expired ? "expired on" : "is not valid before", day);
    return found;
}

/* Whose signature the chain ends in, when nobody here knows them. */
static void explain_issuer(const struct verdict *v)
{
    gnutls_datum_t issuer = {NULL, 0};
    gnutls_x509_crt_t last;
    struct buf shown;

    buf_init(&shown, 512);
    if (v->lib->x509_crt_init(&last) >= 0) {
        if (v->lib->x509_crt_import(last, &v->chain[v->count - 1], GNUTLS_X509_FMT_DER) >= 0 &&
            v->lib->x509_crt_get_issuer_dn3(last, &issuer, 0) >= 0)
            text_escape(&shown, (char *)issuer.data, strnlen((char *)issuer.data, 200));
        free(issuer.data);
        v->lib->x509_crt_deinit(last);
    }
    if (v->count == 1 && v->lib->x509_crt_check_issuer(v->leaf, v->leaf))
        err_set(v->e, ERR_PROTOCOL, "the server's certificate is self-signed and not trusted");
    else
        err_set(v->e, ERR_PROTOCOL, "the issuer of the server's certificate is not trusted: %s",
                shown.data);
    buf_release(&shown);
    err_hint(v->e, "--tls-ca FILE trusts another authority, --tls-pin this server's key");
}

/* What each remaining fault means; the first that holds is told. */
static const struct {
    unsigned int status;
    const char *words;
} faults[] = {
    {GNUTLS_CERT_REVOKED, "the server's certificate has been revoked"},
    {GNUTLS_CERT_PURPOSE_MISMATCH, "the certificate is not meant for servers"},
    {GNUTLS_CERT_INSECURE_ALGORITHM,
     "the certificate has a key or a signature that is too weak"},
    {GNUTLS_CERT_MISSING_OCSP_STATUS,
     "the certificate must come with an OCSP status (must-staple), and none came"},
    {GNUTLS_CERT_INVALID_OCSP_STATUS, "the OCSP status of the certificate is invalid"},
    {GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, "the revocation list or OCSP status is too old"},
    {GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE,
     "the revocation list or OCSP status is from the future"},
    {GNUTLS_CERT_SIGNER_NOT_CA, "the certificate's issuer is no certificate authority"},
    {GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE,
     "the certificate's issuer may not issue such certificates"},
    {GNUTLS_CERT_SIGNATURE_FAILURE, "the signature of the certificate is wrong"},
};

static int explain(const struct verdict *v, unsigned int status)
{
    gnutls_datum_t words = {NULL, 0};
    size_t i;
    int code;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (status & faults[i].status)
            return err_set(v->e, ERR_PROTOCOL, "%s", faults[i].words);
    }
    if ((status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) &&
        explain_dates(v, status))
        return err_hint(v->e, "is the clock of this machine right?");
    if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
        explain_issuer(v);
        return -1;
    }
    code = v->lib->certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
    err_set(v->e, ERR_PROTOCOL, "the server's certificate was not accepted: %.*s",
            code < 0 ? 0 : (int)words.size, code < 0 ? "" : (const char *)words.data);
    free(words.data);
    return -1;
}

static int check_chain(const struct verdict *v)
{
    static unsigned char purpose[] = GNUTLS_KP_TLS_WWW_SERVER;
    gnutls_typed_vdata_st data = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = purpose, .size = 0};
    unsigned int status = 0;
    int code = v->lib->certificate_verify_peers(v->session, &data, 1, &status);

    if (code < 0)
        return err_set(v->e, ERR_PROTOCOL, "the server's certificate can't be verified: %s",
                       v->lib->strerror(code));
    return status ? explain(v, status) : 0;
}

/* The SHA-256 of the server's SubjectPublicKeyInfo must be one of the pins. */
static int check_pins(const struct verdict *v)
{
    const struct tls_context *c = v->context;
    unsigned char key[PIN_BYTES];
    size_t len = sizeof(key), i;
    struct buf shown;

    if (v->lib->x509_crt_get_key_id(v->leaf, GNUTLS_KEYID_USE_SHA256, key, &len) < 0 ||
        len != sizeof(key))
        return err_set(v->e, ERR_PROTOCOL, "the server's public key can't be read");
    for (i = 0; i < c->pin_count; i++) {
        if (!memcmp(key, c->pins[i], sizeof(key)))
            return 0;
    }
    buf_init(&shown, 128);
    text_base64(&shown, key, sizeof(key));
    err_set(v->e, ERR_PROTOCOL, "the server's key is not the pinned one but sha256//%s",
            shown.data);
    buf_release(&shown);
    return err_hint(v->e, "if the server has a new key, change --tls-pin");
}

static int judge(struct verdict *v, struct tls_context *c)
{
    if (v->lib->x509_crt_import(v->leaf, &v->chain[0], GNUTLS_X509_FMT_DER) < 0)
        return err_set(v->e, ERR_PROTOCOL, "the server's certificate can't be read");
    if (c->pin_count && check_pins(v))
        return -1;
    if (!c->wishes.verify || (c->pin_count && !c->wishes.ca_file))
        return 0;
    if (anchors_import(c, v->chain, v->count, v->e) || check_chain(v) ||
        crls_check(c, v->chain, v->count, v->e))
        return -1;
    return check_name(v);
}

int tls_verify(struct tls_context *c, gnutls_session_t session, struct err *e)
{
    struct verdict v = {.context = c, .lib = c->lib, .session = session, .e = e};
    int status;

    if (!c->wishes.verify && !c->pin_count)
        return 0;
    v.chain = c->lib->certificate_get_peers(session, &v.count);
    if (!v.chain || !v.count)
        return err_set(e, ERR_PROTOCOL, "the server sent no certificate");
    if (c->lib->x509_crt_init(&v.leaf) < 0)
        return err_set(e, ERR_OS, "no memory for TLS");
    status = judge(&v, c);
    c->lib->x509_crt_deinit(v.leaf);
    if (status) /* so that the server's log says why we went */
        (void)c->lib->alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
    return status;
}
