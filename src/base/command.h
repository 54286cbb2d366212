/* command.h: run one of the user's shell commands for what it prints. */
#ifndef BASE_COMMAND_H
#define BASE_COMMAND_H

#include "base/buf.h"
#include "base/clock.h"

/* Run COMMAND by /bin/sh with the null device as its input and append what it prints to OUT
 * (bounded by OUT's maximum). WHAT names the option for messages. -1 with ERR_NOPERM when it
 * fails (its status and the end of its stderr are told) or runs past DEADLINE (it is killed,
 * with what it started), ERR_OS when it can't be started. */
int command_output(const char *command, const char *what, struct deadline deadline,
                   struct buf *out, struct err *e);

#endif
