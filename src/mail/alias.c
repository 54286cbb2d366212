#include "mail/alias.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES = 64 * 1024 * 1024,
    DEPTH_MAX = 50,
    NAME_SHOWN = 60,   /* bytes of a name that an error quotes */
    CHAIN_SHOWN = 500, /* of a loop */
    TARGET_SHOWN = 120 /* of a target */
};

/* One line of the file, with those that continue it. */
struct alias {
    const char *name;    /* in the file's text, without quotes; no NUL after it */
    const char *targets; /* what follows the colon */
    uint32_t name_len, line;
    uint32_t expanded; /* by which call, see struct aliases */
};

struct aliases {
    char *path;
    struct buf text; /* the file; quoted names have been unquoted in place */
    struct alias *at;
    size_t count, cap;
    uint32_t *slots; /* hash index into at plus one, 0 is free */
    size_t slot_count;
    struct alias *fallback; /* "default", or NULL */
    uint32_t calls;         /* of aliases_expand */
};

/* One call of aliases_expand. */
struct expansion {
    struct aliases *a;
    const struct alias *open[DEPTH_MAX]; /* the aliases that led here, the first one first */
    size_t depth;
    struct addresses *out;
};

/* Where the targets of an alias are read. */
struct reader {
    const char *at;
    size_t line;
    size_t target_line; /* on which the target at hand begins */
};

static bool is_named(const struct alias *alias, const char *name, size_t len)
{
    size_t i;

    for (i = 0; i < len && alias->name_len == len; i++) {
        if (text_lower((unsigned char)alias->name[i]) != text_lower((unsigned char)name[i]))
            return false;
    }
    return alias->name_len == len;
}

/* Eight bytes at a time; the bit that tells the cases apart is set in all. Who could choose names
 * that fall into one slot is who may choose where mail goes: it needs no secret. */
static uint64_t hash(const char *name, size_t len)
{
    uint64_t h = len, word;

    for (;; name += sizeof(word), len -= sizeof(word)) {
        word = 0;
        memcpy(&word, name, len < sizeof(word) ? len : sizeof(word));
        h = (h ^ (word | UINT64_C(0x2020202020202020))) * UINT64_C(0x9e3779b97f4a7c15);
        h = (h ^ h >> 29) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
        if (len <= sizeof(word))
            return h;
    }
}

/* The slot that has the alias NAME or is free for it. */
static uint32_t *find_slot(const struct aliases *a, const char *name, size_t len)
{
    size_t mask = a->slot_count - 1, i = (size_t)hash(name, len) & mask;

    while (a->slots[i] && !is_named(&a->at[a->slots[i] - 1], name, len))
        i = (i + 1) & mask;
    return &a->slots[i];
}

static struct alias *find(const struct aliases *a, const char *name, size_t len)
{
    uint32_t index = *find_slot(a, name, len);

    return index ? &a->at[index - 1] : NULL;
}

/* Make the index, half of it free at least. */
static int make_index(struct aliases *a, struct err *e)
{
    size_t i;

    for (a->slot_count = 2; a->slot_count < a->count * 2;)
        a->slot_count *= 2;
    a->slots = calloc(a->slot_count, sizeof(*a->slots));
    if (!a->slots)
        return err_set(e, ERR_OS, "no memory for %zu aliases", a->count);
    for (i = 0; i < a->count; i++) {
        uint32_t *slot = find_slot(a, a->at[i].name, a->at[i].name_len);

        if (!*slot)
            *slot = (uint32_t)i + 1;
    }
    a->fallback = find(a, "default", strlen("default"));
    return 0;
}

static int grow(struct aliases *a, struct err *e)
{
    size_t cap = a->cap ? a->cap * 2 : 64;
    struct alias *at = realloc(a->at, cap * sizeof(*at));

    if (!at)
        return err_set(e, ERR_OS, "no memory for %zu aliases", cap);
    a->at = at;
    a->cap = cap;
    return 0;
}

/* Move what the quoted string at AT stands for to where it begins, behind the quote, *LEN bytes.
 * Returns what follows the closing quote, or NULL where the line has none. */
