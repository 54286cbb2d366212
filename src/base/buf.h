/* buf.h: a growable run of bytes with a maximum given at birth.
 *
 * Hostile input costs an error, not memory: a buffer that would pass its maximum (or can't get
 * memory) stays as it was, remembers the failure, and every later addition fails too. So a
 * sequence of additions needs one check at its end, buf_check(). The bytes are always followed
 * by a NUL that does not count, so b->data can be read as a string (b->data is "" when empty).
 * A secret buffer is wiped before it is freed and before it grows. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

struct buf {
    char *data; /* never NULL */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated; 0: data is a constant */
    size_t max; /* len never passes this */
    bool secret;
    bool failed;    /* an addition did not fit */
    bool no_memory; /* since there was no memory, not by the maximum */
};

/* An empty buffer of at most MAX bytes; allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* The same for passwords and what is made of them. */
void buf_init_secret(struct buf *b, size_t max);

/* Free the bytes (a secret's are wiped); b is as after its init. */
void buf_release(struct buf *b);

/* Forget the bytes and the failure, keep the memory (a secret's bytes are wiped). */
void buf_clear(struct buf *b);

/* Append. Each returns 0, or -1 when it did not fit; see buf_check. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_addstr(struct buf *b, const char *text);
int buf_addch(struct buf *b, char c);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0 when every addition fitted, else -1 and E says that WHAT is too long (KIND) or that memory
 * ran out (ERR_OS). */
int buf_check(const struct buf *b, enum err_kind kind, const char *what, struct err *e);

#endif
