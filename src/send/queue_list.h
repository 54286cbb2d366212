/* queue_list.h: what lies in the queue, for -bp and mailq: as Postfix and sendmail list it, or as
 * JSON (smtpsend(1) has both formats).
 *
 * Memory does not grow with the messages that are listed, but for their names. Each is looked at
 * without its lock: nobody who sends is held up. */
#ifndef SEND_QUEUE_LIST_H
#define SEND_QUEUE_LIST_H

#include "base/problems.h"
#include "send/spool.h"

struct queue_list {
    struct spool *spool; /* NULL: there is none, which is an empty queue */
    bool json;
    bool verbose; /* when each is tried next, and all that was said */
};

/* Print them to stdout, in the order in which they are tried, held ones last. Entries that can't be
 * listed go to PROBLEMS: ERR_DATA for damaged ones. -1 with ERR_IO, ERR_OS: the list broke off. */
int queue_list_print(const struct queue_list *list, struct problems *problems, struct err *e);

#endif
