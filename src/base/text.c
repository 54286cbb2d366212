#include "base/text.h"

#include "base/base64.h"

#include <string.h>

/* Bytes decoded before they are added together: adding each three is dear. */
enum { UNBASE64_CHUNK = 768 };

int text_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool text_digit(int c)
{
    return c >= '0' && c <= '9';
}

bool text_alnum(int c)
{
    c = text_lower(c);
    return (c >= 'a' && c <= 'z') || text_digit(c);
}

bool text_same_n(const char *text, size_t len, const char *word)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!word[i] ||
            text_lower((unsigned char)text[i]) != text_lower((unsigned char)word[i]))
            return false;
    }
    return word[len] == '\0';
}

bool text_same(const char *a, const char *b)
{
    return text_same_n(a, strlen(a), b);
}

bool text_starts(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strlen(text) >= len && text_same_n(text, len, prefix);
}

bool text_has_line_end(const char *text)
{
    return strpbrk(text, "\r\n") != NULL;
}

/* The length of the valid UTF-8 sequence beyond ASCII at DATA, and its character; or 0. */
static size_t utf8_decode(const unsigned char *data, size_t len, unsigned long *point)
{
    size_t need = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
    size_t i;

    if (data[0] < 0xc2 || data[0] > 0xf4 || len < need)
        return 0;
    *point = data[0] & (0xffu >> (need + 1));
    for (i = 1; i < need; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (data[i] & 0x3f);
    }
    if ((need == 3 && *point < 0x800) || (need == 4 && *point < 0x10000) ||
        (*point >= 0xd800 && *point < 0xe000) || *point > 0x10ffff)
        return 0;
    return need;
}

/* That a character beyond ASCII can be shown: no C1 control, and no mark that reorders or hides
 * text, since a reply must not read differently from what it says. */
static bool is_printable(unsigned long point)
{
    return point >= 0xa0 && !(point >= 0x200b && point <= 0x200f) &&
           !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2060 && point <= 0x206f) &&
           point != 0xfeff && point != 0x61c && !(point >= 0xe0000 && point <= 0xe007f);
}

void text_escape(struct buf *out, const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    unsigned long point;
    size_t i = 0, n;

    while (i < len) {
        if (p[i] >= 0x20 && p[i] < 0x7f) {
            buf_addch(out, data[i++]);
            continue;
        }
        n = p[i] >= 0x80 ? utf8_decode(p + i, len - i, &point) : 0;
        if (n && is_printable(point)) {
            buf_add(out, data + i, n);
            i += n;
        } else {
            buf_addf(out, "\\x%02x", p[i++]);
        }
    }
}

/* As UTF-16 has it: beyond 16 bits a pair of surrogates (RFC 8259 section 7). */
static void add_json_escape(struct buf *out, unsigned long point)
{
    if (point >= 0x10000) {
        point -= 0x10000;
        buf_addf(out, "\\u%04lx", 0xd800 + (point >> 10));
        point = 0xdc00 + (point & 0x3ff);
    }
    buf_addf(out, "\\u%04lx", point);
}

void text_json(struct buf *out, const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data, *end = p + len;
    unsigned long point;
    size_t n;

    buf_addch(out, '"');
    for (; p < end; p += n) {
        point = *p;
        n = *p < 0x80 ? 1 : utf8_decode(p, (size_t)(end - p), &point);
        if (!n) {
            point = 0xfffd;
            n = 1;
        } else if (*p == '"' || *p == '\\') {
            buf_addch(out, '\\');
            buf_addch(out, (char)*p);
            continue;
        } else if (*p < 0x80 ? *p >= 0x20 && *p != 0x7f : is_printable(point)) {
            buf_add(out, p, n);
            continue;
        }
        add_json_escape(out, point);
    }
    buf_addch(out, '"');
}

void text_mask(char *text, size_t len, const char *word)
{
    size_t word_len = strlen(word);
    char *end = text + len, *at;

    while (word_len && (at = memmem(text, (size_t)(end - text), word, word_len))) {
        memset(at, '*', word_len);
        text = at + word_len;
    }
}

