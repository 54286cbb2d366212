/* intake.h: taking the header off the front of a message. */
#ifndef MAIL_INTAKE_H
#define MAIL_INTAKE_H

#include "mail/header.h"
#include "mail/source.h"

/* Where the body starts. */
struct body {
    uint64_t offset; /* in the source; not for streams, which simply go on with it */
    bool skip_lf;    /* an LF there belongs to the CR that ended the header */
    bool marked;     /* a byte order mark is before it on its line */
};

/* Pass over a byte order mark and a `From ` line, read the fields into H up to the empty line or
 * the first line that is no field. The body is at BODY's offset; a stream is left there. -1 with
 * ERR_DATA also where such a line comes after fields and fields with recipients follow it: then it
 * was no body that began there. */
int intake_header(struct source *s, struct header *h, struct body *body, struct err *e);

/* Say that the message's bytes are not what they were. Returns -1. */
int refuse_changed(struct err *e);

#endif
