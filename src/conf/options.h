/* options.h: the command line and the environment, into settings. */
#ifndef CONF_OPTIONS_H
#define CONF_OPTIONS_H

#include "base/buf.h"
#include "conf/settings.h"

/* Read argv into SETTINGS; *RECIPIENTS gets the words that are no options, NULL-terminated, to be
 * freed (the words belong to argv). Options and recipients may mix; "--" ends the options. -1
 * with ERR_USAGE. */
int options_read(int argc, char **argv, struct settings *settings, char ***recipients,
                 struct err *e);

/* Read SMTPSEND_NAME for every option that is a setting; set to nothing counts as unset. */
int environment_read(struct settings *settings, struct err *e);

/* The text of --help: every option, a screen in all. */
void options_usage(struct buf *out);

#endif
