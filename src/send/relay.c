#include "send/relay.h"

#include "send/answer.h"
#include "send/edit.h"
#include "send/queue.h"
#include "send/recipients.h"
#include "send/route.h"
#include "send/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct relay {
    const struct report *report;
    struct sink sink;
    bool sendmail;
    struct route route;
    struct link *link; /* the one of the transaction, whose session alone is open; or NULL */
    int seat;          /* descriptor, or -1: see spool_take_seat */
    bool unready;      /* it could not be armed, and is made anew for the next transaction */
    /* The transaction */
    enum queue_mode queue;           /* its account's */
    struct transaction *transaction; /* that the server has accepted; or NULL */
    bool kept;                       /* all that is not decided goes to the queue, ... */
    struct err failure;              /* ... since this stands in the way, or nothing does */
    bool maybe_accepted;             /* see struct transaction_result */
    struct extensions extensions;
    bool utf8; /* MAIL says SMTPUTF8, or has to */
    char envid[ENVID_MAX + 1];
    size_t accepted;             /* RCPT commands of the client's */
    struct addresses recipients; /* the envelope's, in its order */
    struct envelope envelope;
};

/* ---- what failed ---- */

static bool is_live(const struct relay *r)
{
    return r->link && r->link->session.dialog && !dialog_is_over(r->link->session.dialog);
}

/* A step of the transaction failed: in the server's words if they are a refusal, else in ours,
 * which begin with CODES: a 2xx that belongs to nothing must not be taken for the answer. The
 * user hears of it where it was no plain refusal. */
static void answer_failure(struct relay *r, struct reply *answer, const char *codes,
                           struct err *e)
{
    bool refusal = e->code / 100 == 4 || e->code / 100 == 5;

    if (refusal)
        answer_refusal(answer, e);
    else
        answer_error(answer, codes, e);
    if (!refusal || !is_live(r))
        report_error(r->report, e, NULL);
    err_release(e);
}

/* The same where the client has to hear our words: the server's concern what is between us. */
static void answer_trouble(struct relay *r, struct reply *answer, const char *codes,
                           struct err *e)
{
    answer_error(answer, codes, e);
    report_error(r->report, e, NULL);
    err_release(e);
}

/* ---- the relay ---- */

struct relay *relay_new(const struct relay_request *request, struct report *report,
                        struct err *e)
{
    struct relay *r = calloc(1, sizeof(*r));
    int status;

    if (!r) {
        err_set(e, ERR_OS, "no memory for a relay");
        return NULL;
    }
    r->report = report;
    r->sendmail = request->sendmail;
    r->seat = -1;
    addresses_init(&r->recipients);
    status = route_init(&r->route, request->layers, request->peer, e);
    report_init(report, r->route.settings.quiet, r->route.settings.verbose);
    report->replies = report->facts; /* the client shows them itself */
    r->sink = report_sink(report);
    if (!status)
        return r;
    relay_free(r);
    return NULL;
}

void relay_free(struct relay *r)
{
    relay_reset(r);
    route_release(&r->route);
    addresses_release(&r->recipients);
    if (r->seat >= 0)
        close(r->seat);
    free(r);
}

bool relay_admits(struct relay *r)
{
    const struct settings *s = &r->route.settings;
    struct spool *spool = NULL;
    struct err unsaid = ERR_INIT;
    int taken = -1;

    if (!r->route.peer || queue_mode(s, r->sendmail) != QUEUE_ALWAYS)
        return true;
    if (!queue_open(&spool, s, r->sendmail, true, &unsaid))
        taken = spool_take_seat(spool, r->route.peer->uid, &r->seat, &unsaid);
    spool_close(spool);
    err_release(&unsaid);
    return taken != 0;
}

int64_t relay_timeout_ms(const struct relay *r)
{
    return r->route.settings.timeout_ms;
}

struct deadline relay_run(const struct relay *r)
{
    return r->route.links.run;
}

/* ---- the transaction ---- */

bool relay_is_begun(const struct relay *r)
{
    return r->transaction || r->kept;
}

void relay_reset(struct relay *r)
{
    transaction_free(r->transaction);
    r->transaction = NULL;
    r->kept = r->maybe_accepted = false;
    err_release(&r->failure);
    r->accepted = 0;
    envelope_release(&r->envelope);
    addresses_release(&r->recipients);
    if (r->unready) {
        links_drop(&r->route.links, r->link);
        r->link = NULL;
        r->unready = false;
    }
}

/* Set the state of those that the server has accepted. */
static void set_accepted(struct relay *r, enum delivery delivery)
{
    size_t i;

    for (i = 0; i < r->envelope.count; i++) {
        if (r->envelope.recipients[i].delivery == DELIVERY_ACCEPTED)
            r->envelope.recipients[i].delivery = (unsigned char)delivery;
    }
}

