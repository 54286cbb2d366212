#include "send/peer.h"

#include "base/text.h"
#include "mail/stamp.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool peer_find(struct peer *peer, int fd)
{
    const struct passwd *user;
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int domain = 0;
    socklen_t domain_len = sizeof(domain);

    *peer = (struct peer){.uid = -1};
    /* The socket that listens has no peer, and says -1. */
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.uid == (uid_t)-1)
        return false;
    peer->uid = (int64_t)cred.uid;
    user = getpwuid(cred.uid);
    if (user && strlen(user->pw_name) < sizeof(peer->login))
        snprintf(peer->login, sizeof(peer->login), "%s", user->pw_name);
    return true;
}

bool peer_owns(const struct peer *peer, const char *address, const char *domain)
{
    size_t len = strlen(peer->login);

    return len && !strncmp(address, peer->login, len) && address[len] == '@' &&
           text_same(address + len + 1, domain ? domain : "localhost");
}

/* The login name as part of a comment (RFC 5322 section 3.2.2), unless it is not ASCII. */
static void add_login(struct buf *out, const char *login)
{
    const char *p;

    for (p = login; *p; p++) {
        if (*p < ' ' || *p > '~')
            return;
    }
    for (p = login; *p; p++) {
        if (strchr("()\\", *p))
            buf_addch(out, '\\');
        buf_addch(out, *p);
    }
    if (*login)
        buf_addstr(out, ", ");
}

int peer_trace(const struct peer *peer, const char *host, const char *id, int64_t when,
               struct buf *out, struct err *e)
{
    buf_addstr(out, "Received: from localhost (");
    add_login(out, peer->login);
    buf_addf(out, "uid %" PRId64 ")\r\n by %s with ESMTP (smtpsend) id %s;\r\n ", peer->uid,
             stamp_is_host(host) ? host : "localhost", id);
    if (stamp_date(out, when, e))
        return -1;
    buf_addstr(out, "\r\n");
    return buf_check(out, ERR_OS, "the Received field", e);
}
