#include "send/report.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A reply can have 64 KiB, each byte of which may take four to show. */
enum { LINE_MAX_BYTES = 4 * REPLY_TEXT_MAX + 4096, SHOWN_AT_ONCE = 65536 };

void report_init(struct report *report, bool quiet, int verbose)
{
    bool talks = !quiet && (verbose > 0 || isatty(STDERR_FILENO));

    *report = (struct report){.quiet = quiet,
                              .replies = talks,
                              .facts = !quiet && verbose > 0,
                              .commands = !quiet && verbose > 1};
}

/* Print and free a line. Where stderr can't be written there is nobody to tell. */
static void finish_line(struct buf *line)
{
    buf_addch(line, '\n');
    (void)file_write(STDERR_FILENO, line->data, line->len);
    buf_release(line);
}

void report_words(struct buf *line, const char *text, size_t len)
{
    const char *end = text + len, *lf;

    for (;;) {
        lf = memchr(text, '\n', (size_t)(end - text));
        text_escape(line, text, (size_t)((lf ? lf : end) - text));
        if (!lf)
            return;
        buf_addstr(line, " | ");
        text = lf + 1;
    }
}

static void add_place(struct buf *line, enum stage stage, const char *recipient)
{
    buf_addstr(line, stage_name(stage));
    if (recipient) {
        buf_addch(line, ' ');
        text_escape(line, recipient, strlen(recipient));
    }
    buf_addstr(line, ": ");
}

static void add_reply(struct buf *line, int code, const char *text, size_t len)
{
    buf_addf(line, "%d", code);
    if (len)
        buf_addch(line, ' ');
    report_words(line, text, len);
}

static void on_event(void *ctx, const struct event *event)
{
    const struct report *report = ctx;
    struct buf line;

    if (report->quiet || (event->kind == EVENT_REPLY && !report->replies) ||
        (event->kind == EVENT_COMMAND && !report->commands) ||
        (event->kind == EVENT_FACT && !report->facts))
        return;
    buf_init(&line, LINE_MAX_BYTES);
    if (event->kind == EVENT_WARNING)
        buf_addstr(&line, "smtpsend: warning: ");
    if (event->kind == EVENT_COMMAND)
        buf_addstr(&line, "> ");
    else
        add_place(&line, event->stage, event->recipient);
    if (event->kind == EVENT_REPLY)
        add_reply(&line, event->code, event->text, event->text_len);
    else
        text_escape(&line, event->text, event->text_len);
    if (event->kind == EVENT_REPLY && report->commands)
        buf_addf(&line, " (%.1f ms)", (double)event->elapsed_ns / 1e6);
    finish_line(&line);
}

struct sink report_sink(struct report *report)
{
    struct sink sink = {on_event, report};

    if (report->quiet)
        sink.on = NULL;
    return sink;
}

static void add_hint(struct buf *line, const char *hint)
{
    if (*hint) {
        buf_addstr(line, "; ");
        text_escape(line, hint, strlen(hint));
    }
}

void report_describe(struct buf *line, const struct err *e, const char *recipient)
{
    if (e->stage != STAGE_NONE)
        add_place(line, e->stage, recipient);
    text_escape(line, e->message, strlen(e->message));
    if (e->code) {
        buf_addstr(line, ": ");
        add_reply(line, e->code, e->said ? e->said : "", e->said ? strlen(e->said) : 0);
    }
}

void report_error(const struct report *report, const struct err *e, const char *recipient)
{
    struct buf line;

    if (report->quiet)
        return;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addstr(&line, "smtpsend: ");
    report_describe(&line, e, recipient);
    add_hint(&line, e->hint);
    finish_line(&line);
}

/* What may help a refused recipient: 5.7.x is about who asks, not about the address. */
static const char *refusal_hint(const struct recipient *r, bool authenticated)
{
    bool policy = r->enhanced.subject == 7;

    if (r->kind == ERR_TEMPORARY)
        return "try again later";
    if (r->kind == ERR_NOPERM || (policy && !authenticated))
        return "the server may want authentication: give --user";
    return policy ? "the server does not allow this" : "check the address";
}

