#include "send/run.h"

#include "mail/message.h"
#include "send/dispatch.h"

#include <string.h>
#include <unistd.h>

/* What one run holds on its way. */
struct run {
    struct job job;
    struct message *message;
    struct envelope envelope;
    struct sink sink;
};

static int open_message(struct run *run, int input, struct err *e)
{
    const struct settings *s = run->job.settings;
    struct message_options options = {
        .stream = s->stream, .dot_ends = isatty(input) && !s->ignore_dots && !s->sendmail_o};

    if (message_open(&run->message, input, &options, e))
        return err_at(e, STAGE_MESSAGE);
    return 0;
}

/* -t, and the sender where the command line names none. */
static int read_header(struct run *run, struct err *e)
{
    struct job *job = &run->job;
    const struct header *header = message_header(run->message);

    if (job->settings->header_recipients) {
        if (header_recipients(header, job_domain(job), &job->recipients, e))
            return err_at(e, STAGE_MESSAGE);
        if (!job->recipients.count) {
            err_set(e, ERR_USAGE, "no recipient in the arguments or in the message");
            err_hint(e, "the message needs a To, Cc or Bcc field");
            return err_at(e, STAGE_MESSAGE);
        }
    }
    if (!job->has_sender && header_sender(header, job_domain(job), &job->reverse_path) != 1 &&
        job_own_address(job, &job->reverse_path, e))
        return err_at(e, STAGE_CONFIG);
    return 0;
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
    if (add && header_find(message_header(run->message), "From", 0) < 0 && !job->login.len &&
        (!job->has_sender || !job->reverse_path.len)) {
        status = job_own_address(job, &own, e);
        who.address = own.data;
    }
    if (!who.name && job->full_name.len)
        who.name = job->full_name.data;
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

static int prepare(struct run *run, int input, struct err *e)
{
    struct job *job = &run->job;

    if (open_message(run, input, e) || read_header(run, e) || mend_message(run, e))
        return -1;
    note_long_lines(run);
    if (envelope_init(&run->envelope, job->reverse_path.data, job->recipients.at,
                      job->recipients.count, e))
        return -1;
    run->envelope.require_all = job->settings->require_all;
    return 0;
}

static void warn_insecure(const struct run *run)
{
    if (run->job.settings->tls_insecure && run->job.tls)
        sink_say(&run->sink, EVENT_WARNING, STAGE_TLS,
                 "--tls-insecure: whoever answers gets the message and the password");
}

int run_send(const struct settings *settings, char **recipients, int input,
             struct secret **taken, struct report *report)
{
    struct run run = {.sink = report_sink(report)};
    struct dispatch dispatch = {.job = &run.job, .envelope = &run.envelope, .sink = &run.sink};
    struct err e = ERR_INIT;
    int status;

    if (!job_init(&run.job, settings, recipients, &e) && !job_arm(&run.job, taken, &e)) {
        warn_insecure(&run);
        if (!prepare(&run, input, &e)) {
            dispatch.message = run.message;
            (void)dispatch_send(&dispatch, &e);
        }
    }
    report_recipients(report, &run.envelope, dispatch.authenticated);
    if (e.kind != ERR_NONE)
        report_error(report, &e, NULL);
    status = report_exit_status(&run.envelope, &e);
    envelope_release(&run.envelope);
    message_free(run.message);
    job_release(&run.job);
    err_release(&e);
    return status;
}
