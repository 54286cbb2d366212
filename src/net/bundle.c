#include "net/bundle.h"

#include "base/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUNDLE_MAX = 32 * 1024 * 1024, SLURP = 256 * 1024, WINDOW = 32 * 1024 };

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

struct bundle {
    int fd;     /* of a file that can be read again, or -1 and there is */
    char *held; /* all that was in it */
    size_t held_len;
    char *window;     /* NULL when all blocks have been told of */
    size_t cap;       /* of the window; it grows where a block does not fit in */
    size_t from, end; /* what is in the window and has not been used */
    size_t offset;    /* in the file, of the window's first byte */
    bool at_eof;
    struct base64 base64;
};

static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static char *slurp(int fd, size_t *len)
{
    size_t cap = 0;
    char *text = NULL, *larger;
    ssize_t n = 1;

    for (*len = 0; n > 0; *len += n > 0 ? (size_t)n : 0) {
        if (*len == cap) {
            cap = cap ? cap * 2 : SLURP;
            larger = cap <= BUNDLE_MAX ? realloc(text, cap) : NULL;
            if (!larger) {
                errno = EFBIG;
                n = -1;
                break;
            }
            text = larger;
        }
        n = read(fd, text + *len, cap - *len);
    }
    if (!n)
        return text;
    free(text);
    return NULL;
}

static void close_quietly(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
}

char *bundle_slurp(const char *path, size_t *len)
{
    int fd = open_file(path);
    char *text = fd < 0 ? NULL : slurp(fd, len);

    if (fd >= 0)
        close_quietly(fd);
    return text;
}

/* A regular file stays open, so that another of its name can't take its place. */
static int open_source(struct bundle *b, const char *path)
{
    struct stat st;

    b->fd = open_file(path);
    if (b->fd < 0)
        return -1;
    if (!fstat(b->fd, &st) && S_ISREG(st.st_mode))
        return 0;
    b->held = slurp(b->fd, &b->held_len);
    close_quietly(b->fd);
    b->fd = -1;
    return b->held ? 0 : -1;
}

struct bundle *bundle_open(const char *path)
{
    struct bundle *b = calloc(1, sizeof(*b));
    int saved;

    if (!b)
        return NULL;
    b->fd = -1;
    b->cap = WINDOW;
    b->window = malloc(b->cap);
    if (b->window && !open_source(b, path)) {
        base64_init(&b->base64);
        return b;
    }
    saved = errno;
    bundle_close(b);
    errno = saved;
    return NULL;
}

void bundle_close(struct bundle *b)
{
    if (!b)
        return;
    if (b->fd >= 0)
        close(b->fd);
    free(b->held);
    free(b->window);
    free(b);
}

/* Up to LEN bytes of the file from OFFSET on; 0 at its end, -1 and errno. */
static ssize_t fetch(const struct bundle *b, size_t offset, void *to, size_t len)
{
    size_t left;

    if (b->fd >= 0)
        return pread(b->fd, to, len, (off_t)offset);
    left = offset < b->held_len ? b->held_len - offset : 0;
    if (len > left)
        len = left;
    memcpy(to, b->held + offset, len);
    return (ssize_t)len;
}

/* More of the file into the window, whose unused bytes move to its start. */
static int refill(struct bundle *b)
{
    char *larger;
    ssize_t n;

    b->end -= b->from;
    b->offset += b->from;
    memmove(b->window, b->window + b->from, b->end);
    b->from = 0;
    if (b->end == b->cap) {
        larger = realloc(b->window, b->cap * 2);
        if (!larger)
            return -1;
        b->window = larger;
        b->cap *= 2;
    }
    n = fetch(b, b->offset + b->end, b->window + b->end, b->cap - b->end);
    if (n < 0)
        return -1;
    b->at_eof = n == 0;
    b->end += (size_t)n;
    if (b->offset + b->end < BUNDLE_MAX)
        return 0;
    errno = EFBIG;
    return -1;
}

/* The next MARKER between the two. There are few dashes elsewhere, in base64 none. */
static const char *find(const char *at, const char *end, const char *marker)
{
    size_t len = strlen(marker);

    for (; (size_t)(end - at) >= len; at++) {
        at = memchr(at, '-', (size_t)(end - at) - len + 1);
        if (!at || !memcmp(at, marker, len))
            return at;
    }
    return NULL;
}

/* Find the next MARKER: 1 and where in the window, 0 where there is none, or -1 and errno. Keep
 * what comes before it, or else skip that. */
static int seek(struct bundle *b, const char *marker, bool keep, size_t *where)
{
    size_t seen = 0, tail = strlen(marker) - 1; /* it may have begun in what was seen */
    const char *at;

    while (!(at = find(b->window + b->from + seen, b->window + b->end, marker))) {
        if (b->at_eof)
            return 0;
        seen = b->end - b->from > tail ? b->end - b->from - tail : 0;
        if (!keep) {
            b->from += seen;
            seen = 0;
        }
        if (refill(b))
            return -1;
    }
    *where = (size_t)(at - b->window);
    return 1;
}

/* Decode the base64 of SIZE bytes of TEXT where it stands; 0 where it is not that to its end. */
static size_t decode(const struct bundle *b, char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    size_t len = base64_lines(&b->base64, &at, end, (unsigned char *)text);

    return at == end ? len : 0;
}

int bundle_next(struct bundle *b, struct bundle_block *block)
{
    size_t where;
    int found = b->window ? seek(b, begin_line, false, &where) : 0;

    if (!found) { /* nobody needs it now, and others will be glad of the memory */
        free(b->window);
        b->window = NULL;
    }
    if (found <= 0)
        return found;
    b->from = where + strlen(begin_line);
    *block = (struct bundle_block){.place.offset = b->offset + b->from};
    found = seek(b, end_line, true, &where);
    if (found < 0)
        return -1;
    if (found) {
        block->place.size = where - b->from;
        block->der = (const unsigned char *)b->window + b->from;
        block->len = decode(b, b->window + b->from, block->place.size);
    }
    b->from = found ? where : b->end;
    return 1;
}

unsigned char *bundle_again(const struct bundle *b, const struct bundle_place *place,
                            size_t *len)
{
    char *text = malloc(place->size ? place->size : 1);
    ssize_t n = text ? fetch(b, place->offset, text, place->size) : -1;

    *len = n >= 0 && (size_t)n == place->size ? decode(b, text, place->size) : 0;
    if (*len)
        return (unsigned char *)text;
    free(text);
    return NULL;
}
