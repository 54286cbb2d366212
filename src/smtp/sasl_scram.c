/* sasl_scram.c: SCRAM (RFC 5802, 7677), with channel binding (-PLUS) and without.
 *
 * Both sides prove that they know the password and neither sends it. Whatever does not fit, be it
 * the nonce, the iteration count or the server's signature, ends in SASL_FRAUD: who fails here
 * must not be told the password by a weaker mechanism. */
#include "base/text.h"
#include "base/tls_lib.h"
#include "smtp/sasl_mechanisms.h"

#include <stdlib.h>
#include <string.h>

/* RFC 7677 section 4 wants 4,096 rounds at least; 2,000,000 take about a second. */
enum {
    ROUNDS_MIN = 4096,
    ROUNDS_MAX = 2000000,
    DIGEST_MAX = 32,
    NONCE_BYTES = 18,
    SERVER_NONCE_MAX = 1024, /* ours included; ours comes back in an answer that has a limit */
    MESSAGE_MAX = 12288,
    SALT_MAX = 1024
};

struct scram {
    struct buf gs2;        /* GS2 header: "n,,", "y,,", "p=tls-exporter,,", with an authzid */
    struct buf first_bare; /* client-first-message-bare */
    struct buf nonce;      /* ours */
    unsigned char signature[DIGEST_MAX]; /* what the server has to show */
    bool proved;
};

/* The parts of the server's first message; they point into it. */
struct server_first {
    const char *nonce, *salt;
    size_t nonce_len, salt_len;
    int64_t rounds;
};

static enum sasl_result fraud(struct err *e, const char *what)
{
    err_set(e, ERR_PROTOCOL, "%s", what);
    err_hint(e, "the server may not be what it seems; the password was not sent");
    return SASL_FRAUD;
}

static size_t digest_size(const struct sasl *s)
{
    return s->mechanism->digest == GNUTLS_MAC_SHA1 ? 20 : 32;
}

static struct scram *state_new(struct sasl *s)
{
    struct scram *state = calloc(1, sizeof(*state));

    if (state) {
        buf_init(&state->gs2, MESSAGE_MAX);
        buf_init(&state->first_bare, MESSAGE_MAX);
        buf_init(&state->nonce, 256);
        s->state = state;
    }
    return state;
}

static void release(struct sasl *s)
{
    struct scram *state = s->state;

    if (!state)
        return;
    buf_release(&state->gs2);
    buf_release(&state->first_bare);
    buf_release(&state->nonce);
    explicit_bzero(state, sizeof(*state));
    free(state);
}

/* RFC 5802 section 5.1: '=' and ',' in a name are written as =3D and =2C. */
static void add_name(struct buf *out, const char *name)
{
    for (; *name; name++) {
        if (*name == '=')
            buf_addstr(out, "=3D");
        else if (*name == ',')
            buf_addstr(out, "=2C");
        else
            buf_addch(out, *name);
    }
}

/* RFC 5802 section 6: "p" binds; "y" says that we could have, so that a server that offers -PLUS
 * learns that somebody stripped its offer; "n" that we can't or were told not to. */
static void write_gs2(const struct sasl *s, struct buf *out)
{
    if (s->mechanism->binds)
        buf_addf(out, "p=%s,", s->binding_type);
    else
        buf_addstr(out, s->binding_type && !s->plus_offered ? "y," : "n,");
    if (s->identity->authzid) {
        buf_addstr(out, "a=");
        add_name(out, s->identity->authzid);
    }
    buf_addch(out, ',');
}

static int write_nonce(const struct sasl *s, const struct tls_lib *lib, struct buf *out)
{
    unsigned char random[NONCE_BYTES];

    if (s->nonce)
        return buf_addstr(out, s->nonce);
    if (lib->rnd(GNUTLS_RND_NONCE, random, sizeof(random)) < 0)
        return -1;
    text_base64(out, random, sizeof(random));
    return out->failed ? -1 : 0;
}

static enum sasl_result client_first(struct sasl *s, const struct tls_lib *lib,
                                     struct buf *response, struct err *e)
{
    struct scram *state = state_new(s);

    if (!state || write_nonce(s, lib, &state->nonce)) {
        err_set(e, ERR_OS, "no memory or no randomness for SCRAM");
        return SASL_UNABLE;
    }
    write_gs2(s, &state->gs2);
    buf_addstr(&state->first_bare, "n=");
    add_name(&state->first_bare, s->identity->user);
    buf_addf(&state->first_bare, ",r=%s", state->nonce.data);
    buf_addstr(response, state->gs2.data);
    buf_addstr(response, state->first_bare.data);
    return SASL_OK;
}

