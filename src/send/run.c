#include "send/run.h"

#include "mail/message.h"
#include "send/accounts.h"
#include "send/dispatch.h"
#include "send/dry_run.h"
#include "send/edit.h"
#include "send/flush.h"
#include "send/queue.h"
#include "send/recipients.h"

#include <string.h>
#include <unistd.h>

/* What one run holds on its way. */
struct run {
    const struct run_request *request;
    struct settings settings;          /* until there is the link, whose job has its own */
    const struct config_part *account; /* NULL: the general part alone */
    struct links links;
    struct link *link;
    struct job *job; /* the link's */
    enum queue_mode queue;
    struct behind behind; /* what may go after the message */
    struct message *message;
    struct envelope envelope;
    bool authenticated, maybe_accepted; /* see struct dispatch */
    struct sink sink;
};

static bool ignores_dots(const struct settings *s)
{
    size_t i;

    for (i = 0; i < s->sendmail_o.count; i++) {
        if (!strcmp(s->sendmail_o.at[i], "i"))
            return true;
    }
    return s->ignore_dots;
}

static int open_message(struct run *run, struct err *e)
{
    const struct settings *s = &run->settings;
    int input = run->request->input;
    struct message_options options = {.stream = s->stream,
                                      .dot_ends = isatty(input) && !ignores_dots(s)};

    if (!run->message && message_open(&run->message, input, &options, e))
        return err_at(e, STAGE_MESSAGE);
    return 0;
}

/* Who sends where --from does not say: of a message for sendmail, the header says what a stranger
 * may have written. */
static int default_sender(struct run *run, struct local *local, struct buf *out, struct err *e)
{
    if (!run->request->sendmail &&
        header_sender(message_header(run->message), local_domain(local), out) == 1)
        return 0;
    return local_own_address(local, out, e) ? err_at(e, STAGE_CONFIG) : 0;
}

/* The account that the envelope sender chooses; the settings are those without one. */
static int match_account(struct run *run, struct err *e)
{
    struct local local;
    struct buf sender;
    int status;

    local_init(&local, &run->settings);
    buf_init(&sender, 2048);
    status = local_sender(&local, &sender, e);
    if (!status)
        status = (!run->request->sendmail && open_message(run, e)) ||
                         default_sender(run, &local, &sender, e)
                     ? -1
                     : 1;
    if (status > 0)
        run->account = accounts_match(run->request->layers, sender.data);
    else
        settings_blame(&run->settings, e);
    buf_release(&sender);
    local_release(&local);
    return status < 0 ? err_at(e, STAGE_CONFIG) : 0;
}

/* Which account it is, and its settings. */
static int settle(struct run *run, struct err *e)
{
    const struct layers *layers = run->request->layers;
    int chosen;

    if (layers_merge(layers, NULL, &run->settings, e))
        return -1;
    chosen = accounts_choose(layers, &run->settings, &run->account, e);
    if (chosen < 0 || (!chosen && match_account(run, e)))
        return -1;
    return run->account ? layers_merge(layers, run->account, &run->settings, e) : 0;
}

static int open_link(struct run *run, struct err *e)
{
    const struct run_request *request = run->request;

    run->queue = queue_mode(&run->settings, request->sendmail);
    run->links = (struct links){.layers = request->layers, .run = DEADLINE_NEVER};
    run->link = links_add(&run->links, run->account, request->recipients, e);
    if (!run->link)
        return -1;
    run->job = &run->link->job;
    return 0;
}

/* -t, and the sender where nobody names one. */
static int read_header(struct run *run, struct err *e)
{
    struct job *job = run->job;
    const struct header *header = message_header(run->message);

    if (job->settings->header_recipients && recipients_take_header(job, header, e))
        return err_at(e, STAGE_MESSAGE);
    return job->has_sender ? 0 : default_sender(run, &job->local, &job->reverse_path, e);
}

static int edit(struct run *run, struct err *e)
{
    const struct edit edit = {.job = run->job,
                              .layers = run->request->layers,
                              .account = run->account,
                              .sink = &run->sink};

    return edit_message(&edit, run->message, e);
}

static int prepare(struct run *run, struct err *e)
{
    struct job *job = run->job;

    if (open_message(run, e) || read_header(run, e) || edit(run, e))
        return -1;
    if (envelope_init(&run->envelope, job->reverse_path.data, job->recipients.at,
                      job->recipients.count, e))
        return -1;
    run->envelope.require_all = job->settings->require_all;
    return 0;
}

