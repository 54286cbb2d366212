/* host.h: what this machine is called, without asking a name server. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include "base/buf.h"

/* Append the fully qualified name of this host: its host name where that has a dot, else the
 * name with a dot that /etc/hosts has for it. 1: found; 0: it has none. */
int host_fqdn(struct buf *out);

/* Append the first word of /etc/mailname, the domain that local mail is from (Debian policy
 * 11.6). 1: found; 0: there is none. */
int host_mailname(struct buf *out);

#endif
