#include "transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

void transcript_open(struct transcript *log, const char *dir, unsigned long long number)
{
    char path[PATH_MAX];

    log->fd = -1;
    if (dir == NULL)
        return;
    snprintf(path, sizeof(path), "%s/%llu", dir, number);
    log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (log->fd < 0)
        die(73, "can't write the transcript '%s': %s", path, strerror(errno));
}

void transcript_close(struct transcript *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

bool transcript_on(const struct transcript *log)
{
    return log->fd >= 0;
}

static void write_line(struct transcript *log, const struct text *line)
{
    if (write(log->fd, line->s, line->len) != (ssize_t)line->len)
        die(74, "can't write a transcript: %s", strerror(errno));
}

/* How many bytes the UTF-8 character at S takes, 0: it is none. (Overlong forms of three and
 * more bytes pass: this is about what a terminal and grep can stand, not about validity.) */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    size_t want = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (s[0] > 0xf4 || want > left)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

static bool is_utf8(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t took = utf8_length((const unsigned char *)s + i, len - i);

        if (took == 0)
            return false;
        i += took;
    }
    return true;
}

/* Adds S to OUT, which has room for four times its length. */
static void add_escaped(struct text *out, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char top = is_utf8(s, len) ? 0xff : 0x7e;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != 0x7f && (c <= top)) {
            out->s[out->len++] = (char)c;
            continue;
        }
        out->s[out->len++] = '\\';
        out->s[out->len++] = 'x';
        out->s[out->len++] = hex[c >> 4];
        out->s[out->len++] = hex[c & 15];
    }
}

void transcript_line(struct transcript *log, char who, const char *line, size_t len)
{
    struct text out = {NULL, 0};

    if (log->fd < 0)
        return;
    out.s = must_calloc(4 * len + 8, 1);
    out.s[out.len++] = who;
    out.s[out.len++] = ':';
    out.s[out.len++] = ' ';
    add_escaped(&out, line, len);
    out.s[out.len++] = '\n';
    write_line(log, &out);
    free(out.s);
}

void transcript_note(struct transcript *log, const char *format, ...)
{
    struct text out = {NULL, 0};
    va_list args;
    char *made = NULL;
    int len;

    if (log->fd < 0)
        return;
    va_start(args, format);
    len = vasprintf(&made, format, args);
    va_end(args);
    if (len < 0)
        die(71, "out of memory");
    out.s = must_calloc(4 * (size_t)len + 8, 1);
    out.s[out.len++] = '*';
    out.s[out.len++] = ' ';
    add_escaped(&out, made, (size_t)len);
    out.s[out.len++] = '\n';
    write_line(log, &out);
    free(out.s);
    free(made);
}
