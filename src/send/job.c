#include "send/job.h"

#include "base/text.h"
#include "send/identity.h"
#include "send/recipients.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NAME_MAX_BYTES = 512, PATH_MAX_BYTES = 1024 };

/* Words that end up in a command or a header must not be able to start another one. */
static int check_line(const char *option, const char *value, struct err *e)
{
    if (value && text_has_line_end(value))
        return err_set(e, ERR_USAGE, "%s must not contain a line end", option);
    return 0;
}

static int parse_helo(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    const struct buf *helo = &job->helo;

    if (!s->helo)
        return 0;
    if (local_expand(&job->local, settings_origin(s, "helo"), s->helo, &job->helo, e))
        return -1;
    if (helo->failed || (!mailbox_is_domain(helo->data, helo->len, false) &&
                         !mailbox_is_literal(helo->data, helo->len))) {
        err_set(e, ERR_USAGE, "--helo needs a domain name or an address literal");
        return err_about(e, "helo");
    }
    return 0;
}

/* --domain is used much later, perhaps never; that it can't be one is said now. */
static int check_domain(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    struct buf domain;
    int status;

    if (!s->domain)
        return 0;
    buf_init(&domain, NAME_MAX_BYTES);
    status = local_expand(&job->local, settings_origin(s, "domain"), s->domain, &domain, e);
    if (!status && (domain.failed || !mailbox_is_domain(domain.data, domain.len, true)))
        status = err_set(e, ERR_USAGE, "--domain needs a domain name");
    buf_release(&domain);
    return status ? err_about(e, "domain") : 0;
}

/* --postmaster too. */
static int check_postmaster(struct job *job, struct err *e)
{
    const char *text = job->settings->postmaster;
    struct buf address;
    int status;

    if (!text || !*text)
        return 0;
    buf_init(&address, PATH_MAX_BYTES);
    status = mailbox_reverse_path(text, "localhost", &address, e);
    if (!status && (address.failed || !address.len))
        status = err_set(e, ERR_USAGE, "--postmaster needs an address");
    buf_release(&address);
    return status ? err_about(e, "postmaster") : 0;
}

static int check_words(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;

    if (s->ipv4 && s->ipv6)
        return err_set(e, ERR_USAGE, "-4 and -6 exclude each other");
    if (check_line("-F", s->full_name, e))
        return -1;
    return check_line("--authzid", s->authzid, e) ? err_about(e, "authzid") : 0;
}

/* What --tls says. DANE needs routes by DNSSEC, which this build does not have. */
static int parse_tls_mode(const char *text, enum tls_mode *mode, struct err *e)
{
    *mode = TLS_MODE_DEFAULT;
    if (text && tls_mode_parse(text, mode)) {
        err_set(e, ERR_USAGE, "--tls %.20s is not in this build", text);
        err_about(e, "tls");
        return err_hint(e, "required verifies the server by its certificate");
    }
    return 0;
}

/* TLS will compare a name: neither waived nor replaced by a pin. */
static bool needs_name(const struct job *job)
{
    const struct settings *s = job->settings;

    return (job->server.tls == TLS_MODE_REQUIRED || job->server.tls == TLS_MODE_IMPLICIT) &&
           !s->tls_name && !s->tls_insecure && !(s->tls_pin.count && !s->tls_ca);
}

/* A descriptor that was never handed in is found before the message is read. */
static int check_descriptor(const struct job *job, struct err *e)
{
    if (job->server.kind == SERVER_FD && fcntl(job->server.fd, F_GETFD) < 0)
        return err_system(e, ERR_USAGE, errno, "fd:%d", job->server.fd);
    return 0;
}

bool job_url_wins(const struct job *job, const char *setting)
{
    return settings_source(job->settings, setting) < settings_source(job->settings, "server");
}

static int parse_address(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;

    if (server_parse(&job->server, s->server ? s->server : "smtp://localhost", e))
        return err_about(e, "server");
    return 0;
}

