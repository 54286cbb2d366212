#include "smtp/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One transaction under way: what the replies so far have said. */
struct transaction {
    struct session *session;
    struct envelope *envelope;
    struct message *message;
    struct transaction_result *result;
    bool mail_refused; /* E of the transaction says why; replies after it mean nothing */
    bool data_sent;
    bool data_ready; /* 354 */
    struct err verdict;
};

static bool offers(const struct transaction *t, unsigned cap)
{
    return (t->session->caps.bits & cap) != 0;
}

/* The server's refusal of MAIL or DATA, as it concerns all recipients. */
static void refuse_all(struct transaction *t, const struct reply *r, enum stage stage,
                       const char *what, enum err_kind for_good)
{
    enum err_kind kind = for_good;

    if (r->code == 530 || r->code == 535)
        kind = ERR_NOPERM;
    else if (r->code == 552)
        kind = ERR_DATA;
    else if (reply_class(r) == 4)
        kind = ERR_TEMPORARY;
    else if (reply_class(r) != 5)
        kind = ERR_PROTOCOL;
    reply_refusal(r, kind, what, &t->verdict);
    if (kind == ERR_NOPERM)
        err_hint(&t->verdict, "it wants authentication: give --user");
    else if (kind == ERR_TEMPORARY)
        err_hint(&t->verdict, "try again later");
    err_at(&t->verdict, stage);
}

static void mail_answered(struct transaction *t, const struct reply *r)
{
    if (reply_class(r) == 2)
        return;
    t->mail_refused = true;
    refuse_all(t, r, STAGE_MAIL, "the server refuses the sender", ERR_UNAVAILABLE);
}

/* RFC 5321 section 4.5.3.1.10: 552 to RCPT is to be read as 452. */
static enum err_kind rcpt_kind(const struct reply *r)
{
    if (r->code == 530 || r->code == 535)
        return ERR_NOPERM;
    if (reply_class(r) == 5 && r->code != 552)
        return ERR_NOUSER;
    return ERR_TEMPORARY;
}

static int rcpt_answered(struct transaction *t, size_t index, const struct reply *r,
                         struct err *e)
{
    struct recipient *recipient = &t->envelope->recipients[index];

    if (t->mail_refused)
        return 0;
    if (reply_class(r) == 3)
        return reply_refusal(r, ERR_PROTOCOL, "the server's reply makes no sense here", e);
    if (reply_class(r) == 2)
        recipient->delivery = DELIVERY_ACCEPTED;
    else
        recipient_fail(recipient, rcpt_kind(r), r);
    return 0;
}

static void data_answered(struct transaction *t, const struct reply *r)
{
    t->data_ready = r->code == 354;
    /* Where no recipient was accepted, the refusal of DATA says nothing new. */
    if (t->data_ready || t->mail_refused || !envelope_count(t->envelope, DELIVERY_ACCEPTED))
        return;
    refuse_all(t, r, STAGE_DATA, "the server refuses the message", ERR_DATA);
}

static int answered(void *ctx, const struct command *c, const struct reply *r, struct err *e)
{
    struct transaction *t = ctx;

    if (c->stage == STAGE_MAIL)
        mail_answered(t, r);
    else if (c->stage == STAGE_RCPT)
        return rcpt_answered(t, c->index, r, e);
    else
        data_answered(t, r);
    return 0;
}

/* What the message needs and the server must have. */
static int check_needs(const struct transaction *t, struct err *e)
{
    const struct message_facts *facts = message_facts(t->message);
    uint64_t limit = t->session->caps.size_limit;

    if (envelope_needs_utf8(t->envelope) && !offers(t, CAP_SMTPUTF8)) {
        err_set(e, ERR_UNAVAILABLE, "an address is not ASCII and the server lacks SMTPUTF8");
        return err_hint(e, "use the ASCII form of the address");
    }
    if (facts->known && (facts->body_8bit || facts->header_8bit) && !offers(t, CAP_8BITMIME)) {
        err_set(e, ERR_DATA, "the message has 8-bit text and the server lacks 8BITMIME");
        return err_hint(e, "encode it as quoted-printable or base64");
    }
    if (facts->known && limit && facts->size > limit) {
        err_set(e, ERR_UNAVAILABLE,
                "the message has %" PRIu64 " bytes and the server takes at most %" PRIu64,
                facts->size, limit);
        return err_hint(e, "send a smaller message");
    }
    return 0;
}