static bool may_keep(const struct relay *r, const struct err *e)
{
    return r->queue != QUEUE_NEVER && queue_prospect(e) == PROSPECT_RETRY;
}

/* From here on all that is not decided goes to the queue: FAILURE, which the user hears of, stands
 * in the way; or NULL, where nothing is asked of a server. */
static void keep_all(struct relay *r, struct err *failure)
{
    transaction_free(r->transaction);
    r->transaction = NULL;
    r->kept = true;
    set_accepted(r, DELIVERY_WAITING);
    if (!failure)
        return;
    if (!r->maybe_accepted)
        *failure->hint = '\0'; /* nobody has to send it again */
    report_error(r->report, failure, NULL);
    err_move(&r->failure, failure);
}

/* True where the server is still there, or is not needed. */
static bool goes_on(struct relay *r, struct reply *answer)
{
    struct err e = ERR_INIT;

    if (r->kept || is_live(r))
        return true;
    err_set(&e, ERR_TEMPORARY, "the server has ended the session");
    if (!may_keep(r, &e)) {
        answer_error(answer, "451 4.4.2", &e);
        return false;
    }
    err_at(&e, STAGE_RCPT);
    keep_all(r, &e);
    return true;
}

/* ---- MAIL ---- */

static int choose_link(struct relay *r, const char *path, struct reply *answer)
{
    struct err e = ERR_INIT;
    struct link *link = route_find(&r->route, path, answer, &e);

    if (!link) {
        if (e.kind != ERR_NONE)
            report_error(r->report, &e, NULL);
        err_release(&e);
        return -1;
    }
    if (r->link && r->link != link)
        link_close(r->link);
    r->link = link;
    r->queue = queue_mode(&link->settings, r->sendmail);
    return 0;
}

/* What MAIL asks beyond what the settings do. */
static void wish(struct relay *r, const struct request *request)
{
    struct extensions *x = &r->extensions;

    *x = r->link->job.extensions;
    x->utf8 = request->utf8;
    x->size = request->size;
    if (request->ret)
        x->ret = request->ret;
    memcpy(r->envid, request->envid, sizeof(r->envid));
    if (*r->envid)
        x->envid = r->envid;
    r->envelope = (struct envelope){.reverse_path = r->link->job.reverse_path.data};
    r->utf8 = x->utf8 || envelope_needs_utf8(&r->envelope);
}

/* See to it that a session is open. What the client hears where none can be begins with CODES. */
static int get_session(struct relay *r, const char **codes, struct err *e)
{
    *codes = "451 4.3.5";
    r->unready = link_arm(r->link, &r->sink, e) != 0;
    if (r->unready)
        return -1;
    if (link_is_open(r->link) || !link_open(r->link, &r->sink, e))
        return 0;
    *codes = e->stage == STAGE_AUTH || e->stage == STAGE_TLS || e->stage == STAGE_STARTTLS
                 ? "451 4.7.0"
                 : "451 4.4.1";
    return -1;
}

/* MAIL in the session that is open. */
static int begin(struct relay *r, struct err *e)
{
    r->transaction = transaction_new(&r->link->session, &r->envelope, &r->extensions, e);
    if (r->transaction && !transaction_begin(r->transaction, e))
        return 0;
    transaction_free(r->transaction);
    r->transaction = NULL;
    return -1;
}

/* The codes for a MAIL that we can't say as it should be. */
static const char *mail_codes(const struct link *link, const struct err *e)
{
    if (e->kind != ERR_UNAVAILABLE)
        return "451 4.4.2";
    return mailbox_needs_utf8(link->job.reverse_path.data) ? "553 5.6.7" : "554 5.3.3";
}

/* Ask the server for the sender. */
static void ask_sender(struct relay *r, struct reply *answer)
{
    bool reused = link_is_open(r->link), ready;
    struct err e = ERR_INIT;
    const char *codes;

    ready = !get_session(r, &codes, &e);
    if (ready && begin(r, &e) && reused && !is_live(r)) {
        /* It had ended while nobody looked. */
        err_release(&e);
        ready = !get_session(r, &codes, &e);
        if (ready)
            (void)begin(r, &e);
    }
    if (r->transaction)
        answer_reply(answer, dialog_reply(r->link->session.dialog));
    else if (may_keep(r, &e))
        keep_all(r, &e);
    else if (ready)
        answer_failure(r, answer, mail_codes(r->link, &e), &e);
    else
        answer_trouble(r, answer, codes, &e);
}

void relay_mail(struct relay *r, const struct request *request, struct reply *answer)
{
    if (choose_link(r, request->path, answer))
        return;
    wish(r, request);
    if (r->queue == QUEUE_ALWAYS)
        keep_all(r, NULL);
    else
        ask_sender(r, answer);
    if (r->kept)
        answer_say(answer, "250 2.1.0 the message will be kept in the queue");
    if (!relay_is_begun(r))
        relay_reset(r);
}

