/* tap.h: the little that a unit program needs to speak TAP: ok() for each test, tap_end() last. */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

/* One test; its name is given in printf's manner. Returns PASSED. */
__attribute__((format(printf, 2, 3))) static inline bool ok(bool passed, const char *format,
                                                            ...)
{
    va_list ap;

    tap_count++;
    tap_failed += !passed;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    return passed;
}

/* LEN bytes as a line of a comment, control bytes shown. */
static inline void tap_bytes(const char *label, const char *data, size_t len)
{
    size_t i;

    printf("# %s (%zu): ", label, len);
    for (i = 0; i < len && i < 400; i++) {
        if (data[i] >= ' ' && data[i] < 0x7f && data[i] != '\\')
            putchar(data[i]);
        else
            printf("\\x%02x", (unsigned char)data[i]);
    }
    putchar('\n');
}

/* The bytes are the same; shows both where they are not. */
static inline bool same_bytes(const char *got, size_t got_len, const char *want,
                              size_t want_len, const char *name)
{
    bool same = got_len == want_len && (!got_len || !memcmp(got, want, got_len));

    ok(same, "%s", name);
    if (!same) {
        tap_bytes("got ", got, got_len);
        tap_bytes("want", want, want_len);
    }
    return same;
}

static inline bool same_text(const char *got, const char *want, const char *name)
{
    return same_bytes(got, strlen(got), want, strlen(want), name);
}

/* The plan, and main's value. */
static inline int tap_end(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
