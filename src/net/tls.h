/* tls.h: TLS as a stream over another stream, to the server that was meant.
 *
 * TLS 1.2 at least, the server's certificate chain and name verified before the caller gets the
 * stream, unless it asked for no verification. Fails with ERR_PROTOCOL (handshake, certificate,
 * pin, name), ERR_TEMPORARY (time-out, connection lost), and before any connection with
 * ERR_USAGE (no pin, name or priority string is what was given as one), ERR_NOINPUT (files that
 * can't be read) or ERR_CONFIG (files that can't be used). */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/event.h"
#include "net/stream.h"

struct tls_wishes {
    const char *name;        /* whom the certificate must name: a DNS name or an IP address */
    const char *ca_file;     /* trust anchors (PEM), or NULL: the system's */
    const char *crl_file;    /* revoked certificates (PEM), or NULL */
    const char *cert_file;   /* our certificate: PEM file or pkcs11: URI, or NULL */
    const char *key_file;    /* its key, likewise; NULL: in cert_file too */
    const char *const *pins; /* sha256//BASE64 or sha256:HEX, NULL-terminated, or NULL */
    const char *priority;    /* GnuTLS priority string, or NULL: the library's default */
    bool at_least_1_3;       /* the floor is TLS 1.3 instead of 1.2 */
    bool verify;             /* false: take whatever certificate there is (pins still hold) */
};

/* Append NAME, a domain of LEN bytes, as A-labels (RFC 5891). -1 with ERR_USAGE where it has no
 * such form. ASCII needs no GnuTLS. */
int tls_ascii_name(const char *name, size_t len, struct buf *out, struct err *e);

/* What WISHES name, read and checked, so that a mistake is found before any connection. Serves
 * any number of connections. NULL on error. WISHES' strings must outlive it. */
struct tls_context;
struct tls_context *tls_context_new(const struct tls_wishes *wishes, struct err *e);
void tls_context_free(struct tls_context *context);

/* That each of PINS (ended by NULL) is one: for settings that are only checked. -1 with ERR_USAGE. */
int tls_check_pins(const char *const *pins, struct err *e);

/* Begin a session that has no connection yet: all it can do is to be started, or freed by
 * stream_free. NULL on error. CONTEXT must outlive it. */
struct stream *tls_begin(struct tls_context *context, struct err *e);

/* Its ClientHello, of which dial may send as much as it can. Belongs to S. */
struct opening *tls_opening(struct stream *s);

/* Go on with S, which tls_begin made, over BELOW: shake hands by DEADLINE. 0, and S owns BELOW; or
 * -1, when S is only to be freed, and BELOW still belongs to the caller. The session's parameters
 * are told to SINK. */
int tls_start(struct stream *s, struct stream *below, struct deadline deadline,
              const struct sink *sink, struct err *e);

/* Append the channel binding of S and point *TYPE at its name: "tls-exporter" (RFC 9266) on TLS
 * 1.3, "tls-unique" (RFC 5929) on 1.2 with the extended master secret. 1; 0 where S has none: it
 * is no TLS stream, or its session is too old to bind to. */
int tls_binding(struct stream *s, const char **type, struct buf *data);

#endif
