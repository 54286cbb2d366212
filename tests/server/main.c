/*
 * testserver: an SMTP server for tests, demonstrations and measurements. It listens on the
 * machine itself, delivers nothing anywhere, and misbehaves when told to. README.md beside this
 * file lists the options.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "cert.h"
#include "listen.h"

static void on_terminate(int signal)
{
    (void)signal;
    _exit(0);
}

static void on_lifetime(int signal)
{
    static const char message[] = "testserver: lifetime is over\n";
    ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);

    (void)signal;
    (void)written;
    _exit(1);
}

/* The hard stop is a timer of the kernel: no thread that is stuck can miss it. */
static void set_signals(unsigned long long lifetime_s)
{
    struct itimerval lifetime = {.it_value = {.tv_sec = (time_t)lifetime_s}};
    struct sigaction action = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_terminate;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_lifetime;
    sigaction(SIGALRM, &action, NULL);
    if (setitimer(ITIMER_REAL, &lifetime, NULL) < 0)
        die(71, "can't set the lifetime: %s", strerror(errno));
}

static void make_dir(const char *path)
{
    if (path != NULL && mkdir(path, 0755) < 0 && errno != EEXIST)
        die(73, "can't make '%s': %s", path, strerror(errno));
}

static struct script **load_scripts(const struct words *files)
{
    struct script **scripts = must_calloc(files->count + 1, sizeof(struct script *));

    for (size_t i = 0; i < files->count; i++)
        scripts[i] = script_load(files->v[i]);
    return scripts;
}

static void serve(const struct options *options)
{
    struct tally tally = {0};
    struct server server = {.options = options, .tally = &tally};
    struct listeners listeners;
    struct store store;
    struct tls tls;

    make_dir(options->transcript);
    make_dir(options->raw);
    server.tls = tls_load(&tls, options) ? &tls : NULL;
    server.scripts = load_scripts(&options->scripts);
    server.gsasl = scram_open(options);
    store_open(&store, options->maildir, options->sha256);
    server.store = &store;
    listeners_open(&listeners, options);
    listeners_announce(&listeners, options->ready);
    listeners_serve(&listeners, &server);
    listeners_close(&listeners);
    store_close(&store);
    for (size_t i = 0; i < options->scripts.count; i++)
        script_free(server.scripts[i]);
    free(server.scripts);
    scram_close(server.gsasl);
    if (server.tls != NULL)
        tls_unload(server.tls);
}

int main(int argc, char **argv)
{
    struct options options;

    options_parse(&options, argc, argv);
    set_signals(options.lifetime_s);
    if (options.make_cert != NULL)
        cert_make(options.make_cert);
    if (!options.make_cert_only)
        serve(&options);
    options_free(&options);
    return 0;
}
