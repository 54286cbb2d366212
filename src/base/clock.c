#include "base/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct deadline deadline_in(int64_t ms)
{
    int64_t now = clock_now();

    if (ms < 0 || ms > (INT64_MAX - now) / 1000000)
        return DEADLINE_NEVER;
    return (struct deadline){now + ms * 1000000};
}

struct deadline deadline_nearer(struct deadline a, struct deadline b)
{
    return a.at < b.at ? a : b;
}

bool deadline_passed(struct deadline d)
{
    return d.at != INT64_MAX && clock_now() >= d.at;
}

int deadline_poll_ms(struct deadline d)
{
    int64_t left;

    if (d.at == INT64_MAX)
        return -1;
    left = d.at - clock_now();
    if (left <= 0)
        return 0;
    left = (left + 999999) / 1000000;
    return left > INT_MAX ? INT_MAX : (int)left;
}
