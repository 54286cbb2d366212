#include "smtp/auth.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { RESPONSE_MAX = COMMAND_MAX, COMMAND_LINE = 510 /* RFC 5321: 512 with CRLF */ };

/* How one mechanism ended. */
enum verdict { VERDICT_YES, VERDICT_NEXT, VERDICT_FAILED };

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

static int refused(const struct reply *r, struct err *e)
{
    if (reply_class(r) == 4) {
        reply_refusal(r, ERR_TEMPORARY, "the server can't authenticate now", e);
        err_hint(e, "try again later");
    } else if (reply_class(r) == 5) {
        reply_refusal(r, ERR_NOPERM, "the server refuses authentication", e);
        err_hint(e, "check --user and the password");
    } else {
        reply_refusal(r, ERR_PROTOCOL, "the server's reply makes no sense during AUTH", e);
    }
    return err_at(e, STAGE_AUTH);
}

/* One line of the exchange; what observers see never has the response in it. */
static int send_line(struct session *s, const struct buf *line, const char *shown,
                     const struct reply **reply, struct err *e)
{
    if (buf_check(line, ERR_DATA, "the authentication response", e))
        return err_at(e, STAGE_AUTH);
    return dialog_ask(s->dialog, STAGE_AUTH, line->data, shown, reply, e);
}

/* Append the base64 of RESPONSE, "=" for an empty initial one (RFC 4954 section 4). */
static void encode(struct buf *line, const struct buf *response, bool initial)
{
    if (initial && !response->len)
        buf_addch(line, '=');
    else
        text_base64(line, response->data, response->len);
}

/* "AUTH NAME" with the initial response where it fits into a command line. *HELD: a response was
 * made and still has to go out after the server's 334. */
static int send_auth(struct session *s, struct sasl *sasl, struct buf *response, bool *held,
                     const struct reply **reply, struct err *e)
{
    const char *name = sasl->mechanism->name;
    char shown[64];
    struct buf line;
    int status;

    *held = false;
    buf_init_secret(&line, COMMAND_MAX);
    buf_addf(&line, "AUTH %s", name);
    snprintf(shown, sizeof(shown), "AUTH %s", name);
    if (sasl->mechanism->initial) {
        buf_clear(response);
        if (sasl->mechanism->respond(sasl, "", 0, response)) {
            buf_release(&line);
            err_set(e, ERR_DATA, "the user or the password is too long for AUTH %s", name);
            return err_at(e, STAGE_AUTH);
        }
        sasl->step++;
        *held = line.len + 1 + (response->len + 2) / 3 * 4 > COMMAND_LINE;
        if (!*held) {
            buf_addch(&line, ' ');
            encode(&line, response, true);
            snprintf(shown, sizeof(shown), "AUTH %s <redacted>", name);
        }
    }
    status = send_line(s, &line, shown, reply, e);
    buf_release(&line);
    return status;
}

/* Answer one 334. 1: answered; 0: it could not be, and the exchange was cancelled with "*". */
static int answer(struct session *s, struct sasl *sasl, struct buf *response, bool held,
                  const struct reply **reply, struct err *e)
{
    struct buf challenge, line;
    int status, able = 1;

    buf_init(&challenge, RESPONSE_MAX);
    buf_init_secret(&line, COMMAND_MAX);
    if (!held) {
        buf_clear(response);
        able = !text_unbase64(&challenge, (*reply)->text.data, (*reply)->text.len) &&
               !sasl->mechanism->respond(sasl, challenge.data, challenge.len, response);
        sasl->step++;
    }
    if (able)
        encode(&line, response, false);
    else
        buf_addch(&line, '*');
    status = send_line(s, &line, able ? "<redacted>" : "*", reply, e);
    buf_release(&challenge);
    buf_release(&line);
    return status ? -1 : able;
}

static enum verdict judge(struct session *s, const struct reply *reply, struct err *e)
{
    if (reply_class(reply) == 2) {
        s->authenticated = true;
        return VERDICT_YES;
    }
    refused(reply, e);
    return is_protocol_failure(reply->code) ? VERDICT_NEXT : VERDICT_FAILED;
}

/* The whole exchange of one mechanism. E is filled unless the verdict is yes. */
static enum verdict try_mechanism(struct session *s, const struct sasl_mechanism *mechanism,
                                  const struct sasl_identity *identity, struct err *e)
{
    struct sasl sasl = {.mechanism = mechanism, .identity = identity};
    enum verdict verdict = VERDICT_FAILED;
    const struct reply *reply;
    struct buf response;
    bool held;
    int able = 1;

    buf_init_secret(&response, RESPONSE_MAX);
    if (send_auth(s, &sasl, &response, &held, &reply, e))
        goto out;
    while (able > 0 && reply->code == 334) {
        able = answer(s, &sasl, &response, held, &reply, e);
        held = false;
    }
    if (able < 0)
        goto out;
    verdict = judge(s, reply, e);
    if (!able && verdict == VERDICT_FAILED && reply_class(reply) == 5)
        verdict = VERDICT_NEXT;
out:
    buf_release(&response);
    return verdict;
}

static int nothing_in_common(const struct session *s, const struct session_wishes *w,
                             struct err *e)
{
    struct buf offered;

    if (!(s->caps.bits & CAP_AUTH)) {
        err_set(e, ERR_UNAVAILABLE, "the server does not offer authentication here");
        err_hint(e, s->encrypted ? "is this its submission port?"
                                 : "many servers offer it only over TLS");
    } else {
        buf_init(&offered, 512);
        text_escape(&offered, s->caps.mechanisms.data, s->caps.mechanisms.len);
        err_set(e, ERR_UNAVAILABLE, "no authentication mechanism in common; it offers: %s",
                offered.data);
        err_hint(e, w->mechanisms ? "--auth auto allows all that we know" : "");
        buf_release(&offered);
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
        if (!caps_has_mechanism(&s->caps, mechanism->name))
            continue;
        tried = true;
        verdict = try_mechanism(s, mechanism, w->identity, e);
        if (verdict == VERDICT_YES) {
            err_release(e);
            return 0;
        }
        if (verdict == VERDICT_FAILED)
            return -1;
    }
    return tried ? -1 : nothing_in_common(s, w, e);
}
