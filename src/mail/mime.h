/* mime.h: how a message is built of parts (RFC 2045, RFC 2046).
 *
 * Reads the Content- fields of one header, and knows the delimiters of the multiparts that are
 * open at a place in a body. Nothing is allocated and nothing recurses: nesting is bounded by
 * MIME_DEPTH_MAX. What can't be understood, or read in two ways, is MIME_FIXED: good to pass on
 * as it is, and not to be changed. */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "mail/header.h"

enum { MIME_DEPTH_MAX = 50, MIME_BOUNDARY_MAX = 70 };

enum mime_kind {
    MIME_TEXT,  /* a leaf whose lines are text */
    MIME_OTHER, /* any other leaf */
    MIME_MULTIPART,
    MIME_MESSAGE, /* message/rfc822: a header and a body of its own follow */
    MIME_FIXED    /* may not be re-encoded, and is not looked into */
};

/* The Content-Transfer-Encoding (RFC 2045 section 6). */
enum mime_encoding { MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_ENCODED, MIME_UNKNOWN };

struct mime_entity {
    enum mime_kind kind;
    enum mime_encoding encoding;
    bool typed;      /* it says its Content-Type */
    bool no_charset; /* which is a text/ type without one: US-ASCII (RFC 2046 section 4.1.2) */
    bool digest;     /* a multipart/digest */
    const char *why; /* of MIME_FIXED: what hinders, as the end of a sentence */
    char boundary[MIME_BOUNDARY_MAX + 1]; /* of MIME_MULTIPART */
};

/* What the header H says about the entity it belongs to. IN_DIGEST: where it says no type it is
 * a message (RFC 2046 section 5.1.5). */
void mime_read(const struct header *h, bool in_digest, struct mime_entity *entity);

/* One parameter of a Content- field (RFC 2045 section 5.1). */
struct mime_parameter {
    const char *name;
    size_t name_len;
    const char *value; /* as it stands, with its quotes */
    size_t value_len;
};

/* Pass over the value that stands before the parameters of a field, such as "text/plain"; it is
 * [*START, *START + *LEN). 0, or -1 where there is none. */
int mime_value(const char **at, const char *end, const char **start, size_t *len);

/* The next parameter at *AT. 1; 0: there are no more; -1: what is there is none. */
int mime_parameter(const char **at, const char *end, struct mime_parameter *p);

/* The multiparts that are open, outermost first. */
struct mime_level {
    char boundary[MIME_BOUNDARY_MAX + 1];
    bool digest;
    bool closed; /* its last delimiter has been seen */
};

struct mime_walk {
    struct mime_level levels[MIME_DEPTH_MAX];
    size_t depth;
};

/* Go into a MIME_MULTIPART. NULL, or what hinders. */
const char *mime_enter(struct mime_walk *w, const struct mime_entity *entity);

enum mime_delimiter { MIME_NO_DELIMITER, MIME_NEXT_PART, MIME_LAST_DELIMITER };

/* Whether a line (without its end) is a delimiter of one of the open multiparts. Then those that
 * are inside of that one are over. */
enum mime_delimiter mime_delimiter(struct mime_walk *w, const char *line, size_t len);

/* The innermost open multipart is a digest. */
bool mime_in_digest(const struct mime_walk *w);

#endif
