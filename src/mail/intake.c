#include "mail/intake.h"

#include "base/text.h"
#include "mail/line_reader.h"

#include <stdio.h>
#include <string.h>

int refuse_changed(struct err *e)
{
    err_set(e, ERR_IO, "the message changed while it was read");
    return err_hint(e, "do not write to the message's file before it is sent");
}

/* Reads the lines of a header. */
struct intake {
    struct line_reader reader;
    size_t mark; /* bytes at the start of the line at hand that are a byte order mark */
};

static int next_line(struct intake *in, struct err *e)
{
    in->mark = 0;
    return line_reader_next(&in->reader, e);
}

static void find_mark(struct intake *in)
{
    const struct buf *line = &in->reader.line;

    in->mark = line->len >= 3 && !memcmp(line->data, "\xef\xbb\xbf", 3) ? 3 : 0;
}

/* The line that mbox files have before each message; "From :" is a field. */
static bool is_mbox_line(const struct intake *in)
{
    const char *text = in->reader.line.data + in->mark;

    return !strncmp(text, "From ", 5) && text[4 + strspn(text + 4, " \t")] != ':';
}

/* Read the first line of the message proper; a byte order mark may stand before it and before
 * the mbox line, and must not hide a field's name. */
static int first_line(struct intake *in, struct err *e)
{
    int rc = next_line(in, e);

    find_mark(in);
    if (rc <= 0 || !is_mbox_line(in))
        return rc;
    /* A NUL is one wherever it stands, whether the input is a file or a pipe. */
    while (rc > 0 && !memchr(in->reader.line.data, '\0', in->reader.line.len) &&
           !in->reader.ended)
        rc = next_line(in, e);
    if (rc > 0 && memchr(in->reader.line.data, '\0', in->reader.line.len))
        return refuse_nul(e);
    if (rc > 0)
        rc = next_line(in, e);
    find_mark(in);
    return rc;
}

/* The line at hand is the body's first. */
static int start_body(const struct intake *in, struct body *body, struct err *e)
{
    struct source *s = in->reader.source;

    body->skip_lf = false;
    body->marked = in->mark > 0;
    body->offset = in->reader.start + in->mark;
    if (s->kind != SOURCE_STREAM)
        return 0;
    if (source_give_back(s, in->reader.line.data + in->mark, in->reader.line.len - in->mark,
                         e) < 0)
        return -1;
    return in->reader.ended ? source_give_back(s, in->reader.skip_lf ? "\r" : "\n", 1, e) : 0;
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
static int check_rest(struct intake *in, const struct header *h, struct err *e)
{
    const struct line_reader *r = &in->reader;
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
        rc = next_line(in, e);
    }
    return rc < 0 ? -1 : 0;
}

int intake_header(struct source *s, struct header *h, struct body *body, struct err *e)
{
    struct intake in = {.mark = 0};
    int rc;

    line_reader_init(&in.reader, s, h->line_max, false);
    rc = first_line(&in, e);
    while (rc > 0 && in.reader.line.len > in.mark) {
        rc = header_line(h, in.reader.line.data + in.mark, in.reader.line.len - in.mark, e);
        if (rc == 0) {
            rc = start_body(&in, body, e) ? -1 : check_rest(&in, h, e);
            goto out;
        }
        if (rc > 0)
            rc = next_line(&in, e);
    }
    body->offset = source_tell(s);
    body->skip_lf = in.reader.skip_lf;
    body->marked = false;
out:
    line_reader_release(&in.reader);
    return rc < 0 ? -1 : 0;
}
