#include "net/tls_context.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Certificates are a few KiB, bundles a few hundred. */
enum { BUNDLE_MAX = 32 * 1024 * 1024, CERTIFICATE_MAX = 256 * 1024 };

/* Where systems keep their bundle: Debian and kin, Fedora and kin, SUSE, Alpine and BSD. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

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

static bool is_blank(char c)
{
    return c == '\r' || c == ' ' || c == '\t';
}

/* The DER of the PEM block whose text lies in [AT, END). False where it is no base64. */
static bool decode(const char *at, const char *end, struct buf *scratch, struct buf *der)
{
    const char *line_end, *stop;

    buf_clear(scratch);
    buf_clear(der);
    while (at < end) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            line_end = end;
        for (stop = line_end; stop > at && is_blank(stop[-1]);)
            stop--;
        buf_add(scratch, at, (size_t)(stop - at));
        at = line_end < end ? line_end + 1 : end;
    }
    return !scratch->failed && !text_unbase64(der, scratch->data, scratch->len);
}

/* Whether DER is one certificate and nothing else. */
static bool is_certificate(const struct buf *der)
{
    const unsigned char *data = (const unsigned char *)der->data, *end = data + der->len;
    gnutls_datum_t issuer, subject;
    struct element outer;

    return der_read(data, end, &outer) && outer.end == end &&
           certificate_names(data, der->len, &issuer, &subject);
}

/* Turn the bundle from PEM to DER, one certificate after another, where it stands: that is
 * always shorter. The number of certificates; to *BAD that of blocks which are none. */
static size_t decode_all(struct anchors *anchors, size_t *bad)
{
    char *out = anchors->data;
    const char *at = out, *end = at + anchors->len, *stop;
    struct buf scratch, der;
    size_t good = 0;

    buf_init(&scratch, CERTIFICATE_MAX);
    buf_init(&der, CERTIFICATE_MAX);
    *bad = 0;
    while ((at = memmem(at, (size_t)(end - at), begin_line, strlen(begin_line)))) {
        at += strlen(begin_line);
        stop = memmem(at, (size_t)(end - at), end_line, strlen(end_line));
        if (!stop) {
            ++*bad;
            break;
        }
        while (at < stop && (is_blank(*at) || *at == '\n'))
            at++;
        if (decode(at, stop, &scratch, &der) && is_certificate(&der)) {
            memcpy(out, der.data, der.len);
            out += der.len;
            good++;
        } else {
            ++*bad;
        }
        at = stop;
    }
    anchors->len = (size_t)(out - anchors->data);
    buf_release(&scratch);
    buf_release(&der);
    return good;
}

char *tls_read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), saved;
    size_t cap = 256 * 1024;
    char *text = NULL, *larger;
    ssize_t n = 1;

    *len = 0;
    while (fd >= 0 && n > 0) {
        if (!text || *len == cap) {
            cap = text ? cap * 2 : cap;
            larger = cap <= BUNDLE_MAX ? realloc(text, cap) : NULL;
            if (!larger) {
                n = -1;
                errno = EFBIG;
                break;
            }
            text = larger;
        }
        n = read(fd, text + *len, cap - *len);
        *len += n > 0 ? (size_t)n : 0;
    }
    saved = errno;
    if (fd >= 0)
        close(fd);
    if (fd < 0 || n < 0) {
        free(text);
        text = NULL;
    }
    errno = saved;
    return text;
}

int anchors_read(struct anchors *anchors, const char *path, struct err *e)
{
    size_t good, bad;

    anchors->data = tls_read_file(path, &anchors->len);
    if (!anchors->data)
        return err_system(e, ERR_NOINPUT, errno, "--tls-ca '%.256s'", path);
    good = decode_all(anchors, &bad);
    if (good && !bad)
        return 0;
    err_set(e, ERR_CONFIG,
            good ? "--tls-ca '%.256s' has a damaged certificate in it"
                 : "--tls-ca '%.256s' has no certificate in it",
            path);
    return err_hint(e, "it needs a PEM file of the authorities to trust");
}

int anchors_read_system(struct anchors *anchors)
{
    size_t i, bad;

    for (i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        anchors->data = tls_read_file(bundles[i], &anchors->len);
        if (anchors->data && decode_all(anchors, &bad))
            return 1;
        anchors_release(anchors);
    }
    return 0;
}

void anchors_release(struct anchors *anchors)
{
    free(anchors->data);
    *anchors = (struct anchors){0};
}

static bool is_among(const gnutls_datum_t *name, const gnutls_datum_t *names, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (names[i].size == name->size && !memcmp(names[i].data, name->data, name->size))
            return true;
    }
    return false;
}

/* Import the anchors whose subject is one of NAMES. One that GnuTLS can't read can't be trusted;
 * the verdict on the chain will say so. */
static void import_named(struct tls_context *c, const gnutls_datum_t *names, size_t count)
{
    const unsigned char *at = (const unsigned char *)c->anchors.data,
                        *end = at + c->anchors.len;
    gnutls_datum_t issuer, subject, certificate;
    struct element outer;

    for (; der_read(at, end, &outer); at = outer.end) {
        certificate.data = (unsigned char *)outer.whole;
        certificate.size = (unsigned int)(outer.end - outer.whole);
        if (certificate_names(certificate.data, certificate.size, &issuer, &subject) &&
            is_among(&subject, names, count))
            (void)c->lib->certificate_set_x509_trust_mem(c->credentials, &certificate,
                                                         GNUTLS_X509_FMT_DER);
    }
}

int anchors_import(struct tls_context *c, const gnutls_datum_t *chain, unsigned int count,
                   struct err *e)
{
    gnutls_datum_t *names;
    size_t n = 0;
    unsigned int i;

    if (!c->anchors.data)
        return 0;
    names = calloc((size_t)count * 2, sizeof(*names));
    if (!names)
        return err_set(e, ERR_OS, "no memory for TLS");
    for (i = 0; i < count; i++) {
        if (certificate_names(chain[i].data, chain[i].size, &names[n], &names[n + 1]))
            n += 2;
    }
    import_named(c, names, n);
    free(names);
    return 0;
}
