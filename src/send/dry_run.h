/* dry_run.h: what would be done, and why: for --dry-run. */
#ifndef SEND_DRY_RUN_H
#define SEND_DRY_RUN_H

#include "conf/settings.h"
#include "mail/message.h"
#include "smtp/envelope.h"

struct dry_run {
    const struct settings *settings;
    const char *account; /* its name, or NULL */
    const struct envelope *envelope;
    struct message *message; /* mended */
};

/* Print to stdout each setting that has a value and where it comes from, the account, the
 * envelope, and the message as it would go. -1 with ERR_IO, or the message's error. */
int dry_run_print(const struct dry_run *run, struct err *e);

#endif
