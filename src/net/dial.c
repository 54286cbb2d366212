#include "net/dial.h"

#include "net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Room for the longest address with brackets, scope and port. */
enum { ADDRESS_TEXT = INET6_ADDRSTRLEN + 64 };

static void address_text(const struct sockaddr *address, socklen_t len, char *text)
{
    char host[INET6_ADDRSTRLEN + 32], port[8];

    if (address->sa_family == AF_UNIX)
        snprintf(text, ADDRESS_TEXT, "the socket");
    else if (getnameinfo(address, len, host, sizeof(host), port, sizeof(port),
                         NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(text, ADDRESS_TEXT, "an address");
    else
        snprintf(text, ADDRESS_TEXT, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* Wait until the connection of FD is made or refused. 0, or an errno. */
static int await_connection(int fd, struct deadline deadline)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = 0, n;
    socklen_t len = sizeof(error);

    do {
        n = poll(&poll_fd, 1, deadline_poll_ms(deadline));
    } while ((n < 0 && errno == EINTR) || (n == 0 && !deadline_passed(deadline)));
    if (n < 0)
        return errno;
    if (n == 0)
        return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        return errno;
    return error;
}

/* Buffers shape the window that is offered with the SYN, so they are set before it. */
static void set_buffers(int fd, const struct dial *d)
{
    if (d->send_buffer)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &d->send_buffer, sizeof(int));
    if (d->receive_buffer)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &d->receive_buffer, sizeof(int));
}

/* Send the opening with the SYN where the kernel has a cookie of that address, and ask for one
 * where it has none. With a cookie connect(2) succeeds at once and puts the SYN off until there
 * is something to send. Where Fast Open is unknown or switched off it is a connect(2) as any.
 * 0, or an errno: EINPROGRESS when the SYN has gone out and its answer is awaited. */
static int connect_saying(int fd, const struct sockaddr *address, socklen_t len,
                          struct opening *opening)
{
    int on = 1;
    ssize_t n;

    opening->sent = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
    if (connect(fd, address, len))
        return errno;
    n = send(fd, opening->data, opening->len, MSG_NOSIGNAL);
    if (n < 0)
        return errno;
    opening->sent = (size_t)n;
    return EINPROGRESS;
}

/* A connected descriptor, or -1 and errno in *WHY. */
static int connect_to(const struct dial *d, const struct sockaddr *address, socklen_t len,
                      int *why)
{
    struct deadline deadline = deadline_nearer(deadline_in(d->timeout_ms), d->run);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        *why = errno;
        return -1;
    }
    set_buffers(fd, d);
    if (d->opening && address->sa_family != AF_UNIX)
        *why = connect_saying(fd, address, len, d->opening);
    else
        *why = connect(fd, address, len) ? errno : 0;
    if (*why == EINPROGRESS || *why == EINTR)
        *why = await_connection(fd, deadline);
    if (*why) {
        close(fd);
        return -1;
    }
    /* Each flight is one write already: waiting for more would only cost a round trip. */
    if (address->sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* The hint that fits when nothing let us in. */
static void hint_for(const struct dial *d, int why, struct err *e)
{
    if (deadline_passed(d->run))
        err_hint(e, "the run's deadline passed; a longer --deadline waits longer");
    else if (why == ECONNREFUSED)
        err_hint(e, "is a server running there, and is the port right?");
    else if (why == ETIMEDOUT)
        err_hint(e, "a firewall may drop the connection%s",
                 d->server->port && !strcmp(d->server->port, "25")
                     ? "; many networks block port 25: try the provider's submission port"
                     : "");
    else if (why == ENOENT || why == EACCES)
        err_hint(e, "check the path and its permissions");
    else
        err_hint(e, "check the network");
}

static int dial_host(const struct dial *d, struct err *e)
{
    struct addrinfo *list, *at;
    char text[ADDRESS_TEXT];
    struct buf tried;
    int fd = -1, why = 0;

    list = resolve_host(d->server->host, d->server->port, d->family, d->run, e);
    if (!list)
        return -1;
    buf_init(&tried, sizeof(e->message) - 64);
    for (at = list; at && fd < 0; at = at->ai_next) {
        address_text(at->ai_addr, at->ai_addrlen, text);
        fd = connect_to(d, at->ai_addr, at->ai_addrlen, &why);
        if (fd < 0)
            buf_addf(&tried, "%s%s: %s", tried.len ? ", " : "", text, strerror(why));
        else
            sink_say(d->sink, EVENT_FACT, STAGE_CONNECT, "connected to %s", text);
    }
    if (fd < 0) {
        err_set(e, ERR_TEMPORARY, "can't connect to %s (%s)", d->server->host, tried.data);
        hint_for(d, why, e);
    }
    buf_release(&tried);
    resolve_free(list);
    return fd;
}

static int dial_unix(const struct dial *d, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(d->server->path);
    int fd, why;

    if (len >= sizeof(address.sun_path))
        return err_set(e, ERR_USAGE, "the path of the Unix socket is longer than %zu bytes",
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, d->server->path, len + 1);
    fd = connect_to(d, (const struct sockaddr *)&address, sizeof(address), &why);
    if (fd < 0) {
        err_system(e, ERR_TEMPORARY, why, "can't connect to %s", d->server->path);
        hint_for(d, why, e);
    } else {
        sink_say(d->sink, EVENT_FACT, STAGE_CONNECT, "connected to %s", d->server->path);
    }
    return fd;
}

/* A descriptor that our parent connected. Ours is a copy, so that closing it twice is no bug. */
static int dial_fd(const struct dial *d, struct err *e)
{
    int type, fd;
    socklen_t len = sizeof(type);

    if (getsockopt(d->server->fd, SOL_SOCKET, SO_TYPE, &type, &len))
        return err_system(e, ERR_USAGE, errno, "fd:%d is not a connected socket",
                          d->server->fd);
    fd = fcntl(d->server->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return err_system(e, ERR_OS, errno, "fd:%d", d->server->fd);
    sink_say(d->sink, EVENT_FACT, STAGE_CONNECT, "using descriptor %d", d->server->fd);
    return fd;
}

struct stream *dial_connect(const struct dial *d, struct err *e)
{
    struct stream *s = NULL;
    int fd = -1;

    switch (d->server->kind) {
    case SERVER_HOST:
        fd = dial_host(d, e);
        break;
    case SERVER_UNIX:
        fd = dial_unix(d, e);
        break;
    case SERVER_FD:
        fd = dial_fd(d, e);
        break;
    }
    if (fd >= 0)
        s = stream_socket(fd, e);
    if (fd >= 0 && !s)
        close(fd);
    if (!s)
        err_at(e, STAGE_CONNECT);
    return s;
}

void dial_own_literal(int fd, struct buf *out)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);
    char host[INET6_ADDRSTRLEN + 32];

    if (getsockname(fd, (struct sockaddr *)&own, &len) ||
        (own.ss_family != AF_INET && own.ss_family != AF_INET6) ||
        getnameinfo((struct sockaddr *)&own, len, host, sizeof(host), NULL, 0,
                    NI_NUMERICHOST)) {
        buf_addstr(out, "[127.0.0.1]");
        return;
    }
    host[strcspn(host, "%")] = '\0'; /* a scope is of this machine alone */
    buf_addf(out, own.ss_family == AF_INET ? "[%s]" : "[IPv6:%s]", host);
}
