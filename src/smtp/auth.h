/* auth.h: AUTH (RFC 4954), whatever the mechanism. */
#ifndef SMTP_AUTH_H
#define SMTP_AUTH_H

#include "smtp/session.h"

/* Authenticate as wishes->identity with the first mechanism, in the user's order or ours, that
 * the server offers. One that fails at the protocol level gives way to the next; a refused
 * password never leads to another mechanism. Nothing secret goes over a connection that others
 * can read unless the user allows it. -1 with ERR_NOPERM (refused, or nothing secret enough),
 * ERR_UNAVAILABLE (no AUTH, or no mechanism in common), ERR_TEMPORARY. */
int auth_authenticate(struct session *s, const struct session_wishes *wishes, struct err *e);

#endif
