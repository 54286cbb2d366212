#include "mail/wire.h"

#include <string.h>

enum {
    LANES = 64,  /* bytes looked at side by side */
    ROUNDS = 255 /* before a lane's counter of one byte is full */
};

/* One counter of each kind for each lane. The loops over lanes have a fixed length and no
 * branches, so that compilers turn them into vector code at -O2. */
struct lanes {
    uint8_t cr[LANES], lf[LANES], crlf[LANES], dots[LANES], nul[LANES], all[LANES];
};

/* The same code for processors with wider registers, chosen when the program starts. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SANITIZED)
#define FOR_WIDE_REGISTERS __attribute__((target_clones("avx2", "default")))
#else
#define FOR_WIDE_REGISTERS
#endif

/* Look at LANES bytes and the one after them. */
static inline __attribute__((always_inline)) void count_lanes(struct lanes *v, const uint8_t *p)
{
    uint8_t cr, lf;
    size_t i;

    for (i = 0; i < LANES; i++) {
        cr = p[i] == '\r';
        lf = p[i] == '\n';
        v->cr[i] = (uint8_t)(v->cr[i] + cr);
        v->lf[i] = (uint8_t)(v->lf[i] + lf);
        v->crlf[i] = (uint8_t)(v->crlf[i] + (cr & (uint8_t)(p[i + 1] == '\n')));
        v->dots[i] = (uint8_t)(v->dots[i] + (lf & (uint8_t)(p[i + 1] == '.')));
        v->nul[i] = (uint8_t)(v->nul[i] | (uint8_t)(p[i] == 0));
        v->all[i] = (uint8_t)(v->all[i] | p[i]);
    }
}

static void sum_lanes(const struct lanes *v, struct census *c)
{
    size_t i;

    for (i = 0; i < LANES; i++) {
        c->cr += v->cr[i];
        c->lf += v->lf[i];
        c->crlf += v->crlf[i];
        c->dots += v->dots[i];
        c->nul = c->nul || v->nul[i];
        c->high = c->high || v->all[i] >= 0x80;
    }
}

FOR_WIDE_REGISTERS void wire_census(const char *data, size_t len, struct census *c)
{
    const uint8_t *p = (const uint8_t *)data, *end = p + len;
    struct lanes v;
    int round;

    *c = (struct census){.cr = 0};
    while (end - p > LANES) {
        memset(&v, 0, sizeof(v));
        for (round = 0; round < ROUNDS && end - p > LANES; round++, p += LANES)
            count_lanes(&v, p);
        sum_lanes(&v, c);
    }
    for (; p < end; p++) {
        c->cr += *p == '\r';
        c->lf += *p == '\n';
        c->crlf += *p == '\r' && end - p > 1 && p[1] == '\n';
        c->dots += *p == '\n' && end - p > 1 && p[1] == '.';
        c->nul = c->nul || *p == 0;
        c->high = c->high || *p >= 0x80;
    }
}

/* The next CR and LF, looked for only when passed. */
struct ends {
    const char *end, *cr, *lf;
};

static const char *find(const char *from, const char *end, char c)
{
    const char *at = memchr(from, c, (size_t)(end - from));

    return at ? at : end;
}

static struct ends ends_from(const char *from, const char *end)
{
    return (struct ends){end, find(from, end, '\r'), find(from, end, '\n')};
}

/* The first CR or LF at or after FROM, or the end. */
static const char *next_end(struct ends *n, const char *from)
{
    if (n->cr < from)
        n->cr = find(from, n->end, '\r');
    if (n->lf < from)
        n->lf = find(from, n->end, '\n');
    return n->cr < n->lf ? n->cr : n->lf;
}

bool wire_passes(struct wire *w, const char *data, size_t len, const struct census *c,
                 bool stuff)
{
    if (w->skip_lf || c->cr != c->crlf || c->lf != c->crlf)
        return false;
    if (stuff && (c->dots || (w->bol && data[0] == '.')))
        return false;
    w->bol = data[len - 1] == '\n';
    return true;
}

size_t wire_convert(struct wire *w, const char *data, size_t len, char *out, size_t *stuffed)
{
    const char *p = data, *end = data + len, *stop;
    struct ends ends;
    char *to = out;
    size_t n;

    if (w->skip_lf && len && *p == '\n')
        p++;
    w->skip_lf = false;
    ends = ends_from(p, end);
    while (p < end) {
        stop = next_end(&ends, p);
        n = (size_t)(stop - p);
        if (stuffed && w->bol && *p == '.') {
            *to++ = '.';
            ++*stuffed;
        }
        memcpy(to, p, n);
        to += n;
        w->bol = stop < end;
        if (stop == end)
            break;
        memcpy(to, "\r\n", 2);
        to += 2;
        p = stop + 1;
        if (*stop == '\r' && p < end && *p == '\n')
            p++;
        else
            w->skip_lf = *stop == '\r' && p == end;
    }
    return (size_t)(to - out);
}

/* The last LF of N bytes, or where there is none the last CR. */
static const char *last_end(const char *p, size_t n)
{
    const char *at = memrchr(p, '\n', n);

    return at ? at : memrchr(p, '\r', n);
}

/* Look for a line that is too long by jumping back from where one would be: text has an end near
 * there, so that only few of its bytes are looked at. */
static void scan_lines(struct scan *s, const char *p, const char *end)
{
    const char *last;
    size_t room, n;

    while (p < end && !s->long_lines) {
        room = WIRE_LINE_OCTETS + 1 - s->line;
        n = (size_t)(end - p) < room ? (size_t)(end - p) : room;
        last = last_end(p, n);
        if (last) {
            p = last + 1;
            s->line = 0;
        } else {
            s->long_lines = n == room;
            s->line += n;
            p += n;
        }
    }
}

void wire_scan(struct scan *s, const char *data, size_t len)
{
    struct census c = {0};

    if (!len)
        return;
    if (s->skip_lf && *data == '\n') {
        data++;
        len--;
        s->bare--; /* the CR before it was counted as bare */
    }
    s->open = len ? data[len - 1] != '\n' && data[len - 1] != '\r' : false;
    s->skip_lf = len && data[len - 1] == '\r';
    wire_census(data, len, &c);
    s->bare += c.cr + c.lf - 2 * c.crlf;
    s->nul = s->nul || c.nul;
    s->high = s->high || c.high;
    s->size += len - c.cr - c.lf + 2 * (c.cr + c.lf - c.crlf);
    scan_lines(s, data, data + len);
}

void wire_scan_end(struct scan *s)
{
    if (s->open)
        s->size += 2;
}
