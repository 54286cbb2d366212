#include "send/relay.h"

#include "send/accounts.h"
#include "send/edit.h"
#include "send/link.h"
#include "send/recipients.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 2048, EXPLANATION_MAX = 900 };

struct relay {
    const struct layers *layers;
    const struct report *report;
    struct sink sink;
    struct settings settings; /* without an account */
    struct local local;       /* by those */
    bool by_sender;           /* the sender chooses the account, else it is ... */
    const struct config_part *account;
    struct links links;
    struct link *link; /* the one of the transaction, whose session alone is open; or NULL */
    /* The transaction */
    struct transaction *transaction; /* or NULL */
    struct extensions extensions;
    bool utf8; /* MAIL went with SMTPUTF8 */
    char envid[ENVID_MAX + 1];
    size_t accepted;             /* RCPT commands of the client's */
    struct addresses recipients; /* the envelope's, in its order */
    struct envelope envelope;
};

/* ---- answers ---- */

static void say(struct reply *answer, const char *line)
{
    struct err impossible = ERR_INIT;

    reply_clear(answer);
    (void)reply_line(answer, line, strlen(line), &impossible);
    err_release(&impossible);
}

void relay_explain(struct reply *answer, const char *codes, const struct err *e)
{
    struct buf line;

    buf_init(&line, SIZE_MAX);
    buf_addf(&line, "%s ", codes);
    report_describe(&line, e, NULL);
    if (line.len > EXPLANATION_MAX)
        line.data[EXPLANATION_MAX] = '\0';
    say(answer, line.data);
    buf_release(&line);
}

/* What the server has said, as a reply to the command at hand: no 421, since we stay, and nothing
 * that would mean something else here. */
static void pass_on(struct reply *answer, int code, struct enhanced enhanced, const char *text,
                    size_t len)
{
    reply_clear(answer);
    answer->code = code;
    answer->enhanced = enhanced;
    if (code / 100 == 2 && code != 251 && code != 252)
        answer->code = 250;
    else if (code < 200 || code / 100 == 3 || code == 421)
        answer->code = 451;
    if (answer->enhanced.class && answer->enhanced.class != reply_class(answer))
        answer->enhanced = (struct enhanced){0};
    buf_add(&answer->text, text, len);
}

static void pass_on_reply(struct relay *r, struct reply *answer)
{
    const struct reply *said = dialog_reply(r->link->session.dialog);

    pass_on(answer, said->code, said->enhanced, said->text.data, said->text.len);
}

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
        pass_on(answer, e->code, e->enhanced, e->said ? e->said : "",
                e->said ? strlen(e->said) : 0);
    else
        relay_explain(answer, codes, e);
    if (!refusal || !is_live(r))
        report_error(r->report, e, NULL);
    err_release(e);
}

/* The same where the client has to hear our words: the server's concern what is between us. */
static void answer_trouble(struct relay *r, struct reply *answer, const char *codes,
                           struct err *e)
{
    relay_explain(answer, codes, e);
    report_error(r->report, e, NULL);
    err_release(e);
}

/* ---- the relay ---- */

struct relay *relay_new(const struct layers *layers, struct report *report, struct err *e)
{
    struct relay *r = calloc(1, sizeof(*r));
    int chosen;

    if (!r) {
        err_set(e, ERR_OS, "no memory for a relay");
        return NULL;
    }
    r->layers = layers;
    r->report = report;
    addresses_init(&r->recipients);
    local_init(&r->local, &r->settings);
    if (!layers_merge(layers, NULL, &r->settings, e)) {
        report_init(report, r->settings.quiet, r->settings.verbose);
        report->replies = report->facts; /* the client shows them itself */
        r->sink = report_sink(report);
        r->links =
            (struct links){.layers = layers, .run = deadline_in(r->settings.deadline_ms)};
        chosen = accounts_choose(layers, &r->settings, &r->account, e);
        r->by_sender = !chosen;
        if (!chosen || (chosen > 0 && links_find(&r->links, r->account, e)))
            return r;
    }
    relay_free(r);
    return NULL;
}

