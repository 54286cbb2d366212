#include "body.h"

#include <stdio.h>
#include <string.h>

void body_init(struct body *body, const struct conn *conn)
{
    memset(body, 0, sizeof(*body));
    body->line_start = true;
    body->last = '\n';
    body->look = transcript_on(&conn->log);
}

/* Looks for a CR that no LF follows in S, and whether the byte before S was one. */
static void look_for_cr(struct body *body, const char *s, size_t len)
{
    const char *end = s + len;

    if (body->last == '\r' && s[0] != '\n')
        body->bare_cr = true;
    for (const char *p = s; !body->bare_cr; p++) {
        p = memchr(p, '\r', (size_t)(end - p));
        if (p == NULL || p + 1 == end)
            return;
        if (p[1] != '\n')
            body->bare_cr = true;
    }
}

static void look_for_lf(struct body *body, const char *s, size_t len)
{
    const char *end = s + len;

    if (body->last != '\r' && s[0] == '\n')
        body->bare_lf = true;
    for (const char *p = s + 1; !body->bare_lf && p < end; p++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (p == NULL)
            return;
        if (p[-1] != '\r')
            body->bare_lf = true;
    }
}

/* Whether S + I is where a line starts. */
static bool starts_line(const struct body *body, const char *s, size_t i)
{
    if (i == 0)
        return body->line_start;
    return s[i - 1] == '\n' && (i > 1 ? s[i - 2] : body->last) == '\r';
}

/* Keeps what later bytes are judged by. */
static void remember(struct body *body, const char *s, size_t len)
{
    if (len == 0)
        return;
    if (body->look) {
        look_for_cr(body, s, len);
        look_for_lf(body, s, len);
    }
    body->line_start = starts_line(body, s, len);
    body->last = s[len - 1];
}

/* The dot at S that begins a line: 3, it ends the message; 1, it is stuffing; 0, too early to
 * say. */
static size_t judge_dot(const char *s, size_t left)
{
    if (left >= 2 && s[1] != '\r')
        return 1;
    if (left < 3)
        return 0;
    return s[2] == '\n' ? 3 : 1;
}

/* Takes what it can of the LEN bytes at S; returns how many. */
static size_t scan(struct body *body, struct sink *sink, const char *s, size_t len, bool *ended)
{
    size_t from = 0, i = 0, took;

    while (i < len && !*ended) {
        const char *dot = memchr(s + i, '.', len - i);

        i = dot == NULL ? len : (size_t)(dot - s);
        if (dot == NULL)
            break;
        if (!starts_line(body, s, i)) {
            i++;
            continue;
        }
        took = judge_dot(dot, len - i);
        if (took == 0)
            break;
        sink_write(sink, s + from, i - from);
        from = i = i + took;
        *ended = took == 3;
    }
    sink_write(sink, s + from, i - from);
    remember(body, s, i);
    return i;
}

/* Says once a message what was wrong with its line ends. */
static void note_bare(struct body *body, struct conn *conn)
{
    if (!body->look)
        return;
    if (body->bare_lf)
        transcript_note(&conn->log, "bare LF");
    if (body->bare_cr)
        transcript_note(&conn->log, "bare CR");
    body->bare_lf = body->bare_cr = false;
}

static void note_data(struct conn *conn, unsigned long long bytes)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "<%llu bytes of data>", bytes);

    conn_note_flight(conn);
    transcript_line(&conn->log, 'C', line, (size_t)len);
}

/* The first bytes are in the buffer. */
static int begin(struct body *body)
{
    int (*begun)(void *) = body->begun;

    body->begun = NULL;
    return begun == NULL ? 0 : begun(body->context);
}

int body_read_dot(struct body *body, struct conn *conn, struct sink *sink)
{
    bool ended = false;
    size_t took;

    conn->in_body = false;
    if (conn->pos == conn->end && conn_fill(conn) < 0)
        return -1;
    conn->in_body = true;
    if (begin(body) < 0)
        return -1;
    for (;;) {
        took = scan(body, sink, conn->in + conn->pos, conn->end - conn->pos, &ended);
        conn->pos += took;
        if (ended || conn_fill(conn) < 0)
            break;
    }
    note_data(conn, sink->bytes);
    note_bare(body, conn);
    if (ended)
        transcript_line(&conn->log, 'C', ".", 1);
    return ended ? 0 : -1;
}

/* The buffer is empty, and nobody wants to see the bytes to come. */
static bool can_skip(const struct body *body, const struct conn *conn, const struct sink *sink)
{
    return conn->pos == conn->end && body->begun == NULL && !body->look &&
           (sink == NULL || !sink_looks(sink));
}

/* Takes up to LEFT bytes of a chunk. How many, or -1: over. */
static long take_chunk(struct body *body, struct conn *conn, struct sink *sink,
                       unsigned long long left)
{
    const char *s;
    size_t n;

    if (can_skip(body, conn, sink)) {
        long skipped = conn_skip(conn, left);

        if (skipped > 0 && sink != NULL)
            sink_write(sink, NULL, (size_t)skipped);
        return skipped;
    }
    if (conn->pos == conn->end && conn_fill(conn) < 0)
        return -1;
    if (begin(body) < 0)
        return -1;
    s = conn->in + conn->pos;
    n = conn->end - conn->pos;
    if (n > left)
        n = (size_t)left;
    remember(body, s, n);
    if (sink != NULL)
        sink_write(sink, s, n);
    conn->pos += n;
    return (long)n;
}

int body_read_chunk(struct body *body, struct conn *conn, struct sink *sink,
                    unsigned long long count)
{
    unsigned long long left = count;

    conn->in_body = true;
    while (left > 0) {
        long n = take_chunk(body, conn, sink, left);

        if (n < 0)
            break;
        left -= (unsigned long long)n;
    }
    note_data(conn, count - left);
    note_bare(body, conn);
    return left == 0 ? 0 : -1;
}