static int queue_mail(struct transaction *t, const struct dialog_handler *handler,
                      struct err *e)
{
    const struct message_facts *facts = message_facts(t->message);
    struct command c = {.stage = STAGE_MAIL};
    struct buf text;
    int status;

    buf_init(&text, COMMAND_MAX);
    buf_addf(&text, "MAIL FROM:<%s>", t->envelope->reverse_path);
    if (offers(t, CAP_SIZE) && facts->known)
        buf_addf(&text, " SIZE=%" PRIu64, facts->size);
    if (offers(t, CAP_8BITMIME) && (!facts->known || facts->body_8bit || facts->header_8bit))
        buf_addstr(&text, " BODY=8BITMIME");
    if (envelope_needs_utf8(t->envelope))
        buf_addstr(&text, " SMTPUTF8");
    status = buf_check(&text, ERR_USAGE, "the MAIL command", e);
    if (!status)
        status = dialog_queue(t->session->dialog, &c, text.data, handler, e);
    buf_release(&text);
    return status;
}

static int queue_rcpt(struct transaction *t, size_t index, const struct dialog_handler *handler,
                      struct err *e)
{
    const struct recipient *recipient = &t->envelope->recipients[index];
    struct command c = {.stage = STAGE_RCPT, .recipient = recipient->address, .index = index};
    char text[1200];

    if ((size_t)snprintf(text, sizeof(text), "RCPT TO:<%s>", recipient->address) >=
        sizeof(text))
        return err_set(e, ERR_USAGE, "a recipient's address is too long");
    return dialog_queue(t->session->dialog, &c, text, handler, e);
}

static int queue_data(struct transaction *t, const struct dialog_handler *handler,
                      struct err *e)
{
    struct command c = {.stage = STAGE_DATA};

    t->data_sent = true;
    return dialog_queue(t->session->dialog, &c, "DATA", handler, e);
}

/* MAIL, all RCPTs and, where commands may be in flight together, DATA: one flight. With
 * require_all DATA has to wait for the verdict on every recipient. */
static int send_envelope(struct transaction *t, const struct dialog_handler *handler,
                         struct err *e)
{
    struct dialog *d = t->session->dialog;
    size_t i;

    if (queue_mail(t, handler, e))
        return -1;
    for (i = 0; i < t->envelope->count && !t->mail_refused && !dialog_is_over(d); i++) {
        if (t->envelope->recipients[i].delivery == DELIVERY_WAITING &&
            queue_rcpt(t, i, handler, e))
            return -1;
    }
    if (offers(t, CAP_PIPELINING) && !t->envelope->require_all && !t->mail_refused &&
        !dialog_is_over(d) && queue_data(t, handler, e))
        return -1;
    return dialog_drain(d, e);
}

static bool must_withhold(const struct transaction *t)
{
    return t->envelope->require_all &&
           envelope_count(t->envelope, DELIVERY_ACCEPTED) < t->envelope->count;
}

static void set_accepted(struct transaction *t, enum delivery delivery)
{
    size_t i;

    for (i = 0; i < t->envelope->count; i++) {
        if (t->envelope->recipients[i].delivery == DELIVERY_ACCEPTED)
            t->envelope->recipients[i].delivery = (unsigned char)delivery;
    }
}

/* RFC 2920 section 3.1: 354 although nobody was accepted is answered with an empty message, whose
 * refusal is no news. */
static int empty_data(struct transaction *t, struct err *e)
{
    const struct reply *reply;

    if (dialog_body(t->session->dialog, ".\r\n", 3, e))
        return -1;
    return dialog_await(t->session->dialog, STAGE_DOT, &reply, e);
}

