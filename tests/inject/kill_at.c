/* kill_at.c: a command, killed at one of its system calls.
 *
 *   kill_at N -- COMMAND [ARGUMENT...]        SIGKILL at point N: exit status 137. Where it ends
 *                                             before, its own status (128 + N for a signal N)
 *   kill_at --count -- COMMAND [ARGUMENT...]  prints how many points a run has, in place of what
 *                                             the command has to say on standard output
 *
 * Each system call has two points: one where it has not had its effect, and one where it has,
 * which the command doesn't live to see. They count from 1, from what comes after exec; those of
 * its threads and children count too, and all of these are killed and gone when kill_at ends. It
 * uses no registers, so it works on any Linux that has ptrace(2). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TRACEES_MOST = 64,
    KILLED = 128 + SIGKILL,
    USAGE = 64,
    NO_PTRACE = 71,
    SYSCALL_STOP = SIGTRAP | 0x80 /* what PTRACE_O_TRACESYSGOOD makes of one */
};

/* The processes and threads that are alive. */
static pid_t tracees[TRACEES_MOST];
static size_t count;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
    exit(NO_PTRACE);
}

static void meet(pid_t pid)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (tracees[i] == pid)
            return;
    if (count == TRACEES_MOST) {
        errno = ENOMEM;
        die("too many processes");
    }
    tracees[count++] = pid;
}

static void forget(pid_t pid)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (tracees[i] == pid)
            tracees[i--] = tracees[--count];
}

static void kill_all(void)
{
    size_t i;

    for (i = 0; i < count; i++)
        kill(tracees[i], SIGKILL);
}

/* Starts the command; it waits behind its exec. */
static pid_t start(char **command, int quiet)
{
    int status, null;
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (!pid) {
        null = quiet ? open("/dev/null", O_WRONLY) : -1;
        if (null >= 0)
            dup2(null, STDOUT_FILENO);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
            die("ptrace");
        execvp(command[0], command);
        fprintf(stderr, "kill_at: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid)
        die("waitpid");
    if (WIFEXITED(status))
        exit(WEXITSTATUS(status));
    if (!WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, pid, NULL,
               (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |
                        PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)))
        die("ptrace");
    return pid;
}

/* Lets a tracee that stopped go on, with the signal that stopped it, if one did: ptrace's own
 * events come as SIGTRAP, new tracees with SIGSTOP. */
static void go_on(pid_t pid, int status)
{
    int sig = WSTOPSIG(status);
    long passed = sig == SYSCALL_STOP || sig == SIGTRAP || sig == SIGSTOP ? 0 : sig;

    if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)passed) && errno != ESRCH)
        die("ptrace");
}

/* Runs the command to its end, or to point AT (0: none); *POINTS is how many it came to. Its
 * status. */
static int run(pid_t command, long at, long *points)
{
    int status, end = 0;
    pid_t pid;

    meet(command);
    if (ptrace(PTRACE_SYSCALL, command, NULL, NULL))
        die("ptrace");
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid < 0)
            continue;
        if (!WIFSTOPPED(status)) {
            forget(pid);
            if (pid == command)
                end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        meet(pid);
        *points += WSTOPSIG(status) == SYSCALL_STOP;
        if (at && *points >= at)
            kill_all();
        else
            go_on(pid, status);
    }
    return at && *points >= at ? KILLED : end;
}

int main(int argc, char **argv)
{
    int counting = argc > 1 && !strcmp(argv[1], "--count"), status;
    char *end = NULL;
    long at = argc > 1 && !counting ? strtol(argv[1], &end, 10) : 0, points = 0;

    if (argc < 4 || strcmp(argv[2], "--") || (!counting && (*end || at < 1))) {
        fprintf(stderr, "usage: kill_at N|--count -- COMMAND [ARGUMENT...]\n");
        return USAGE;
    }
    status = run(start(argv + 3, counting), at, &points);
    if (counting)
        printf("%ld\n", points);
    return status;
}
