#include "smtp/caps.h"

#include "base/text.h"

#include <string.h>

enum { MECHANISMS_MAX = 4096 };

static const struct {
    const char *keyword;
    unsigned bit;
} known[] = {
    {"STARTTLS", CAP_STARTTLS},
    {"AUTH", CAP_AUTH},
    {"PIPELINING", CAP_PIPELINING},
    {"CHUNKING", CAP_CHUNKING},
    {"SIZE", CAP_SIZE},
    {"8BITMIME", CAP_8BITMIME},
    {"SMTPUTF8", CAP_SMTPUTF8},
    {"DSN", CAP_DSN},
    {"ENHANCEDSTATUSCODES", CAP_ENHANCED_CODES},
    {"DELIVERBY", CAP_DELIVERBY},
    {"MT-PRIORITY", CAP_MT_PRIORITY},
    {"FUTURERELEASE", CAP_FUTURERELEASE},
    {"REQUIRETLS", CAP_REQUIRETLS},
    {"LIMITS", CAP_LIMITS},
    {"PRDR", CAP_PRDR},
};

void caps_init(struct caps *c)
{
    *c = (struct caps){0};
    buf_init(&c->mechanisms, MECHANISMS_MAX);
}

void caps_release(struct caps *c)
{
    buf_release(&c->mechanisms);
}

void caps_clear(struct caps *c)
{
    c->bits = 0;
    c->size_limit = c->rcpt_max = c->mail_max = 0;
    c->deliver_min = c->hold_max = 0;
    c->hold_until = 0;
    buf_clear(&c->mechanisms);
}

static size_t word_length(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len && text[i] != ' ' && text[i] != '\t'; i++)
        ;
    return i;
}

static void add_mechanisms(struct caps *c, const char *text, size_t len)
{
    size_t n;

    while (len) {
        n = word_length(text, len);
        buf_add(&c->mechanisms, text, n);
        if (n)
            buf_addch(&c->mechanisms, ' ');
        n += n < len;
        text += n;
        len -= n;
    }
}

/* A decimal number; 0 is "none stated" (RFC 1870 section 3), and so is what is no number. */
static uint64_t parse_number(const char *text, size_t len)
{
    char digits[24];
    int64_t value;

    if (len >= sizeof(digits))
        return 0;
    memcpy(digits, text, len);
    digits[len] = '\0';
    value = text_number(digits, INT64_MAX);
    return value < 0 ? 0 : (uint64_t)value;
}

/* RFC 9422 section 3: name=value pairs, of which two concern us. */
static void parse_limits(struct caps *c, const char *text, size_t len)
{
    size_t n;

    for (; len; text += n, len -= n) {
        n = word_length(text, len);
        if (n > 8 && text_same_n(text, 8, "RCPTMAX="))
            c->rcpt_max = parse_number(text + 8, n - 8);
        else if (n > 8 && text_same_n(text, 8, "MAILMAX="))
            c->mail_max = parse_number(text + 8, n - 8);
        n += n < len;
    }
}

/* RFC 4865 section 3: the longest time, and the last point in time. */
static void parse_hold(struct caps *c, const char *text, size_t len)
{
    size_t n = word_length(text, len);
    char time[32];
    int64_t at;

    c->hold_max = parse_number(text, n);
    n += n < len;
    len = word_length(text + n, len - n);
    if (len >= sizeof(time))
        return;
    memcpy(time, text + n, len);
    time[len] = '\0';
    at = text_time(time);
    c->hold_until = at < 0 ? 0 : at;
}

/* What follows the keyword of a line, up to its end. */
static void parse_parameters(struct caps *c, unsigned bit, const char *text, size_t len)
{
    if (bit == CAP_AUTH)
        add_mechanisms(c, text, len);
    else if (bit == CAP_SIZE)
        c->size_limit = parse_number(text, word_length(text, len));
    else if (bit == CAP_LIMITS)
        parse_limits(c, text, len);
    else if (bit == CAP_DELIVERBY)
        c->deliver_min = parse_number(text, word_length(text, len));
    else if (bit == CAP_FUTURERELEASE)
        parse_hold(c, text, len);
}

static void parse_line(struct caps *c, const char *line, size_t len)
{
    size_t keyword = word_length(line, len);
    size_t rest = keyword + (keyword < len);
    size_t i;

    if (keyword > 5 && text_same_n(line, 5, "AUTH=")) {
        c->bits |= CAP_AUTH;
        add_mechanisms(c, line + 5, len - 5);
        return;
    }
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!text_same_n(line, keyword, known[i].keyword))
            continue;
        c->bits |= known[i].bit;
        parse_parameters(c, known[i].bit, line + rest, len - rest);
    }
}

void caps_parse(struct caps *c, const char *text, size_t len)
{
    const char *end = text + len;
    const char *line = memchr(text, '\n', len);
    const char *next;

    caps_clear(c);
    while (line) {
        line++;
        next = memchr(line, '\n', (size_t)(end - line));
        parse_line(c, line, (size_t)((next ? next : end) - line));
        line = next;
    }
}

bool caps_has_mechanism(const struct caps *c, const char *name)
{
    const char *at = c->mechanisms.data;
    size_t left = c->mechanisms.len, n;

    for (; left; at += n, left -= n) {
        n = word_length(at, left);
        if (text_same_n(at, n, name))
            return true;
        n += n < left;
    }
    return false;
}
