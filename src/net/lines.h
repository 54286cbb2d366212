/* lines.h: the bounded line reader, the only way in for what a server says.
 *
 * One fixed buffer; a line that does not fit is an error, never memory. Lines end in LF, with or
 * without CR before it: servers that send bare LF exist, and reading them is safe. */
#ifndef NET_LINES_H
#define NET_LINES_H

#include "net/stream.h"

/* RFC 5321 section 4.5.3.1.5 says 512; challenges go to 12,288 (RFC 4954 section 4). */
enum { LINES_BUFFER = 16384 };

struct lines {
    size_t start, end; /* unread bytes of data */
    bool at_eof;
    char data[LINES_BUFFER];
};

/* The next line without its end, pointing into the buffer and valid until the next call. 1; 0
 * when the peer ended the connection; -1 with ERR_PROTOCOL for a line too long, or the stream's
 * error. DEADLINE bounds the whole call, however slowly the bytes drip. */
int lines_next(struct lines *l, struct stream *s, struct deadline deadline, const char **line,
               size_t *len, struct err *e);

/* The next line if it is wholly in the buffer already: 1, else 0. Never reads the stream. */
int lines_buffered(struct lines *l, const char **line, size_t *len);

/* One read without waiting, for use while we are the ones who write; the lines that are whole must
 * have been taken before. 1: something came; 0: nothing, or the peer has ended; -1, with
 * ERR_PROTOCOL where the buffer is full of one line. */
int lines_fill(struct lines *l, struct stream *s, struct err *e);

/* Bytes received and not yet taken. */
size_t lines_pending(const struct lines *l);

#endif
