/* text.h: small questions about text, answered without the locale.
 *
 * ASCII only: what SMTP calls case-insensitive is so for A-Z alone, whatever LANG says. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

#include <stdint.h>

/* True when the strings are equal but for ASCII case. */
bool text_same(const char *a, const char *b);

/* True when the first LEN bytes of TEXT are WORD, but for ASCII case; LEN must be all of WORD. */
bool text_same_n(const char *text, size_t len, const char *word);

/* True when TEXT starts with PREFIX, but for ASCII case. */
bool text_starts(const char *text, const char *prefix);

int text_lower(int c);
bool text_digit(int c);
bool text_alnum(int c);

/* True when any byte could start a new line or end a C string elsewhere: CR, LF. */
bool text_has_line_end(const char *text);

/* Append LEN bytes so that nothing in them can drive a terminal or forge a line: control bytes,
 * DEL, C1 controls, marks that reorder or hide text, and bytes that are no UTF-8 become \xNN.
 * What has been escaped stays as it is when it is escaped again. */
void text_escape(struct buf *out, const char *data, size_t len);

/* Append LEN bytes as a JSON string in its quotes (RFC 8259 section 7), which is valid UTF-8: a byte
 * that is no UTF-8 becomes U+FFFD, and what text_escape escapes is escaped here as \uNNNN. */
void text_json(struct buf *out, const char *data, size_t len);

/* Overwrite each WORD in LEN bytes of TEXT with asterisks. */
void text_mask(char *text, size_t len, const char *word);

/* Append base64 (RFC 4648 section 4, padded, no line ends) of LEN bytes. */
void text_base64(struct buf *out, const void *data, size_t len);

/* Append what base64 TEXT of LEN bytes stands for. -1 where it is not strict base64. */
int text_unbase64(struct buf *out, const char *text, size_t len);

/* "90", "90s", "2m", "1h", "5d" in milliseconds; -1 where it is none of these. A number alone
 * is seconds; decimals and 0 are allowed ("0.5" is 500 ms). */
int64_t text_duration(const char *text);

/* A point in time as RFC 3339 writes it ("2026-12-31T08:00:00Z", or with an offset), in seconds
 * since 1970, leap seconds not counted; -1 where it is none, or one before that year. */
int64_t text_time(const char *text);

/* A decimal number from 0 to MAX, or -1. No sign, no blanks, no other base. */
int64_t text_number(const char *text, int64_t max);

#endif
