/* bounce.h: the notice that tells a sender what became of a message of the queue: a report of RFC
 * 6522 with a text for people, one for programs (RFC 3464), and the message or its header.
 *
 * Whatever the message, the addresses and the server's words hold, the notice is ASCII, no line
 * of it has over 998 octets, and nothing in it can pass for a field, a line or a boundary of ours:
 * so any server takes it. The price: a message with 8-bit text comes back in its 7-bit form
 * (mail/downgrade.h), and one that has none, one with longer lines, or one of more than
 * BOUNCE_RETURN_MAX octets as its header alone. Memory depends on neither the message's size nor
 * the number of recipients. */
#ifndef SEND_BOUNCE_H
#define SEND_BOUNCE_H

#include "send/queue_envelope.h"

enum {
    BOUNCE_RETURN_MAX = 64 * 1024, /* octets of a message that comes back whole */
    BOUNCE_HEADER_MAX = 32 * 1024, /* and of a header that comes back alone */
    BOUNCE_SAID_MAX = 8 * 1024     /* octets of the words of one server for one recipient */
};

enum bounce_kind {
    BOUNCE_FAILED,  /* given up */
    BOUNCE_DELAYED, /* to be tried again */
    BOUNCE_RELAYED  /* taken by a server that lacks DSN (RFC 3461 section 6.2.2) */
};

struct bounce {
    enum bounce_kind kind;
    const struct queue_envelope *envelope;
    const size_t *recipients; /* indexes of those that the notice is about */
    size_t count;             /* at least one */
    const char *to;           /* the reverse-path, or the postmaster; never "" */
    const char *host;         /* our name; where it can't be one, "localhost" stands for it */
    int64_t now;              /* seconds since 1970, like all that follow */
    int64_t attempted;        /* the last attempt, or 0: not known */
    int64_t expires;          /* when the queue gives up, or gave up */
    int message; /* the message, from where the descriptor stands, which it does not move; or -1 */
};

/* True when the message's notify asks for a notice of that kind. Where it says nothing, failures
 * are told (RFC 3461 section 4.1) and nothing else. Whether there is a sender is not looked at. */
bool bounce_wanted(const struct queue_envelope *envelope, enum bounce_kind kind);

/* Write the notice in wire form (CRLF, dots not stuffed) to FD; its envelope has the null
 * reverse-path, which is the caller's business, and the recipient TO. A message that can't be
 * read as one leaves the notice without its third part, as RFC 6522 section 3 permits. -1 with
 * ERR_INTERNAL where there is nobody to tell or nothing to be told, ERR_IO, ERR_OS; what was
 * written by then is of no use. */
int bounce_write(const struct bounce *b, int fd, struct err *e);

#endif
