#include "send/queue_task.h"

#include "conf/places.h"
#include "send/accounts.h"
#include "send/queue_edit.h"
#include "send/queue_list.h"

enum { PATH_MAX_BYTES = 4096 };

/* The queue, open, and what to do with it. */
struct task {
    struct settings settings;
    struct buf path;
    struct spool *spool; /* NULL: there is none */
    struct report *report;
};

/* The settings, and the place that they say. The queue is not made: there is nothing in it then. */
static int open_queue(struct task *task, const struct layers *layers, bool sendmail,
                      struct err *e)
{
    struct settings *s = &task->settings;
    const struct config_part *account;

    if (layers_merge(layers, NULL, s, e) || accounts_choose(layers, s, &account, e) < 0 ||
        (account && layers_merge(layers, account, s, e)))
        return -1;
    report_init(task->report, s->quiet, s->verbose);
    if (queue_path_find(&task->path, s->queue_dir, sendmail, e) ||
        spool_open(&task->spool, task->path.data, false, e)) {
        settings_blame(s, e);
        return err_at(e, STAGE_CONFIG);
    }
    return 0;
}

/* Those that were set aside, and what does not belong there. */
static int warn_of_damaged(const struct task *task, struct err *e)
{
    const struct sink sink = report_sink(task->report);
    size_t count = 0;

    if (task->spool && spool_damaged(task->spool, &count, e))
        return -1;
    if (count) {
        sink_say(&sink, EVENT_WARNING, STAGE_MESSAGE,
                 "not listed: %zu in damaged/ and queue/ of '%s', damaged or no messages",
                 count, task->path.data);
    }
    return 0;
}

/* What could not be listed: a warning for damage, which is kept as it is; the rest is an error. */
static void say_problems(const struct task *task, struct problems *problems, struct err *e)
{
    const struct sink sink = report_sink(task->report);
    size_t i;

    for (i = 0; i < problems->count; i++) {
        struct err *problem = &problems->at[i];

        if (problem->kind == ERR_DATA) {
            sink_say(&sink, EVENT_WARNING, STAGE_MESSAGE, "%s", problem->message);
        } else if (e->kind == ERR_NONE) {
            err_move(e, problem);
        } else {
            report_error(task->report, problem, NULL);
        }
    }
    if (problems->more) {
        sink_say(&sink, EVENT_WARNING, STAGE_MESSAGE, "and %zu more that can't be listed",
                 problems->more);
    }
}

static int list(const struct task *task, struct err *e)
{
    const struct queue_list list = {.spool = task->spool,
                                    .json = task->settings.report != NULL,
                                    .verbose = task->settings.verbose > 0};
    struct problems problems = {0};
    int status = queue_list_print(&list, &problems, e);

    say_problems(task, &problems, e);
    problems_release(&problems);
    return status || e->kind != ERR_NONE ? -1 : warn_of_damaged(task, e);
}

static int act(const struct task *task, struct err *e)
{
    const struct settings *s = &task->settings;

    if (s->queue_show)
        return queue_show(task->spool, s->queue_show, e);
    if (s->queue_delete)
        return queue_delete(task->spool, s->queue_delete, e);
    if (s->queue_hold)
        return queue_hold(task->spool, s->queue_hold, e);
    if (s->queue_release)
        return queue_release(task->spool, s->queue_release, e);
    return list(task, e);
}

int queue_task_run(const struct layers *layers, bool sendmail, struct report *report)
{
    struct task task = {.report = report};
    struct err e = ERR_INIT;
    int status = 0;

    buf_init(&task.path, PATH_MAX_BYTES);
    if (open_queue(&task, layers, sendmail, &e) || act(&task, &e)) {
        report_error(report, &e, NULL);
        status = err_exit_status(e.kind);
    }
    spool_close(task.spool);
    buf_release(&task.path);
    err_release(&e);
    return status;
}
