/*
 * Small helpers of the test server: byte strings that may hold NULs, the escapes of scripts and
 * replies, numbers, memory that is there or ends the program.
 */
#ifndef TESTSERVER_TEXT_H
#define TESTSERVER_TEXT_H

#include <stddef.h>

/* Bytes on the heap, always followed by a NUL that is not counted. Owner: whoever holds it. */
struct text {
    char *s;
    size_t len;
};

/* Says what is wrong on standard error and exits with STATUS. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Zeroed memory, or the end of the program. */
void *must_calloc(size_t count, size_t size);
/* A bigger (or smaller) piece of memory, or the end of the program. */
void *must_realloc(void *old, size_t size);

/* Adds LEN bytes at the end of TEXT. */
void text_add(struct text *text, const char *s, size_t len);
/* Adds what the format makes. */
void text_addf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* Replaces the escapes \r \n \t \0 \xNN \\ of the C string IN. 0, or -1: an unknown escape. */
int text_unescape(struct text *out, const char *in);

/* A decimal number up to MAX, nothing before or after it. 0, or -1. */
int number_parse(const char *s, unsigned long long max, unsigned long long *out);

#endif
