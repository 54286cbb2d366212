/* transaction.h: one message to its recipients: MAIL, RCPT, DATA, body, dot.
 *
 * Every recipient ends in a final state (envelope.h). Until the server has said 2xx to the final
 * dot the message is ours. */
#ifndef SMTP_TRANSACTION_H
#define SMTP_TRANSACTION_H

#include "mail/message.h"
#include "smtp/envelope.h"
#include "smtp/session.h"

struct transaction_result {
    bool maybe_accepted; /* the final dot went out and its reply never came */
    uint64_t bytes;      /* of the message, sent */
};

/* Send MESSAGE (mended) to the recipients that still wait. 0: the server has answered everything
 * and each recipient's state says how. -1: E says what concerns all that are not decided yet;
 * the session is good for session_close all the same. */
int transaction_send(struct session *s, struct envelope *envelope, struct message *message,
                     struct transaction_result *result, struct err *e);

#endif