static int settle_server(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    enum tls_mode mode;

    const char *port =
        s->port && !(job->server.port && job_url_wins(job, "port")) ? s->port : NULL;

    if (parse_tls_mode(s->tls, &mode, e))
        return -1;
    if (job->server.tls == TLS_MODE_IMPLICIT && mode != TLS_MODE_DEFAULT &&
        mode != TLS_MODE_IMPLICIT &&
        settings_source(s, "tls") <= settings_source(s, "server")) {
        if (!job_url_wins(job, "tls")) {
            err_set(e, ERR_USAGE,
                    "--tls %.20s and a --server of submissions:// contradict each other",
                    s->tls);
            return err_about(e, "tls");
        }
        mode = TLS_MODE_DEFAULT;
    }
    if (server_settle(&job->server, port, mode, job->authenticates, e))
        return err_about(e, port ? "port" : "tls");
    /* A pin is of one server and means that it is looked at: TLS is not off by default then. */
    if (s->tls_pin.count && job->server.tls == TLS_MODE_OFF) {
        if (s->tls) {
            err_set(e, ERR_USAGE, "--tls off and --tls-pin contradict each other");
            return err_about(e, "tls");
        }
        job->server.tls = TLS_MODE_REQUIRED;
    }
    if (job->server.kind != SERVER_HOST && needs_name(job)) {
        err_set(e, ERR_USAGE, "this server has no name that TLS could verify");
        err_hint(e, "give --tls-name NAME, or --tls off");
        return err_about(e, "server");
    }
    return 0;
}

static int parse_sender(struct job *job, struct err *e)
{
    int status = local_sender(&job->local, &job->reverse_path, e);

    job->has_sender = status > 0;
    return status < 0 ? -1 : 0;
}

/* A socket buffer's size; the kernel bounds it further. */
static int parse_buffer(const char *option, const char *value, int *bytes, struct err *e)
{
    int64_t number = value ? text_number(value, 1 << 30) : 0;

    if (number < 0 || (value && !number)) {
        err_set(e, ERR_USAGE, "%s: '%.20s' is no number of bytes", option, value);
        return err_about(e, option + strlen("--"));
    }
    *bytes = (int)number;
    return 0;
}

static int parse_buffers(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;

    return parse_buffer("--send-buffer", s->send_buffer, &job->send_buffer, e) ||
                   parse_buffer("--receive-buffer", s->receive_buffer, &job->receive_buffer, e)
               ? -1
               : 0;
}

static int parse_delivery(struct job *job, struct err *e)
{
    return delivery_parse(&job->extensions, job->settings, e);
}

static int check_pins(struct job *job, struct err *e)
{
    return tls_check_pins(job->settings->tls_pin.at, e) ? err_about(e, "tls-pin") : 0;
}

/* What settings say by themselves, each step on its own as far as the ones before it went well. */
static int (*const steps[])(struct job *job, struct err *e) = {
    check_words,    parse_helo,    check_domain,   check_postmaster,
    parse_address,  parse_buffers, parse_delivery, parse_sender,
    identity_parse, check_pins,    settle_server,
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]), SETTLING = STEPS - 1 };

static void start(struct job *job, const struct settings *settings)
{
    *job = (struct job){.settings = settings, .run = deadline_in(settings->deadline_ms)};
    addresses_init(&job->recipients);
    buf_init(&job->reverse_path, PATH_MAX_BYTES);
    buf_init(&job->helo, NAME_MAX_BYTES);
    local_init(&job->local, settings);
    identity_init(job);
}

static int understand(struct job *job, struct err *e)
{
    size_t i;

    for (i = 0; i < SETTLING; i++) {
        if (steps[i](job, e))
            return -1;
    }
    return 0;
}

