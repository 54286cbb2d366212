/* dry_run.h: what would be done, and why: for --dry-run. */
#ifndef SEND_DRY_RUN_H
#define SEND_DRY_RUN_H

#include "mail/message.h"
#include "send/job.h"
#include "smtp/envelope.h"

struct dry_run {
    const struct job *job;
    const char *account;           /* its name, or NULL */
    const struct origin *password; /* where the password itself stands, or NULL */
    bool brief;                    /* the settings are no business of who calls */
    const struct envelope *envelope;
    struct message *message; /* mended */
};

/* Print to stdout the account, each setting that has a value and where it comes from, the server,
 * the envelope, and the message as it would go; on a terminal its control bytes escaped. -1 with
 * ERR_IO, or the message's error. */
int dry_run_print(const struct dry_run *run, struct err *e);

#endif
