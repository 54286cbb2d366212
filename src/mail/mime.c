#include "mail/mime.h"

#include "base/text.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Pass over blanks, folds and comments (RFC 5322 section 3.2.2); a comment without an end goes
 * to the end. */
static void skip_space(const char **at, const char *end)
{
    size_t depth = 0;

    for (; *at < end; ++*at) {
        if (**at == '(')
            depth++;
        else if (!depth && !is_space(**at))
            break;
        else if (depth && **at == ')')
            depth--;
        else if (depth && **at == '\\' && end - *at > 1)
            ++*at;
    }
}

/* More than a token of RFC 2045, since writers put all sorts of bytes there without quotes. */
static size_t word_length(const char *at, const char *end, const char *stop)
{
    const char *start = at;

    while (at < end && *at && !is_space(*at) && !strchr(stop, *at))
        at++;
    return (size_t)(at - start);
}

static size_t quoted_length(const char *at, const char *end)
{
    const char *start = at++;

    for (; at < end && *at != '"'; at++) {
        if (*at == '\\' && end - at > 1)
            at++;
    }
    return at < end ? (size_t)(at + 1 - start) : 0;
}

int mime_value(const char **at, const char *end, const char **start, size_t *len)
{
    skip_space(at, end);
    *start = *at;
    *len = word_length(*at, end, ";(\"");
    *at += *len;
    skip_space(at, end);
    return *len && (*at == end || **at == ';') ? 0 : -1;
}

int mime_parameter(const char **at, const char *end, struct mime_parameter *p)
{
    skip_space(at, end);
    while (*at < end && **at == ';') {
        ++*at;
        skip_space(at, end);
    }
    if (*at == end)
        return 0;
    p->name = *at;
    p->name_len = word_length(*at, end, "=;(\"");
    *at += p->name_len;
    skip_space(at, end);
    if (!p->name_len || *at == end || **at != '=')
        return -1;
    ++*at;
    skip_space(at, end);
    p->value = *at;
    p->value_len =
        *at < end && **at == '"' ? quoted_length(*at, end) : word_length(*at, end, ";(\"");
    *at += p->value_len;
    skip_space(at, end);
    return p->value_len && (*at == end || **at == ';') ? 1 : -1;
}

static void fix(struct mime_entity *entity, const char *why)
{
    entity->kind = MIME_FIXED;
    entity->why = why;
}

/* The value of P without quotes; false where that is no boundary (RFC 2046 section 5.1.1), but
 * any printable ASCII passes. */
static bool read_boundary(const struct mime_parameter *p, char *boundary)
{
    bool quoted = *p->value == '"';
    const char *at = p->value + quoted, *end = p->value + p->value_len - quoted;
    size_t len = 0;

    for (; at < end; at++) {
        if (quoted && *at == '\\' && end - at > 1)
            at++;
        if (*at < ' ' || *at > '~' || len == MIME_BOUNDARY_MAX)
            return false;
        boundary[len++] = *at;
    }
    boundary[len] = '\0';
    return len && boundary[len - 1] != ' ';
}

static void read_multipart(struct mime_entity *entity, const char *at, const char *end)
{
    struct mime_parameter p;
    int rc, found = 0;

    while ((rc = mime_parameter(&at, end, &p)) > 0) {
        if (text_same_n(p.name, p.name_len, "boundary"))
            found = !found && read_boundary(&p, entity->boundary) ? 1 : -1;
        else if (p.name_len >= 9 && text_same_n(p.name, 9, "boundary*"))
            found = -1; /* RFC 2231, which few readers would follow here */
        if (found < 0)
            break;
    }
    if (rc < 0 || found <= 0)
        fix(entity, "a multipart has no boundary that can be read");
}

/* True where none of the parameters is a charset, in the form of RFC 2231 neither; false also where
 * they can't be read. */
static bool lacks_charset(const char *at, const char *end)
{
    struct mime_parameter p;
    int rc;

    while ((rc = mime_parameter(&at, end, &p)) > 0) {
        if (text_same_n(p.name, p.name_len, "charset") ||
            (p.name_len >= 8 && text_same_n(p.name, 8, "charset*")))
            return false;
    }
    return rc == 0;
}

static bool is_of(const char *type, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);

    return len > n && text_same_n(type, n, prefix);
}

/* Encoding is for leaves; RFC 2045 section 6.4 forbids it for what has entities inside, and
 * RFC 6532 section 3.7 permits it for message/global. */
static void read_type(struct mime_entity *entity, const char *at, const char *end)
{
    const char *type;
    size_t len;

    entity->kind = MIME_OTHER;
    if (mime_value(&at, end, &type, &len) || !memchr(type, '/', len))
        fix(entity, "a part's Content-Type can't be read");
    else if (is_of(type, len, "text/") || is_of(type, len, "message/global-") ||
             text_same_n(type, len, "message/global"))
        entity->kind = MIME_TEXT;
    else if (text_same_n(type, len, "message/rfc822"))
        entity->kind = MIME_MESSAGE;
    else if (text_same_n(type, len, "multipart/signed"))
        fix(entity, "a multipart/signed part has 8-bit text, and a change would break its "
                    "signature");
    else if (text_same_n(type, len, "message/partial"))
        fix(entity, "it is a message/partial, which must not be encoded");
    else if (is_of(type, len, "message/"))
        fix(entity, "a part of a message/ type that must not be encoded has 8-bit text");
    else if (is_of(type, len, "multipart/")) {
        entity->kind = MIME_MULTIPART;
        entity->digest = text_same_n(type, len, "multipart/digest");
        read_multipart(entity, at, end);
    }
    entity->no_charset = is_of(type, len, "text/") && lacks_charset(at, end);
}

