/* edit.h: what a message's header loses and gets before it goes, as the settings say. */
#ifndef SEND_EDIT_H
#define SEND_EDIT_H

#include "conf/layers.h"
#include "mail/message.h"
#include "send/job.h"

struct edit {
    struct job *job; /* its reverse-path is the one that the message will have */
    const struct layers *layers;
    const struct config_part *account; /* NULL: the general part alone */
    const struct sink *sink;
};

/* Remove Bcc, add what is missing (--add-headers, with domains for bare names), carry out --set-from and --undisclosed, and note
 * lines that are too long. -1 with ERR_DATA, or ERR_USAGE and kin where there is no address for
 * From. */
int edit_message(const struct edit *edit, struct message *message, struct err *e);

#endif
