#include "mail/source.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096 };

int refuse_nul(struct err *e)
{
    err_set(e, ERR_DATA, "the message has a NUL byte, which SMTP can't carry");
    return err_hint(e, "encode binary data (MIME base64); turn UTF-16 text into UTF-8");
}

int source_init(struct source *s, int fd, const struct source_reader *reader, bool dot_ends,
                struct err *e)
{
    *s = (struct source){.kind = SOURCE_STREAM,
                         .fd = fd,
                         .end = UINT64_MAX,
                         .dot_ends = dot_ends,
                         .line_start = true};
    buf_init(&s->memory, 0);
    buf_init(&s->back, SIZE_MAX);
    if (reader)
        s->reader = *reader;
    else if (fstat(fd, &s->at_first) < 0)
        return err_system(e, ERR_IO, errno, "can't read the message");
    if (S_ISREG(s->at_first.st_mode)) {
        s->base = lseek(fd, 0, SEEK_CUR);
        if (s->base >= 0)
            s->kind = SOURCE_FILE;
    }
    s->block = aligned_alloc(PAGE, SOURCE_WINDOW + PAGE);
    if (!s->block)
        return err_set(e, ERR_OS, "no memory for the message");
    return 0;
}

void source_release(struct source *s)
{
    if (s->own_fd)
        close(s->fd);
    free(s->block);
    buf_release(&s->memory);
    buf_release(&s->back);
    *s = (struct source){.fd = -1};
}

/* read(2) or pread(2) of what comes after AHEAD bytes. An interrupt is an error: only a handler
 * that wants the run to stop makes one. */
static ssize_t read_some(struct source *s, char *to, size_t room, size_t ahead)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    ssize_t n;

    for (;;) {
        if (s->kind == SOURCE_FILE)
            n = pread(s->fd, to, room, s->base + (off_t)(s->pos + ahead));
        else if (s->reader.read)
            return s->reader.read(s->reader.ctx, to, room);
        else
            n = read(s->fd, to, room);
        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return n;
        /* Someone made it non-blocking for us. */
        if (poll(&p, 1, -1) < 0)
            return -1;
    }
}

/* Where the next window goes. A file's keeps its place within a page: where it would be some bytes
 * ahead of that, processors copy at a quarter of their pace. */
static char *next_window(const struct source *s)
{
    return s->block + (s->kind == SOURCE_FILE ? (s->base + (off_t)s->pos) % PAGE : 0);
}

/* With dot_ends: the length of BLOCK up to a lone dot's line; then the input ends there. A dot
 * that could be one is held back while its line's end is not known. */
static size_t cut_at_dot(struct source *s, const char *block, size_t len)
{
    const char *at = block;
    bool starts;

    while ((at = memchr(at, '.', len - (size_t)(at - block))) != NULL) {
        starts = at == block ? s->line_start : at[-1] == '\n' || at[-1] == '\r';
        at++;
        if (!starts)
            continue;
        if (at == block + len) {
            s->dot_held = true;
            len--;
            break;
        }
        if (*at == '\n' || *at == '\r') {
            len = (size_t)(at - 1 - block);
            s->end = s->pos + len;
            s->dot_ends = false;
            break;
        }
    }
    if (len)
        s->line_start = block[len - 1] == '\n' || block[len - 1] == '\r';
    return len;
}

/* Fill the block from a file or stream. 1, 0 at the end, -1. */
static int fill_block(struct source *s, struct err *e)
{
    char *block = next_window(s);
    size_t held, room, len;
    ssize_t n;

    do {
        held = s->dot_held;
        s->dot_held = false;
        if (held)
            block[0] = '.';
        room = SOURCE_WINDOW - held;
        if (s->end - s->pos < room)
            room = (size_t)(s->end - s->pos);
        n = room ? read_some(s, block + held, room, held) : 0;
        if (n < 0)
            return err_system(e, ERR_IO, errno, "can't read the message");
        if (n == 0) {
            /* For good: a terminal is not asked twice, and what a file grows by later is not
             * part of the message. A dot held is the lone dot of a last line without an end. */
            s->end = s->pos;
            return 0;
        }
        len = (size_t)n + held;
        if (s->dot_ends)
            len = cut_at_dot(s, block, len);
        else if (s->kind == SOURCE_FILE && len > 1 && block[len - 1] == '\r')
            len--;
    } while (!len && s->dot_held);
    s->window = block;
    s->window_len = len;
    s->pos += len;
    return len ? 1 : 0;
}

/* A window of what is in memory. */
static int fill_memory(struct source *s)
{
    size_t left = s->memory.len - (size_t)s->pos;

    s->window = s->memory.data + s->pos;
    s->window_len = left < SOURCE_WINDOW ? left : SOURCE_WINDOW;
    s->pos += s->window_len;
    return s->window_len ? 1 : 0;
}

