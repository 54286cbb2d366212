#include "smtp.h"

#include <ctype.h>
#include <string.h>

static const char garbage[] = "\x00\xffgarbage\x1b[31m\r\n";
enum { GARBAGE_LEN = sizeof(garbage) - 1, LONG_LINE = 10 * 1000 * 1000, DRIP_MS = 1000 };

static void count(struct smtp *smtp, enum stage stage)
{
    smtp->counts[stage]++;
    smtp->totals[stage] = atomic_fetch_add(&smtp->server->tally->counts[stage], 1) + 1;
}

static const struct rule *find(const struct smtp *smtp, const struct rules *rules,
                               enum stage stage)
{
    return rules_find(rules, stage, smtp->counts[stage], smtp->totals[stage]);
}

const struct text *reply_override(struct smtp *smtp, enum stage stage)
{
    const struct rule *rule;

    count(smtp, stage);
    rule = find(smtp, &smtp->server->options->replies, stage);
    return rule == NULL ? NULL : &rule->reply;
}

static bool has_code(const char *s, size_t len)
{
    return len >= 3 && isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[1]) &&
           isdigit((unsigned char)s[2]) && (len == 3 || s[3] == ' ' || s[3] == '-');
}

int reply_code(const char *text)
{
    if (!has_code(text, strlen(text)))
        return 0;
    return (text[0] - '0') * 100 + (text[1] - '0') * 10 + text[2] - '0';
}

/* How many bytes of an enhanced status code and its blank LINE begins with (behind the reply
 * code): 0, none. */
static size_t enhanced_length(const char *s, size_t len)
{
    size_t i = 0;

    if (len < 6 || strchr("245", s[0]) == NULL || s[1] != '.')
        return 0;
    for (i = 2; i < len && (isdigit((unsigned char)s[i]) || s[i] == '.'); i++)
        ;
    return i < len && s[i] == ' ' ? i + 1 : 0;
}

struct line {
    const char *s;
    size_t len;
    bool coded; /* brings its own code */
    bool last;
};

/* The next line of the LEN bytes at *S. */
static struct line next_line(const char **s, size_t *len)
{
    struct line line = {.s = *s, .len = *len, .last = true};
    const char *nl = memchr(*s, '\n', *len);

    if (nl != NULL) {
        line.len = (size_t)(nl - *s);
        line.last = false;
        *s += line.len + 1;
        *len -= line.len + 1;
    }
    line.coded = has_code(line.s, line.len);
    return line;
}

/* The lines as they go on the wire. A line that brings no code gets the first one's; dashes and
 * blanks are put right unless the text says them itself (all lines coded, a dash in the first).
 * A text without any code goes as it is. */
static void format_reply(struct text *wire, const char *s, size_t len, bool enhanced)
{
    const char *walk = s;
    size_t left = len;
    struct line first = next_line(&walk, &left);
    bool own = first.coded && first.len > 3 && first.s[3] == '-';

    for (struct line line = first; own && !line.last;) {
        line = next_line(&walk, &left);
        own = line.coded;
    }
    walk = s;
    left = len;
    for (bool more = true; more;) {
        struct line line = next_line(&walk, &left);
        size_t skip = line.coded ? (line.len > 3 ? 4 : 3) : 0;

        more = !line.last;
        if (own || !first.coded)
            skip = 0;
        else
            text_addf(wire, "%.3s%c", line.coded ? line.s : first.s, more ? '-' : ' ');
        if (!enhanced && skip > 0)
            skip += enhanced_length(line.s + skip, line.len - skip);
        text_add(wire, line.s + skip, line.len - skip);
        text_add(wire, "\r\n", 2);
    }
}

static void note_sent(struct conn *conn, const char *s, size_t len)
{
    while (len > 0) {
        const char *nl = memchr(s, '\n', len);
        size_t n = nl == NULL ? len : (size_t)(nl - s) + 1;
        size_t shown = nl == NULL ? n : n - 1;

        if (shown > 0 && s[shown - 1] == '\r')
            shown--;
        transcript_line(&conn->log, 'S', s, shown);
        s += n;
        len -= n;
    }
}

static int put_noted(struct conn *conn, const char *s, size_t len)
{
    note_sent(conn, s, len);
    return conn_put(conn, s, len);
}

/* Continuation lines for as long as the client stands it. */
static int send_endless(struct conn *conn, const char *wire, size_t len)
{
    struct text line = {NULL, 0};

    text_addf(&line, "%.3s-still more to say\r\n", len >= 3 ? wire : "250");
    note_sent(conn, line.s, line.len);
    while (conn_put(conn, line.s, line.len) == 0)
        ;
    text_free(&line);
    return -1;
}

