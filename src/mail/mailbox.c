#include "mail/mailbox.h"

#include "base/text.h"
#include "mail/names.h"
#include "mail/token.h"

#include <string.h>

enum {
    ADDRESS_MAX = 1000, /* octets; RFC 5321 has 64 + 1 + 255, some local parts are longer */
    SHOWN_MAX = 120     /* bytes of a bad address that an error quotes */
};

/* Where the addresses come from, which is what is allowed there. */
enum origin {
    ORIGIN_ARGUMENT,
    ORIGIN_SENDER, /* exactly one, and "<>" is one */
    ORIGIN_FIELD
};

struct parser {
    enum origin origin;
    const char *domain; /* for names without one, or NULL */
    struct tokens t;
    struct buf local;   /* the local part at hand, without quotes */
    struct buf address; /* the address at hand, as it goes into the envelope */
    struct addresses *list;
    bool in_group;
    const char *local_end; /* behind the local part at hand, where '@' and a domain would go */
    bool bare;             /* an address without a domain was seen */
    struct buf *qualified; /* where the text is copied to, with domains added, or NULL */
    const char *copied;    /* as far as it is */
    const char *why;       /* what is wrong, when a function returns -1 */
};

static int bad(struct parser *p, const char *why)
{
    p->why = why;
    return -1;
}

/* White space may stand around the dots and the '@' (RFC 5322 section 4.4) in a header, where
 * old software puts it; in an argument it is a slip. */
static int next_inside(struct parser *p)
{
    tokens_next(&p->t);
    if (p->t.now.kind == TOKEN_BAD)
        return bad(p, p->t.now.why);
    if (p->t.now.blank && p->origin != ORIGIN_FIELD && p->t.now.kind != TOKEN_END &&
        !tokens_at(&p->t, ',') && !tokens_at(&p->t, ';') && !tokens_at(&p->t, '>'))
        return bad(p, "there is a blank inside it");
    return 0;
}

/* Append what a quoted string or literal stands for: quotes, backslashes and line ends go. */
static void add_content(struct buf *out, const struct token *token)
{
    const char *at = token->start + 1, *end = token->start + token->len - 1;

    for (; at < end; at++) {
        if (*at == '\r' || *at == '\n')
            continue;
        if (*at == '\\' && end - at > 1 && at[1] != '\r' && at[1] != '\n')
            at++;
        buf_addch(out, *at);
    }
}

/* local-part and obs-local-part: words with dots between them. */
static int local_part(struct parser *p)
{
    buf_clear(&p->local);
    for (;;) {
        if (p->t.now.kind == TOKEN_ATOM)
            buf_add(&p->local, p->t.now.start, p->t.now.len);
        else if (p->t.now.kind == TOKEN_QUOTED)
            add_content(&p->local, &p->t.now);
        else if (tokens_at(&p->t, '.'))
            return bad(p, "it has a dot where none can be; quote what is before '@'");
        else if (p->t.now.kind == TOKEN_LITERAL || p->t.now.kind == TOKEN_ENCODED)
            return bad(p, "that can't be before '@'");
        else
            return bad(p, p->local.len ? "it has a dot where none can be; quote what is "
                                         "before '@'"
                                       : "there is nothing before '@'");
        p->local_end = p->t.at;
        if (next_inside(p) < 0)
            return -1;
        if (p->t.now.kind == TOKEN_ATOM || p->t.now.kind == TOKEN_QUOTED ||
            p->t.now.kind == TOKEN_LITERAL || p->t.now.kind == TOKEN_ENCODED)
            return bad(p, "there is a blank or quote inside it");
        if (!tokens_at(&p->t, '.'))
            return 0;
        buf_addch(&p->local, '.');
        if (next_inside(p) < 0)
            return -1;
    }
}

