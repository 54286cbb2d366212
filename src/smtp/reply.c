#include "smtp/reply.h"

#include "base/text.h"

#include <string.h>

void reply_init(struct reply *r)
{
    *r = (struct reply){0};
    buf_init(&r->text, REPLY_TEXT_MAX);
}

void reply_release(struct reply *r)
{
    buf_release(&r->text);
}

void reply_clear(struct reply *r)
{
    struct buf text = r->text;

    *r = (struct reply){.text = text};
    buf_clear(&r->text);
}

int reply_class(const struct reply *r)
{
    return r->code / 100;
}

/* Up to three digits of one part of an enhanced status code; their number, 0 where none. */
static size_t subcode(const char *text, size_t len, unsigned short *value)
{
    size_t i;
    unsigned sum = 0;

    for (i = 0; i < len && i < 3 && text_digit(text[i]); i++)
        sum = sum * 10 + (unsigned)(text[i] - '0');
    *value = (unsigned short)sum;
    return i;
}

/* Read an enhanced status code (RFC 3463 section 2) at the start of TEXT. Its length, or 0 where
 * there is none or its class is not CLASS. */
static size_t parse_enhanced(const char *text, size_t len, int class, struct enhanced *out)
{
    struct enhanced found;
    size_t at = 2, digits;

    if (len < 5 || text[0] != '0' + class || text[1] != '.')
        return 0;
    if (class != 2 && class != 4 && class != 5)
        return 0;
    found.class = (unsigned short)class;
    digits = subcode(text + at, len - at, &found.subject);
    at += digits;
    if (!digits || at >= len || text[at] != '.')
        return 0;
    at++;
    digits = subcode(text + at, len - at, &found.detail);
    at += digits;
    if (!digits || (at < len && text[at] != ' '))
        return 0;
    *out = found;
    return at;
}

static int garbage(const char *line, size_t len, const char *why, struct err *e)
{
    struct buf shown;
    size_t most = len < 100 ? len : 100;

    buf_init(&shown, 512);
    text_escape(&shown, line, most);
    err_set(e, ERR_PROTOCOL, "%s: '%s%s'", why, shown.data, most < len ? "..." : "");
    buf_release(&shown);
    return err_hint(e, "is this an SMTP server, and is the port right?");
}

/* The code at the start of a line, or 0. */
static int line_code(const char *line, size_t len)
{
    if (len < 3 || line[0] < '2' || line[0] > '5' || !text_digit(line[1]) ||
        !text_digit(line[2]))
        return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

int reply_line(struct reply *r, const char *line, size_t len, struct err *e)
{
    int code = line_code(line, len);
    const char *text = line + (len > 4 ? 4 : len);
    size_t text_len = len > 4 ? len - 4 : 0;

    if (!code || (len > 3 && line[3] != ' ' && line[3] != '-'))
        return garbage(line, len, "the server sent no SMTP reply", e);
    if (r->lines && code != r->code)
        return garbage(line, len, "the server changed the code within a reply", e);
    if (r->lines >= REPLY_LINES_MAX)
        return err_set(e, ERR_PROTOCOL, "the server sent a reply of over %d lines",
                       REPLY_LINES_MAX);
    if (r->lines)
        buf_addch(&r->text, '\n');
    else
        parse_enhanced(text, text_len, code / 100, &r->enhanced);
    buf_add(&r->text, text, text_len);
    r->code = code;
    r->lines++;
    if (buf_check(&r->text, ERR_PROTOCOL, "the server's reply", e))
        return -1;
    return len < 4 || line[3] == ' ';
}

int reply_refusal(const struct reply *r, enum err_kind kind, const char *what, struct err *e)
{
    err_set(e, kind, "%s", what);
    err_reply(e, r->code, r->enhanced, r->text.data, r->text.len);
    return -1;
}
