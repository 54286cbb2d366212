/* resolve.h: names to addresses. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "base/clock.h"
#include "base/err.h"

#include <netdb.h>

/* The stream-socket addresses of HOST (name or literal) at PORT (number or service name), to be
 * freed with resolve_free. Literals and localhost need no resolver (RFC 6761 section 6.3). NULL
 * with ERR_NOHOST where there is no such host or it has no address of FAMILY, ERR_TEMPORARY
 * where the resolver had no answer by DEADLINE, ERR_USAGE for an unknown service name. */
struct addrinfo *resolve_host(const char *host, const char *port, int family,
                              struct deadline deadline, struct err *e);
void resolve_free(struct addrinfo *list);

#endif
