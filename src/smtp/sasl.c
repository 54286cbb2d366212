#include "smtp/sasl.h"

#include "base/text.h"
#include "base/tls_lib.h"
#include "smtp/sasl_mechanisms.h"

#include <stdlib.h>
#include <string.h>

enum { SAID_MAX = 4096 };

static enum sasl_result add_password(struct sasl *s, struct buf *response)
{
    buf_add(response, secret_bytes(s->identity->password),
            secret_length(s->identity->password));
    return SASL_OK;
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. */
static enum sasl_result plain_respond(struct sasl *s, const char *challenge, size_t len,
                                      struct buf *response, struct err *e)
{
    (void)challenge;
    if (s->step || len) {
        err_set(e, ERR_PROTOCOL, "the server asks more than AUTH PLAIN has to say");
        return SASL_UNABLE;
    }
    if (s->identity->authzid)
        buf_addstr(response, s->identity->authzid);
    buf_addch(response, '\0');
    buf_addstr(response, s->identity->user);
    buf_addch(response, '\0');
    return add_password(s, response);
}

/* draft-murchison-sasl-login: user and password, each after a prompt whose words don't matter. */
static enum sasl_result login_respond(struct sasl *s, const char *challenge, size_t len,
                                      struct buf *response, struct err *e)
{
    (void)challenge;
    (void)len;
    if (s->step == 1)
        return add_password(s, response);
    if (s->step == 0) {
        buf_addstr(response, s->identity->user);
        return SASL_OK;
    }
    err_set(e, ERR_PROTOCOL, "the server asks more than AUTH LOGIN has to say");
    return SASL_UNABLE;
}

/* RFC 4422 appendix A: the authorisation identity, which may be empty. */
static enum sasl_result external_respond(struct sasl *s, const char *challenge, size_t len,
                                         struct buf *response, struct err *e)
{
    const char *authzid = s->identity->authzid ? s->identity->authzid : s->identity->user;

    (void)challenge;
    if (s->step || len) {
        err_set(e, ERR_PROTOCOL, "the server asks more than AUTH EXTERNAL has to say");
        return SASL_UNABLE;
    }
    if (authzid)
        buf_addstr(response, authzid);
    return SASL_OK;
}

static const struct sasl_mechanism plain = {.name = "PLAIN",
                                            .proof = SASL_PASSWORD,
                                            .initial = true,
                                            .needs_user = true,
                                            .authzid = true,
                                            .respond = plain_respond};
static const struct sasl_mechanism login = {
    .name = "LOGIN", .proof = SASL_PASSWORD, .needs_user = true, .respond = login_respond};
static const struct sasl_mechanism external = {.name = "EXTERNAL",
                                               .proof = SASL_CERTIFICATE,
                                               .initial = true,
                                               .authzid = true,
                                               .respond = external_respond};

static const struct sasl_mechanism *const all[] = {
    &sasl_scram_sha_256_plus,
    &sasl_scram_sha_256,
    &sasl_scram_sha_1_plus,
    &sasl_scram_sha_1,
    &sasl_oauthbearer,
    &sasl_xoauth2,
#ifdef HAVE_GSSAPI
    &sasl_gssapi,
#endif
    &external,
    &sasl_cram_md5,
    &plain,
    &login,
    NULL,
};

const struct sasl_mechanism *const *sasl_all(void)
{
    return all;
}

const struct sasl_mechanism *sasl_find(const char *name)
{
    size_t i;

    for (i = 0; all[i]; i++) {
        if (text_same(all[i]->name, name))
            return all[i];
    }
    return NULL;
}

bool sasl_is_able(const struct sasl_mechanism *mechanism, const struct sasl_identity *identity)
{
    if ((mechanism->needs_user && !identity->user) ||
        (identity->authzid && !mechanism->authzid))
        return false;
    switch (mechanism->proof) {
    case SASL_PASSWORD:
        return identity->password != NULL;
    case SASL_TOKEN:
        return identity->token != NULL;
    case SASL_CERTIFICATE:
        return identity->certificate;
    case SASL_TICKET:
        return true;
    }
    return false;
}

bool sasl_is_automatic(const struct sasl_mechanism *mechanism,
                       const struct sasl_identity *identity)
{
    if (mechanism->proof == SASL_CERTIFICATE)
        return !identity->password && !identity->token;
    return mechanism->proof != SASL_TICKET;
}

void sasl_init(struct sasl *s, const struct sasl_mechanism *mechanism,
               const struct sasl_identity *identity)
{
    *s = (struct sasl){.mechanism = mechanism, .identity = identity};
    buf_init(&s->said, SAID_MAX);
}

void sasl_release(struct sasl *s)
{
    if (s->mechanism->release)
        s->mechanism->release(s);
    buf_release(&s->said);
}

static bool is_ascii(const struct secret *s)
{
    size_t i;

    for (i = 0; i < secret_length(s); i++) {
        if ((unsigned char)secret_bytes(s)[i] >= 0x80)
            return false;
    }
    return true;
}

int sasl_prepare_password(struct secret **password, struct err *e)
{
    const struct tls_lib *lib;
    gnutls_datum_t prepared = {NULL, 0};
    struct secret *fresh;
    int code;

    if (is_ascii(*password))
        return 0;
    lib = tls_lib_load(e);
    if (!lib)
        return -1;
    code = lib->utf8_password_normalize((const unsigned char *)secret_bytes(*password),
                                        (unsigned int)secret_length(*password), &prepared, 0);
    if (code < 0)
        return 0;
    fresh = secret_take((char *)prepared.data, prepared.size, e);
    free(prepared.data);
    if (!fresh)
        return -1;
    secret_free(*password);
    *password = fresh;
    return 0;
}
