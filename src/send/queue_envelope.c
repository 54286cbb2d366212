#include "send/queue_envelope_inner.h"

#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS INT64_C(253402300799) /* the year 9999 */
#define MOST_UID     INT64_C(0xfffffffe)   /* the one beyond is nobody's */

enum { WORDS_SHORT = 200 };

const struct envelope_text envelope_texts[ENVELOPE_TEXTS] = {
    {"account", offsetof(struct queue_envelope, account)},
    {"from", offsetof(struct queue_envelope, reverse_path)},
    {"body", offsetof(struct queue_envelope, body)},
    {"notify", offsetof(struct queue_envelope, notify)},
    {"ret", offsetof(struct queue_envelope, ret)},
    {"envid", offsetof(struct queue_envelope, envid)},
    {"priority", offsetof(struct queue_envelope, priority)},
    {"by", offsetof(struct queue_envelope, deliver_by)},
    {"hold-until", offsetof(struct queue_envelope, hold_until)},
};

const struct envelope_number envelope_numbers[ENVELOPE_NUMBERS] = {
    {"created", offsetof(struct queue_envelope, created), MOST_SECONDS, true},
    {"size", offsetof(struct queue_envelope, size), INT64_MAX, true},
    {"attempts", offsetof(struct queue_envelope, attempts), 1000000000, true},
    {"uid", offsetof(struct queue_envelope, uid), MOST_UID, false},
};

const struct envelope_flag envelope_flags[ENVELOPE_FLAGS] = {
    {"require-tls", offsetof(struct queue_envelope, require_tls)},
    {"require-all", offsetof(struct queue_envelope, require_all)},
    {"warned", offsetof(struct queue_envelope, warned)},
    {"notices", offsetof(struct queue_envelope, notices)},
};

char **envelope_text(struct queue_envelope *envelope, const struct envelope_text *field)
{
    return (char **)(void *)((char *)envelope + field->offset);
}

int64_t *envelope_number(struct queue_envelope *envelope, const struct envelope_number *field)
{
    return (int64_t *)(void *)((char *)envelope + field->offset);
}

bool *envelope_flag(struct queue_envelope *envelope, const struct envelope_flag *field)
{
    return (bool *)(void *)((char *)envelope + field->offset);
}

const char *queued_state_word(enum queued_state state)
{
    switch (state) {
    case QUEUED_WAITING:
        return "waiting";
    case QUEUED_FAILED:
        return "failed";
    case QUEUED_DONE:
        break;
    }
    return NULL;
}

bool envelope_code_fits(int64_t code)
{
    return code >= 200 && code <= 599;
}

bool envelope_enhanced_fits(const struct enhanced *x)
{
    return (x->class == 2 || x->class == 4 || x->class == 5) && x->subject <= 999 &&
           x->detail <= 999;
}

/* ---- the envelope ---- */

void queue_envelope_init(struct queue_envelope *envelope)
{
    *envelope = (struct queue_envelope){.uid = -1, .hold_for_ms = -1};
}

void queue_envelope_release(struct queue_envelope *envelope)
{
    size_t i;

    for (i = 0; i < ENVELOPE_TEXTS; i++)
        free(*envelope_text(envelope, &envelope_texts[i]));
    for (i = 0; i < envelope->count; i++) {
        free(envelope->recipients[i].address);
        free(envelope->recipients[i].said);
    }
    free(envelope->recipients);
    queue_envelope_init(envelope);
}

/* A cleared place behind the last; the array is full whenever the count is a power of two. */
static struct queued_recipient *next_place(struct queue_envelope *envelope)
{
    size_t count = envelope->count;
    struct queued_recipient *more = envelope->recipients;

    if (!(count & (count - 1))) {
        more = realloc(more, (count ? count * 2 : 1) * sizeof(*more));
        if (!more)
            return NULL;
        envelope->recipients = more;
    }
    memset(&more[count], 0, sizeof(*more));
    return &more[count];
}

int queue_envelope_add(struct queue_envelope *envelope, const char *address, struct err *e)
{
    struct queued_recipient *r;

    if (envelope->count >= QUEUE_RECIPIENTS_MAX)
        return err_set(e, ERR_DATA, "more than %d recipients", QUEUE_RECIPIENTS_MAX);
    r = next_place(envelope);
    if (r)
        r->address = strdup(address);
    if (!r || !r->address)
        return err_set(e, ERR_OS, "no memory for the queue's envelope");
    envelope->count++;
    return 0;
}

int queued_recipient_note(struct queued_recipient *r, int code, struct enhanced enhanced,
                          enum stage stage, const char *said, struct err *e)
{
    free(r->said);
    r->said = strdup(said);
    r->code = code;
    r->enhanced = enhanced;
    r->stage = stage;
    return r->said ? 0 : err_set(e, ERR_OS, "no memory for a reply");
}

bool queue_envelope_has(const struct queue_envelope *envelope, enum queued_state state)
{
    size_t i = 0;

    while (i < envelope->count && envelope->recipients[i].state != state)
        i++;
    return i < envelope->count;
}

bool queue_envelope_revive(struct queue_envelope *envelope)
{
    bool any = false;
    size_t i;

    for (i = 0; i < envelope->count; i++) {
        if (envelope->recipients[i].state == QUEUED_FAILED) {
            envelope->recipients[i].state = QUEUED_WAITING;
            any = true;
        }
    }
    return any;
}

size_t queue_envelope_left(const struct queue_envelope *envelope)
{
    size_t i, left = 0;

    for (i = 0; i < envelope->count; i++)
        left += envelope->recipients[i].state != QUEUED_DONE;
    return left;
}

