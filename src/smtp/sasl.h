/* sasl.h: the mechanisms of AUTH (RFC 4422), each a small table of functions.
 *
 * A mechanism sees bytes, not base64 and not SMTP; auth.c carries them. What it makes of the
 * secret goes into secret buffers only. */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include "base/buf.h"
#include "base/secret.h"

/* Who authenticates. */
struct sasl_identity {
    const char *user;
    const struct secret *password;
};

/* One exchange under way. */
struct sasl {
    const struct sasl_mechanism *mechanism;
    const struct sasl_identity *identity;
    unsigned step; /* challenges answered so far */
};

struct sasl_mechanism {
    const char *name;
    bool initial; /* it has an initial response (RFC 4954 section 4) */
    /* Append the response to a challenge of LEN bytes (the initial response: to none). 0, or -1
     * where the challenge can't be answered: the exchange is then cancelled. */
    int (*respond)(struct sasl *s, const char *challenge, size_t len, struct buf *response);
};

/* The mechanism called NAME (any case), or NULL where we have none such. */
const struct sasl_mechanism *sasl_find(const char *name);

/* All of them, strongest first; NULL-terminated. */
const struct sasl_mechanism *const *sasl_all(void);

#endif
