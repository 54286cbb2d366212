/* main.c: the name it was called by, the settings, one run, the only exit status. */
#include "conf/options.h"
#include "conf/password.h"
#include "send/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_MAX = 16384 };

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

static int print_version(struct err *e)
{
    static const char text[] = "smtpsend " SMTPSEND_VERSION "\n";

    return report_print(text, strlen(text), e);
}

static int read_settings(int argc, char **argv, struct settings *settings, char ***recipients,
                         struct secret **password, struct err *e)
{
    struct err unsaid = ERR_INIT;
    int environment;

    settings_init(settings);
    if (password_from_environment(password, e))
        return -1;
    environment = environment_read(settings, e);
    if (!environment)
        return options_read(argc, argv, settings, recipients, e);
    /* Whoever asks for help gets it, whatever the environment holds. */
    if (options_read(argc, argv, settings, recipients, &unsaid) ||
        !(settings->help || settings->version))
        environment = -1;
    else
        err_release(e);
    err_release(&unsaid);
    return e->kind == ERR_NONE ? 0 : environment;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct report report;
    struct err e = ERR_INIT;
    struct secret *password = NULL;
    char **recipients = NULL;
    int status = 0;

    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (read_settings(argc, argv, &settings, &recipients, &password, &e)) {
        report_init(&report, settings.quiet, 0);
        report_error(&report, &e, NULL);
        status = err_exit_status(e.kind);
    } else {
        report_init(&report, settings.quiet, settings.verbose);
        if (settings.help)
            print_help(&e);
        else if (settings.version)
            print_version(&e);
        else
            status = run_send(&settings, recipients, STDIN_FILENO, &password, &report);
        if (e.kind != ERR_NONE) {
            report_error(&report, &e, NULL);
            status = err_exit_status(e.kind);
        }
    }
    secret_free(password);
    free(recipients);
    err_release(&e);
    return status;
}
