#include "send/flush.h"

#include "send/courier.h"
#include "send/queue.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BEHIND_LOOK = 256, /* names in the queue that a direct send looks at */
    BEHIND_MOST = 10   /* messages that it sends */
};

/* Set by a signal: no further message is begun. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

/* The next one of them kills, which does no harm. One that is ignored (nohup) stays so. */
static void catch_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    const struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    size_t i;

    for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

/* ---- a pass ---- */

/* Handle what is in the queue and not held; DUE: what is due alone. */
static int pass(struct courier *c, bool due, struct err *e)
{
    const struct spool_wish wish = {due ? SPOOL_DUE : SPOOL_RELEASED, SPOOL_LIST_MOST};
    struct spool_name *names = NULL;
    size_t count = 0, i;
    int status = spool_list(c->spool, &wish, &names, &count, e);

    for (i = 0; i < count && !stopped; i++)
        courier_take(c, &names[i]);
    c->left += count - i;
    free(names);
    return status;
}

/* Wait until the next pass, or a signal. */
static void rest(int64_t ms)
{
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000) * 1000000};
    sigset_t caught, before;

    sigemptyset(&caught);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGHUP);
    sigprocmask(SIG_BLOCK, &caught, &before); /* one that comes before ppoll is not missed */
    if (!stopped)
        ppoll(NULL, 0, &pause, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* One message of a queue that there is. */
static int take_one(struct courier *c, const char *id, struct err *e)
{
    struct spool_name name;
    int found = spool_find(c->spool, id, &name, e);

    if (found < 0)
        return -1;
    if (!found || !courier_retry(c, &name)) {
        err_set(e, found ? ERR_TEMPORARY : ERR_NOINPUT,
                found ? "another process is just sending '%s'" : "no message '%s' in the queue",
                id);
        return -1;
    }
    return 0;
}

/* All of it, once. The folder is opened anew each time: what its path leads to may have changed. */
static int run_once(const struct flush_request *request, struct courier *c, struct err *e)
{
    int status =
        queue_open(&c->spool, &c->settings, request->sendmail, request->interval_ms > 0, e);

    if (!status && c->spool)
        status = pass(c, request->due, e);
    while (!status && c->noticed) {
        c->noticed = false;
        status = pass(c, true, e); /* what senders are to hear need not wait for the next */
    }
    courier_end_pass(c);
    if (c->spool)
        report_pass(c->report, c->sent, c->left > 0);
    spool_close(c->spool);
    c->spool = NULL;
    return status;
}

static int run_all(const struct flush_request *request, struct courier *c, struct err *e)
{
    int status;

    do {
        status = run_once(request, c, e);
        if (status || !request->interval_ms || stopped)
            break;
        rest(request->interval_ms);
        c->sent = c->left = 0;
        c->links.run = deadline_in(c->settings.deadline_ms); /* each pass has its own */
    } while (!stopped);
    return status;
}

static int run_one(const struct flush_request *request, struct courier *c, struct err *e)
{
    int status;

    if (queue_check_id(request->id, e) ||
        queue_open(&c->spool, &c->settings, request->sendmail, false, e))
        return -1;
    if (!c->spool)
        return err_set(e, ERR_NOINPUT, "no message '%s' in the queue", request->id);
    status = take_one(c, request->id, e);
    spool_close(c->spool);
    return status;
}

int flush_run(const struct flush_request *request, struct report *report)
{
    struct courier c;
    struct err e = ERR_INIT;
    int status = courier_init(&c, request->layers, report, &e);

    catch_signals();
    if (!status)
        status = request->id ? run_one(request, &c, &e) : run_all(request, &c, &e);
    if (status) {
        err_at(&e, STAGE_QUEUE);
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
    } else if (!request->interval_ms) {
        status = courier_status(&c);
    }
    courier_release(&c);
    err_release(&e);
    return status;
}

/* ---- behind a message ---- */

/* Options that say which way a message goes, as whom, or what becomes of it say it of that one
 * alone. */
static bool is_steering(const struct option_row *row)
{
    return !strcmp(row->group, "Where to") || !strcmp(row->group, "Who") ||
           row->offset == offsetof(struct settings, config) ||
           row->offset == offsetof(struct settings, queue_lifetime_ms) ||
           row->offset == offsetof(struct settings, postmaster);
}

static bool is_steered(const struct layers *layers)
{
    size_t i = 0;

    while (i < layers->words.count && !is_steering(layers->words.at[i].origin.row))
        i++;
    return i < layers->words.count;
}

void behind_look(struct behind *behind, const struct layers *layers,
                 const struct settings *settings, bool sendmail)
{
    const struct spool_wish glance = {SPOOL_DUE, BEHIND_LOOK};
    struct err unsaid = ERR_INIT;

    *behind = (struct behind){0};
    if (!is_steered(layers) &&
        !queue_open(&behind->spool, settings, sendmail, false, &unsaid) && behind->spool)
        (void)spool_list(behind->spool, &glance, &behind->names, &behind->count, &unsaid);
    if (behind->count > BEHIND_MOST)
        behind->count = BEHIND_MOST;
    err_release(&unsaid);
}

void behind_send(struct behind *behind, struct links *links, struct report *report)
{
    struct layers layers = *links->layers;
    struct report own = *report;
    struct courier c;
    struct err unsaid = ERR_INIT;
    size_t i;

    layers.words = (struct assignments){0}; /* of the message before them */
    if (!courier_init(&c, &layers, &own, &unsaid)) {
        own = *report;    /* what is said goes by those all the same */
        c.links = *links; /* which end here: what their sessions say goes by our sink */
        c.links.layers = &layers;
        links->first = NULL;
        c.spool = behind->spool;
        c.brief = true;
        for (i = 0; i < behind->count && !c.down; i++)
            courier_take(&c, &behind->names[i]);
    }
    courier_release(&c);
    err_release(&unsaid);
}

void behind_release(struct behind *behind)
{
    free(behind->names);
    spool_close(behind->spool);
}
