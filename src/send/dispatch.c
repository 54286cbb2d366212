#include "send/dispatch.h"

#include "base/text.h"

#include <sys/socket.h>

static enum chunking chunking_wish(const struct settings *s)
{
    if (s->chunking && text_same(s->chunking, "off"))
        return CHUNKING_OFF;
    return s->chunking && text_same(s->chunking, "early") ? CHUNKING_EARLY : CHUNKING_AUTO;
}

static void session_wishes(const struct dispatch *d, struct session_wishes *wishes)
{
    const struct job *job = d->job;
    const struct settings *s = job->settings;

    *wishes = (struct session_wishes){
        .server = &job->server,
        .family = s->ipv4   ? AF_INET
                  : s->ipv6 ? AF_INET6
                            : AF_UNSPEC,
        .connect_timeout_ms = s->connect_timeout_ms,
        .send_buffer = job->send_buffer,
        .receive_buffer = job->receive_buffer,
        .dialog = {.timeout_ms = s->timeout_ms, .run = job->run, .sink = d->sink},
        .tls = job->tls,
        .tls_waived = s->tls_insecure,
        .helo = job->helo.len ? job->helo.data : NULL,
        .pipelining = !s->pipelining || !text_same(s->pipelining, "off"),
        .identity = job->authenticates ? &job->identity : NULL,
        .mechanisms = job->mechanisms_chosen ? job->mechanisms : NULL,
        .cleartext_auth = s->allow_cleartext_auth,
    };
}

static int open_session(struct dispatch *d, struct session *session, struct err *e)
{
    struct session_wishes wishes;

    session_wishes(d, &wishes);
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

/* The server's patience for this session is used up. */
static bool is_used_up(const struct session *s)
{
    return !s->dialog || dialog_is_over(s->dialog) ||
           (s->caps.mail_max && s->transactions >= s->caps.mail_max);
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
    const struct transaction_wishes wishes = {.extensions = &d->job->extensions,
                                              .chunking = chunking_wish(d->job->settings),
                                              .last = true};
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
        done = envelope_count(d->envelope, DELIVERY_DONE);
        left = status ? 0 : left_over(d, done - before);
        if (left)
            status = start_over(d, e);
        if (left && !status && is_used_up(&session)) {
            session_close(&session);
            status = open_session(d, &session, e);
        }
    } while (left && !status);
    if (session.dialog)
        session_close(&session);
    return status;
}
