#include "mail/downgrade.h"

#include "mail/encode.h"
#include "mail/line_reader.h"
#include "mail/mime.h"
#include "mail/names.h"
#include "mail/words.h"

#include <stdlib.h>
#include <string.h>

/* What the survey finds out about an entity, in the order in which headers end. */
enum { FOUND_8BIT = 1, FOUND_NO_UTF8 = 2 };

enum coding { CODING_NONE, CODING_QP, CODING_BASE64 };

/* A multibyte character that a piece of a line has cut. */
struct cut {
    char bytes[4];
    size_t len;
};

/* Where in the body we are. */
struct place {
    struct mime_walk walk;
    bool line_start; /* the next piece is a line's first */
    bool in_header;
    bool of_message; /* that header is a message's own, not a part's */
    bool outside;    /* before, between or after the parts of a multipart */
    bool held;       /* a line end not yet encoded: before a delimiter it is not the part's */
    size_t entities; /* whose headers have ended so far; the body is that of the last */
    struct mime_entity entity;
    enum coding coding;
    struct cut cut;
};

struct downgrade {
    struct line_reader reader;
    struct body body;
    bool surveying;
    struct buf found; /* a byte for each entity */
    struct place at, start;
    struct header header; /* of a part, as far as it has been read */
    struct quoted_printable qp;
    struct base64 base64;
    struct buf out;
    size_t out_used;
    bool over;
};

static int refuse(struct err *e, const char *why)
{
    err_set(e, ERR_DATA, "the message can't be made 7-bit: %s", why);
    return err_hint(e, "encode its 8-bit text, or send it through a server with 8BITMIME and "
                       "without -B 7bit");
}

static int refuse_field(const struct header *h, const struct field *field, const char *why,
                        struct err *e)
{
    struct buf text;

    buf_init(&text, 200);
    buf_addf(&text, "its field '%.*s' %s", field->name_len > 40 ? 40 : (int)field->name_len,
             h->bytes.data + field->start, why);
    refuse(e, text.data);
    buf_release(&text);
    return -1;
}

static void put_line(struct buf *out, const char *text, size_t len)
{
    buf_add(out, text, len);
    buf_add(out, "\r\n", 2);
}

/* The survey found 8-bit data in the entity. */
static bool has_8bit(const struct downgrade *d)
{
    return (d->found.data[d->at.entities - 1] & FOUND_8BIT) != 0;
}

/* The Content-Transfer-Encoding that the entity gets, or NULL for that which it has. */
static const char *new_label(const struct downgrade *d)
{
    if (d->at.coding != CODING_NONE)
        return d->at.coding == CODING_QP ? "quoted-printable" : "base64";
    if (d->at.entity.kind != MIME_FIXED &&
        (d->at.entity.encoding == MIME_8BIT || d->at.entity.encoding == MIME_BINARY))
        return "7bit";
    return NULL;
}

/* The parameter for text that says no charset. */
static const char *charset(const struct downgrade *d)
{
    bool utf8 = !(d->found.data[d->at.entities - 1] & FOUND_NO_UTF8);

    return utf8 ? "; charset=utf-8" : "; charset=unknown-8bit";
}

/* Append the 7-bit form of FIELD. NULL, or what hinders. */
static const char *put_field(const struct header *h, const struct field *field, struct buf *out)
{
    const char *start = h->bytes.data + field->start;

    if (is_8bit(start, field->len))
        return words_field(h, field, out);
    buf_add(out, start, field->len);
    return NULL;
}

/* The same of the Content-Type of a text without a charset, which comes right behind the type:
 * what is there has the same place in both forms. */
static const char *put_type(const struct downgrade *d, const struct header *h,
                            const struct field *field, struct buf *out)
{
    const char *start = h->bytes.data + field->start, *at = h->bytes.data + field->value;
    const char *label = charset(d), *type, *why;
    size_t place = out->len, n = strlen(label), len;

    mime_value(&at, start + field->len, &type, &len);
    place += (size_t)(type + len - start);
    why = put_field(h, field, out);
    if (why || buf_add(out, label, n))
        return why;
    memmove(out->data + place + n, out->data + place, out->len - n - place);
    memcpy(out->data + place, label, n);
    return NULL;
}