static int send_long_line(struct conn *conn, const char *wire, size_t len)
{
    char piece[8192];

    memset(piece, 'x', sizeof(piece));
    if (conn_put(conn, wire, len >= 4 ? 4 : len) < 0)
        return -1;
    for (size_t sent = 0; sent < LONG_LINE; sent += sizeof(piece))
        if (conn_put(conn, piece, sizeof(piece)) < 0)
            return -1;
    if (conn_flush(conn) == 0)
        conn_drain(conn, -1);
    return -1;
}

static int send_drip(struct conn *conn, const char *wire, size_t len)
{
    size_t split = conn->split;
    unsigned split_ms = conn->split_ms;
    int rc;

    if (conn_flush(conn) < 0)
        return -1;
    conn->split = 1;
    conn->split_ms = DRIP_MS;
    rc = put_noted(conn, wire, len);
    if (rc == 0)
        rc = conn_flush(conn);
    conn->split = split;
    conn->split_ms = split_ms;
    return rc;
}

static int act(struct smtp *smtp, enum action action, const char *wire, size_t len)
{
    struct conn *conn = smtp->conn;

    switch (action) {
    case ACTION_NONE:
        return put_noted(conn, wire, len);
    case ACTION_DROP:
        conn_drop(conn);
        return -1;
    case ACTION_RESET:
        conn_reset(conn);
        return -1;
    case ACTION_HANG:
        if (conn_flush(conn) == 0)
            conn_drain(conn, -1);
        return -1;
    case ACTION_GARBAGE:
        return put_noted(conn, garbage, GARBAGE_LEN);
    case ACTION_DRIP:
        return send_drip(conn, wire, len);
    case ACTION_ENDLESS:
        return send_endless(conn, wire, len);
    case ACTION_LONGLINE:
        return send_long_line(conn, wire, len);
    case ACTION_CLOSEAFTER:
        if (put_noted(conn, wire, len) == 0)
            conn_finish(conn);
        return -1;
    }
    return -1;
}

/* Waits as --delay says, then finds what --at says. */
static int prepare(struct smtp *smtp, enum stage stage, enum action *action)
{
    const struct options *options = smtp->server->options;
    const struct rule *rule;

    rule = find(smtp, &options->delays, stage);
    if (rule != NULL && rule->delay_ms > 0) {
        if (conn_flush(smtp->conn) < 0)
            return -1;
        conn_pause(smtp->conn, rule->delay_ms);
    }
    rule = find(smtp, &options->actions, stage);
    *action = rule == NULL ? ACTION_NONE : rule->action;
    if (*action != ACTION_NONE)
        transcript_note(&smtp->conn->log, "server: %s at %s", action_name(*action),
                        stage_name(stage));
    return 0;
}

int reply_say(struct smtp *smtp, enum stage stage, const struct text *other, const char *text)
{
    bool enhanced = other != NULL || smtp_has(smtp, CAP_ENHANCED);
    struct text wire = {NULL, 0};
    enum action action;
    int rc;

    if (prepare(smtp, stage, &action) < 0)
        return -1;
    if (other != NULL)
        format_reply(&wire, other->s, other->len, enhanced);
    else
        format_reply(&wire, text, strlen(text), enhanced);
    rc = act(smtp, action, wire.s, wire.len);
    text_free(&wire);
    return rc;
}

int reply_send(struct smtp *smtp, enum stage stage, const char *text)
{
    const struct text *other = reply_override(smtp, stage);

    if (reply_say(smtp, stage, other, text) < 0)
        return -1;
    return reply_code(other == NULL ? text : other->s);
}

int reply_plain(struct smtp *smtp, const char *text)
{
    return reply_say(smtp, STAGE_NONE, NULL, text);
}

int reply_instead(struct smtp *smtp, enum stage stage)
{
    static const char early[] = "421 4.3.2 Shutting down\r\n";
    enum action action;

    count(smtp, stage);
    if (prepare(smtp, stage, &action) < 0)
        return -1;
    if (action == ACTION_NONE)
        return 0;
    if (act(smtp, action, early, sizeof(early) - 1) < 0)
        return -1;
    if (conn_flush(smtp->conn) < 0)
        return -1;
    if (stage == STAGE_HANDSHAKE) {
        conn_drain(smtp->conn, -1);
        return -1;
    }
    return 0;
}
