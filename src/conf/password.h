/* password.h: where the secret comes from. */
#ifndef CONF_PASSWORD_H
#define CONF_PASSWORD_H

#include "base/clock.h"
#include "base/secret.h"
#include "conf/settings.h"

/* Take SMTPSEND_PASSWORD out of the environment, whether it is used or not: no child may see it.
 * *TAKEN is the secret, or NULL where there is none. Call before anything is started. */
int password_from_environment(struct secret **taken, struct err *e);

/* The password of USER: from --password-file, --password-command, TAKEN (then owned by the
 * result), or the terminal, the first of these that there is. NULL with ERR_NOPERM (none, empty,
 * command failed), ERR_NOINPUT (file unreadable), ERR_CONFIG (others can read the file). */
struct secret *password_obtain(const struct settings *settings, const char *user,
                               struct secret **taken, struct deadline deadline, struct err *e);

#endif
