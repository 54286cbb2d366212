/* returns.h: who is told what became of a message of the queue, and that it happens once.
 *
 * Failures go to the reverse-path, or the postmaster where that is null; delays, and that a server
 * without DSN has taken the message, go to the reverse-path where -N asked for it. A notice is
 * attached to the message's entry first (spool_attach), so that one change of its envelope both
 * ends the matter there and lets the notices go. */
#ifndef SEND_RETURNS_H
#define SEND_RETURNS_H

#include "send/local.h"
#include "send/spool.h"

enum { RETURNS_DELAY = 4 * 60 * 60 /* seconds until a sender hears of a delay */ };

struct returns {
    struct spool *spool;
    struct spool_entry *entry; /* locked; recipients that are done now were just sent to */
    struct local *local;       /* knows our name */
    const char *postmaster;    /* an address, or NULL: nobody */
    int64_t now, expires;      /* seconds since 1970: the latter of the message */
    bool tells;                /* the last server tells of deliveries itself (RFC 3461) */
    size_t made;               /* out: notices that now are attached */
    bool unheard;              /* out: recipients have failed, and nobody can be told of it */
};

/* Whether the sender is to hear now that there is a delay. */
bool returns_delay_is_due(const struct queue_envelope *queued, int64_t now);

/* Make the notices that are due, and attach them. Failed recipients of whom somebody was told, or
 * nobody wished to be, are done then; entry->envelope says so but is not yet written. -1: those not
 * told of are as before. */
int returns_make(struct returns *r, struct err *e);

#endif
