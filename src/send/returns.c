#include "send/returns.h"

#include "base/text.h"
#include "send/bounce.h"

#include <stdlib.h>
#include <string.h>

/* The indexes of those recipients that are in STATE, which the caller frees. -1 with ERR_OS. */
static int pick(const struct queue_envelope *q, enum queued_state state, size_t **indexes,
                size_t *count, struct err *e)
{
    size_t i;

    *count = 0;
    *indexes = calloc(q->count ? q->count : 1, sizeof(**indexes));
    if (!*indexes)
        return err_set(e, ERR_OS, "no memory for a notice");
    for (i = 0; i < q->count; i++) {
        if (q->recipients[i].state == state)
            (*indexes)[(*count)++] = i;
    }
    return 0;
}

/* The envelope of a notice to TO about Q's message: by the same account. */
static int address(struct queue_envelope *notice, const struct queue_envelope *q,
                   const char *to, int64_t now, struct err *e)
{
    notice->created = now;
    notice->reverse_path = strdup("");
    notice->account = q->account ? strdup(q->account) : NULL;
    if (!notice->reverse_path || (q->account && !notice->account))
        return err_set(e, ERR_OS, "no memory for a notice");
    return queue_envelope_add(notice, to, e);
}

static int attach(struct returns *r, const struct bounce *bounce, struct err *e)
{
    struct queue_envelope notice;
    struct spool_draft *draft;
    int fd, status;

    if (spool_begin(r->spool, &draft, &fd, e))
        return -1;
    queue_envelope_init(&notice);
    status =
        address(&notice, bounce->envelope, bounce->to, r->now, e) || bounce_write(bounce, fd, e)
            ? -1
            : 0;
    if (status)
        spool_abandon(draft);
    else
        status = spool_attach(r->entry, draft, &notice, e);
    queue_envelope_release(&notice);
    return status;
}

/* One notice to TO about all recipients in STATE, if there are any. */
static int tell(struct returns *r, enum bounce_kind kind, enum queued_state state,
                const char *to, struct err *e)
{
    struct bounce bounce = {.kind = kind,
                            .envelope = &r->entry->envelope,
                            .to = to,
                            .now = r->now,
                            .attempted = r->now,
                            .expires = r->expires,
                            .message = r->entry->message};
    size_t *indexes;
    int status = pick(bounce.envelope, state, &indexes, &bounce.count, e);

    bounce.recipients = indexes;
    if (!status && bounce.count) {
        bounce.host = local_host(r->local); /* can take long, so only where it is needed */
        status = attach(r, &bounce, e);
    }
    if (!status && bounce.count)
        r->made++;
    free(indexes);
    return status;
}

/* A notice that fails is never told of to whom it was for. */
static bool failed_for(const struct queue_envelope *q, const char *address)
{
    size_t i;

    for (i = 0; i < q->count; i++) {
        if (q->recipients[i].state == QUEUED_FAILED &&
            text_same(q->recipients[i].address, address))
            return true;
    }
    return false;
}

/* Whom failures are told of, or NULL. */
static const char *hearer(const struct returns *r)
{
    const struct queue_envelope *q = &r->entry->envelope;

    if (*q->reverse_path)
        return q->reverse_path;
    return r->postmaster && !failed_for(q, r->postmaster) ? r->postmaster : NULL;
}

static void settle_failed(struct queue_envelope *q)
{
    size_t i;

    for (i = 0; i < q->count; i++) {
        if (q->recipients[i].state == QUEUED_FAILED)
            q->recipients[i].state = QUEUED_DONE;
    }
}

static int tell_failures(struct returns *r, struct err *e)
{
    struct queue_envelope *q = &r->entry->envelope;
    const char *to = hearer(r);

    if (!queue_envelope_has(q, QUEUED_FAILED))
        return 0;
    if (bounce_wanted(q, BOUNCE_FAILED)) {
        if (!to) {
            r->unheard = true;
            return 0;
        }
        if (tell(r, BOUNCE_FAILED, QUEUED_FAILED, to, e))
            return -1;
    }
    settle_failed(q);
    return 0;
}

bool returns_delay_is_due(const struct queue_envelope *q, int64_t now)
{
    return *q->reverse_path && !q->warned && now - q->created >= RETURNS_DELAY &&
           queue_envelope_has(q, QUEUED_WAITING) && bounce_wanted(q, BOUNCE_DELAYED);
}

static int tell_delay(struct returns *r, struct err *e)
{
    struct queue_envelope *q = &r->entry->envelope;

    if (!returns_delay_is_due(q, r->now))
        return 0;
    if (tell(r, BOUNCE_DELAYED, QUEUED_WAITING, q->reverse_path, e))
        return -1;
    q->warned = true;
    return 0;
}

int returns_make(struct returns *r, struct err *e)
{
    const struct queue_envelope *q = &r->entry->envelope;
    bool named = *q->reverse_path != '\0';

    r->made = 0;
    r->unheard = false;
    /* Before failures are done with too. */
    if (named && !r->tells && bounce_wanted(q, BOUNCE_RELAYED) &&
        tell(r, BOUNCE_RELAYED, QUEUED_DONE, q->reverse_path, e))
        return -1;
    if (tell_delay(r, e))
        return -1;
    return tell_failures(r, e);
}
