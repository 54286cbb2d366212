/* transaction.h: one message to its recipients: MAIL, RCPT, DATA, body, dot.
 *
 * Every recipient ends in a final state (envelope.h). Until the server has said 2xx to the final
 * dot the message is ours. */
#ifndef SMTP_TRANSACTION_H
#define SMTP_TRANSACTION_H

#include "mail/message.h"
#include "smtp/envelope.h"
#include "smtp/extensions.h"
#include "smtp/session.h"

/* Whether BDAT (RFC 3030) carries the message where it is offered. */
enum chunking {
    CHUNKING_OFF,  /* never */
    CHUNKING_AUTO, /* once a recipient has been accepted */
    CHUNKING_EARLY /* in one flight with MAIL and RCPT: a round trip less, but a server that does
                      not discard the chunk when it refuses them reads it as commands */
};

struct transaction_wishes {
    const struct extensions *extensions;
    enum chunking chunking;
    bool last;   /* the session ends after it: QUIT may go out with the message's end */
    size_t most; /* recipients to name; 0: all that the server's LIMITS allow */
};

struct transaction_result {
    bool maybe_accepted; /* the final dot went out and its reply never came */
    uint64_t bytes;      /* of the message, sent */
    size_t most;         /* to wish for in the next: how many were taken before 452 or 552 */
};

/* Send MESSAGE (mended) to the recipients that still wait. 0: the server has answered everything
 * and each recipient's state says how. -1: E says what concerns all that are not decided yet;
 * the session is good for session_close all the same. */
int transaction_send(struct session *s, struct envelope *envelope, struct message *message,
                     const struct transaction_wishes *wishes, struct transaction_result *result,
                     struct err *e);

/* The same a step at a time, for who hears of sender, recipients and message one after the other.
 * Each step awaits the server's reply; after one that it took, dialog_reply has its words. One that
 * is left before its end is ended by RSET when the session begins another. */
struct transaction;

/* One that is to have the reverse-path of ENVELOPE and ask X. All three must live as long. NULL
 * with ERR_OS; else for transaction_free. */
struct transaction *transaction_new(struct session *s, struct envelope *envelope,
                                    const struct extensions *x, struct err *e);
void transaction_free(struct transaction *t);

/* MAIL. -1 also where the server refuses it: E then has its reply code. */
int transaction_begin(struct transaction *t, struct err *e);

/* RCPT for the recipient at INDEX of the envelope, with what X asks. 0: the server has answered, and
 * the recipient's state says how. */
int transaction_recipient(struct transaction *t, size_t index, const struct extensions *x,
                          struct err *e);

/* The message, by BDAT or DATA. 0: the server took it, for all accepted recipients; -1: it did not,
 * and E has its reply code if it said so. There must be an accepted recipient. */
int transaction_finish(struct transaction *t, struct message *message, enum chunking wish,
                       struct transaction_result *result, struct err *e);

#endif
