#include "net/tls_context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { HELLO_MAX = 65536 }; /* far more than any ClientHello has */

struct tls_stream {
    struct stream head; /* first: the stream that others see */
    struct tls_context *context;
    const struct tls_lib *lib;
    gnutls_session_t session;
    struct stream *below;   /* NULL: not connected yet */
    struct buf hello;       /* a copy of the ClientHello */
    struct opening opening; /* the same, and how much of it dial has sent */
    struct err lower;       /* what went wrong below during a push or pull */
    bool cut;               /* the stream below has ended */
    size_t unsent;          /* bytes of the record that the last write could not finish */
};

/* GnuTLS's way down: hand the bytes to the stream below, and "again" back up. */
static ssize_t transport_result(struct tls_stream *t, ssize_t n)
{
    if (n == STREAM_AGAIN) {
        t->lib->transport_set_errno(t->session, EAGAIN);
        return -1;
    }
    if (n < 0)
        t->lib->transport_set_errno(t->session, ECONNRESET);
    return n;
}

/* Before there is a connection the bytes are only copied: GnuTLS, told to come again, will bring
 * the same ones, and then those that went with the connection's SYN are passed over. */
static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
    struct tls_stream *t = ptr;
    size_t gone;

    if (!t->below) {
        (void)buf_add(&t->hello, data, len);
        return transport_result(t, STREAM_AGAIN);
    }
    if (t->opening.sent) {
        gone = t->opening.sent < len ? t->opening.sent : len;
        t->opening.sent -= gone;
        return (ssize_t)gone;
    }
    return transport_result(t, t->below->ops->write(t->below, data, len, &t->lower));
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
    struct tls_stream *t = ptr;
    ssize_t n = t->below->ops->read(t->below, data, len, &t->lower);

    t->cut = n == 0;
    return transport_result(t, n);
}

static ssize_t again(struct tls_stream *t)
{
    t->head.wants = t->lib->record_get_direction(t->session) ? POLLOUT : POLLIN;
    return STREAM_AGAIN;
}

/* The peer left without close_notify; within a record GnuTLS takes that for a malformed one. */
static bool was_cut_off(const struct tls_stream *t, int code)
{
    return code == GNUTLS_E_PREMATURE_TERMINATION ||
           (t->cut && code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH);
}

static int alerted(struct tls_stream *t, struct err *e)
{
    gnutls_alert_description_t alert = t->lib->alert_get(t->session);

    err_set(e, ERR_PROTOCOL, "TLS: the server sent the alert '%s'",
            t->lib->alert_get_name(alert));
    if (alert == GNUTLS_A_CERTIFICATE_REQUIRED)
        err_hint(e, "it wants a certificate of ours that it trusts (--tls-cert, --tls-key)");
    return -1;
}

/* What a failed call of GnuTLS means. */
static int failed(struct tls_stream *t, int code, struct err *e)
{
    if (t->lower.kind != ERR_NONE) {
        err_move(e, &t->lower);
        return -1;
    }
    if (was_cut_off(t, code))
        return err_set(e, ERR_TEMPORARY, "the TLS connection was cut off");
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
        return alerted(t, e);
    return err_set(e, ERR_PROTOCOL, "TLS: %s", t->lib->strerror(code));
}

static bool must_repeat(struct tls_stream *t, ssize_t code)
{
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED ||
           (code < 0 && !t->lib->error_is_fatal((int)code));
}

static ssize_t tls_read(struct stream *s, void *data, size_t len, struct err *e)
{
    struct tls_stream *t = (struct tls_stream *)s;
    ssize_t n;

    do {
        n = t->lib->record_recv(t->session, data, len);
        if (n == GNUTLS_E_AGAIN)
            return again(t);
    } while (must_repeat(t, n));
    return n < 0 ? failed(t, (int)n, e) : n;
}

/* A server that turns us down after the handshake (in TLS 1.3, for want of a client certificate)
 * sends an alert and closes. Writing then fails, while the alert, still unread, says why. Session
 * tickets can come before it. */
static int failed_to_write(struct tls_stream *t, int code, struct err *e)
{
    struct err lost = ERR_INIT;
    ssize_t n = GNUTLS_E_AGAIN;
    char byte;
    int i;

    err_move(&lost, &t->lower);
    for (i = 0; i < 8 && must_repeat(t, n); i++)
        n = t->lib->record_recv(t->session, &byte, 1);
    if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
        code = (int)n;
    else
        err_move(&t->lower, &lost);
    err_release(&lost);
    return failed(t, code, e);
}

/* A record that could not go out whole is finished first: GnuTLS still holds its bytes. */
static ssize_t tls_write(struct stream *s, const void *data, size_t len, struct err *e)
{
    struct tls_stream *t = (struct tls_stream *)s;
    ssize_t n;

    do {
        n = t->unsent ? t->lib->record_send(t->session, NULL, 0)
                      : t->lib->record_send(t->session, data, len);
        if (n == GNUTLS_E_AGAIN) {
            t->unsent = len;
            return again(t);
        }
    } while (must_repeat(t, n));
    t->unsent = 0;
    return n < 0 ? failed_to_write(t, (int)n, e) : n;
}

static int tls_shutdown(struct stream *s, struct err *e)
{
    struct tls_stream *t = (struct tls_stream *)s;
    int code = t->lib->bye(t->session, GNUTLS_SHUT_WR);

    if (code == GNUTLS_E_AGAIN)
        return (int)again(t);
    if (code < 0)
        return failed(t, code, e);
    return t->below->ops->shutdown(t->below, e);
}

static void tls_release(struct tls_stream *t)
{
    if (t->session)
        t->lib->deinit(t->session);
    err_release(&t->lower);
    buf_release(&t->hello);
    free(t);
}

