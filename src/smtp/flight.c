#include "smtp/flight.h"

#include "base/clock.h"

#include <stdlib.h>

enum { FIRST_CAP = 8 };

void flight_release(struct flight *f)
{
    free(f->ring);
    *f = (struct flight){0};
}

/* Double the ring, unrolled. */
static int grow(struct flight *f, struct err *e)
{
    size_t cap = f->cap ? f->cap * 2 : FIRST_CAP, i;
    struct command *ring = malloc(cap * sizeof(*ring));

    if (!ring)
        return err_set(e, ERR_OS, "no memory for commands in flight");
    for (i = 0; i < f->count; i++)
        ring[i] = f->ring[(f->first + i) % f->cap];
    free(f->ring);
    f->ring = ring;
    f->first = 0;
    f->cap = cap;
    return 0;
}

int flight_push(struct flight *f, const struct command *c, struct err *e)
{
    struct command *slot;

    if (f->count == f->cap && grow(f, e))
        return err_at(e, c->stage);
    slot = &f->ring[(f->first + f->count) % f->cap];
    *slot = *c;
    slot->sent_at = clock_now();
    f->count++;
    return 0;
}

int flight_expect(struct flight *f, const struct command *c, struct err *e)
{
    struct command *quit, *added, other;

    if (flight_push(f, c, e))
        return -1;
    if (f->count < 2)
        return 0;
    quit = &f->ring[(f->first + f->count - 2) % f->cap];
    added = &f->ring[(f->first + f->count - 1) % f->cap];
    if (quit->stage == STAGE_QUIT) {
        other = *quit;
        *quit = *added;
        *added = other;
    }
    return 0;
}

const struct command *flight_front(const struct flight *f)
{
    return f->count ? &f->ring[f->first] : NULL;
}

struct command flight_pop(struct flight *f)
{
    struct command c = f->ring[f->first];

    f->first = (f->first + 1) % f->cap;
    f->count--;
    return c;
}
