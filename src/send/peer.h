/* peer.h: the local user at the other end of a Unix socket, as the kernel knows him. */
#ifndef SEND_PEER_H
#define SEND_PEER_H

#include "base/buf.h"

#include <stdint.h>

enum { PEER_LOGIN_BYTES = 256 };

struct peer {
    int64_t uid;
    char login[PEER_LOGIN_BYTES]; /* "" where the uid has no name */
};

/* Who made or connected the Unix socket FD (SO_PEERCRED). False: FD is none, or nobody is there. */
bool peer_find(struct peer *peer, int fd);

/* True where ADDRESS is the peer's login name at DOMAIN (NULL: there is none, hence localhost, as
 * in local_own_address). */
bool peer_owns(const struct peer *peer, const char *address, const char *domain);

/* Append the Received field (RFC 5321 section 4.4) of a message that the peer handed to HOST at WHEN,
 * in seconds since 1970, and that is ID there. -1 with ERR_OS. */
int peer_trace(const struct peer *peer, const char *host, const char *id, int64_t when,
               struct buf *out, struct err *e);

#endif
