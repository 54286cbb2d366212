#include "smtp/auth.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    RESPONSE_MAX = COMMAND_MAX / 4 * 3, /* whose base64 still fits into a line */
    COMMAND_LINE = 510,                 /* RFC 5321: 512 with CRLF */
    CHALLENGE_MAX = 12288               /* of base64: RFC 4954 section 4 */
};

/* How one mechanism ended. */
enum verdict { VERDICT_YES, VERDICT_NEXT, VERDICT_RENEW, VERDICT_FAILED };

/* One attempt with one mechanism. */
struct attempt {
    struct session *session;
    struct sasl sasl;
    struct buf response;
    bool held; /* an initial response was made and goes out after the server's 334 */
    const struct reply *reply;
    struct err *e;
};

static int may_speak(const struct session *s, const struct session_wishes *w, struct err *e)
{
    if (s->trusted || w->cleartext_auth)
        return 0;
    if (s->encrypted)
        err_set(e, ERR_NOPERM, "the server is not verified, so no password goes to it");
    else
        err_set(e, ERR_NOPERM, "the connection is not encrypted, so no password goes over it");
    err_hint(e, "use --tls required or implicit; --allow-cleartext-auth sends it all the same");
    return err_at(e, STAGE_AUTH);
}

/* Replies that say "not this way" rather than "not you" (RFC 4954 section 4 and 6); some servers
 * answer a long initial response with 500 or 555. */
static bool is_protocol_failure(int code)
{
    return code == 500 || code == 501 || code == 502 || code == 504 || code == 555;
}

/* What the server explained in the exchange itself, shown with our words. */
static void add_explanation(const struct attempt *a, const char *what, char *out, size_t size)
{
    struct buf shown;

    buf_init(&shown, 1024);
    text_escape(&shown, a->sasl.said.data, a->sasl.said.len < 200 ? a->sasl.said.len : 200);
    snprintf(out, size, shown.len ? "%s (%s)" : "%s", what, shown.data);
    buf_release(&shown);
}

/* What to look at when the server does not believe the proof. */
static const char *refusal_hint(enum sasl_proof proof)
{
    switch (proof) {
    case SASL_TOKEN:
        return "is the token of this user, still valid, and for this scope?";
    case SASL_CERTIFICATE:
        return "is the certificate this user's (--tls-cert, --user)?";
    case SASL_TICKET:
        return "may the ticket's owner (klist) act as this user?";
    case SASL_PASSWORD:
        break;
    }
    return "check --user and the password";
}

static void refused(struct attempt *a)
{
    const struct reply *r = a->reply;
    char what[1024];

    if (reply_class(r) == 4) {
        reply_refusal(r, ERR_TEMPORARY, "the server can't authenticate now", a->e);
        err_hint(a->e, "try again later");
    } else if (reply_class(r) == 5) {
        add_explanation(a, "the server refuses authentication", what, sizeof(what));
        reply_refusal(r, ERR_NOPERM, what, a->e);
        err_hint(a->e, "%s", refusal_hint(a->sasl.mechanism->proof));
    } else {
        reply_refusal(r, ERR_PROTOCOL, "the server's reply makes no sense during AUTH", a->e);
    }
    err_at(a->e, STAGE_AUTH);
}

/* One line of the exchange; what observers see never has the response in it. */
static int send_line(struct attempt *a, const struct buf *line, const char *shown)
{
    if (buf_check(line, ERR_USAGE, "the authentication response", a->e))
        return err_at(a->e, STAGE_AUTH);
    return dialog_ask(a->session->dialog, STAGE_AUTH, line->data, shown, &a->reply, a->e);
}

/* Append the base64 of RESPONSE, "=" for an empty initial one (RFC 4954 section 4). */
static void encode(struct buf *line, const struct buf *response, bool initial)
{
    if (initial && !response->len)
        buf_addch(line, '=');
    else
        text_base64(line, response->data, response->len);
}

static enum sasl_result respond(struct attempt *a, const struct buf *challenge)
{
    enum sasl_result result;

    buf_clear(&a->response);
    result = a->sasl.mechanism->respond(&a->sasl, challenge->data, challenge->len, &a->response,
                                        a->e);
    a->sasl.step++;
    if (result == SASL_OK && buf_check(&a->response, ERR_USAGE, "the response", a->e))
        result = SASL_UNABLE;
    err_at(a->e, STAGE_AUTH);
    return result;
}

