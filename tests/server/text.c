#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(int status, const char *format, ...)
{
    va_list args;

    fputs("testserver: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

void *must_calloc(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (p == NULL)
        die(71, "out of memory");
    return p;
}

void *must_realloc(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (p == NULL)
        die(71, "out of memory");
    return p;
}

void text_add(struct text *text, const char *s, size_t len)
{
    text->s = must_realloc(text->s, text->len + len + 1);
    if (len > 0)
        memcpy(text->s + text->len, s, len);
    text->len += len;
    text->s[text->len] = '\0';
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args;
    char *made = NULL;
    int len;

    va_start(args, format);
    len = vasprintf(&made, format, args);
    va_end(args);
    if (len < 0)
        die(71, "out of memory");
    text_add(text, made, (size_t)len);
    free(made);
}

void text_free(struct text *text)
{
    free(text->s);
    text->s = NULL;
    text->len = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One escape, IN behind its backslash. Returns how many characters it took, 0: unknown. */
static size_t unescape_one(const char *in, char *out)
{
    static const char names[] = "rnt0\\";
    static const char bytes[] = {'\r', '\n', '\t', '\0', '\\'};
    const char *found;

    if (in[0] == '\0')
        return 0;
    if (in[0] == 'x' && hex_digit(in[1]) >= 0 && hex_digit(in[2]) >= 0) {
        *out = (char)(hex_digit(in[1]) * 16 + hex_digit(in[2]));
        return 3;
    }
    found = strchr(names, in[0]);
    if (found == NULL)
        return 0;
    *out = bytes[found - names];
    return 1;
}

int text_unescape(struct text *out, const char *in)
{
    out->s = must_calloc(strlen(in) + 1, 1);
    out->len = 0;
    while (*in != '\0') {
        char c = *in++;

        if (c == '\\') {
            size_t took = unescape_one(in, &c);

            if (took == 0) {
                text_free(out);
                return -1;
            }
            in += took;
        }
        out->s[out->len++] = c;
    }
    return 0;
}

int number_parse(const char *s, unsigned long long max, unsigned long long *out)
{
    char *end;

    if (!isdigit((unsigned char)*s))
        return -1;
    errno = 0;
    *out = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0' && *out <= max ? 0 : -1;
}
