#include "mail/words.h"

#include "base/text.h"
#include "mail/mime.h"
#include "mail/names.h"
#include "mail/token.h"

#include <string.h>

enum {
    LINE_MAX_OCTETS = 76, /* of a line with an encoded word (RFC 2047 section 2) */
    WORD_LEAST = 30,      /* less room on a line is not worth an encoded word */
    PARAMETER_MAX = 900   /* keeps the line of a parameter below 998 */
};

/* A field being written. */
struct writer {
    struct buf *out;
    size_t column;
};

static void put(struct writer *w, const char *text, size_t len)
{
    const char *end = memrchr(text, '\n', len);

    buf_add(w->out, text, len);
    w->column = end ? (size_t)(text + len - end - 1) : w->column + len;
}

/* Put UTF-8 TEXT as encoded words, with BLANKS before the first of them. */
static void put_encoded(struct writer *w, const char *blanks, size_t blanks_len,
                        const char *text, size_t len)
{
    size_t used, n;

    while (len) {
        used = w->column + blanks_len;
        if (used + WORD_LEAST > LINE_MAX_OCTETS) {
            put(w, "\r\n", 2);
            if (!blanks_len) {
                blanks = " ";
                blanks_len = 1;
            }
            used = blanks_len;
        }
        put(w, blanks, blanks_len);
        n = used + WORD_LEAST > LINE_MAX_OCTETS ? WORD_LEAST : LINE_MAX_OCTETS - used;
        used = w->out->len;
        n = encoded_word(w->out, text, len, n);
        w->column += w->out->len - used;
        text += n;
        len -= n;
        blanks = " ";
        blanks_len = 1;
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_utf8(const char *text, size_t len)
{
    size_t n;

    for (; len; text += n, len -= n) {
        n = utf8_length(text, len);
        if (!n)
            return false;
    }
    return true;
}

static bool looks_encoded(const char *word, size_t len)
{
    return len > 4 && !memcmp(word, "=?", 2) && !memcmp(word + len - 2, "?=", 2);
}

static void add_unfolded(struct buf *out, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] != '\r' && text[i] != '\n')
            buf_addch(out, text[i]);
    }
}

/* Unstructured text, cut into words: those beyond ASCII that follow one another are one run. */
struct run {
    struct writer *writer;
    struct buf text;
    const char *gap; /* the white space before it */
    size_t gap_len;
    bool after_encoded; /* the word before was an encoded one already */
};

static void flush_run(struct run *r)
{
    const char *fold;
    size_t folded;

    if (!r->text.len)
        return;
    fold = memrchr(r->gap, '\n', r->gap_len);
    folded = fold ? (size_t)(fold + 1 - r->gap) : 0;
    put(r->writer, r->gap, folded);
    put_encoded(r->writer, r->gap + folded, r->gap_len - folded, r->text.data, r->text.len);
    buf_clear(&r->text);
}

/* White space between two encoded words is not shown (RFC 2047 section 6.2), so that what is to
 * be seen is encoded with them. */
static void take_8bit(struct run *r, const char *gap, size_t gap_len, const char *word,
                      size_t len)
{
    if (r->text.len) {
        add_unfolded(&r->text, gap, gap_len);
    } else {
        r->gap = gap;
        r->gap_len = gap_len;
        if (r->after_encoded)
            buf_addch(&r->text, ' ');
    }
    buf_add(&r->text, word, len);
}

static void take_ascii(struct run *r, const char *gap, size_t gap_len, const char *word,
                       size_t len)
{
    struct writer *w = r->writer;
    bool encoded = looks_encoded(word, len);

    if (encoded && r->text.len)
        buf_addch(&r->text, ' ');
    flush_run(r);
    r->after_encoded = encoded;
    if (gap_len && w->column + gap_len + len > LINE_MAX_OCTETS && !memchr(gap, '\n', gap_len))
        put(w, "\r\n", 2);
    put(w, gap, gap_len);
    put(w, word, len);
}

