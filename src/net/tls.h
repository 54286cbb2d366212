/* tls.h: TLS as a stream over another stream.
 *
 * TLS 1.2 at least, the server's certificate chain and name verified before the caller gets the
 * stream, unless it asked for no verification. Fails with ERR_PROTOCOL (handshake, certificate,
 * name), ERR_TEMPORARY (time-out, connection lost), ERR_CONFIG (trust anchors unreadable). */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/event.h"
#include "net/stream.h"

struct tls_wishes {
    const char *name;    /* whom the certificate must name: a DNS name or an IP address */
    const char *ca_file; /* trust anchors (PEM), or NULL: the system's */
    bool verify;
};

/* Read the trust anchors and what else can fail without a server, so that a mistake is found
 * before any connection. The context serves any number of connections. */
struct tls_context;
struct tls_context *tls_context_new(const struct tls_wishes *wishes, struct err *e);
void tls_context_free(struct tls_context *context);

/* Shake hands over BELOW by DEADLINE. The new stream owns BELOW; on error (NULL) BELOW still
 * belongs to the caller. The session's parameters are told to SINK. */
struct stream *tls_start(struct tls_context *context, struct stream *below,
                         struct deadline deadline, const struct sink *sink, struct err *e);

#endif