static int send_body(struct transaction *t, struct err *e)
{
    const char *data;
    size_t len;
    int more;

    while ((more = message_next(t->message, true, &data, &len, e)) > 0) {
        if (dialog_body(t->session->dialog, data, len, e))
            return -1;
        t->result->bytes += len;
    }
    if (more < 0) {
        /* The message broke off: without a dot the server must forget what it has. */
        err_at(e, STAGE_BODY);
        session_abort(t->session);
        return -1;
    }
    return dialog_body(t->session->dialog, ".\r\n", 3, e);
}

static int dot_answered(struct transaction *t, const struct reply *r, struct err *e)
{
    if (reply_class(r) == 2) {
        set_accepted(t, DELIVERY_DONE);
        return 0;
    }
    if (reply_class(r) == 3) {
        t->result->maybe_accepted = true;
        reply_refusal(r, ERR_PROTOCOL, "the server's reply to the message makes no sense", e);
    } else {
        refuse_all(t, r, STAGE_DOT, "the server refuses the message", ERR_DATA);
        err_move(e, &t->verdict);
    }
    return err_at(e, STAGE_DOT);
}

/* The reply decides whose the message is; without it nobody knows. */
static int await_verdict(struct transaction *t, struct err *e)
{
    const struct reply *reply;

    if (!dialog_await(t->session->dialog, STAGE_DOT, &reply, e))
        return dot_answered(t, reply, e);
    if (!e->code)
        t->result->maybe_accepted = true;
    if (t->result->maybe_accepted)
        err_hint(e, "the server may have accepted the message: "
                    "sending it again may deliver it twice");
    return -1;
}

static int deliver(struct transaction *t, const struct dialog_handler *handler, struct err *e)
{
    if (!t->data_sent && (queue_data(t, handler, e) || dialog_drain(t->session->dialog, e)))
        return -1;
    if (t->verdict.kind != ERR_NONE) {
        err_move(e, &t->verdict);
        return -1;
    }
    return send_body(t, e) || await_verdict(t, e) ? -1 : 0;
}

/* The replies to MAIL, RCPT and perhaps DATA are in. */
static int conclude(struct transaction *t, const struct dialog_handler *handler, struct err *e)
{
    bool nobody = !envelope_count(t->envelope, DELIVERY_ACCEPTED);
    struct err ignored = ERR_INIT;

    if (t->data_ready && (nobody || t->mail_refused)) {
        if (empty_data(t, &ignored))
            err_release(&ignored);
    }
    if (t->mail_refused) {
        err_move(e, &t->verdict);
        return -1;
    }
    if (t->verdict.kind != ERR_NONE) {
        err_move(e, &t->verdict);
        return -1;
    }
    if (dialog_is_over(t->session->dialog) && !t->data_ready) {
        err_set(e, ERR_TEMPORARY, "the server ended the session");
        return err_at(e, STAGE_RCPT);
    }
    if (must_withhold(t)) {
        set_accepted(t, DELIVERY_WITHHELD);
        return 0;
    }
    return nobody ? 0 : deliver(t, handler, e);
}

int transaction_send(struct session *s, struct envelope *envelope, struct message *message,
                     struct transaction_result *result, struct err *e)
{
    struct transaction t = {.session = s,
                            .envelope = envelope,
                            .message = message,
                            .result = result,
                            .verdict = ERR_INIT};
    const struct dialog_handler handler = {answered, &t};
    int status;

    *result = (struct transaction_result){0};
    if (check_needs(&t, e))
        return err_at(e, STAGE_MAIL);
    status = send_envelope(&t, &handler, e);
    /* What the server said of the sender explains better than how it hung up after. */
    if (status && t.mail_refused)
        err_move(e, &t.verdict);
    if (!status)
        status = conclude(&t, &handler, e);
    err_release(&t.verdict);
    return status;
}
