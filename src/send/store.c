#include "send/store.h"

#include "send/queue.h"

int store_keep(const struct store *store, const struct err *failure, struct buf *ids,
               struct err *e)
{
    const struct config_part *account = store->link->account;
    struct settings asked = store->link->settings;
    struct keeping k = {.settings = &asked,
                        .account = account ? account->name : NULL,
                        .sendmail = store->sendmail,
                        .peer = store->peer,
                        .message = store->message,
                        .envelope = store->envelope};

    asked.dsn_return = store->asked->ret;
    asked.envid = store->asked->envid;
    store->envelope->require_all = asked.require_all;
    for (k.notify = 0; k.notify <= NOTIFY_ALL; k.notify++) {
        if (queue_keep(&k, failure, e))
            return -1;
        if (!k.kept)
            continue;
        buf_addf(ids, "%s%s", ids->len ? ", " : "", k.id);
        report_kept(store->report, k.id, k.kept, !failure);
    }
    return 0;
}
