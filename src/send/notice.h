/* notice.h: the lines of a message of ours on their way to a descriptor.
 *
 * Lines gather and are written in large pieces, so that memory does not depend on their number;
 * none has over 998 octets. Text of others is escaped before it gets here. */
#ifndef SEND_NOTICE_H
#define SEND_NOTICE_H

#include "mail/encode.h"

#include <stdint.h>

enum { NOTICE_LINE_MOST = 900 /* where a line breaks that has no blank */ };

struct notice {
    int fd;         /* not ours */
    struct buf out; /* not yet written */
    struct buf boundary;
    bool quoted; /* the lines of this part go out as quoted-printable */
    struct quoted_printable qp;
};

/* Chooses a boundary (RFC 2046 section 5.1.1), which nobody can have foreseen. -1 with ERR_OS. */
int notice_init(struct notice *n, int fd, struct err *e);
void notice_release(struct notice *n);

/* Put one line. */
void notice_line(struct notice *n, const char *text, size_t len);
void notice_words(struct notice *n, const char *text);

/* Put LEN bytes on lines that begin with FIRST, which is short, and then with REST; they break at
 * blanks, and what is longer than a line only where it must. False where there is no text: then
 * there is no line either, since one of blanks alone would end a header. */
bool notice_wrapped(struct notice *n, const char *first, const char *rest, const char *text,
                    size_t len);

/* Put a field NAME with a date (RFC 5322 section 3.3). -1 with ERR_OS. */
int notice_date(struct notice *n, const char *name, int64_t when, struct err *e);

/* Put a delimiter and the header of a part, which is quoted-printable where QUOTED. */
void notice_part(struct notice *n, const char *type, const char *description, bool quoted);

/* Write what has gathered, if it is much. -1 with ERR_IO, also for what failed before. */
int notice_spill(struct notice *n, struct err *e);

/* Put the last delimiter and write all. */
int notice_end(struct notice *n, struct err *e);

#endif