void relay_free(struct relay *r)
{
    relay_reset(r);
    links_release(&r->links);
    local_release(&r->local);
    addresses_release(&r->recipients);
    free(r);
}

int64_t relay_timeout_ms(const struct relay *r)
{
    return r->settings.timeout_ms;
}

struct deadline relay_run(const struct relay *r)
{
    return r->links.run;
}

/* ---- the transaction ---- */

bool relay_is_begun(const struct relay *r)
{
    return r->transaction != NULL;
}

void relay_reset(struct relay *r)
{
    transaction_free(r->transaction);
    r->transaction = NULL;
    r->accepted = 0;
    envelope_release(&r->envelope);
    addresses_release(&r->recipients);
}

/* The link that the sender in PATH chooses; its job then has that sender. */
static struct link *choose_link(struct relay *r, const char *path, struct reply *answer)
{
    const struct config_part *account = r->account;
    struct link *link = NULL;
    struct err e = ERR_INIT;
    struct buf sender;

    buf_init(&sender, PATH_MAX_BYTES);
    if (mailbox_reverse_path(path, local_domain(&r->local), &sender, &e)) {
        relay_explain(answer, "501 5.1.7", &e);
        err_release(&e);
    } else {
        if (r->by_sender)
            account = accounts_match(r->layers, sender.data);
        link = links_find(&r->links, account, &e);
        if (!link || link_arm(link, &r->sink, &e)) {
            answer_trouble(r, answer, "451 4.3.5", &e);
            if (link)
                links_drop(&r->links, link);
            link = NULL;
        }
    }
    buf_release(&sender);
    return link;
}

/* The sender, at the domain of LINK where it has none; that PATH is an address is known. */
static int set_sender(struct link *link, const char *path, struct err *e)
{
    struct job *job = &link->job;

    buf_clear(&job->reverse_path);
    job->has_sender = true;
    return mailbox_reverse_path(path, local_domain(&job->local), &job->reverse_path, e);
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
}

/* MAIL in the session that is open. */
static int begin(struct relay *r, struct err *e)
{
    r->envelope = (struct envelope){.reverse_path = r->link->job.reverse_path.data};
    r->utf8 = r->link->session.caps.bits & CAP_SMTPUTF8 &&
              (r->extensions.utf8 || envelope_needs_utf8(&r->envelope));
    r->transaction = transaction_new(&r->link->session, &r->envelope, &r->extensions, e);
    if (r->transaction && !transaction_begin(r->transaction, e))
        return 0;
    relay_reset(r);
    return -1;
}

/* The codes for what our side says of a session that can't be opened. */
static const char *opening_codes(const struct err *e)
{
    return e->stage == STAGE_AUTH || e->stage == STAGE_TLS || e->stage == STAGE_STARTTLS
               ? "451 4.7.0"
               : "451 4.4.1";
}

/* The codes for a MAIL that we can't say as it should be. */
static const char *mail_codes(const struct link *link, const struct err *e)
{
    if (e->kind != ERR_UNAVAILABLE)
        return "451 4.4.2";
    return mailbox_needs_utf8(link->job.reverse_path.data) ? "553 5.6.7" : "554 5.3.3";
}

void relay_mail(struct relay *r, const struct request *request, struct reply *answer)
{
    struct link *link = choose_link(r, request->path, answer);
    struct err e = ERR_INIT;
    bool reused;

    if (!link)
        return;
    if (r->link && r->link != link)
        link_close(r->link);
    reused = link_is_open(link);
    r->link = link;
    wish(r, request);
    if (set_sender(link, request->path, &e)) {
        answer_trouble(r, answer, "451 4.3.5", &e);
        return;
    }
    if (reused && begin(r, &e) && !is_live(r)) {
        /* It had ended while nobody looked. */
        err_release(&e);
        reused = false;
    }
    if (!reused && link_open(link, &r->sink, &e)) {
        answer_trouble(r, answer, opening_codes(&e), &e);
        return;
    }
    if (!reused)
        (void)begin(r, &e);
    if (r->transaction)
        pass_on_reply(r, answer);
    else
        answer_failure(r, answer, mail_codes(link, &e), &e);
}

