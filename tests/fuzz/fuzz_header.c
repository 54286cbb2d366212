/* fuzz_header.c: any lines as a header. What was taken must come out byte for byte, less what was
 * removed. */
#include "mail/header.h"

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
