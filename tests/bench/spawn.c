/*
 * spawn: runs a command and says what it took. Small, since a child's peak of memory starts with
 * that of the program which made it.
 *
 *   spawn COUNT INPUT COMMAND [ARGUMENT...]
 *
 * Runs COMMAND, an absolute path, COUNT times, one after another, with the file INPUT on standard
 * input and standard output on /dev/null. Prints the time in ns, the largest peak of memory in
 * KiB, the time in user and in system mode in us, and how many runs failed.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long micros(const struct timeval *t)
{
    return t->tv_sec * 1000000LL + t->tv_usec;
}

/* Whether the command failed. */
static int run_once(char **command)
{
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        execve(command[0], command, environ);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        err(71, "vfork");
    return status != 0;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int in, null, out, i, failed = 0;
    long long begun;

    if (argc < 4)
        errx(64, "usage: spawn COUNT INPUT COMMAND...");
    in = open(argv[2], O_RDONLY | O_CLOEXEC);
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (in < 0 || null < 0)
        err(66, "%s", argv[2]);
    out = dup(1);
    fcntl(out, F_SETFD, FD_CLOEXEC);
    dup2(in, 0);
    dup2(null, 1);
    begun = now();
    for (i = 0; i < atoi(argv[1]); i++) {
        lseek(0, 0, SEEK_SET);
        failed += run_once(argv + 3);
    }
    begun = now() - begun;
    getrusage(RUSAGE_CHILDREN, &used);
    dprintf(out, "%lld %ld %lld %lld %d\n", begun, used.ru_maxrss, micros(&used.ru_utime),
            micros(&used.ru_stime), failed);
    return 0;
}
