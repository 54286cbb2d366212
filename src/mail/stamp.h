/* stamp.h: what tells one message from another: dates, identifiers, random words. All of it is
 * ASCII but for a host's name, and none of it asks the locale. */
#ifndef MAIL_STAMP_H
#define MAIL_STAMP_H

#include "base/buf.h"

#include <stdint.h>

/* Append WHEN, in seconds since 1970, as a date-time of RFC 5322 section 3.3 in the zone of the
 * machine, at most 37 characters. -1 with ERR_OS. */
int stamp_date(struct buf *out, int64_t when, struct err *e);

/* Append 128 random bits, in hexadecimal. -1 with ERR_OS. */
int stamp_random(struct buf *out, struct err *e);

/* Append a Message-ID with its angle brackets (RFC 5322 section 3.6.4): the time, which is WHEN,
 * random bits, and nothing of the host but its name HOST, which stamp_is_host has to approve. -1
 * with ERR_OS. */
int stamp_message_id(struct buf *out, int64_t when, const char *host, struct err *e);

/* True when HOST is a domain or literal that can stand behind an '@'; NULL is none. */
bool stamp_is_host(const char *host);

#endif
