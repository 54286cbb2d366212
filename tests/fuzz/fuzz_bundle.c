/* fuzz_bundle.c: any bytes as a PEM bundle: the blocks are those that a plain reading of the whole
 * finds, wherever the window's edge is, and the same when they are read again. */
#include "check.h"

#include "base/text.h"
#include "net/bundle.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

static const char *find(const char *at, const char *end, const char *marker)
{
    return memmem(at, (size_t)(end - at), marker, strlen(marker));
}

static bool is_blank(char c)
{
    return c == '\r' || c == ' ' || c == '\t';
}

/* The lines of [AT, END) without the blanks at their ends, together. */
static void plain_decode(const char *at, const char *end, struct buf *der)
{
    const char *line_end, *stop;
    struct buf text;

    buf_init(&text, (size_t)(end - at));
    while (at < end && (is_blank(*at) || *at == '\n'))
        at++;
    for (; at < end; at = line_end < end ? line_end + 1 : end) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        for (stop = line_end; stop > at && is_blank(stop[-1]);)
            stop--;
        buf_add(&text, at, (size_t)(stop - at));
    }
    if (text_unbase64(der, text.data, text.len))
        buf_clear(der);
    buf_release(&text);
}

static void check_block(struct bundle *b, const struct bundle_block *block,
                        const struct buf *want)
{
    unsigned char *again;
    size_t len;

    CHECK(block->len == want->len);
    CHECK(!want->len || !memcmp(block->der, want->data, want->len));
    again = bundle_again(b, &block->place, &len);
    CHECK(len == want->len && (again != NULL) == (len > 0));
    CHECK(!len || !memcmp(again, want->data, len));
    free(again);
}

static void check_all(struct bundle *b, const char *text, size_t size)
{
    const char *at = text, *end = text + size, *stop;
    struct bundle_block block;
    struct buf want;

    while ((at = find(at, end, begin_line))) {
        at += strlen(begin_line);
        stop = find(at, end, end_line);
        buf_init(&want, size);
        if (stop)
            plain_decode(at, stop, &want);
        CHECK(bundle_next(b, &block) == 1);
        check_block(b, &block, &want);
        buf_release(&want);
        at = stop ? stop : end;
    }
    CHECK(bundle_next(b, &block) == 0);
}

/* The first two bytes say how much comes before, so that blocks lie across the window's edge. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t before = size < 2 ? 0 : (size_t)(data[0] << 8 | data[1]), len = before + size;
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    char *text = malloc(len + 1), path[40];
    struct bundle *b;

    CHECK(fd >= 0 && text);
    memset(text, 'x', before);
    if (size)
        memcpy(text + before, data, size);
    CHECK(write(fd, text, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    b = bundle_open(path);
    CHECK(b);
    check_all(b, text, len);
    bundle_close(b);
    close(fd);
    free(text);
    return 0;
}
