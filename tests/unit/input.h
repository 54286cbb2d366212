/* input.h: the same bytes to a message by every way there is, and what must come out. */
#ifndef UNIT_INPUT_H
#define UNIT_INPUT_H

#include "mail/message.h"

#include <pthread.h>

/* How the bytes reach the message. */
enum way {
    WAY_FILE,
    WAY_FILE_LATER, /* a file whose offset is not 0 */
    WAY_PIPE,
    WAY_PIPE_DRIPS, /* two pieces; byte by byte where it is cut at its end */
    WAY_STREAM,     /* the same, sent as it is read */
    WAY_COUNT
};

extern const char *const way_names[];

struct input {
    enum way way;
    const char *data;
    size_t len, cut;
    long delay; /* nanoseconds before the first write */
    int fds[2]; /* the first is the one to read from */
    pthread_t writer;
};

/* The descriptor to read the bytes from; a thread writes them where it is a pipe. */
int input_open(struct input *in);
void input_close(struct input *in);

/* All that comes out of M. message_next's last value, or -2 where it gave nothing with a 1. */
int drain(struct message *m, bool stuff, struct buf *out, struct err *e);

/* The wire form of a body, told a byte at a time. */
void reference(const char *body, size_t len, struct buf *out);

/* Open the input, look at the facts, drain it twice. NULL, or what goes wrong; WANT is the wire
 * form that is expected, dots not stuffed. */
const char *try_input(struct input *in, bool dot_ends, const struct buf *want);

#endif
