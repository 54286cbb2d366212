#include "smtp/request.h"

#include "base/text.h"

#include <string.h>

static const char bad_parameter[] = "501 5.5.4 that parameter can't have this value";

/* Cut the first word off *REST. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    char *end = word + strcspn(word, " ");

    *rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static int hex_digit(char c)
{
    /* RFC 3461 section 4: upper case alone. */
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The byte of xtext (RFC 3461 section 4) at *TEXT, which moves behind it; -1 where it is none, or
 * one that is not printable ASCII. */
static int xtext_byte(const char **text)
{
    const char *at = *text;
    int high, low, byte = (unsigned char)*at;

    *text += 1;
    if (byte == '+') {
        high = hex_digit(at[1]);
        low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0)
            return -1;
        byte = high * 16 + low;
        *text += 2;
    } else if (byte == '=') {
        return -1;
    }
    return byte >= ' ' && byte < 0x7f ? byte : -1;
}

static bool parse_envid(struct request *r, const char *value)
{
    size_t n = 0;
    int byte;

    while (*value && n < ENVID_MAX) {
        byte = xtext_byte(&value);
        if (byte < 0)
            return false;
        r->envid[n++] = (char)byte;
    }
    r->envid[n] = '\0';
    return n && !*value;
}

/* RFC 3461 section 4.2: an address type, ';', and the address in xtext. */
static bool parse_orcpt(struct request *r, const char *value)
{
    const char *at = value;

    while (text_alnum((unsigned char)*at) || *at == '-')
        at++;
    if (at == value || *at != ';' || !at[1])
        return false;
    for (at++; *at;) {
        if (xtext_byte(&at) < 0)
            return false;
    }
    r->orcpt = value;
    return true;
}

/* RFC 3461 section 4.1: NEVER stands alone. */
static bool parse_notify(struct request *r, const char *value)
{
    unsigned bit;
    size_t n;

    for (; value; value = value[n] ? value + n + 1 : NULL) {
        n = strcspn(value, ",");
        bit = extensions_notify_bit(value, n);
        if (!bit)
            return false;
        r->notify |= bit;
    }
    return !(r->notify & NOTIFY_NEVER) || r->notify == NOTIFY_NEVER;
}

static bool parse_ret(struct request *r, const char *value)
{
    r->ret = text_same(value, "FULL") ? "FULL" : text_same(value, "HDRS") ? "HDRS" : NULL;
    return r->ret != NULL;
}

static bool parse_size(struct request *r, const char *value)
{
    r->size = text_number(value, INT64_MAX);
    return r->size >= 0;
}

/* What the body is shows when it is there. */
static bool parse_body(struct request *r, const char *value)
{
    (void)r;
    return text_same(value, "7BIT") || text_same(value, "8BITMIME");
}

static bool parse_utf8(struct request *r, const char *value)
{
    r->utf8 = true;
    return !*value;
}

static const struct parameter {
    enum verb verb;
    const char *name;
    bool (*parse)(struct request *r, const char *value);
} parameters[] = {{VERB_MAIL, "BODY", parse_body},     {VERB_MAIL, "SIZE", parse_size},
                  {VERB_MAIL, "SMTPUTF8", parse_utf8}, {VERB_MAIL, "RET", parse_ret},
                  {VERB_MAIL, "ENVID", parse_envid},   {VERB_RCPT, "NOTIFY", parse_notify},
                  {VERB_RCPT, "ORCPT", parse_orcpt}};

static const char *parse_parameter(struct request *r, const char *word)
{
    size_t name = strcspn(word, "="), i;

    for (i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        const struct parameter *p = &parameters[i];

        if (p->verb == r->verb && text_same_n(word, name, p->name))
            return p->parse(r, word + name + (word[name] == '=')) ? NULL : bad_parameter;
    }
    return "555 5.5.4 there is no such parameter here";
}

/* Behind the '>' that ends the path at TEXT; NULL where none does. A quoted local part may have
 * one in it. */
static char *path_end(char *text)
{
    bool quoted = false;

    for (; *text; text++) {
        if (*text == '\\' && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (*text == '>' && !quoted)
            return text + 1;
    }
    return NULL;
}

/* "FROM:<path>" or "TO:<path>", where old clients put a blank behind the colon, and parameters. */
static const char *parse_path(struct request *r, char *text, const char *keyword)
{
    const char *refusal;
    char *end, *word;

    if (!text_starts(text, keyword))
        return r->verb == VERB_MAIL ? "501 5.5.4 say MAIL FROM:<address>"
                                    : "501 5.5.4 say RCPT TO:<address>";
    text += strlen(keyword);
    text += strspn(text, " ");
    end = *text == '<' ? path_end(text) : NULL;
    if (!end || (*end && *end != ' '))
        return r->verb == VERB_MAIL ? "501 5.1.7 there has to be one <address>"
                                    : "501 5.1.3 there has to be one <address>";
    r->path = text;
    if (*end)
        *end++ = '\0';
    while (*(word = next_word(&end))) {
        refusal = parse_parameter(r, word);
        if (refusal)
            return refusal;
    }
    return NULL;
}

/* Whether a verb has to have something behind it, must not, or may. */
enum argument { MAY_HAVE, MUST_HAVE, MUST_NOT };

static const struct {
    const char *name;
    enum verb verb;
    enum argument argument;
} verbs[] = {{"EHLO", VERB_EHLO, MUST_HAVE}, {"HELO", VERB_HELO, MUST_HAVE},
             {"MAIL", VERB_MAIL, MUST_HAVE}, {"RCPT", VERB_RCPT, MUST_HAVE},
             {"DATA", VERB_DATA, MUST_NOT},  {"RSET", VERB_RSET, MUST_NOT},
             {"NOOP", VERB_NOOP, MAY_HAVE},  {"VRFY", VERB_VRFY, MUST_HAVE},
             {"HELP", VERB_HELP, MAY_HAVE},  {"QUIT", VERB_QUIT, MUST_NOT}};

/* No control byte, NUL included, is part of any command. */
static bool is_clean(const char *line, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return false;
    }
    return true;
}

const char *request_parse(struct request *r, char *line, size_t len)
{
    char *rest = line, *verb;
    size_t i;

    *r = (struct request){.size = 0};
    if (!is_clean(line, len))
        return "500 5.5.2 a command has no control bytes";
    verb = next_word(&rest);
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!text_same(verb, verbs[i].name))
            continue;
        r->verb = verbs[i].verb;
        rest += strspn(rest, " ");
        if (verbs[i].argument == MUST_NOT && *rest)
            return "501 5.5.4 nothing can follow this command";
        if (verbs[i].argument == MUST_HAVE && !*rest)
            return "501 5.5.4 something has to follow this command";
        if (r->verb == VERB_MAIL)
            return parse_path(r, rest, "FROM:");
        return r->verb == VERB_RCPT ? parse_path(r, rest, "TO:") : NULL;
    }
    return "500 5.5.1 there is no such command here";
}
