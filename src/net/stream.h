/* stream.h: bytes to and from a server, whatever carries them.
 *
 * A stream is a table of operations over a descriptor or over another stream: TLS rides on a
 * socket, and later on a proxy or a command, alike. The operations never block; the functions
 * here wait by poll(2) until a deadline, so that to their callers a stream is blocking and
 * bounded in time. Errors: a deadline that passed is ERR_TEMPORARY with ETIME as its errno (so
 * that it differs from TCP's own ETIMEDOUT), a lost connection is ERR_TEMPORARY, a broken TLS
 * record ERR_PROTOCOL. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/clock.h"
#include "base/err.h"

#include <sys/types.h>

struct stream;

/* What an operation returns when it would have had to wait; s->wants says for what. */
enum { STREAM_AGAIN = -2 };

struct stream_ops {
    /* Up to LEN bytes. >0: how many; 0: the peer has ended (read only); STREAM_AGAIN; -1. */
    ssize_t (*read)(struct stream *s, void *data, size_t len, struct err *e);
    ssize_t (*write)(struct stream *s, const void *data, size_t len, struct err *e);
    /* Up to LEN bytes of a file from *OFFSET on, which moves; NULL where that can't be done without
     * reading them. As write; 0: the file ends at *OFFSET; a file that can't be read is ERR_IO. */
    ssize_t (*send_file)(struct stream *s, int fd, off_t *offset, size_t len, struct err *e);
    /* Tell the peer that nothing more comes. 0, STREAM_AGAIN, or -1. */
    int (*shutdown)(struct stream *s, struct err *e);
    void (*free)(struct stream *s);
};

/* The common head of every kind of stream. */
struct stream {
    const struct stream_ops *ops;
    int fd;      /* what to poll */
    short wants; /* POLLIN or POLLOUT: what the operation that returned STREAM_AGAIN awaits */
};

/* The first bytes of a client that speaks before it has heard anything, as TLS does: they may go
 * out while the connection is being made. */
struct opening {
    const char *data;
    size_t len;
    size_t sent; /* so many of them have gone out already */
};

/* Read what is there, waiting until DEADLINE for the first byte. >0, 0 at the end, -1. */
ssize_t stream_read(struct stream *s, void *data, size_t len, struct deadline deadline,
                    struct err *e);

/* Wait for any of EVENTS on the stream's descriptor. The events that came, 0 when DEADLINE
 * passed, -1. An interrupting signal is not an event. */
int stream_poll(struct stream *s, short events, struct deadline deadline, struct err *e);

/* Say goodbye on this layer (TLS close_notify, end of file on a socket). Errors are of no
 * interest to anybody by then. */
void stream_shutdown(struct stream *s, struct deadline deadline);

/* Close and free; NULL is allowed. */
void stream_free(struct stream *s);

/* A stream over the connected socket FD, which it owns and makes non-blocking. NULL on error. */
struct stream *stream_socket(int fd, struct err *e);

#endif
