#include "mail/token.h"

#include "mail/names.h"

#include <string.h>

enum {
    COMMENT_DEPTH_MAX = 64,
    ENCODED_MAX = 255 /* RFC 2047 says 75; some writers don't care */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* At a line end: its length when it folds (white space or the end follows), else 0. */
static size_t fold_length(const char *at, const char *end)
{
    size_t n = at[0] == '\r' && end - at > 1 && at[1] == '\n' ? 2 : 1;

    return at + n == end || is_blank(at[n]) ? n : 0;
}

/* Length of the run from an opening byte to its CLOSE, both included; nested where OPEN is not
 * NUL. A backslash takes the next byte with it. 0 and *WHY where there is no such run. */
static size_t enclosed(const char *start, const char *end, char open, char close,
                       const char **why)
{
    const char *at = start + 1;
    size_t depth = 1, n;

    for (; at < end; at += n) {
        n = 1;
        if (*at == '\0') {
            *why = "it has a NUL";
            return 0;
        }
        if (*at == '\r' || *at == '\n') {
            n = fold_length(at, end);
            if (!n) {
                *why = "it has a line end inside";
                return 0;
            }
        } else if (*at == '\\' && end - at > 1 && at[1] && at[1] != '\r' && at[1] != '\n') {
            n = 2;
        } else if (*at == close) {
            if (!--depth)
                return (size_t)(at + 1 - start);
        } else if (open && *at == open && ++depth > COMMENT_DEPTH_MAX) {
            *why = "its comments are nested too deep";
            return 0;
        }
    }
    *why = close == ')'   ? "a '(' has no ')'"
           : close == ']' ? "a '[' has no ']'"
                          : "a quote is not closed";
    return 0;
}

static bool skip_blanks(struct tokens *t)
{
    size_t n;

    t->now.blank = false;
    while (t->at < t->end) {
        if (is_blank(*t->at)) {
            n = 1;
            t->now.blank = true;
        } else if (*t->at == '\r' || *t->at == '\n') {
            n = fold_length(t->at, t->end);
            t->now.why = "it has a line end inside";
        } else if (*t->at == '(') {
            n = enclosed(t->at, t->end, '(', ')', &t->now.why);
        } else {
            break;
        }
        if (!n)
            return false;
        t->at += n;
    }
    return true;
}

/* The length of "=?charset?B?text?=" or its Q kin at START, else 0. Writers put commas and other
 * specials raw into the text of Q, and only the whole word shows that they are not ours. */
static size_t encoded_length(const char *start, const char *end)
{
    const char *at;
    int marks = 0;

    if (end - start > ENCODED_MAX)
        end = start + ENCODED_MAX;
    if (end - start < 2 || start[0] != '=' || start[1] != '?')
        return 0;
    for (at = start + 2; at < end && (unsigned char)*at > ' '; at++) {
        if (*at != '?')
            continue;
        if (marks == 2)
            return end - at > 1 && at[1] == '=' ? (size_t)(at + 2 - start) : 0;
        if (++marks == 2 && !(at[-2] == '?' && strchr("BbQq", at[-1])))
            return 0;
    }
    return 0;
}

static size_t atom_length(const char *start, const char *end)
{
    const char *at = start;

    while (at < end && is_atext(*at))
        at++;
    return (size_t)(at - start);
}

static const char *stray(char c)
{
    if (c == ')' || c == ']' || c == '\\')
        return "it has a stray ')', ']' or '\\'";
    return "it has a control byte";
}

static void take_word(struct tokens *t)
{
    size_t encoded = encoded_length(t->at, t->end);

    t->now.kind = TOKEN_ATOM;
    t->now.len = atom_length(t->at, t->end);
    if (encoded > t->now.len) {
        t->now.kind = TOKEN_ENCODED;
        t->now.len = encoded;
    }
    if (!t->now.len) {
        t->now.kind = TOKEN_BAD;
        t->now.why = stray(*t->at);
    }
}

void tokens_next(struct tokens *t)
{
    if (t->now.kind == TOKEN_BAD)
        return;
    if (!skip_blanks(t)) {
        t->now.kind = TOKEN_BAD;
        t->now.start = t->at;
        return;
    }
    t->now.start = t->at;
    t->now.len = 0;
    if (t->at == t->end) {
        t->now.kind = TOKEN_END;
    } else if (*t->at == '"') {
        t->now.kind = TOKEN_QUOTED;
        t->now.len = enclosed(t->at, t->end, '\0', '"', &t->now.why);
    } else if (*t->at == '[') {
        t->now.kind = TOKEN_LITERAL;
        t->now.len = enclosed(t->at, t->end, '\0', ']', &t->now.why);
    } else if (*t->at && strchr("<>,;:@.", *t->at)) {
        t->now.kind = TOKEN_SPECIAL;
        t->now.len = 1;
    } else {
        take_word(t);
    }
    if (t->now.kind != TOKEN_END && !t->now.len)
        t->now.kind = TOKEN_BAD;
    t->at += t->now.len;
}

void tokens_init(struct tokens *t, const char *text, size_t len)
{
    *t = (struct tokens){.at = text, .end = text + len};
    tokens_next(t);
}

bool tokens_at(const struct tokens *t, char c)
{
    return t->now.kind == TOKEN_SPECIAL && *t->now.start == c;
}