/* The fields that tell how the body is encoded, where H has none of them. */
static void put_labels(const struct downgrade *d, const struct header *h, const char *label,
                       struct buf *out)
{
    if (d->at.of_message && header_find(h, "MIME-Version", 0) < 0)
        buf_addstr(out, "MIME-Version: 1.0\r\n");
    if (!d->at.entity.typed)
        buf_addf(out, "Content-Type: text/plain%s\r\n", charset(d));
    if (header_find(h, "Content-Transfer-Encoding", 0) < 0)
        buf_addf(out, "Content-Transfer-Encoding: %s\r\n", label);
}

/* Append H in its 7-bit form. */
static int put_header(const struct downgrade *d, const struct header *h, struct buf *out,
                      struct err *e)
{
    bool add_charset = d->at.entity.no_charset && has_8bit(d) && d->at.coding != CODING_NONE;
    const char *label = new_label(d), *why;
    const struct field *field;
    size_t i;

    if (is_8bit(h->added.data, h->added.len))
        return refuse(e, "the sender's address is not ASCII");
    buf_add(out, h->added.data, h->added.len);
    for (i = 0; i < h->count; i++) {
        field = &h->fields[i];
        why = NULL;
        if (field->removed)
            continue;
        if (label && header_is_called(h, field, "Content-Transfer-Encoding"))
            buf_addf(out, "Content-Transfer-Encoding: %s\r\n", label);
        else if (add_charset && header_is_called(h, field, "Content-Type"))
            why = put_type(d, h, field, out);
        else
            why = put_field(h, field, out);
        if (why)
            return refuse_field(h, field, why, e);
    }
    if (d->at.coding != CODING_NONE)
        put_labels(d, h, label, out);
    return buf_check(out, ERR_DATA, "a header", e);
}

static enum coding choose_coding(const struct downgrade *d)
{
    if (!has_8bit(d) && d->at.entity.encoding != MIME_BINARY)
        return CODING_NONE;
    if (d->at.entity.kind == MIME_TEXT)
        return CODING_QP;
    return d->at.entity.kind == MIME_OTHER ? CODING_BASE64 : CODING_NONE;
}

/* The header H is complete: learn what body follows, and, where it is not the survey, append its
 * 7-bit form to OUT. */
static int end_header(struct downgrade *d, const struct header *h, struct buf *out,
                      struct err *e)
{
    const char *why = NULL;

    mime_read(h, !d->at.of_message && mime_in_digest(&d->at.walk), &d->at.entity);
    if (d->at.entity.kind == MIME_MULTIPART)
        why = mime_enter(&d->at.walk, &d->at.entity);
    if (why) {
        d->at.entity.kind = MIME_FIXED;
        d->at.entity.why = why;
    }
    d->at.entities++;
    d->at.coding = CODING_NONE;
    if (d->surveying) {
        if (buf_addch(&d->found, 0) < 0)
            return refuse(e, "it has too many parts");
    } else {
        if (d->at.entities > d->found.len)
            return refuse_changed(e);
        d->at.coding = choose_coding(d);
        if (put_header(d, h, out, e) < 0)
            return -1;
    }
    d->at.outside = d->at.entity.kind == MIME_MULTIPART;
    d->at.in_header = d->at.of_message = d->at.entity.kind == MIME_MESSAGE;
    d->at.cut.len = 0;
    d->at.held = false;
    return 0;
}

static int end_part_header(struct downgrade *d, struct err *e)
{
    int rc = end_header(d, &d->header, &d->out, e);

    header_clear(&d->header);
    return rc;
}

/* A part's body is over. */
static void end_body(struct downgrade *d)
{
    if (d->at.coding == CODING_BASE64)
        base64_end(&d->base64, &d->out);
    d->at.coding = CODING_NONE;
    d->at.held = false;
}