int source_peek(struct source *s, const char **data, size_t *len, struct err *e)
{
    int rc = 1;

    if (s->back_used < s->back.len) {
        *data = s->back.data + s->back_used;
        *len = s->back.len - s->back_used;
        return 1;
    }
    if (!s->window_len)
        rc = s->kind == SOURCE_MEMORY ? fill_memory(s) : fill_block(s, e);
    *data = s->window;
    *len = s->window_len;
    return rc;
}

void source_skip(struct source *s, size_t n)
{
    if (s->back_used < s->back.len) {
        s->back_used += n;
        return;
    }
    s->window += n;
    s->window_len -= n;
}

uint64_t source_tell(const struct source *s)
{
    return s->pos - s->window_len;
}

void source_seek(struct source *s, uint64_t offset, bool line_start)
{
    s->pos = offset;
    s->window_len = 0;
    s->line_start = line_start;
    s->dot_held = false;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool source_unchanged(const struct source *s)
{
    const struct stat *was = &s->at_first;
    struct stat now;

    if (s->kind != SOURCE_FILE || s->own_fd)
        return true;
    return !fstat(s->fd, &now) && now.st_size == was->st_size &&
           same_time(now.st_mtim, was->st_mtim) && same_time(now.st_ctim, was->st_ctim);
}

int source_give_back(struct source *s, const char *data, size_t len, struct err *e)
{
    buf_add(&s->back, data, len);
    return buf_check(&s->back, ERR_DATA, "the first line", e);
}

/* A nameless file in DIR, or -1. */
static int open_nameless(const char *dir)
{
    struct buf name;
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || errno == ENOENT || errno == EACCES)
        return fd;
    /* Not every file system has O_TMPFILE. */
    buf_init(&name, 4096);
    buf_addf(&name, "%s/smtpsend.XXXXXX", dir);
    fd = name.failed ? -1 : mkostemp(name.data, O_CLOEXEC);
    if (fd >= 0)
        unlink(name.data);
    buf_release(&name);
    return fd;
}

/* Open the temporary file in the first folder that takes one; *DIR is that folder. */
static int open_temporary(const char **dir, struct err *e)
{
    const char *dirs[3] = {secure_getenv("TMPDIR"), "/var/tmp", "/tmp"};
    size_t i;
    int fd;

    for (i = 0; i < 3; i++) {
        if (!dirs[i] || !*dirs[i])
            continue;
        *dir = dirs[i];
        fd = open_nameless(dirs[i]);
        if (fd >= 0)
            return fd;
    }
    err_system(e, ERR_IO, errno, "can't make a temporary file in '%s'", *dir);
    return err_hint(e, "set TMPDIR to a folder that can hold the message");
}

/* Write what memory has and all that is to come. */
static int write_rest(struct source *s, int fd, const char *dir, struct err *e)
{
    const char *data;
    size_t len;
    int rc, failed = file_write(fd, s->memory.data, s->memory.len);

    buf_release(&s->memory);
    while (!failed && (rc = source_peek(s, &data, &len, e)) != 0) {
        if (rc < 0)
            return -1;
        failed = file_write(fd, data, len);
        source_skip(s, len);
    }
    if (!failed)
        return 0;
    err_system(e, ERR_IO, errno, "can't write to a temporary file in '%s'", dir);
    return err_hint(e, "make room there, or set TMPDIR to a folder that can hold the message");
}

static int keep_in_file(struct source *s, struct err *e)
{
    const char *dir = "";
    int fd = open_temporary(&dir, e);

    if (fd < 0)
        return -1;
    if (write_rest(s, fd, dir, e) < 0) {
        close(fd);
        return -1;
    }
    s->fd = fd;
    s->own_fd = true;
    s->kind = SOURCE_FILE;
    return 0;
}

int source_keep(struct source *s, size_t max, struct err *e)
{
    const char *data;
    size_t len;
    int rc;

    buf_init(&s->memory, max);
    while ((rc = source_peek(s, &data, &len, e)) > 0) {
        if (memchr(data, '\0', len))
            return refuse_nul(e); /* no more of it need be kept */
        if (buf_add(&s->memory, data, len) < 0)
            break; /* more than MAX, or no memory: a file has room for both */
        source_skip(s, len);
    }
    if (rc < 0 || (rc > 0 && keep_in_file(s, e) < 0))
        return -1;
    if (rc == 0) {
        s->kind = SOURCE_MEMORY;
        free(s->block);
        s->block = NULL;
    }
    s->base = 0;
    s->end = UINT64_MAX;
    s->dot_ends = false;
    source_seek(s, 0, true);
    return 0;
}
