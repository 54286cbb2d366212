/* accounts.h: the accounts of the config: that all of them can be used, and which one a run does. */
#ifndef SEND_ACCOUNTS_H
#define SEND_ACCOUNTS_H

#include "conf/layers.h"

/* Understand what the config says for each account, as if it were used. What is wrong goes to
 * PROBLEMS, each error once. */
void accounts_check(const struct layers *layers, struct problems *problems);

/* The account that SETTINGS (merged without one) name, or the only choice there is. 1: *ACCOUNT is
 * it, NULL for the general part alone; 0: the envelope sender decides, by config_match; -1 with
 * ERR_USAGE or ERR_CONFIG: there is no such account. */
int accounts_choose(const struct layers *layers, const struct settings *settings,
                    const struct config_part **account, struct err *e);

/* The account whose match-from fits REVERSE_PATH, or NULL. */
const struct config_part *accounts_match(const struct layers *layers, const char *reverse_path);

#endif