/* The value of attribute NAME at *AT, which moves behind it and its comma. */
static bool attribute(const char **at, char name, const char **value, size_t *len)
{
    if ((*at)[0] != name || (*at)[1] != '=')
        return false;
    *value = *at + 2;
    *len = strcspn(*value, ",");
    *at = *value + *len;
    if (**at == ',')
        ++*at;
    return true;
}

/* The iteration count: digits alone, of any size; one too large to hold is -1. */
static bool read_rounds(const char *text, size_t len, struct server_first *f)
{
    char digits[32];

    if (!len || len >= sizeof(digits) || strspn(text, "0123456789") != len)
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    f->rounds = text_number(digits, INT64_MAX);
    return true;
}

static enum sasl_result read_server_first(const struct scram *state, const char *text,
                                          struct server_first *f, struct err *e)
{
    const char *at = text, *rounds;
    size_t len;

    if (at[0] == 'm')
        return fraud(e, "the server wants a SCRAM extension that nobody knows");
    if (!attribute(&at, 'r', &f->nonce, &f->nonce_len) ||
        !attribute(&at, 's', &f->salt, &f->salt_len) || !attribute(&at, 'i', &rounds, &len) ||
        f->nonce_len > SERVER_NONCE_MAX || !read_rounds(rounds, len, f))
        return fraud(e, "the server's SCRAM challenge can't be read");
    if (f->nonce_len <= state->nonce.len ||
        memcmp(f->nonce, state->nonce.data, state->nonce.len) != 0)
        return fraud(e, "the server does not repeat our SCRAM nonce");
    if (f->rounds < ROUNDS_MIN || f->rounds > ROUNDS_MAX) {
        err_set(e, ERR_PROTOCOL, "the server asks for %.*s rounds of SCRAM hashing", (int)len,
                rounds);
        err_hint(e, "from %d to %d are accepted", ROUNDS_MIN, ROUNDS_MAX);
        return SASL_FRAUD;
    }
    return SASL_OK;
}

/* c=BINDING,r=NONCE (RFC 5802 section 7): what was bound to is the GS2 header and, with -PLUS, the
 * channel's data. */
static void final_without_proof(const struct sasl *s, const struct server_first *f,
                                struct buf *out)
{
    const struct scram *state = s->state;
    struct buf bound;

    buf_init(&bound, MESSAGE_MAX);
    buf_add(&bound, state->gs2.data, state->gs2.len);
    if (s->mechanism->binds)
        buf_add(&bound, s->binding->data, s->binding->len);
    buf_addstr(out, "c=");
    text_base64(out, bound.data, bound.len);
    buf_addstr(out, ",r=");
    buf_add(out, f->nonce, f->nonce_len);
    buf_release(&bound);
}

struct keys {
    unsigned char salted[DIGEST_MAX], client[DIGEST_MAX], stored[DIGEST_MAX],
        server[DIGEST_MAX], proof[DIGEST_MAX];
};

/* RFC 5802 section 3. */
static int derive(struct sasl *s, const struct tls_lib *lib, const struct buf *salt,
                  int64_t rounds, const struct buf *auth, struct keys *k)
{
    struct scram *state = s->state;
    const gnutls_mac_algorithm_t mac = (gnutls_mac_algorithm_t)s->mechanism->digest;
    const struct secret *password = s->identity->password;
    gnutls_datum_t key = {(unsigned char *)secret_bytes(password),
                          (unsigned int)secret_length(password)};
    gnutls_datum_t salt_datum = {(unsigned char *)salt->data, (unsigned int)salt->len};
    size_t size = digest_size(s), i;

    if (lib->pbkdf2(mac, &key, &salt_datum, (unsigned int)rounds, k->salted, size) < 0 ||
        lib->hmac_fast(mac, k->salted, size, "Client Key", 10, k->client) < 0 ||
        lib->hash_fast((gnutls_digest_algorithm_t)mac, k->client, size, k->stored) < 0 ||
        lib->hmac_fast(mac, k->stored, size, auth->data, auth->len, k->proof) < 0 ||
        lib->hmac_fast(mac, k->salted, size, "Server Key", 10, k->server) < 0 ||
        lib->hmac_fast(mac, k->server, size, auth->data, auth->len, state->signature) < 0)
        return -1;
    for (i = 0; i < size; i++)
        k->proof[i] ^= k->client[i];
    return 0;
}

