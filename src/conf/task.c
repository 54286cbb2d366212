#include "conf/task.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

bool task_is_sendmail(const char *name)
{
    static const char *const names[] = {"sendmail", "send-mail", "mailq", "newaliases"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return false;
}

/* sendmail's -b, whose value is one letter. */
static int choose_mode(struct task *task, const struct settings *s, struct err *e)
{
    const char *mode = s->mode;

    if (!strcmp(mode, "m"))
        task->kind = s->dry_run ? TASK_DRY_RUN : TASK_SEND;
    else if (!strcmp(mode, "v"))
        task->kind = TASK_DRY_RUN;
    else if (!strcmp(mode, "s") && s->dry_run)
        return err_set(e, ERR_USAGE, "-bs and --dry-run exclude each other");
    else if (!strcmp(mode, "s"))
        task->kind = TASK_SERVE;
    else if (!strcmp(mode, "p"))
        task->kind = TASK_LOOK_AFTER;
    else if (!strcmp(mode, "i"))
        task->kind = TASK_NOTHING;
    else {
        err_set(e, ERR_USAGE, "there is no mode -b%.20s here", mode);
        return err_hint(e, "this is no server: it sends, and ends");
    }
    return 0;
}

/* -q's value: a pause, or which messages sendmail is to take: here all. */
static int parse_interval(struct task *task, const char *value, struct err *e)
{
    if (!*value || strchr("fIQRS!", *value))
        return 0;
    task->due = true;
    task->interval_ms = text_duration(value);
    if (task->interval_ms >= 0)
        return 0;
    return err_set(e, ERR_USAGE, "-q: '%.20s' is no duration", value);
}

static int choose(struct task *task, const struct task_call *call, struct err *e)
{
    const struct settings *s = call->settings;

    if (s->help)
        task->kind = TASK_HELP;
    else if (s->version)
        task->kind = TASK_VERSION;
    else if (s->queue_retry)
        task->kind = TASK_RETRY;
    else if (s->queue_show || s->queue_delete || s->queue_hold || s->queue_release)
        task->kind = TASK_LOOK_AFTER;
    else if (s->mode)
        return choose_mode(task, s, e);
    else if (s->dry_run)
        task->kind = TASK_DRY_RUN;
    else if (!strcmp(call->name, "mailq"))
        task->kind = TASK_LOOK_AFTER;
    else if (!strcmp(call->name, "newaliases") || s->init_aliases)
        task->kind = TASK_NOTHING;
    else if (s->flush)
        task->kind = TASK_FLUSH;
    return task->kind == TASK_FLUSH ? parse_interval(task, s->flush, e) : 0;
}

/* The options of the command line that are about one message of the queue: how many, and the name
 * of the last. */
static size_t count_acts(const struct assignments *words, const char **name)
{
    const struct option_row *row;
    size_t i, count = 0;

    for (i = 0; i < words->count; i++) {
        row = words->at[i].origin.row;
        if (!row->setting && row->name[0] && !strcmp(row->group, "Queue")) {
            *name = row->name;
            count++;
        }
    }
    return count;
}

/* An option that is about a message that is given; those of sendmail's callers are borne with. */
static const struct option_row *find_stray(const struct assignments *words)
{
    const struct option_row *row;
    size_t i;

    for (i = 0; i < words->count; i++) {
        row = words->at[i].origin.row;
        if ((!strcmp(row->group, "Envelope") || !strcmp(row->group, "Message")) &&
            row->offset != offsetof(struct settings, domain) &&
            row->offset != offsetof(struct settings, ignore_dots))
            return row;
    }
    return NULL;
}

static int check_strays(const struct assignments *words, struct err *e)
{
    const struct option_row *row = find_stray(words);
    const char letter[] = {row ? row->letter : '\0', '\0'};

    if (!row)
        return 0;
    err_set(e, ERR_USAGE, "%s%s is of a message that is given, not of those in the queue",
            *row->name ? "--" : "-", *row->name ? row->name : letter);
    return err_hint(e, "what was asked for them is kept with them");
}

/* What is done with the queue is done alone, and sends no message but those in it. */
static int check_queue(const struct task *task, const struct task_call *call, struct err *e)
{
    const struct settings *s = call->settings;
    const char *act = NULL;
    const size_t acts = count_acts(call->words, &act);
    const bool flush = task->kind == TASK_FLUSH;
    const struct {
        const char *name;
        bool given;
    } others[] = {{"another such option", acts > 1},
                  {"-b", (acts || flush) && s->mode},
                  {"-q", !flush && s->flush},
                  {"-I", s->init_aliases},
                  {"-t", s->header_recipients},
                  {"--dry-run", s->dry_run},
                  {"--report", (acts || flush) && s->report},
                  {"a recipient", call->has_recipients}};
    size_t i;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (!others[i].given)
            continue;
        err_set(e, ERR_USAGE, "%s%s and %s exclude each other", acts ? "--" : "",
                acts    ? act
                : flush ? "-q"
                        : "-bp",
                others[i].name);
        return flush && call->has_recipients ? err_hint(e, "-q30m is one word") : -1;
    }
    return 0;
}

/* Options that would have no effect must not look as if they had. */
static int check(const struct task *task, const struct task_call *call, struct err *e)
{
    const struct settings *s = call->settings;

    switch (task->kind) {
    case TASK_FLUSH:
    case TASK_RETRY:
    case TASK_LOOK_AFTER:
        return check_queue(task, call, e) ||
                       (!task_is_sendmail(call->name) && check_strays(call->words, e))
                   ? -1
                   : 0;
    case TASK_HELP:
    case TASK_VERSION:
        return 0;
    case TASK_SEND:
    case TASK_DRY_RUN:
    case TASK_SERVE:
    case TASK_NOTHING:
        break;
    }
    if (s->flush)
        return err_set(e, ERR_USAGE,
                       "-q sends what is in the queue, and excludes anything else");
    return s->report ? err_set(e, ERR_USAGE, "--report is for -bp alone in this version") : 0;
}

int task_choose(struct task *task, const struct task_call *call, struct err *e)
{
    *task = (struct task){.kind = TASK_SEND};
    return choose(task, call, e) || check(task, call, e) ? err_at(e, STAGE_CONFIG) : 0;
}
