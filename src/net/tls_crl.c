#include "net/tls_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Dates are judged apart, in words. */
enum {
    NO_DATES = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS,
    ABOUT_DATES = GNUTLS_CERT_INVALID | GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
                  GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE
};

/* One certificate of a chain whose issuer has published a list. */
struct revocable {
    struct tls_context *context;
    const struct tls_lib *lib;
    const gnutls_datum_t *chain;
    unsigned int count;
    gnutls_x509_crt_t crt;
    gnutls_datum_t issuer;
};

int crls_read(struct tls_context *c, struct err *e)
{
    const char *file = c->wishes.crl_file;
    gnutls_datum_t pem;
    size_t len;
    int code;

    if (!file)
        return 0;
    pem.data = (unsigned char *)bundle_slurp(file, &len);
    if (!pem.data)
        return err_system(e, ERR_NOINPUT, errno, "--tls-crl '%.256s'", file);
    pem.size = (unsigned int)len;
    code =
        c->lib->x509_crl_list_import2(&c->lists, &c->list_count, &pem, GNUTLS_X509_FMT_PEM, 0);
    free(pem.data);
    if (code < 0) {
        c->lists = NULL;
        c->list_count = 0;
    } else {
        code = c->lib->certificate_set_x509_crl(c->credentials, c->lists, (int)c->list_count);
    }
    if (code >= 0)
        return 0;
    err_set(e, ERR_CONFIG, "--tls-crl '%.256s' is no revocation list", file);
    return err_hint(e, "it needs a PEM file of revocation lists");
}

void crls_release(struct tls_context *c)
{
    unsigned int i;

    for (i = 0; i < c->list_count; i++)
        c->lib->x509_crl_deinit(c->lists[i]);
    free(c->lists);
}

static bool same(const gnutls_datum_t *a, const gnutls_datum_t *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, a->size);
}

enum signature {
    SIGNED_NEITHER,
    SIGNED_CERTIFICATE, /* but not the list */
    SIGNED_BOTH
};

static enum signature signed_by(const struct revocable *r, gnutls_x509_crl_t list,
                                gnutls_x509_crt_t authority)
{
    unsigned int status = 0;

    if (r->lib->x509_crt_verify(r->crt, &authority, 1, NO_DATES, &status) < 0 || status)
        return SIGNED_NEITHER;
    if (r->lib->x509_crl_verify(list, &authority, 1, NO_DATES, &status) < 0 ||
        (status & ~(unsigned int)ABOUT_DATES))
        return SIGNED_CERTIFICATE;
    return SIGNED_BOTH;
}

/* The authority is an anchor or came with the chain. If it is neither, then the certificate is
 * itself where trust begins, and nobody can revoke it. */
static bool is_authentic(const struct revocable *r, gnutls_x509_crl_t list)
{
    enum signature best = SIGNED_NEITHER, one = SIGNED_NEITHER;
    gnutls_datum_t issuer, subject;
    gnutls_x509_crt_t authority;
    unsigned int i;

    if (r->lib->certificate_get_issuer(r->context->credentials, r->crt, &authority, 0) >= 0)
        best = signed_by(r, list, authority);
    for (i = 0; i < r->count && best != SIGNED_BOTH; i++) {
        if (!certificate_names(r->chain[i].data, r->chain[i].size, &issuer, &subject) ||
            !same(&subject, &r->issuer) || r->lib->x509_crt_init(&authority) < 0)
            continue;
        if (r->lib->x509_crt_import(authority, &r->chain[i], GNUTLS_X509_FMT_DER) >= 0)
            one = signed_by(r, list, authority);
        best = one > best ? one : best;
        r->lib->x509_crt_deinit(authority);
    }
    return best != SIGNED_CERTIFICATE;
}

static int check_list(const struct revocable *r, gnutls_x509_crl_t list, struct err *e)
{
    time_t due = r->lib->x509_crl_get_next_update(list);
    char day[TLS_DATE_MAX];

    if (!is_authentic(r, list)) {
        err_set(e, ERR_PROTOCOL,
                "the revocation list is not signed by the authority that it names");
        return err_hint(e, "get another one for --tls-crl");
    }
    if (due == (time_t)-1 || due >= time(NULL) || !tls_date(due, day))
        return 0;
    err_set(e, ERR_PROTOCOL,
            "the revocation list of the certificate's authority is too old: "
            "the next one was due on %s",
            day);
    return err_hint(e, "get the new one for --tls-crl");
}

/* Of the lists in its issuer's name, if there are any, one has to be good. */
static int check_one(const struct revocable *r, struct err *e)
{
    gnutls_datum_t name;
    bool named, bad = false;
    unsigned int i;

    for (i = 0; i < r->context->list_count; i++) {
        if (r->lib->x509_crl_get_raw_issuer_dn(r->context->lists[i], &name) < 0)
            continue;
        named = same(&name, &r->issuer);
        free(name.data);
        if (!named)
            continue;
        if (!check_list(r, r->context->lists[i], e)) {
            err_release(e);
            return 0;
        }
        bad = true;
    }
    return bad ? -1 : 0;
}

int crls_check(struct tls_context *c, const gnutls_datum_t *chain, unsigned int count,
               struct err *e)
{
    struct revocable r = {.context = c, .lib = c->lib, .chain = chain, .count = count};
    gnutls_datum_t subject;
    unsigned int i;
    int status = 0;

    for (i = 0; i < count && c->list_count && !status; i++) {
        if (!certificate_names(chain[i].data, chain[i].size, &r.issuer, &subject) ||
            same(&subject, &r.issuer))
            continue;
        if (c->lib->x509_crt_init(&r.crt) < 0)
            return err_set(e, ERR_OS, "no memory for TLS");
        if (c->lib->x509_crt_import(r.crt, &chain[i], GNUTLS_X509_FMT_DER) >= 0)
            status = check_one(&r, e);
        c->lib->x509_crt_deinit(r.crt);
    }
    return status;
}
