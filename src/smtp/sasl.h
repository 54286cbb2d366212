/* sasl.h: the mechanisms of AUTH (RFC 4422), each a small table of functions.
 *
 * A mechanism sees bytes, not base64 and not SMTP; auth.c carries them. What it makes of a secret
 * goes into secret buffers only. HMAC, hashes and PBKDF2 are GnuTLS's. */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include "base/buf.h"
#include "base/secret.h"

/* What a mechanism has to be given. */
enum sasl_proof {
    SASL_PASSWORD,
    SASL_TOKEN,       /* an OAuth 2.0 bearer token */
    SASL_CERTIFICATE, /* the client certificate of the TLS session */
    SASL_TICKET       /* of Kerberos, from the user's cache */
};

/* Who authenticates, and by what. */
struct sasl_identity {
    const char *user;                /* NULL where none was given */
    const char *authzid;             /* act as this one; NULL: as user */
    struct secret *password, *token; /* NULL where there is none */
    bool certificate;                /* TLS has a client certificate */
    /* Get a fresh token into TOKEN when the server refused it; NULL where that can't be done. */
    int (*renew_token)(void *ctx, struct err *e);
    void *renew_ctx;
};

/* One exchange under way. */
struct sasl {
    const struct sasl_mechanism *mechanism;
    const struct sasl_identity *identity;
    const char *host, *port;   /* of the server, as the user named it */
    const char *binding_type;  /* "tls-exporter", "tls-unique"; NULL: no channel to bind to */
    const struct buf *binding; /* its data */
    bool plus_offered;         /* the server offers some -PLUS mechanism */
    const char *nonce;         /* for test vectors; NULL: random */
    unsigned step;             /* responses made so far */
    void *state;               /* the mechanism's own */
    struct buf said;           /* what the server explained inside the exchange, raw */
};

/* What an exchange step can come to. */
enum sasl_result {
    SASL_OK = 0,
    SASL_UNABLE = -1, /* this mechanism can't go on: cancel, the next may be tried */
    SASL_FRAUD = -2   /* the server lies: nothing more is to be told to it */
};

struct sasl_mechanism {
    const char *name;
    enum sasl_proof proof;
    bool initial;    /* it has an initial response (RFC 4954 section 4) */
    bool needs_user; /* --user must be given */
    bool authzid;    /* it can carry --authzid */
    bool binds;      /* a -PLUS mechanism: needs a channel to bind to */
    int digest;      /* gnutls_mac_algorithm_t of SCRAM's hash */
    /* Append the response to a challenge of LEN bytes (the initial response: to none). */
    enum sasl_result (*respond)(struct sasl *s, const char *challenge, size_t len,
                                struct buf *response, struct err *e);
    /* The server said yes: has it proved itself? NULL where it need not. */
    enum sasl_result (*finish)(struct sasl *s, struct err *e);
    void (*release)(struct sasl *s); /* free state; or NULL */
};

/* The mechanism called NAME (any case), or NULL where we have none such. */
const struct sasl_mechanism *sasl_find(const char *name);

/* All of them, strongest first; NULL-terminated. */
const struct sasl_mechanism *const *sasl_all(void);

/* True when the identity has what the mechanism needs. */
bool sasl_is_able(const struct sasl_mechanism *mechanism, const struct sasl_identity *identity);

/* True when the mechanism may be chosen unasked: Kerberos never, a certificate only where there is
 * no other proof. */
bool sasl_is_automatic(const struct sasl_mechanism *mechanism,
                       const struct sasl_identity *identity);

/* Begin and end an exchange. */
void sasl_init(struct sasl *s, const struct sasl_mechanism *mechanism,
               const struct sasl_identity *identity);
void sasl_release(struct sasl *s);

/* Prepare a password by RFC 8265 section 4.2 (OpaqueString); one that can't be prepared, or is
 * ASCII, stays as it is. */
int sasl_prepare_password(struct secret **password, struct err *e);

#endif
