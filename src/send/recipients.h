/* recipients.h: from what names recipients, arguments or header, to the addresses of a job.
 *
 * Bare names are expanded by the file of --aliases, which is read when the first one turns up,
 * and what is bare then gets the domain of the job. */
#ifndef SEND_RECIPIENTS_H
#define SEND_RECIPIENTS_H

#include "mail/header.h"
#include "send/job.h"

/* Add the recipients that the arguments WORDS (ended by NULL) name. -1 with ERR_USAGE: one that
 * can't be an address, or none at all where the header is not to name them; ERR_CONFIG,
 * ERR_NOINPUT: see mail/alias.h. */
int recipients_take_words(struct job *job, char **words, struct err *e);

/* Add those that HEADER names (-t). -1 with ERR_DATA where a field can't be read, ERR_USAGE where
 * the job has no recipient then; else as above. */
int recipients_take_header(struct job *job, const struct header *header, struct err *e);

/* Add to OUT what PATH, a forward-path with its angle brackets (RFC 5321 section 4.1.2), stands for.
 * -1 with ERR_USAGE where it is no address, else as above. */
int recipients_of_path(struct job *job, const char *path, struct addresses *out, struct err *e);

#endif