/* "AUTH NAME" with the initial response where it fits into a command line. */
static int send_auth(struct attempt *a)
{
    const struct sasl_mechanism *mechanism = a->sasl.mechanism;
    char shown[64];
    struct buf line;
    int status;

    buf_init_secret(&line, COMMAND_MAX);
    buf_addf(&line, "AUTH %s", mechanism->name);
    a->held = mechanism->initial && line.len + 1 + (a->response.len + 2) / 3 * 4 > COMMAND_LINE;
    if (mechanism->initial && !a->held) {
        buf_addch(&line, ' ');
        encode(&line, &a->response, true);
    }
    snprintf(shown, sizeof(shown), "AUTH %s%s", mechanism->name,
             mechanism->initial && !a->held ? " <redacted>" : "");
    status = send_line(a, &line, shown);
    buf_release(&line);
    return status;
}

/* Make the response to one 334. A challenge that is no base64 can't be answered. */
static enum sasl_result prepare_answer(struct attempt *a)
{
    enum sasl_result result = SASL_UNABLE;
    struct buf challenge;

    if (a->held) {
        a->held = false;
        return SASL_OK;
    }
    buf_init(&challenge, CHALLENGE_MAX);
    if (a->reply->text.len > CHALLENGE_MAX) {
        err_set(a->e, ERR_PROTOCOL, "the server's challenge is longer than %d bytes",
                CHALLENGE_MAX);
        err_at(a->e, STAGE_AUTH);
    } else if (text_unbase64(&challenge, a->reply->text.data, a->reply->text.len)) {
        err_set(a->e, ERR_PROTOCOL, "the server's challenge is no base64");
        err_at(a->e, STAGE_AUTH);
    } else {
        result = respond(a, &challenge);
    }
    buf_release(&challenge);
    return result;
}

/* Answer one 334, or cancel the exchange with "*" (RFC 4954 section 4). */
static int answer(struct attempt *a, enum sasl_result *result)
{
    struct err why = ERR_INIT;
    struct buf line;
    int status;

    *result = prepare_answer(a);
    buf_init_secret(&line, COMMAND_MAX);
    if (*result == SASL_OK) {
        encode(&line, &a->response, false);
        status = send_line(a, &line, line.len ? "<redacted>" : "");
    } else {
        err_move(&why, a->e);
        buf_addch(&line, '*');
        status = send_line(a, &line, "*");
        if (!status)
            err_move(a->e, &why);
        err_release(&why);
    }
    buf_release(&line);
    return status;
}

/* The server's last word on this mechanism, and whether it may be believed. */
static enum verdict judge(struct attempt *a)
{
    const struct sasl_mechanism *mechanism = a->sasl.mechanism;

    if (reply_class(a->reply) == 2) {
        if (mechanism->finish && mechanism->finish(&a->sasl, a->e)) {
            err_at(a->e, STAGE_AUTH);
            return VERDICT_FAILED;
        }
        return VERDICT_YES;
    }
    refused(a);
    if (is_protocol_failure(a->reply->code))
        return VERDICT_NEXT;
    return mechanism->proof == SASL_TOKEN && a->e->kind == ERR_NOPERM ? VERDICT_RENEW
                                                                      : VERDICT_FAILED;
}

static enum verdict converse(struct attempt *a)
{
    enum sasl_result result = SASL_OK;
    const struct buf nothing = {.data = ""};

    if (a->sasl.mechanism->initial)
        result = respond(a, &nothing);
    if (result != SASL_OK)
        return VERDICT_NEXT;
    if (send_auth(a))
        return VERDICT_FAILED;
    while (a->reply->code == 334) {
        if (answer(a, &result))
            return VERDICT_FAILED;
        if (result != SASL_OK)
            return result == SASL_FRAUD ? VERDICT_FAILED : VERDICT_NEXT;
    }
    return judge(a);
}

/* Any -PLUS mechanism in the offer says that the server can bind channels. */
static bool offers_plus(const struct session *s)
{
    const struct sasl_mechanism *const *m;

    for (m = sasl_all(); *m; m++) {
        if ((*m)->binds && caps_has_mechanism(&s->caps, (*m)->name))
            return true;
    }
    return false;
}

