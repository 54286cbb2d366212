/* layers.h: the places that settings come from, one over the other. */
#ifndef CONF_LAYERS_H
#define CONF_LAYERS_H

#include "conf/config.h"

struct layers {
    struct assignments words;     /* the command line */
    struct assignments variables; /* the environment */
    struct config config;
    struct secret *password; /* SMTPSEND_PASSWORD, or NULL */
};

/* Merge into SETTINGS, the weakest first: defaults, the config's general part, ACCOUNT (or NULL),
 * environment, command line. LAYERS must live as long as SETTINGS. -1 at the first bad value. */
int layers_merge(const struct layers *layers, const struct config_part *account,
                 struct settings *settings, struct err *e);

/* Of several ways to come by a password or token, only those of the strongest place stay in
 * SETTINGS; and where the command line or the environment names the server, none of the config's,
 * nor its user, which are for another. Returns a share of the password that the environment or
 * the config has itself, and its place (in the environment: no file), if it is of that place; else
 * NULL. */
struct secret *layers_password(const struct layers *layers, const struct config_part *account,
                               struct settings *settings, const struct origin **origin);

/* The `from` that the config has for ACCOUNT (or NULL), whatever stronger places say, or NULL. */
const struct assignment *layers_config_from(const struct layers *layers,
                                            const struct config_part *account);

void layers_release(struct layers *layers);

#endif