void report_recipients(const struct report *report, const struct envelope *envelope,
                       bool authenticated)
{
    const struct recipient *r;
    struct err e = ERR_INIT;
    size_t i;

    if (report->quiet)
        return;
    for (i = 0; i < envelope->count; i++) {
        r = &envelope->recipients[i];
        if (r->delivery != DELIVERY_FAILED && !(r->delivery == DELIVERY_QUEUED && r->code))
            continue;
        err_set(&e, (enum err_kind)r->kind,
                r->kind == ERR_TEMPORARY ? "the server can't take this recipient now"
                                         : "the server refuses this recipient");
        err_reply(&e, r->code, r->enhanced, r->said ? r->said : "",
                  r->said ? strlen(r->said) : 0);
        if (r->delivery == DELIVERY_FAILED)
            err_hint(&e, "%s", refusal_hint(r, authenticated));
        err_at(&e, (enum stage)r->stage);
        report_error(report, &e, r->address);
        err_release(&e);
    }
}

/* How many have the message, which matters to who would send it again. */
static void report_done(const struct report *report, const struct envelope *envelope)
{
    struct err e = ERR_INIT;

    err_set(&e, ERR_TEMPORARY,
            "%zu of %zu recipients have the message already: sending it again to all gives "
            "them two",
            envelope_count(envelope, DELIVERY_DONE), envelope->count);
    report_error(report, &e, NULL);
    err_release(&e);
}

void report_undecided(const struct report *report, const struct envelope *envelope,
                      const struct err *e, bool maybe_accepted)
{
    struct err line = ERR_INIT;
    size_t i;

    if (report->quiet || !envelope_count(envelope, DELIVERY_DONE))
        return;
    report_done(report, envelope);
    for (i = 0; i < envelope->count; i++) {
        const struct recipient *r = &envelope->recipients[i];

        if (r->delivery != DELIVERY_WAITING && r->delivery != DELIVERY_ACCEPTED)
            continue;
        err_set(&line, e->kind, "this recipient %s the message",
                maybe_accepted && r->delivery == DELIVERY_ACCEPTED ? "may not have"
                                                                   : "does not have");
        err_at(&line, e->stage);
        report_error(report, &line, r->address);
        err_release(&line);
    }
}

void report_kept(const struct report *report, const char *id, size_t count, bool asked)
{
    struct buf line;

    if (report->quiet || (asked && !report->replies))
        return;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "smtpsend: queue: kept as %s for %zu recipient%s; `smtpsend -q` sends it",
             id, count, count == 1 ? "" : "s");
    finish_line(&line);
}

void report_pass(const struct report *report, size_t sent, bool left)
{
    struct buf line;

    if (!report->replies)
        return;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "smtpsend: queue: %zu sent%s", sent,
             left ? "; `smtpsend -bp` shows what is left" : ", and nothing is left to send");
    finish_line(&line);
}

int report_exit_status(const struct envelope *envelope, const struct err *e)
{
    enum err_kind worst = ERR_NONE;
    size_t i;

    if (e->kind != ERR_NONE)
        return err_exit_status(e->kind);
    for (i = 0; i < envelope->count; i++) {
        const struct recipient *r = &envelope->recipients[i];

        if (r->delivery != DELIVERY_FAILED || worst == ERR_TEMPORARY)
            continue;
        if (worst == ERR_NONE || r->kind == ERR_TEMPORARY || r->kind == ERR_NOPERM)
            worst = (enum err_kind)r->kind;
    }
    return err_exit_status(worst);
}

int report_print(const char *text, size_t len, struct err *e)
{
    if (file_write(STDOUT_FILENO, text, len))
        return err_system(e, ERR_IO, errno, "standard output");
    return 0;
}

/* Print and clear what is to be shown. */
static int print_shown(struct buf *shown, struct err *e)
{
    int status = buf_check(shown, ERR_OS, "the message", e);

    if (!status)
        status = report_print(shown->data, shown->len, e);
    buf_clear(shown);
    return status;
}

int report_show(const char *data, size_t len, struct err *e)
{
    const char *end = data + len, *lf;
    struct buf shown;
    int status = 0;

    if (!isatty(STDOUT_FILENO))
        return report_print(data, len, e);
    buf_init(&shown, SIZE_MAX);
    while (!status && (lf = memchr(data, '\n', (size_t)(end - data)))) {
        text_escape(&shown, data, (size_t)(lf - data) - (lf > data && lf[-1] == '\r'));
        buf_addch(&shown, '\n');
        data = lf + 1;
        if (shown.len >= SHOWN_AT_ONCE)
            status = print_shown(&shown, e);
    }
    text_escape(&shown, data, (size_t)(end - data));
    if (!status)
        status = print_shown(&shown, e);
    buf_release(&shown);
    return status;
}
