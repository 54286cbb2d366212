/* queue_edit.h: one message in the queue: print it, take it out, hold it back, let it go. */
#ifndef SEND_QUEUE_EDIT_H
#define SEND_QUEUE_EDIT_H

#include "send/spool.h"

/* ID is what the user gave. SPOOL NULL: there is no queue, and nothing in it. -1 with ERR_USAGE: it
 * can't be an id; ERR_NOINPUT: there is no such message; ERR_DATA: it is damaged; and what is said
 * at each. */

/* To stdout: the envelope as its file has it, an empty line, the message; on a terminal escaped.
 * Takes no lock. -1 with ERR_IO, ERR_OS too. */
int queue_show(struct spool *spool, const char *id, struct err *e);

/* The others are durable when they return 0. -1 with ERR_TEMPORARY: another process has the
 * message's lock; ERR_IO, ERR_OS. */

/* Take it out of the queue; its sender is not told. */
int queue_delete(struct spool *spool, const char *id, struct err *e);

/* It is not tried before it is released. */
int queue_hold(struct spool *spool, const char *id, struct err *e);

/* It is due now, held or not, also for the recipients that have failed. */
int queue_release(struct spool *spool, const char *id, struct err *e);

#endif
