/* secret.h: a password or token, held as safely as the system allows.
 *
 * One allocation of whole pages of its own: locked into memory, left out of core dumps, wiped
 * before it is given back. While any secret is held the process makes no core dump and can't be
 * traced by others of the same user. The bytes are never copied except into secret buffers. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/buf.h"

enum { SECRET_MAX = 65536 };

struct secret;

/* Take LEN bytes (at most SECRET_MAX) as a secret and wipe them at DATA. NULL and ERR_OS where
 * there is no memory. */
struct secret *secret_take(char *data, size_t len, struct err *e);

/* The same secret once more: it is there until each has been freed. */
struct secret *secret_share(struct secret *s);

/* Wipe and free; NULL is allowed. */
void secret_free(struct secret *s);

/* The bytes (NUL-terminated) and their number. */
const char *secret_bytes(const struct secret *s);
size_t secret_length(const struct secret *s);

/* No core dumps and no tracing of this process from here on; call before reading a secret. */
void secret_harden_process(void);

#endif
