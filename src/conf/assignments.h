/* assignments.h: settings as they were written, each with the place where.
 *
 * The command line, the environment and each part of a config file are such lists; applied one
 * after another, the weakest first, they make the settings of a run. */
#ifndef CONF_ASSIGNMENTS_H
#define CONF_ASSIGNMENTS_H

#include "conf/settings.h"

struct assignment {
    struct origin origin;
    const char *value; /* NULL: an option without one that is just there; borrowed */
};

/* All zero is an empty list. */
struct assignments {
    struct assignment *at; /* owned */
    size_t count, cap;
};

/* Append a copy of A. -1 with ERR_OS. */
int assignments_add(struct assignments *list, const struct assignment *a, struct err *e);

/* Set SETTINGS by all of them; LIST must live, and stay as it is, as long as SETTINGS does. -1 at the first that
 * settings_set refuses, with its error. */
int assignments_apply(const struct assignments *list, struct settings *settings, struct err *e);

void assignments_release(struct assignments *list);

#endif
