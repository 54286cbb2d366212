/* world.h: a private world for a test: its own host name, /etc/hosts, /etc/resolv.conf and a
 * network that is nothing but loopback. In a child process, by Linux's user namespaces. */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include <stdbool.h>

struct world {
    const char *host_name;
    const char *hosts;       /* the text of /etc/hosts, or NULL: none */
    const char *resolv_conf; /* of /etc/resolv.conf, or NULL: no name server is asked */
    const char *mailname;    /* of /etc/mailname, or NULL: none */
};

/* Run ACT in such a world. 1: it returned true; 0: false; -1: there can be no such world here
 * (no user namespaces, say). */
int world_run(const struct world *w, bool (*act)(void));

#endif
