/* run.h: one message from standard input to its server. */
#ifndef SEND_RUN_H
#define SEND_RUN_H

#include "base/secret.h"
#include "conf/settings.h"
#include "send/report.h"

/* Read the message from INPUT, send it as SETTINGS and the recipient words say, report what
 * happened. *TAKEN is the password that came in the environment, or NULL. Returns the exit
 * status. */
int run_send(const struct settings *settings, char **recipients, int input,
             struct secret **taken, struct report *report);

#endif
