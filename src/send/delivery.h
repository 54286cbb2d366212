/* delivery.h: what the user asks of the delivery beyond the message itself: notifications, times,
 * priorities (RFC 3461, 2852, 4865, 6710, 8689). */
#ifndef SEND_DELIVERY_H
#define SEND_DELIVERY_H

#include "conf/settings.h"
#include "smtp/extensions.h"

/* Understand -N, -R, -V, -B, --deliver-by, --priority, --hold-for, --hold-until, --require-tls. X
 * points into SETTINGS. -1 with ERR_USAGE. */
int delivery_parse(struct extensions *x, const struct settings *settings, struct err *e);

/* Understand the LIST of -N, or NULL, as NOTIFY_* bits. RFC 3461 section 4.1: never stands alone.
 * -1 with ERR_USAGE. */
int delivery_notify(const char *list, unsigned *notify, struct err *e);

#endif
