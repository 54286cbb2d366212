#include "mail/line_reader.h"

void line_reader_init(struct line_reader *r, struct source *s, size_t most, bool skip_lf)
{
    *r = (struct line_reader){.source = s, .skip_lf = skip_lf};
    buf_init(&r->line, most + 1);
}

void line_reader_release(struct line_reader *r)
{
    buf_release(&r->line);
}

/* Pass over the LF of a CRLF whose CR ended the last line. 1, 0 at the end, -1. */
static int skip_lf(struct line_reader *r, struct err *e)
{
    const char *data;
    size_t len;
    int rc = source_peek(r->source, &data, &len, e);

    if (rc > 0 && r->skip_lf && *data == '\n')
        source_skip(r->source, 1);
    if (rc >= 0)
        r->skip_lf = false;
    return rc;
}

int line_reader_next(struct line_reader *r, struct err *e)
{
    const char *data;
    size_t len, i;
    int rc = skip_lf(r, e);

    buf_clear(&r->line);
    r->start = source_tell(r->source);
    r->ended = false;
    while (rc > 0 && !r->ended && r->line.len < r->line.max) {
        rc = source_peek(r->source, &data, &len, e);
        if (rc <= 0)
            break;
        if (len > r->line.max - r->line.len)
            len = r->line.max - r->line.len;
        for (i = 0; i < len && data[i] != '\r' && data[i] != '\n'; i++)
            ;
        r->ended = i < len;
        r->skip_lf = r->ended && data[i] == '\r';
        if (buf_add(&r->line, data, i) < 0)
            return err_set(e, ERR_OS, "no memory for a line of the message");
        source_skip(r->source, i + r->ended);
    }
    return rc < 0 ? -1 : r->ended || r->line.len;
}
