/* mend.h: the fields that a message gets when it lacks them (RFC 5322 section 3.6). */
#ifndef MAIL_MEND_H
#define MAIL_MEND_H

#include "mail/message.h"

/* Add Date, From and Message-ID to H's added fields where H has none. */
int mend_header(struct header *h, const struct message_identity *who, struct err *e);

/* Replace From by WHO's address. The display name that stood there stays, else it is WHO's. */
int mend_from(struct header *h, const struct message_identity *who, struct err *e);

/* Replace To and Cc by a group without members (RFC 5322 section 3.4). */
int mend_recipients(struct header *h, struct err *e);

#endif
