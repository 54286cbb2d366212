/* session.h: from nothing to a server that is ready for MAIL.
 *
 * Connect, greeting, EHLO, STARTTLS and EHLO again, AUTH: each stage either leads to the next or
 * ends in an error that names the stage, with the server's words. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "net/server.h"
#include "smtp/caps.h"
#include "smtp/dialog.h"
#include "smtp/sasl.h"

struct session_wishes {
    const struct server *server; /* settled */
    int family;
    int64_t connect_timeout_ms;
    int send_buffer, receive_buffer; /* bytes; 0: the kernel's */
    struct dialog_wishes dialog;
    struct tls_context *tls; /* NULL only where server->tls is TLS_MODE_OFF */
    bool tls_waived;         /* the user chose not to verify: an unverified server is trusted */
    const char *helo;        /* NULL: the host's own name or address */
    const struct sasl_identity *identity; /* NULL: don't authenticate */
    const char *const
        *mechanisms;     /* names in order of preference, NULL-terminated; NULL: auto */
    bool pipelining;     /* several commands in flight where that is offered */
    bool cleartext_auth; /* AUTH may go over a connection that others can read */
};

struct session {
    struct dialog *dialog;
    const struct sink *sink;
    struct caps caps;
    bool encrypted;        /* TLS is on */
    bool verified;         /* by its certificate or pin */
    bool trusted;          /* and the server is who it should be, or the user said not to ask */
    bool authenticated;    /* AUTH has succeeded */
    uint64_t transactions; /* begun in this session */
    bool unfinished;       /* the last one had no verdict: RSET comes before the next */
    bool esmtp;            /* EHLO was understood */
};

/* Open a session. 0, or -1 and nothing is left open. */
int session_open(struct session *s, const struct session_wishes *wishes, struct err *e);

/* True while it can have a further transaction: the server has not ended it, and its limit for
 * one session (RFC 9422) is not reached. */
bool session_takes_more(const struct session *s);

/* End it politely with QUIT, unless the server has ended it already. */
void session_close(struct session *s);

/* Drop the connection at once, so that the server forgets an unfinished message. */
void session_abort(struct session *s);

#endif
