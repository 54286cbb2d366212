#include "send/run.h"

#include "base/text.h"
#include "mail/mend.h"
#include "mail/message.h"
#include "mail/qualify.h"
#include "send/accounts.h"
#include "send/dispatch.h"
#include "send/dry_run.h"
#include "send/recipients.h"

#include <string.h>
#include <unistd.h>

/* What one run holds on its way. */
struct run {
    const struct run_request *request;
    struct settings settings;
    struct config_part *account; /* NULL: the general part alone */
    struct secret *password;     /* that the environment or the config has itself, or NULL */
    struct job job;
    struct message *message;
    struct envelope envelope;
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
    struct layers *layers = run->request->layers;
    int chosen;

    if (layers_merge(layers, NULL, &run->settings, e))
        return -1;
    chosen = accounts_choose(layers, &run->settings, &run->account, e);
    if (chosen < 0 || (!chosen && match_account(run, e)) ||
        (run->account && layers_merge(layers, run->account, &run->settings, e)))
        return -1;
    run->password = layers_take_password(layers, run->account, &run->settings);
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

/* The address that --set-from puts into From: the config's, else the one of the envelope. */
static int account_address(struct run *run, struct buf *out, struct err *e)
{
    const struct assignment *from = layers_config_from(run->request->layers, run->account);
    struct job *job = &run->job;
    struct buf text;
    int status = 0;

    if (!from) {
        buf_addstr(out, job->has_sender ? job->reverse_path.data : "");
    } else {
        buf_init(&text, 1024);
        status = local_expand(&job->local, &from->origin, from->value, &text, e);
        if (!status)
            status = mailbox_reverse_path(text.data, local_domain(&job->local), out, e);
        buf_release(&text);
    }
    if (!status && !out->len) {
        err_set(e, ERR_USAGE, "--set-from needs an address");
        err_hint(e, "give --from, or `from` in the config");
        status = -1;
    }
    return status ? err_at(e, STAGE_CONFIG) : 0;
}

static int edit_header(struct run *run, struct message_identity who, struct err *e)
{
    const struct settings *s = run->job.settings;
    struct header *header = message_header(run->message);
    struct buf address;
    int status = 0;

    buf_init(&address, 2048);
    if (s->set_from) {
        status = account_address(run, &address, e);
        who.address = address.data;
        if (!status)
            status = mend_from(header, &who, e);
    }
    if (!status && s->undisclosed)
        status = mend_recipients(header, e);
    buf_release(&address);
    return status;
}

/* The domain is looked for only where it is needed: that reads files. */
static int qualify_names(struct run *run, struct err *e)
{
    struct header *header = message_header(run->message);
    const char *domain = qualify_is_needed(header) ? local_domain(&run->job.local) : NULL;

    return domain ? qualify_header(header, domain, e) : 0;
}

static int mend_message(struct run *run, struct err *e)
{
    struct job *job = &run->job;
    bool add = job->settings->add_headers;
    struct message_identity who = {0};
    struct buf own;
    int status = 0;

    buf_init(&own, 2048);
    who.address = job->reverse_path.data;
    who.name = job->settings->full_name;
    /* A bounce has no sender, yet its From needs somebody. */
    if (add && header_find(message_header(run->message), "From", 0) < 0 &&
        !job->local.login.len && (!job->has_sender || !job->reverse_path.len)) {
        status = local_own_address(&job->local, &own, e);
        who.address = own.data;
    }
    if (!who.name && job->local.full_name.len)
        who.name = job->local.full_name.data;
    if (!status)
        status = edit_header(run, who, e);
    if (!status && add)
        status = qualify_names(run, e);
    if (!status)
        status = message_mend(run->message, add, &who, e);
    buf_release(&own);
    return status ? err_at(e, STAGE_MESSAGE) : 0;
}

/* RFC 5321 section 4.5.3.1.6 wants 1,000 octets at most; most servers take more, and breaking a
 * line would change the message. */
static void note_long_lines(const struct run *run)
{
    if (message_facts(run->message)->long_lines)
        sink_say(&run->sink, EVENT_FACT, STAGE_MESSAGE,
                 "a line of over 998 octets, the standard's most, goes as it is");
}

static int prepare(struct run *run, struct err *e)
{
    struct job *job = &run->job;

    if (open_message(run, e) || read_header(run, e) || mend_message(run, e))
        return -1;
    note_long_lines(run);
    if (envelope_init(&run->envelope, job->reverse_path.data, job->recipients.at,
                      job->recipients.count, e))
        return -1;
    run->envelope.require_all = job->settings->require_all;
    return 0;
}

static void warn(const struct run *run)
{
    const struct settings *s = run->job.settings;

    if (s->tls_insecure && run->job.tls)
        sink_say(&run->sink, EVENT_WARNING, STAGE_TLS,
                 "--tls-insecure: whoever answers gets the message and the password");
    if (s->body && !text_same(s->body, "7bit") && !text_same(s->body, "8bitmime"))
        sink_say(&run->sink, EVENT_WARNING, STAGE_CONFIG,
                 "-B: neither 7bit nor 8bitmime, the message itself decides");
}

static int show(struct run *run, struct err *e)
{
    struct dry_run dry_run = {.settings = run->job.settings,
                              .account = run->account ? run->account->name : NULL,
                              .envelope = &run->envelope};

    warn(run);
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
        warn(run);
        if (!prepare(run, e)) {
            dispatch.message = run->message;
            (void)dispatch_send(&dispatch, e);
        }
    }
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
        status = e.kind == ERR_NONE ? report_exit_status(&run.envelope, &e) : 0;
        envelope_release(&run.envelope);
        job_release(&run.job);
    }
    if (e.kind != ERR_NONE) {
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
    }
    message_free(run.message);
    secret_free(run.password);
    err_release(&e);
    return status;
}
