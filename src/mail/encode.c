#include "mail/encode.h"

#include "base/text.h"

#include <string.h>

static void end_line(struct quoted_printable *q, struct buf *out)
{
    q->line[q->len++] = '\r';
    q->line[q->len++] = '\n';
    buf_add(out, q->line, q->len);
    q->len = 0;
}

/* LAST: the line ends behind it; all others leave room for the '=' of a soft line break. */
static void put_char(struct quoted_printable *q, struct buf *out, char c, bool literal,
                     bool last)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t room = last ? ENCODED_LINE : ENCODED_LINE - 1;

    if (q->len + (literal ? 1 : 3) > room) {
        q->line[q->len++] = '=';
        end_line(q, out);
        literal = literal && c != '-';
    }
    if (literal) {
        q->line[q->len++] = c;
        return;
    }
    q->line[q->len++] = '=';
    q->line[q->len++] = digits[(unsigned char)c >> 4];
    q->line[q->len++] = digits[(unsigned char)c & 15];
}

void quoted_printable(struct quoted_printable *q, struct buf *out, const char *text, size_t len,
                      bool ended)
{
    size_t i;
    char c;
    bool blank, final;

    for (i = 0; i < len; i++) {
        c = text[i];
        final = i + 1 == len;
        blank = c == ' ' || c == '\t';
        /* A blank that ends a piece may be the last of the line as well. */
        put_char(q, out, c, blank ? !final : c > ' ' && c <= '~' && c != '=', ended && final);
    }
    if (ended)
        end_line(q, out);
}

void base64_end(struct base64 *b, struct buf *out)
{
    if (!b->len)
        return;
    text_base64(out, b->group, b->len);
    buf_add(out, "\r\n", 2);
    b->len = 0;
}

void base64_add(struct base64 *b, struct buf *out, const char *data, size_t len)
{
    size_t n;

    while (len) {
        n = BASE64_GROUP - b->len;
        if (n > len)
            n = len;
        memcpy(b->group + b->len, data, n);
        b->len += n;
        data += n;
        len -= n;
        if (b->len == BASE64_GROUP)
            base64_end(b, out);
    }
}
