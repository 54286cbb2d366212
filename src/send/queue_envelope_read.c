#include "send/queue_envelope_inner.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 60 };

/* A run of the file's bytes. */
struct piece {
    const char *at, *end;
};

struct reader {
    struct queue_envelope *envelope;
    struct piece line; /* the one in hand */
    unsigned long number;
    struct piece rest; /* what is not yet understood of it */
    struct buf value;  /* unescaped */
    bool seen[ENVELOPE_NUMBERS];
    struct err *e;
};

static size_t length(const struct piece *piece)
{
    return (size_t)(piece->end - piece->at);
}

static bool is_word(const struct piece *piece, const char *word)
{
    return length(piece) == strlen(word) && !memcmp(piece->at, word, length(piece));
}

/* The line can't be understood. */
static int odd(struct reader *r, const char *why)
{
    size_t len = length(&r->line);
    struct buf shown;

    buf_init(&shown, SHOWN * 4);
    text_escape(&shown, r->line.at, len < SHOWN ? len : SHOWN);
    err_set(r->e, ERR_DATA, "line %lu of its envelope: %s: '%s'", r->number, why, shown.data);
    buf_release(&shown);
    return -1;
}

static int no_memory(struct reader *r)
{
    return err_set(r->e, ERR_OS, "no memory for the queue's envelope");
}

/* Cut what stands before the next space off the rest; empty at its end. */
static struct piece next_word(struct piece *rest)
{
    const char *space = memchr(rest->at, ' ', length(rest));
    struct piece word = {rest->at, space ? space : rest->end};

    rest->at = space ? space + 1 : rest->end;
    return word;
}

