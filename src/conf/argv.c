#include "conf/argv.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the splitter is doing. */
struct splitter {
    int argc, next; /* argv[next] is not looked at yet */
    char **argv;
    struct argv_parts *parts;
    struct err *e;
};

const struct option_row *argv_find_name(const char *name, size_t len)
{
    const struct option_row *row;

    for (row = option_rows(); row->name; row++) {
        if (row->name[0] && strlen(row->name) == len && !memcmp(row->name, name, len))
            return row;
    }
    return NULL;
}

const struct option_row *argv_find_letter(char letter)
{
    const struct option_row *row;

    for (row = option_rows(); row->name; row++) {
        if (row->letter == letter)
            return row;
    }
    return NULL;
}

static int add_option_word(struct splitter *s, const char *word, size_t len)
{
    char *copy = strndup(word, len);

    if (!copy)
        return err_set(s->e, ERR_OS, "no memory for the command line");
    s->parts->options[s->parts->option_count++] = copy;
    return 0;
}

static int add_value(struct splitter *s, char *value)
{
    char reference[24];

    snprintf(reference, sizeof(reference), "%zu", s->parts->value_count);
    s->parts->values[s->parts->value_count++] = value;
    return add_option_word(s, reference, strlen(reference));
}

static int missing(struct splitter *s, const char *option, size_t len)
{
    err_set(s->e, ERR_USAGE, "option '%.*s' needs a value", (int)len, option);
    return err_at(s->e, STAGE_CONFIG);
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
    const struct option_row *row = argv_find_name(word + 2, len - 2);

    if (!row)
        return add_option_word(s, word, len);
    if (add_option_word(s, word, len))
        return -1;
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
        option[1] = *at;
        row = argv_find_letter(*at);
        if (!row && (unsigned char)*at >= 0x80)
            return add_option_word(s, word, strlen(word));
        if (add_option_word(s, option, 2))
            return -1;
        if (!row)
            continue;
        if (option_takes_value(row))
            return take_value(s, at[1] ? at + 1 : NULL, option, 2);
        if (add_value(s, NULL))
            return -1;
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

/* How many words popt can be given at the most: two for each letter and each word. */
static size_t count_most(int argc, char **argv)
{
    size_t most = 2;
    int i;

    for (i = 0; i < argc; i++)
        most += 2 + (argv[i][0] == '-' && argv[i][1] != '-' ? 2 * strlen(argv[i]) : 0);
    return most;
}

int argv_split(int argc, char **argv, struct argv_parts *parts, struct err *e)
{
    struct splitter s = {.argc = argc, .next = 1, .argv = argv, .parts = parts, .e = e};
    size_t most = count_most(argc, argv);
    bool ended = false;

    *parts = (struct argv_parts){0};
    parts->options = calloc(most, sizeof(*parts->options));
    parts->values = calloc(most, sizeof(*parts->values));
    parts->recipients = calloc((size_t)argc + 1, sizeof(*parts->recipients));
    if (!parts->options || !parts->values || !parts->recipients)
        return err_set(e, ERR_OS, "no memory for the command line");
    if (add_option_word(&s, "smtpsend", strlen("smtpsend")))
        return -1;
    while (s.next < argc) {
        if (split_word(&s, argv[s.next++], &ended))
            return -1;
    }
    return 0;
}

void argv_parts_free(struct argv_parts *parts)
{
    int i;

    for (i = 0; i < parts->option_count; i++)
        free((char *)parts->options[i]);
    free(parts->options);
    free(parts->values);
    free(parts->recipients);
    *parts = (struct argv_parts){0};
}

const char *argv_value(const struct argv_parts *parts, const char *reference)
{
    return parts->values[text_number(reference, (int64_t)parts->value_count - 1)];
}
