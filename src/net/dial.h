/* dial.h: from a server's name to a connected stream.
 *
 * Each address of the host is tried in turn until one connects, each for as long as the connect
 * time-out says; the error names every address and why it failed. A client's opening goes with
 * the SYN where that is possible (TCP Fast Open, RFC 7413), which saves a round trip; an address
 * counts as connected only when it has answered the SYN, whatever that carried. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/buf.h"
#include "base/event.h"
#include "net/server.h"
#include "net/stream.h"

struct dial {
    const struct server *server;     /* settled */
    int family;                      /* AF_UNSPEC, AF_INET or AF_INET6 */
    int64_t timeout_ms;              /* for one address */
    struct deadline run;             /* for all of it */
    int send_buffer, receive_buffer; /* of the socket, in bytes; 0: the kernel's */
    struct opening *opening;         /* what is said first, or NULL where the server begins */
    const struct sink *sink;
};

/* Connect. The stream, which stream_free closes; or NULL with ERR_NOHOST (no such host),
 * ERR_TEMPORARY (nothing answered), ERR_USAGE (fd:N is no socket). d->opening->sent tells how much
 * of the opening went along, often nothing; the rest is the caller's to send. */
struct stream *dial_connect(const struct dial *d, struct err *e);

/* Append the address literal of the connection's own end, "[192.0.2.1]" or "[IPv6:2001:db8::1]"
 * (RFC 5321 section 4.1.3); "[127.0.0.1]" where the connection has no IP address. */
void dial_own_literal(int fd, struct buf *out);

#endif
