#include "send/courier.h"

#include "send/accounts.h"
#include "send/attempt.h"
#include "send/identity.h"
#include "send/queue.h"
#include "send/returns.h"

#include <stdlib.h>
#include <time.h>

enum { ADDRESS_MAX = 1024 };

/* Before that the clock can't have been right, when a message is said to be so old. */
#define CLOCK_SANE INT64_C(1704067200) /* 2024 */

/* An account that failed as a whole. */
struct down {
    struct down *next;
    const struct config_part *account;
    struct err why;
};

/* Stands for all accounts that the config does not have (any more). */
static const struct config_part unknown;

/* One message in our hands. */
struct errand {
    struct spool_entry *entry;
    struct queue_envelope *queued; /* the entry's */
    const struct config_part *account;
    struct link *link; /* of the account; NULL: there is none to be had */
    int64_t now;
    bool asked; /* for by the user */
    bool held;  /* and held back by him */
    bool tells; /* see struct returns */
    bool sent;  /* to somebody */
};

/* ---- what is told ---- */

/* What is the user's or the machine's to mend is told even where nobody watches. */
static bool is_loud(const struct courier *c, const struct err *e)
{
    if (c->report->replies)
        return true;
    return !c->brief &&
           (queue_prospect(e) == PROSPECT_UNKNOWN || e->kind == ERR_NOPERM ||
            e->kind == ERR_NOHOST || e->kind == ERR_UNAVAILABLE || e->stage == STAGE_STARTTLS ||
            e->stage == STAGE_TLS || e->stage == STAGE_AUTH);
}

/* Something went wrong with the queue itself, or our settings. */
static void complain(struct courier *c, struct err *e)
{
    err_at(e, STAGE_QUEUE);
    if (!c->brief || c->report->replies)
        report_error(c->report, e, NULL);
    if (!c->status)
        c->status = err_exit_status(e->kind);
    err_release(e);
}

/* ---- accounts ---- */

static struct down *find_down(const struct courier *c, const struct config_part *account)
{
    struct down *down = c->down;

    while (down && down->account != account)
        down = down->next;
    return down;
}

/* The account fails with WHY, which moves, for the rest of the pass. */
static void put_down(struct courier *c, const struct config_part *account, struct err *why)
{
    struct down *down = malloc(sizeof(*down));

    if (is_loud(c, why))
        report_error(c->report, why, NULL);
    if (queue_prospect(why) == PROSPECT_UNKNOWN && !c->status)
        c->status = err_exit_status(why->kind);
    if (!down)
        return;
    *down = (struct down){.next = c->down, .account = account, .why = *why};
    *why = (struct err)ERR_INIT;
    c->down = down;
}

static void forget_down(struct courier *c)
{
    struct down *down;

    while ((down = c->down)) {
        c->down = down->next;
        err_release(&down->why);
        free(down);
    }
}

/* Which account the message goes by: the one of the command line, of its own, of its sender. */
static void choose_account(const struct courier *c, struct errand *x)
{
    const char *name = x->queued->account;

    if (!c->chosen && name)
        x->account = config_account(&c->layers->config, name);
    else
        x->account =
            c->by_sender ? accounts_match(c->layers, x->queued->reverse_path) : c->account;
    if (!c->chosen && name && !x->account &&
        settings_source(&c->settings, "server") < FROM_ENVIRONMENT)
        x->account = &unknown;
}

/* The link of that account, ready; else the account is down. What it says of the message's time and
 * its postmaster holds all the same. */
static void find_link(struct courier *c, struct errand *x)
{
    struct err why = ERR_INIT;

    choose_account(c, x);
    if (x->account == &unknown) {
        err_set(&why, ERR_CONFIG, "the config has no account '%.60s' any more",
                x->queued->account);
        err_at(&why, STAGE_QUEUE);
    } else {
        x->link = links_find(&c->links, x->account, &why);
    }
    /* Who sent another message is not asked for the password of this one. */
    if (c->brief && x->link && !x->link->armed &&
        identity_asks(&x->link->job, x->link->password))
        return;
    if (!find_down(c, x->account) && (!x->link || link_arm(x->link, &c->sink, &why)))
        put_down(c, x->account, &why);
    err_release(&why);
}

/* ---- sending ---- */

static bool has_waiting(const struct queue_envelope *q)
{
    return queue_envelope_has(q, QUEUED_WAITING);
}

static int64_t expires(const struct courier *c, const struct errand *x)
{
    const struct settings *s = x->link ? &x->link->settings : &c->settings;

    return x->queued->created + s->queue_lifetime_ms / 1000;
}

static void expire(const struct courier *c, struct errand *x)
{
    size_t i;

    for (i = 0; i < x->queued->count && x->now >= expires(c, x); i++) {
        if (x->queued->recipients[i].state == QUEUED_WAITING)
            x->queued->recipients[i].state = QUEUED_FAILED;
    }
}

static void tell(struct courier *c, const struct errand *x, const struct attempt *a,
                 struct err *failure)
{
    struct report loud = *c->report;

