/* netrc.h: logins and passwords from a netrc file, as ftp(1) and curl(1) read it. */
#ifndef CONF_NETRC_H
#define CONF_NETRC_H

#include "base/buf.h"

/* Find the entry of HOST in the file at PATH ("": ~/.netrc), for USER where that is not NULL, and
 * append its login and its password. `default` fits every host, `macdef` is passed over up to the
 * next empty line, values may be quoted ("a b", with \" and \\), '#' in place of a keyword begins
 * a comment. 1: found; 0: no such entry; -1 with ERR_NOINPUT (unreadable) or ERR_CONFIG (others
 * can read it; not a netrc). */
int netrc_find(const char *path, const char *host, const char *user, struct buf *login,
               struct buf *password, struct err *e);

#endif
