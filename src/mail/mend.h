/* mend.h: the fields that a message gets when it lacks them (RFC 5322 section 3.6). */
#ifndef MAIL_MEND_H
#define MAIL_MEND_H

#include "mail/message.h"

/* Add Date, From and Message-ID to H's added fields where H has none. */
int mend_header(struct header *h, const struct message_identity *who, struct err *e);

#endif