    loud.quiet = loud.quiet || !(loud.replies || x->asked);
    report_recipients(&loud, &a->envelope, a->dispatch.authenticated);
    if (failure->kind != ERR_NONE && (x->asked || is_loud(c, failure)))
        report_error(c->report, failure, NULL);
    if (x->asked && !c->status)
        c->status = report_exit_status(&a->envelope, failure);
}

/* Whether the session could not be had, which others would find too. */
static bool is_of_account(const struct err *e)
{
    return e->kind != ERR_NONE && e->stage >= STAGE_CONNECT && e->stage < STAGE_MAIL;
}

/* True where the message has been tried, so that its envelope has changed. */
static bool send(struct courier *c, struct errand *x)
{
    struct attempt a = {.queued = x->queued,
                        .message = x->entry->message,
                        .link = x->link,
                        .sink = &c->sink,
                        .now = x->now};
    struct err failure = ERR_INIT, e = ERR_INIT;
    bool tried;

    sink_say(&c->sink, EVENT_FACT, STAGE_QUEUE, "message %s", x->entry->name.id);
    (void)attempt_send(&a, &failure);
    tried = failure.kind == ERR_NONE || queue_prospect(&failure) != PROSPECT_UNKNOWN ||
            envelope_count(&a.envelope, DELIVERY_WAITING) < a.envelope.count;
    if (tried && attempt_record(&a, &failure, &e))
        complain(c, &e);
    if (!tried && x->now >= expires(c, x)) {
        tried = true;
        if (attempt_record_all(x->queued, &failure, &e))
            complain(c, &e);
    }
    x->tells = a.dispatch.tells;
    x->sent = envelope_count(&a.envelope, DELIVERY_DONE) > 0;
    c->sent += x->sent;
    if (is_of_account(&failure) && !x->asked) {
        put_down(c, x->account, &failure);
    } else {
        tell(c, x, &a, &failure);
        if (!tried && !c->status)
            c->status = err_exit_status(failure.kind);
    }
    err_release(&failure);
    attempt_release(&a);
    return tried;
}

/* Whether what failed for the account is to be written down for the message too: its sender hears of
 * it now. */
static bool is_time_to_tell(const struct courier *c, const struct errand *x)
{
    return x->now >= expires(c, x) || returns_delay_is_due(x->queued, x->now);
}

/* Send, where that can be. True: the envelope has changed. */
static bool go(struct courier *c, struct errand *x)
{
    const struct down *down;
    struct err e = ERR_INIT;

    find_link(c, x);
    down = find_down(c, x->account);
    if (!down && x->link && x->link->armed)
        return send(c, x);
    if (!down || !is_time_to_tell(c, x))
        return false;
    if (attempt_record_all(x->queued, &down->why, &e))
        complain(c, &e);
    return true;
}

/* ---- what comes of it ---- */

/* That some have the message can't be written down, for E. A rename still can, which keeps it from
 * being sent to them again. */
static void hold_back(struct courier *c, struct errand *x, struct err *e)
{
    struct err worse = ERR_INIT;

    err_hint(e, "'%s' is held: some recipients have it already", x->entry->name.id);
    if (spool_reschedule(x->entry, SPOOL_HELD, &worse))
        err_hint(e, "some recipients of '%s' may get it again", x->entry->name.id);
    err_release(&worse);
    if (c->brief && !c->report->replies) /* it will not be told again */
        report_error(c->report, e, NULL);
    complain(c, e);
}

/* That some have the message is written down before anything else: the others are tried again, these
 * must not be. */
static int note_sent(struct courier *c, struct errand *x)
{
    struct err e = ERR_INIT;

    if (!x->sent || !queue_envelope_left(x->queued) || !spool_update(x->entry, &e))
        return 0;
    hold_back(c, x, &e);
    return -1;
}

/* An address to tell of failures that have no sender, in OUT; or NULL. */
static const char *postmaster(struct courier *c, const struct errand *x, struct buf *out)
{
    const struct settings *s = x->link ? &x->link->settings : &c->settings;
    struct local *local = x->link ? &x->link->job.local : &c->local;
    struct err unsaid = ERR_INIT;

    if (s->postmaster && *s->postmaster)
        (void)mailbox_reverse_path(s->postmaster, local_domain(local), out, &unsaid);
    err_release(&unsaid);
    return out->len ? out->data : NULL;
}

/* Make the notices; *MADE: some are attached. */
static bool tell_senders(struct courier *c, struct errand *x, bool *made)
{
    struct buf address;
    struct returns r = {.spool = c->spool,
                        .entry = x->entry,
                        .local = &c->local,
                        .now = x->now,
                        .expires = expires(c, x),
                        .tells = x->tells};
    struct err e = ERR_INIT;

    buf_init(&address, ADDRESS_MAX);
    r.postmaster = postmaster(c, x, &address);
    if (returns_make(&r, &e))
        complain(c, &e);
    buf_release(&address);
    *made = r.made > 0;
    return r.unheard;
}

