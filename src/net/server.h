/* server.h: where to send, as the user writes it.
 *
 * HOST, HOST:PORT, [V6]:PORT, a URL (smtp, submission, submissions, smtps), unix:/PATH, or fd:N,
 * a connected socket handed in. A URL may carry a user, percent-encoded, but never a password:
 * argument lists are public. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/err.h"

enum tls_mode {
    TLS_MODE_DEFAULT,       /* decided by server_settle */
    TLS_MODE_OFF,           /* never */
    TLS_MODE_OPPORTUNISTIC, /* STARTTLS where offered; not verified */
    TLS_MODE_REQUIRED,      /* STARTTLS or fail */
    TLS_MODE_IMPLICIT       /* TLS from the first byte (RFC 8314) */
};

enum server_kind { SERVER_HOST, SERVER_UNIX, SERVER_FD };

struct server {
    enum server_kind kind;
    char *host;        /* SERVER_HOST: a name or an address without brackets */
    char *port;        /* number or service name; NULL until settled */
    char *path;        /* SERVER_UNIX */
    int fd;            /* SERVER_FD */
    char *user;        /* from the URL, decoded; or NULL */
    enum tls_mode tls; /* what the scheme says, else TLS_MODE_DEFAULT */
    bool submission;   /* the scheme was submission: or submissions: */
};

/* Parse TEXT into S, which server_release frees (also after an error). -1 with ERR_USAGE. */
int server_parse(struct server *s, const char *text, struct err *e);
void server_release(struct server *s);

/* Fill in what the user left open. PORT (or NULL) and TLS override the URL's; HAS_USER decides
 * between 587 and 25 for a bare host. -1 with ERR_USAGE where they contradict each other. */
int server_settle(struct server *s, const char *port, enum tls_mode tls, bool has_user,
                  struct err *e);

/* True when the connection never leaves this machine: a Unix socket, localhost, 127/8, ::1. */
bool server_is_local(const struct server *s);

/* "required", "implicit", "opportunistic", "off" -> mode; -1 when TEXT is none of them. */
int tls_mode_parse(const char *text, enum tls_mode *mode);

#endif