bool queue_id_valid(const char *text, size_t len)
{
    const size_t digits = 8;

    return len == QUEUE_ID_LENGTH && text[digits] == '-' && !memchr(text, '\0', len) &&
           strspn(text, "0123456789abcdef") == digits &&
           strspn(text + digits + 1, QUEUE_ID_LETTERS) >= len - digits - 1;
}

/* ---- writing ---- */

/* Append LEN bytes so that unescape() gives them back; SPECIAL: bytes that mean something in this
 * place, and the backslash. */
static void add_escaped(struct buf *out, const char *text, size_t len, const char *special)
{
    size_t run;
    const char *end = text + len;

    while (text < end) {
        run = strcspn(text, special);
        if (run > (size_t)(end - text))
            run = (size_t)(end - text);
        text_escape(out, text, run);
        text += run;
        if (text == end)
            return;
        if (*text == '\\')
            buf_addstr(out, "\\\\");
        else
            buf_addf(out, "\\x%02x", (unsigned char)*text);
        text++;
    }
}

static void add_text_line(struct buf *out, const char *word, const char *value)
{
    bool path = !strcmp(word, "from");

    buf_addf(out, path ? "%s <" : "%s ", word);
    add_escaped(out, value, strlen(value), path ? "\\<> " : "\\");
    buf_addstr(out, path ? ">\n" : "\n");
}

/* What was last said of a recipient, at most MOST bytes of the words themselves. */
static void add_reply(struct buf *out, const struct queued_recipient *r, size_t most)
{
    const struct enhanced *x = &r->enhanced;
    size_t len = r->said ? strnlen(r->said, most) : 0;

    if (!r->code && !x->class && r->stage == STAGE_NONE && !len)
        return;
    if (r->code)
        buf_addf(out, " %d", r->code);
    else
        buf_addstr(out, " -");
    if (x->class)
        buf_addf(out, " %u.%u.%u", x->class, x->subject, x->detail);
    else
        buf_addstr(out, " -");
    buf_addf(out, " %s", r->stage == STAGE_NONE ? "-" : stage_name(r->stage));
    if (len) {
        buf_addch(out, ' ');
        add_escaped(out, r->said, len, "\\");
    }
}

static bool recipient_fits(const struct queued_recipient *r)
{
    return *r->address && (!r->code || envelope_code_fits(r->code)) &&
           (!r->enhanced.class || envelope_enhanced_fits(&r->enhanced));
}

static void add_recipient(struct buf *out, const struct queued_recipient *r, size_t most)
{
    if (r->state == QUEUED_DONE)
        return;
    buf_addstr(out, "recipient <");
    add_escaped(out, r->address, strlen(r->address), "\\<> ");
    buf_addf(out, "> %s", queued_state_word(r->state));
    add_reply(out, r, most);
    buf_addch(out, '\n');
}

static void add_head(struct buf *out, struct queue_envelope *envelope)
{
    const char *text;
    int64_t number;
    size_t i;

    buf_addf(out, ENVELOPE_FIRST_LINE "\nid %s\n", envelope->id);
    for (i = 0; i < ENVELOPE_NUMBERS; i++) {
        number = *envelope_number(envelope, &envelope_numbers[i]);
        if (number >= 0)
            buf_addf(out, "%s %lld\n", envelope_numbers[i].word, (long long)number);
    }
    for (i = 0; i < ENVELOPE_TEXTS; i++) {
        text = *envelope_text(envelope, &envelope_texts[i]);
        if (text)
            add_text_line(out, envelope_texts[i].word, text);
    }
    if (envelope->hold_for_ms >= 0) {
        buf_addf(out, "hold-for %lld.%03ds\n", (long long)(envelope->hold_for_ms / 1000),
                 (int)(envelope->hold_for_ms % 1000));
    }
    for (i = 0; i < ENVELOPE_FLAGS; i++) {
        if (*envelope_flag(envelope, &envelope_flags[i]))
            buf_addf(out, "%s\n", envelope_flags[i].word);
    }
}

/* That every value has its place in the file. */
static bool can_be_read(struct queue_envelope *envelope)
{
    int64_t number;
    size_t i;

    for (i = 0; i < ENVELOPE_NUMBERS; i++) {
        number = *envelope_number(envelope, &envelope_numbers[i]);
        if ((number < 0 && envelope_numbers[i].needed) || number > envelope_numbers[i].most)
            return false;
    }
    for (i = 0; i < envelope->count; i++) {
        if (!recipient_fits(&envelope->recipients[i]))
            return false;
    }
    return envelope->reverse_path && envelope->count <= QUEUE_RECIPIENTS_MAX &&
           envelope->hold_for_ms / 1000 <= ENVELOPE_MOST_HOLD_SECONDS &&
           queue_id_valid(envelope->id, strlen(envelope->id));
}

int queue_envelope_write(const struct queue_envelope *envelope, struct buf *out, struct err *e)
{
    static const size_t most_words[] = {SIZE_MAX, WORDS_SHORT, 0};
    struct queue_envelope view = *envelope; /* what is read of it alone */
    size_t pass, i;

    if (!can_be_read(&view))
        return err_set(e, ERR_INTERNAL, "an envelope that the queue can't keep");
    for (pass = 0; pass < sizeof(most_words) / sizeof(most_words[0]); pass++) {
        buf_clear(out);
        add_head(out, &view);
        for (i = 0; i < view.count && !out->failed; i++)
            add_recipient(out, &view.recipients[i], most_words[pass]);
        buf_addstr(out, "end\n");
        if (!out->failed || out->no_memory)
            break;
    }
    return buf_check(out, ERR_DATA, "the envelope of a message in the queue", e);
}
