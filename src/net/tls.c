#include "net/tls.h"

#include "base/tls_lib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
    const struct tls_lib *lib;
    gnutls_certificate_credentials_t credentials;
    char *name; /* without a trailing dot */
    bool verify;
};

struct tls_stream {
    struct stream head; /* first: the stream that others see */
    const struct tls_lib *lib;
    gnutls_session_t session;
    struct stream *below;
    struct err lower; /* what went wrong below during a push or pull */
    size_t unsent;    /* bytes of the record that the last write could not finish */
};

/* Refuse what is broken (SSL, TLS 1.0 and 1.1: RFC 8996) and keys below 2,048 bits. */
static const char priority[] = "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%PROFILE_MEDIUM";

static int load_trust(struct tls_context *c, const char *ca_file, struct err *e)
{
    int n;

    if (!ca_file) {
        n = c->lib->certificate_set_x509_system_trust(c->credentials);
        if (n > 0)
            return 0;
        err_set(e, ERR_CONFIG, "the system has no certificate authorities to trust");
        return err_hint(e, "install ca-certificates, or name a file with --tls-ca");
    }
    n = c->lib->certificate_set_x509_trust_file(c->credentials, ca_file, GNUTLS_X509_FMT_PEM);
    if (n > 0)
        return 0;
    err_set(e, ERR_CONFIG, "no certificate could be read from '%.256s': %s", ca_file,
            n == 0 || n == GNUTLS_E_FILE_ERROR ? strerror(n ? errno : EINVAL)
                                               : c->lib->strerror(n));
    return err_hint(e, "--tls-ca needs a PEM file of trusted certificates");
}

struct tls_context *tls_context_new(const struct tls_wishes *wishes, struct err *e)
{
    const struct tls_lib *lib = tls_lib_load(e);
    struct tls_context *c = lib ? calloc(1, sizeof(*c)) : NULL;
    size_t len = strlen(wishes->name);

    if (!c) {
        if (lib)
            err_set(e, ERR_OS, "no memory for TLS");
        err_at(e, STAGE_TLS);
        return NULL;
    }
    c->lib = lib;
    c->verify = wishes->verify;
    c->name = strndup(wishes->name, len && wishes->name[len - 1] == '.' ? len - 1 : len);
    if (!c->name || lib->certificate_allocate_credentials(&c->credentials) < 0)
        err_set(e, ERR_OS, "no memory for TLS");
    else if (!c->verify || !load_trust(c, wishes->ca_file, e))
        return c;
    err_at(e, STAGE_TLS);
    tls_context_free(c);
    return NULL;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    if (c->credentials)
        c->lib->certificate_free_credentials(c->credentials);
    free(c->name);
    free(c);
}

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

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
    struct tls_stream *t = ptr;

    return transport_result(t, t->below->ops->write(t->below, data, len, &t->lower));
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
    struct tls_stream *t = ptr;

    return transport_result(t, t->below->ops->read(t->below, data, len, &t->lower));
}

static ssize_t again(struct tls_stream *t)
{
    t->head.wants = t->lib->record_get_direction(t->session) ? POLLOUT : POLLIN;
    return STREAM_AGAIN;
}

/* What a failed call of GnuTLS means. */
static int failed(struct tls_stream *t, int code, struct err *e)
{
    if (t->lower.kind != ERR_NONE) {
        err_move(e, &t->lower);
        return -1;
    }
    if (code == GNUTLS_E_PREMATURE_TERMINATION)
        return err_set(e, ERR_TEMPORARY, "the TLS connection was cut off");
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
        return err_set(e, ERR_PROTOCOL, "TLS: the server sent the alert '%s'",
                       t->lib->alert_get_name(t->lib->alert_get(t->session)));
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
    return n < 0 ? failed(t, (int)n, e) : n;
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
    int code = c->lib->init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    if (code < 0) {
        t->session = NULL;
        return err_set(e, ERR_OS, "TLS: %s", c->lib->strerror(code));
    }
    code = c->lib->set_default_priority_append(t->session, priority, NULL, 0);
    if (code >= 0)
        code = c->lib->credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    /* RFC 6066 section 3: SNI carries names, never addresses. */
    if (code >= 0 && !is_address(c->name))
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
            if (code == GNUTLS_E_PREMATURE_TERMINATION)
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

/* The verdict on the chain and the name, in GnuTLS's words. */
static int verify(struct tls_stream *t, const struct tls_context *c, struct err *e)
{
    static unsigned char purpose[] = GNUTLS_KP_TLS_WWW_SERVER;
    gnutls_typed_vdata_st data[] = {
        {.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)c->name, .size = 0},
        {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = purpose, .size = 0},
    };
    gnutls_datum_t words = {NULL, 0};
    unsigned int status = 0;
    int code = t->lib->certificate_verify_peers(t->session, data, 2, &status);

    if (code < 0)
        return err_set(e, ERR_PROTOCOL, "the server's certificate can't be verified: %s",
                       t->lib->strerror(code));
    if (status == 0)
        return 0;
    code = t->lib->certificate_verification_status_print(
        status, t->lib->certificate_type_get(t->session), &words, 0);
    err_set(e, ERR_PROTOCOL, "the certificate of '%s' was not accepted: %.*s", c->name,
            code < 0 ? 0 : (int)words.size, code < 0 ? "" : (const char *)words.data);
    free(words.data);
    return err_hint(e, status & GNUTLS_CERT_UNEXPECTED_OWNER
                           ? "is --server the name in the certificate?"
                           : "--tls-ca FILE trusts another authority");
}

static void tell(struct tls_stream *t, const struct tls_context *c, const struct sink *sink)
{
    char *parameters;

    if (!sink->on)
        return;
    parameters = t->lib->session_get_desc(t->session);
    sink_say(sink, EVENT_FACT, STAGE_TLS, "%s, certificate %s", parameters ? parameters : "TLS",
             c->verify ? "verified" : "not verified");
    free(parameters);
}

struct stream *tls_start(struct tls_context *context, struct stream *below,
                         struct deadline deadline, const struct sink *sink, struct err *e)
{
    struct tls_stream *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_OS, "no memory for TLS");
        err_at(e, STAGE_TLS);
        return NULL;
    }
    t->head = (struct stream){.ops = &tls_ops, .fd = below->fd, .wants = POLLIN};
    t->lib = context->lib;
    t->below = below;
    if (prepare(t, context, e) || shake_hands(t, deadline, e) ||
        (context->verify && verify(t, context, e))) {
        err_at(e, STAGE_TLS);
        tls_release(t);
        return NULL;
    }
    tell(t, context, sink);
    return &t->head;
}
