/* source.h: where a message's bytes come from, seen as one run of windows.
 *
 * A regular file is read with pread from the offset it had, which does not move. Any other
 * descriptor is read once, as it comes, until source_keep has put all of it into memory or an
 * unlinked temporary file. One buffer of SOURCE_WINDOW bytes and a page serves all kinds. A
 * file's windows part no CRLF, so that those that need no change can go out as they are. */
#ifndef MAIL_SOURCE_H
#define MAIL_SOURCE_H

#include "base/buf.h"

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { SOURCE_WINDOW = 256 * 1024 };

/* Who hands out the bytes where no descriptor does: read(2) with CTX in place of one. */
struct source_reader {
    ssize_t (*read)(void *ctx, char *to, size_t room);
    void *ctx;
};

enum source_kind {
    SOURCE_FILE,
    SOURCE_MEMORY,
    SOURCE_STREAM /* what has been read is gone */
};

struct source {
    enum source_kind kind;
    int fd;                      /* not ours, unless OWN_FD */
    bool own_fd;                 /* the temporary file */
    struct source_reader reader; /* in place of FD, until all is kept */
    struct stat at_first;        /* of a file: what it was before any of it was read */
    off_t base;                  /* of a file: where its part of the message starts */
    uint64_t pos;                /* bytes from there to the end of the window */
    uint64_t end;                /* where the input ends, UINT64_MAX while unknown */
    const char *window;          /* the bytes at hand */
    size_t window_len;
    char *block;       /* room for a window, or NULL */
    struct buf memory; /* of SOURCE_MEMORY, all of it */
    struct buf back;   /* of SOURCE_STREAM: bytes given back, which come before the window */
    size_t back_used;
    bool dot_ends;   /* a lone dot ends the input, and has not yet been seen */
    bool line_start; /* with dot_ends: the byte before the next block ended a line */
    bool dot_held;   /* with dot_ends: the next block starts with a dot already read */
};

/* FD stays the caller's; READER, where it is not NULL, is read in its place. DOT_ENDS: a line that is a lone dot ends the input and is no part of
 * it. */
int source_init(struct source *s, int fd, const struct source_reader *reader, bool dot_ends,
                struct err *e);
void source_release(struct source *s);

/* Read a SOURCE_STREAM to its end into memory, or beyond MAX bytes into a temporary file; the
 * next byte is then its first. */
int source_keep(struct source *s, size_t max, struct err *e);

/* Point at the bytes to come: 1 and at least one of them, 0 at the end, -1. They stay until the
 * next source_ call but source_skip. */
int source_peek(struct source *s, const char **data, size_t *len, struct err *e);

/* Pass over the first N of what source_peek pointed at. */
void source_skip(struct source *s, size_t n);

/* The offset of the next byte; not for streams. */
uint64_t source_tell(const struct source *s);

/* Go to an offset; not for streams. LINE_START: a line starts there, so that a dot can be a lone
 * one. */
void source_seek(struct source *s, uint64_t offset, bool line_start);

/* True while all that is read, and was before, is what it was at source_init, as far as the size
 * and the times of the file tell; not for streams. */
bool source_unchanged(const struct source *s);

/* Give bytes back to a stream, to be read again before all others. */
int source_give_back(struct source *s, const char *data, size_t len, struct err *e);

/* Say that a NUL can't be sent. Returns -1. */
int refuse_nul(struct err *e);

#endif