/* Whether the text is UTF-8 so far; ENDED: a line ends behind it. */
static bool check_utf8(struct cut *cut, const char *text, size_t len, bool ended)
{
    size_t n;

    while (cut->len && len) {
        cut->bytes[cut->len++] = *text++;
        len--;
        if (utf8_length(cut->bytes, cut->len))
            cut->len = 0;
        else if (cut->len == sizeof(cut->bytes))
            return false;
    }
    for (; len; text += n, len -= n) {
        n = utf8_length(text, len);
        if (n)
            continue;
        if (ended || len >= sizeof(cut->bytes))
            return false;
        memcpy(cut->bytes, text, len);
        cut->len = len;
        break;
    }
    return !ended || !cut->len;
}

static int survey_body(struct downgrade *d, const char *text, size_t len, bool ended,
                       struct err *e)
{
    char *found = &d->found.data[d->at.entities - 1];

    if (is_8bit(text, len)) {
        if (d->at.outside)
            return refuse(e, "it has 8-bit text outside of its parts");
        if (d->at.entity.kind == MIME_FIXED)
            return refuse(e, d->at.entity.why);
        *found |= FOUND_8BIT;
    } else if (!d->at.cut.len) {
        return 0;
    }
    if (!(*found & FOUND_NO_UTF8) && !check_utf8(&d->at.cut, text, len, ended)) {
        *found |= FOUND_NO_UTF8;
        d->at.cut.len = 0;
    }
    return 0;
}

/* A line of a body or of what is outside of parts, or a piece of one. */
static int take_body(struct downgrade *d, const char *text, size_t len, bool ended,
                     struct err *e)
{
    if (d->surveying)
        return survey_body(d, text, len, ended, e);
    switch (d->at.coding) {
    case CODING_NONE:
        if (is_8bit(text, len))
            return refuse_changed(e);
        buf_add(&d->out, text, len);
        if (ended)
            buf_add(&d->out, "\r\n", 2);
        break;
    case CODING_QP:
        quoted_printable(&d->qp, &d->out, text, len, ended);
        break;
    case CODING_BASE64:
        if (d->at.held)
            base64_add(&d->base64, &d->out, "\r\n", 2);
        base64_add(&d->base64, &d->out, text, len);
        d->at.held = ended;
        break;
    }
    return 0;
}

static int take_delimiter(struct downgrade *d, enum mime_delimiter which, struct err *e)
{
    const struct buf *line = &d->reader.line;

    if (d->at.in_header && end_part_header(d, e) < 0)
        return -1;
    end_body(d);
    if (!d->surveying)
        put_line(&d->out, line->data, line->len);
    d->at.in_header = which == MIME_NEXT_PART;
    d->at.of_message = false;
    d->at.outside = which == MIME_LAST_DELIMITER;
    return 0;
}

/* The line of mbox files, which some have before a message that is a part. */
static bool is_mbox_line(const struct downgrade *d)
{
    const char *text = d->reader.line.data;

    if (!d->at.of_message || d->header.count || d->reader.line.len > HEADER_LINE_MAX)
        return false;
    text += *text == '>';
    return !strncmp(text, "From ", 5) && text[4 + strspn(text + 4, " \t")] != ':';
}

/* A line while a part's header is read. 1: it is taken; 0: it belongs to the body; -1. */
static int take_header(struct downgrade *d, struct err *e)
{
    const struct buf *line = &d->reader.line;
    bool parted;
    int rc;

    if (is_mbox_line(d)) {
        if (is_8bit(line->data, line->len))
            return refuse(e, "a message in it begins with a 'From ' line that is not ASCII");
        if (!d->surveying)
            put_line(&d->out, line->data, line->len);
        return 1;
    }
    rc = line->len ? header_line(&d->header, line->data, line->len, e) : 0;
    if (rc != 0)
        return rc;
    if (end_part_header(d, e) < 0)
        return -1;
    /* Only what is encoded gets the empty line that it lacks. */
    parted = !line->len || d->at.coding != CODING_NONE;
    if (parted && !d->surveying)
        buf_add(&d->out, "\r\n", 2);
    return !line->len;
}