static const char *put_unstructured(struct writer *w, const char *at, const char *end)
{
    struct run r = {.writer = w};
    const char *gap, *word;

    buf_init(&r.text, HEADER_MAX);
    for (;;) {
        for (gap = at; at < end && is_space(*at); at++)
            ;
        for (word = at; at < end && !is_space(*at); at++)
            ;
        if (word == at)
            break;
        if (is_8bit(word, (size_t)(at - word)))
            take_8bit(&r, gap, (size_t)(word - gap), word, (size_t)(at - word));
        else
            take_ascii(&r, gap, (size_t)(word - gap), word, (size_t)(at - word));
    }
    flush_run(&r);
    put(w, gap, (size_t)(word - gap));
    buf_release(&r.text);
    return NULL;
}

/* Put what is no token: white space and comments, whose 8-bit text becomes encoded words (RFC 2047
 * section 5 (2)). With a backslash it stays, and the field is refused for it. */
static void put_comments(struct writer *w, const char *at, const char *end)
{
    const char *stop;
    size_t len;

    for (; at < end; at = stop) {
        for (stop = at; stop < end && *stop != '(' && *stop != ')'; stop++)
            stop += *stop == '\\' && end - stop > 1;
        len = (size_t)(stop - at);
        if (is_8bit(at, len) && !memchr(at, '\\', len)) {
            put_unstructured(w, at, stop);
            if (w->column == LINE_MAX_OCTETS)
                put(w, "\r\n ", 3);
        } else {
            put(w, at, len);
        }
        if (stop < end)
            put(w, stop++, 1);
    }
}

/* Put what stands around phrases, as it is but for comments. */
static void put_rest(struct writer *w, const char *at, const char *end)
{
    struct tokens t;

    for (tokens_init(&t, at, (size_t)(end - at)); at < end; tokens_next(&t)) {
        if (t.now.kind == TOKEN_BAD)
            break;
        put_comments(w, at, t.now.start);
        put(w, t.now.start, t.now.len);
        at = t.now.start + t.now.len;
    }
    put(w, at, (size_t)(end - at));
}

/* The phrase at hand in an address field, and what of it becomes encoded words: from its first
 * word beyond ASCII to its last, with what touches them. */
struct phrase {
    struct buf text;         /* as it is meant, without quotes */
    size_t text_len;         /* up to END */
    const char *start;       /* of the words that touch one another */
    const char *first, *end; /* NULL while nothing is beyond ASCII */
    const char *last;        /* the end of the word before */
    bool comment;            /* one stands between them */
    bool encoded;            /* it has encoded words already */
};

static void add_meant(struct buf *out, const struct token *word)
{
    size_t i, end = word->len;

    if (word->kind != TOKEN_QUOTED) {
        buf_add(out, word->start, word->len);
        return;
    }
    for (i = 1, end--; i < end; i++) {
        if (word->start[i] == '\\' && i + 1 < end)
            i++;
        if (word->start[i] != '\r' && word->start[i] != '\n')
            buf_addch(out, word->start[i]);
    }
}

static void take_word(struct phrase *p, const struct token *word)
{
    bool touches = p->last == word->start;

    p->encoded = p->encoded || word->kind == TOKEN_ENCODED ||
                 (word->kind == TOKEN_ATOM && looks_encoded(word->start, word->len));
    if (!touches && !p->first) {
        buf_clear(&p->text);
        p->start = word->start;
    }
    if (p->first && !touches) {
        buf_addch(&p->text, ' ');
        if (memchr(p->last, '(', (size_t)(word->start - p->last)))
            p->comment = true;
    }
    add_meant(&p->text, word);
    p->last = word->start + word->len;
    if (!is_8bit(word->start, word->len) && p->end != word->start)
        return;
    if (!p->first)
        p->first = p->start;
    p->end = p->last;
    p->text_len = p->text.len;
}

/* Put what goes before the rest of the field at AT: a blank where there is none, and a fold where
 * the line would be too long. */
static void part_from_rest(struct writer *w, const char *at, const char *end)
{
    size_t len = 0, blanks, most = (size_t)(end - at);

    while (len < most && is_space(at[len]))
        len++;
    blanks = len;
    if (len == most)
        return;
    while (len < most && len <= LINE_MAX_OCTETS && at[len] != '\r' && at[len] != ',')
        len++;
    if (w->column + len >= LINE_MAX_OCTETS && !memchr(at, '\n', blanks))
        put(w, "\r\n", 2);
    if (!blanks)
        put(w, " ", 1);
}

