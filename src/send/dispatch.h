/* dispatch.h: from a prepared job and message to what became of each recipient.
 *
 * As many transactions as the server's limits need (RFC 9422, 452 to RCPT), on as few sessions as
 * it allows. */
#ifndef SEND_DISPATCH_H
#define SEND_DISPATCH_H

#include "mail/message.h"
#include "send/job.h"
#include "smtp/transaction.h"

struct dispatch {
    struct job *job;
    struct message *message;
    struct envelope *envelope;
    const struct sink *sink;
    bool authenticated;  /* some session was */
    bool maybe_accepted; /* see struct transaction_result */
};

/* Send. 0: every recipient has been decided by the server; -1: E concerns those that were not. */
int dispatch_send(struct dispatch *d, struct err *e);

#endif