static int show(struct run *run, struct err *e)
{
    struct dry_run dry_run = {.job = run->job,
                              .account = run->account ? run->account->name : NULL,
                              .password =
                                  run->link->password ? run->link->password_origin : NULL,
                              .brief = run->request->sendmail,
                              .envelope = &run->envelope};

    job_warn(run->job, &run->sink);
    if (prepare(run, e))
        return -1;
    dry_run.message = run->message;
    return dry_run_print(&dry_run, e);
}

/* True where other messages are to follow this one. */
static bool look_behind(struct run *run)
{
    const struct run_request *request = run->request;

    if (run->queue == QUEUE_FALLBACK)
        behind_look(&run->behind, request->layers, run->job->settings, request->sendmail);
    return run->behind.count > 0;
}

static int dispatch(struct run *run, struct err *e)
{
    struct dispatch d = {.link = run->link,
                         .extensions = &run->job->extensions,
                         .message = run->message,
                         .envelope = &run->envelope,
                         .sink = &run->sink,
                         .last = !look_behind(run)};
    int status = dispatch_send(&d, e);

    run->authenticated = d.authenticated;
    run->maybe_accepted = d.maybe_accepted;
    if (status || !run->behind.count)
        link_close(run->link);
    return status;
}

/* Make ready and send. Without what it takes to log in, a message that may be kept is made ready all
 * the same. True: it was, and E is what came of it. */
static bool deliver(struct run *run, struct err *e)
{
    struct err unready = ERR_INIT;
    bool armed = run->queue == QUEUE_ALWAYS || !link_arm(run->link, &run->sink, e);

    if (!armed && (run->queue == QUEUE_NEVER || queue_prospect(e) != PROSPECT_RETRY))
        return false;
    if (prepare(run, &unready)) {
        err_move(e, &unready);
        return false;
    }
    if (armed && run->queue != QUEUE_ALWAYS)
        (void)dispatch(run, e);
    return true;
}

/* Keep what FAILURE left, or all where nothing was tried. E: it can't be kept. */
static void keep(struct run *run, struct keeping *k, struct err *failure, struct err *e)
{
    bool always = run->queue == QUEUE_ALWAYS;

    *k = (struct keeping){.settings = run->job->settings,
                          .account = run->account ? run->account->name : NULL,
                          .sendmail = run->request->sendmail,
                          .message = run->message,
                          .envelope = &run->envelope,
                          .maybe_accepted = run->maybe_accepted};
    (void)queue_keep(k, always ? NULL : failure, e);
}

/* Say how it went, and what is still to be done by whom. The exit status. */
static int judge(struct run *run, struct report *report, struct keeping *k, struct err *failure,
                 struct err *unkept)
{
    bool over = failure->kind == ERR_NONE, passing = queue_prospect(failure) == PROSPECT_RETRY;

    report_recipients(report, &run->envelope, run->authenticated);
    if (!over && k->kept && passing && !run->maybe_accepted)
        *failure->hint = '\0'; /* nobody needs to send it again */
    if (!over)
        report_error(report, failure, NULL);
    if (!over && !(k->kept && passing))
        report_undecided(report, &run->envelope, failure, run->maybe_accepted);
    if (unkept->kind != ERR_NONE)
        report_error(report, unkept, NULL);
    if (k->kept)
        report_kept(report, k->id, k->kept, run->queue == QUEUE_ALWAYS);
    if (k->kept && passing)
        err_release(failure);
    /* What the server said decides; but where nobody was asked, only this can have failed. */
    return report_exit_status(&run->envelope,
                              over && run->queue == QUEUE_ALWAYS ? unkept : failure);
}

static int perform(struct run *run, struct report *report)
{
    struct err failure = ERR_INIT, unkept = ERR_INIT;
    struct keeping k = {0};
    int status;

    if (run->request->dry_run)
        (void)show(run, &failure);
    else if (deliver(run, &failure) && run->queue != QUEUE_NEVER)
        keep(run, &k, &failure, &unkept);
    status = judge(run, report, &k, &failure, &unkept);
    if (!status && envelope_count(&run->envelope, DELIVERY_DONE))
        behind_send(&run->behind, &run->links, report);
    err_release(&failure);
    err_release(&unkept);
    return status;
}

int run_send(const struct run_request *request, struct report *report)
{
    struct run run = {.request = request};
    struct err e = ERR_INIT;
    int status;

    status = settle(&run, &e);
    report_init(report, run.settings.quiet, run.settings.verbose);
    run.sink = report_sink(report);
    if (!status && !open_link(&run, &e)) {
        status = perform(&run, report);
    } else {
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
    }
    envelope_release(&run.envelope);
    links_release(&run.links);
    behind_release(&run.behind);
    message_free(run.message);
    err_release(&e);
    return status;
}
