/* fuzz_message.c: any bytes as a message. The wire form must have no bare CR or LF, dots stuffed,
 * the size that was announced, and no Bcc; a file, a pipe and a stream must give the same. */
#include "mail/message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIPE_MAX = 60000 }; /* fits a pipe without a reader */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static int pipe_of(const uint8_t *data, size_t size)
{
    int fds[2];

    require(pipe(fds) == 0 && write(fds[1], data, size) == (ssize_t)size);
    close(fds[1]);
    return fds[0];
}

static int drain(struct message *m, bool stuff, struct buf *out)
{
    struct err e = ERR_INIT;
    const char *data;
    size_t len;
    int rc;

    while ((rc = message_next(m, stuff, &data, &len, &e)) > 0) {
        require(len > 0);
        buf_add(out, data, len);
    }
    require(rc == 0 || e.kind == ERR_DATA);
    err_release(&e);
    return rc;
}

static void check_wire(const struct buf *plain, const struct buf *stuffed)
{
    const char *at = stuffed->data, *end = at + stuffed->len, *line;
    struct buf again;

    buf_init(&again, SIZE_MAX);
    require(!memchr(plain->data, '\0', plain->len));
    while (at < end) {
        line = at;
        while (*at != '\r' && *at != '\n')
            at++;
        require(at[0] == '\r' && at[1] == '\n');
        at += 2;
        if (*line == '.') {
            require(line[1] == '.');
            line++;
        }
        buf_add(&again, line, (size_t)(at - line));
    }
    require(again.len == plain->len && !memcmp(again.data, plain->data, again.len));
    buf_release(&again);
}

/* The wire forms of what FD has; false where it is refused. Closes FD. */
static bool convert(int fd, struct message_options options, struct buf *plain,
                    struct buf *stuffed)
{
    struct message *m;
    struct err e = ERR_INIT;
    bool done = false;

    if (message_open(&m, fd, &options, &e) == 0) {
        require(message_mend(m, false, NULL, &e) == 0);
        require(header_find(message_header(m), "Bcc", 0) < 0);
        done = drain(m, false, plain) == 0;
        if (!options.stream) {
            require(done && message_rewind(m, &e) == 0 && drain(m, true, stuffed) == 0);
            require(message_facts(m)->known && message_facts(m)->size == plain->len);
            check_wire(plain, stuffed);
        }
        message_free(m);
    }
    require(e.kind == ERR_NONE || e.kind == ERR_DATA);
    err_release(&e);
    close(fd);
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_options options = {.dot_ends = size % 3 == 0};
    struct buf plain[3], stuffed;
    bool done[3];
    int i;

    if (size > PIPE_MAX)
        return 0;
    for (i = 0; i < 3; i++) {
        buf_init(&plain[i], SIZE_MAX);
        buf_init(&stuffed, SIZE_MAX);
        options.stream = i == 2;
        done[i] = convert(i ? pipe_of(data, size) : file_of(data, size), options, &plain[i],
                          &stuffed);
        /* A stream whose header breaks off is refused, whatever would follow. */
        require(done[i] == done[0] || (options.stream && !done[i]));
        require(!done[i] || (plain[i].len == plain[0].len &&
                             !memcmp(plain[i].data, plain[0].data, plain[0].len)));
        buf_release(&stuffed);
    }
    for (i = 0; i < 3; i++)
        buf_release(&plain[i]);
    return 0;
}
