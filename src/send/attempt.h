/* attempt.h: one message of the queue on its way: from its envelope file to what became of each
 * recipient, and back into the envelope file's terms. */
#ifndef SEND_ATTEMPT_H
#define SEND_ATTEMPT_H

#include "send/dispatch.h"
#include "send/queue_envelope.h"

struct attempt {
    struct queue_envelope *queued;
    int message; /* descriptor, at the message's start */
    struct link *link;
    const struct sink *sink;
    int64_t now;              /* seconds since 1970 */
    struct envelope envelope; /* out: of the recipients that waited */
    struct dispatch dispatch; /* out: how it went */
    bool lost;                /* out: see queue_is_lost */
};

/* Send to the recipients that wait. 0: the server has decided on all of them; -1: E concerns those
 * that it did not. attempt_release comes after it in either case. */
int attempt_send(struct attempt *a, struct err *e);

/* Write what came of it into the queue's envelope; E as attempt_send left it. An error that says
 * nothing of the message (PROSPECT_UNKNOWN) leaves those it concerns as they were. */
int attempt_record(const struct attempt *a, const struct err *failure, struct err *e);

void attempt_release(struct attempt *a);

/* Write FAILURE down for all that wait, where nothing can be sent. */
int attempt_record_all(struct queue_envelope *queued, const struct err *failure, struct err *e);

#endif
