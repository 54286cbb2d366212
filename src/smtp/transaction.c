#include "smtp/transaction.h"

#include "mail/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One transaction under way: what the replies so far have said. */
struct transaction {
    struct session *session;
    struct envelope *envelope;
    struct message *message; /* NULL: not known yet */
    struct transaction_result *result;
    const struct extensions *extensions;
    struct buf text;   /* of the command being made */
    bool mail_refused; /* E of the transaction says why; replies after it mean nothing */
    struct dialog_handler handler;
    enum chunking chunking;
    size_t limit, asked; /* recipients that may be named, and that were */
    size_t taken;        /* of those, accepted */
    bool full;           /* the server has said since that it takes no more */
    bool quit;           /* nothing follows: QUIT goes out with the message's end */
    bool data_sent;
    bool data_ready; /* 354 */
    bool prdr;       /* asked for, and 353 has not come yet */
    bool judged;     /* the server has answered the message itself */
    bool forgotten;  /* and nothing of the transaction is left there */
    struct err verdict;
};

static bool offers(const struct transaction *t, unsigned cap)
{
    return (t->session->caps.bits & cap) != 0;
}

static void set_accepted(struct transaction *t, enum delivery delivery)
{
    size_t i;

    for (i = 0; i < t->envelope->count; i++) {
        if (t->envelope->recipients[i].delivery == DELIVERY_ACCEPTED)
            t->envelope->recipients[i].delivery = (unsigned char)delivery;
    }
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

/* 452 or 552 that may be about the transaction: not where it speaks of the mailbox (RFC 3463
 * section 3.3). */
static bool says_full(const struct reply *r)
{
    return (r->code == 452 || r->code == 552) && r->enhanced.subject != 2;
}

static int rcpt_answered(struct transaction *t, size_t index, const struct reply *r,
                         struct err *e)
{
    struct recipient *recipient = &t->envelope->recipients[index];

    if (t->mail_refused)
        return 0;
    if (reply_class(r) == 3)
        return reply_refusal(r, ERR_PROTOCOL, "the server's reply makes no sense here", e);
    if (reply_class(r) == 2) {
        recipient->delivery = DELIVERY_ACCEPTED;
        t->taken++;
    } else {
        recipient_fail(recipient, STAGE_RCPT, rcpt_kind(r), r);
    }
    /* One that is taken after a 452 shows that it was about the other alone. */
    t->full = says_full(r) || (t->full && reply_class(r) != 2);
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

/* The verdict on the message. Where nobody was accepted it says nothing new (RFC 2920 section
 * 3.1: 354 although there is no recipient; RFC 3030: a chunk without one is discarded). */
static void message_answered(struct transaction *t, enum stage stage, const struct reply *r)
{
    t->judged = true;
    /* RFC 3030 section 2: after a chunk that failed only RSET ends it. */
    t->forgotten = stage == STAGE_DOT || reply_class(r) == 2;
    if (t->mail_refused || !envelope_count(t->envelope, DELIVERY_ACCEPTED))
        return;
    if (reply_class(r) == 2)
        set_accepted(t, DELIVERY_DONE);
    else
        refuse_all(t, r, stage, "the server refuses the message", ERR_DATA);
}

/* PRDR (draft-hall-prdr): 353 announces a verdict for each accepted recipient, in their order, and
 * one for the message at the end. */
static int expect_verdicts(struct transaction *t, enum stage stage, struct err *e)
{
    struct command c = {.stage = stage};
    size_t i;

    for (i = 0; i < t->envelope->count; i++) {
        if (t->envelope->recipients[i].delivery != DELIVERY_ACCEPTED)
            continue;
        c.recipient = t->envelope->recipients[i].address;
        c.index = i;
        if (dialog_expect(t->session->dialog, &c, e))
            return -1;
    }
    c.recipient = NULL;
    t->prdr = false;
    return dialog_expect(t->session->dialog, &c, e);
}

static int recipient_answered(struct transaction *t, const struct command *c,
                              const struct reply *r, struct err *e)
{
    if (reply_class(r) == 3)
        return reply_refusal(r, ERR_PROTOCOL, "the server's reply makes no sense here", e);
    if (reply_class(r) != 2)
        recipient_fail(&t->envelope->recipients[c->index], c->stage,
                       reply_class(r) == 5 ? ERR_NOUSER : ERR_TEMPORARY, r);
    return 0;
}

/* A reply to the message, of which there are several with PRDR. */
static int end_answered(struct transaction *t, const struct command *c, const struct reply *r,
                        struct err *e)
{
    if (r->code == 353 && t->prdr)
        return expect_verdicts(t, c->stage, e);
    if (c->recipient)
        return recipient_answered(t, c, r, e);
    message_answered(t, c->stage, r);
    return 0;
}

static int answered(void *ctx, const struct command *c, const struct reply *r, struct err *e)
{
    struct transaction *t = ctx;

    if (c->stage == STAGE_MAIL)
        mail_answered(t, r);
    else if (c->stage == STAGE_RCPT)
        return rcpt_answered(t, c->index, r, e);
    else if (c->stage == STAGE_DATA)
        data_answered(t, r);
    else if (c->stage == STAGE_DOT || c->stage == STAGE_BDAT)
        return end_answered(t, c, r, e);
    else if (c->stage == STAGE_RSET && reply_class(r) != 2)
        return reply_refusal(r, ERR_TEMPORARY, "the server keeps the last transaction", e);
    return 0;
}

/* The last transaction was left without a verdict: the server has to forget it. */
static int queue_rset(struct transaction *t, struct err *e)
{
    const struct command c = {.stage = STAGE_RSET};

    t->session->unfinished = false;
    return dialog_queue(t->session->dialog, &c, "RSET", &t->handler, e);
}

static int queue_mail(struct transaction *t, struct err *e)
{
    const struct envelope *envelope = t->envelope;
    struct command c = {.stage = STAGE_MAIL};
    struct buf text;
    int status;

    buf_init(&text, COMMAND_MAX);
    buf_addstr(&text, "MAIL FROM:<");
    status = extensions_address(t->session, envelope->reverse_path, &text, e);
    buf_addch(&text, '>');
    extensions_mail(t->session, t->extensions, envelope, t->message, t->prdr, &text);
    if (!status)
        status = buf_check(&text, ERR_USAGE, "the MAIL command", e);
    if (!status)
        status = dialog_queue(t->session->dialog, &c, text.data, &t->handler, e);
    buf_release(&text);
    return status;
}

static int queue_rcpt(struct transaction *t, size_t index, const struct extensions *x,
                      struct err *e)
{
    const struct recipient *r = &t->envelope->recipients[index];
    struct command c = {.stage = STAGE_RCPT, .recipient = r->address, .index = index};
    int status;

    t->asked++;
    buf_clear(&t->text);
    buf_addstr(&t->text, "RCPT TO:<");
    if (extensions_address(t->session, r->address, &t->text, e))
        return -1;
    buf_addch(&t->text, '>');
    extensions_rcpt(t->session, x, &t->text);
    status = buf_check(&t->text, ERR_USAGE, "the RCPT command", e);
    return status ? status : dialog_queue(t->session->dialog, &c, t->text.data, &t->handler, e);
}

static int queue_data(struct transaction *t, struct err *e)
{
    struct command c = {.stage = STAGE_DATA};

    t->data_sent = true;
    return dialog_queue(t->session->dialog, &c, "DATA", &t->handler, e);
}

static bool must_withhold(const struct transaction *t)
{
    return t->envelope->require_all &&
           envelope_count(t->envelope, DELIVERY_ACCEPTED) < t->envelope->count;
}

/* Nothing follows in this session, as far as the replies so far tell: no recipient whose 452 may
 * lead to a further transaction. */
static bool is_last(const struct transaction *t)
{
    return t->quit && !envelope_postponed(t->envelope);
}

static int end_of_data(struct transaction *t, struct err *e)
{
    const struct command dot = {.stage = STAGE_DOT};

    return dialog_body(t->session->dialog, ".\r\n", 3, e) ||
                   dialog_end_body(t->session->dialog, &dot, is_last(t), &t->handler, e)
               ? -1
               : 0;
}

/* The body that may go from its file to the socket by itself. 1: it went; 0: it has to be read. */
static int send_tail(struct transaction *t, bool stuff, struct err *e)
{
    struct message_tail tail;
    int status;

    if (stuff || !dialog_takes_files(t->session->dialog) || !message_tail(t->message, &tail))
        return 0;
    status = dialog_file(t->session->dialog, tail.fd, tail.offset, tail.len, e);
    if (status > 0) {
        refuse_changed(e);
        err_at(e, STAGE_BODY);
    }
    if (status)
        return -1;
    t->result->bytes += tail.len;
    return 1;
}

/* The bytes of the message, with dots stuffed for DATA and as they are for BDAT. */
static int send_bytes(struct transaction *t, bool stuff, struct err *e)
{
    const char *data;
    size_t len;
    int more;

    while ((more = message_next(t->message, stuff, &data, &len, e)) > 0) {
        if (dialog_body(t->session->dialog, data, len, e))
            return -1;
        t->result->bytes += len;
        more = send_tail(t, stuff, e);
        if (more)
            return more < 0 ? -1 : 0;
    }
    if (more < 0) {
        /* The message broke off: without its end the server must forget what it has. */
        err_at(e, STAGE_BODY);
        session_abort(t->session);
    }
    return more;
}

/* Every recipient has been refused: how the session went on matters to none. */
static bool nobody_hopes(const struct transaction *t)
{
    return !envelope_count(t->envelope, DELIVERY_ACCEPTED) &&
           !envelope_count(t->envelope, DELIVERY_WAITING);
}

/* Once all of the message is out, only the server's word says whose it is. */
static int explain_silence(struct transaction *t, struct err *e)
{
    if (!t->session->dialog || t->judged || !dialog_body_sent(t->session->dialog) || e->code ||
        t->mail_refused || nobody_hopes(t))
        return -1;
    t->result->maybe_accepted = true;
    err_hint(e,
             "the server may have accepted the message: sending it again may deliver it twice");
    return -1;
}

/* RFC 3030: the message as one chunk of a size that is known. */
static int send_chunk(struct transaction *t, struct err *e)
{
    const struct command c = {.stage = STAGE_BDAT};
    struct dialog *d = t->session->dialog;
    char text[64];

    snprintf(text, sizeof(text), "BDAT %" PRIu64 " LAST", message_facts(t->message)->size);
    t->data_sent = true;
    if (dialog_chunk(d, &c, text, &t->handler, e) || send_bytes(t, false, e) ||
        dialog_end_body(d, NULL, is_last(t), &t->handler, e))
        return explain_silence(t, e);
    return 0;
}

static bool goes_on(const struct transaction *t)
{
    return !t->mail_refused && !dialog_is_over(t->session->dialog);
}

/* MAIL, which begins the transaction. */
static int begin(struct transaction *t, struct err *e)
{
    t->session->transactions++;
    return (t->session->unfinished && queue_rset(t, e)) || queue_mail(t, e) ? -1 : 0;
}

/* The server has said that it is full, and a further transaction may have the rest. */
static bool leaves_rest(const struct transaction *t)
{
    return t->full && t->taken && !t->envelope->require_all && message_facts(t->message)->known;
}

static bool may_name_more(const struct transaction *t)
{
    return t->asked < t->limit && goes_on(t) && !leaves_rest(t);
}

/* MAIL, all RCPTs and, where commands may be in flight together, DATA: one flight. With
 * require_all DATA has to wait for the verdict on every recipient. */
static int send_envelope(struct transaction *t, struct err *e)
{
    struct dialog *d = t->session->dialog;
    size_t i;

    if (begin(t, e))
        return -1;
    for (i = 0; i < t->envelope->count && may_name_more(t); i++) {
        if (t->envelope->recipients[i].delivery == DELIVERY_WAITING &&
            queue_rcpt(t, i, t->extensions, e))
            return -1;
    }
    if (!offers(t, CAP_PIPELINING) || t->envelope->require_all || !goes_on(t))
        return dialog_drain(d, e);
    if (t->chunking == CHUNKING_EARLY)
        return send_chunk(t, e);
    if (t->chunking == CHUNKING_OFF && queue_data(t, e))
        return -1;
    return dialog_drain(d, e);
}

static int send_data(struct transaction *t, struct err *e)
{
    if (!t->data_sent && (queue_data(t, e) || dialog_drain(t->session->dialog, e)))
        return -1;
    if (!t->data_ready)
        return 0;
    if (send_bytes(t, true, e) || end_of_data(t, e))
        return explain_silence(t, e);
    return 0;
}

/* What is left to do once the replies to MAIL, RCPT and perhaps DATA are in. */
static int deliver(struct transaction *t, struct err *e)
{
    bool nobody = !envelope_count(t->envelope, DELIVERY_ACCEPTED);

    if (t->judged || t->verdict.kind != ERR_NONE || nobody || must_withhold(t)) {
        if (must_withhold(t))
            set_accepted(t, DELIVERY_WITHHELD);
        /* RFC 2920 section 3.1: 354 all the same is answered with an empty message. */
        return t->data_ready ? end_of_data(t, e) : 0;
    }
    if (dialog_is_over(t->session->dialog)) {
        err_set(e, ERR_TEMPORARY, "the server ended the session");
        return err_at(e, STAGE_RCPT);
    }
    return t->chunking == CHUNKING_OFF ? send_data(t, e) : send_chunk(t, e);
}

/* BDAT needs a size that is known, and a server that offers it. */
static enum chunking choose_chunking(const struct transaction *t, enum chunking wish)
{
    return offers(t, CAP_CHUNKING) && message_facts(t->message)->known ? wish : CHUNKING_OFF;
}

/* RFC 6152 section 3: no 8-bit text to a server without 8BITMIME. */
static int make_7bit(struct transaction *t, struct err *e)
{
    const struct message_facts *facts = message_facts(t->message);

    if ((offers(t, CAP_8BITMIME) && !t->extensions->force_7bit) ||
        (facts->known && !facts->body_8bit && !facts->header_8bit))
        return 0;
    if (message_downgrade(t->message, e))
        return -1;
    if (facts->known && header_find(message_header(t->message), "DKIM-Signature", 0) >= 0)
        sink_say(t->session->sink, EVENT_FACT, STAGE_MESSAGE,
                 "its DKIM signature is of its 8-bit form, not of the 7-bit one that is sent");
    return 0;
}

/* What is asked for, before MAIL. */
static int check(struct transaction *t, struct err *e)
{
    if (!offers(t, CAP_DSN) && extensions_want_dsn(t->extensions))
        sink_say(t->session->sink, EVENT_FACT, STAGE_MAIL,
                 "the server has no DSN: the message goes without the notifications asked for");
    return extensions_check(t->session, t->extensions, t->envelope, e);
}

/* How many recipients may be named, how many there are, and what follows from it. */
static int plan(struct transaction *t, const struct transaction_wishes *wishes, struct err *e)
{
    uint64_t most = t->session->caps.rcpt_max;
    size_t waiting = envelope_count(t->envelope, DELIVERY_WAITING);

    t->limit = most && most < waiting ? (size_t)most : waiting;
    if (wishes->most && wishes->most < t->limit)
        t->limit = wishes->most;
    if (t->envelope->require_all && t->limit < waiting) {
        err_set(e, ERR_UNAVAILABLE, "the server takes %zu recipients at once, not %zu",
                t->limit, waiting);
        return err_hint(e, "--require-all needs them in one transaction");
    }
    /* Its verdicts come when the message is there: too late to send to all or to nobody. */
    t->prdr = offers(t, CAP_PRDR) && t->limit > 1 && !t->envelope->require_all;
    t->quit = wishes->last && t->limit == waiting && offers(t, CAP_PIPELINING);
    t->chunking = choose_chunking(t, wishes->chunking);
    return check(t, e) || make_7bit(t, e) || extensions_check_size(t->session, t->message, e)
               ? -1
               : 0;
}

/* Leave it, as STATUS and E say that it went. */
static int conclude(struct transaction *t, int status, struct err *e)
{
    /* What the server said of the sender or the message explains better than how it hung up. */
    if (t->verdict.kind != ERR_NONE) {
        err_move(e, &t->verdict);
        status = -1;
    } else if (status && nobody_hopes(t)) {
        err_release(e);
        status = 0;
    }
    t->session->unfinished = !t->forgotten;
    return status;
}

static void init(struct transaction *t, struct session *s, struct envelope *envelope,
                 const struct extensions *x)
{
    *t = (struct transaction){.session = s,
                              .envelope = envelope,
                              .handler = {answered, t},
                              .extensions = x,
                              .verdict = ERR_INIT};
    buf_init(&t->text, COMMAND_MAX);
}

static void release(struct transaction *t)
{
    err_release(&t->verdict);
    buf_release(&t->text);
}

int transaction_send(struct session *s, struct envelope *envelope, struct message *message,
                     const struct transaction_wishes *wishes, struct transaction_result *result,
                     struct err *e)
{
    struct transaction t;
    int status;

    init(&t, s, envelope, wishes->extensions);
    t.message = message;
    t.result = result;
    *result = (struct transaction_result){0};
    if (plan(&t, wishes, e)) {
        status = err_at(e, STAGE_MAIL);
    } else {
        status = send_envelope(&t, e) || deliver(&t, e) ? -1 : 0;
        status = conclude(&t, status, e);
    }
    /* Where it took nobody at all, what was learnt before is no limit either. */
    result->most = t.full ? t.taken : wishes->most;
    release(&t);
    return status;
}

struct transaction *transaction_new(struct session *s, struct envelope *envelope,
                                    const struct extensions *x, struct err *e)
{
    struct transaction *t = malloc(sizeof(*t));

    if (t)
        init(t, s, envelope, x);
    else
        err_set(e, ERR_OS, "no memory for a transaction");
    return t;
}

void transaction_free(struct transaction *t)
{
    if (!t)
        return;
    release(t);
    free(t);
}

int transaction_begin(struct transaction *t, struct err *e)
{
    int status;

    if (check(t, e))
        return err_at(e, STAGE_MAIL);
    status = begin(t, e) || dialog_drain(t->session->dialog, e) ? -1 : 0;
    t->session->unfinished = true;
    if (t->verdict.kind == ERR_NONE)
        return status;
    err_move(e, &t->verdict);
    return -1;
}

int transaction_recipient(struct transaction *t, size_t index, const struct extensions *x,
                          struct err *e)
{
    return queue_rcpt(t, index, x, e) || dialog_drain(t->session->dialog, e) ? -1 : 0;
}

int transaction_finish(struct transaction *t, struct message *message, enum chunking wish,
                       struct transaction_result *result, struct err *e)
{
    int status;

    t->message = message;
    t->result = result;
    *result = (struct transaction_result){0};
    t->chunking = choose_chunking(t, wish);
    if (make_7bit(t, e) || extensions_check_size(t->session, message, e))
        return err_at(e, STAGE_MESSAGE);
    status = conclude(t, deliver(t, e), e);
    if (!status && !envelope_count(t->envelope, DELIVERY_DONE)) {
        err_set(e, ERR_INTERNAL, "the server gave no verdict");
        return err_at(e, STAGE_DOT);
    }
    return status;
}
