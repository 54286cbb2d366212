#include "input.h"

#include "tap.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

const char *const way_names[] = {"file", "file from an offset", "pipe", "dripping pipe",
                                 "stream"};

static void write_part(const struct input *in, size_t from, size_t to)
{
    ssize_t n;
    int unread;

    /* The next piece waits until the last one was read, so that they stay apart. */
    while (from < to) {
        n = write(in->fds[1], in->data + from, to - from);
        if (n <= 0)
            break;
        from += (size_t)n;
        while (in->way != WAY_PIPE && ioctl(in->fds[0], FIONREAD, &unread) == 0 && unread > 0)
            sched_yield();
    }
}

static void *write_input(void *arg)
{
    struct input *in = arg;
    size_t i;

    if (in->delay)
        nanosleep(&(struct timespec){0, in->delay}, NULL);
    for (i = 0; in->way != WAY_PIPE && in->cut == in->len && i < in->len; i++)
        write_part(in, i, i + 1);
    if (in->way == WAY_PIPE) {
        write_part(in, 0, in->len);
    } else if (in->cut < in->len) {
        write_part(in, 0, in->cut);
        write_part(in, in->cut, in->len);
    }
    close(in->fds[1]);
    return NULL;
}

static int temporary_file(void)
{
    char name[] = "/tmp/test_message.XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    return fd;
}

int input_open(struct input *in)
{
    static const char before[] = "Bcc: not@this\n\n";
    off_t start = 0;

    if (in->way == WAY_FILE || in->way == WAY_FILE_LATER) {
        in->fds[0] = in->fds[1] = temporary_file();
        if (in->way == WAY_FILE_LATER && write(in->fds[1], before, sizeof(before)) > 0)
            start = sizeof(before);
        write_part(&(struct input){.way = WAY_PIPE, .data = in->data, .fds = {-1, in->fds[1]}},
                   0, in->len);
        lseek(in->fds[0], start, SEEK_SET);
    } else {
        if (pipe(in->fds) < 0 || pthread_create(&in->writer, NULL, write_input, in))
            abort();
    }
    return in->fds[0];
}

/* Closed first: the writer may still wait for a reader of what was refused. */
void input_close(struct input *in)
{
    close(in->fds[0]);
    if (in->way != WAY_FILE && in->way != WAY_FILE_LATER)
        pthread_join(in->writer, NULL);
}

int drain(struct message *m, bool stuff, struct buf *out, struct err *e)
{
    const char *data;
    size_t len;
    int rc;

    buf_clear(out);
    while ((rc = message_next(m, stuff, &data, &len, e)) > 0) {
        if (!len)
            return -2;
        buf_add(out, data, len);
    }
    return rc;
}

/* The facts of a wire form, told in the simplest way. */
static void wire_facts(const struct buf *wire, struct message_facts *f)
{
    const char *body = strstr(wire->data, "\r\n\r\n");
    size_t at = !strncmp(wire->data, "\r\n", 2) ? 2
                : body                          ? (size_t)(body + 4 - wire->data)
                                                : 0;
    size_t i, line = 0;

    *f = (struct message_facts){.known = true, .size = wire->len};
    for (i = 0; i < wire->len; i++) {
        if ((unsigned char)wire->data[i] >= 0x80) {
            if (i < at)
                f->header_8bit = true;
            else
                f->body_8bit = true;
        }
        if (i < at)
            continue;
        line = wire->data[i] == '\n' ? 0 : line + (wire->data[i] != '\r');
        if (line > 998)
            f->long_lines = true;
    }
}

/* WIRE without dots stuffed, with them. */
static void stuff(const struct buf *wire, struct buf *out)
{
    size_t i;

    buf_clear(out);
    for (i = 0; i < wire->len; i++) {
        if (wire->data[i] == '.' && (i == 0 || wire->data[i - 1] == '\n'))
            buf_addch(out, '.');
        buf_addch(out, wire->data[i]);
    }
}

static bool facts_equal(const struct message_facts *a, const struct message_facts *b)
{
    return a->known == b->known && a->header_8bit == b->header_8bit &&
           a->body_8bit == b->body_8bit && a->size == b->size && a->long_lines == b->long_lines;
}

void reference(const char *body, size_t len, struct buf *out)
{
    size_t i;
    bool bol = true;

    for (i = 0; i < len; i++) {
        if (body[i] != '\r' && body[i] != '\n')
            buf_addch(out, body[i]);
        else if (body[i] == '\r' || i == 0 || body[i - 1] != '\r')
            buf_addstr(out, "\r\n");
        bol = body[i] == '\r' || body[i] == '\n';
    }
    if (!bol)
        buf_addstr(out, "\r\n");
}

const char *try_input(struct input *in, bool dot_ends, const struct buf *want)
{
    struct message_options options = {.stream = in->way == WAY_STREAM, .dot_ends = dot_ends};
    struct message_facts facts;
    struct message *m = NULL;
    struct err e = ERR_INIT;
    struct buf got, stuffed;
    const char *fault = NULL;
    off_t offset;

    buf_init(&got, 64 << 20);
    buf_init(&stuffed, 64 << 20);
    stuff(want, &stuffed);
    wire_facts(want, &facts);
    offset = lseek(input_open(in), 0, SEEK_CUR);
    if (message_open(&m, in->fds[0], &options, &e) < 0) {
        fault = "open fails";
        goto out;
    }
    message_mend(m, false, NULL, &e);
    if (!options.stream && !facts_equal(message_facts(m), &facts))
        fault = "wrong facts";
    else if (options.stream && message_facts(m)->known)
        fault = "a stream's facts are said to be known";
    else if (drain(m, !options.stream || in->cut % 2, &got, &e) != 0)
        fault = "next fails";
    else if ((options.stream && !(in->cut % 2)
                  ? got.len != want->len || memcmp(got.data, want->data, got.len)
                  : got.len != stuffed.len || memcmp(got.data, stuffed.data, got.len)))
        fault = "wrong bytes";
    else if (options.stream ? message_rewind(m, &e) == 0 || e.kind != ERR_INTERNAL
                            : message_rewind(m, &e) < 0)
        fault = "wrong answer of rewind";
    else if (!options.stream && (drain(m, false, &got, &e) != 0 || got.len != want->len ||
                                 memcmp(got.data, want->data, got.len)))
        fault = "wrong bytes without stuffing, the second time";
    else if (!facts_equal(message_facts(m), &facts) && !options.stream)
        fault = "wrong facts at the end";
    else if (in->way <= WAY_FILE_LATER && lseek(in->fds[0], 0, SEEK_CUR) != offset)
        fault = "the file's offset moved";
out:
    if (fault) {
        printf("# %s, cut at %zu: %s %s\n", way_names[in->way], in->cut, fault, e.message);
        tap_bytes("input", in->data, in->len);
        tap_bytes("got  ", got.data, got.len);
        tap_bytes("want ", want->data, want->len);
    }
    message_free(m);
    input_close(in);
    buf_release(&got);
    buf_release(&stuffed);
    err_release(&e);
    return fault;
}
