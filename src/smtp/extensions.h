/* extensions.h: what a transaction asks beyond RFC 5321, and the parameters that say it.
 *
 * What was asked for and is not offered is an error before MAIL (ERR_UNAVAILABLE); delivery
 * status notifications alone degrade, and say so. */
#ifndef SMTP_EXTENSIONS_H
#define SMTP_EXTENSIONS_H

#include "mail/message.h"
#include "smtp/envelope.h"
#include "smtp/session.h"

enum { ENVID_MAX = 100 }; /* characters before they are encoded (RFC 3461 section 4.4) */

/* RFC 3461 section 4.1. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum { NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY };

struct extensions {
    unsigned notify;        /* NOTIFY_*; 0: the server's default */
    const char *ret;        /* "HDRS" or "FULL" (RFC 3461 section 4.3), or NULL */
    const char *envid;      /* as the user wrote it (section 4.4), or NULL */
    int64_t deliver_by;     /* seconds (RFC 2852), or 0 */
    const char *by_mode;    /* of deliver_by: "R" or "N", perhaps with a "T" behind it */
    int64_t hold_for;       /* seconds (RFC 4865), or 0 */
    const char *hold_until; /* a point in time as text_time reads it, or NULL */
    bool has_priority;
    int priority;      /* -9 to 9 (RFC 6710) */
    bool require_tls;  /* RFC 8689 */
    bool declare_8bit; /* BODY=8BITMIME although the message would not need it */
    bool force_7bit;   /* the message is to be 7-bit, whatever the server offers */
    /* Of a message that is not there yet: */
    bool utf8;    /* its sender may need SMTPUTF8 for recipients and header (RFC 6531) */
    int64_t size; /* octets, as its sender guesses (RFC 1870); 0: no guess */
    /* Of one recipient: */
    const char
        *orcpt; /* ORCPT's value as it goes on the wire (RFC 3461 section 4.2), or NULL */
};

/* The bit of a word of -N or NOTIFY= (LEN bytes, any case), or 0. */
unsigned extensions_notify_bit(const char *word, size_t len);

/* Append the words of NOTIFY, with commas between them. */
void extensions_notify_text(unsigned notify, struct buf *out);

/* Check what ENVELOPE and X need against what the server of S offers. */
int extensions_check(const struct session *s, const struct extensions *x,
                     const struct envelope *envelope, struct err *e);

/* Check the size of MESSAGE against the server's limit. */
int extensions_check_size(const struct session *s, const struct message *message,
                          struct err *e);

/* Append ADDRESS as the server of S can take it: with an ASCII domain (RFC 5891) where it lacks
 * SMTPUTF8 (RFC 6531). -1 with ERR_UNAVAILABLE where the local part is beyond ASCII then. */
int extensions_address(const struct session *s, const char *address, struct buf *out,
                       struct err *e);

/* True where delivery status notifications (RFC 3461) were asked for. */
bool extensions_want_dsn(const struct extensions *x);

/* Append the parameters of MAIL, each with a blank before it. MESSAGE is NULL where it is not there
 * yet. */
void extensions_mail(const struct session *s, const struct extensions *x,
                     const struct envelope *envelope, const struct message *message, bool prdr,
                     struct buf *out);

/* Append the parameters of RCPT. */
void extensions_rcpt(const struct session *s, const struct extensions *x, struct buf *out);

#endif
