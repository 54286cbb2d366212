#include "mail/wire.h"

#include <string.h>

/* How often a counter of one byte can go up. */
enum { ROUNDS = 127 };

/* Define NAME: count in whole vectors of WIDTH bytes that have a byte after them, and return where
 * it stopped. A comparison of vectors is -1 in each byte where it holds. C has no vector whose
 * width is chosen when the program runs, so there is a function for each width. */
#define DEFINE_COUNT(NAME, WIDTH, FOR)                                                         \
    FOR static const char *NAME(const char *p, const char *end, struct census *c)              \
    {                                                                                          \
        signed char ends __attribute__((vector_size(WIDTH)));                                  \
        __typeof__(ends) at, next, pairs, cr, lf, dots = {0}, nul = {0}, all = {0};            \
        const char *stop;                                                                      \
        int i;                                                                                 \
                                                                                               \
        while (end - p > WIDTH) {                                                              \
            ends = pairs = (__typeof__(ends)){0};                                              \
            stop = end - p > ROUNDS * WIDTH ? p + ROUNDS * WIDTH : end - WIDTH;                \
            for (; p < stop; p += WIDTH) {                                                     \
                memcpy(&at, p, WIDTH);                                                         \
                memcpy(&next, p + 1, WIDTH);                                                   \
                cr = at == '\r';                                                               \
                lf = at == '\n';                                                               \
                ends -= cr | lf;                                                               \
                pairs -= cr & (next == '\n');                                                  \
                dots |= lf & (next == '.');                                                    \
                nul |= at == 0;                                                                \
                all |= at;                                                                     \
            }                                                                                  \
            for (i = 0; i < WIDTH; i++) {                                                      \
                c->ends += (size_t)ends[i];                                                    \
                c->pairs += (size_t)pairs[i];                                                  \
            }                                                                                  \
        }                                                                                      \
        for (i = 0; i < WIDTH; i++) {                                                          \
            c->dots = c->dots || dots[i];                                                      \
            c->nul = c->nul || nul[i];                                                         \
            c->high = c->high || all[i] < 0;                                                   \
        }                                                                                      \
        return p;                                                                              \
    }

DEFINE_COUNT(count_vectors, 16, )
#if defined(__x86_64__)
DEFINE_COUNT(count_wide_vectors, 32, __attribute__((target("avx2"))))
#endif

void wire_census(const char *data, size_t len, struct census *c)
{
    const char *p = data, *end = data + len;

    *c = (struct census){.ends = 0};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        p = count_wide_vectors(p, end, c);
#endif
    p = count_vectors(p, end, c);
    for (; p < end; p++) {
        c->ends += *p == '\r' || *p == '\n';
        c->pairs += *p == '\r' && end - p > 1 && p[1] == '\n';
        c->dots = c->dots || (*p == '\n' && end - p > 1 && p[1] == '.');
        c->nul = c->nul || *p == 0;
        c->high = c->high || (*p & 0x80);
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
    if (w->skip_lf || c->ends != 2 * c->pairs)
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
    s->bare += c.ends - 2 * c.pairs;
    s->nul = s->nul || c.nul;
    s->high = s->high || c.high;
    s->size += len + c.ends - 2 * c.pairs;
    scan_lines(s, data, data + len);
}

void wire_scan_end(struct scan *s)
{
    if (s->open)
        s->size += 2;
}