/* The line, or the piece of one, that has been read. */
static int take_piece(struct downgrade *d, struct err *e)
{
    const struct buf *line = &d->reader.line;
    bool ended = d->reader.ended || line->len <= HEADER_LINE_MAX;
    enum mime_delimiter which = MIME_NO_DELIMITER;
    int rc = 0;

    if (d->at.line_start && ended)
        which = mime_delimiter(&d->at.walk, line->data, line->len);
    d->at.line_start = ended;
    if (which != MIME_NO_DELIMITER)
        return take_delimiter(d, which, e);
    /* The body of a message is a header again, so that one line may end two of them. */
    while (rc == 0 && d->at.in_header)
        rc = take_header(d, e);
    return rc ? (rc < 0 ? -1 : 0) : take_body(d, line->data, line->len, ended, e);
}

/* The input is over; a line that came in pieces gets its end. */
static int finish(struct downgrade *d, struct err *e)
{
    d->over = true;
    if (!d->at.line_start && take_body(d, "", 0, true, e) < 0)
        return -1;
    while (d->at.in_header) {
        if (end_part_header(d, e) < 0)
            return -1;
    }
    if (d->at.coding == CODING_BASE64 && d->at.held)
        base64_add(&d->base64, &d->out, "\r\n", 2);
    end_body(d);
    return 0;
}

/* Take the next piece of the body in, or finish. */
static int step(struct downgrade *d, struct err *e)
{
    int rc = line_reader_next(&d->reader, e);

    if (rc > 0)
        rc = take_piece(d, e);
    else if (rc == 0)
        rc = finish(d, e);
    return rc < 0 ? -1 : buf_check(&d->out, ERR_DATA, "a part", e);
}

void downgrade_rewind(struct downgrade *d)
{
    source_seek(d->reader.source, d->body.offset, !d->body.marked);
    d->reader.skip_lf = d->body.skip_lf;
    d->at = d->start;
    header_clear(&d->header);
    d->qp.len = 0;
    d->base64.len = 0;
    buf_clear(&d->out);
    d->out_used = 0;
    d->over = false;
}

/* Go through the whole body, and then to its start again. */
static int survey(struct downgrade *d, const struct header *h, struct buf *head, struct err *e)
{
    d->start = (struct place){.line_start = true, .of_message = true};
    d->surveying = true;
    downgrade_rewind(d);
    if (end_header(d, h, head, e) < 0)
        return -1;
    while (!d->over) {
        if (step(d, e) < 0)
            return -1;
    }
    d->surveying = false;
    downgrade_rewind(d);
    if (end_header(d, h, head, e) < 0)
        return -1;
    d->start = d->at;
    return 0;
}

int downgrade_new(struct downgrade **d, struct source *s, const struct body *body,
                  const struct header *h, struct buf *head, struct err *e)
{
    struct downgrade *new = calloc(1, sizeof(*new));

    *d = NULL;
    if (!new)
        return err_set(e, ERR_OS, "no memory for the message");
    line_reader_init(&new->reader, s, HEADER_LINE_MAX, false);
    new->body = *body;
    buf_init(&new->found, DOWNGRADE_PARTS_MAX);
    header_init(&new->header);
    buf_init(&new->out, SIZE_MAX);
    if (survey(new, h, head, e) < 0) {
        downgrade_free(new);
        return -1;
    }
    *d = new;
    return 0;
}

void downgrade_free(struct downgrade *d)
{
    if (!d)
        return;
    line_reader_release(&d->reader);
    buf_release(&d->found);
    header_release(&d->header);
    buf_release(&d->out);
    free(d);
}

int downgrade_next(struct downgrade *d, const char **data, size_t *len, struct err *e)
{
    if (d->out_used == d->out.len) {
        buf_clear(&d->out);
        d->out_used = 0;
    }
    while (!d->over && d->out.len < SOURCE_WINDOW) {
        if (step(d, e) < 0)
            return -1;
    }
    *data = d->out.data + d->out_used;
    *len = d->out.len - d->out_used;
    if (*len > SOURCE_WINDOW)
        *len = SOURCE_WINDOW;
    d->out_used += *len;
    return *len > 0;
}
