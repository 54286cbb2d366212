#include "conf/settings.h"

#include "base/text.h"

#include <string.h>

static const struct option_row rows[] = {
#define ROW(field, name, letter, kind, argument, group, setting)                               \
    {name, letter, setting, kind, argument, group, offsetof(struct settings, field)},
#define OPTION(...)  ROW(__VA_ARGS__, false)
#define SETTING(...) ROW(__VA_ARGS__, true)
#include "conf/options.def"
#undef SETTING
#undef OPTION
#undef ROW
    {NULL, 0, false, TEXT, NULL, NULL, 0},
};

const struct option_row *option_rows(void)
{
    return rows;
}

bool option_takes_value(const struct option_row *row)
{
    return row->kind != SWITCH && row->kind != COUNT && row->kind != OPTIONAL;
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.connect_timeout_ms = 30 * 1000,
                                  .timeout_ms = -1,
                                  .deadline_ms = -1,
                                  .hold_for_ms = -1,
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

static int bad_value(const char *where, const char *value, const char *wanted, struct err *e)
{
    struct buf shown;

    buf_init(&shown, 256);
    text_escape(&shown, value, strnlen(value, 60));
    err_set(e, ERR_USAGE, "%s: '%s' is not %s", where, shown.data, wanted);
    buf_release(&shown);
    return err_at(e, STAGE_CONFIG);
}

static int add_to_list(struct text_list *list, const char *value, const char *where,
                       enum setting_source source, struct err *e)
{
    if (list->source != (int)source)
        *list = (struct text_list){.source = (int)source};
    if (list->count == LIST_MAX) {
        err_set(e, ERR_USAGE, "%s is given more than %d times", where, LIST_MAX);
        return err_at(e, STAGE_CONFIG);
    }
    list->at[list->count++] = value;
    return 0;
}

int settings_set(struct settings *settings, const struct option_row *row, const char *value,
                 const char *where, enum setting_source source, struct err *e)
{
    char *member = (char *)settings + row->offset;
    int64_t ms;
    bool on;

    switch (row->kind) {
    case CHOICE:
        if (!is_choice(value, row->argument))
            return bad_value(where, value, row->argument, e);
        memcpy(member, &value, sizeof(value));
        break;
    case LIST:
        return add_to_list((struct text_list *)(void *)member, value, where, source, e);
    case OPTIONAL:
        value = value ? value : "";
        memcpy(member, &value, sizeof(value));
        break;
    case TEXT:
        memcpy(member, &value, sizeof(value));
        break;
    case DURATION:
        ms = text_duration(value);
        if (ms < 0)
            return bad_value(where, value, "a duration (90, 90s, 2m, 1h, 5d)", e);
        memcpy(member, &ms, sizeof(ms));
        break;
    case SWITCH:
        if (parse_switch(value, &on))
            return bad_value(where, value, "yes or no", e);
        memcpy(member, &on, sizeof(on));
        break;
    case COUNT:
        ++*(int *)(void *)member;
        break;
    }
    return 0;
}
