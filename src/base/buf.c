#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Never written to: a buffer with cap 0 only reads it. */
static char nothing[1] = "";

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.data = nothing, .max = max};
}

void buf_init_secret(struct buf *b, size_t max)
{
    buf_init(b, max);
    b->secret = true;
}

void buf_release(struct buf *b)
{
    if (b->cap) {
        if (b->secret)
            explicit_bzero(b->data, b->cap);
        free(b->data);
    }
    *b = (struct buf){.data = nothing, .max = b->max, .secret = b->secret};
}

void buf_clear(struct buf *b)
{
    if (b->cap) {
        if (b->secret)
            explicit_bzero(b->data, b->cap);
        b->data[0] = '\0';
    }
    b->len = 0;
    b->failed = b->no_memory = false;
}

/* Move to a new block by hand where realloc would leave a copy of a secret behind. */
static char *resize(struct buf *b, size_t cap)
{
    char *data;

    if (!b->secret)
        return realloc(b->cap ? b->data : NULL, cap);
    data = malloc(cap);
    if (data && b->cap) {
        memcpy(data, b->data, b->len + 1);
        explicit_bzero(b->data, b->cap);
        free(b->data);
    }
    return data;
}

/* Room for LEN more bytes and the NUL behind them, or NULL and the failure is remembered. */
static char *room_for(struct buf *b, size_t len)
{
    size_t cap;
    char *data;

    if (b->failed || len > b->max || b->len > b->max - len) {
        b->failed = true;
        return NULL;
    }
    if (b->len + len + 1 > b->cap) {
        cap = b->cap ? b->cap * 2 : 64;
        if (cap < b->len + len + 1)
            cap = b->len + len + 1;
        data = resize(b, cap);
        if (!data) {
            b->failed = b->no_memory = true;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

static void grown(struct buf *b, size_t len)
{
    b->len += len;
    b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    char *room = room_for(b, len);

    if (!room)
        return -1;
    if (len)
        memcpy(room, data, len);
    grown(b, len);
    return 0;
}

int buf_addstr(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

int buf_addch(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *format, ...)
{
    va_list ap;
    int need;
    char *room;

    va_start(ap, format);
    need = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    room = need < 0 ? NULL : room_for(b, (size_t)need);
    if (!room) {
        b->failed = true;
        return -1;
    }
    va_start(ap, format);
    vsnprintf(room, (size_t)need + 1, format, ap);
    va_end(ap);
    grown(b, (size_t)need);
    return 0;
}

int buf_check(const struct buf *b, enum err_kind kind, const char *what, struct err *e)
{
    if (!b->failed)
        return 0;
    if (b->no_memory)
        return err_set(e, ERR_OS, "no memory for %s", what);
    return err_set(e, kind, "%s is longer than %zu bytes", what, b->max);
}
