/* request.h: one command of an SMTP client's, parsed (RFC 5321 section 4.1.1).
 *
 * The other side of the dialogue, for -bs. Input is a stranger's: what comes out has no control
 * bytes, a path is bracketed as it should be (what is within is for mailbox.h to judge), and
 * parameters are those of the extensions that are offered (RFC 1870, 6152, 6531, 3461), each with a
 * value that may go on to a server. */
#ifndef SMTP_REQUEST_H
#define SMTP_REQUEST_H

#include "smtp/extensions.h"

enum verb {
    VERB_EHLO,
    VERB_HELO,
    VERB_MAIL,
    VERB_RCPT,
    VERB_DATA,
    VERB_RSET,
    VERB_NOOP,
    VERB_VRFY,
    VERB_HELP,
    VERB_QUIT
};

struct request {
    enum verb verb;
    const char *path;          /* of MAIL and RCPT, with its angle brackets; else NULL */
    bool utf8;                 /* SMTPUTF8 */
    int64_t size;              /* SIZE, or 0 */
    const char *ret;           /* RET: "HDRS" or "FULL", or NULL */
    char envid[ENVID_MAX + 1]; /* ENVID, decoded, or "" */
    unsigned notify;           /* NOTIFY: NOTIFY_*, or 0 */
    const char *orcpt;         /* ORCPT as it came, or NULL */
};

/* Understand LINE (LEN bytes, without its end, and a NUL that does not count), which is cut up and
 * must stay as long as R. NULL, or the line of reply that refuses it. */
const char *request_parse(struct request *r, char *line, size_t len);

#endif
