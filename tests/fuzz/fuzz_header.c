/* fuzz_header.c: any lines as a header. What was taken must come out byte for byte, with the
 * domain behind bare names, less what was removed. */
#include "mail/qualify.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Take lines until one is no header line; WANT gets those taken. */
static void feed(struct header *h, const char *data, size_t size, struct buf *want)
{
    struct err e = ERR_INIT;
    const char *end;
    size_t len;
    int rc = 1;

    while (size && rc > 0) {
        end = memchr(data, '\n', size);
        len = end ? (size_t)(end - data) : size;
        rc = header_line(h, data, len, &e);
        require(rc >= 0 || e.kind == ERR_DATA);
        if (rc > 0) {
            buf_add(want, data, len);
            buf_addstr(want, "\r\n");
        }
        size -= len + (end != NULL);
        data += len + (end != NULL);
    }
    err_release(&e);
}

static void check_removed(struct header *h, const char *name)
{
    struct buf out;

    header_remove(h, name);
    require(header_find(h, name, 0) == -1);
    buf_init(&out, SIZE_MAX);
    require(header_write(h, &out) == 0);
    require(!out.len || (out.data[0] != ' ' && out.data[0] != '\t'));
    require(!out.len || !memcmp(out.data + out.len - 2, "\r\n", 2));
    buf_release(&out);
}

/* Where AFTER is not BEFORE it has the domain in it. */
static void check_insertions(const struct buf *before, const struct buf *after)
{
    static const char domain[] = "@home.example";
    size_t len = sizeof(domain) - 1, from = 0, at = 0;

    while (at < after->len) {
        if (from < before->len && before->data[from] == after->data[at]) {
            from++;
            at++;
        } else {
            require(after->len - at >= len && !memcmp(after->data + at, domain, len));
            at += len;
        }
    }
    require(from == before->len);
}

/* The domain comes into H once, and makes no difference to who is named. */
static void check_qualified(struct header *h, const struct buf *before,
                            const struct addresses *named)
{
    bool needed = qualify_is_needed(h);
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf out[2];
    size_t i;

    addresses_init(&list);
    for (i = 0; i < 2; i++) {
        buf_init(&out[i], SIZE_MAX);
        require(qualify_header(h, "home.example", &e) == 0);
        require(header_write(h, &out[i]) == 0);
    }
    check_insertions(before, &out[0]);
    require(needed || out[0].len == before->len);
    require(out[0].len == out[1].len && !memcmp(out[0].data, out[1].data, out[0].len));
    (void)header_recipients(h, "home.example", &list, &e);
    require(list.count == named->count);
    for (i = 0; i < list.count; i++)
        require(!strcmp(list.at[i], named->at[i]));
    buf_release(&out[0]);
    buf_release(&out[1]);
    addresses_release(&list);
    err_release(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header h;
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf want, out;

    header_init(&h);
    addresses_init(&list);
    buf_init(&want, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    feed(&h, (const char *)data, size, &want);
    require(header_write(&h, &out) == 0);
    require(out.len == want.len && !memcmp(out.data, want.data, out.len));
    header_is_8bit(&h);
    require(header_recipients(&h, "home.example", &list, &e) == 0 || e.kind == ERR_DATA);
    buf_clear(&out);
    require(header_sender(&h, NULL, &out) == (out.len > 0));
    check_qualified(&h, &want, &list);
    check_removed(&h, "Bcc");
    check_removed(&h, "Resent-Bcc");
    check_removed(&h, "To");
    addresses_release(&list);
    header_release(&h);
    buf_release(&want);
    buf_release(&out);
    err_release(&e);
    return 0;
}
