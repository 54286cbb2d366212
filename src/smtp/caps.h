/* caps.h: what a server offered in its reply to EHLO. */
#ifndef SMTP_CAPS_H
#define SMTP_CAPS_H

#include "base/buf.h"

#include <stdint.h>

enum {
    CAP_STARTTLS = 1 << 0,       /* RFC 3207 */
    CAP_AUTH = 1 << 1,           /* RFC 4954 */
    CAP_PIPELINING = 1 << 2,     /* RFC 2920 */
    CAP_CHUNKING = 1 << 3,       /* RFC 3030 */
    CAP_SIZE = 1 << 4,           /* RFC 1870 */
    CAP_8BITMIME = 1 << 5,       /* RFC 6152 */
    CAP_SMTPUTF8 = 1 << 6,       /* RFC 6531 */
    CAP_DSN = 1 << 7,            /* RFC 3461 */
    CAP_ENHANCED_CODES = 1 << 8, /* RFC 2034 */
    CAP_DELIVERBY = 1 << 9,      /* RFC 2852 */
    CAP_MT_PRIORITY = 1 << 10,   /* RFC 6710 */
    CAP_FUTURERELEASE = 1 << 11, /* RFC 4865 */
    CAP_REQUIRETLS = 1 << 12,    /* RFC 8689 */
    CAP_LIMITS = 1 << 13,        /* RFC 9422 */
    CAP_PRDR = 1 << 14           /* draft-hall-prdr */
};

struct caps {
    unsigned bits;         /* CAP_* */
    uint64_t size_limit;   /* octets a message may have; 0: none stated */
    uint64_t rcpt_max;     /* LIMITS: recipients in a transaction; 0: none stated */
    uint64_t mail_max;     /* LIMITS: transactions in a session; 0: none stated */
    uint64_t deliver_min;  /* DELIVERBY: seconds it takes at least; 0: none stated */
    uint64_t hold_max;     /* FUTURERELEASE: seconds it holds at most; 0: none stated */
    int64_t hold_until;    /* and until when, in seconds since 1970; 0: not stated */
    struct buf mechanisms; /* of AUTH, as offered, each followed by a space */
};

void caps_init(struct caps *c);
void caps_release(struct caps *c);

/* Forget everything, as after STARTTLS (RFC 3207 section 4.2). */
void caps_clear(struct caps *c);

/* Read the text of an EHLO reply (lines apart by '\n'); replaces what C held. The first line is
 * the greeting, unknown keywords are ignored, the old form "AUTH=" counts as AUTH. */
void caps_parse(struct caps *c, const char *text, size_t len);

/* True when the server offers the SASL mechanism NAME (whole word, any case). */
bool caps_has_mechanism(const struct caps *c, const char *name);

#endif
