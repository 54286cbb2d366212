#include "base/base64.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

const char base64_digits[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Set in a table for bytes that are no digit, and so in a group that has one. */
static const uint32_t no_digit = UINT32_C(0xff000000);

void base64_init(struct base64 *b)
{
    uint32_t value, bits;
    int place;

    memset(b, 0xff, sizeof(*b));
    for (place = 0; place < 4; place++) {
        for (value = 0; value < 64; value++) {
            bits = value << (18 - 6 * place);
            /* The first byte is the lowest, so that they go out as they are. */
            b->place[place][(unsigned char)base64_digits[value]] =
                bits >> 16 | (bits & 0xff00) | (bits & 0xff) << 16;
        }
    }
}

static uint32_t look_up(const struct base64 *b, const unsigned char *p)
{
    return b->place[0][p[0]] | b->place[1][p[1]] | b->place[2][p[2]] | b->place[3][p[3]];
}

/* Three bytes and a zero behind them: one store is cheaper than three. */
static void put(unsigned char *out, uint32_t bytes)
{
    bytes = htole32(bytes);
    memcpy(out, &bytes, sizeof(bytes));
}

size_t base64_groups(const struct base64 *b, const unsigned char **at, const unsigned char *end,
                     unsigned char *out)
{
    const unsigned char *p = *at, *last = end - p < 4 ? NULL : end - 4;
    unsigned char *to = out;
    uint32_t bytes;

    for (; last && p <= last; p += 4, to += 3) {
        bytes = look_up(b, p);
        if (bytes & no_digit)
            break;
        put(to, bytes);
    }
    *at = p;
    return (size_t)(to - out);
}

size_t base64_group(const struct base64 *b, const unsigned char group[4], unsigned char *out)
{
    size_t have = group[3] != '=' ? 4 : group[2] != '=' ? 3 : 2, i;
    uint32_t bytes = 0;

    for (i = 0; i < have; i++)
        bytes |= b->place[i][group[i]];
    if (bytes & no_digit || bytes >> 8 * (have - 1))
        return 0;
    put(out, bytes);
    return have - 1;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Behind the last of the line ends that are next, with the blanks before each. */
static const unsigned char *skip_line_ends(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *look = p;

    for (; look < end && (*look == '\n' || is_blank(*look)); look++) {
        if (*look == '\n')
            p = look + 1;
    }
    return p;
}

static const unsigned char *skip_blanks(const unsigned char *p, const unsigned char *end)
{
    p = skip_line_ends(p, end);
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* The four bytes of a group that goes over a line end or has padding; how many were found. */
static size_t collect_group(const struct base64 *b, const unsigned char **at,
                            const unsigned char *end, unsigned char group[4])
{
    const unsigned char *p = *at;
    size_t n = 0;

    while (n < 4 && p < end && (*p == '=' || !(b->place[0][*p] & no_digit))) {
        group[n++] = *p;
        p = skip_line_ends(p + 1, end);
    }
    *at = p;
    return n;
}

size_t base64_lines(const struct base64 *b, const unsigned char **at, const unsigned char *end,
                    unsigned char *out)
{
    const unsigned char *p = skip_blanks(*at, end), *line;
    unsigned char group[4], *to = out;
    size_t found, n = 3;

    do {
        to += base64_groups(b, &p, end, to);
        line = skip_line_ends(p, end);
        if (line != p) { /* nearly always why the groups have ended */
            p = line;
            continue;
        }
        found = collect_group(b, &p, end, group);
        n = found == 4 ? base64_group(b, group, to) : 0;
        to += n;
    } while (n == 3);
    *at = skip_blanks(p, end);
    return n || !found ? (size_t)(to - out) : 0;
}
