#include "send/run.h"

#include "mail/message.h"
#include "send/accounts.h"
#include "send/dispatch.h"
#include "send/dry_run.h"
#include "send/edit.h"
#include "send/recipients.h"

#include <string.h>
#include <unistd.h>

/* What one run holds on its way. */
struct run {
    const struct run_request *request;
    struct settings settings;
    const struct config_part *account; /* NULL: the general part alone */
    struct secret *password; /* that the environment or the config has itself, or NULL */
    const struct origin *password_origin;
    struct job job;
    struct message *message;
    struct envelope envelope;
    bool maybe_accepted; /* see struct transaction_result */
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

static int settle(struct run *run, struct err *e)
{
    const struct layers *layers = run->request->layers;
    int chosen;

    if (layers_merge(layers, NULL, &run->settings, e))
        return -1;
    chosen = accounts_choose(layers, &run->settings, &run->account, e);
    if (chosen < 0 || (!chosen && match_account(run, e)) ||
        (run->account && layers_merge(layers, run->account, &run->settings, e)))
        return -1;
    run->password =
        layers_password(layers, run->account, &run->settings, &run->password_origin);
    return 0;
}

/* -t, and the sender where nobody names one. */
static int read_header(struct run *run, struct err *e)
{
    struct job *job = &run->job;
    const struct header *header = message_header(run->message);

    if (job->settings->header_recipients && recipients_take_header(job, header, e))
        return err_at(e, STAGE_MESSAGE);
    return job->has_sender ? 0 : default_sender(run, &job->local, &job->reverse_path, e);
}

static int edit(struct run *run, struct err *e)
{
    const struct edit edit = {.job = &run->job,
                              .layers = run->request->layers,
                              .account = run->account,
                              .sink = &run->sink};

    return edit_message(&edit, run->message, e);
}

static int prepare(struct run *run, struct err *e)
{
    struct job *job = &run->job;

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
    struct dry_run dry_run = {.job = &run->job,
                              .account = run->account ? run->account->name : NULL,
                              .password = run->password ? run->password_origin : NULL,
                              .brief = run->request->sendmail,
                              .envelope = &run->envelope};

    job_warn(&run->job, &run->sink);
    if (prepare(run, e))
        return -1;
    dry_run.message = run->message;
    return dry_run_print(&dry_run, e);
}

/* Send, and say for which recipients that failed. */
static void deliver(struct run *run, struct report *report, struct err *e)
{
    struct dispatch dispatch = {
        .job = &run->job, .envelope = &run->envelope, .sink = &run->sink};

    if (!job_arm(&run->job, &run->password, e)) {
        job_warn(&run->job, &run->sink);
        if (!prepare(run, e)) {
            dispatch.message = run->message;
            (void)dispatch_send(&dispatch, e);
        }
    }
    run->maybe_accepted = dispatch.maybe_accepted;
    report_recipients(report, &run->envelope, dispatch.authenticated);
}

int run_send(const struct run_request *request, struct report *report)
{
    struct run run = {.request = request};
    struct err e = ERR_INIT;
    int status;

    status = settle(&run, &e);
    report_init(report, run.settings.quiet, run.settings.verbose);
    run.sink = report_sink(report);
    if (!status) {
        if (!job_init(&run.job, &run.settings, request->recipients, &e)) {
            if (request->dry_run)
                (void)show(&run, &e);
            else
                deliver(&run, report, &e);
        }
        if (e.kind != ERR_NONE) {
            report_error(report, &e, NULL);
            report_undecided(report, &run.envelope, &e, run.maybe_accepted);
        }
        status = report_exit_status(&run.envelope, &e);
        envelope_release(&run.envelope);
        job_release(&run.job);
    } else {
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
    }
    message_free(run.message);
    secret_free(run.password);
    err_release(&e);
    return status;
}
