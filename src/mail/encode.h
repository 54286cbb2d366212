/* encode.h: quoted-printable and base64 (RFC 2045 section 6.7 and 6.8) of a body that comes line
 * by line, a long line in pieces. Memory is one output line. */
#ifndef MAIL_ENCODE_H
#define MAIL_ENCODE_H

#include "base/buf.h"

enum { ENCODED_LINE = 76, BASE64_GROUP = ENCODED_LINE / 4 * 3 };

/* Start with zeroes. */
struct quoted_printable {
    char line[ENCODED_LINE + 2]; /* the output line at hand */
    size_t len;
};

/* Append the quoted-printable form of LEN bytes; ENDED: a line end follows them, which stays a
 * line end. A line of the output that goes on with a broken one never starts with '-', so that
 * none looks like a delimiter that was not one before. */
void quoted_printable(struct quoted_printable *q, struct buf *out, const char *text, size_t len,
                      bool ended);

/* Start with zeroes. */
struct base64 {
    char group[BASE64_GROUP];
    size_t len;
};

/* Append the base64 form of LEN bytes as far as it makes whole lines; base64_end appends the
 * rest. */
void base64_add(struct base64 *b, struct buf *out, const char *data, size_t len);
void base64_end(struct base64 *b, struct buf *out);

#endif
