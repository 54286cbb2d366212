#include "send/serve.h"

#include "base/host.h"
#include "send/answer.h"
#include "send/client.h"
#include "send/relay.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A client that talks nonsense is none: it may be a script that somebody has fed us. */
enum { ERRORS_MAX = 20, NAME_MAX_BYTES = 512 };

/* RFC 5321 section 4.5.3.2.7. */
static const int64_t idle_ms = INT64_C(5) * 60 * 1000;

struct serve {
    struct client client;
    struct relay *relay;
    const struct report *report;
    struct reply answer; /* what the relay says */
    struct buf host;
    unsigned errors;  /* commands that can't be */
    bool over;        /* the client has been told that we go */
    bool turned_away; /* before it could say anything */
};

static void refuse(struct serve *s, const char *line)
{
    client_say(&s->client, "%s", line);
    if (++s->errors < ERRORS_MAX)
        return;
    client_say(&s->client, "421 4.7.0 %s too many errors", s->host.data);
    s->over = true;
}

static void greet_back(struct serve *s)
{
    static const char *const offered[] = {
        "PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN", "HELP", "ENHANCEDSTATUSCODES"};
    size_t i, n = sizeof(offered) / sizeof(offered[0]);

    client_say(&s->client, "250-%s", s->host.data);
    for (i = 0; i < n; i++)
        client_say(&s->client, "250%c%s", i + 1 < n ? '-' : ' ', offered[i]);
}

static void mail(struct serve *s, const struct request *request)
{
    if (relay_is_begun(s->relay)) {
        refuse(s, "503 5.5.1 the sender is known already");
        return;
    }
    relay_mail(s->relay, request, &s->answer);
    client_reply(&s->client, &s->answer);
}

static void recipient(struct serve *s, const struct request *request)
{
    if (!relay_is_begun(s->relay)) {
        refuse(s, "503 5.5.1 MAIL comes first");
        return;
    }
    relay_recipient(s->relay, request, &s->answer);
    client_reply(&s->client, &s->answer);
}

/* Read the message to its end and hand it on. */
static void take_message(struct serve *s)
{
    const struct source_reader reader = {client_read_data, &s->client};
    const struct message_options options = {.reader = &reader};
    struct message *message = NULL;
    struct err e = ERR_INIT;
    int status = message_open(&message, -1, &options, &e);

    if (!status) {
        relay_message(s->relay, message, &s->answer);
    } else if (!client_skip_data(&s->client)) {
        answer_error(&s->answer, e.kind == ERR_DATA ? "554 5.6.0" : "452 4.3.1", &e);
        report_error(s->report, &e, NULL);
    }
    if (s->client.trouble == TROUBLE_NONE)
        client_reply(&s->client, &s->answer);
    relay_reset(s->relay);
    message_free(message);
    err_release(&e);
}

static void data(struct serve *s)
{
    if (!relay_is_begun(s->relay)) {
        refuse(s, "503 5.5.1 MAIL comes first");
    } else if (!relay_takes_data(s->relay, &s->answer)) {
        client_reply(&s->client, &s->answer);
    } else {
        client_say(&s->client, "354 the message, then a line that is a lone dot");
        client_start_data(&s->client);
        take_message(s);
    }
}