/* The whole exchange of one mechanism. E is filled unless the verdict is yes. */
static enum verdict try_mechanism(struct session *s, const struct session_wishes *w,
                                  const struct sasl_mechanism *mechanism, struct err *e)
{
    struct attempt a = {.session = s, .e = e};
    enum verdict verdict;
    struct buf binding;

    buf_init_secret(&a.response, RESPONSE_MAX);
    buf_init_secret(&binding, 1024);
    sasl_init(&a.sasl, mechanism, w->identity);
    a.sasl.host = w->server->host;
    a.sasl.port = w->server->port;
    a.sasl.plus_offered = offers_plus(s);
    a.sasl.binding = &binding;
    if (!tls_binding(dialog_stream(s->dialog), &a.sasl.binding_type, &binding))
        a.sasl.binding_type = NULL;
    if (mechanism->binds && !a.sasl.binding_type) {
        err_set(e, ERR_UNAVAILABLE, "%s needs TLS to bind to", mechanism->name);
        err_at(e, STAGE_AUTH);
        verdict = VERDICT_NEXT;
    } else {
        verdict = converse(&a);
    }
    sasl_release(&a.sasl);
    buf_release(&a.response);
    buf_release(&binding);
    return verdict;
}

static int nothing_in_common(const struct session *s, const struct session_wishes *w,
                             struct err *e)
{
    if (!(s->caps.bits & CAP_AUTH)) {
        err_set(e, ERR_UNAVAILABLE, "the server does not offer authentication here");
        err_hint(e, s->encrypted ? "is this its submission port?"
                                 : "many servers offer it only over TLS");
    } else {
        err_set(
            e, ERR_UNAVAILABLE,
            "no authentication mechanism that the server offers can be used; it offers: %.600s",
            s->caps.mechanisms.data);
        err_hint(e, w->mechanisms ? "--auth auto allows all that we know" : "see --auth");
    }
    return err_at(e, STAGE_AUTH);
}

/* The Nth mechanism in order of preference, or NULL at the end. */
static const struct sasl_mechanism *candidate(const struct session_wishes *w, size_t n)
{
    if (!w->mechanisms)
        return sasl_all()[n];
    return w->mechanisms[n] ? sasl_find(w->mechanisms[n]) : NULL;
}

static bool is_eligible(const struct session *s, const struct session_wishes *w,
                        const struct sasl_mechanism *mechanism)
{
    return caps_has_mechanism(&s->caps, mechanism->name) &&
           sasl_is_able(mechanism, w->identity) &&
           (w->mechanisms || sasl_is_automatic(mechanism, w->identity));
}

/* A token that the server refused may just be old: one fresh one is asked for. */
static enum verdict try_renewed(struct session *s, const struct session_wishes *w,
                                const struct sasl_mechanism *mechanism, struct err *e)
{
    struct err why = ERR_INIT;
    enum verdict verdict;

    if (!w->identity->renew_token || dialog_is_over(s->dialog))
        return VERDICT_FAILED;
    sink_say(w->dialog.sink, EVENT_FACT, STAGE_AUTH,
             "the token was refused; asking for another");
    if (w->identity->renew_token(w->identity->renew_ctx, &why)) {
        err_move(e, &why);
        err_at(e, STAGE_AUTH);
        return VERDICT_FAILED;
    }
    err_release(e);
    verdict = try_mechanism(s, w, mechanism, e);
    return verdict == VERDICT_RENEW ? VERDICT_FAILED : verdict;
}

int auth_authenticate(struct session *s, const struct session_wishes *w, struct err *e)
{
    const struct sasl_mechanism *mechanism;
    enum verdict verdict;
    bool tried = false;
    size_t i;

    if (!(s->caps.bits & CAP_AUTH))
        return nothing_in_common(s, w, e);
    if (may_speak(s, w, e))
        return -1;
    for (i = 0; (mechanism = candidate(w, i)); i++) {
        if (!is_eligible(s, w, mechanism) || dialog_is_over(s->dialog))
            continue;
        tried = true;
        err_release(e);
        verdict = try_mechanism(s, w, mechanism, e);
        if (verdict == VERDICT_RENEW)
            verdict = try_renewed(s, w, mechanism, e);
        s->authenticated = verdict == VERDICT_YES;
        if (verdict != VERDICT_NEXT)
            return verdict == VERDICT_YES ? 0 : -1;
    }
    return tried ? -1 : nothing_in_common(s, w, e);
}
