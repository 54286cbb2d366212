#include "net/tls_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Certificates are a few KiB; the notes on those of a bundle a dozen or two. */
enum { CERTIFICATE_MAX = 192 * 1024, ANCHORS_MAX = 32 * 1024 * 1024 };

/* Where systems keep their bundle: Debian and kin, Fedora and kin, SUSE, Alpine and BSD. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

/* One element of DER (X.690): its whole and its content. */
struct element {
    const unsigned char *whole, *content, *end;
    unsigned char tag;
};

/* Read the element at P. False where it is not whole or of a form that certificates don't use. */
static bool der_read(const unsigned char *p, const unsigned char *end, struct element *out)
{
    size_t len, bytes;

    if (end - p < 2)
        return false;
    out->whole = p;
    out->tag = p[0];
    len = p[1];
    p += 2;
    if (len & 0x80) {
        bytes = len & 0x7f;
        if (!bytes || bytes > 4 || (size_t)(end - p) < bytes)
            return false;
        for (len = 0; bytes; bytes--)
            len = len << 8 | *p++;
    }
    if ((size_t)(end - p) < len)
        return false;
    out->content = p;
    out->end = p + len;
    return true;
}

/* RFC 5280 section 4.1: tbsCertificate is version [0], serialNumber, signature, issuer, validity,
 * subject. */
bool certificate_names(const unsigned char *der, size_t len, gnutls_datum_t *issuer,
                       gnutls_datum_t *subject)
{
    struct element outer, tbs, field;
    const unsigned char *at;
    int i;

    *issuer = *subject = (gnutls_datum_t){NULL, 0};
    if (!der_read(der, der + len, &outer) || !der_read(outer.content, outer.end, &tbs))
        return false;
    at = tbs.content;
    if (at < tbs.end && *at == 0xa0) {
        if (!der_read(at, tbs.end, &field))
            return false;
        at = field.end;
    }
    for (i = 0; i < 5; i++) {
        if (!der_read(at, tbs.end, &field))
            return false;
        if (i == 2 || i == 4) {
            gnutls_datum_t *name = i == 2 ? issuer : subject;

            name->data = (unsigned char *)field.whole;
            name->size = (unsigned int)(field.end - field.whole);
        }
        at = field.end;
    }
    return true;
}

/* Whether DER is one certificate and nothing else, and whose. */
static bool is_certificate(const unsigned char *der, size_t len, gnutls_datum_t *subject)
{
    gnutls_datum_t issuer;
    struct element outer;

    return len <= CERTIFICATE_MAX && der_read(der, der + len, &outer) &&
           outer.end == der + len && certificate_names(der, len, &issuer, subject);
}

static int add_anchor(struct anchors *anchors, const struct bundle_block *block,
                      const gnutls_datum_t *subject)
{
    struct anchor anchor = {
        .place = block->place, .subject = anchors->subjects.len, .subject_len = subject->size};

    return buf_add(&anchors->subjects, subject->data, subject->size) ||
                   buf_add(&anchors->list, &anchor, sizeof(anchor))
               ? -1
               : 0;
}

/* Note the certificates of the bundle at PATH, and in *BAD the number of blocks that are none. -1
 * and errno. */
static int note_all(struct anchors *anchors, const char *path, size_t *bad)
{
    struct bundle_block block;
    gnutls_datum_t subject;
    int found = 0;

    *bad = 0;
    buf_init(&anchors->list, ANCHORS_MAX);
    buf_init(&anchors->subjects, ANCHORS_MAX);
    anchors->bundle = bundle_open(path);
    while (anchors->bundle && (found = bundle_next(anchors->bundle, &block)) > 0) {
        if (!is_certificate(block.der, block.len, &subject)) {
            ++*bad;
        } else if (add_anchor(anchors, &block, &subject)) {
            errno = ENOMEM;
            return -1;
        }
    }
    return anchors->bundle ? found : -1;
}

static size_t anchors_count(const struct anchors *anchors)
{
    return anchors->list.len / sizeof(struct anchor);
}

int anchors_read(struct anchors *anchors, const char *path, struct err *e)
{
    size_t bad;

    if (note_all(anchors, path, &bad))
        return err_system(e, ERR_NOINPUT, errno, "--tls-ca '%.256s'", path);
    if (anchors_count(anchors) && !bad)
        return 0;
    err_set(e, ERR_CONFIG,
            anchors_count(anchors) ? "--tls-ca '%.256s' has a damaged certificate in it"
                                   : "--tls-ca '%.256s' has no certificate in it",
            path);
    return err_hint(e, "it needs a PEM file of the authorities to trust");
}

int anchors_read_system(struct anchors *anchors)
{
    size_t i, bad;

    for (i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        if (!note_all(anchors, bundles[i], &bad) && anchors_count(anchors))
            return 1;
        anchors_release(anchors);
    }
    return 0;
}

void anchors_release(struct anchors *anchors)
{
    bundle_close(anchors->bundle);
    buf_release(&anchors->list);
    buf_release(&anchors->subjects);
    *anchors = (struct anchors){0};
}

static bool is_among(const gnutls_datum_t *name, const gnutls_datum_t *names, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (names[i].size == name->size && !memcmp(names[i].data, name->data, name->size))
            return true;
    }
    return false;
}

/* One that GnuTLS can't read, or that has gone from the file, can't be trusted; the verdict on
 * the chain will say so. */
static void import(struct tls_context *c, const struct bundle_place *place)
{
    size_t len;
    unsigned char *der = bundle_again(c->anchors.bundle, place, &len);
    gnutls_datum_t certificate = {der, (unsigned int)len};

    if (der)
        (void)c->lib->certificate_set_x509_trust_mem(c->credentials, &certificate,
                                                     GNUTLS_X509_FMT_DER);
    free(der);
}

/* Import the anchors whose subject is one of NAMES. */
static void import_named(struct tls_context *c, const gnutls_datum_t *names, size_t n)
{
    const struct anchor *list = (const struct anchor *)(const void *)c->anchors.list.data;
    gnutls_datum_t subject;
    size_t i;

    for (i = 0; i < anchors_count(&c->anchors); i++) {
        subject.data = (unsigned char *)c->anchors.subjects.data + list[i].subject;
        subject.size = (unsigned int)list[i].subject_len;
        if (is_among(&subject, names, n))
            import(c, &list[i].place);
    }
}

int anchors_import(struct tls_context *c, const gnutls_datum_t *chain, unsigned int length,
                   struct err *e)
{
    gnutls_datum_t *names;
    size_t n = 0;
    unsigned int i;

    if (!anchors_count(&c->anchors))
        return 0;
    names = calloc((size_t)length * 2, sizeof(*names));
    if (!names)
        return err_set(e, ERR_OS, "no memory for TLS");
    for (i = 0; i < length; i++) {
        if (certificate_names(chain[i].data, chain[i].size, &names[n], &names[n + 1]))
            n += 2;
    }
    import_named(c, names, n);
    free(names);
    return 0;
}
