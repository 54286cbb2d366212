#include "conf/settings.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct option_row rows[] = {
#define ROW(field, name, letter, kind, argument, group, setting, sendmails)                    \
    {name, letter, setting, sendmails, kind, argument, group, offsetof(struct settings, field)},
#define OPTION(...)  ROW(__VA_ARGS__, false, false)
#define SETTING(...) ROW(__VA_ARGS__, true, false)
#define LETTER(...)  ROW(__VA_ARGS__, false, true)
#include "conf/options.def"
#undef LETTER
#undef SETTING
#undef OPTION
#undef ROW
    {NULL, 0, false, false, TEXT, NULL, NULL, 0},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) <= OPTIONS_MAX, "settings have room for origins");

const struct option_row *option_rows(void)
{
    return rows;
}

const struct option_row *option_named(const char *name, size_t len)
{
    const struct option_row *row;

    for (row = rows; row->name; row++) {
        if (row->name[0] && strlen(row->name) == len && !memcmp(row->name, name, len))
            return row;
    }
    return NULL;
}

bool option_takes_value(const struct option_row *row)
{
    return row->kind != SWITCH && row->kind != COUNT && row->kind != OPTIONAL &&
           row->kind != ATTACHED;
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.connect_timeout_ms = 30 * 1000,
                                  .timeout_ms = -1,
                                  .deadline_ms = -1,
                                  .hold_for_ms = -1,
                                  .queue_lifetime_ms = INT64_C(5) * 24 * 60 * 60 * 1000,
                                  .add_headers = true};
}

/* WORD is one of the words in CHOICES, which '|' separates. */
static bool is_choice(const char *word, const char *choices)
{
    size_t n;

    for (; *choices; choices += n + (choices[n] == '|')) {
        n = strcspn(choices, "|");
        if (strlen(word) == n && text_same_n(choices, n, word))
            return true;
    }
    return false;
}

static int parse_switch(const char *value, bool *on)
{
    static const char *const words[2][4] = {{"no", "off", "false", "0"},
                                            {"yes", "on", "true", "1"}};
    size_t i;

    for (i = 0; i < 8; i++) {
        if (value && text_same(value, words[i / 4][i % 4])) {
            *on = i >= 4;
            return 0;
        }
    }
    *on = true;
    return value ? -1 : 0;
}

void environment_name(const char *name, char out[SETTING_NAME_BYTES])
{
    size_t i;

    snprintf(out, SETTING_NAME_BYTES, "SMTPSEND_%s", name);
    for (i = 0; out[i]; i++) {
        if (out[i] == '-')
            out[i] = '_';
        else if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
}

void origin_text(const struct origin *origin, struct buf *out)
{
    char name[SETTING_NAME_BYTES];

    if (origin->file) {
        text_escape(out, origin->file, strnlen(origin->file, 256));
        buf_addf(out, ":%u: ", origin->line);
    }
    if (origin->source == FROM_ENVIRONMENT) {
        environment_name(origin->row->name, name);
        buf_addstr(out, name);
    } else if (origin->source != FROM_COMMAND_LINE) {
        buf_addstr(out, origin->row->name);
    } else if (origin->row->name[0]) {
        buf_addf(out, "--%s", origin->row->name);
    } else {
        buf_addf(out, "-%c", origin->row->letter);
    }
}

/* What is wrong with a value, with its place before it. Returns -1. */
static int wrong(const struct origin *origin, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(const struct origin *origin, struct err *e, const char *format, ...)
{
    struct buf text;
    va_list ap;
    char what[256];

    va_start(ap, format);
    vsnprintf(what, sizeof(what), format, ap);
    va_end(ap);
    buf_init(&text, 1024);
    origin_text(origin, &text);
    err_set(e, origin->file ? ERR_CONFIG : ERR_USAGE, "%s%s", text.data, what);
    buf_release(&text);
    return err_at(e, STAGE_CONFIG);
}

static int bad_value(const struct origin *origin, const char *value, const char *wanted,
                     struct err *e)
{
    struct buf shown;

    buf_init(&shown, 256);
    text_escape(&shown, value, strnlen(value, 60));
    wrong(origin, e, ": '%s' is not %s", shown.data, wanted);
    buf_release(&shown);
    return -1;
}

static int add_to_list(struct text_list *list, const char *value, const struct origin *origin,
                       struct err *e)
{
    if (list->origin && list->origin->source != origin->source)
        *list = (struct text_list){0}; /* a stronger place replaces them all */
    list->origin = origin;
    if (list->count == LIST_MAX)
        return wrong(origin, e, " is given more than %d times", LIST_MAX);
    list->at[list->count++] = value;
    return 0;
}

static int set_member(char *member, const struct origin *origin, const char *value,
                      struct err *e)
{
    const struct option_row *row = origin->row;
    int64_t ms;
    bool on;

    switch (row->kind) {
    case CHOICE:
        if (!is_choice(value, row->argument))
            return bad_value(origin, value, row->argument, e);
        memcpy(member, &value, sizeof(value));
        break;
    case LIST:
        return add_to_list((struct text_list *)(void *)member, value, origin, e);
    case OPTIONAL:
    case ATTACHED:
        value = value ? value : "";
        memcpy(member, &value, sizeof(value));
        break;
    case TEXT:
        memcpy(member, &value, sizeof(value));
        break;
    case DURATION:
        ms = text_duration(value);
        if (ms < 0)
            return bad_value(origin, value, "a duration (90, 90s, 2m, 1h, 5d)", e);
        memcpy(member, &ms, sizeof(ms));
        break;
    case SWITCH:
        if (parse_switch(value, &on))
            return bad_value(origin, value, "yes or no", e);
        memcpy(member, &on, sizeof(on));
        break;
    case COUNT:
        ++*(int *)(void *)member;
        break;
    }
    return 0;
}

/* The first row of the same member keeps its origin. */
static size_t member_index(const struct option_row *row)
{
    size_t i = 0;

    while (rows[i].offset != row->offset)
        i++;
    return i;
}

int settings_set(struct settings *settings, const struct origin *origin, const char *value,
                 struct err *e)
{
    if (set_member((char *)settings + origin->row->offset, origin, value, e))
        return -1;
    settings->origins[member_index(origin->row)] = origin;
    return 0;
}

void settings_unset(struct settings *settings, const char *name)
{
    const struct option_row *row = option_named(name, strlen(name));
    const char *none = NULL;

    if (!row)
        return;
    memcpy((char *)settings + row->offset, &none, sizeof(none));
    settings->origins[member_index(row)] = NULL;
}

const struct origin *settings_origin(const struct settings *settings, const char *name)
{
    const struct option_row *row = option_named(name, strlen(name));

    return row ? option_origin(settings, row) : NULL;
}

const struct origin *option_origin(const struct settings *settings,
                                   const struct option_row *row)
{
    return settings->origins[member_index(row)];
}

enum setting_source settings_source(const struct settings *settings, const char *name)
{
    const struct origin *origin = settings_origin(settings, name);

    return origin ? origin->source : FROM_DEFAULT;
}

int settings_blame(const struct settings *settings, struct err *e)
{
    const struct origin *origin = e->about ? settings_origin(settings, e->about) : NULL;
    struct err whole = ERR_INIT;

    if (!origin || !origin->file || e->kind != ERR_USAGE)
        return -1;
    wrong(origin, &whole, ": %s", e->message);
    err_hint(&whole, "%s", e->hint);
    err_move(e, &whole);
    return -1;
}
