/* downgrade.h: a message in 7-bit form, for a server that lacks 8BITMIME (RFC 6152 section 3).
 *
 * The body is read line by line, first to find the parts that have 8-bit data, then, as often as
 * wanted, to convert these: text to quoted-printable, other leaves to base64. Whatever else there
 * is comes out as it went in, but for labels that say 8bit or binary of what is 7-bit now, for
 * text/ types without a charset, which get utf-8 or unknown-8bit, and for header fields, whose
 * 8-bit text becomes encoded words. What can't be converted without harm is refused (ERR_DATA).
 * Memory does not depend on the body: one line of HEADER_LINE_MAX bytes, the header of one part,
 * MIME_DEPTH_MAX boundaries and a byte for each of at most DOWNGRADE_PARTS_MAX parts. */
#ifndef MAIL_DOWNGRADE_H
#define MAIL_DOWNGRADE_H

#include "mail/intake.h"

enum { DOWNGRADE_PARTS_MAX = 100000 };

struct downgrade;

/* Survey the body at BODY of S, whose header is H, and append the header's 7-bit form, without an
 * empty line, to HEAD. S stays the caller's and has to live as long as *D, which downgrade_free
 * frees; H is not looked at again. */
int downgrade_new(struct downgrade **d, struct source *s, const struct body *body,
                  const struct header *h, struct buf *head, struct err *e);
void downgrade_free(struct downgrade *d);

/* Point at the next run of the body's 7-bit form, at most SOURCE_WINDOW bytes, line ends as CRLF:
 * 1; 0: all is out; -1. Valid until the next call. */
int downgrade_next(struct downgrade *d, const char **data, size_t *len, struct err *e);

/* Start over at the body's first byte, wherever the source is. */
void downgrade_rewind(struct downgrade *d);

#endif
