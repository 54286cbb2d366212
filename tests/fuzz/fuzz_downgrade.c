/* fuzz_downgrade.c: any bytes as a message for a server without 8BITMIME. What comes out must be
 * 7-bit lines that end in CRLF, of the size that was announced, the same each time, and such that
 * there is nothing left to convert. */
#include "mail/message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(const void *data, size_t size)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void drain(struct message *m, bool stuff, struct buf *out)
{
    struct err e = ERR_INIT;
    const char *data;
    size_t len;
    int rc;

    while ((rc = message_next(m, stuff, &data, &len, &e)) > 0) {
        require(len > 0);
        buf_add(out, data, len);
    }
    require(rc == 0);
}

static void check_lines(const struct buf *out)
{
    size_t i;

    require(out->len >= 2 && !memcmp(out->data + out->len - 2, "\r\n", 2));
    for (i = 0; i < out->len; i++) {
        require(out->data[i] && (unsigned char)out->data[i] < 0x80);
        require((out->data[i] == '\r') == (i + 1 < out->len && out->data[i + 1] == '\n'));
    }
}

/* The 7-bit form of SIZE bytes; false where there is none. */
static bool convert(const void *data, size_t size, struct buf *out)
{
    struct message_options options = {.stream = false};
    struct err e = ERR_INIT;
    int fd = file_of(data, size);
    struct message *m = NULL;
    struct buf again;
    bool done;

    buf_init(&again, SIZE_MAX);
    done = message_open(&m, fd, &options, &e) == 0;
    if (done) {
        /* A message that can't be converted is as before. */
        done = message_downgrade(m, &e) == 0;
        drain(m, false, out);
        require(message_facts(m)->known && message_facts(m)->size == out->len);
        require(message_rewind(m, &e) == 0);
        drain(m, true, &again);
        require(again.len >= out->len);
    }
    if (done) {
        require(!message_facts(m)->body_8bit && !message_facts(m)->header_8bit);
        check_lines(out);
    }
    require(done ? e.kind == ERR_NONE : e.kind == ERR_DATA && e.message[0]);
    message_free(m);
    err_release(&e);
    buf_release(&again);
    close(fd);
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once, twice;

    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    if (convert(data, size, &once)) {
        require(convert(once.data, once.len, &twice));
        require(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    }
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
