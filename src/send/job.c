#include "send/job.h"

#include "base/host.h"
#include "base/text.h"
#include "send/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 512, PATH_MAX_BYTES = 1024 };

/* Words that end up in a command or a header must not be able to start another one. */
static int check_line(const char *option, const char *value, struct err *e)
{
    if (value && text_has_line_end(value))
        return err_set(e, ERR_USAGE, "%s must not contain a line end", option);
    return 0;
}

static int check_names(const struct settings *s, struct err *e)
{
    if (s->helo && !mailbox_is_domain(s->helo, strlen(s->helo), false) &&
        !mailbox_is_literal(s->helo, strlen(s->helo)))
        return err_set(e, ERR_USAGE, "--helo needs a domain name or an address literal");
    if (s->domain && !mailbox_is_domain(s->domain, strlen(s->domain), true))
        return err_set(e, ERR_USAGE, "--domain needs a domain name");
    if (s->ipv4 && s->ipv6)
        return err_set(e, ERR_USAGE, "-4 and -6 exclude each other");
    if (check_line("-F", s->full_name, e) || check_line("--authzid", s->authzid, e))
        return -1;
    return 0;
}

/* What --tls says. DANE needs routes by DNSSEC, which this build does not have. */
static int parse_tls_mode(const char *text, enum tls_mode *mode, struct err *e)
{
    *mode = TLS_MODE_DEFAULT;
    if (text && tls_mode_parse(text, mode)) {
        err_set(e, ERR_USAGE, "--tls %.20s is not in this build", text);
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

static int parse_server(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    enum tls_mode mode;

    if (parse_tls_mode(s->tls, &mode, e) ||
        server_parse(&job->server, s->server ? s->server : "smtp://localhost", e))
        return -1;
    if (identity_parse(job, e) ||
        server_settle(&job->server, s->port, mode, job->authenticates, e))
        return -1;
    /* A pin is of one server and means that it is looked at: TLS is not off by default then. */
    if (s->tls_pin.count && job->server.tls == TLS_MODE_OFF) {
        if (s->tls)
            return err_set(e, ERR_USAGE, "--tls off and --tls-pin contradict each other");
        job->server.tls = TLS_MODE_REQUIRED;
    }
    if (job->server.kind != SERVER_HOST && needs_name(job)) {
        err_set(e, ERR_USAGE, "this server has no name that TLS could verify");
        return err_hint(e, "give --tls-name NAME, or --tls off");
    }
    return check_descriptor(job, e);
}

/* False only for words that plainly are one whole address: they need no look at the domain. */
static bool may_be_bare(const char *word)
{
    return !strchr(word, '@') || strpbrk(word, ",;:<\"(") != NULL;
}

static int parse_recipients(struct job *job, char **words, struct err *e)
{
    for (; *words; words++) {
        const char *domain = may_be_bare(*words) ? job_domain(job) : NULL;

        if (mailbox_argument(*words, domain, &job->recipients, e))
            return -1;
    }
    if (!job->recipients.count && !job->settings->header_recipients) {
        err_set(e, ERR_USAGE, "no recipient");
        return err_hint(e, "name one, or give -t to take them from the message");
    }
    return 0;
}

static int parse_sender(struct job *job, struct err *e)
{
    const char *from = job->settings->from;

    if (!from)
        return 0;
    job->has_sender = true;
    return mailbox_reverse_path(from, may_be_bare(from) && *from ? job_domain(job) : NULL,
                                &job->reverse_path, e);
}

/* A socket buffer's size; the kernel bounds it further. */
static int parse_buffer(const char *option, const char *value, int *bytes, struct err *e)
{
    int64_t number = value ? text_number(value, 1 << 30) : 0;

    if (number < 0 || (value && !number))
        return err_set(e, ERR_USAGE, "%s: '%.20s' is no number of bytes", option, value);
    *bytes = (int)number;
    return 0;
}

int job_init(struct job *job, const struct settings *settings, char **recipients, struct err *e)
{
    *job = (struct job){.settings = settings, .run = deadline_in(settings->deadline_ms)};
    addresses_init(&job->recipients);
    buf_init(&job->reverse_path, PATH_MAX_BYTES);
    buf_init(&job->domain, NAME_MAX_BYTES);
    buf_init(&job->login, NAME_MAX_BYTES);
    buf_init(&job->full_name, NAME_MAX_BYTES);
    if (check_names(settings, e) || parse_server(job, e) ||
        parse_buffer("--send-buffer", settings->send_buffer, &job->send_buffer, e) ||
        parse_buffer("--receive-buffer", settings->receive_buffer, &job->receive_buffer, e) ||
        delivery_parse(&job->extensions, settings, e) || parse_recipients(job, recipients, e) ||
        parse_sender(job, e))
        return err_at(e, STAGE_CONFIG);
    return 0;
}

void job_release(struct job *job)
{
    server_release(&job->server);
    tls_context_free(job->tls);
    addresses_release(&job->recipients);
    buf_release(&job->reverse_path);
    buf_release(&job->domain);
    buf_release(&job->login);
    buf_release(&job->full_name);
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

const char *job_domain(struct job *job)
{
    struct buf *domain = &job->domain;

    if (job->settings->domain)
        return job->settings->domain;
    if (!job->domain_known) {
        job->domain_known = true;
        if (!host_mailname(domain) && !host_fqdn(domain))
            buf_clear(domain);
        if (domain->failed || !mailbox_is_domain(domain->data, domain->len, true))
            buf_clear(domain);
    }
    return domain->len ? domain->data : NULL;
}

/* The first part of the GECOS field, where '&' stands for the login name (passwd(5)). */
static void gecos_name(struct job *job, const char *gecos)
{
    for (; *gecos && *gecos != ','; gecos++) {
        if (*gecos == '&')
            buf_addstr(&job->full_name, job->login.data);
        else
            buf_addch(&job->full_name, *gecos);
    }
}

int job_own_address(struct job *job, struct buf *out, struct err *e)
{
    const struct passwd *user = getpwuid(getuid());
    const char *domain = job_domain(job);

    if (!user) {
        err_set(e, ERR_OS, "this user has no login name");
        return err_hint(e, "say who sends with -f");
    }
    buf_addstr(&job->login, user->pw_name);
    if (job->settings->full_name)
        buf_addstr(&job->full_name, job->settings->full_name);
    else
        gecos_name(job, user->pw_gecos);
    return mailbox_reverse_path(job->login.data, domain ? domain : "localhost", out, e);
}