static char *unquote(char *at, size_t *len)
{
    char *to = at + 1, *from = at + 1;

    for (; *from && *from != '\n' && *from != '"'; from++) {
        if (*from == '\\' && from[1] && from[1] != '\n')
            from++;
        *to++ = *from;
    }
    *len = (size_t)(to - at - 1);
    return *from == '"' ? from + 1 : NULL;
}

/* Say what is wrong in LINE: the words WHAT, then LEN bytes of the file in quotes, if any, cut
 * to MAX. */
static int refuse(const struct aliases *a, size_t line, const char *what, const char *text,
                  size_t len, size_t max, struct err *e)
{
    struct buf shown;

    buf_init(&shown, max * 4 + 8);
    if (len) {
        buf_addstr(&shown, " '");
        text_escape(&shown, text, len < max ? len : max);
        buf_addstr(&shown, len < max ? "'" : "...'");
    }
    err_set(e, ERR_CONFIG, "%.256s:%zu: %s%s", a->path, line, what, shown.data);
    buf_release(&shown);
    return -1;
}

/* The name at AT, which begins a line, and its colon. */
static int take_name(struct aliases *a, char *at, size_t line, struct err *e)
{
    size_t len = strcspn(at, ": \t\r\n");
    const char *end = at + len;

    if (*at == '"') {
        end = unquote(at++, &len);
        if (!end)
            return refuse(a, line, "a quote has no end", NULL, 0, 0, e);
    }
    if (!len)
        return refuse(a, line, "there is no name before ':'", NULL, 0, 0, e);
    end += strspn(end, " \t\r");
    if (*end != ':')
        return refuse(a, line, "there is no ':' after the name", at, len, NAME_SHOWN, e);
    if (a->count == a->cap && grow(a, e))
        return -1;
    a->at[a->count++] = (struct alias){
        .name = at, .targets = end + 1, .name_len = (uint32_t)len, .line = (uint32_t)line};
    return 0;
}

/* What follows the line at AT. */
static char *after_line(const struct aliases *a, char *at)
{
    char *end = a->text.data + a->text.len;
    char *newline = memchr(at, '\n', (size_t)(end - at));

    return newline ? newline + 1 : end;
}

/* The one pass over the text. */
static int scan(struct aliases *a, struct err *e)
{
    char *at = a->text.data;
    size_t line;

    for (line = 1; *at; line++, at = after_line(a, at)) {
        if (!strchr(" \t\r\n#", *at)) {
            if (take_name(a, at, line, e))
                return -1;
        } else if (!a->count && !strchr("\n#", at[strspn(at, " \t\r")])) {
            return refuse(a, line, "it begins with a blank, yet continues no line", NULL, 0, 0,
                          e);
        }
    }
    return 0;
}

