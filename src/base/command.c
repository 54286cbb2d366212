#include "base/command.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { OUT, ERR, PIPES, STDERR_MAX = 8192, STDERR_SHOWN = 200, NAP_MS = 10 };

/* Attributes of the child: a group of its own (so that all of it can be killed), the signals of
 * a new program. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, dfl;

    sigemptyset(&none);
    sigemptyset(&dfl);
    sigaddset(&dfl, SIGPIPE);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF) ||
           posix_spawnattr_setpgroup(attributes, 0) ||
           posix_spawnattr_setsigmask(attributes, &none) ||
           posix_spawnattr_setsigdefault(attributes, &dfl);
}

static int start(const char *command, int pipes[PIPES][2], pid_t *pid)
{
    char *argv[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[OUT][1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[ERR][1], STDERR_FILENO);
    code = set_attributes(&attributes);
    if (!code)
        code = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Read one pipe into BUF; past its maximum the rest is read and dropped. False at its end. */
static bool take(int fd, struct buf *buf)
{
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    /* Of a stream that is only quoted the end is worth more than the beginning. */
    if (n > 0 && buf->max == STDERR_MAX && buf->len + (size_t)n > buf->max)
        buf_clear(buf);
    if (n > 0)
        buf_add(buf, bytes, (size_t)n);
    explicit_bzero(bytes, sizeof(bytes));
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Take what the command says on both pipes until it has ended and they are empty: something that
 * it leaves running in the background may hold them open. -1 when the deadline comes first. */
static int collect(pid_t pid, int pipes[PIPES][2], struct deadline deadline, struct buf *out,
                   struct buf *said, int *status)
{
    struct pollfd fds[PIPES] = {{.fd = pipes[OUT][0], .events = POLLIN},
                                {.fd = pipes[ERR][0], .events = POLLIN}};
    bool ended = false;
    int n;

    for (;;) {
        n = poll(fds, PIPES, ended ? 0 : NAP_MS);
        if (n > 0 && fds[OUT].revents && !take(fds[OUT].fd, out))
            fds[OUT].fd = -1;
        if (n > 0 && fds[ERR].revents && !take(fds[ERR].fd, said))
            fds[ERR].fd = -1;
        if (ended && (n == 0 || (fds[OUT].fd < 0 && fds[ERR].fd < 0)))
            return 0;
        if (deadline_passed(deadline))
            return -1;
        ended = ended || waitpid(pid, status, WNOHANG) == pid;
    }
}

/* The last line that the command wrote to stderr, escaped. */
static void last_line(const struct buf *said, struct buf *shown)
{
    size_t end = said->len, begin;

    while (end && said->data[end - 1] == '\n')
        end--;
    begin = end;
    while (begin && said->data[begin - 1] != '\n' && end - begin < STDERR_SHOWN)
        begin--;
    text_escape(shown, said->data + begin, end - begin);
}

static int judge(const char *what, int status, const struct buf *said, struct err *e)
{
    struct buf shown;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    buf_init(&shown, 1024);
    last_line(said, &shown);
    if (WIFSIGNALED(status))
        err_set(e, ERR_NOPERM, "the command of %s was killed by signal %d%s%s", what,
                WTERMSIG(status), shown.len ? ": " : "", shown.data);
    else
        err_set(e, ERR_NOPERM, "the command of %s failed with status %d%s%s", what,
                WEXITSTATUS(status), shown.len ? ": " : "", shown.data);
    buf_release(&shown);
    return -1;
}

static int run(const char *command, const char *what, int pipes[PIPES][2],
               struct deadline deadline, struct buf *out, struct err *e)
{
    struct buf said;
    pid_t pid;
    int status = 0, code = start(command, pipes, &pid);

    close(pipes[OUT][1]);
    close(pipes[ERR][1]);
    if (code)
        return err_system(e, ERR_OS, code, "can't run the command of %s", what);
    buf_init(&said, STDERR_MAX);
    if (collect(pid, pipes, deadline, out, &said, &status)) {
        kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        code = err_set(e, ERR_NOPERM, "the command of %s did not end in time", what);
    } else {
        code = judge(what, status, &said, e);
    }
    buf_release(&said);
    return code;
}

int command_output(const char *command, const char *what, struct deadline deadline,
                   struct buf *out, struct err *e)
{
    int pipes[PIPES][2];
    int status;

    if (pipe2(pipes[OUT], O_CLOEXEC))
        return err_system(e, ERR_OS, errno, "pipe");
    if (pipe2(pipes[ERR], O_CLOEXEC)) {
        err_system(e, ERR_OS, errno, "pipe");
        close(pipes[OUT][0]);
        close(pipes[OUT][1]);
        return -1;
    }
    status = run(command, what, pipes, deadline, out, e);
    close(pipes[OUT][0]);
    close(pipes[ERR][0]);
    return status;
}