/* ---- RCPT ---- */

/* The client has been told that this recipient gets the message, now or out of the queue. */
static bool is_promised(const struct relay *r, const struct recipient *recipient)
{
    if (recipient->delivery == DELIVERY_FAILED)
        return r->queue != QUEUE_NEVER && queue_recipient_prospect(recipient) == PROSPECT_RETRY;
    return true;
}

static size_t count_promised(const struct relay *r)
{
    size_t i, n = 0;

    for (i = 0; i < r->envelope.count; i++)
        n += is_promised(r, &r->envelope.recipients[i]);
    return n;
}

/* The place of ADDRESS in the envelope; -1 with ERR_OS. */
static long place_recipient(struct relay *r, const char *address, struct err *e)
{
    long at = addresses_find(&r->recipients, address);

    if (at < 0) {
        if (addresses_add(&r->recipients, address, e))
            return -1;
        at = (long)r->recipients.count - 1;
        if (envelope_add(&r->envelope, r->recipients.at[at], e)) {
            relay_reset(r);
            return -1;
        }
    }
    return at;
}

/* Why ADDRESS, which has the place AT or none, can't be asked for: a line of reply, or NULL. */
static const char *refuse_unasked(const struct relay *r, const char *address, long at)
{
    bool knows_utf8 = r->kept || r->link->session.caps.bits & CAP_SMTPUTF8;

    if (at < 0 && r->recipients.count >= RELAY_RECIPIENTS_MAX)
        return "452 4.5.3 too many recipients";
    if (knows_utf8 && !r->utf8 && mailbox_needs_utf8(address))
        return "553 5.6.7 MAIL did not say SMTPUTF8";
    return NULL;
}

/* Tell the user of a recipient that the server refuses for now, since the client does not hear it. */
static void note_postponed(const struct relay *r, const struct recipient *recipient)
{
    struct err e = ERR_INIT;

    reply_refusal(dialog_reply(r->link->session.dialog), (enum err_kind)recipient->kind,
                  "the server can't take this recipient now", &e);
    err_at(&e, STAGE_RCPT);
    report_error(r->report, &e, recipient->address);
    err_release(&e);
}

/* Ask the server for the recipient at AT. */
static void ask_server(struct relay *r, size_t at, const struct extensions *x,
                       struct reply *answer)
{
    struct recipient *recipient = &r->envelope.recipients[at];
    struct err e = ERR_INIT;

    if (!transaction_recipient(r->transaction, at, x, &e)) {
        answer_reply(answer, dialog_reply(r->link->session.dialog));
        if (recipient->delivery == DELIVERY_FAILED && is_promised(r, recipient))
            note_postponed(r, recipient);
    } else if (!is_live(r) && may_keep(r, &e)) {
        keep_all(r, &e);
    } else {
        recipient->delivery = DELIVERY_FAILED;
        recipient->kind = (unsigned char)e.kind;
        recipient->stage = STAGE_RCPT;
        answer_failure(r, answer, is_live(r) ? "553 5.6.7" : "451 4.4.2", &e);
    }
}

/* Ask for one address. True: it is accepted. */
static bool ask(struct relay *r, const char *address, const struct extensions *x,
                struct reply *answer)
{
    long at = addresses_find(&r->recipients, address);
    struct err e = ERR_INIT;
    struct recipient *recipient;
    const char *refusal;

    if (!goes_on(r, answer))
        return false;
    if (at >= 0 && r->envelope.recipients[at].delivery != DELIVERY_FAILED) {
        answer_say(answer, "250 2.1.5 that recipient is named already");
        return true;
    }
    refusal = refuse_unasked(r, address, at);
    if (refusal) {
        answer_say(answer, refusal);
        return false;
    }
    at = place_recipient(r, address, &e);
    if (at < 0) {
        answer_trouble(r, answer, "451 4.3.0", &e);
        return false;
    }
    recipient = &r->envelope.recipients[at];
    recipient->delivery = DELIVERY_WAITING;
    recipient->notify = (unsigned char)x->notify;
    if (!r->kept)
        ask_server(r, (size_t)at, x, answer);
    if (!is_promised(r, recipient))
        return false;
    if (recipient->delivery != DELIVERY_ACCEPTED)
        answer_say(answer, "250 2.1.5 the message will be kept for this recipient");
    return true;
}

