/* test_command.c: shell commands run for what they print. */
#include "tap.h"

#include "base/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct outcome {
    struct buf out;
    struct err e;
    int status;
};

static void run(struct outcome *o, const char *command, int64_t ms, size_t max)
{
    buf_init(&o->out, max);
    o->e = (struct err)ERR_INIT;
    o->status = command_output(command, "--password-command", deadline_in(ms), &o->out, &o->e);
}

static void finish(struct outcome *o)
{
    buf_release(&o->out);
    err_release(&o->e);
}

static void output(void)
{
    struct outcome o;

    run(&o, "printf 'a\\0b\\n'; printf c", 30000, 100);
    ok(o.status == 0 && o.e.kind == ERR_NONE, "a command that ends well");
    same_bytes(o.out.data, o.out.len, "a\0b\nc", 5, "what it printed");
    finish(&o);
    run(&o, "true", -1, 100);
    ok(o.status == 0 && o.out.len == 0, "one that prints nothing, without a deadline");
    finish(&o);
    run(&o, "cat; echo end", 30000, 100);
    ok(o.status == 0 && !strcmp(o.out.data, "end\n"), "its input is the null device");
    finish(&o);
    run(&o, "echo noise >&2; echo x", 30000, 100);
    ok(o.status == 0 && !strcmp(o.out.data, "x\n"), "stderr is no output");
    finish(&o);
    run(&o, "head -c 300000 /dev/zero", 30000, 100);
    ok(o.status == 0 && o.out.failed && o.out.len <= 100, "its output is bounded");
    finish(&o);
    run(&o, "printf 12345", 30000, 100);
    buf_addstr(&o.out, "6");
    ok(!strcmp(o.out.data, "123456"), "output can be added to");
    finish(&o);
    run(&o, "sleep 60 >/dev/null & echo x", 30000, 100);
    ok(o.status == 0 && !strcmp(o.out.data, "x\n"),
       "what it leaves in the background need not end, even with stderr open");
    finish(&o);
    signal(SIGPIPE, SIG_IGN);
    run(&o, "kill -PIPE $$; echo survived", 30000, 100);
    ok(o.status == -1 && strstr(o.e.message, "signal 13"), "SIGPIPE has its default again");
    signal(SIGPIPE, SIG_DFL);
    finish(&o);
}

static void failures(void)
{
    struct outcome o;

    run(&o, "echo first >&2; printf 'no \\033[31mkey\\n' >&2; exit 3", 30000, 100);
    ok(o.status == -1 && o.e.kind == ERR_NOPERM, "a command that fails");
    same_text(o.e.message,
              "the command of --password-command failed with status 3: no \\x1b[31mkey",
              "the status and the last line of stderr, escaped");
    finish(&o);
    run(&o, "exit 1", 30000, 100);
    same_text(o.e.message, "the command of --password-command failed with status 1",
              "one that fails without a word");
    finish(&o);
    run(&o, "/nonexistent/program", 30000, 100);
    ok(o.status == -1 && o.e.kind == ERR_NOPERM && strstr(o.e.message, "status 127"),
       "one that is not there");
    finish(&o);
    run(&o, "kill -9 $$", 30000, 100);
    ok(o.status == -1 && strstr(o.e.message, "killed by signal 9"), "one that is killed");
    finish(&o);
    run(&o, "yes 'a line of chatter' | head -n 2000 >&2; echo 'final words' >&2; exit 1", 30000,
        100);
    ok(o.status == -1 && strstr(o.e.message, ": final words"),
       "the end of stderr is told, however much came before");
    finish(&o);
    run(&o, "printf '%2000s' x >&2; exit 1", 30000, 100);
    ok(o.status == -1 && strlen(o.e.message) < 400, "a long line of stderr is cut");
    finish(&o);
}

static bool is_gone(pid_t pid)
{
    struct timespec nap = {0, 10000000};
    int i;

    for (i = 0; i < 1000; i++) {
        char path[64], state[256] = "";
        FILE *f;

        if (kill(pid, 0) && errno == ESRCH)
            return true;
        /* A zombie is waiting for init, which may not be in a hurry. */
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        f = fopen(path, "r");
        if (!f)
            return true;
        if (!fgets(state, sizeof(state), f))
            state[0] = '\0';
        fclose(f);
        if (strstr(state, ") Z"))
            return true;
        nanosleep(&nap, NULL);
    }
    return false;
}

static void deadlines(void)
{
    struct outcome o;
    pid_t pid;

    run(&o, "echo early; sleep 60", 300, 100);
    ok(o.status == -1 && o.e.kind == ERR_NOPERM && strstr(o.e.message, "did not end in time"),
       "a command that runs past the deadline");
    finish(&o);
    run(&o, "sleep 60 & echo $!; wait", 300, 100);
    pid = (pid_t)strtol(o.out.data, NULL, 10);
    ok(o.status == -1 && pid > 0, "another, that has started a second one");
    ok(pid > 0 && is_gone(pid), "which is killed with it");
    finish(&o);
    run(&o, "exec >&-; sleep 60", 300, 100);
    ok(o.status == -1 && strstr(o.e.message, "did not end in time"),
       "one that closes its output and does not end");
    finish(&o);
    run(&o, "exec >&-; sleep 0.2; exit 4", 30000, 100);
    ok(o.status == -1 && strstr(o.e.message, "status 4"), "or ends a little later");
    finish(&o);
    /* More than a pipe holds, after the end of its output. */
    run(&o, "echo x; exec >&-; head -c 300000 /dev/zero >&2", 5000, 100);
    ok(o.status == 0 && !strcmp(o.out.data, "x\n"),
       "one that closes its output and goes on to chatter on stderr");
    finish(&o);
    run(&o, "trap '' TERM HUP INT; yes", 300, 100);
    ok(o.status == -1 && strstr(o.e.message, "did not end in time"), "one that never stops");
    finish(&o);
    run(&o, "echo x", 0, 100);
    ok(o.status == 0 || strstr(o.e.message, "did not end in time"), "no time at all");
    finish(&o);
}

int main(void)
{
    output();
    failures();
    deadlines();
    return tap_end();
}
