/* store.h: what of a transaction of -bs goes into the queue. */
#ifndef SEND_STORE_H
#define SEND_STORE_H

#include "send/link.h"
#include "send/peer.h"
#include "send/report.h"

struct store {
    const struct link *link;
    bool sendmail;
    const struct peer *peer; /* or NULL */
    const struct report *report;
    const struct extensions *asked; /* by MAIL: RET and ENVID, settings included */
    struct message *message;        /* mended */
    struct envelope *envelope;      /* its recipients have their NOTIFY, settings included */
};

/* Keep the message as queue_keep does, and tell the user: an entry for each NOTIFY, since an entry
 * has one; --require-all is then of each of them. ORCPT is not kept. IDS has those of the entries, with commas between them, and is empty
 * where there was nobody to keep it for.
 *
 * -1: the client has to hear that it failed, and sends again. Where it was a second entry that could
 * not be made, IDS has the first: its recipients get the message twice, which is better than that
 * others don't get it at all. */
int store_keep(const struct store *store, const struct err *failure, struct buf *ids,
               struct err *e);

#endif
