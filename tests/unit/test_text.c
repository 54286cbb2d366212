/* test_text.c: escaping, JSON strings, base64, durations, numbers, points in time, and words
 * without the locale. */
#include "tap.h"

#include "base/text.h"

#include <stdlib.h>

#define BYTES(literal) literal, sizeof(literal) - 1

struct pair {
    const char *in;
    size_t len;
    const char *want;
};

/* A copy of exactly LEN bytes, so that the sanitizer sees a look beyond them. */
static char *exact(const char *data, size_t len)
{
    char *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    memcpy(copy, data, len);
    return copy;
}

static void check_escape(const struct pair *p)
{
    struct buf out, again;
    char *in = exact(p->in, p->len);
    char name[80];

    buf_init(&out, 4096);
    text_escape(&out, in, p->len);
    snprintf(name, sizeof(name), "escape to '%s'", p->want);
    same_text(out.data, p->want, name);
    buf_init(&again, 4096);
    text_escape(&again, out.data, out.len);
    ok(!strcmp(again.data, out.data), "and again the same");
    buf_release(&again);
    buf_release(&out);
    free(in);
}

static void escapes(void)
{
    static const struct pair pairs[] = {
        {BYTES(""), ""},
        {BYTES("plain text ~!"), "plain text ~!"},
        {BYTES("\x1b[31mred"), "\\x1b[31mred"},
        {BYTES("a\nb\rc\td"), "a\\x0ab\\x0dc\\x09d"},
        {BYTES("\0"), "\\x00"},
        {BYTES("\x7f"), "\\x7f"},
        {BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
        {BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80"},
        /* C1 controls: CSI as UTF-8, and raw */
        {BYTES("\xc2\x9b"
               "31m"),
         "\\xc2\\x9b31m"},
        {BYTES("\xc2\x80\xc2\x9f"), "\\xc2\\x80\\xc2\\x9f"},
        {BYTES("\xc2\xa0"), "\xc2\xa0"},
        {BYTES("\x9b"
               "31m"),
         "\\x9b31m"},
        /* cut, overlong, surrogates, beyond Unicode, stray continuation */
        {BYTES("\xc3"), "\\xc3"},
        {BYTES("\xe2\x82"), "\\xe2\\x82"},
        {BYTES("\xf0\x9f\x98"), "\\xf0\\x9f\\x98"},
        {BYTES("\xc3(\xa9"), "\\xc3(\\xa9"},
        {BYTES("\xc0\x9b"), "\\xc0\\x9b"},
        {BYTES("\xc1\xbf"), "\\xc1\\xbf"},
        {BYTES("\xe0\x82\x9b"), "\\xe0\\x82\\x9b"},
        {BYTES("\xf0\x80\x82\x9b"), "\\xf0\\x80\\x82\\x9b"},
        {BYTES("\xf0\x8f\xbf\xbf"), "\\xf0\\x8f\\xbf\\xbf"},
        {BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
        {BYTES("\xed\xbf\xbf"), "\\xed\\xbf\\xbf"},
        {BYTES("\xed\x9f\xbf"), "\xed\x9f\xbf"},
        {BYTES("\xf4\x8f\xbf\xbd"), "\xf4\x8f\xbf\xbd"},
        {BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"},
        {BYTES("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80"},
        {BYTES("\xfe\xff"), "\\xfe\\xff"},
        {BYTES("\xbf"), "\\xbf"},
        /* A backslash is text like any other. */
        {BYTES("\\x1b \\n c:\\dir \\"), "\\x1b \\n c:\\dir \\"},
        {BYTES("\\\x1b"), "\\\\x1b"},
    };
    size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check_escape(&pairs[i]);
}

/* Marks that reorder or hide text (Unicode's Bidi_Control, the zero-width ones, the tags). */
static void hidden_marks(void)
{
    static const struct {
        const char *utf8, *what;
    } marks[] = {
        {"\xe2\x80\x8b", "U+200B zero width space"},
        {"\xe2\x80\x8c", "U+200C zero width non-joiner"},
        {"\xe2\x80\x8d", "U+200D zero width joiner"},
        {"\xe2\x80\x8e", "U+200E left-to-right mark"},
        {"\xe2\x80\x8f", "U+200F right-to-left mark"},
        {"\xd8\x9c", "U+061C Arabic letter mark"},
        {"\xe2\x80\xa8", "U+2028 line separator"},
        {"\xe2\x80\xa9", "U+2029 paragraph separator"},
        {"\xe2\x80\xaa", "U+202A left-to-right embedding"},
        {"\xe2\x80\xae", "U+202E right-to-left override"},
        {"\xe2\x81\xa0", "U+2060 word joiner"},
        {"\xe2\x81\xa6", "U+2066 left-to-right isolate"},
        {"\xe2\x81\xa9", "U+2069 pop directional isolate"},
        {"\xef\xbb\xbf", "U+FEFF byte order mark"},
        {"\xf3\xa0\x81\x81", "U+E0041 tag letter, invisible"},
    };
    struct buf out;
    size_t i;

    for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        buf_init(&out, 64);
        text_escape(&out, marks[i].utf8, strlen(marks[i].utf8));
        ok(out.len == 4 * strlen(marks[i].utf8) && out.data[0] == '\\', "%s is escaped",
           marks[i].what);
        buf_release(&out);
    }
    buf_init(&out, 64);
    text_escape(&out, BYTES("\xe2\x80\x90\xe2\x80\xa6\xe2\x81\xb0"));
    same_text(out.data, "\xe2\x80\x90\xe2\x80\xa6\xe2\x81\xb0",
              "their harmless neighbours are not");
    buf_release(&out);
}

/* A string of JSON, whatever the bytes are. */
static void json(void)
{
    static const struct pair pairs[] = {
        {BYTES(""), "\"\""},
        {BYTES("plain text ~!/"), "\"plain text ~!/\""},
        {BYTES("a \"word\" c:\\dir"), "\"a \\\"word\\\" c:\\\\dir\""},
        {BYTES("\n\t\x1b\x7f\0"), "\"\\u000a\\u0009\\u001b\\u007f\\u0000\""},
        {BYTES("gr\xc3\xbc\xf0\x9f\x98\x80"), "\"gr\xc3\xbc\xf0\x9f\x98\x80\""},
        /* C1 controls, and marks that hide text or reorder it */
        {BYTES("\xc2\x9b"), "\"\\u009b\""},
        {BYTES("\xe2\x80\xae"), "\"\\u202e\""},
        {BYTES("\xf3\xa0\x81\x81"), "\"\\udb40\\udc41\""},
        /* no UTF-8: stray, cut, overlong, a surrogate, beyond Unicode */
        {BYTES("\xff"), "\"\\ufffd\""},
        {BYTES("\xe2\x82"), "\"\\ufffd\\ufffd\""},
        {BYTES("\xc3(\xa9"), "\"\\ufffd(\\ufffd\""},
        {BYTES("\xc0\xaf"), "\"\\ufffd\\ufffd\""},
        {BYTES("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""},
        {BYTES("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    };
    struct buf out;
    size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char *in = exact(pairs[i].in, pairs[i].len);

        buf_init(&out, 4096);
        text_json(&out, in, pairs[i].len);
        same_text(out.data, pairs[i].want, "as JSON");
        buf_release(&out);
        free(in);
    }
}

static void check_base64(const char *plain, size_t len, const char *coded)
{
    struct buf out;

    buf_init(&out, 4096);
    text_base64(&out, plain, len);
    ok(!strcmp(out.data, coded), "base64 of %zu bytes is '%s'", len, coded);
    buf_clear(&out);
    ok(text_unbase64(&out, coded, strlen(coded)) == 0 && out.len == len &&
           !memcmp(out.data, plain, len),
       "and back from '%s'", coded);
    buf_release(&out);
}

static void base64(void)
{
    static const char *const bad[] = {
        "Zg",       "Zg=",
        "Zm9",      "Z",
        "====",     "=",
        "Z===",     "Zg==Zg==",
        "Zm=v",     "Zm9v\n",
        "Zm9v\r\n", " Zm9",
        "Zm 9",     "Zm-_",
        "Zh==",     "Zm9=",
        "Zm9vYmF=", "Zg=A",
        "Zm9vZg=A", "=m9v",
        "Zm9v====", "\xc3\xa9\xc3\xa9",
    };
    struct buf out;
    size_t i;
    char all[256];

    /* RFC 4648 section 10 */
    check_base64(BYTES(""), "");
    check_base64(BYTES("f"), "Zg==");
    check_base64(BYTES("fo"), "Zm8=");
    check_base64(BYTES("foo"), "Zm9v");
    check_base64(BYTES("foob"), "Zm9vYg==");
    check_base64(BYTES("fooba"), "Zm9vYmE=");
    check_base64(BYTES("foobar"), "Zm9vYmFy");
    check_base64(BYTES("\0tim\0tanstaaftanstaaf"), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    check_base64(BYTES("\xff\xff\xbe\xfb\xef\x00"), "//++++8A");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_init(&out, 64);
        ok(text_unbase64(&out, bad[i], strlen(bad[i])) == -1, "not base64: text %zu", i + 1);
        buf_release(&out);
    }
    buf_init(&out, 64);
    ok(text_unbase64(&out, BYTES("Zm9\0")) == -1, "not base64: a NUL");
    buf_release(&out);
    buf_init(&out, 2);
    ok(text_unbase64(&out, BYTES("Zm9v")) == -1, "what does not fit is an error");
    buf_release(&out);
    for (i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    buf_init(&out, 1024);
    text_base64(&out, all, sizeof(all));
    check_base64(all, sizeof(all), out.data);
    buf_release(&out);
}

static void durations(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } samples[] = {
        {"0", 0},
        {"0s", 0},
        {"90", 90000},
        {"90s", 90000},
        {"2m", 120000},
        {"1h", 3600000},
        {"5d", 432000000},
        {"90S", 90000},
        {"0.5", 500},
        {"0.001", 1},
        {"1.5m", 90000},
        {"0.25h", 900000},
        {"0.0009", 0},
        {"010", 10000},
        {"1000000000", INT64_C(1000000000000)},
        {"1000000000d", INT64_C(86400000000000000)},
        {"1000000001", -1},
        {"99999999999999999999999", -1},
        {"", -1},
        {" 1", -1},
        {"1 ", -1},
        {"1 s", -1},
        {"-1", -1},
        {"+1", -1},
        {".5", -1},
        {"5.", -1},
        {"5.s", -1},
        {"1.2.3", -1},
        {"1e3", -1},
        {"0x10", -1},
        {"1ms", -1},
        {"1w", -1},
        {"s", -1},
        {"1ss", -1},
        {"1m30s", -1},
        {"1,5", -1},
        {"\xd9\xa1", -1},
    };
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t got = text_duration(samples[i].text);

        if (!ok(got == samples[i].ms, "duration '%s'", samples[i].text))
            printf("# got %lld\n", (long long)got);
    }
}

static void numbers(void)
{
    static const struct {
        const char *text;
        int64_t max, want;
    } samples[] = {
        {"0", 0, 0},
        {"1", 0, -1},
        {"7", 7, 7},
        {"8", 7, -1},
        {"9", 8, -1},
        {"9", 9, 9},
        {"5", 3, -1},
        {"15", 12, -1},
        {"65535", 65535, 65535},
        {"65536", 65535, -1},
        {"655350", 65535, -1},
        {"00025", 65535, 25},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
        {"9223372036854775808", INT64_MAX, -1},
        {"18446744073709551617", INT64_MAX, -1},
        {"0", -1, -1},
        {"", 10, -1},
        {"-1", 10, -1},
        {"+1", 10, -1},
        {" 1", 10, -1},
        {"1 ", 10, -1},
        {"1x", 10, -1},
        {"0x1", 10, -1},
        {"1.0", 10, -1},
    };
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t got = text_number(samples[i].text, samples[i].max);

        if (!ok(got == samples[i].want, "number '%s' of at most %lld", samples[i].text,
                (long long)samples[i].max))
            printf("# got %lld\n", (long long)got);
    }
}

static void words(void)
{
    ok(text_same("StartTLS", "STARTTLS"), "same but for case");
    ok(text_same("", ""), "two empty words are the same");
    ok(!text_same("AUTH", "AUT") && !text_same("AUT", "AUTH"), "a part is not the same");
    ok(!text_same("[", "{") && !text_same("@", "`"), "only letters have case");
    ok(!text_same("\xc3\x84", "\xc3\xa4"), "only ASCII letters have case");
    ok(text_same_n("auth=x", 4, "AUTH"), "the first bytes are the word");
    ok(!text_same_n("auth", 3, "AUTH"), "all of the word is wanted");
    ok(!text_same_n("a\0th", 4, "a"), "a NUL is no end");
    ok(text_starts("UNIX:/x", "unix:") && !text_starts("uni", "unix:"), "starts with");
    ok(text_starts("x", ""), "everything starts with nothing");
    ok(text_lower('A') == 'a' && text_lower('Z') == 'z' && text_lower('@') == '@' &&
           text_lower('[') == '[' && text_lower(0xc4) == 0xc4,
       "lower case");
    ok(text_digit('0') && text_digit('9') && !text_digit('/') && !text_digit(':') &&
           !text_digit(-1),
       "digits");
    ok(text_alnum('a') && text_alnum('Z') && text_alnum('5') && !text_alnum('-') &&
           !text_alnum(0xe4) && !text_alnum(0),
       "letters and digits");
    ok(text_has_line_end("a\rb") && text_has_line_end("\n") && !text_has_line_end("ab\t") &&
           !text_has_line_end(""),
       "line ends");
}

static void times(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } samples[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2000-03-01T00:00:00Z", 951868800},
        {"2026-11-25T16:54:21Z", 1795625661},
        {"2026-11-25T16:54:21+00:00", 1795625661},
        {"2026-11-25T22:24:21+05:30", 1795625661},
        {"2026-11-24T17:55:21-22:59", 1795625661},
        {"2016-12-31T23:59:60Z", 1483228800},
        {"2100-03-01T00:00:00Z", 4107542400},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
        {"2100-02-29T00:00:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2026-02-31T25:61:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-01-00T00:00:00Z", -1},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:60:00Z", -1},
        {"2026-01-01T00:00:61Z", -1},
        {"2026-01-01T00:00:00+24:00", -1},
        {"2026-01-01T00:00:00-00:60", -1},
        {"2026-01-01T00:00:00", -1},
        {"2026-01-01T00:00:00ZZ", -1},
        {"2026-01-01T00:00:00+0100", -1},
        {"2026-01-01 00:00:00Z", -1},
        {"2026-01-01T00:00:0", -1},
        {"2026", -1},
        {"", -1},
    };
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t got = text_time(samples[i].text);

        if (!ok(got == samples[i].seconds, "time '%s'", samples[i].text))
            printf("# got %lld\n", (long long)got);
    }
}

int main(void)
{
    escapes();
    hidden_marks();
    json();
    base64();
    durations();
    numbers();
    times();
    words();
    return tap_end();
}
