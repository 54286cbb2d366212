#include "send/queue_list.h"

#include "base/text.h"
#include "send/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PRINT_AT_ONCE = 65536,
    WORDS_SHOWN = 200, /* of what was said of a recipient, unless all is asked for */
    SENDER_COLUMN = 51
};

#define HEADING "-Queue ID----------- --Size-- ---Arrival Time----  -Sender/Recipient-------\n"

/* A list that is being printed. */
struct listing {
    const struct queue_list *list;
    struct buf out; /* not printed yet */
    int64_t now;
    size_t count; /* of the messages in it */
    int64_t bytes;
};

static int print_rest(struct listing *l, struct err *e)
{
    int status = buf_check(&l->out, ERR_OS, "the list of the queue", e);

    if (!status)
        status = report_print(l->out.data, l->out.len, e);
    buf_clear(&l->out);
    return status;
}

static int print_full(struct listing *l, struct err *e)
{
    return l->out.len < PRINT_AT_ONCE ? 0 : print_rest(l, e);
}

/* ---- as text ---- */

/* "Wed Nov 25 18:01:21", as the clock on the wall has it. */
static void add_time(struct buf *out, int64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm local = {0};
    char text[32] = "";

    (void)localtime_r(&at, &local); /* no year of an envelope is too great for it */
    (void)strftime(text, sizeof(text), "%a %b %e %H:%M:%S", &local);
    buf_addstr(out, text);
}

