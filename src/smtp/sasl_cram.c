/* sasl_cram.c: CRAM-MD5 (RFC 2195). */
#include "base/tls_lib.h"
#include "smtp/sasl_mechanisms.h"

static enum sasl_result respond(struct sasl *s, const char *challenge, size_t len,
                                struct buf *response, struct err *e)
{
    const struct tls_lib *lib = tls_lib_load(e);
    const struct secret *password = s->identity->password;
    unsigned char digest[16];
    size_t i;

    if (!lib)
        return SASL_UNABLE;
    if (s->step || !len) {
        err_set(e, ERR_PROTOCOL, "the server's challenge makes no sense in CRAM-MD5");
        return SASL_UNABLE;
    }
    if (lib->hmac_fast(GNUTLS_MAC_MD5, secret_bytes(password), secret_length(password),
                       challenge, len, digest) < 0) {
        err_set(e, ERR_UNAVAILABLE, "MD5 is not allowed on this system");
        return SASL_UNABLE;
    }
    buf_addf(response, "%s ", s->identity->user);
    for (i = 0; i < sizeof(digest); i++)
        buf_addf(response, "%02x", digest[i]);
    return SASL_OK;
}

const struct sasl_mechanism sasl_cram_md5 = {
    .name = "CRAM-MD5", .proof = SASL_PASSWORD, .needs_user = true, .respond = respond};
