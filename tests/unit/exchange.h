/* exchange.h: one exchange of a SASL mechanism, played step by step for the unit programs. */
#ifndef UNIT_EXCHANGE_H
#define UNIT_EXCHANGE_H

#include "tap.h"

#include "base/text.h"
#include "smtp/sasl.h"

#include <stdlib.h>

/* The exchange under test, set up anew by begin(); what a test changes in it is its own. */
static struct sasl_identity identity;
static struct sasl exchange;
static struct buf response, binding;
static struct err error;

/* TEXT as a secret, to be freed; NULL of NULL. */
static inline struct secret *secret(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    struct secret *made = copy ? secret_take(copy, strlen(copy), &error) : NULL;

    free(copy);
    return made;
}

/* An exchange of MECHANISM for USER, whose password or token is PROOF (NULL: none). */
static inline void begin(const char *mechanism, const char *user, const char *proof)
{
    const struct sasl_mechanism *found = sasl_find(mechanism);

    if (!found)
        abort();
    identity = (struct sasl_identity){.user = user};
    *(found->proof == SASL_TOKEN ? &identity.token : &identity.password) = secret(proof);
    sasl_init(&exchange, found, &identity);
    exchange.host = "server.example.com";
    exchange.port = "587";
    buf_init_secret(&response, 65536);
    buf_init(&binding, 1024);
    exchange.binding = &binding;
}

static inline void end(void)
{
    sasl_release(&exchange);
    secret_free(identity.password);
    secret_free(identity.token);
    buf_release(&response);
    buf_release(&binding);
    err_release(&error);
}

/* Pass on one challenge, as auth.c does; the answer is in `response`. */
static inline enum sasl_result step_bytes(const char *challenge, size_t len)
{
    enum sasl_result result;
    struct buf copy;

    buf_init(&copy, 65536);
    buf_add(&copy, challenge, len);
    buf_clear(&response);
    result = exchange.mechanism->respond(&exchange, copy.data, copy.len, &response, &error);
    exchange.step++;
    buf_release(&copy);
    return result;
}

static inline enum sasl_result step(const char *challenge)
{
    return step_bytes(challenge, strlen(challenge));
}

/* Tests: CHALLENGE is answered by WANT. */
static inline bool answers_bytes(const char *challenge, const char *want, size_t len,
                                 const char *name)
{
    enum sasl_result result = step(challenge);

    if (result != SASL_OK)
        printf("# %d: %s\n", (int)result, error.message);
    return same_bytes(response.data, response.len, want, len, name) && result == SASL_OK;
}

static inline bool answers(const char *challenge, const char *want, const char *name)
{
    return answers_bytes(challenge, want, strlen(want), name);
}

/* The same with base64 on both sides, as the RFCs print it. */
static inline void answers_coded(const char *coded_challenge, const char *want,
                                 const char *name)
{
    struct buf challenge, coded;

    buf_init(&challenge, 4096);
    buf_init(&coded, 4096);
    ok(!text_unbase64(&challenge, coded_challenge, strlen(coded_challenge)) &&
           step_bytes(challenge.data, challenge.len) == SASL_OK,
       "%s: an answer", name);
    text_base64(&coded, response.data, response.len);
    same_text(coded.data, want, name);
    buf_release(&challenge);
    buf_release(&coded);
}

/* What went wrong is told in words, without control bytes. */
static inline bool is_told(void)
{
    const unsigned char *c = (const unsigned char *)error.message;

    while (*c >= ' ' && *c != 0x7f)
        c++;
    return error.kind != ERR_NONE && error.message[0] && !*c;
}

/* Tests: CHALLENGE comes to WANT, a failure, which is told in words without control bytes. */
static inline void fails_bytes(const char *challenge, size_t len, enum sasl_result want,
                               const char *name)
{
    enum sasl_result result;

    err_release(&error);
    result = step_bytes(challenge, len);
    if (!ok(result == want && is_told(), "%s", name))
        printf("# %d, not %d: %s\n", (int)result, (int)want, error.message);
}

static inline void fails(const char *challenge, enum sasl_result want, const char *name)
{
    fails_bytes(challenge, strlen(challenge), want, name);
}

#endif
