/* delivery.h: what the user asks of the delivery beyond the message itself: notifications, times,
 * priorities (RFC 3461, 2852, 4865, 6710, 8689). */
#ifndef SEND_DELIVERY_H
#define SEND_DELIVERY_H

#include "conf/settings.h"
#include "smtp/extensions.h"

/* An extensions record and the strings that it points into. */
struct delivery_wishes {
    struct extensions extensions;
    char deliver_by[32];
    char hold[64];
};

/* Understand -N, -R, -V, --deliver-by, --priority, --hold-for, --hold-until, --require-tls. -1
 * with ERR_USAGE. D must stay where it is. */
int delivery_parse(struct delivery_wishes *d, const struct settings *settings, struct err *e);

#endif
