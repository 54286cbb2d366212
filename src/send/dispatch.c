#include "send/dispatch.h"

static int open_session(struct dispatch *d, struct session *session, struct err *e)
{
    struct session_wishes wishes;

    job_session(d->job, d->sink, &wishes);
    if (session_open(session, &wishes, e))
        return -1;
    d->authenticated = session->authenticated;
    return 0;
}

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

int dispatch_send(struct dispatch *d, struct err *e)
{
    struct transaction_wishes wishes = {
        .extensions = &d->job->extensions, .chunking = job_chunking(d->job), .last = true};
    struct transaction_result result;
    struct session session;
    size_t done = 0, before, left;
    int status = open_session(d, &session, e);

    if (status)
        return -1;
    do {
        before = done;
        status = transaction_send(&session, d->envelope, d->message, &wishes, &result, e);
        d->maybe_accepted = result.maybe_accepted;
        wishes.most = result.most;
        done = envelope_count(d->envelope, DELIVERY_DONE);
        left = status ? 0 : left_over(d, done - before);
        if (left)
            status = start_over(d, e);
        if (left && !status && !session_takes_more(&session)) {
            session_close(&session);
            status = open_session(d, &session, e);
        }
    } while (left && !status);
    if (session.dialog)
        session_close(&session);
    return status;
}
