#include "smtp/session.h"

#include "base/host.h"
#include "mail/mailbox.h"
#include "net/dial.h"
#include "smtp/auth.h"

#include <stdio.h>
#include <string.h>

enum { HELO_MAX = 512 };

/* What a refusal before MAIL means: 4xx may pass, 5xx is the server's no to all service. */
static enum err_kind refusal_kind(const struct reply *r)
{
    if (r->code == 530 || r->code == 535)
        return ERR_NOPERM;
    if (reply_class(r) == 4)
        return ERR_TEMPORARY;
    return reply_class(r) == 5 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
}

static int refused(const struct reply *r, enum stage stage, const char *what, struct err *e)
{
    reply_refusal(r, refusal_kind(r), what, e);
    if (e->kind == ERR_TEMPORARY)
        err_hint(e, "try again later");
    return err_at(e, stage);
}

static int greeting(struct session *s, struct err *e)
{
    const struct reply *reply;

    if (dialog_greeting(s->dialog, &reply, e))
        return -1;
    if (reply->code == 220)
        return 0;
    return refused(reply, STAGE_GREETING, "the server refuses service", e);
}

/* Our name for EHLO: never one that is no domain (RFC 5321 section 4.1.1.1). */
static void own_name(const struct session *s, const struct session_wishes *w, struct buf *name)
{
    if (w->helo) {
        buf_addstr(name, w->helo);
        return;
    }
    if (host_fqdn(name) && mailbox_is_domain(name->data, name->len, false))
        return;
    buf_clear(name);
    dial_own_literal(dialog_stream(s->dialog)->fd, name);
}

static int say_hello(struct session *s, const char *verb, const char *name,
                     const struct reply **reply, struct err *e)
{
    char text[HELO_MAX];

    snprintf(text, sizeof(text), "%s %s", verb, name);
    return dialog_ask(s->dialog, STAGE_EHLO, text, NULL, reply, e);
}

/* EHLO, or HELO where the server knows no EHLO (RFC 5321 section 3.2). */
static int hello(struct session *s, const struct session_wishes *w, struct err *e)
{
    const struct reply *reply;
    struct buf name;
    int status;

    buf_init(&name, HELO_MAX / 2);
    own_name(s, w, &name);
    caps_clear(&s->caps);
    status = say_hello(s, "EHLO", name.data, &reply, e);
    s->esmtp = !status && reply->code == 250;
    if (s->esmtp)
        caps_parse(&s->caps, reply->text.data, reply->text.len);
    else if (!status && reply_class(reply) == 5)
        status = say_hello(s, "HELO", name.data, &reply, e);
    if (!status && reply->code != 250)
        status = refused(reply, STAGE_EHLO, "the server refuses our greeting", e);
    buf_release(&name);
    return status;
}

/* TLS is a session of tls_begin, which the dialogue takes. */
static int go_secure(struct session *s, const struct session_wishes *w, struct stream *tls,
                     struct err *e)
{
    if (dialog_start_tls(s->dialog, tls, e))
        return -1;
    s->encrypted = true;
    s->verified = w->server->tls != TLS_MODE_OPPORTUNISTIC && !w->tls_waived;
    s->trusted = s->verified || w->tls_waived;
    return 0;
}

static int starttls_missing(struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "the server does not offer STARTTLS, and TLS is required");
    err_hint(e, "try port 465 with --tls implicit; --tls off sends in the clear");
    return err_at(e, STAGE_STARTTLS);
}

/* RFC 3207. What the server said in clear is forgotten, and EHLO is said again inside. */
static int starttls(struct session *s, const struct session_wishes *w, struct err *e)
{
    const struct reply *reply;
    struct stream *tls;
    bool optional = w->server->tls == TLS_MODE_OPPORTUNISTIC;

    if (!(s->caps.bits & CAP_STARTTLS))
        return optional ? 0 : starttls_missing(e);
    if (dialog_ask(s->dialog, STAGE_STARTTLS, "STARTTLS", NULL, &reply, e))
        return -1;
    if (reply->code != 220) {
        if (optional && reply_class(reply) >= 4 && !dialog_is_over(s->dialog))
            return 0;
        return refused(reply, STAGE_STARTTLS, "the server refuses STARTTLS", e);
    }
    tls = tls_begin(w->tls, e);
    return !tls || go_secure(s, w, tls, e) ? -1 : hello(s, w, e);
}

static int connect_stage(struct session *s, const struct session_wishes *w, struct err *e)
{
    struct dial dial = {.server = w->server,
                        .family = w->family,
                        .timeout_ms = w->connect_timeout_ms,
                        .run = w->dialog.run,
                        .send_buffer = w->send_buffer,
                        .receive_buffer = w->receive_buffer,
                        .sink = w->dialog.sink};
    struct stream *stream, *tls = NULL;

    if (w->server->tls == TLS_MODE_IMPLICIT) {
        tls = tls_begin(w->tls, e);
        if (!tls)
            return -1;
        dial.opening = tls_opening(tls);
    }
    stream = dial_connect(&dial, e);
    if (stream)
        s->dialog = dialog_new(stream, &w->dialog, e);
    if (!s->dialog) {
        stream_free(tls);
        return err_at(e, STAGE_CONNECT);
    }
    return tls ? go_secure(s, w, tls, e) : 0;
}

static bool wants_starttls(const struct session_wishes *w)
{
    return w->server->tls == TLS_MODE_REQUIRED || w->server->tls == TLS_MODE_OPPORTUNISTIC;
}

static int establish(struct session *s, const struct session_wishes *w, struct err *e)
{
    if (connect_stage(s, w, e) || greeting(s, e) || hello(s, w, e))
        return -1;
    if (wants_starttls(w) && starttls(s, w, e))
        return -1;
    return w->identity ? auth_authenticate(s, w, e) : 0;
}

int session_open(struct session *s, const struct session_wishes *wishes, struct err *e)
{
    *s = (struct session){.sink = wishes->dialog.sink};
    caps_init(&s->caps);
    if (!establish(s, wishes, e)) {
        if (!wishes->pipelining)
            s->caps.bits &= ~(unsigned)CAP_PIPELINING;
        dialog_pipeline(s->dialog, (s->caps.bits & CAP_PIPELINING) != 0);
        return 0;
    }
    session_close(s);
    return -1;
}

bool session_takes_more(const struct session *s)
{
    return s->dialog && !dialog_is_over(s->dialog) &&
           (!s->caps.mail_max || s->transactions < s->caps.mail_max);
}

void session_close(struct session *s)
{
    if (s->dialog)
        dialog_quit(s->dialog);
    session_abort(s);
}

void session_abort(struct session *s)
{
    dialog_free(s->dialog);
    s->dialog = NULL;
    caps_release(&s->caps);
}