/* Append the local part, in quotes if it is no dot-atom. */
static int write_local(struct parser *p)
{
    const char *text = p->local.data;
    size_t len = p->local.len, i;
    bool quote = false;

    if (p->local.failed)
        return bad(p, "it is longer than 1000 octets");
    if (!len)
        return bad(p, "there is nothing before '@'");
    p->why = text_fault(text, len);
    if (p->why)
        return -1;
    for (i = 0; i < len && !quote; i++)
        quote =
            text[i] == '.' ? i == 0 || i + 1 == len || text[i - 1] == '.' : !is_atext(text[i]);
    if (quote)
        buf_addch(&p->address, '"');
    for (i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            buf_addch(&p->address, '\\');
        buf_addch(&p->address, text[i]);
    }
    if (quote)
        buf_addch(&p->address, '"');
    return 0;
}

/* A domain literal, without the white space that a header may have in it. */
static int literal(struct parser *p)
{
    const char *at = p->t.now.start, *end = at + p->t.now.len;
    size_t start = p->address.len;

    for (; at < end; at++) {
        if (!strchr(" \t\r\n", *at)) /* no NUL: the tokens have none */
            buf_addch(&p->address, *at);
    }
    if (p->address.failed)
        return bad(p, "it is longer than 1000 octets");
    if (!mailbox_is_literal(p->address.data + start, p->address.len - start))
        return bad(p, "in brackets there has to be an address as in [192.0.2.1] or "
                      "[IPv6:2001:db8::1]");
    return next_inside(p);
}

/* domain and obs-domain, appended to the address; the root's dot at its end goes. */
static int domain(struct parser *p)
{
    size_t start = p->address.len;

    if (p->t.now.kind == TOKEN_LITERAL)
        return literal(p);
    while (p->t.now.kind == TOKEN_ATOM) {
        buf_add(&p->address, p->t.now.start, p->t.now.len);
        if (next_inside(p) < 0)
            return -1;
        if (!tokens_at(&p->t, '.'))
            break;
        if (next_inside(p) < 0)
            return -1;
        if (p->t.now.kind == TOKEN_ATOM || tokens_at(&p->t, '.'))
            buf_addch(&p->address, '.');
    }
    if (p->address.failed)
        return bad(p, "it is longer than 1000 octets");
    p->why = domain_fault(p->address.data + start, p->address.len - start);
    return p->why ? -1 : 0;
}

/* An encoded word is a display name that lost its address: nobody's local part. */
static bool is_encoded(const struct buf *word)
{
    return word->len > 4 && !memcmp(word->data, "=?", 2) &&
           !memcmp(word->data + word->len - 2, "?=", 2);
}

/* A local part alone gets the domain: in the address, and in the copy of the text. */
static void qualify(struct parser *p)
{
    if (p->domain) {
        buf_addch(&p->address, '@');
        buf_addstr(&p->address, p->domain);
    }
    if (is_encoded(&p->local))
        return;
    p->bare = true;
    if (!p->qualified)
        return;
    buf_add(p->qualified, p->copied, (size_t)(p->local_end - p->copied));
    buf_addch(p->qualified, '@');
    buf_addstr(p->qualified, p->domain);
    p->copied = p->local_end;
}

/* addr-spec, or a local part alone; the address is what goes into the envelope. */
static int addr_spec(struct parser *p)
{
    buf_clear(&p->address);
    if (local_part(p) < 0 || write_local(p) < 0)
        return -1;
    if (tokens_at(&p->t, '@')) {
        buf_addch(&p->address, '@');
        if (next_inside(p) < 0 || domain(p) < 0)
            return -1;
        if (tokens_at(&p->t, '@'))
            return bad(p, "it has a second '@'");
    } else {
        qualify(p);
    }
    if (p->address.failed)
        return bad(p, "it is longer than 1000 octets");
    return 0;
}

/* obs-route: "@a,@b:" before the address in angle brackets, read and forgotten. */
static int route(struct parser *p)
{
    while (tokens_at(&p->t, '@') || tokens_at(&p->t, ',')) {
        if (tokens_at(&p->t, '@')) {
            buf_clear(&p->address);
            if (next_inside(p) < 0 || domain(p) < 0)
                return -1;
        } else if (next_inside(p) < 0) {
            return -1;
        }
    }
    if (!tokens_at(&p->t, ':'))
        return bad(p, "a route in it does not end in ':'");
    return next_inside(p);
}

