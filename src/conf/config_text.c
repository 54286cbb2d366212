#include "conf/config_text.h"

#include "base/text.h"
#include "conf/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN = 256, WORD_SHOWN = 60 };

/* Keys that no option has. */
static const char key_include[] = "include", key_match[] = "match-from",
                  key_password[] = "password";

/* Where the parser is. */
struct position {
    struct config_parser *parser;
    struct config_file *file;
    size_t part;
    struct ini_line line;
};

/* ---- what is wrong ---- */

void config_problem(struct config_parser *parser, const struct config_line *line,
                    const char *hint, const char *format, ...)
{
    struct err e = ERR_INIT;
    struct buf place;
    va_list ap;
    char what[512];

    va_start(ap, format);
    vsnprintf(what, sizeof(what), format, ap);
    va_end(ap);
    buf_init(&place, sizeof(e.message));
    text_escape(&place, line->file->name, strnlen(line->file->name, NAME_SHOWN));
    if (line->number)
        buf_addf(&place, ":%u", line->number);
    if (*line->key)
        buf_addf(&place, ": %.*s", WORD_SHOWN, line->key);
    err_set(&e, ERR_CONFIG, "%s: %s", place.data, what);
    err_hint(&e, "%s", hint ? hint : "");
    err_at(&e, STAGE_CONFIG);
    problems_add(parser->problems, &e);
    buf_release(&place);
}

void config_no_memory(struct config_parser *parser)
{
    struct err e = ERR_INIT;

    err_set(&e, ERR_OS, "no memory for the configuration");
    err_at(&e, STAGE_CONFIG);
    problems_add(parser->problems, &e);
}

static struct config_line this_line(const struct position *here, const char *key)
{
    return (struct config_line){here->file, here->line.number, key};
}

/* What is wrong with the key of this line. */
static void wrong(struct position *here, const char *hint, const char *what)
{
    struct config_line line = this_line(here, here->line.key);

    config_problem(here->parser, &line, hint, "%s", what);
}

/* TEXT, which is wrong, for a message: escaped and cut. */
static void show(struct buf *shown, const char *text)
{
    buf_init(shown, 4 * WORD_SHOWN);
    text_escape(shown, text, strnlen(text, WORD_SHOWN));
}

static struct origin this_origin(const struct position *here, const struct option_row *row)
{
    bool user = here->parser->layer > 0, general = here->part == GENERAL_PART;

    return (struct origin){.row = row,
                           .source = general ? (user ? FROM_USER_CONFIG : FROM_CONFIG)
                                             : (user ? FROM_USER_ACCOUNT : FROM_ACCOUNT),
                           .file = here->file->name,
                           .line = here->line.number};
}

/* ---- parts ---- */

/* Valid until the next account is added. */
static struct config_part *part_at(const struct config_parser *parser, size_t part)
{
    struct config *config = parser->config;

    return part == GENERAL_PART ? &config->general : &config->accounts[part - 1];
}

/* The parser's layer begins to write in the part: what is there is a lower one's. */
static void part_enter(const struct config_parser *parser, struct config_part *part)
{
    if (part->layer == parser->layer)
        return;
    part->layer = parser->layer;
    part->inherited = part->assignments.count;
    part->match_inherited = true;
}

/* The list of the accounts whose names have the hash (FNV-1a) of NAME. */
static size_t *list_of(struct config_parser *parser, const char *name)
{
    uint32_t hash = 2166136261;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619;
    return &parser->heads[hash % CONFIG_HEADS];
}

/* The part of the account of this name, or GENERAL_PART. */
static size_t find_account(struct config_parser *parser, const char *name)
{
    size_t part = *list_of(parser, name);

    while (part && strcmp(part_at(parser, part)->name, name) != 0)
        part = part_at(parser, part)->next;
    return part;
}

/* Append an account and go on in it. */
static void add_account(struct position *here, const char *name)
{
    struct config *config = here->parser->config;
    size_t count = config->account_count, *list = list_of(here->parser, name);
    struct config_part *grown = config->accounts;

    if (!(count & (count - 1))) /* at each power of two there is room for as many again */
        grown = reallocarray(grown, count ? 2 * count : 1, sizeof(*grown));
    if (!grown) {
        config_no_memory(here->parser);
        return;
    }
    config->accounts = grown;
    here->part = count + 1;
    config->accounts[count] = (struct config_part){.name = name,
                                                   .origin = this_origin(here, NULL),
                                                   .layer = here->parser->layer,
                                                   .next = *list};
    *list = here->part;
    config->account_count++;
}

