/* password.h: where passwords and tokens come from. */
#ifndef CONF_PASSWORD_H
#define CONF_PASSWORD_H

#include "base/clock.h"
#include "base/secret.h"
#include "conf/settings.h"

/* Take SMTPSEND_PASSWORD out of the environment, whether it is used or not: no child may see it.
 * *TAKEN is the secret, or NULL where there is none. Call before anything is started. */
int password_from_environment(struct secret **taken, struct err *e);

/* The password of USER at HOST: from --password-file, --password-command, --netrc, TAKEN (then
 * owned by the result), systemd's credential smtpsend.password, or the terminal, the first of
 * these that there is. NULL with ERR_NOPERM (none, empty, command failed), ERR_NOINPUT (file
 * unreadable), ERR_CONFIG (others can read the file). */
struct secret *password_obtain(const struct settings *settings, const char *user,
                               const char *host, struct secret **taken,
                               struct deadline deadline, struct err *e);

/* True where a password was asked for by name: an option, the environment, a credential. */
bool password_is_configured(const struct settings *settings, const struct secret *taken);

/* True where there is somewhere to take a token from. */
bool token_is_configured(const struct settings *settings);

/* The OAuth token: from --token-file, --token-command, or systemd's credential smtpsend.token.
 * Errors as those of password_obtain. */
struct secret *token_obtain(const struct settings *settings, struct deadline deadline,
                            struct err *e);

#endif
