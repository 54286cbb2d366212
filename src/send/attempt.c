#include "send/attempt.h"

#include "base/text.h"
#include "send/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- to the server ---- */

static int open_message(struct attempt *a, struct err *e)
{
    const struct message_options options = {.mended = true};
    const struct message_identity nobody = {0};

    if (message_open(&a->dispatch.message, a->message, &options, e))
        return err_at(e, STAGE_QUEUE);
    return message_mend(a->dispatch.message, false, &nobody, e);
}

static int list_waiting(struct attempt *a, struct err *e)
{
    const struct queue_envelope *q = a->queued;
    size_t i;

    a->envelope.reverse_path = q->reverse_path;
    a->envelope.require_all = q->require_all;
    for (i = 0; i < q->count; i++) {
        if (q->recipients[i].state == QUEUED_WAITING &&
            envelope_add(&a->envelope, q->recipients[i].address, e))
            return -1;
    }
    return 0;
}

/* What was asked for in time has been running since the message came (RFC 2852 section 4.1.4.1,
 * RFC 4865). */
static int age(struct extensions *x, int64_t seconds, int64_t now, struct err *e)
{
    if (x->deliver_by) {
        x->deliver_by -= seconds;
        if (x->deliver_by <= 0 && text_lower(x->by_mode[0]) == 'r') {
            err_set(e, ERR_NOUSER, "the time in which it had to be delivered has passed");
            return err_at(e, STAGE_QUEUE);
        }
        x->deliver_by -= !x->deliver_by; /* 0 would say nothing */
    }
    if (x->hold_for)
        x->hold_for = x->hold_for > seconds ? x->hold_for - seconds : 0;
    if (x->hold_until && text_time(x->hold_until) <= now)
        x->hold_until = NULL;
    return 0;
}

/* What was asked of the delivery when the message was kept. */
static int recall(const struct attempt *a, struct settings *s, struct extensions *x,
                  struct err *e)
{
    const struct queue_envelope *q = a->queued;

    *s = a->link->settings;
    s->body = q->body;
    s->notify = q->notify;
    s->dsn_return = q->ret;
    s->envid = q->envid;
    s->priority = q->priority;
    s->deliver_by = q->deliver_by;
    s->hold_until = q->hold_until;
    s->hold_for_ms = q->hold_for_ms;
    s->require_tls = q->require_tls;
    if (delivery_parse(x, s, e)) {
        e->kind = ERR_DATA; /* somebody has edited the envelope */
        return err_at(e, STAGE_QUEUE);
    }
    return age(x, a->now > q->created ? a->now - q->created : 0, a->now, e);
}

int attempt_send(struct attempt *a, struct err *e)
{
    struct settings wishes;
    struct extensions extensions;
    int status;

    a->lost = false;
    a->envelope = (struct envelope){0};
    a->dispatch = (struct dispatch){
        .link = a->link, .extensions = &extensions, .envelope = &a->envelope, .sink = a->sink};
    if (list_waiting(a, e) || open_message(a, e) || recall(a, &wishes, &extensions, e))
        return -1;
    status = dispatch_send(&a->dispatch, e);
    a->lost = queue_is_lost(&a->envelope);
    return status;
}

void attempt_release(struct attempt *a)
{
    envelope_release(&a->envelope);
    message_free(a->dispatch.message);
}

/* ---- and back ---- */

static int note_failure(struct queued_recipient *q, const struct err *failure,
                        const char *addition, struct err *e)
{
    struct buf said;
    int status;

    buf_init(&said, SIZE_MAX);
    buf_addf(&said, "%s%s", failure->said ? failure->said : failure->message, addition);
    if (queue_prospect(failure) == PROSPECT_NONE)
        q->state = QUEUED_FAILED;
    status = queued_recipient_note(q, failure->code, failure->enhanced, failure->stage,
                                   said.data, e);
    buf_release(&said);
    return status;
}

static int record(const struct attempt *a, struct queued_recipient *q,
                  const struct recipient *r, const struct err *failure, struct err *e)
{
    const struct enhanced none = {0};
    const bool maybe = a->dispatch.maybe_accepted && r->delivery == DELIVERY_ACCEPTED;

    switch ((enum delivery)r->delivery) {
    case DELIVERY_DONE:
        q->state = QUEUED_DONE;
        break;
    case DELIVERY_FAILED:
        if (queue_recipient_prospect(r) == PROSPECT_NONE)
            q->state = QUEUED_FAILED;
        return queued_recipient_note(q, r->code, r->enhanced, (enum stage)r->stage,
                                     r->said ? r->said : "", e);
    case DELIVERY_WITHHELD:
        if (a->lost)
            q->state = QUEUED_FAILED;
        return queued_recipient_note(q, 0, none, STAGE_RCPT,
                                     "held back, since another was refused", e);
    case DELIVERY_WAITING:
    case DELIVERY_ACCEPTED:
        if (queue_prospect(failure) == PROSPECT_UNKNOWN)
            break;
        return note_failure(q, failure, maybe ? QUEUE_UNSURE : "", e);
    case DELIVERY_QUEUED:
        break;
    }
    return 0;
}

int attempt_record(const struct attempt *a, const struct err *failure, struct err *e)
{
    struct queue_envelope *q = a->queued;
    size_t i, at = 0;
    int status = 0;

    for (i = 0; i < q->count && at < a->envelope.count; i++) {
        if (q->recipients[i].state == QUEUED_WAITING &&
            record(a, &q->recipients[i], &a->envelope.recipients[at++], failure, e))
            status = -1; /* all the same the others are */
    }
    if (queue_prospect(failure) != PROSPECT_UNKNOWN || failure->kind == ERR_NONE)
        q->attempts++;
    return status;
}

int attempt_record_all(struct queue_envelope *q, const struct err *failure, struct err *e)
{
    size_t i;

    for (i = 0; i < q->count; i++) {
        if (q->recipients[i].state == QUEUED_WAITING &&
            note_failure(&q->recipients[i], failure, "", e))
            return -1;
    }
    q->attempts++;
    return 0;
}