/* Put what stands before the phrase, from AT, and the phrase. Returns where to go on, or NULL. */
static const char *put_phrase(struct writer *w, const struct phrase *p, const char *at,
                              const char *end)
{
    const char *start = p->first;

    if (p->comment || p->encoded)
        return NULL;
    if (start > at && (start[-1] == ' ' || start[-1] == '\t'))
        start--;
    put_rest(w, at, start);
    put_encoded(w, " ", 1, p->text.data, p->text_len);
    part_from_rest(w, p->end, end);
    return p->end;
}

static void clear_phrase(struct phrase *p)
{
    buf_clear(&p->text);
    p->start = p->first = p->end = p->last = NULL;
    p->text_len = 0;
    p->comment = p->encoded = false;
}

/* Display names and names of groups; where BARE, whatever stands between commas. Of all else only
 * comments change. */
static const char *put_phrases(struct writer *w, const char *at, const char *end, bool bare)
{
    struct phrase p = {.comment = false};
    struct tokens t;
    bool angle = false, over = false;

    buf_init(&p.text, HEADER_MAX);
    for (tokens_init(&t, at, (size_t)(end - at)); at && !over; tokens_next(&t)) {
        over = t.now.kind == TOKEN_END || t.now.kind == TOKEN_BAD;
        if (!over && (t.now.kind != TOKEN_SPECIAL || tokens_at(&t, '.'))) {
            take_word(&p, &t.now);
            continue;
        }
        if (p.first && !angle &&
            (tokens_at(&t, '<') || tokens_at(&t, ':') ||
             (bare && (tokens_at(&t, ',') || t.now.kind == TOKEN_END))))
            at = put_phrase(w, &p, at, end);
        angle = tokens_at(&t, '<') || (angle && !tokens_at(&t, '>'));
        clear_phrase(&p);
    }
    if (at)
        put_rest(w, at, end);
    buf_release(&p.text);
    return at ? NULL : "has a name that can't be made an encoded word";
}

/* RFC 2231 section 4: NAME*=UTF-8''VALUE with the bytes that no token has as %XX. */
static bool put_extended(struct writer *w, const struct mime_parameter *p)
{
    bool quoted = *p->value == '"';
    const char *at = p->value + quoted, *end = p->value + p->value_len - quoted;
    size_t start;

    if (memchr(p->name, '*', p->name_len) || is_8bit(p->name, p->name_len) ||
        text_same_n(p->name, p->name_len, "boundary"))
        return false;
    put(w, "\r\n ", 3);
    put(w, p->name, p->name_len);
    put(w, "*=UTF-8''", strlen("*=UTF-8''"));
    for (start = w->out->len; at < end; at++) {
        if (quoted && *at == '\\' && end - at > 1)
            at++;
        if (text_alnum((unsigned char)*at) || (*at && strchr("-._", *at)))
            buf_addch(w->out, *at);
        else if (*at != '\r' && *at != '\n')
            buf_addf(w->out, "%%%02X", (unsigned char)*at);
    }
    w->column += w->out->len - start;
    return w->column < PARAMETER_MAX;
}

static const char *put_parameters(struct writer *w, const char *at, const char *end)
{
    static const char why[] = "has 8-bit text that can't be encoded there";
    const char *value, *gap, *from = at;
    struct mime_parameter p;
    size_t len;
    int rc;

    if (mime_value(&at, end, &value, &len))
        return why;
    while ((rc = mime_parameter(&at, end, &p)) > 0) {
        if (!is_8bit(p.name, (size_t)(p.value + p.value_len - p.name)))
            continue;
        for (gap = p.name; gap > from && is_space(gap[-1]); gap--)
            ;
        put(w, from, (size_t)(gap - from));
        if (!put_extended(w, &p))
            return why;
        from = p.value + p.value_len;
    }
    put(w, from, (size_t)(end - from));
    return rc < 0 ? why : NULL;
}

enum grammar {
    GRAMMAR_TEXT,
    GRAMMAR_ADDRESSES,
    GRAMMAR_PHRASES,
    GRAMMAR_PARAMETERS,
    GRAMMAR_STRICT /* no encoded words */
};

