/* qualify.h: names without a domain in the header, as daemons on this machine write them.
 *
 * "From: root (Cron Daemon)" is no address anywhere else, and servers refuse it. As sendmail does
 * it for what is submitted to it, each such name in From, Sender, Reply-To, To, Cc and their
 * Resent- kin gets '@' and the domain right behind it. All other bytes of the field stay. */
#ifndef MAIL_QUALIFY_H
#define MAIL_QUALIFY_H

#include "mail/header.h"

/* True where one of those fields, not removed and readable, has such a name. */
bool qualify_is_needed(const struct header *h);

/* Add DOMAIN to all of them. A field that can't be read as addresses stays as it is, and so does
 * one that would make the header longer than HEADER_EDITED_MAX. -1 with ERR_OS. */
int qualify_header(struct header *h, const char *domain, struct err *e);

#endif
