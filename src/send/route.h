/* route.h: by which account the messages of -bs's client go: the one that -a names, or for each the
 * one that its sender chooses. */
#ifndef SEND_ROUTE_H
#define SEND_ROUTE_H

#include "send/link.h"
#include "send/peer.h"

struct route {
    const struct layers *layers;
    const struct peer *peer;  /* who the client is, or NULL where that can't be known */
    struct settings settings; /* without an account */
    struct local local;       /* by those */
    bool by_sender;           /* the sender chooses the account, else it is ... */
    const struct config_part *account;
    struct links links;
};

/* LAYERS and PEER must live as long. -1 and what is wrong with what they say; the settings are as far
 * as they could be understood, and route_release frees all the same. */
int route_init(struct route *route, const struct layers *layers, const struct peer *peer,
               struct err *e);
void route_release(struct route *route);

/* The link for the sender that PATH names, which its job then has. NULL and an ANSWER for the
 * client: PATH is no address, or not the client's (--match-user); or, where E has it too, there is
 * something wrong that the user has to hear of. */
struct link *route_find(struct route *route, const char *path, struct reply *answer,
                        struct err *e);

#endif