static void add_text(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

/* When it is tried next, and how it went so far. */
static void add_plan(struct listing *l, const struct spool_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    struct buf *out = &l->out;

    buf_addstr(out, "    (");
    if (entry->name.due < 0) {
        buf_addstr(out, "held");
    } else if (entry->name.due <= l->now) {
        buf_addstr(out, "due now");
    } else {
        buf_addstr(out, "next try ");
        add_time(out, entry->name.due);
    }
    buf_addf(out, ", %" PRId64 " %s so far", envelope->attempts,
             envelope->attempts == 1 ? "try" : "tries");
    if (envelope->account) {
        buf_addstr(out, ", account ");
        add_text(out, envelope->account);
    }
    buf_addstr(out, ")\n");
}

/* How much of what was said is shown: not half a character. */
static size_t words_shown(const char *said, bool verbose)
{
    size_t len = verbose ? strlen(said) : strnlen(said, WORDS_SHOWN + 1);

    if (verbose || len <= WORDS_SHOWN)
        return len;
    len = WORDS_SHOWN;
    while (len > WORDS_SHOWN - 4 && ((unsigned char)said[len] & 0xc0) == 0x80)
        len--;
    return len;
}

/* "5.1.1", and a space. */
static void add_enhanced(struct buf *out, const struct queued_recipient *r)
{
    const struct enhanced *x = &r->enhanced;
    char code[24];

    if (!x->class)
        return;
    snprintf(code, sizeof(code), "%u.%u.%u", x->class, x->subject, x->detail);
    if (!r->said || strncmp(r->said, code, strlen(code))) /* else the words begin with it */
        buf_addf(out, "%s ", code);
}

/* "rcpt: 451 4.7.1 try later". */
static void add_reply(struct buf *out, const struct queued_recipient *r, bool verbose)
{
    const char *said = r->said ? r->said : "";
    size_t len = words_shown(said, verbose);

    if (r->stage != STAGE_NONE)
        buf_addf(out, "%s: ", stage_name(r->stage));
    if (r->code)
        buf_addf(out, "%d ", r->code);
    add_enhanced(out, r);
    report_words(out, said, len);
    if (said[len])
        buf_addstr(out, "...");
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

/* What became of a recipient so far, in parentheses. Nothing is said of one for whom nothing was
 * done yet, unless another's reason stands above it (*REASONS): that would seem to be his too. */
static void add_reason(struct listing *l, const struct queued_recipient *r, bool *reasons)
{
    bool replied = r->code || r->enhanced.class || r->stage != STAGE_NONE || r->said;
    struct buf *out = &l->out;

    if (!replied && r->state == QUEUED_WAITING && !*reasons)
        return;
    *reasons = true;
    buf_addstr(out, "    (");
    if (r->state == QUEUED_FAILED || !replied)
        buf_addstr(out, r->state == QUEUED_FAILED ? "failed" : "waiting");
    if (r->state == QUEUED_FAILED && replied)
        buf_addstr(out, ": ");
    if (replied)
        add_reply(out, r, l->list->verbose);
    buf_addstr(out, ")\n");
}

static int add_message(struct listing *l, const struct spool_entry *entry, struct err *e)
{
    const struct queue_envelope *envelope = &entry->envelope;
    struct buf *out = &l->out;
    bool reasons = false;
    size_t i;

    if (!l->count)
        buf_addstr(out, HEADING);
    buf_addf(out, "%s%c %8" PRId64 " ", entry->name.id, entry->name.due < 0 ? '!' : ' ',
             envelope->size);
    add_time(out, envelope->created);
    buf_addstr(out, "  ");
    add_text(out, *envelope->reverse_path ? envelope->reverse_path : "MAILER-DAEMON");
    buf_addch(out, '\n');
    if (l->list->verbose)
        add_plan(l, entry);
    for (i = 0; i < envelope->count; i++) {
        add_reason(l, &envelope->recipients[i], &reasons);
        buf_addf(out, "%*s", SENDER_COLUMN, "");
        add_text(out, envelope->recipients[i].address);
        buf_addch(out, '\n');
        if (print_full(l, e))
            return -1;
    }
    buf_addch(out, '\n');
    return 0;
}

static void add_total(struct listing *l)
{
    if (l->count) {
        buf_addf(&l->out, "-- %" PRId64 " Kbytes in %zu Request%s.\n", (l->bytes + 1023) / 1024,
                 l->count, l->count == 1 ? "" : "s");
    } else {
        buf_addstr(&l->out, "Mail queue is empty\n");
    }
}

/* ---- as JSON ---- */

static void add_json_text(struct buf *out, const char *text)
{
    if (text)
        text_json(out, text, strlen(text));
    else
        buf_addstr(out, "null");
}

static void add_json_recipient(struct buf *out, const struct queued_recipient *r)
{
    const struct enhanced *x = &r->enhanced;

    buf_addstr(out, "{\"address\":");
    add_json_text(out, r->address);
    buf_addf(out, ",\"state\":\"%s\"", r->state == QUEUED_FAILED ? "failed" : "waiting");
    if (r->code)
        buf_addf(out, ",\"code\":%d", r->code);
    else
        buf_addstr(out, ",\"code\":null");
    if (x->class)
        buf_addf(out, ",\"enhanced\":\"%u.%u.%u\"", x->class, x->subject, x->detail);
    else
        buf_addstr(out, ",\"enhanced\":null");
    buf_addstr(out, ",\"stage\":");
    add_json_text(out, r->stage != STAGE_NONE ? stage_name(r->stage) : NULL);
    buf_addstr(out, ",\"text\":");
    add_json_text(out, r->said);
    buf_addch(out, '}');
}

static int add_json_message(struct listing *l, const struct spool_entry *entry, struct err *e)
{
    const struct queue_envelope *envelope = &entry->envelope;
    struct buf *out = &l->out;
    size_t i;

    buf_addf(out, "{\"id\":\"%s\",\"size\":%" PRId64 ",\"created\":%" PRId64, entry->name.id,
             envelope->size, envelope->created);
    if (entry->name.due < 0)
        buf_addstr(out, ",\"held\":true");
    else
        buf_addf(out, ",\"due\":%" PRId64, entry->name.due);
    buf_addf(out, ",\"attempts\":%" PRId64 ",\"from\":", envelope->attempts);
    add_json_text(out, envelope->reverse_path);
    buf_addstr(out, ",\"account\":");
    add_json_text(out, envelope->account);
    if (envelope->uid >= 0)
        buf_addf(out, ",\"uid\":%" PRId64, envelope->uid);
    buf_addstr(out, ",\"recipients\":[");
    for (i = 0; i < envelope->count; i++) {
        if (i)
            buf_addch(out, ',');
        add_json_recipient(out, &envelope->recipients[i]);
        if (print_full(l, e))
            return -1;
    }
    buf_addstr(out, "]}\n");
    return 0;
}

/* ---- the list ---- */

/* One entry, unless it has left the queue by now. */
static int list_entry(struct listing *l, const struct spool_name *name,
                      struct problems *problems, struct err *e)
{
    struct spool_entry entry;
    int status = spool_enter(l->list->spool, name, false, &entry, e);

    if (!status)
        return 0;
    if (status < 0 && e->kind == ERR_OS)
        return -1;
    if (status < 0) {
        problems_add(problems, e);
        return 0;
    }
    status = l->list->json ? add_json_message(l, &entry, e) : add_message(l, &entry, e);
    l->count++;
    l->bytes += entry.envelope.size;
    spool_leave(&entry);
    return status ? -1 : print_full(l, e);
}

int queue_list_print(const struct queue_list *list, struct problems *problems, struct err *e)
{
    struct listing l = {.list = list, .now = (int64_t)time(NULL)};
    struct spool_name *names = NULL;
    size_t count = 0, i;
    int status = 0;

    if (list->spool && spool_list(list->spool, SPOOL_EVERYTHING, &names, &count, e))
        return -1;
    buf_init(&l.out, SIZE_MAX);
    for (i = 0; i < count && !status; i++)
        status = list_entry(&l, &names[i], problems, e);
    if (!status && !list->json)
        add_total(&l);
    if (!status)
        status = print_rest(&l, e);
    buf_release(&l.out);
    free(names);
    return status;
}
