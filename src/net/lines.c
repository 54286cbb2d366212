#include "net/lines.h"

#include <string.h>

size_t lines_pending(const struct lines *l)
{
    return l->end - l->start;
}

int lines_buffered(struct lines *l, const char **line, size_t *len)
{
    char *begin = l->data + l->start;
    char *lf = memchr(begin, '\n', lines_pending(l));

    if (!lf)
        return 0;
    *line = begin;
    *len = (size_t)(lf - begin);
    if (*len && begin[*len - 1] == '\r')
        --*len;
    l->start += (size_t)(lf - begin) + 1;
    return 1;
}

/* Move what is unread to the front, so that there is room behind it. */
static size_t make_room(struct lines *l)
{
    if (l->start) {
        memmove(l->data, l->data + l->start, lines_pending(l));
        l->end -= l->start;
        l->start = 0;
    }
    return sizeof(l->data) - l->end;
}

static int too_long(struct err *e)
{
    return err_set(e, ERR_PROTOCOL, "the server sent a line of over %d bytes", LINES_BUFFER);
}

int lines_fill(struct lines *l, struct stream *s, struct err *e)
{
    size_t room = make_room(l);
    ssize_t n;

    if (l->at_eof)
        return 0;
    if (!room)
        return too_long(e);
    n = s->ops->read(s, l->data + l->end, room, e);
    if (n == STREAM_AGAIN)
        return 0;
    if (n < 0)
        return -1;
    l->at_eof = n == 0;
    l->end += (size_t)n;
    return n > 0;
}

int lines_next(struct lines *l, struct stream *s, struct deadline deadline, const char **line,
               size_t *len, struct err *e)
{
    size_t room;
    ssize_t n;

    while (!lines_buffered(l, line, len)) {
        if (l->at_eof)
            return 0;
        room = make_room(l);
        if (!room)
            return too_long(e);
        n = stream_read(s, l->data + l->end, room, deadline, e);
        if (n < 0)
            return -1;
        l->at_eof = n == 0;
        l->end += (size_t)n;
    }
    return 1;
}
