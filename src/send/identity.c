#include "send/identity.h"

#include "base/text.h"
#include "conf/netrc.h"
#include "conf/password.h"

#include <stdlib.h>
#include <string.h>

/* --auth: auto, off, or mechanisms in order. */
static int parse_mechanisms(struct job *job, struct err *e)
{
    const char *list = job->settings->auth;
    const struct sasl_mechanism *mechanism;
    char *word, *save = NULL;
    size_t n = 0;

    if (!list || text_same(list, "auto") || text_same(list, "off"))
        return 0;
    job->mechanism_words = strdup(list);
    if (!job->mechanism_words)
        return err_set(e, ERR_OS, "no memory for --auth");
    for (word = strtok_r(job->mechanism_words, ", ", &save); word;
         word = strtok_r(NULL, ", ", &save)) {
        mechanism = sasl_find(word);
        if (!mechanism || n == JOB_MECHANISMS_MAX) {
            err_set(e, ERR_USAGE, "--auth: no mechanism '%.40s' here", word);
            return err_hint(e, "see --auth in smtpsend(1)");
        }
        job->mechanisms[n++] = mechanism->name;
    }
    job->mechanisms_chosen = true;
    return n ? 0 : err_set(e, ERR_USAGE, "--auth needs auto, off or mechanisms");
}

/* The mechanisms in question: those chosen, else all that may be taken unasked. */
static const struct sasl_mechanism *in_question(const struct job *job, size_t n)
{
    if (job->mechanisms_chosen)
        return job->mechanisms[n] ? sasl_find(job->mechanisms[n]) : NULL;
    return sasl_all()[n];
}

static bool any_wants(const struct job *job, enum sasl_proof proof)
{
    const struct sasl_mechanism *m;
    size_t i;

    for (i = 0; (m = in_question(job, i)); i++) {
        if (m->proof == proof && (job->identity.user || !m->needs_user) &&
            (!job->identity.authzid || m->authzid))
            return true;
    }
    return false;
}

/* A user that only the netrc file names. */
static int login_from_netrc(struct job *job, struct err *e)
{
    struct buf password;
    int found;

    buf_init_secret(&password, SECRET_MAX);
    found = netrc_find(job->settings->netrc, job->server.host, NULL, &job->netrc_login,
                       &password, e);
    buf_release(&password);
    if (found < 0)
        return -1;
    if (!found || !job->netrc_login.len) {
        err_set(e, ERR_NOPERM, "--netrc has no login for '%.255s'", job->server.host);
        return err_at(e, STAGE_AUTH);
    }
    job->identity.user = job->netrc_login.data;
    return 0;
}

void identity_init(struct job *job)
{
    buf_init(&job->netrc_login, SECRET_MAX);
}

static bool is_off(const struct settings *s)
{
    return s->auth && text_same(s->auth, "off");
}

int identity_parse(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    struct sasl_identity *who = &job->identity;

    who->user = s->user && !(job->server.user && job_url_wins(job, "user")) ? s->user
                                                                            : job->server.user;
    who->authzid = s->authzid;
    who->certificate = s->tls_cert != NULL;
    if (who->user && !*who->user) {
        err_set(e, ERR_USAGE, "--user must not be empty");
        return err_about(e, "user");
    }
    if (who->user && text_has_line_end(who->user)) {
        err_set(e, ERR_USAGE, "%s must not contain a line end",
                s->user ? "--user" : "the user of --server");
        return err_about(e, s->user ? "user" : "server");
    }
    if (parse_mechanisms(job, e))
        return err_about(e, "auth");
    job->authenticates =
        !is_off(s) && (who->user || job->mechanisms_chosen || token_is_configured(s));
    return 0;
}

/* That one of the mechanisms in question can be used with what is there. */
static int check_mechanisms(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;
    const struct sasl_identity *who = &job->identity;

    if (any_wants(job, SASL_PASSWORD) || any_wants(job, SASL_TOKEN) ||
        any_wants(job, SASL_TICKET) || (who->certificate && any_wants(job, SASL_CERTIFICATE)))
        return 0;
    if (any_wants(job, SASL_CERTIFICATE))
        err_set(e, ERR_USAGE, "--auth EXTERNAL needs --tls-cert");
    else if (who->user && who->authzid)
        err_set(e, ERR_USAGE, "--authzid: --auth %.100s can't carry it", s->auth);
    else
        err_set(e, ERR_USAGE, "--auth %.100s needs --user", s->auth);
    return err_about(e, "auth");
}

int identity_find(struct job *job, struct err *e)
{
    const struct settings *s = job->settings;

    if (is_off(s))
        return 0;
    if (s->netrc && !job->identity.user && job->server.kind == SERVER_HOST) {
        if (login_from_netrc(job, e))
            return -1;
        job->authenticates = true;
    }
    return job->authenticates ? check_mechanisms(job, e) : 0;
}

static int renew_token(void *ctx, struct err *e)
{
    struct job *job = ctx;
    struct secret *fresh = token_obtain(job->settings, job->run, e);

    if (!fresh)
        return -1;
    secret_free(job->identity.token);
    job->identity.token = fresh;
    return 0;
}

static int arm_token(struct job *job, struct err *e)
{
    job->identity.token = token_obtain(job->settings, job->run, e);
    if (!job->identity.token)
        return -1;
    if (!job->settings->token_file && job->settings->token_command) {
        job->identity.renew_token = renew_token;
        job->identity.renew_ctx = job;
    }
    return 0;
}

static int arm_password(struct job *job, struct secret **taken, struct err *e)
{
    const char *host = job->server.host ? job->server.host : "localhost";

    job->identity.password =
        password_obtain(job->settings, job->identity.user, host, taken, job->run, e);
    if (!job->identity.password)
        return -1;
    return sasl_prepare_password(&job->identity.password, e);
}

/* Nobody is asked for a password on the terminal while there is another proof to give. */
static bool wants_password(const struct job *job, const struct secret *taken)
{
    bool other = job->identity.token ||
                 (job->identity.certificate && any_wants(job, SASL_CERTIFICATE)) ||
                 (job->mechanisms_chosen && any_wants(job, SASL_TICKET));

    return any_wants(job, SASL_PASSWORD) &&
           (!other || password_is_configured(job->settings, taken));
}

bool identity_asks(const struct job *job, const struct secret *taken)
{
    return job->authenticates && wants_password(job, taken) &&
           !password_is_configured(job->settings, taken) && !token_is_configured(job->settings);
}

int identity_arm(struct job *job, struct secret **taken, struct err *e)
{
    if (!job->authenticates)
        return 0;
    if (any_wants(job, SASL_TOKEN) && token_is_configured(job->settings) && arm_token(job, e))
        return -1;
    if (wants_password(job, *taken))
        return arm_password(job, taken, e);
    if (!job->identity.token && job->mechanisms_chosen && any_wants(job, SASL_TOKEN) &&
        !any_wants(job, SASL_PASSWORD) && !any_wants(job, SASL_TICKET) &&
        !(job->identity.certificate && any_wants(job, SASL_CERTIFICATE))) {
        err_set(e, ERR_NOPERM, "there is no token to authenticate with");
        err_hint(e, "give --token-command or --token-file");
        return err_at(e, STAGE_AUTH);
    }
    return 0;
}

void identity_release(struct job *job)
{
    secret_free(job->identity.password);
    secret_free(job->identity.token);
    buf_release(&job->netrc_login);
    free(job->mechanism_words);
}
