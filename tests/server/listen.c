#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ADDR:PORT or [ADDR]:PORT, numbers only. */
static struct addrinfo *parse_address(const char *where)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(where, ':');
    const char *begin = where, *end = colon;
    char host[64];

    if (colon != NULL && *where == '[' && colon > where + 1 && colon[-1] == ']') {
        begin++;
        end--;
    }
    if (colon != NULL && (size_t)(end - begin) < sizeof(host)) {
        memcpy(host, begin, (size_t)(end - begin));
        host[end - begin] = '\0';
        if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
            found = NULL;
    }
    if (found == NULL)
        die(64, "'%s' is not ADDR:PORT", where);
    return found;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die(71, "getsockname: %s", strerror(errno));
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void open_tcp(struct listener *listener, const char *where, bool fast_open)
{
    struct addrinfo *address = parse_address(where);
    int on = 1, waiting = 16; /* at most so many SYNs with data that are not acknowledged */

    listener->family = address->ai_family;
    listener->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        die(71, "can't listen on '%s': %s", where, strerror(errno));
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (fast_open &&
        setsockopt(listener->fd, IPPROTO_TCP, TCP_FASTOPEN, &waiting, sizeof(waiting)) < 0)
        die(69, "no TCP Fast Open: %s", strerror(errno));
    if (bind(listener->fd, address->ai_addr, address->ai_addrlen) < 0 ||
        listen(listener->fd, SOMAXCONN) < 0)
        die(71, "can't listen on '%s': %s", where, strerror(errno));
    listener->port = bound_port(listener->fd);
    freeaddrinfo(address);
}

static void open_unix(struct listener *listener, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat old;

    if (strlen(path) >= sizeof(address.sun_path))
        die(64, "path of a Unix socket is too long: '%s'", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
        unlink(path);
    listener->family = AF_UNIX;
    listener->path = path;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 ||
        bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener->fd, SOMAXCONN) < 0)
        die(71, "can't listen on '%s': %s", path, strerror(errno));
}

void listeners_open(struct listeners *listeners, const struct options *options)
{
    listeners->count = options->listen_count;
    listeners->v = must_calloc(listeners->count, sizeof(*listeners->v));
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listen_wish *wish = &options->listens[i];

        listeners->v[i].kind = wish->kind;
        if (wish->kind == LISTEN_UNIX)
            open_unix(&listeners->v[i], wish->where);
        else
            open_tcp(&listeners->v[i], wish->where, options->fast_open);
    }
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        close(listeners->v[i].fd);
        if (listeners->v[i].path != NULL)
            unlink(listeners->v[i].path);
    }
    free(listeners->v);
}

/* NAME=PORT of the first listener of KIND and FAMILY (0: any), if there is one. */
static void announce_port(FILE *file, const struct listeners *listeners, const char *name,
                          enum listen_kind kind, int family)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->v[i];

        if (listener->kind == kind && (family == 0 || listener->family == family)) {
            fprintf(file, "%s=%u\n", name, listener->port);
            return;
        }
    }
}

/* VALUE as one word of the shell. */
static void print_word(FILE *file, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+,:@";

    if (value[strspn(value, plain)] == '\0') {
        fputs(value, file);
        return;
    }
    fputc('\'', file);
    for (const char *p = value; *p != '\0'; p++)
        if (*p == '\'')
            fputs("'\\''", file);
        else
            fputc(*p, file);
    fputc('\'', file);
}

/* unix=PATH of the first Unix socket, if there is one. */
static void announce_unix(FILE *file, const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->v[i].path == NULL)
            continue;
        fputs("unix=", file);
        print_word(file, listeners->v[i].path);
        fputc('\n', file);
        return;
    }
}

void listeners_announce(const struct listeners *listeners, const char *path)
{
    struct text temporary = {NULL, 0};
    FILE *file;

    if (path == NULL)
        return;
    text_addf(&temporary, "%s.%ld", path, (long)getpid());
    file = fopen(temporary.s, "we");
    if (file == NULL)
        die(73, "can't write '%s': %s", temporary.s, strerror(errno));
    fprintf(file, "pid=%ld\n", (long)getpid());
    announce_port(file, listeners, "port", LISTEN_PLAIN, 0);
    announce_port(file, listeners, "tls_port", LISTEN_TLS, 0);
    announce_port(file, listeners, "port6", LISTEN_PLAIN, AF_INET6);
    announce_port(file, listeners, "tls_port6", LISTEN_TLS, AF_INET6);
    announce_unix(file, listeners);
    if (fclose(file) != 0 || rename(temporary.s, path) < 0)
        die(73, "can't write '%s': %s", path, strerror(errno));
    text_free(&temporary);
}

/* How many connections are being served; shared by the loop and the threads. */
struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned long long here;
};

struct guest {
    const struct server *server;
    struct crowd *crowd;
    int fd;
    unsigned long long number;
    bool implicit_tls;
};

static void crowd_wait(struct crowd *crowd, unsigned long long at_most)
{
    pthread_mutex_lock(&crowd->lock);
    while (crowd->here > at_most)
        pthread_cond_wait(&crowd->changed, &crowd->lock);
    pthread_mutex_unlock(&crowd->lock);
}

static void crowd_add(struct crowd *crowd, int change)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->here += (unsigned long long)(long long)change;
    pthread_cond_signal(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

static void *serve_guest(void *argument)
{
    struct guest *guest = argument;
    const struct options *options = guest->server->options;
    struct crowd *crowd = guest->crowd;
    struct conn conn;

    conn_init(&conn, guest->fd, guest->number, options->transcript, options->raw);
    smtp_serve(guest->server, &conn, guest->number, guest->implicit_tls);
    conn_free(&conn);
    free(guest);
    crowd_add(crowd, -1);
    return NULL;
}

static void start_guest(struct guest guest)
{
    struct guest *copy = must_calloc(1, sizeof(*copy));
    pthread_attr_t attributes;
    pthread_t thread;
    int on = 1, rc;

    *copy = guest;
    /* Fails on a Unix socket, where there is nothing to turn off. */
    setsockopt(guest.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    crowd_add(guest.crowd, 1);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attributes, serve_guest, copy);
    pthread_attr_destroy(&attributes);
    if (rc != 0)
        die(71, "can't start a thread: %s", strerror(rc));
}

/* Waits for the next connection on any listener. */
static int accept_next(const struct listeners *listeners, struct pollfd *wanted,
                       struct guest *guest)
{
    if (poll(wanted, (nfds_t)listeners->count, -1) <= 0)
        return -1;
    for (size_t i = 0; i < listeners->count; i++) {
        if (wanted[i].revents == 0)
            continue;
        guest->fd = accept4(wanted[i].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        guest->implicit_tls = listeners->v[i].kind == LISTEN_TLS;
        if (guest->fd >= 0)
            return 0;
    }
    return -1;
}

void listeners_serve(const struct listeners *listeners, const struct server *server)
{
    const struct options *options = server->options;
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    struct pollfd *wanted = must_calloc(listeners->count, sizeof(*wanted));
    struct guest guest = {.server = server, .crowd = &crowd};

    for (size_t i = 0; i < listeners->count; i++) {
        wanted[i].fd = listeners->v[i].fd;
        wanted[i].events = POLLIN;
    }
    while (options->connections == 0 || guest.number < options->connections) {
        crowd_wait(&crowd, options->max_conn - 1);
        if (accept_next(listeners, wanted, &guest) < 0)
            continue;
        guest.number++;
        start_guest(guest);
    }
    crowd_wait(&crowd, 0);
    free(wanted);
}
