#include "send/notice.h"

#include "base/file.h"
#include "mail/stamp.h"

#include <errno.h>
#include <string.h>

enum {
    WIDTH = 76,            /* where a line breaks when there is a blank */
    SPILL = 64 * 1024,     /* octets that are worth a write */
    OUT_MAX = 1024 * 1024, /* that may wait for it: SPILL and one piece of anything */
};

int notice_init(struct notice *n, int fd, struct err *e)
{
    *n = (struct notice){.fd = fd};
    buf_init(&n->out, OUT_MAX);
    buf_init(&n->boundary, 70);
    /* Neither quoted-printable nor base64 has "=_". */
    buf_addstr(&n->boundary, "=_");
    return stamp_random(&n->boundary, e);
}

void notice_release(struct notice *n)
{
    buf_release(&n->out);
    buf_release(&n->boundary);
}

void notice_line(struct notice *n, const char *text, size_t len)
{
    if (n->quoted) {
        quoted_printable(&n->qp, &n->out, text, len, true);
        return;
    }
    buf_add(&n->out, text, len);
    buf_addstr(&n->out, "\r\n");
}

void notice_words(struct notice *n, const char *text)
{
    notice_line(n, text, strlen(text));
}

/* How much of the LEN bytes at TEXT, which start with no blank, goes on a line with ROOM. */
static size_t fitting(const char *text, size_t len, size_t room)
{
    const char *blank;
    size_t at;

    if (len <= room)
        return len;
    blank = memrchr(text, ' ', room + 1);
    if (!blank)
        blank = memchr(text + room, ' ', len - room);
    at = blank ? (size_t)(blank - text) : len;
    if (at <= NOTICE_LINE_MOST)
        return at;
    for (at = NOTICE_LINE_MOST; ((unsigned char)text[at] & 0xc0) == 0x80; at--)
        ; /* no character is cut in two */
    return at;
}

bool notice_wrapped(struct notice *n, const char *first, const char *rest, const char *text,
                    size_t len)
{
    struct buf line;
    size_t piece;
    bool any = false;

    buf_init(&line, OUT_MAX);
    while (len && text[len - 1] == ' ')
        len--;
    for (; len; text += piece, len -= piece) {
        piece = 1;
        if (*text == ' ')
            continue;
        piece = fitting(text, len, WIDTH - strlen(first));
        buf_clear(&line);
        buf_addstr(&line, first);
        buf_add(&line, text, piece);
        notice_line(n, line.data, line.len);
        first = rest;
        any = true;
    }
    buf_release(&line);
    return any;
}

int notice_date(struct notice *n, const char *name, int64_t when, struct err *e)
{
    buf_addf(&n->out, "%s: ", name);
    if (stamp_date(&n->out, when, e) < 0)
        return -1;
    buf_addstr(&n->out, "\r\n");
    return 0;
}

void notice_part(struct notice *n, const char *type, const char *description, bool quoted)
{
    buf_addf(&n->out, "\r\n--%s\r\nContent-Type: %s\r\nContent-Description: %s\r\n",
             n->boundary.data, type, description);
    if (quoted)
        buf_addstr(&n->out, "Content-Transfer-Encoding: quoted-printable\r\n");
    buf_addstr(&n->out, "\r\n");
    n->quoted = quoted;
}

static int write_out(struct notice *n, struct err *e)
{
    if (buf_check(&n->out, ERR_INTERNAL, "the notice", e) < 0)
        return -1;
    if (file_write(n->fd, n->out.data, n->out.len))
        return err_system(e, ERR_IO, errno, "can't write the notice");
    buf_clear(&n->out);
    return 0;
}

int notice_spill(struct notice *n, struct err *e)
{
    return n->out.len < SPILL && !n->out.failed ? 0 : write_out(n, e);
}

int notice_end(struct notice *n, struct err *e)
{
    buf_addf(&n->out, "\r\n--%s--\r\n", n->boundary.data);
    return write_out(n, e);
}
