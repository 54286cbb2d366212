/* header.h: the header of one message, held in memory.
 *
 * The bytes are normalised: every line ends in CRLF, whatever the input's mixture was, so that
 * nothing can hide from the filters behind a bare CR or LF. A field is a name, perhaps blanks
 * (RFC 5322 section 4.5), a colon, and all folded lines that follow. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/buf.h"
#include "mail/mailbox.h"

enum {
    HEADER_MAX = 1024 * 1024, /* as it comes */
    HEADER_LINE_MAX = 64 * 1024,
    HEADER_EDITED_MAX = 8 * HEADER_MAX, /* with what takes the place of fields */
    HEADER_MENDED_MAX = HEADER_EDITED_MAX + 2 * HEADER_MAX /* and what we add, and a trace */
};

struct field {
    size_t start, len; /* in bytes.data, CRLF of the last line included */
    size_t name_len;   /* blanks before the colon not counted */
    size_t value;      /* offset of the first byte after the colon */
    bool removed;
};

struct header {
    struct buf bytes; /* all fields as they came, normalised; then those that replace some */
    struct field *fields;
    size_t count, cap;
    size_t max, line_max; /* of the bytes to come, and of a line of them */
    struct buf added;     /* fields that we add, in wire form; go before the others */
};

void header_init(struct header *h);

/* The lines to come are those of a header that was edited, in wire form: there and in each of them
 * are up to HEADER_MENDED_MAX bytes. */
void header_expect_edited(struct header *h);
void header_release(struct header *h);

/* Forget the fields, keep the memory. */
void header_clear(struct header *h);

/* Take one line (without its line end). 1: taken; 0: not a header line (no field name, or a
 * continuation with nothing to continue), the header ends before it; -1 with ERR_DATA: a line
 * over HEADER_LINE_MAX or a header over HEADER_MAX, unless it was edited, or a NUL. The empty line that ends a header is
 * the caller's business. */
int header_line(struct header *h, const char *line, size_t len, struct err *e);

/* The name of a field of H is NAME but for ASCII case. */
bool header_is_called(const struct header *h, const struct field *field, const char *name);

/* The first field called NAME (ASCII case ignored) at or after index FROM that is not removed;
 * its index, or -1. */
long header_find(const struct header *h, const char *name, size_t from);

/* Add the recipients of To, Cc and Bcc, or, where any Resent- field is present, those of
 * Resent-To, Resent-Cc and Resent-Bcc of the most recent (topmost) block (RFC 5322 section
 * 3.6.6; a block ends where a Resent- field name repeats or a trace field stands). -1 with
 * ERR_DATA, and the field's name in the message. */
int header_recipients(const struct header *h, const char *domain, struct addresses *list,
                      struct err *e);

/* Append the address of the one who sends: From where it holds exactly one address, else Sender,
 * else the first of From; their Resent- kin (topmost block) where any Resent- field is present.
 * 1: found, 0: there is none that can be read. */
int header_sender(const struct header *h, const char *domain, struct buf *out);

/* Mark every field called NAME as removed, in whatever case, folding or spacing. */
void header_remove(struct header *h, const char *name);

/* Put TEXT, a whole field of the same name in wire form, in the place of field INDEX. -1 with
 * ERR_DATA where the header would pass HEADER_EDITED_MAX, ERR_OS without memory. */
int header_replace(struct header *h, size_t index, const struct buf *text, struct err *e);

/* Bytes beyond ASCII in a field that stays. */
bool header_is_8bit(const struct header *h);

/* Append the header in wire form: added fields, then those not removed. The empty line after it
 * is not included. */
int header_write(const struct header *h, struct buf *out);

#endif
