/* terminal.h: a password asked for on the terminal. */
#ifndef CONF_TERMINAL_H
#define CONF_TERMINAL_H

#include "base/buf.h"
#include "base/clock.h"

/* Ask on the controlling terminal, without echo, for the password of USER and append the line to
 * OUT (a secret buffer). The terminal is as before afterwards, also when a signal ends the
 * question: the signal is then delivered again. -1 with ERR_NOPERM where there is no terminal,
 * ERR_TEMPORARY when DEADLINE passes. */
int terminal_ask(const char *user, struct deadline deadline, struct buf *out, struct err *e);

#endif
