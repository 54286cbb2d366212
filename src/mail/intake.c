#include "mail/intake.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Takes lines off a source, whatever ends them. */
struct line_reader {
    struct source *source;
    struct buf line; /* the line at hand, without its end; one byte too long where it was cut */
    uint64_t start;  /* its offset in the source */
    size_t mark;     /* bytes at its start that are a byte order mark */
    bool ended;      /* a line end came behind it */
    bool skip_lf;    /* that was a CR, so an LF may belong to it */
};

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

/* Read the next line, or what of it fits. 1; 0: the input is over; -1. */
static int next_line(struct line_reader *r, struct err *e)
{
    const char *data;
    size_t len, i;
    int rc = skip_lf(r, e);

    buf_clear(&r->line);
    r->start = source_tell(r->source);
    r->mark = 0;
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
            return err_set(e, ERR_OS, "no memory for the header");
        source_skip(r->source, i + r->ended);
    }
    return rc < 0 ? -1 : r->ended || r->line.len;
}

static void find_mark(struct line_reader *r)
{
    r->mark = r->line.len >= 3 && !memcmp(r->line.data, "\xef\xbb\xbf", 3) ? 3 : 0;
}

/* The line that mbox files have before each message; "From :" is a field. */
static bool is_mbox_line(const struct line_reader *r)
{
    const char *text = r->line.data + r->mark;

    return !strncmp(text, "From ", 5) && text[4 + strspn(text + 4, " \t")] != ':';
}

/* Read the first line of the message proper; a byte order mark may stand before it and before
 * the mbox line, and must not hide a field's name. */
static int first_line(struct line_reader *r, struct err *e)
{
    int rc = next_line(r, e);

    find_mark(r);
    if (rc <= 0 || !is_mbox_line(r))
        return rc;
    while (rc > 0 && !r->ended)
        rc = next_line(r, e);
    if (rc > 0)
        rc = next_line(r, e);
    find_mark(r);
    return rc;
}

/* The line at hand is the body's first. */
static int start_body(const struct line_reader *r, struct body *body, struct err *e)
{
    struct source *s = r->source;

    body->skip_lf = false;
    body->marked = r->mark > 0;
    body->offset = r->start + r->mark;
    if (s->kind != SOURCE_STREAM)
        return 0;
    if (source_give_back(s, r->line.data + r->mark, r->line.len - r->mark, e) < 0)
        return -1;
    return r->ended ? source_give_back(s, r->skip_lf ? "\r" : "\n", 1, e) : 0;
}

/* A field that says who gets the message. */
static bool names_recipients(const struct buf *line)
{
    static const char *const names[] = {"To",        "Cc",        "Bcc",
                                        "Resent-To", "Resent-Cc", "Resent-Bcc"};
    size_t len = strcspn(line->data, ":"), i;

    if (len == line->len)
        return false;
    while (len && (line->data[len - 1] == ' ' || line->data[len - 1] == '\t'))
        len--;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (text_same_n(line->data, len, names[i]))
            return true;
    }
    return false;
}

static int refuse_broken(const char *line, struct err *e)
{
    err_set(e, ERR_DATA, "the header has a line that is no field: '%.60s'", line);
    return err_hint(e, "put an empty line between header and body");
}

/* The header broke off at a line that is no field. Where fields with recipients follow before the
 * next empty line, it was not the body that began there: a Bcc would go out as text, and -t miss
 * those who are named. A stream can't be looked at, so there any such line is refused. */
static int check_rest(struct line_reader *r, const struct header *h, struct err *e)
{
    char broken[64];
    uint64_t first = r->start;
    int rc = 1;

    snprintf(broken, sizeof(broken), "%s", r->line.data);
    if (!h->count)
        return 0;
    if (r->source->kind == SOURCE_STREAM)
        return refuse_broken(broken, e);
    while (rc > 0 && r->line.len && r->start - first < HEADER_MAX) {
        if (names_recipients(&r->line))
            return refuse_broken(broken, e);
        rc = next_line(r, e);
    }
    return rc < 0 ? -1 : 0;
}

int intake_header(struct source *s, struct header *h, struct body *body, struct err *e)
{
    struct line_reader r = {.source = s};
    int rc;

    buf_init(&r.line, HEADER_LINE_MAX + 1);
    rc = first_line(&r, e);
    while (rc > 0 && r.line.len > r.mark) {
        rc = header_line(h, r.line.data + r.mark, r.line.len - r.mark, e);
        if (rc == 0) {
            rc = start_body(&r, body, e) ? -1 : check_rest(&r, h, e);
            goto out;
        }
        if (rc > 0)
            rc = next_line(&r, e);
    }
    body->offset = source_tell(s);
    body->skip_lf = r.skip_lf;
    body->marked = false;
out:
    buf_release(&r.line);
    return rc < 0 ? -1 : 0;
}
