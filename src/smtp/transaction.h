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
    bool last; /* the session ends after it: QUIT may go out with the message's end */
};

struct transaction_result {
    bool maybe_accepted; /* the final dot went out and its reply never came */
    uint64_t bytes;      /* of the message, sent */
};

/* Send MESSAGE (mended) to the recipients that still wait. 0: the server has answered everything
 * and each recipient's state says how. -1: E says what concerns all that are not decided yet;
 * the session is good for session_close all the same. */
int transaction_send(struct session *s, struct envelope *envelope, struct message *message,
                     const struct transaction_wishes *wishes, struct transaction_result *result,
                     struct err *e);

#endif