/* What is between '<' and '>'. */
static int angle_address(struct parser *p)
{
    tokens_next(&p->t);
    if (p->origin == ORIGIN_SENDER && tokens_at(&p->t, '>')) {
        buf_clear(&p->address);
        tokens_next(&p->t);
        return 0;
    }
    if (tokens_at(&p->t, '>'))
        return bad(p, "it has nothing between '<' and '>'");
    if ((tokens_at(&p->t, '@') || tokens_at(&p->t, ',')) && route(p) < 0)
        return -1;
    if (p->t.now.kind == TOKEN_BAD)
        return bad(p, p->t.now.why);
    if (addr_spec(p) < 0)
        return -1;
    if (!tokens_at(&p->t, '>'))
        return bad(p, "a '<' has no '>' after the address");
    tokens_next(&p->t);
    return 0;
}

/* Look ahead to what decides of which kind the next list element is: '<' and ':' make what is
 * before them a name, anything else makes it an address. 0 and the character, or 0; or -1. */
static int look_ahead(struct parser *p, char *decides)
{
    struct tokens t = p->t;
    bool at_seen = false, word_seen = false;

    for (; t.now.kind != TOKEN_END; tokens_next(&t)) {
        if (t.now.kind == TOKEN_BAD)
            return bad(p, t.now.why);
        if (tokens_at(&t, '<') || tokens_at(&t, ',') || tokens_at(&t, ';') ||
            tokens_at(&t, '>'))
            break;
        if (tokens_at(&t, ':') && (at_seen || !word_seen))
            return bad(p, "it has a ':' where none can be");
        if (tokens_at(&t, ':'))
            break;
        at_seen = at_seen || tokens_at(&t, '@');
        word_seen = word_seen || t.now.kind != TOKEN_SPECIAL;
    }
    *decides = '\0';
    if (tokens_at(&t, '<') || tokens_at(&t, ':')) {
        *decides = *t.now.start;
        p->t = t;
    }
    return 0;
}

static int group_start(struct parser *p)
{
    if (p->origin == ORIGIN_SENDER)
        return bad(p, "a group can't send");
    if (p->in_group)
        return bad(p, "it is a group in a group");
    p->in_group = true;
    tokens_next(&p->t);
    return 0;
}

/* One mailbox or the start of a group; *FOUND where p->address holds a mailbox now. */
static int element(struct parser *p, bool *found)
{
    char decides;

    *found = false;
    if (look_ahead(p, &decides) < 0)
        return -1;
    if (decides == ':')
        return group_start(p);
    if ((decides == '<' ? angle_address(p) : addr_spec(p)) < 0)
        return -1;
    if (p->t.now.kind == TOKEN_BAD)
        return bad(p, p->t.now.why);
    if (tokens_at(&p->t, ';') && !p->in_group)
        return bad(p, "a ';' ends no group here; a comma parts addresses");
    if (p->t.now.kind != TOKEN_END && !tokens_at(&p->t, ',') && !tokens_at(&p->t, ';'))
        return bad(p, "something follows it that can't");
    *found = true;
    return 0;
}

/* Say what is wrong, with the text from START on: as far as the next comma, or as fits. */
static int refuse(const struct parser *p, const char *start, struct err *e)
{
    size_t len = (size_t)(p->t.end - start);
    const char *comma = len ? memchr(start, ',', len) : NULL;
    const char *more = "";
    struct buf shown;

    if (comma && comma > start && p->t.now.start <= comma)
        len = (size_t)(comma - start);
    while (len && strchr(" \t\r\n", start[len - 1]))
        len--;
    if (len > SHOWN_MAX) {
        for (len = SHOWN_MAX;
             len > SHOWN_MAX - 3 && ((unsigned char)start[len] & 0xc0) == 0x80;)
            len--;
        more = "...";
    }
    buf_init(&shown, SHOWN_MAX * 4 + 1);
    text_escape(&shown, start, len);
    err_set(e, p->origin == ORIGIN_FIELD ? ERR_DATA : ERR_USAGE, "'%s%s' is not an address: %s",
            shown.data, more, p->why);
    buf_release(&shown);
    return -1;
}

/* Read the list; *COUNT is how many mailboxes and groups it has. The last mailbox stays in
 * p->address; all go to p->list where there is one. */
