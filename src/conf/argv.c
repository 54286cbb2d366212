#include "conf/argv.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the reference to a value, a decimal number. */
enum { REFERENCE = 24 };

/* What the splitter is doing. */
struct splitter {
    int argc, next; /* argv[next] is not looked at yet */
    char **argv;
    bool sendmail; /* only its letters are taken */
    struct argv_parts *parts;
    struct err *e;
};

static const struct option_row *find_letter(char letter)
{
    const struct option_row *row = option_rows();

    while (row->name && row->letter != letter)
        row++;
    return row->name ? row : NULL;
}

/* Copy LEN bytes as the next word for popt; argv_split has made room for all there can be. */
static void add_option_word(struct splitter *s, const char *word, size_t len)
{
    char *copy = s->parts->words + s->parts->words_used;

    memcpy(copy, word, len);
    copy[len] = '\0';
    s->parts->words_used += len + 1;
    s->parts->options[s->parts->option_count++] = copy;
}

static int add_value(struct splitter *s, char *value)
{
    char reference[REFERENCE];
    int len = snprintf(reference, sizeof(reference), "%zu", s->parts->value_count);

    s->parts->values[s->parts->value_count++] = value;
    add_option_word(s, reference, (size_t)len);
    return 0;
}

static int missing(struct splitter *s, const char *option, size_t len)
{
    err_set(s->e, ERR_USAGE, "option '%.*s' needs a value", (int)len, option);
    return err_at(s->e, STAGE_CONFIG);
}

static int unknown(struct splitter *s, const char *word, const char *hint)
{
    struct buf shown;

    buf_init(&shown, 512);
    text_escape(&shown, word, strnlen(word, 100));
    err_set(s->e, ERR_USAGE, "unknown option '%s'", shown.data);
    buf_release(&shown);
    err_hint(s->e, "%s", hint);
    return err_at(s->e, STAGE_CONFIG);
}

/* What popt would take for the end of the options, and is neither that nor an option. */
static int no_option(struct splitter *s, const char *word)
{
    return unknown(s, word, "see smtpsend --help");
}

/* What would be an option of ours, had we been called by our own name: whoever calls sendmail may
 * pass on what strangers wrote. */
static int not_sendmails(struct splitter *s, const char *word)
{
    return unknown(s, word, "called as sendmail, only sendmail's letters are options");
}

/* The value of an option is its own rest, or the next word whatever it looks like. */
static int take_value(struct splitter *s, char *attached, const char *option, size_t len)
{
    if (attached)
        return add_value(s, attached);
    if (s->next >= s->argc)
        return missing(s, option, len);
    return add_value(s, s->argv[s->next++]);
}

static int split_long(struct splitter *s, char *word)
{
    char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_row *row = option_named(word + 2, len - 2);

    if (len == 2)
        return no_option(s, word);
    if (s->sendmail)
        return not_sendmails(s, word);
    add_option_word(s, word, len);
    if (!row)
        return 0;
    if (option_takes_value(row))
        return take_value(s, equals ? equals + 1 : NULL, word, len);
    return add_value(s, equals ? equals + 1 : NULL);
}

/* A cluster of letters, of which the last may have a value. */
static int split_letters(struct splitter *s, char *word)
{
    const struct option_row *row;
    char option[3] = "-x";
    char *at;

    for (at = word + 1; *at; at++) {
        if (*at == '-')
            return no_option(s, word);
        option[1] = *at;
        row = find_letter(*at);
        if (s->sendmail && (!row || !row->sendmails))
            return not_sendmails(s, option);
        add_option_word(s, option, 2);
        if (!row)
            continue;
        if (option_takes_value(row))
            return take_value(s, at[1] ? at + 1 : NULL, option, 2);
        add_value(s, row->kind == ATTACHED && at[1] ? at + 1 : NULL);
        if (row->kind == ATTACHED)
            break;
    }
    return 0;
}

static int split_word(struct splitter *s, char *word, bool *ended)
{
    if (*ended || word[0] != '-' || !word[1]) {
        s->parts->recipients[s->parts->recipient_count++] = word;
        return 0;
    }
    if (!strcmp(word, "--")) {
        *ended = true;
        return 0;
    }
    return word[1] == '-' ? split_long(s, word) : split_letters(s, word);
}

/* Room for all that popt can be given: an option and a value for each letter and each word. */
static int make_room(int argc, char **argv, struct argv_parts *parts, struct err *e)
{
    size_t words = 1, bytes = sizeof("smtpsend");
    int i;

    for (i = 0; i < argc; i++) {
        if (argv[i][0] != '-')
            continue;
        words += 2 * strlen(argv[i]) + 2;
        bytes += (strlen(argv[i]) + 1) * (REFERENCE + sizeof("-x"));
    }
    parts->options = calloc(words + 1, sizeof(*parts->options));
    parts->values = calloc(words, sizeof(*parts->values));
    parts->recipients = calloc((size_t)argc + 1, sizeof(*parts->recipients));
    parts->words = malloc(bytes);
    if (parts->options && parts->values && parts->recipients && parts->words)
        return 0;
    return err_set(e, ERR_OS, "no memory for the command line");
}

int argv_split(int argc, char **argv, bool sendmail, struct argv_parts *parts, struct err *e)
{
    struct splitter s = {
        .argc = argc, .next = 1, .argv = argv, .sendmail = sendmail, .parts = parts, .e = e};
    bool ended = false;

    *parts = (struct argv_parts){0};
    if (make_room(argc, argv, parts, e))
        return -1;
    add_option_word(&s, "smtpsend", strlen("smtpsend"));
    while (s.next < argc) {
        if (split_word(&s, argv[s.next++], &ended))
            return -1;
    }
    return 0;
}

void argv_parts_free(struct argv_parts *parts)
{
    free(parts->options);
    free(parts->words);
    free(parts->values);
    free(parts->recipients);
    *parts = (struct argv_parts){0};
}

const char *argv_value(const struct argv_parts *parts, const char *reference)
{
    return parts->values[text_number(reference, (int64_t)parts->value_count - 1)];
}