static enum sasl_result prove(struct sasl *s, const struct tls_lib *lib, const char *text,
                              const struct server_first *f, struct buf *response, struct err *e)
{
    struct scram *state = s->state;
    enum sasl_result result = SASL_OK;
    struct buf salt, auth;
    struct keys keys;

    buf_init(&salt, SALT_MAX);
    buf_init(&auth, 4 * MESSAGE_MAX);
    final_without_proof(s, f, response);
    buf_addf(&auth, "%s,%s,", state->first_bare.data, text);
    buf_add(&auth, response->data, response->len);
    if (text_unbase64(&salt, f->salt, f->salt_len) || !salt.len)
        result = fraud(e, "the server's SCRAM salt can't be read");
    else if (auth.failed || derive(s, lib, &salt, f->rounds, &auth, &keys)) {
        err_set(e, ERR_UNAVAILABLE, "SCRAM can't be computed on this system");
        result = SASL_UNABLE;
    } else {
        buf_addstr(response, ",p=");
        text_base64(response, keys.proof, digest_size(s));
    }
    explicit_bzero(&keys, sizeof(keys));
    buf_release(&salt);
    buf_release(&auth);
    return result;
}

static enum sasl_result client_final(struct sasl *s, const struct tls_lib *lib,
                                     const char *challenge, size_t len, struct buf *response,
                                     struct err *e)
{
    struct server_first f;
    enum sasl_result result;

    if (strlen(challenge) != len)
        return fraud(e, "the server's SCRAM challenge has a NUL byte");
    result = read_server_first(s->state, challenge, &f, e);
    return result ? result : prove(s, lib, challenge, &f, response, e);
}

/* v=SIGNATURE, or e=ERROR when the password was wrong: the 535 that follows says so. */
static enum sasl_result server_final(struct sasl *s, const char *challenge, size_t len,
                                     struct err *e)
{
    struct scram *state = s->state;
    const char *at = challenge, *value;
    struct buf signature;
    size_t value_len;

    if (attribute(&at, 'e', &value, &value_len)) {
        buf_clear(&s->said);
        buf_add(&s->said, value, value_len);
        return SASL_OK;
    }
    buf_init(&signature, 256);
    state->proved = strlen(challenge) == len && attribute(&at, 'v', &value, &value_len) &&
                    !text_unbase64(&signature, value, value_len) &&
                    signature.len == digest_size(s) &&
                    !memcmp(signature.data, state->signature, signature.len);
    buf_release(&signature);
    if (!state->proved)
        return fraud(e, "the server can't prove that it knows the password");
    return SASL_OK;
}

static enum sasl_result respond(struct sasl *s, const char *challenge, size_t len,
                                struct buf *response, struct err *e)
{
    const struct tls_lib *lib = tls_lib_load(e);

    if (!lib)
        return SASL_UNABLE;
    if (s->step == 0)
        return client_first(s, lib, response, e);
    if (s->step == 1)
        return client_final(s, lib, challenge, len, response, e);
    if (s->step == 2)
        return server_final(s, challenge, len, e);
    return fraud(e, "the server asks more than SCRAM has to say");
}

static enum sasl_result finish(struct sasl *s, struct err *e)
{
    const struct scram *state = s->state;

    if (state && state->proved)
        return SASL_OK;
    return fraud(e, "the server says yes without proving that it knows the password");
}

#define SCRAM(identifier, sasl_name, algorithm, plus)                                          \
    const struct sasl_mechanism identifier = {.name = sasl_name,                               \
                                              .proof = SASL_PASSWORD,                          \
                                              .authzid = true,                                 \
                                              .initial = true,                                 \
                                              .needs_user = true,                              \
                                              .binds = plus,                                   \
                                              .digest = algorithm,                             \
                                              .respond = respond,                              \
                                              .finish = finish,                                \
                                              .release = release}

SCRAM(sasl_scram_sha_256_plus, "SCRAM-SHA-256-PLUS", GNUTLS_MAC_SHA256, true);
SCRAM(sasl_scram_sha_256, "SCRAM-SHA-256", GNUTLS_MAC_SHA256, false);
SCRAM(sasl_scram_sha_1_plus, "SCRAM-SHA-1-PLUS", GNUTLS_MAC_SHA1, true);
SCRAM(sasl_scram_sha_1, "SCRAM-SHA-1", GNUTLS_MAC_SHA1, false);