/* A pipe that nobody writes to would be waited for. */
static bool is_waited_for(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Editors of Windows put a byte order mark before the first name. */
static void drop_mark(struct buf *text)
{
    if (text->len >= 3 && !memcmp(text->data, "\xef\xbb\xbf", 3))
        memmove(text->data, text->data + 3, (text->len -= 3) + 1);
}

static int read_file(struct aliases *a, struct err *e)
{
    int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool waits = fd >= 0 && is_waited_for(fd);
    int status = fd < 0 || waits ? -1 : file_read(fd, &a->text);

    if (waits)
        err_set(e, ERR_NOINPUT, "--aliases '%.256s': a pipe, not a file", a->path);
    else if (status)
        err_system(e, ERR_NOINPUT, errno, "--aliases '%.256s'", a->path);
    if (fd >= 0)
        close(fd);
    if (status)
        return -1;
    drop_mark(&a->text);
    if (memchr(a->text.data, '\0', a->text.len))
        return err_set(e, ERR_CONFIG, "--aliases '%.256s': it has a NUL byte, so it is no text",
                       a->path);
    return buf_check(&a->text, ERR_CONFIG, "the file of --aliases", e);
}

struct aliases *aliases_open(const char *path, struct err *e)
{
    struct aliases *a = calloc(1, sizeof(*a));

    if (a) {
        buf_init(&a->text, FILE_BYTES);
        a->path = strdup(path);
    }
    if (!a || !a->path)
        err_set(e, ERR_OS, "no memory for --aliases");
    else if (!read_file(a, e) && !scan(a, e) && !make_index(a, e))
        return a;
    aliases_free(a);
    return NULL;
}

void aliases_free(struct aliases *a)
{
    if (!a)
        return;
    buf_release(&a->text);
    free(a->path);
    free(a->at);
    free(a->slots);
    free(a);
}

/* Go on from a line's end to the next line that continues it; false where none does. */
static bool next_line(struct reader *r)
{
    while (*r->at) {
        const char *content;

        r->at++;
        r->line++;
        content = r->at + strspn(r->at, " \t\r");
        if (*content && *content != '\n' && *content != '#') {
            bool continues = content > r->at;

            r->at = continues ? content : "";
            return continues;
        }
        r->at = content + strcspn(content, "\n");
    }
    return false;
}

/* Copy the target at hand up to the comma after it, or to the end. No comma in quotes or in a
 * comment ends it. */
static void copy_target(struct reader *r, struct buf *target)
{
    bool quoted = false;
    size_t comments = 0, plain;

    for (;;) {
        plain = strcspn(r->at, ",\"()\\\r\n");
        buf_add(target, r->at, plain);
        r->at += plain;
        if (*r->at == ',' && !quoted && !comments)
            return;
        if (!*r->at || *r->at == '\n') {
            if (!next_line(r))
                return;
            buf_addch(target, ' ');
            continue;
        }
        if (*r->at == '"' && !comments)
            quoted = !quoted;
        else if (*r->at == '(' && !quoted)
            comments++;
        else if (*r->at == ')' && !quoted && comments)
            comments--;
        else if (*r->at == '\\' && (quoted || comments) && !strchr("\r\n", r->at[1]))
            buf_addch(target, *r->at++);
        if (*r->at != '\r' || r->at[1] != '\n')
            buf_addch(target, *r->at);
        r->at++;
    }
}

/* The next target, without blanks around it; false at the end. */
static bool next_target(struct reader *r, struct buf *target)
{
    buf_clear(target);
    for (;;) {
        r->at += strspn(r->at, " \t\r,");
        if (*r->at && *r->at != '\n')
            break;
        if (!next_line(r))
            return false;
    }
    r->target_line = r->line;
    copy_target(r, target);
    while (target->len && strchr(" \t\r", target->data[target->len - 1]))
        target->data[--target->len] = '\0';
    return true;
}

/* What TARGET is, where it is nothing that mail can be sent to. */
static const char *not_mailable(const char *target)
{
    switch (target[*target == '"']) {
    case '|':
        return "stands for the command";
    case '/':
        return "stands for the file";
    case ':':
        return "stands for the directive";
    default:
        return NULL;
    }
}

static int refuse_target(const struct aliases *a, const struct alias *alias, size_t line,
                         const char *what, const struct buf *target, struct err *e)
{
    struct buf words;

    buf_init(&words, NAME_SHOWN * 4 + 64);
    buf_addch(&words, '\'');
    text_escape(&words, alias->name,
                alias->name_len < NAME_SHOWN ? alias->name_len : NAME_SHOWN);
    buf_addf(&words, "' %s", what);
    refuse(a, line, words.data, target->data, target->len, TARGET_SHOWN, e);
    buf_release(&words);
    return err_hint(e, "have it stand for addresses or other names");
}

/* Parse TARGET and add what it holds to LIST. */
static int parse_target(const struct aliases *a, size_t line, const char *target,
                        struct addresses *list, struct err *e)
{
    struct err inner;

    if (!mailbox_argument(target, NULL, list, e))
        return 0;
    if (e->kind == ERR_USAGE) {
        inner = *e;
        err_set(e, ERR_CONFIG, "%.256s:%zu: %s", a->path, line, inner.message);
    }
    return -1;
}

/* Add the targets of ALIAS to LIST; those with a '\' are done and go into OUT. */
static int read_targets(const struct aliases *a, const struct alias *alias,
                        struct addresses *list, struct addresses *out, struct err *e)
{
    struct reader r = {.at = alias->targets, .line = alias->line};
    struct buf target;
    bool any = false;
    int status = 0;

    buf_init(&target, FILE_BYTES);
    while (!status && next_target(&r, &target)) {
        const char *what = not_mailable(target.data);

        any = true;
        if (target.failed)
            status = buf_check(&target, ERR_CONFIG, "a target in the file of --aliases", e);
        else if (what)
            status = refuse_target(a, alias, r.target_line, what, &target, e);
        else if (*target.data == '\\')
            status = parse_target(a, r.target_line, target.data + 1, out, e);
        else
            status = parse_target(a, r.target_line, target.data, list, e);
    }
    buf_clear(&target);
    if (!status && !any)
        status = refuse_target(a, alias, alias->line, "stands for nobody", &target, e);
    buf_release(&target);
    return status;
}

/* How many aliases had led to ALIAS where it is one of those that led here, else the depth. */
static size_t place_of(const struct expansion *x, const struct alias *alias)
{
    size_t i = 0;

    while (i < x->depth && x->open[i] != alias)
        i++;
    return i;
}

/* Name the aliases from the PLACE on, which lead back to the one there. */
static int refuse_loop(const struct expansion *x, size_t place, struct err *e)
{
    const struct alias *first = x->open[place];
    struct buf chain;
    size_t i;

    buf_init(&chain, CHAIN_SHOWN);
    for (i = place; i < x->depth; i++) {
        text_escape(&chain, x->open[i]->name, x->open[i]->name_len);
        buf_addstr(&chain, " -> ");
    }
    text_escape(&chain, first->name, first->name_len);
    err_set(e, ERR_CONFIG, "%.256s:%u: an alias leads back to itself: %s%s", x->a->path,
            first->line, chain.data, chain.failed ? "..." : "");
    buf_release(&chain);
    return -1;
}

static int expand_name(struct expansion *x, const char *name, struct err *e);

/* Add what the addresses and names of LIST stand for. */
static int expand_list(struct expansion *x, const struct addresses *list, struct err *e)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *address = list->at[i];

        if (mailbox_is_bare(address) ? expand_name(x, address, e)
                                     : addresses_add(x->out, address, e))
            return -1;
    }
    return 0;
}

