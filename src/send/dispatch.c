#include "send/dispatch.h"

/* How many are still to be asked for, once a transaction has made DONE of them happy. */
static size_t left_over(struct dispatch *d, size_t done)
{
    if (done && message_facts(d->message)->known)
        envelope_revive(d->envelope);
    return envelope_count(d->envelope, DELIVERY_WAITING);
}

/* For a further transaction. What was sent as it was read is gone. */
static int start_over(struct dispatch *d, struct err *e)
{
    if (!message_rewind(d->message, e))
        return 0;
    if (message_facts(d->message)->known)
        return -1;
    err_set(e, ERR_TEMPORARY, "the server takes no more recipients at once");
    return err_hint(e,
                    "leave out --stream: a message that is sent as it is read goes out once");
}

/* A session from before had ended while nobody looked: the server has heard of nobody yet. */
static bool was_stale(const struct dispatch *d, size_t waiting, const struct err *e)
{
    return !d->maybe_accepted && (!e->code || e->code == 421) && !link_is_open(d->link) &&
           envelope_count(d->envelope, DELIVERY_WAITING) == waiting;
}

/* One transaction, in the session at hand or a new one. */
static int transact(struct dispatch *d, const struct transaction_wishes *wishes,
                    struct transaction_result *result, struct err *e)
{
    size_t waiting = envelope_count(d->envelope, DELIVERY_WAITING);
    bool reused = link_is_open(d->link);
    const struct session *session = &d->link->session;
    int status;

    *result = (struct transaction_result){.most = wishes->most};
    if (!reused && link_open(d->link, d->sink, e))
        return -1;
    d->authenticated = session->authenticated;
    d->tells = (session->caps.bits & CAP_DSN) != 0;
    status = transaction_send(&d->link->session, d->envelope, d->message, wishes, result, e);
    d->maybe_accepted = result->maybe_accepted;
    if (!status || !reused || !was_stale(d, waiting, e) || !message_facts(d->message)->known ||
        message_rewind(d->message, e))
        return status;
    err_release(e);
    link_close(d->link);
    return transact(d, wishes, result, e);
}

int dispatch_send(struct dispatch *d, struct err *e)
{
    struct transaction_wishes wishes = {
        .extensions = d->extensions, .chunking = job_chunking(&d->link->job), .last = d->last};
    struct transaction_result result;
    size_t done = 0, before, left;
    int status;

    do {
        before = done;
        status = transact(d, &wishes, &result, e);
        wishes.most = result.most;
        done = envelope_count(d->envelope, DELIVERY_DONE);
        left = status ? 0 : left_over(d, done - before);
        if (left)
            status = start_over(d, e);
    } while (left && !status);
    return status;
}