static int read_list(struct parser *p, size_t *count, struct err *e)
{
    const char *start = p->t.now.start;
    bool found;

    for (*count = 0; p->t.now.kind != TOKEN_END;) {
        if (tokens_at(&p->t, ',') || (tokens_at(&p->t, ';') && p->in_group)) {
            p->in_group = p->in_group && !tokens_at(&p->t, ';');
            tokens_next(&p->t);
            continue;
        }
        start = p->t.now.start;
        if (element(p, &found) < 0)
            return refuse(p, start, e);
        ++*count;
        if (found && p->list && addresses_add(p->list, p->address.data, e) < 0)
            return -1;
    }
    if (p->in_group && p->origin != ORIGIN_FIELD) {
        p->why = "a group has no ';' at its end";
        return refuse(p, start, e);
    }
    return 0;
}

static void parser_init(struct parser *p, enum origin origin, const char *text, size_t len,
                        const char *default_domain)
{
    *p = (struct parser){.origin = origin, .domain = default_domain};
    tokens_init(&p->t, text, len);
    buf_init(&p->local, ADDRESS_MAX);
    buf_init(&p->address, ADDRESS_MAX);
}

static void parser_release(struct parser *p)
{
    buf_release(&p->local);
    buf_release(&p->address);
}

/* An argument has no business with control bytes, not even in comments. */
static int check_argument(struct parser *p, const char *text, struct err *e)
{
    const unsigned char *c;

    for (c = (const unsigned char *)text; *c; c++) {
        if ((*c < 0x20 && *c != '\t') || *c == 0x7f) {
            p->why = "it has a control byte";
            return refuse(p, text, e);
        }
    }
    return 0;
}

int mailbox_argument(const char *text, const char *default_domain, struct addresses *list,
                     struct err *e)
{
    struct parser p;
    size_t count;
    int rc;

    parser_init(&p, ORIGIN_ARGUMENT, text, strlen(text), default_domain);
    p.list = list;
    rc = check_argument(&p, text, e);
    if (rc == 0)
        rc = read_list(&p, &count, e);
    if (rc == 0 && !count) {
        p.why = "there is nothing in it";
        rc = refuse(&p, text, e);
    }
    parser_release(&p);
    return rc;
}

int mailbox_reverse_path(const char *text, const char *default_domain, struct buf *out,
                         struct err *e)
{
    struct parser p;
    size_t count = 0;
    int rc;

    parser_init(&p, ORIGIN_SENDER, text, strlen(text), default_domain);
    rc = check_argument(&p, text, e);
    if (rc == 0)
        rc = read_list(&p, &count, e);
    if (rc == 0 && (count > 1 || (count == 0 && text[strspn(text, " \t")]))) {
        p.why = "it has to be exactly one";
        rc = refuse(&p, text, e);
    }
    if (rc == 0 && buf_add(out, p.address.data, p.address.len) < 0)
        rc = buf_check(out, ERR_USAGE, "the sender's address", e);
    parser_release(&p);
    return rc;
}

int mailbox_field(const char *value, size_t len, const char *default_domain,
                  struct addresses *list, struct err *e)
{
    struct parser p;
    size_t count;
    int rc;

    parser_init(&p, ORIGIN_FIELD, value, len, default_domain);
    p.list = list;
    rc = read_list(&p, &count, e);
    parser_release(&p);
    return rc;
}

bool mailbox_qualify(const char *value, size_t len, const char *domain, struct buf *out)
{
    struct err unsaid = ERR_INIT;
    struct parser p;
    size_t count;
    int rc;

    parser_init(&p, ORIGIN_FIELD, value, len, domain);
    p.qualified = out;
    p.copied = value;
    rc = read_list(&p, &count, &unsaid);
    if (out)
        buf_add(out, p.copied, (size_t)(value + len - p.copied));
    parser_release(&p);
    err_release(&unsaid);
    return rc == 0 && p.bare;
}

/* A quoted local part can hold an '@'; no domain ends with a quote. */
bool mailbox_is_bare(const char *address)
{
    size_t len = strlen(address);

    return !strchr(address, '@') || (len && address[len - 1] == '"');
}
