/* options.h: the command line and the environment, as assignments of settings. */
#ifndef CONF_OPTIONS_H
#define CONF_OPTIONS_H

#include "base/buf.h"
#include "conf/assignments.h"

/* Read argv: *WORDS gets the options, *RECIPIENTS the words that are none, NULL-terminated, to be
 * freed (what they point to belongs to argv). Options and recipients may mix; "--" ends the options.
 * SENDMAIL: we are called by its name, and its letters are all that is taken. -1 with ERR_USAGE. */
int options_read(int argc, char **argv, bool sendmail, struct assignments *words,
                 char ***recipients, struct err *e);

/* Read SMTPSEND_NAME for every option that is a setting; set to nothing counts as unset. */
int environment_read(struct assignments *variables, struct err *e);

/* The text of --help: every option, a screen in all. */
void options_usage(struct buf *out);

#endif
