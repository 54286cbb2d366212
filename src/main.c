/* main.c: the name it was called by, the settings, one run, the only exit status. */
#include "conf/options.h"
#include "conf/password.h"
#include "conf/places.h"
#include "conf/task.h"
#include "send/accounts.h"
#include "send/flush.h"
#include "send/queue_task.h"
#include "send/run.h"
#include "send/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_MAX = 16384 };

struct program {
    const char *name; /* as it was called */
    bool sendmail;    /* by one of sendmail's names */
    struct layers layers;
    char **recipients;
    struct settings settings; /* without the config */
    struct report report;
};

/* A descriptor that is closed at start would be given to the next file or socket, and what is
 * meant for stderr would go into it. */
static void open_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path ? path : "";
}

static int print_help(struct err *e)
{
    struct buf text;
    int status;

    buf_init(&text, USAGE_MAX);
    options_usage(&text);
    status = report_print(text.data, text.len, e);
    buf_release(&text);
    return status;
}

static int print_text(const char *text, struct err *e)
{
    return report_print(text, strlen(text), e);
}

/* Command line and environment. Whoever asks for help gets it, whatever the environment holds. */
static int read_settings(struct program *p, int argc, char **argv, struct err *e)
{
    struct layers words_alone = {0};
    struct settings *s = &p->settings;
    struct err unsaid = ERR_INIT;
    int status;

    settings_init(s);
    if (password_from_environment(&p->layers.password, e) ||
        options_read(argc, argv, p->sendmail, &p->layers.words, &p->recipients, e) ||
        environment_read(&p->layers.variables, e))
        return -1;
    status = layers_merge(&p->layers, NULL, s, e);
    if (!status)
        return 0;
    words_alone.words = p->layers.words;
    if (layers_merge(&words_alone, NULL, s, &unsaid) || !(s->help || s->version))
        err_release(&unsaid);
    else
        err_release(e);
    return e->kind == ERR_NONE ? 0 : -1;
}

/* Say all that is wrong in the config. The exit status, 0 where nothing is. */
static int say_problems(const struct program *p, const struct problems *problems)
{
    struct err e = ERR_INIT;
    size_t i;

    for (i = 0; i < problems->count; i++)
        report_error(&p->report, &problems->at[i], NULL);
    if (problems->more) {
        err_set(&e, ERR_CONFIG, "and %zu more errors", problems->more);
        err_at(&e, STAGE_CONFIG);
        report_error(&p->report, &e, NULL);
        err_release(&e);
    }
    return problems->count ? err_exit_status(problems->at[0].kind) : 0;
}

static int send_message(struct program *p, bool dry_run)
{
    const struct run_request request = {.layers = &p->layers,
                                        .recipients = p->recipients,
                                        .input = STDIN_FILENO,
                                        .sendmail = p->sendmail,
                                        .dry_run = dry_run};

    return run_send(&request, &p->report);
}

/* The client names sender and recipients. */
static int serve(struct program *p)
{
    const struct serve_request request = {.layers = &p->layers,
                                          .in = STDIN_FILENO,
                                          .out = STDOUT_FILENO,
                                          .sendmail = p->sendmail};
    struct err e = ERR_INIT;
    int status;

    if (!*p->recipients)
        return serve_run(&request, &p->report);
    err_set(&e, ERR_USAGE, "-bs takes its recipients from the client, not as arguments");
    err_at(&e, STAGE_CONFIG);
    report_error(&p->report, &e, NULL);
    status = err_exit_status(e.kind);
    err_release(&e);
    return status;
}

static int flush(struct program *p, const struct task *task)
{
    const struct flush_request request = {.layers = &p->layers,
                                          .sendmail = p->sendmail,
                                          .id = p->settings.queue_retry,
                                          .due = task->due,
                                          .interval_ms = task->interval_ms};

    return flush_run(&request, &p->report);
}

static int do_task(struct program *p, const struct task *task)
{
    switch (task->kind) {
    case TASK_SEND:
    case TASK_DRY_RUN:
        return send_message(p, task->kind == TASK_DRY_RUN);
    case TASK_SERVE:
        return serve(p);
    case TASK_FLUSH:
    case TASK_RETRY:
        return flush(p, task);
    case TASK_LOOK_AFTER:
        return queue_task_run(&p->layers, p->sendmail, &p->report);
    case TASK_HELP:
    case TASK_VERSION:
    case TASK_NOTHING:
        break;
    }
    return 0;
}

/* Read the config, then do what is to be done with it. */
static int use_config(struct program *p, const struct task *task)
{
    struct problems problems = {0};
    struct config_paths paths;
    int status;

    /* What called sendmail does not choose the config. */
    config_paths_find(&paths, p->sendmail ? NULL : p->settings.config, p->sendmail);
    config_read(&p->layers.config, &paths.places, &problems);
    accounts_check(&p->layers, &problems);
    status = say_problems(p, &problems);
    problems_release(&problems);
    if (!status)
        status = do_task(p, task);
    config_paths_release(&paths);
    return status;
}

static int perform(struct program *p, const struct task *task, struct err *e)
{
    if (task->kind == TASK_HELP)
        return print_help(e);
    if (task->kind == TASK_VERSION)
        return print_text("smtpsend " SMTPSEND_VERSION "\n", e);
    return task->kind == TASK_NOTHING ? 0 : use_config(p, task);
}

static int choose_task(const struct program *p, struct task *task, struct err *e)
{
    const struct task_call call = {.name = p->name,
                                   .words = &p->layers.words,
                                   .settings = &p->settings,
                                   .has_recipients = *p->recipients != NULL};

    return task_choose(task, &call, e);
}

int main(int argc, char **argv)
{
    struct program p = {.name = base_name(argc ? argv[0] : NULL)};
    struct err e = ERR_INIT;
    struct task task;
    int status = 0;

    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    p.sendmail = task_is_sendmail(p.name);
    if (!read_settings(&p, argc, argv, &e) && !choose_task(&p, &task, &e)) {
        report_init(&p.report, p.settings.quiet, p.settings.verbose);
        status = perform(&p, &task, &e);
    } else {
        report_init(&p.report, p.settings.quiet, 0);
    }
    if (e.kind != ERR_NONE) {
        report_error(&p.report, &e, NULL);
        status = err_exit_status(e.kind);
    }
    layers_release(&p.layers);
    free(p.recipients);
    err_release(&e);
    return status;
}
