/* flight.h: the commands whose replies are awaited, in their order (RFC 2920 section 3.1). */
#ifndef SMTP_FLIGHT_H
#define SMTP_FLIGHT_H

#include "base/err.h"

#include <stdint.h>

/* One command in flight. */
struct command {
    enum stage stage;
    const char *recipient; /* of RCPT, else NULL; outlives the command */
    size_t index;          /* for the handler */
    int64_t sent_at;       /* when it was pushed */
};

/* A ring that grows; all zero is an empty one. */
struct flight {
    struct command *ring;
    size_t first, count, cap;
};

void flight_release(struct flight *f);

/* Add a command, stamped with the time. -1 with ERR_OS. */
int flight_push(struct flight *f, const struct command *c, struct err *e);

/* The same for a reply that nobody asked for by a command: where QUIT is the last one in flight, it
 * stays so. */
int flight_expect(struct flight *f, const struct command *c, struct err *e);

/* The oldest, which is the one that the next reply is for; NULL where there is none. */
const struct command *flight_front(const struct flight *f);

/* Take the oldest out; there must be one. */
struct command flight_pop(struct flight *f);

#endif