void relay_recipient(struct relay *r, const struct request *request, struct reply *answer)
{
    struct extensions x = r->extensions;
    struct addresses list;
    struct err e = ERR_INIT;
    size_t i = 0;

    x.orcpt = request->orcpt;
    if (request->notify)
        x.notify = request->notify;
    addresses_init(&list);
    if (!recipients_of_path(&r->link->job, request->path, &list, &e)) {
        answer_say(answer, "550 5.1.1 that name stands for nobody");
        while (i < list.count && ask(r, list.at[i], &x, answer))
            i++;
        r->accepted += list.count && i == list.count;
    } else if (e.kind == ERR_USAGE) {
        answer_error(answer, "501 5.1.3", &e);
        err_release(&e);
    } else {
        answer_trouble(r, answer, "451 4.3.5", &e);
    }
    addresses_release(&list);
}

/* ---- the message ---- */

bool relay_takes_data(struct relay *r, struct reply *answer)
{
    size_t promised = count_promised(r);

    /* What the client was refused is not to be sent to the half of an alias that was taken. */
    if (!promised || !r->accepted) {
        answer_say(answer, "554 5.5.1 no recipient has been accepted");
    } else if (r->link->settings.require_all && promised < r->envelope.count) {
        answer_say(answer, "554 5.5.1 a recipient was refused, and --require-all wants all");
    } else if (goes_on(r, answer)) {
        return true;
    } else {
        relay_reset(r);
    }
    return false;
}

static const char *message_codes(const struct err *e, bool maybe_accepted)
{
    if (maybe_accepted || e->kind == ERR_TEMPORARY || e->kind == ERR_PROTOCOL)
        return "451 4.4.2";
    if (e->kind == ERR_DATA)
        return "554 5.6.0";
    return e->kind == ERR_UNAVAILABLE ? "552 5.3.4" : "451 4.3.0";
}

static const char *queue_codes(const struct err *e)
{
    if (e->kind == ERR_IO || e->kind == ERR_CANTCREATE)
        return "452 4.3.1";
    return e->kind == ERR_CONFIG ? "451 4.3.5" : "451 4.3.0";
}

/* Keep what is to be kept, and tell the client. SENT: the server has taken the message for others,
 * as ANSWER says. Where that is so and keeping fails, they get it twice, as above. */
static void keep(struct relay *r, struct message *message, bool sent, struct reply *answer)
{
    const struct store store = {.link = r->link,
                                .sendmail = r->sendmail,
                                .peer = r->route.peer,
                                .report = r->report,
                                .asked = &r->extensions,
                                .message = message,
                                .envelope = &r->envelope};
    struct err e = ERR_INIT;
    struct buf ids, line;

    buf_init(&ids, SIZE_MAX);
    buf_init(&line, SIZE_MAX);
    if (!sent)
        answer_say(answer, "451 4.3.0 nothing is known to be kept");
    if (store_keep(&store, r->queue == QUEUE_ALWAYS ? NULL : &r->failure, &ids, &e)) {
        answer_trouble(r, answer, queue_codes(&e), &e);
        if (sent || ids.len)
            buf_addstr(&answer->text, "; some recipients will have the message all the same");
    } else if (sent && ids.len) {
        buf_addf(&answer->text, "; kept for the others as %s", ids.data);
    } else if (ids.len) {
        buf_addf(&line, "250 2.0.0 kept as %s", ids.data);
        answer_say(answer, line.data);
    }
    buf_release(&ids);
    buf_release(&line);
}

/* True where nobody gets the message from the server at once. */
static bool must_wait(struct relay *r)
{
    size_t accepted = envelope_count(&r->envelope, DELIVERY_ACCEPTED);

    if (accepted && r->link->settings.require_all && accepted < r->envelope.count) {
        set_accepted(r, DELIVERY_WITHHELD);
        return true;
    }
    return r->kept || !accepted;
}

static void send_message(struct relay *r, struct message *message, struct reply *answer)
{
    struct transaction_result result = {0};
    struct err e = ERR_INIT;
    int status =
        transaction_finish(r->transaction, message, job_chunking(&r->link->job), &result, &e);

    r->maybe_accepted = result.maybe_accepted;
    if (!status) {
        answer_reply(answer, dialog_reply(r->link->session.dialog));
        if (r->queue != QUEUE_NEVER)
            keep(r, message, true, answer);
    } else if (may_keep(r, &e)) {
        keep_all(r, &e);
        keep(r, message, false, answer);
    } else {
        answer_failure(r, answer, message_codes(&e, result.maybe_accepted), &e);
        if (result.maybe_accepted)
            buf_addstr(&answer->text, "; the server may have accepted the message");
    }
}

void relay_message(struct relay *r, struct message *message, struct reply *answer)
{
    const struct edit edit = {.job = &r->link->job,
                              .layers = r->route.layers,
                              .account = r->link->account,
                              .sink = &r->sink};
    struct err e = ERR_INIT;

    if (edit_message(&edit, message, &e))
        answer_failure(r, answer, message_codes(&e, false), &e);
    else if (must_wait(r))
        keep(r, message, false, answer);
    else
        send_message(r, message, answer);
    relay_reset(r);
}
