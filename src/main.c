/* main.c: the name it was called by, the settings, one run, the only exit status. */
#include "base/text.h"
#include "conf/options.h"
#include "conf/password.h"
#include "conf/places.h"
#include "send/accounts.h"
#include "send/flush.h"
#include "send/run.h"
#include "send/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_MAX = 16384 };

/* What a run is to do. */
enum task {
    TASK_SEND,
    TASK_DRY_RUN,
    TASK_SERVE,
    TASK_FLUSH,
    TASK_HELP,
    TASK_VERSION,
    TASK_LIST_QUEUE,
    TASK_NOTHING
};

struct program {
    const char *name; /* as it was called */
    bool sendmail;    /* by one of sendmail's names */
    struct layers layers;
    char **recipients;
    struct settings settings; /* without the config */
    struct report report;
    struct flush_request flush; /* of TASK_FLUSH */
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

static bool is_sendmail(const char *name)
{
    static const char *const names[] = {"sendmail", "send-mail", "mailq", "newaliases"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return false;
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

/* sendmail's -b, whose value is one letter. -1 where there is no such mode here. */
static int mode_task(struct program *p, enum task *task, struct err *e)
{
    const char *mode = p->settings.mode;
    bool dry_run = p->settings.dry_run;

    if (!strcmp(mode, "m")) {
        *task = dry_run ? TASK_DRY_RUN : TASK_SEND;
    } else if (!strcmp(mode, "v")) {
        *task = TASK_DRY_RUN;
    } else if (!strcmp(mode, "s") && dry_run) {
        err_set(e, ERR_USAGE, "-bs and --dry-run exclude each other");
        return err_at(e, STAGE_CONFIG);
    } else if (!strcmp(mode, "s")) {
        *task = TASK_SERVE;
    } else if (!strcmp(mode, "p")) {
        *task = TASK_LIST_QUEUE;
    } else if (!strcmp(mode, "i")) {
        *task = TASK_NOTHING;
    } else {
        err_set(e, ERR_USAGE, "there is no mode -b%.20s here", mode);
        err_hint(e, "this is no server: it sends, and ends");
        return err_at(e, STAGE_CONFIG);
    }
    return 0;
}

/* -q's value: a pause, or which messages sendmail is to take: here all. -1 where it is neither. */
static int flush_interval(const char *value, int64_t *ms, struct err *e)
{
    *ms = 0;
    if (!*value || strchr("fIQRS!", *value))
        return 0;
    *ms = text_duration(value);
    if (*ms > 0)
        return 0;
    err_set(e, ERR_USAGE, "-q: '%.20s' is no duration", value);
    return err_at(e, STAGE_CONFIG);
}

static int flush_task(struct program *p, enum task *task, struct err *e)
{
    const struct settings *s = &p->settings;
    struct flush_request *flush = &p->flush;

    *flush = (struct flush_request){.layers = &p->layers,
                                    .sendmail = p->sendmail,
                                    .what = s->queue_retry ? FLUSH_ONE : FLUSH_ALL,
                                    .id = s->queue_retry};
    *task = TASK_FLUSH;
    if (s->flush && flush_interval(s->flush, &flush->interval_ms, e))
        return -1;
    if (!*p->recipients)
        return 0;
    err_set(e, ERR_USAGE, "%s takes no recipients", s->queue_retry ? "--queue-retry" : "-q");
    err_hint(e, "it sends what is in the queue; write -q30m as one word");
    return err_at(e, STAGE_CONFIG);
}

static int choose_task(struct program *p, enum task *task, struct err *e)
{
    const struct settings *s = &p->settings;

    *task = TASK_SEND;
    if (s->help)
        *task = TASK_HELP;
    else if (s->version)
        *task = TASK_VERSION;
    else if (s->mode)
        return mode_task(p, task, e);
    else if (s->dry_run)
        *task = TASK_DRY_RUN;
    else if (!strcmp(p->name, "mailq"))
        *task = TASK_LIST_QUEUE;
    else if (!strcmp(p->name, "newaliases") || s->init_aliases)
        *task = TASK_NOTHING;
    else if (s->flush || s->queue_retry)
        return flush_task(p, task, e);
    return 0;
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
    struct err e = ERR_INIT;
    int status;

    if (!*p->recipients)
        return serve_run(&p->layers, STDIN_FILENO, STDOUT_FILENO, &p->report);
    err_set(&e, ERR_USAGE, "-bs takes its recipients from the client, not as arguments");
    err_at(&e, STAGE_CONFIG);
    report_error(&p->report, &e, NULL);
    status = err_exit_status(e.kind);
    err_release(&e);
    return status;
}

/* Read the config, then do what is to be done with it. */
static int use_config(struct program *p, enum task task)
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
    if (!status && task == TASK_FLUSH)
        status = flush_run(&p->flush, &p->report);
    else if (!status)
        status = task == TASK_SERVE ? serve(p) : send_message(p, task == TASK_DRY_RUN);
    config_paths_release(&paths);
    return status;
}

static int perform(struct program *p, enum task task, struct err *e)
{
    switch (task) {
    case TASK_SEND:
    case TASK_DRY_RUN:
    case TASK_SERVE:
    case TASK_FLUSH:
        return use_config(p, task);
    case TASK_HELP:
        return print_help(e);
    case TASK_VERSION:
        return print_text("smtpsend " SMTPSEND_VERSION "\n", e);
    case TASK_LIST_QUEUE:
        return print_text("Mail queue is empty\n", e);
    case TASK_NOTHING:
        return 0;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct program p = {.name = base_name(argc ? argv[0] : NULL)};
    struct err e = ERR_INIT;
    enum task task;
    int status = 0;

    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    p.sendmail = is_sendmail(p.name);
    if (!read_settings(&p, argc, argv, &e) && !choose_task(&p, &task, &e)) {
        report_init(&p.report, p.settings.quiet, p.settings.verbose);
        status = perform(&p, task, &e);
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
