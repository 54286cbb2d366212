/* dispatch.h: from a prepared message to what became of each recipient.
 *
 * As many transactions as the server's limits need (RFC 9422, 452 to RCPT), on as few sessions as
 * it allows: one that the link has open is used first. */
#ifndef SEND_DISPATCH_H
#define SEND_DISPATCH_H

#include "mail/message.h"
#include "send/link.h"
#include "smtp/transaction.h"

struct dispatch {
    struct link *link; /* armed */
    const struct extensions *extensions;
    struct message *message;
    struct envelope *envelope;
    const struct sink *sink;
    bool last;           /* nothing follows: the session may end with the message */
    bool authenticated;  /* out: some session was */
    bool tells;          /* out: the server takes on delivery status notifications */
    bool maybe_accepted; /* out: see struct transaction_result */
};

/* Send; a session that still is good stays open in the link. 0: every recipient has been decided
 * by the server; -1: E concerns those that were not. */
int dispatch_send(struct dispatch *d, struct err *e);

#endif
