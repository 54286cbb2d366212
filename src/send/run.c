#include "send/run.h"

#include "mail/message.h"
#include "send/job.h"
#include "smtp/transaction.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a line without its end. */
enum { LINE_OCTETS = 998 };

/* What one run holds on its way. */
struct run {
    struct job job;
    struct message *message;
    struct envelope envelope;
    struct sink sink;
    struct transaction_result result;
    bool authenticated;
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
    const struct message_facts *facts = message_facts(run->message);

    if (facts->long_line > LINE_OCTETS)
        sink_say(&run->sink, EVENT_FACT, STAGE_MESSAGE,
                 "a line of %llu octets goes as it is; the standard has %d at most",
                 (unsigned long long)facts->long_line, LINE_OCTETS);
}

static int prepare(struct run *run, int input, struct err *e)
{
    struct job *job = &run->job;

    if (open_message(run, input, e) || read_header(run, e) || mend_message(run, e))
        return -1;
    note_long_lines(run);
    return envelope_init(&run->envelope, job->reverse_path.data, job->recipients.at,
                         job->recipients.count, e);
}

static void session_wishes(const struct run *run, struct session_wishes *wishes)
{
    const struct job *job = &run->job;
    const struct settings *s = job->settings;

    *wishes = (struct session_wishes){
        .server = &job->server,
        .family = s->ipv4   ? AF_INET
                  : s->ipv6 ? AF_INET6
                            : AF_UNSPEC,
        .connect_timeout_ms = s->connect_timeout_ms,
        .dialog = {.timeout_ms = s->timeout_ms, .run = job->run, .sink = &run->sink},
        .tls = job->tls,
        .tls_waived = s->tls_insecure,
        .helo = s->helo,
        .identity = job->authenticates ? &job->identity : NULL,
        .mechanisms = job->mechanisms_chosen ? job->mechanisms : NULL,
        .cleartext_auth = s->allow_cleartext_auth,
    };
}

static int dispatch(struct run *run, struct err *e)
{
    struct session_wishes wishes;
    struct session session;
    int status;

    session_wishes(run, &wishes);
    if (session_open(&session, &wishes, e))
        return -1;
    run->authenticated = session.authenticated;
    run->envelope.require_all = run->job.settings->require_all;
    status = transaction_send(&session, &run->envelope, run->message, &run->result, e);
    session_close(&session);
    return status;
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
    struct err e = ERR_INIT;
    int status;

    if (!job_init(&run.job, settings, recipients, &e) && !job_arm(&run.job, taken, &e)) {
        warn_insecure(&run);
        if (!prepare(&run, input, &e))
            (void)dispatch(&run, &e);
    }
    report_recipients(report, &run.envelope, run.authenticated);
    if (e.kind != ERR_NONE)
        report_error(report, &e, NULL);
    status = report_exit_status(&run.envelope, &e);
    envelope_release(&run.envelope);
    message_free(run.message);
    job_release(&run.job);
    err_release(&e);
    return status;
}
