/* reply.h: one reply of a server, parsed line by line (RFC 5321 section 4.2).
 *
 * The text is kept as it came, raw: it is escaped only where it is printed. Everything has a
 * maximum, so an endless reply is an error and not memory. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buf.h"

#include <stdint.h>

enum { REPLY_TEXT_MAX = 65536, REPLY_LINES_MAX = 1000 };

struct reply {
    int code;                 /* 200 to 599; 0: nothing parsed yet */
    struct enhanced enhanced; /* RFC 3463; zero where there is none */
    struct buf text;          /* without codes' digits and separator; lines apart by '\n' */
    size_t lines;
    int64_t elapsed_ns; /* from the command to the reply's last byte */
};

void reply_init(struct reply *r);
void reply_release(struct reply *r);
void reply_clear(struct reply *r);

/* Take one line without its end. 1: the reply is complete; 0: more lines follow; -1 with
 * ERR_PROTOCOL, quoting what came: no three digits of a known class, a separator that is neither
 * space nor hyphen, another code than the line before, too many lines or too much text. A line
 * of three digits alone is a complete reply (section 4.2). */
int reply_line(struct reply *r, const char *line, size_t len, struct err *e);

/* 2: done, 3: go on, 4: not now, 5: never; by the first digit alone (section 4.2.1). */
int reply_class(const struct reply *r);

/* Turn a refusal into an error of KIND with the server's words. */
int reply_refusal(const struct reply *r, enum err_kind kind, const char *what, struct err *e);

#endif