static void tls_free(struct stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;
    struct stream *below = t->below;

    tls_release(t);
    stream_free(below);
}

static const struct stream_ops tls_ops = {
    .read = tls_read,
    .write = tls_write,
    .shutdown = tls_shutdown,
    .free = tls_free,
};

static bool is_address(const char *name)
{
    struct in6_addr any;

    return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

static int prepare(struct tls_stream *t, const struct tls_context *c, struct err *e)
{
    /* No tickets: they hold secrets, and in TLS 1.3 save no round trip. */
    const unsigned int flags =
        GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
    int code = c->lib->init(&t->session, flags);

    if (code < 0) {
        t->session = NULL;
        return err_set(e, ERR_OS, "TLS: %s", c->lib->strerror(code));
    }
    code = c->lib->priority_set(t->session, c->priority);
    if (code >= 0)
        code = c->lib->credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    /* RFC 6066 section 3: SNI carries names, never addresses. */
    if (code >= 0 && c->name[0] && !is_address(c->name))
        code = c->lib->server_name_set(t->session, GNUTLS_NAME_DNS, c->name, strlen(c->name));
    if (code < 0)
        return err_set(e, ERR_CONFIG, "TLS: %s", c->lib->strerror(code));
    c->lib->transport_set_ptr(t->session, t);
    c->lib->transport_set_push_function(t->session, push);
    c->lib->transport_set_pull_function(t->session, pull);
    return 0;
}

static int shake_hands(struct tls_stream *t, struct deadline deadline, struct err *e)
{
    int code, ready;

    while ((code = t->lib->handshake(t->session)) < 0) {
        if (!must_repeat(t, code)) {
            failed(t, code, e);
            if (was_cut_off(t, code))
                err_set(e, ERR_TEMPORARY, "the server closed the connection in the handshake");
            else if (code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH ||
                     code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
                err_hint(e, "does the server expect TLS here? (--tls implicit or required)");
            return -1;
        }
        if (code != GNUTLS_E_AGAIN)
            continue;
        again(t);
        ready = stream_poll(t->below, t->head.wants, deadline, e);
        if (ready < 0)
            return -1;
        if (ready == 0)
            return err_set(e, ERR_TEMPORARY, "timed out in the TLS handshake");
    }
    return 0;
}

static void tell(struct tls_stream *t, const struct sink *sink)
{
    const struct tls_context *c = t->context;
    char *parameters;

    if (!sink->on)
        return;
    parameters = t->lib->session_get_desc(t->session);
    sink_say(sink, EVENT_FACT, STAGE_TLS, "%s, certificate %s", parameters ? parameters : "TLS",
             c->pin_count       ? "pinned"
             : c->wishes.verify ? "verified"
                                : "not verified");
    free(parameters);
}

/* Shake hands as far as is possible without a connection: to a ClientHello that waits. */
static int make_hello(struct tls_stream *t, struct err *e)
{
    int code;

    do {
        code = t->lib->handshake(t->session);
    } while (code != GNUTLS_E_AGAIN && must_repeat(t, code));
    if (code != GNUTLS_E_AGAIN)
        return failed(t, code, e);
    if (buf_check(&t->hello, ERR_INTERNAL, "the ClientHello", e))
        return -1;
    t->opening = (struct opening){.data = t->hello.data, .len = t->hello.len};
    return 0;
}

/* A server of TLS 1.3 sends session tickets once the handshake is over, and one with Nagle's
 * algorithm on holds its greeting back until we acknowledge them, which our kernel would put off
 * for 40 ms (RFC 9293 section 3.8.6.3). */
static void acknowledge_tickets(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

struct stream *tls_begin(struct tls_context *context, struct err *e)
{
    struct tls_stream *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_OS, "no memory for TLS");
        err_at(e, STAGE_TLS);
        return NULL;
    }
    t->head = (struct stream){.ops = &tls_ops, .fd = -1, .wants = POLLIN};
    t->context = context;
    t->lib = context->lib;
    buf_init(&t->hello, HELLO_MAX);
    if (prepare(t, context, e) || make_hello(t, e)) {
        err_at(e, STAGE_TLS);
        tls_release(t);
        return NULL;
    }
    return &t->head;
}

struct opening *tls_opening(struct stream *s)
{
    return &((struct tls_stream *)s)->opening;
}

int tls_start(struct stream *s, struct stream *below, struct deadline deadline,
              const struct sink *sink, struct err *e)
{
    struct tls_stream *t = (struct tls_stream *)s;

    t->below = below;
    t->head.fd = below->fd;
    if (shake_hands(t, deadline, e) || tls_verify(t->context, t->session, e)) {
        t->below = NULL;
        return err_at(e, STAGE_TLS);
    }
    acknowledge_tickets(t->head.fd);
    tell(t, sink);
    return 0;
}

int tls_binding(struct stream *s, const char **type, struct buf *data)
{
    struct tls_stream *t = (struct tls_stream *)s;
    gnutls_datum_t bytes = {NULL, 0};
    bool modern;
    int code;

    if (s->ops != &tls_ops)
        return 0;
    modern = t->lib->protocol_get_version(t->session) >= GNUTLS_TLS1_3;
    if (!modern && !t->lib->session_ext_master_secret_status(t->session))
        return 0;
    *type = modern ? "tls-exporter" : "tls-unique";
    code = t->lib->session_channel_binding(
        t->session, modern ? GNUTLS_CB_TLS_EXPORTER : GNUTLS_CB_TLS_UNIQUE, &bytes);
    if (code < 0)
        return 0;
    code = buf_add(data, bytes.data, bytes.size);
    free(bytes.data);
    return code ? 0 : 1;
}
