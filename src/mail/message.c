#include "mail/message.h"

#include "mail/downgrade.h"
#include "mail/intake.h"
#include "mail/mend.h"
#include "mail/names.h"
#include "mail/wire.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_SIZE = SOURCE_WINDOW * WIRE_GROWTH };

struct message {
    struct source source;
    struct header header;
    struct body body;
    bool streamed;
    bool body_read; /* bytes of the body have left the source */
    uint64_t body_size;
    bool clean;                  /* the body is in wire form already, but for dots */
    struct downgrade *downgrade; /* the body goes out in 7-bit form */
    bool only_7bit;              /* streamed, and 8-bit text may not go out */
    struct message_facts *facts; /* apart, since the header's share is counted when asked for */

    /* going out */
    struct buf
        head; /* the header's wire form and the empty line; empty before the first next */
    size_t head_used;
    struct wire wire;
    char *out;     /* OUT_SIZE bytes, or NULL while nothing had to be converted */
    uint64_t sent; /* octets so far, stuffed dots not counted */
};

/* Every byte is looked at before anyone connects, since a NUL can't be taken back later. */
static int scan_body(struct message *m, struct err *e)
{
    /* The LF that may come first takes back the bare CR that it is counted with. */
    struct scan scan = {.skip_lf = m->body.skip_lf, .bare = m->body.skip_lf};
    const char *data;
    size_t len;
    int rc;

    source_seek(&m->source, m->body.offset, !m->body.marked);
    while ((rc = source_peek(&m->source, &data, &len, e)) > 0) {
        wire_scan(&scan, data, len);
        if (scan.nul)
            return refuse_nul(e);
        source_skip(&m->source, len);
    }
    if (rc < 0)
        return -1;
    wire_scan_end(&scan);
    m->body_size = scan.size;
    m->clean = !scan.bare && !scan.open;
    m->facts->body_8bit = scan.high;
    m->facts->long_lines = scan.long_lines;
    m->facts->known = true;
    return 0;
}

static int take_in(struct message *m, int fd, const struct message_options *options,
                   struct err *e)
{
    m->streamed = options->stream;
    if (options->mended)
        header_expect_edited(&m->header);
    if (source_init(&m->source, fd, options->reader, options->dot_ends, e) < 0)
        return -1;
    if (m->source.kind == SOURCE_STREAM && !m->streamed &&
        source_keep(&m->source, MESSAGE_IN_MEMORY, e) < 0)
        return -1;
    if (intake_header(&m->source, &m->header, &m->body, e) < 0)
        return -1;
    if (!m->streamed && scan_body(m, e) < 0)
        return -1;
    return message_rewind(m, e);
}

int message_open(struct message **m, int fd, const struct message_options *options,
                 struct err *e)
{
    struct message *new = calloc(1, sizeof(*new));

    *m = NULL;
    if (!new)
        return err_set(e, ERR_OS, "no memory for the message");
    new->source.fd = -1;
    header_init(&new->header);
    buf_init(&new->head, SIZE_MAX);
    new->facts = calloc(1, sizeof(*new->facts));
    if (!new->facts)
        err_set(e, ERR_OS, "no memory for the message");
    if (!new->facts || take_in(new, fd, options, e) < 0) {
        message_free(new);
        return -1;
    }
    *m = new;
    return 0;
}

void message_free(struct message *m)
{
    if (!m)
        return;
    source_release(&m->source);
    header_release(&m->header);
    buf_release(&m->head);
    downgrade_free(m->downgrade);
    free(m->facts);
    free(m->out);
    free(m);
}

struct header *message_header(struct message *m)
{
    return &m->header;
}

int message_mend(struct message *m, bool add, const struct message_identity *who, struct err *e)
{
    header_remove(&m->header, "Bcc");
    header_remove(&m->header, "Resent-Bcc");
    return add ? mend_header(&m->header, who, e) : 0;
}

const struct message_facts *message_facts(const struct message *m)
{
    const struct header *h = &m->header;
    uint64_t size = h->added.len + 2;
    size_t i;

    if (m->head.len)
        return m->facts;
    for (i = 0; i < h->count; i++)
        size += h->fields[i].removed ? 0 : h->fields[i].len;
    m->facts->size = m->streamed ? 0 : size + m->body_size;
    m->facts->header_8bit = header_is_8bit(h);
    return m->facts;
}

/* Freeze the header: its wire form and the empty line that is always there, so that nothing in
 * the body can be taken for a field. */
static int write_head(struct message *m, struct err *e)
{
    message_facts(m);
    header_write(&m->header, &m->head);
    buf_add(&m->head, "\r\n", 2);
    return buf_check(&m->head, ERR_DATA, "the header", e);
}

/* The next raw bytes: of the head, then of the body. 1, 0, -1. */
static int next_window(struct message *m, const char **data, size_t *len, struct err *e)
{
    int rc;

    if (m->head_used < m->head.len) {
        *data = m->head.data + m->head_used;
        *len = m->head.len - m->head_used;
        if (*len > SOURCE_WINDOW)
            *len = SOURCE_WINDOW;
        m->head_used += *len;
        return 1;
    }
    if (m->downgrade)
        return downgrade_next(m->downgrade, data, len, e);
    if (!m->body_read)
        m->wire.skip_lf = m->body.skip_lf;
    m->body_read = true;
    rc = source_peek(&m->source, data, len, e);
    if (*len > SOURCE_WINDOW)
        *len = SOURCE_WINDOW;
    if (rc > 0)
        source_skip(&m->source, *len);
    return rc;
}