/* RFC 2047 section 5: what is in no list is an extension field, which is text. */
static enum grammar grammar_of(const struct header *h, const struct field *field)
{
    static const struct {
        const char *name;
        enum grammar grammar;
    } names[] = {{"From", GRAMMAR_ADDRESSES},
                 {"Sender", GRAMMAR_ADDRESSES},
                 {"Reply-To", GRAMMAR_ADDRESSES},
                 {"To", GRAMMAR_ADDRESSES},
                 {"Cc", GRAMMAR_ADDRESSES},
                 {"Bcc", GRAMMAR_ADDRESSES},
                 {"Resent-From", GRAMMAR_ADDRESSES},
                 {"Resent-Sender", GRAMMAR_ADDRESSES},
                 {"Resent-Reply-To", GRAMMAR_ADDRESSES},
                 {"Resent-To", GRAMMAR_ADDRESSES},
                 {"Resent-Cc", GRAMMAR_ADDRESSES},
                 {"Resent-Bcc", GRAMMAR_ADDRESSES},
                 {"Disposition-Notification-To", GRAMMAR_ADDRESSES},
                 {"Return-Receipt-To", GRAMMAR_ADDRESSES},
                 {"Errors-To", GRAMMAR_ADDRESSES},
                 {"Mail-Followup-To", GRAMMAR_ADDRESSES},
                 {"Mail-Reply-To", GRAMMAR_ADDRESSES},
                 {"List-Id", GRAMMAR_ADDRESSES},
                 {"Keywords", GRAMMAR_PHRASES},
                 {"Content-Description", GRAMMAR_TEXT},
                 {"Content-Type", GRAMMAR_PARAMETERS},
                 {"Content-Disposition", GRAMMAR_PARAMETERS},
                 {"Date", GRAMMAR_STRICT},
                 {"Message-ID", GRAMMAR_STRICT},
                 {"In-Reply-To", GRAMMAR_STRICT},
                 {"References", GRAMMAR_STRICT},
                 {"Resent-Date", GRAMMAR_STRICT},
                 {"Resent-Message-ID", GRAMMAR_STRICT},
                 {"Return-Path", GRAMMAR_STRICT},
                 {"Received", GRAMMAR_STRICT},
                 {"Received-SPF", GRAMMAR_STRICT},
                 {"Authentication-Results", GRAMMAR_STRICT},
                 {"DKIM-Signature", GRAMMAR_STRICT},
                 {"Autocrypt", GRAMMAR_STRICT},
                 {"MIME-Version", GRAMMAR_STRICT}};
    static const char *const strict[] = {"Content-", "List-", "ARC-"};
    const char *name = h->bytes.data + field->start;
    size_t i, n;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (header_is_called(h, field, names[i].name))
            return names[i].grammar;
    }
    for (i = 0; i < sizeof(strict) / sizeof(strict[0]); i++) {
        n = strlen(strict[i]);
        if (field->name_len > n && text_same_n(name, n, strict[i]))
            return GRAMMAR_STRICT;
    }
    return GRAMMAR_TEXT;
}

const char *words_field(const struct header *h, const struct field *field, struct buf *out)
{
    const char *start = h->bytes.data + field->start, *value = h->bytes.data + field->value;
    const char *end = start + field->len, *why = NULL;
    struct writer w = {.out = out};
    size_t before = out->len;

    if (!is_utf8(value, (size_t)(end - value)))
        return "has 8-bit text that is not UTF-8";
    put(&w, start, (size_t)(value - start));
    switch (grammar_of(h, field)) {
    case GRAMMAR_TEXT:
        why = put_unstructured(&w, value, end);
        break;
    case GRAMMAR_ADDRESSES:
        why = put_phrases(&w, value, end, false);
        break;
    case GRAMMAR_PHRASES:
        why = put_phrases(&w, value, end, true);
        break;
    case GRAMMAR_PARAMETERS:
        why = put_parameters(&w, value, end);
        break;
    case GRAMMAR_STRICT:
        return "has 8-bit text where no encoded word can be";
    }
    if (!why && is_8bit(out->data + before, out->len - before))
        why = "has 8-bit text where no encoded word can be";
    return why;
}
