/* line_reader.h: takes lines off a source, whatever ends them: CRLF, a lone CR or a lone LF. */
#ifndef MAIL_LINE_READER_H
#define MAIL_LINE_READER_H

#include "mail/header.h"
#include "mail/source.h"

struct line_reader {
    struct source *source; /* not ours */
    struct buf line;       /* the line at hand, or a piece of it, without its end */
    uint64_t start;        /* its offset in the source; not for streams */
    bool ended;            /* a line end came behind it */
    bool skip_lf;          /* that was a CR, so an LF may belong to it */
};

/* Lines of up to MOST bytes come whole. SKIP_LF: an LF that comes first belongs to a line before. */
void line_reader_init(struct line_reader *r, struct source *s, size_t most, bool skip_lf);
void line_reader_release(struct line_reader *r);

/* Read the next line. A longer one comes in pieces of one byte more than that; all but its last are not ended. 1; 0: the input is over; -1. */
int line_reader_next(struct line_reader *r, struct err *e);

#endif