static int refuse_stream(struct err *e)
{
    err_set(e, ERR_DATA,
            "a message with 8-bit text that is sent as it is read can't be made 7-bit");
    return err_hint(e, "leave out --stream, encode the 8-bit text, or send it through a server "
                       "with 8BITMIME and without -B 7bit");
}

/* The window is of a body that scan_body found to be in wire form, and it is still that body. A
 * change that leaves the file's times alone would not be seen: it could not break the frame of a
 * chunk, but with dots to be stuffed it could end the message early. */
static bool was_seen(const struct message *m, bool stuff)
{
    return m->clean && !stuff && m->body_read && !m->downgrade && !m->wire.skip_lf &&
           source_unchanged(&m->source);
}

/* Convert a window where it needs that. 1: there is something to send; 0: there is not. */
static int convert(struct message *m, bool stuff, const char **data, size_t *len, struct err *e)
{
    struct census census = {0};
    size_t stuffed = 0;

    if (was_seen(m, stuff)) {
        m->wire.bol = (*data)[*len - 1] == '\n';
        m->sent += *len;
        return 1;
    }
    wire_census(*data, *len, &census);
    if (census.nul)
        return refuse_nul(e);
    if (census.high && m->only_7bit)
        return refuse_stream(e);
    if (!wire_passes(&m->wire, *data, *len, &census, stuff)) {
        if (!m->out)
            m->out = malloc(OUT_SIZE);
        if (!m->out)
            return err_set(e, ERR_OS, "no memory for the message");
        *len = wire_convert(&m->wire, *data, *len, m->out, stuff ? &stuffed : NULL);
        *data = m->out;
    }
    m->sent += *len - stuffed;
    return *len > 0;
}

int message_next(struct message *m, bool stuff, const char **data, size_t *len, struct err *e)
{
    int rc;

    if (!m->head.len && write_head(m, e) < 0)
        return -1;
    do {
        rc = next_window(m, data, len, e);
        if (rc < 0)
            return -1;
        if (rc == 0)
            break;
        rc = convert(m, stuff, data, len, e);
    } while (rc == 0);
    if (rc == 0 && !m->wire.bol) {
        m->wire.bol = true;
        m->sent += 2;
        *data = "\r\n";
        *len = 2;
        rc = 1;
    }
    /* Neither more nor less than was announced may go out, or a BDAT chunk would swallow or
     * become commands. */
    if (m->facts->known && rc >= 0 &&
        (rc ? m->sent > m->facts->size : m->sent != m->facts->size))
        return refuse_changed(e);
    return rc;
}

/* A body of a file that needs no change can go out without passing through us. */
bool message_tail(const struct message *m, struct message_tail *tail)
{
    const struct source *s = &m->source;

    if (!m->clean || m->downgrade || m->streamed || s->kind != SOURCE_FILE || m->body_read ||
        !m->head.len || m->head_used < m->head.len || !m->body_size || !source_unchanged(s))
        return false;
    *tail = (struct message_tail){.fd = s->fd,
                                  .offset = s->base + (off_t)m->body.offset + m->body.skip_lf,
                                  .len = m->body_size};
    return true;
}

int message_rewind(struct message *m, struct err *e)
{
    if (m->streamed && m->body_read)
        return err_set(e, ERR_INTERNAL, "a streamed message can't be read twice");
    if (m->downgrade)
        downgrade_rewind(m->downgrade);
    else if (m->source.kind != SOURCE_STREAM)
        source_seek(&m->source, m->body.offset, !m->body.marked);
    m->head_used = 0;
    m->body_read = false;
    m->wire = (struct wire){.bol = true};
    m->sent = 0;
    return 0;
}

/* The facts of the 7-bit form, which only a look at all of it tells. */
static int measure(struct message *m, struct err *e)
{
    struct scan scan = {.size = m->head.len};
    const char *data;
    size_t len;
    int rc;

    downgrade_rewind(m->downgrade);
    while ((rc = downgrade_next(m->downgrade, &data, &len, e)) > 0)
        wire_scan(&scan, data, len);
    if (rc < 0)
        return -1;
    if (scan.high || is_8bit(m->head.data, m->head.len))
        return err_set(e, ERR_INTERNAL, "the message's 7-bit form has 8-bit text");
    m->facts->size = scan.size;
    m->facts->long_lines = scan.long_lines;
    m->facts->header_8bit = m->facts->body_8bit = false;
    return 0;
}

int message_downgrade(struct message *m, struct err *e)
{
    int rc;

    if (m->streamed) {
        m->only_7bit = true;
        return header_is_8bit(&m->header) ? refuse_stream(e) : 0;
    }
    if (m->downgrade)
        return message_rewind(m, e);
    buf_clear(&m->head);
    rc = downgrade_new(&m->downgrade, &m->source, &m->body, &m->header, &m->head, e);
    buf_add(&m->head, "\r\n", 2);
    if (!rc)
        rc = buf_check(&m->head, ERR_DATA, "the header", e);
    if (!rc)
        rc = measure(m, e);
    if (rc) {
        downgrade_free(m->downgrade);
        m->downgrade = NULL;
        buf_clear(&m->head);
    }
    return message_rewind(m, e) ? -1 : rc;
}