static void obey(struct serve *s, const struct request *request)
{
    struct client *c = &s->client;

    switch (request->verb) {
    case VERB_EHLO:
        relay_reset(s->relay);
        greet_back(s);
        break;
    case VERB_HELO:
        relay_reset(s->relay);
        client_say(c, "250 %s", s->host.data);
        break;
    case VERB_MAIL:
        mail(s, request);
        break;
    case VERB_RCPT:
        recipient(s, request);
        break;
    case VERB_DATA:
        data(s);
        break;
    case VERB_RSET:
        relay_reset(s->relay);
        client_say(c, "250 2.0.0 forgotten");
        break;
    case VERB_NOOP:
        client_say(c, "250 2.0.0 here");
        break;
    case VERB_VRFY:
        client_say(c, "252 2.5.2 only RCPT asks the server");
        break;
    case VERB_HELP:
        client_say(c, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
        break;
    case VERB_QUIT:
        client_say(c, "221 2.0.0 %s goodbye", s->host.data);
        s->over = true;
        break;
    }
}

static void next_command(struct serve *s)
{
    struct request request;
    const char *refusal;
    char *line;
    size_t len;
    int got = client_line(&s->client, &line, &len);

    if (got < 0)
        return;
    refusal = got ? request_parse(&request, line, len) : "500 5.5.2 that line is too long";
    if (refusal)
        refuse(s, refusal);
    else
        obey(s, &request);
}

/* How it ended, for the user: the exit status. */
static int judge(struct serve *s)
{
    struct err e = ERR_INIT;
    int status;

    switch (s->client.trouble) {
    case TROUBLE_NONE:
        if (s->turned_away)
            err_set(&e, ERR_TEMPORARY, "the client's user has too many connections");
        if (s->errors >= ERRORS_MAX)
            err_set(&e, ERR_PROTOCOL, "the client made %d errors", ERRORS_MAX);
        break;
    case TROUBLE_GONE:
        /* Somebody has yet to hear that this message went nowhere. */
        if (s->client.at != DATA_ENDED)
            err_set(&e, ERR_IO, "standard input ended within the message, which was not sent");
        break;
    case TROUBLE_IDLE:
        err_set(&e, ERR_TEMPORARY,
                deadline_passed(s->client.run) ? "the run's deadline passed"
                                               : "the client was silent for too long");
        break;
    case TROUBLE_BROKEN:
        err_system(&e, ERR_IO, s->client.sys, "can't talk with the client");
        break;
    }
    status = err_exit_status(e.kind);
    if (e.kind != ERR_NONE)
        report_error(s->report, &e, NULL);
    err_release(&e);
    return status;
}

static int converse(struct serve *s)
{
    struct client *c = &s->client;

    if (relay_admits(s->relay)) {
        client_say(c, "220 %s ESMTP smtpsend", s->host.data);
    } else {
        client_say(c, "421 4.7.0 %s too many connections of yours", s->host.data);
        s->over = s->turned_away = true;
    }
    while (!s->over && c->trouble == TROUBLE_NONE)
        next_command(s);
    if (c->trouble == TROUBLE_IDLE)
        client_say(c, "421 4.4.2 %s the time is up", s->host.data);
    (void)client_flush(c);
    return judge(s);
}

/* Our name for the client: the host's, whatever it is. */
static void own_name(struct buf *name)
{
    char host[NAME_MAX_BYTES] = "";

    if (host_fqdn(name))
        return;
    buf_clear(name);
    buf_addstr(name, !gethostname(host, sizeof(host) - 1) && *host ? host : "localhost");
}

/* Some clients (Alpine, nmh) give us one pipe for both: what we said on stderr would be taken for an
 * answer. The answers have it too. */
static bool is_stderr(int out)
{
    struct stat a, b;

    return !isatty(out) && !fstat(out, &a) && !fstat(STDERR_FILENO, &b) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int serve_run(const struct serve_request *request, struct report *report)
{
    struct serve s = {.report = report};
    struct peer peer;
    const struct relay_request wishes = {.layers = request->layers,
                                         .peer = peer_find(&peer, request->in) ? &peer : NULL,
                                         .sendmail = request->sendmail};
    struct err e = ERR_INIT;
    int64_t timeout_ms;
    int status;

    s.relay = relay_new(&wishes, report, &e);
    if (!s.relay) {
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
        err_release(&e);
        return status;
    }
    report->quiet = report->quiet || is_stderr(request->out);
    timeout_ms = relay_timeout_ms(s.relay);
    client_init(&s.client, request->in, request->out, timeout_ms < 0 ? idle_ms : timeout_ms,
                relay_run(s.relay));
    reply_init(&s.answer);
    buf_init(&s.host, NAME_MAX_BYTES);
    own_name(&s.host);
    status = converse(&s);
    relay_free(s.relay);
    client_release(&s.client);
    reply_release(&s.answer);
    buf_release(&s.host);
    return status;
}