static bool refuse_recipient(struct reply *answer, const char *line)
{
    say(answer, line);
    return false;
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

/* Ask for one address. True: it is accepted. */
static bool ask(struct relay *r, const char *address, const struct extensions *x,
                struct reply *answer)
{
    long at = addresses_find(&r->recipients, address);
    struct err e = ERR_INIT;
    struct recipient *recipient;

    if (!is_live(r))
        return refuse_recipient(answer, "451 4.4.2 the server has ended the session");
    if (at >= 0 && r->envelope.recipients[at].delivery == DELIVERY_ACCEPTED) {
        say(answer, "250 2.1.5 that recipient is named already");
        return true;
    }
    if (at < 0 && r->recipients.count >= RELAY_RECIPIENTS_MAX)
        return refuse_recipient(answer, "452 4.5.3 too many recipients");
    if (r->link->session.caps.bits & CAP_SMTPUTF8 && !r->utf8 && mailbox_needs_utf8(address))
        return refuse_recipient(answer, "553 5.6.7 MAIL did not say SMTPUTF8");
    at = place_recipient(r, address, &e);
    if (at < 0) {
        answer_trouble(r, answer, "451 4.3.0", &e);
        return false;
    }
    recipient = &r->envelope.recipients[at];
    recipient->delivery = DELIVERY_WAITING;
    if (!transaction_recipient(r->transaction, (size_t)at, x, &e)) {
        pass_on_reply(r, answer);
        return recipient->delivery == DELIVERY_ACCEPTED;
    }
    recipient->delivery = DELIVERY_FAILED;
    recipient->kind = (unsigned char)e.kind;
    answer_failure(r, answer, is_live(r) ? "553 5.6.7" : "451 4.4.2", &e);
    return false;
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
        say(answer, "550 5.1.1 that name stands for nobody");
        while (i < list.count && ask(r, list.at[i], &x, answer))
            i++;
        r->accepted += list.count && i == list.count;
    } else if (e.kind == ERR_USAGE) {
        relay_explain(answer, "501 5.1.3", &e);
        err_release(&e);
    } else {
        answer_trouble(r, answer, "451 4.3.5", &e);
    }
    addresses_release(&list);
}

bool relay_takes_data(struct relay *r, struct reply *answer)
{
    size_t accepted = envelope_count(&r->envelope, DELIVERY_ACCEPTED);

    /* What the client was refused is not to be sent to the half of an alias that was taken. */
    if (!accepted || !r->accepted) {
        say(answer, "554 5.5.1 no recipient has been accepted");
    } else if (r->link->settings.require_all && accepted < r->envelope.count) {
        say(answer, "554 5.5.1 a recipient was refused, and --require-all wants all");
    } else if (!is_live(r)) {
        say(answer, "451 4.4.2 the server has ended the session");
        relay_reset(r);
    } else {
        return true;
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

void relay_message(struct relay *r, struct message *message, struct reply *answer)
{
    const struct edit edit = {.job = &r->link->job,
                              .layers = r->layers,
                              .account = r->link->account,
                              .sink = &r->sink};
    struct transaction_result result = {0};
    struct err e = ERR_INIT;

    if (!edit_message(&edit, message, &e) &&
        !transaction_finish(r->transaction, message, job_chunking(edit.job), &result, &e)) {
        pass_on_reply(r, answer);
    } else {
        answer_failure(r, answer, message_codes(&e, result.maybe_accepted), &e);
        if (result.maybe_accepted)
            buf_addstr(&answer->text, "; the server may have accepted the message");
    }
    relay_reset(r);
}
