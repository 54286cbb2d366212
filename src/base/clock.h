/* clock.h: deadlines on the monotonic clock, passed down instead of time-outs.
 *
 * A deadline is a point in time, so it bounds a whole reply or a whole run however many polls
 * that takes; what is nearer of two deadlines is again a deadline. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
    int64_t at; /* nanoseconds of CLOCK_MONOTONIC; INT64_MAX: never */
};

#define DEADLINE_NEVER ((struct deadline){INT64_MAX})

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_now(void);

/* MS milliseconds from now; DEADLINE_NEVER when MS is negative. */
struct deadline deadline_in(int64_t ms);

/* The one that comes first. */
struct deadline deadline_nearer(struct deadline a, struct deadline b);

bool deadline_passed(struct deadline d);

/* For poll(2): milliseconds left, rounded up, 0 when passed, -1 for never. */
int deadline_poll_ms(struct deadline d);

#endif
