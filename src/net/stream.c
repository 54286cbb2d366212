#include "net/stream.h"

#include <errno.h>
#include <poll.h>

static int timed_out(struct err *e)
{
    err_set(e, ERR_TEMPORARY, "timed out");
    e->sys = ETIME;
    return -1;
}

int stream_poll(struct stream *s, short events, struct deadline deadline, struct err *e)
{
    struct pollfd poll_fd = {.fd = s->fd, .events = events};
    int n;

    for (;;) {
        n = poll(&poll_fd, 1, deadline_poll_ms(deadline));
        if (n > 0)
            return poll_fd.revents;
        if (n < 0 && errno != EINTR)
            return err_system(e, ERR_OS, errno, "poll");
        if (n == 0 && deadline_passed(deadline))
            return 0;
    }
}

ssize_t stream_read(struct stream *s, void *data, size_t len, struct deadline deadline,
                    struct err *e)
{
    ssize_t n;
    int ready;

    for (;;) {
        n = s->ops->read(s, data, len, e);
        if (n != STREAM_AGAIN)
            return n;
        ready = stream_poll(s, s->wants, deadline, e);
        if (ready <= 0)
            return ready < 0 ? -1 : timed_out(e);
    }
}

void stream_shutdown(struct stream *s, struct deadline deadline)
{
    struct err ignored = ERR_INIT;

    while (s->ops->shutdown(s, &ignored) == STREAM_AGAIN) {
        if (stream_poll(s, s->wants, deadline, &ignored) <= 0)
            break;
    }
    err_release(&ignored);
}

void stream_free(struct stream *s)
{
    if (s)
        s->ops->free(s);
}