static int expand_alias(struct expansion *x, struct alias *alias, struct err *e)
{
    struct addresses targets;
    int status;

    if (alias->expanded == x->a->calls) {
        size_t place = place_of(x, alias);

        return place < x->depth ? refuse_loop(x, place, e) : 0;
    }
    if (x->depth == DEPTH_MAX)
        return refuse(x->a, alias->line, "too many aliases lead to", alias->name,
                      alias->name_len, NAME_SHOWN, e);
    alias->expanded = x->a->calls;
    x->open[x->depth++] = alias;
    addresses_init(&targets);
    status = read_targets(x->a, alias, &targets, x->out, e);
    if (!status)
        status = expand_list(x, &targets, e);
    addresses_release(&targets);
    x->depth--;
    return status;
}

/* A name that its own alias has among its targets stays, and so do the names that "default"
 * leads to and that no line names. */
static int expand_name(struct expansion *x, const char *name, struct err *e)
{
    struct aliases *a = x->a;
    struct alias *alias;
    struct buf content;
    size_t len = strlen(name);

    buf_init(&content, len);
    if (*name == '"') {
        if (buf_addstr(&content, name) < 0)
            return buf_check(&content, ERR_OS, "a name", e);
        (void)unquote(content.data, &len);
        alias = find(a, content.data + 1, len);
    } else {
        alias = find(a, name, len);
    }
    buf_release(&content);
    if (!alias && a->fallback && place_of(x, a->fallback) == x->depth)
        alias = a->fallback;
    if (!alias || (x->depth && x->open[x->depth - 1] == alias))
        return addresses_add(x->out, name, e);
    return expand_alias(x, alias, e);
}

int aliases_expand(struct aliases *a, const struct addresses *list, struct addresses *out,
                   struct err *e)
{
    struct expansion x = {.a = a, .out = out};

    a->calls++;
    return expand_list(&x, list, e);
}