void text_base64(struct buf *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    size_t i, have;
    unsigned long group;
    char quad[4];

    for (i = 0; i < len; i += 3) {
        have = len - i < 3 ? len - i : 3;
        group = (unsigned long)p[i] << 16;
        if (have > 1)
            group |= (unsigned long)p[i + 1] << 8;
        if (have > 2)
            group |= p[i + 2];
        quad[0] = base64_digits[group >> 18];
        quad[1] = base64_digits[group >> 12 & 63];
        quad[2] = have > 1 ? base64_digits[group >> 6 & 63] : '=';
        quad[3] = have > 2 ? base64_digits[group & 63] : '=';
        buf_add(out, quad, 4);
    }
}

int text_unbase64(struct buf *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *last, *stop = p;
    unsigned char bytes[UNBASE64_CHUNK + 1] = "";
    struct base64 b;
    size_t n;

    if (len % 4 || !len)
        return len || out->failed ? -1 : 0;
    base64_init(&b);
    last = p + len - 4;
    while (p == stop && p < last) {
        stop = last - p > UNBASE64_CHUNK / 3 * 4 ? p + UNBASE64_CHUNK / 3 * 4 : last;
        n = base64_groups(&b, &p, stop, bytes);
        buf_add(out, bytes, n);
    }
    n = p == last ? base64_group(&b, p, bytes) : 0; /* it alone may have padding */
    buf_add(out, bytes, n);
    explicit_bzero(bytes, sizeof(bytes)); /* it may have been a secret */
    return !n || out->failed ? -1 : 0;
}

int64_t text_number(const char *text, int64_t max)
{
    int64_t value = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (!text_digit(*text) || *text - '0' > max || value > (max - (*text - '0')) / 10)
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static int64_t unit_ms(const char *unit)
{
    if (!*unit)
        return 1000;
    if (unit[1])
        return -1;
    switch (text_lower(unit[0])) {
    case 's':
        return 1000;
    case 'm':
        return 60 * 1000;
    case 'h':
        return 60 * 60 * 1000;
    case 'd':
        return 24 * 60 * 60 * 1000;
    }
    return -1;
}

int64_t text_duration(const char *text)
{
    const int64_t whole_max = INT64_C(1000000000); /* over 31 years of seconds */
    int64_t whole = 0, thousandths = 0, weight = 100, unit;

    if (!text_digit(*text))
        return -1;
    for (; text_digit(*text); text++) {
        whole = whole * 10 + (*text - '0');
        if (whole > whole_max)
            return -1;
    }
    if (*text == '.') {
        if (!text_digit(*++text))
            return -1;
        for (; text_digit(*text); text++, weight /= 10)
            thousandths += (*text - '0') * weight;
    }
    unit = unit_ms(text);
    return unit < 0 ? -1 : whole * unit + thousandths * unit / 1000;
}

/* Whether TEXT goes like PATTERN, where 'd' stands for a digit. */
static bool has_pattern(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++) {
        if (*pattern == 'd' ? !text_digit(*text) : *text != *pattern)
            return false;
    }
    return !*text;
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* Days since 1970, or -1 where the month has no such day. */
static int64_t day_number(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t days =
        (year - 1970) * 365 + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    int m;

    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (leap && month == 2))
        return -1;
    for (m = 1; m < month; m++)
        days += lengths[m - 1] + (leap && m == 2);
    return days + day - 1;
}

/* RFC 3339 section 5.6, without fractions of a second; section 5.7: a leap second is 60. */
int64_t text_time(const char *text)
{
    bool utc = has_pattern(text, "dddd-dd-ddTdd:dd:ddZ");
    int hour, minute, second, offset = 0;
    int64_t day;

    if (!utc && !has_pattern(text, "dddd-dd-ddTdd:dd:dd+dd:dd") &&
        !has_pattern(text, "dddd-dd-ddTdd:dd:dd-dd:dd"))
        return -1;
    day = day_number(two_digits(text) * 100 + two_digits(text + 2), two_digits(text + 5),
                     two_digits(text + 8));
    hour = two_digits(text + 11);
    minute = two_digits(text + 14);
    second = two_digits(text + 17);
    if (day < 0 || hour > 23 || minute > 59 || second > 60)
        return -1;
    if (!utc) {
        if (two_digits(text + 20) > 23 || two_digits(text + 23) > 59)
            return -1;
        offset = two_digits(text + 20) * 60 + two_digits(text + 23);
    }
    if (text[19] == '-')
        offset = -offset;
    return ((day * 24 + hour) * 60 + minute - offset) * 60 + second;
}
