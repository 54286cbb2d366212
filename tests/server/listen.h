/*
 * The sockets that are listened on, and the loop that hands each connection to a thread.
 */
#ifndef TESTSERVER_LISTEN_H
#define TESTSERVER_LISTEN_H

#include "options.h"
#include "smtp.h"

struct listener {
    int fd;
    enum listen_kind kind;
    int family;
    unsigned port; /* the real one; 0 for a Unix socket */
    const char *path;
};

struct listeners {
    struct listener *v;
    size_t count;
};

/* Opens all that OPTIONS name; errors end the program. */
void listeners_open(struct listeners *listeners, const struct options *options);
/* Closes them and removes Unix sockets. */
void listeners_close(struct listeners *listeners);

/* Writes the ready file, whole or not at all: lines NAME=VALUE that a shell can source. */
void listeners_announce(const struct listeners *listeners, const char *path);

/* Serves until options->connections have been served and are over; for ever if that is 0. */
void listeners_serve(const struct listeners *listeners, const struct server *server);

#endif