/* Write down that the notices are as good as sent, and let them go. LEFT: recipients that were before
 * there were notices; none of them: that the others have the message is not yet written down. */
static int release_notices(struct courier *c, struct errand *x, size_t left)
{
    struct err e = ERR_INIT;

    x->queued->notices = true;
    if (spool_update(x->entry, &e)) {
        if (x->sent && !left)
            hold_back(c, x, &e);
        else
            complain(c, &e);
        return -1;
    }
    if (!spool_release_notices(x->entry, x->now, &e))
        return 0;
    complain(c, &e); /* who takes the message next does it */
    return -1;
}

/* When it is looked at next: it is held where nothing is left but failures that nobody can be told of.
 * One whose notice could not be made has another go at that. */
static int64_t next_try(const struct errand *x, bool unheard)
{
    if (x->held || (unheard && !has_waiting(x->queued)))
        return SPOOL_HELD;
    return queue_next_try(x->now, x->queued->attempts);
}

static void tell_unheard(struct courier *c, const struct errand *x)
{
    struct err e = ERR_INIT;

    err_set(&e, ERR_TEMPORARY, "'%s' failed, and there is nobody to tell", x->entry->name.id);
    err_hint(&e, "look at it with --queue-show; --postmaster names who is told");
    complain(c, &e);
}

static void settle(struct courier *c, struct errand *x)
{
    struct err e = ERR_INIT;
    bool made, unheard, written;
    size_t left;

    if (note_sent(c, x))
        return;
    left = queue_envelope_left(x->queued);
    unheard = tell_senders(c, x, &made);
    if (made && release_notices(c, x, left))
        return;
    c->noticed = c->noticed || made;
    if (!queue_envelope_left(x->queued)) {
        if (spool_remove(x->entry, &e))
            complain(c, &e);
        return;
    }
    if (unheard && !has_waiting(x->queued))
        tell_unheard(c, x);
    else
        c->left++;
    written = x->sent && !made && left == queue_envelope_left(x->queued); /* by note_sent */
    if (!written && spool_update(x->entry, &e))
        complain(c, &e); /* what is new is lost, but its next try is written in its name */
    if (spool_reschedule(x->entry, next_try(x, unheard), &e))
        complain(c, &e);
}

/* ---- one message ---- */

/* A clock that was wrong when the message came says nothing of its age. */
static void mend_clock(struct queue_envelope *q, int64_t now)
{
    if (now >= CLOCK_SANE && (q->created < CLOCK_SANE || q->created > now))
        q->created = now;
}

static bool handle(struct courier *c, const struct spool_name *name, bool asked)
{
    struct spool_entry entry;
    struct errand x = {.entry = &entry, .now = (int64_t)time(NULL), .asked = asked};
    struct err e = ERR_INIT;
    int entered = spool_enter(c->spool, name, true, &entry, &e);

    if (entered < 0)
        complain(c, &e);
    if (entered <= 0)
        return entered < 0;
    x.queued = &entry.envelope;
    mend_clock(x.queued, x.now);
    /* Who holds a message goes on holding it when it does not go; one that had failed is no longer. */
    x.held = asked && name->due < 0 && has_waiting(x.queued);
    if (asked)
        (void)queue_envelope_revive(x.queued);
    if (has_waiting(x.queued) && !go(c, &x)) {
        c->left++;
    } else {
        expire(c, &x);
        settle(c, &x);
    }
    spool_leave(&entry);
    return true;
}

void courier_take(struct courier *c, const struct spool_name *name)
{
    (void)handle(c, name, false);
}

bool courier_retry(struct courier *c, const struct spool_name *name)
{
    return handle(c, name, true);
}

/* ---- all of them ---- */

int courier_init(struct courier *c, const struct layers *layers, struct report *report,
                 struct err *e)
{
    struct problems wrong = {0};
    int chosen;

    *c = (struct courier){
        .layers = layers, .report = report, .links = {.layers = layers, .run = DEADLINE_NEVER}};
    local_init(&c->local, &c->settings);
    if (layers_merge(layers, NULL, &c->settings, e))
        return -1;
    report_init(report, c->settings.quiet, c->settings.verbose);
    c->sink = report_sink(report);
    c->links.run = deadline_in(c->settings.deadline_ms);
    job_check(&c->settings, &wrong);
    if (wrong.count) {
        err_move(e, &wrong.at[0]);
        problems_release(&wrong);
        return -1;
    }
    chosen = accounts_choose(layers, &c->settings, &c->account, e);
    c->by_sender = !chosen;
    c->chosen = settings_source(&c->settings, "account") >= FROM_ENVIRONMENT;
    return chosen < 0 ? -1 : 0;
}

void courier_release(struct courier *c)
{
    courier_end_pass(c);
    local_release(&c->local);
}

void courier_end_pass(struct courier *c)
{
    links_release(&c->links);
    forget_down(c);
    c->noticed = false;
}

int courier_status(const struct courier *c)
{
    if (c->status)
        return c->status;
    return c->left ? err_exit_status(ERR_TEMPORARY) : 0;
}