static void second_heading(struct position *here, const struct config_part *part)
{
    struct config_line line = this_line(here, "");
    struct buf name, first;

    show(&name, part->name);
    buf_init(&first, NAME_SHOWN);
    text_escape(&first, part->origin.file, strnlen(part->origin.file, NAME_SHOWN));
    config_problem(here->parser, &line, NULL, "account '%s' has a part already, at %s:%u",
                   name.data, first.data, part->origin.line);
    buf_release(&first);
    buf_release(&name);
}

/* Go on in the account of this name, which no heading of the same layer may have named. */
static void enter_account(struct position *here, const char *name)
{
    size_t part = find_account(here->parser, name);

    if (part == GENERAL_PART) {
        add_account(here, name);
        return;
    }
    here->part = part;
    if (part_at(here->parser, part)->layer == here->parser->layer)
        second_heading(here, part_at(here->parser, part));
    else
        part_enter(here->parser, part_at(here->parser, part));
}

static void take_heading(struct position *here)
{
    static const char word[] = "account";
    const char *name = here->line.value;
    size_t len = strcspn(name, " \t");
    struct config_line line = this_line(here, "");
    struct buf shown;

    if (len == strlen(word) && !strncmp(name, word, len)) {
        name += len + strspn(name + len, " \t");
        if (*name && !strpbrk(name, " \t\"")) {
            enter_account(here, name);
            return;
        }
    }
    show(&shown, here->line.value);
    config_problem(here->parser, &line, "a heading is [account NAME], NAME one word",
                   "'[%s]' is no heading", shown.data);
    buf_release(&shown);
    /* What follows is checked as an account's. */
    add_account(here, "");
}

/* ---- keys ---- */

/* What configs of msmtp and ssmtp call it. */
static const char *native_name(const char *key)
{
    static const char *const names[][2] = {
        {"auto_from", "from"},
        {"authpass", "password"},
        {"authuser", "user"},
        {"host", "server"},
        {"hostname", "helo"},
        {"mailhub", "server"},
        {"maildomain", "domain"},
        {"passwordeval", "password-command"},
        {"rewritedomain", "domain"},
        {"set_from_header", "set-from"},
        {"tls_fingerprint", "tls-pin"},
        {"tls_starttls", "tls"},
        {"tls_trust_file", "tls-ca"},
        {"tls_crl_file", "tls-crl"},
        {"tls_cert_file", "tls-cert"},
        {"tls_key_file", "tls-key"},
        {"tls_priorities", "tls-priority"},
        {"undisclosed_recipients", "undisclosed"},
        {"usestarttls", "tls"},
    };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (text_same(key, names[i][0]))
            return names[i][1];
    }
    return NULL;
}

static const char *nearest_key(const char *key)
{
    const char *names[OPTIONS_MAX + 4] = {key_include, key_match, key_password};
    const struct option_row *row;
    const char *native = native_name(key);
    size_t count = 3;

    for (row = option_rows(); row->name; row++) {
        if (row->setting)
            names[count++] = row->name;
    }
    return native ? native : nearest_name(key, names);
}

static bool is_key(const char *key)
{
    return option_named(key, strlen(key)) || !strcmp(key, key_include) ||
           !strcmp(key, key_match) || !strcmp(key, key_password);
}

static void unknown_key(struct position *here)
{
    const char *nearest = NULL;
    char hint[128] = "";

    if (here->parser->problems->count < PROBLEMS_MAX)
        nearest = nearest_key(here->line.key);
    if (nearest)
        snprintf(hint, sizeof(hint), "did you mean '%s'?", nearest);
    wrong(here, hint, "unknown key");
}

/* The values before it no longer count, unless they are the same file's of a list. False where
 * the list is full. */
static bool make_room(struct config_part *part, const struct option_row *row)
{
    struct assignments *list = &part->assignments;
    size_t from, to = 0, same = 0, inherited = part->inherited;

    for (from = 0; from < list->count; from++) {
        if (list->at[from].origin.row == row) {
            if (row->kind != LIST || from < inherited) {
                part->inherited -= from < inherited;
                continue;
            }
            same++;
        }
        list->at[to++] = list->at[from];
    }
    list->count = to;
    return same < LIST_MAX;
}

static void take_setting(struct position *here, const struct option_row *row)
{
    struct config_part *part = part_at(here->parser, here->part);
    struct assignment a = {.origin = this_origin(here, row), .value = here->line.value};
    struct settings scratch;
    char what[64];
    struct err e = ERR_INIT;

    settings_init(&scratch);
    if (!make_room(part, row)) {
        snprintf(what, sizeof(what), "given more than %d times", LIST_MAX);
        wrong(here, NULL, what);
    } else if (settings_set(&scratch, &a.origin, a.value, &e) ||
               assignments_add(&part->assignments, &a, &e)) {
        err_at(&e, STAGE_CONFIG);
        problems_add(here->parser->problems, &e);
    }
}

