/* courier.h: takes one message of the queue after another to its server, and sees to what comes of
 * it: what was sent leaves the queue, what may go another time gets one, senders hear of what
 * failed.
 *
 * The config is the one of now, by the name of the account that a message was kept with; one without
 * is sent as its sender is. A server that can't be reached, or where we can't log in, is not asked
 * again for the messages that follow in a pass: they stay as they are. */
#ifndef SEND_COURIER_H
#define SEND_COURIER_H

#include "conf/layers.h"
#include "send/link.h"
#include "send/report.h"
#include "send/spool.h"

struct courier {
    const struct layers *layers;
    struct report *report;
    struct sink sink;
    struct settings settings; /* without an account */
    struct local local;       /* by those */
    bool by_sender;           /* the sender chooses the account, else it is ... */
    const struct config_part *account;
    bool chosen;         /* which was asked for, so that it is the account of all messages */
    struct spool *spool; /* not owned */
    struct links links;
    struct down *down; /* accounts that failed in this pass */
    bool noticed;      /* notices have come into the queue in this pass */
    bool brief;        /* only who watches is told what goes wrong */
    size_t sent;       /* messages that went, to somebody at least */
    size_t left;       /* messages that were to go, and did not */
    int status;        /* exit status of what went wrong here, or 0 */
};

/* As the layers say; also inits REPORT. -1 with the errors of layers_merge and accounts_choose.
 * courier_release comes after it in either case. */
int courier_init(struct courier *c, const struct layers *layers, struct report *report,
                 struct err *e);
void courier_release(struct courier *c);

/* Take the message of NAME, unless it is gone or another has it. */
void courier_take(struct courier *c, const struct spool_name *name);

/* The same for one that somebody asked for: its failed recipients are tried again, all that goes
 * wrong is told, and the exit status is as if it were sent anew. False: it is gone, or another has
 * it. */
bool courier_retry(struct courier *c, const struct spool_name *name);

/* Close the sessions; accounts that failed are tried again then. */
void courier_end_pass(struct courier *c);

/* The exit status of all that was done. */
int courier_status(const struct courier *c);

#endif
