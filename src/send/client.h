/* client.h: the client of -bs: its commands and its message in, replies out.
 *
 * Everything is bounded: a command's line, the time that the client may be silent, what is
 * buffered. Replies gather while commands are at hand, and go out before we wait for more (RFC 2920
 * section 3.2).
 *
 * The message ends at a line that is a lone dot, and which bytes make a line is decided by the
 * client's own DATA: where that ended in CRLF, only CRLF ends a line of the message, so that nothing
 * that another server took for text (a dot between bare LFs, say) can end it and have the rest
 * read as commands. Where DATA ended in a bare LF, as scripts have it, LF alone will do. */
#ifndef SEND_CLIENT_H
#define SEND_CLIENT_H

#include "base/clock.h"
#include "smtp/reply.h"

#include <sys/types.h>

enum { CLIENT_LINE_MAX = 4096, CLIENT_BUFFER = 65536 };

/* Why the client can't be talked with any longer. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_GONE,  /* its end of file */
    TROUBLE_IDLE,  /* it was silent for too long */
    TROUBLE_BROKEN /* it can't be read or written; sys says why */
};

/* Where in the message the next byte is. */
enum data_place { DATA_LINE_START, DATA_DOT, DATA_DOT_CR, DATA_CR, DATA_MIDDLE, DATA_ENDED };

struct client {
    int in, out;         /* descriptors, not owned */
    int64_t timeout_ms;  /* for a command, for a piece of the message, for taking a reply */
    struct deadline run; /* of the whole run */
    enum trouble trouble;
    int sys;            /* errno of TROUBLE_BROKEN */
    bool bare;          /* the last command ended in a bare LF */
    bool strict;        /* one has ended in CRLF, and so do all others */
    enum data_place at; /* in the message */
    struct buf replies; /* not written yet */
    size_t start, end;  /* unread bytes of data */
    char data[CLIENT_BUFFER];
};

void client_init(struct client *c, int in, int out, int64_t timeout_ms, struct deadline run);
void client_release(struct client *c);

/* The next line without its end, followed by a NUL that does not count; valid until the next
 * call. 1; 0: it had over CLIENT_LINE_MAX octets and is gone; -1: c->trouble. */
int client_line(struct client *c, char **line, size_t *len);

/* The message begins. */
void client_start_data(struct client *c);

/* As read(2) of the message, a struct client being CTX and ROOM at least 2: dots unstuffed, 0 at
 * its end; -1: trouble, and errno. */
ssize_t client_read_data(void *ctx, char *to, size_t room);

/* Pass over what is left of the message. -1: trouble. */
int client_skip_data(struct client *c);

/* Answer, in printf's manner: one line with its code, without its end. */
void client_say(struct client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Answer R, whose words are a server's: escaped, and with an enhanced status code (RFC 2034) on
 * each line. */
void client_reply(struct client *c, const struct reply *r);

/* Write what has been answered. -1: trouble. */
int client_flush(struct client *c);

#endif