static void add_pattern(struct position *here, const char *pattern)
{
    struct config_part *part = part_at(here->parser, here->part);
    struct assignment a = {.origin = this_origin(here, NULL), .value = pattern};
    struct err e = ERR_INIT;

    if (part->match_inherited)
        assignments_release(&part->match_from);
    part->match_inherited = false;
    if (assignments_add(&part->match_from, &a, &e))
        problems_add(here->parser->problems, &e);
}

/* Patterns with commas between them. */
static void take_patterns(struct position *here)
{
    char *at = here->line.value, *pattern, *end;

    if (here->part == GENERAL_PART) {
        wrong(here, "put it below an [account NAME]", "only an account can have it");
        return;
    }
    while ((pattern = strsep(&at, ","))) {
        pattern += strspn(pattern, " \t");
        for (end = pattern + strlen(pattern); end > pattern && strchr(" \t", end[-1]); end--)
            end[-1] = '\0';
        if (*pattern)
            add_pattern(here, pattern);
        else
            wrong(here, NULL, "an empty pattern");
    }
}

static void take_password(struct position *here)
{
    struct config_part *part = part_at(here->parser, here->part);
    size_t len = strlen(here->line.value);
    struct err e = ERR_INIT;

    secret_harden_process();
    if (!len || len > SECRET_MAX) {
        wrong(here, NULL, len ? "too long" : "has no value");
        return;
    }
    if (here->file->exposed && !here->file->password_told) {
        wrong(here, "put it into a file that is yours alone (chmod 600)", here->file->exposed);
        here->file->password_told = true;
    }
    secret_free(part->password);
    part->password = secret_take(here->line.value, len, &e);
    part->password_origin = this_origin(here, NULL);
    err_at(&e, STAGE_CONFIG);
    if (!part->password)
        problems_add(here->parser->problems, &e);
}

static void take_include(struct position *here)
{
    struct config_line line = this_line(here, key_include);

    if (*here->line.value)
        here->parser->include(here->parser, &line, here->line.value, here->part);
    else
        wrong(here, NULL, "has no value");
}

static void take_pair(struct position *here)
{
    const char *key = here->line.key;
    const struct option_row *row = option_named(key, strlen(key));

    if (!strcmp(key, key_include))
        take_include(here);
    else if (!strcmp(key, key_match))
        take_patterns(here);
    else if (!strcmp(key, key_password))
        take_password(here);
    else if (!row)
        unknown_key(here);
    else if (!row->setting)
        wrong(here, NULL, "an option of the command line only");
    else if (!strcmp(key, "account") && here->part != GENERAL_PART)
        wrong(here, "put it above the first [account NAME]",
              "only the general part can have it");
    else if (!*here->line.value && !here->line.quoted && row->kind != OPTIONAL)
        wrong(here, "leave the line out, or write \"\" for an empty text", "has no value");
    else
        take_setting(here, row);
}

/* Only a word that is a key is shown: another may be part of a password. */
static void bad_line(struct position *here)
{
    struct config_line line = this_line(here, is_key(here->line.key) ? here->line.key : "");

    config_problem(here->parser, &line, NULL, "%s", here->line.what);
}

/* ---- files ---- */

void config_parse(struct config_parser *parser, struct config_file *file, size_t part)
{
    struct position here = {.parser = parser, .file = file, .part = part};
    struct ini ini;

    part_enter(parser, part_at(parser, part));
    ini_init(&ini, file->text.data, file->text.len);
    while (ini_next(&ini, &here.line)) {
        switch (here.line.kind) {
        case INI_HEADING:
            take_heading(&here);
            break;
        case INI_PAIR:
            take_pair(&here);
            break;
        case INI_BAD:
            bad_line(&here);
            break;
        }
    }
}

void config_check_default(struct config_parser *parser)
{
    const struct assignments *list = &parser->config->general.assignments;
    const struct assignment *a;
    struct config_file file;
    struct config_line line;
    struct buf shown;

    for (a = list->at; a < list->at + list->count; a++) {
        if (strcmp(a->origin.row->name, "account") != 0 ||
            config_account(parser->config, a->value))
            continue;
        file = (struct config_file){.name = (char *)a->origin.file};
        line = (struct config_line){&file, a->origin.line, "account"};
        show(&shown, a->value);
        config_problem(parser, &line, NULL, "there is no [account %s]", shown.data);
        buf_release(&shown);
    }
}