static enum mime_encoding read_encoding(const char *at, const char *end)
{
    static const struct {
        const char *name;
        enum mime_encoding encoding;
    } names[] = {{"7bit", MIME_7BIT},
                 {"8bit", MIME_8BIT},
                 {"binary", MIME_BINARY},
                 {"quoted-printable", MIME_ENCODED},
                 {"base64", MIME_ENCODED}};
    const char *word;
    size_t len, i;

    skip_space(&at, end);
    if (at == end)
        return MIME_7BIT;
    if (mime_value(&at, end, &word, &len))
        return MIME_UNKNOWN;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (text_same_n(word, len, names[i].name))
            return names[i].encoding;
    }
    return MIME_UNKNOWN;
}

/* The one field called NAME: 1; 0: there is none; -1: there are several. */
static int only_field(const struct header *h, const char *name, const char **at,
                      const char **end)
{
    long i = header_find(h, name, 0);
    const struct field *field;

    if (i < 0)
        return 0;
    field = &h->fields[i];
    *at = h->bytes.data + field->value;
    *end = h->bytes.data + field->start + field->len;
    return header_find(h, name, (size_t)i + 1) < 0 ? 1 : -1;
}

void mime_read(const struct header *h, bool in_digest, struct mime_entity *entity)
{
    const char *at = NULL, *end = NULL;
    int type, encoding;

    *entity = (struct mime_entity){.kind = in_digest ? MIME_MESSAGE : MIME_TEXT};
    type = only_field(h, "Content-Type", &at, &end);
    entity->typed = type != 0;
    if (type > 0)
        read_type(entity, at, end);
    encoding = only_field(h, "Content-Transfer-Encoding", &at, &end);
    if (encoding > 0)
        entity->encoding = read_encoding(at, end);
    if (type < 0)
        fix(entity, "a part has more than one Content-Type");
    else if (encoding < 0)
        fix(entity, "a part has more than one Content-Transfer-Encoding");
    else if (entity->kind == MIME_FIXED)
        return;
    else if (entity->encoding == MIME_ENCODED)
        fix(entity, "a part that says it is quoted-printable or base64 has 8-bit text");
    else if (entity->encoding == MIME_UNKNOWN)
        fix(entity, "a part of an unknown Content-Transfer-Encoding has 8-bit text");
}

/* A line could be a delimiter of either. */
static bool clash(const char *a, const char *b)
{
    size_t n = strlen(a);

    return !strncmp(a, b, n) && (!b[n] || !strcmp(b + n, "--"));
}

const char *mime_enter(struct mime_walk *w, const struct mime_entity *entity)
{
    struct mime_level *level = &w->levels[w->depth];
    size_t i;

    if (w->depth == MIME_DEPTH_MAX)
        return "its multiparts are nested too deep";
    for (i = 0; i < w->depth; i++) {
        if (clash(w->levels[i].boundary, entity->boundary) ||
            clash(entity->boundary, w->levels[i].boundary))
            return "a multipart has the boundary of one that it is in";
    }
    *level = (struct mime_level){.digest = entity->digest};
    memcpy(level->boundary, entity->boundary, sizeof(level->boundary));
    w->depth++;
    return NULL;
}

/* What the rest of a line behind its two hyphens is to the multipart at LEVEL. */
static enum mime_delimiter compare(const struct mime_level *level, const char *text, size_t len)
{
    size_t n = strlen(level->boundary);

    if (level->closed || len < n || memcmp(text, level->boundary, n) != 0)
        return MIME_NO_DELIMITER;
    if (len == n)
        return MIME_NEXT_PART;
    return len == n + 2 && text[n] == '-' && text[n + 1] == '-' ? MIME_LAST_DELIMITER
                                                                : MIME_NO_DELIMITER;
}

enum mime_delimiter mime_delimiter(struct mime_walk *w, const char *line, size_t len)
{
    enum mime_delimiter found;
    size_t i;

    if (!w->depth || len < 3 || line[0] != '-' || line[1] != '-')
        return MIME_NO_DELIMITER;
    while (line[len - 1] == ' ' || line[len - 1] == '\t')
        len--;
    for (i = w->depth; i-- > 0;) {
        found = compare(&w->levels[i], line + 2, len - 2);
        if (found == MIME_NO_DELIMITER)
            continue;
        w->depth = i + 1;
        w->levels[i].closed = found == MIME_LAST_DELIMITER;
        return found;
    }
    return MIME_NO_DELIMITER;
}

bool mime_in_digest(const struct mime_walk *w)
{
    return w->depth && w->levels[w->depth - 1].digest;
}
