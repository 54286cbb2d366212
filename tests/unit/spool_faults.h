/* spool_faults.h: a program that includes this has the calls that change or open files itself, in
 * place of the C library's. They can be refused, one or all from one on; the process can be killed
 * before or after each; and they can be written down. For one source of a program only. */
#ifndef UNIT_SPOOL_FAULTS_H
#define UNIT_SPOOL_FAULTS_H

#include "spool_scene.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/syscall.h>

enum manner { NEVER, ONCE, FROM_THEN_ON, KILL_BEFORE, KILL_AFTER };

static struct {
    enum manner manner;
    int at, count; /* the call it happens at, and how many there were; from 1 */
    int sys;       /* errno */
} fault;

/* What changes a disk, in order, while tracing: "fsync envelope; rename; ..." */
static struct buf trace;
static bool tracing;

/* The last part of the name of what is open; ids and times, which differ, as words. */
static const char *name_of(int fd)
{
    static char target[256];
    char link[64], *name;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    name = strrchr(target, '/');
    name = name ? name + 1 : target;
    if (strlen(name) == QUEUE_ID_LENGTH)
        return "ID";
    if (!strncmp(name, "notice-", 7))
        return "notice-ID";
    return strlen(name) == QUEUE_ID_LENGTH + 9 ? "DUE-ID" : name;
}

static void note(const char *what, int fd, const char *between, int other)
{
    if (!tracing)
        return;
    buf_addf(&trace, "%s %s", what, name_of(fd));
    if (between)
        buf_addf(&trace, " %s %s", between, name_of(other));
    buf_addch(&trace, '\n');
}

static void set_fault(enum manner manner, int at, int sys)
{
    fault.manner = manner;
    fault.at = at;
    fault.count = 0;
    fault.sys = sys;
}

/* Whether this call is to fail. Like fault_after() not static: the C library may have declared
 * read() inline. */
bool fault_refuses(void)
{
    if (fault.manner == NEVER)
        return false;
    fault.count++;
    if (fault.manner == KILL_BEFORE && fault.count == fault.at)
        raise(SIGKILL);
    if ((fault.manner == ONCE && fault.count == fault.at) ||
        (fault.manner == FROM_THEN_ON && fault.count >= fault.at)) {
        errno = fault.sys;
        return true;
    }
    return false;
}

long fault_after(long value)
{
    if (fault.manner == KILL_AFTER && fault.count == fault.at)
        raise(SIGKILL);
    return value;
}

#define CALL(...) (fault_refuses() ? -1 : fault_after(syscall(__VA_ARGS__)))

int openat(int folder, const char *name, int flags, ...)
{
    va_list ap;
    mode_t mode = 0;

    va_start(ap, flags);
    if (flags & O_CREAT)
        mode = va_arg(ap, mode_t);
    va_end(ap);
    return (int)CALL(SYS_openat, folder, name, flags, mode);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    note("mkdir in", folder, NULL, -1);
    return (int)CALL(SYS_mkdirat, folder, name, mode);
}

int fchmod(int fd, mode_t mode)
{
    return (int)CALL(SYS_fchmod, fd, mode);
}

int flock(int fd, int operation)
{
    return (int)CALL(SYS_flock, fd, operation);
}

ssize_t write(int fd, const void *data, size_t len)
{
    note("write", fd, NULL, -1);
    return CALL(SYS_write, fd, data, len);
}

ssize_t read(int fd, void *data, size_t len)
{
    return CALL(SYS_read, fd, data, len);
}

int fsync(int fd)
{
    note("fsync", fd, NULL, -1);
    return (int)CALL(SYS_fsync, fd);
}

int renameat(int from, const char *name, int to, const char *new)
{
    note("rename from", from, "to", to);
    return (int)CALL(SYS_renameat2, from, name, to, new, 0);
}

int unlinkat(int folder, const char *name, int flags)
{
    note("unlink in", folder, NULL, -1);
    return (int)CALL(SYS_unlinkat, folder, name, flags);
}

#endif
