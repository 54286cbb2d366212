/* identity.h: who authenticates in a run, by which mechanisms and with what secret. */
#ifndef SEND_IDENTITY_H
#define SEND_IDENTITY_H

#include "send/job.h"

void identity_init(struct job *job);

/* Understand --user, --auth and their kin for the job's parsed server. -1 with ERR_USAGE. */
int identity_parse(struct job *job, struct err *e);

/* Look up a login that only a netrc file knows, and see that a mechanism can be used. -1 with
 * ERR_USAGE, or what netrc_find says. */
int identity_find(struct job *job, struct err *e);

/* Fetch the password or token that the mechanisms in question need. TAKEN is what
 * SMTPSEND_PASSWORD held, or NULL; the job takes it. -1 with ERR_NOPERM and kin. */
int identity_arm(struct job *job, struct secret **taken, struct err *e);

/* True where identity_arm would ask for a password on the terminal. */
bool identity_asks(const struct job *job, const struct secret *taken);

void identity_release(struct job *job);

#endif