/* 0 to 15, or -1. */
static int hex_value(int c)
{
    if (text_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* r->value becomes what an escaped text stands for: no NUL, no control byte that is bare. */
static int unescape(struct reader *r, struct piece text)
{
    const char *run;
    int high, low;

    buf_clear(&r->value);
    while (text.at < text.end) {
        for (run = text.at; run < text.end && *run != '\\'; run++) {
            if ((unsigned char)*run < ' ' || *run == 0x7f)
                return odd(r, "a control byte");
        }
        buf_add(&r->value, text.at, (size_t)(run - text.at));
        text.at = run;
        if (text.at == text.end)
            break;
        if (length(&text) >= 2 && text.at[1] == '\\') {
            buf_addch(&r->value, '\\');
            text.at += 2;
            continue;
        }
        high = length(&text) >= 4 && text.at[1] == 'x' ? hex_value(text.at[2]) : -1;
        low = high < 0 ? -1 : hex_value(text.at[3]);
        if (low < 0 || (!high && !low))
            return odd(r, "a backslash without a meaning");
        buf_addch(&r->value, (char)(high << 4 | low));
        text.at += 4;
    }
    return r->value.failed ? no_memory(r) : 0;
}

/* A copy of an escaped text into *FIELD, which is empty. */
static int read_text(struct reader *r, struct piece text, char **field)
{
    if (*field)
        return odd(r, "a second one");
    if (unescape(r, text))
        return -1;
    *field = strdup(r->value.data);
    return *field ? 0 : no_memory(r);
}

/* What could begin a command of its own on the wire. */
static bool has_control(const struct buf *value)
{
    size_t i = 0;

    while (i < value->len && (unsigned char)value->data[i] >= ' ' && value->data[i] != 0x7f)
        i++;
    return i < value->len;
}

/* "<...>": r->value becomes what is in it. */
static int read_path(struct reader *r, struct piece path)
{
    if (length(&path) < 2 || *path.at != '<' || path.end[-1] != '>')
        return odd(r, "no address in <>");
    path = (struct piece){path.at + 1, path.end - 1};
    if (memchr(path.at, ' ', length(&path)) || memchr(path.at, '<', length(&path)) ||
        memchr(path.at, '>', length(&path)))
        return odd(r, "an address that is not escaped");
    if (unescape(r, path))
        return -1;
    return has_control(&r->value) ? odd(r, "an address with a control byte") : 0;
}

/* A decimal number of at most MOST, or -1. */
static int64_t number_in(const struct piece *word, int64_t most)
{
    char digits[24];

    if (length(word) >= sizeof(digits))
        return -1;
    memcpy(digits, word->at, length(word));
    digits[length(word)] = '\0';
    return text_number(digits, most);
}

static int read_number(struct reader *r, size_t field)
{
    int64_t value = number_in(&r->rest, envelope_numbers[field].most);

    if (r->seen[field])
        return odd(r, "a second one");
    if (value < 0)
        return odd(r, "no number, or too great a one");
    r->seen[field] = true;
    *envelope_number(r->envelope, &envelope_numbers[field]) = value;
    return 0;
}

static int read_id(struct reader *r)
{
    struct queue_envelope *envelope = r->envelope;

    if (*envelope->id)
        return odd(r, "a second one");
    if (!queue_id_valid(r->rest.at, length(&r->rest)))
        return odd(r, "no id");
    memcpy(envelope->id, r->rest.at, QUEUE_ID_LENGTH);
    envelope->id[QUEUE_ID_LENGTH] = '\0';
    return 0;
}

/* A word that has to stand alone. */
static int read_flag(struct reader *r, size_t field)
{
    bool *flag = envelope_flag(r->envelope, &envelope_flags[field]);

    if (!is_word(&r->line, envelope_flags[field].word))
        return odd(r, "it takes no value");
    if (*flag)
        return odd(r, "a second one");
    *flag = true;
    return 0;
}

static int read_hold_for(struct reader *r)
{
    if (r->envelope->hold_for_ms >= 0)
        return odd(r, "a second one");
    if (unescape(r, r->rest))
        return -1;
    r->envelope->hold_for_ms = text_duration(r->value.data);
    if (r->envelope->hold_for_ms < 0 ||
        r->envelope->hold_for_ms / 1000 > ENVELOPE_MOST_HOLD_SECONDS)
        return odd(r, "no duration, or too long a one");
    return 0;
}

/* "5.1.1". */
static bool read_enhanced(struct piece word, struct enhanced *out)
{
    unsigned short *part[] = {&out->class, &out->subject, &out->detail};
    struct piece digits;
    const char *dot;
    int64_t value;
    size_t i;

    for (i = 0; i < 3; i++) {
        dot = memchr(word.at, '.', length(&word));
        digits = (struct piece){word.at, dot && i < 2 ? dot : word.end};
        value = number_in(&digits, 999);
        if (value < 0 || (i < 2 && !dot))
            return false;
        *part[i] = (unsigned short)value;
        word.at = i < 2 ? dot + 1 : word.end;
    }
    return envelope_enhanced_fits(out);
}

static bool read_stage(const struct piece *word, enum stage *stage)
{
    int i;

    for (i = STAGE_NONE + 1; i <= STAGE_QUEUE; i++) {
        if (is_word(word, stage_name((enum stage)i))) {
            *stage = (enum stage)i;
            return true;
        }
    }
    return is_word(word, "-");
}

/* CODE ENHANCED STAGE, and the words, if any; "-" where one is not known. */
static int read_reply(struct reader *r, struct queued_recipient *recipient)
{
    struct piece word = next_word(&r->rest);
    int64_t code = number_in(&word, 599);

    if (!envelope_code_fits(code) && !is_word(&word, "-"))
        return odd(r, "no reply code");
    recipient->code = code > 0 ? (int)code : 0;
    word = next_word(&r->rest);
    if (!is_word(&word, "-") && !read_enhanced(word, &recipient->enhanced))
        return odd(r, "no enhanced status code");
    word = next_word(&r->rest);
    if (!read_stage(&word, &recipient->stage))
        return odd(r, "no stage");
    return length(&r->rest) ? read_text(r, r->rest, &recipient->said) : 0;
}

static int read_recipient(struct reader *r)
{
    struct queued_recipient *recipient;
    struct piece word;

    if (read_path(r, next_word(&r->rest)))
        return -1;
    if (!r->value.len)
        return odd(r, "no address");
    if (queue_envelope_add(r->envelope, r->value.data, r->e))
        return -1;
    recipient = &r->envelope->recipients[r->envelope->count - 1];
    word = next_word(&r->rest);
    if (is_word(&word, queued_state_word(QUEUED_FAILED)))
        recipient->state = QUEUED_FAILED;
    else if (!is_word(&word, queued_state_word(QUEUED_WAITING)))
        return odd(r, "neither waiting nor failed");
    return length(&r->rest) ? read_reply(r, recipient) : 0;
}

/* One line between the first and the last. */
static int read_line(struct reader *r)
{
    struct queue_envelope *envelope = r->envelope;
    struct piece word;
    size_t i;

    r->rest = r->line;
    word = next_word(&r->rest);
    if (is_word(&word, "recipient"))
        return read_recipient(r);
    if (is_word(&word, "id"))
        return read_id(r);
    if (is_word(&word, "hold-for"))
        return read_hold_for(r);
    if (is_word(&word, "from")) {
        if (read_path(r, r->rest))
            return -1;
        r->rest = (struct piece){r->rest.at + 1, r->rest.end - 1};
    }
    for (i = 0; i < ENVELOPE_NUMBERS; i++) {
        if (is_word(&word, envelope_numbers[i].word))
            return read_number(r, i);
    }
    for (i = 0; i < ENVELOPE_TEXTS; i++) {
        if (is_word(&word, envelope_texts[i].word))
            return read_text(r, r->rest, envelope_text(envelope, &envelope_texts[i]));
    }
    for (i = 0; i < ENVELOPE_FLAGS; i++) {
        if (is_word(&word, envelope_flags[i].word))
            return read_flag(r, i);
    }
    return odd(r, "not known");
}

/* The last line has been read, and nothing follows it. */
static int check_whole(struct reader *r, const struct piece *left)
{
    size_t i;
    bool all = *r->envelope->id && r->envelope->reverse_path;

    for (i = 0; i < ENVELOPE_NUMBERS; i++)
        all = all && (r->seen[i] || !envelope_numbers[i].needed);
    if (length(left))
        return odd(r, "something behind it");
    if (!all)
        return err_set(r->e, ERR_DATA, "its envelope lacks the id, the sender or a number");
    return 0;
}

static int read_lines(struct reader *r, struct piece left)
{
    const char *newline;

    while ((newline = memchr(left.at, '\n', length(&left)))) {
        r->line = (struct piece){left.at, newline};
        left.at = newline + 1;
        r->number++;
        if (r->number == 1 && !is_word(&r->line, ENVELOPE_FIRST_LINE))
            return odd(r, "not '" ENVELOPE_FIRST_LINE "'");
        if (r->number > 1 && is_word(&r->line, "end"))
            return check_whole(r, &left);
        if (r->number > 1 && read_line(r))
            return -1;
    }
    return err_set(r->e, ERR_DATA, "its envelope is torn: the line 'end' is missing");
}

int queue_envelope_read(struct queue_envelope *envelope, const char *text, size_t len,
                        struct err *e)
{
    struct reader r = {.envelope = envelope, .e = e};
    int status;

    if (len > QUEUE_ENVELOPE_MAX)
        return err_set(e, ERR_DATA, "its envelope is longer than %d bytes", QUEUE_ENVELOPE_MAX);
    buf_init(&r.value, QUEUE_ENVELOPE_MAX);
    status = read_lines(&r, (struct piece){text, text + len});
    buf_release(&r.value);
    if (status)
        queue_envelope_release(envelope);
    return status;
}