int job_init(struct job *job, const struct settings *settings, char **recipients, struct err *e)
{
    start(job, settings);
    if (understand(job, e) || identity_find(job, e) || settle_server(job, e) ||
        check_descriptor(job, e) || (recipients && recipients_take_words(job, recipients, e))) {
        err_at(e, STAGE_CONFIG);
        return settings_blame(settings, e);
    }
    return 0;
}

void job_check(const struct settings *settings, struct problems *problems)
{
    struct err e = ERR_INIT;
    bool has_server = true;
    struct job job;
    size_t i;

    start(&job, settings);
    for (i = 0; i < STEPS; i++) {
        if ((i == SETTLING && !has_server) || !steps[i](&job, &e))
            continue;
        has_server = has_server && steps[i] != parse_address;
        err_at(&e, STAGE_CONFIG);
        settings_blame(settings, &e);
        problems_add(problems, &e);
    }
    job_release(&job);
}

void job_release(struct job *job)
{
    server_release(&job->server);
    tls_context_free(job->tls);
    addresses_release(&job->recipients);
    aliases_free(job->aliases);
    buf_release(&job->reverse_path);
    buf_release(&job->helo);
    local_release(&job->local);
    identity_release(job);
}

int job_arm(struct job *job, struct secret **taken, struct err *e)
{
    const struct settings *s = job->settings;
    struct tls_wishes wishes = {.name = s->tls_name ? s->tls_name : job->server.host,
                                .ca_file = s->tls_ca,
                                .crl_file = s->tls_crl,
                                .cert_file = s->tls_cert,
                                .key_file = s->tls_key,
                                .pins = s->tls_pin.at,
                                .priority = s->tls_priority,
                                .at_least_1_3 = s->tls_min && !strcmp(s->tls_min, "1.3"),
                                .verify = !s->tls_insecure &&
                                          job->server.tls != TLS_MODE_OPPORTUNISTIC};

    if (!wishes.name)
        wishes.name = "";
    if (job->server.tls != TLS_MODE_OFF) {
        job->tls = tls_context_new(&wishes, e);
        if (!job->tls)
            return -1;
    }
    return identity_arm(job, taken, e);
}

void job_session(const struct job *job, const struct sink *sink, struct session_wishes *wishes)
{
    const struct settings *s = job->settings;

    *wishes = (struct session_wishes){
        .server = &job->server,
        .family = s->ipv4   ? AF_INET
                  : s->ipv6 ? AF_INET6
                            : AF_UNSPEC,
        .connect_timeout_ms = s->connect_timeout_ms,
        .send_buffer = job->send_buffer,
        .receive_buffer = job->receive_buffer,
        .dialog = {.timeout_ms = s->timeout_ms, .run = job->run, .sink = sink},
        .tls = job->tls,
        .tls_waived = s->tls_insecure,
        .helo = job->helo.len ? job->helo.data : NULL,
        .pipelining = !s->pipelining || !text_same(s->pipelining, "off"),
        .identity = job->authenticates ? &job->identity : NULL,
        .mechanisms = job->mechanisms_chosen ? job->mechanisms : NULL,
        .cleartext_auth = s->allow_cleartext_auth,
    };
}

enum chunking job_chunking(const struct job *job)
{
    const char *wish = job->settings->chunking;

    if (wish && text_same(wish, "off"))
        return CHUNKING_OFF;
    return wish && text_same(wish, "early") ? CHUNKING_EARLY : CHUNKING_AUTO;
}

void job_warn(const struct job *job, const struct sink *sink)
{
    const struct settings *s = job->settings;

    if (s->tls_insecure && job->tls)
        sink_say(sink, EVENT_WARNING, STAGE_TLS,
                 "--tls-insecure: whoever answers gets the message and the password");
    if (s->body && !text_same(s->body, "7bit") && !text_same(s->body, "8bitmime"))
        sink_say(sink, EVENT_WARNING, STAGE_CONFIG,
                 "-B: neither 7bit nor 8bitmime, the message itself decides");
}
