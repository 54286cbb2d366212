/* fault.c: a library for LD_PRELOAD that refuses one of a program's calls, or notes them all.
 *
 * Calls count, from 1, that open, read, write, sync, rename, make or delete something in or below
 * one folder; what is elsewhere is left alone. By the environment:
 *
 *   FAULT_UNDER=PATH     the folder: absolute, without links; it need not be there yet
 *   FAULT_AT=N           the N-th call fails
 *   FAULT_LASTING=1      and all calls of its kind after it too, as on a disk that stays full
 *   FAULT_ERRNO=NAME     with this: ENOSPC, EIO, EDQUOT or EMFILE; only calls count that can fail
 *                        so: EMFILE is for those that open; to read and to delete takes no space
 *   FAULT_LOG=FILE       a line for each is added there: "fsync queue", "rename tmp/a queue/b",
 *                        paths as from the folder, and " = EIO" behind those that were refused;
 *                        last "exit STATUS"
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct {
    const char *name;
    int value;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE}};

static const char *under, *error_name, *log_path;
static size_t under_length;
static long at;
static bool lasting;
static int error;
static atomic_long count;
static const char *refused_kind; /* of the call that was refused first */

/* A path is kept with this much room; longer ones are cut short. */
struct path {
    char text[PATH_MAX];
};

/* ---- the log ---- */

/* By the system calls themselves: this must not be refused. */
static void note(const char *line, size_t length)
{
    long fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                      0600);

    if (fd < 0 || syscall(SYS_write, fd, line, length) != (long)length)
        abort();
    syscall(SYS_close, fd);
}

static const char *from_folder(const struct path *path)
{
    const char *rest = path->text + under_length;

    return *rest == '/' ? rest + 1 : ".";
}

static void note_call(const char *kind, const struct path *path, const struct path *other,
                      bool refused)
{
    static _Thread_local char line[2 * PATH_MAX + 64];
    int length = snprintf(line, sizeof(line), "%s %s%s%s%s%s\n", kind, from_folder(path),
                          other ? " " : "", other ? from_folder(other) : "",
                          refused ? " = " : "", refused ? error_name : "");

    note(line, (size_t)length);
}

static void note_exit(int status, void *unused)
{
    char line[32];

    (void)unused;
    note(line, (size_t)snprintf(line, sizeof(line), "exit %d\n", status));
}

__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("FAULT_AT");
    size_t i;

    under = getenv("FAULT_UNDER");
    under_length = under ? strlen(under) : 0;
    at = number ? strtol(number, NULL, 10) : 0;
    lasting = getenv("FAULT_LASTING") != NULL;
    error_name = getenv("FAULT_ERRNO");
    for (i = 0; error_name && i < sizeof(errors) / sizeof(errors[0]); i++)
        if (!strcmp(error_name, errors[i].name))
            error = errors[i].value;
    log_path = getenv("FAULT_LOG");
    if (!under || (at && !error) || (log_path && on_exit(note_exit, NULL))) {
        fprintf(stderr, "fault.so: FAULT_UNDER and FAULT_ERRNO are needed\n");
        _exit(64);
    }
}

/* ---- what a call is about ---- */

static void path_of_fd(int fd, struct path *path)
{
    char link[32];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path->text, sizeof(path->text) - 1);
    path->text[n > 0 ? n : 0] = '\0';
}

static void path_of_name(int folder, const char *name, struct path *path)
{
    size_t n;

    path->text[0] = '\0';
    if (*name != '/' && folder == AT_FDCWD && !getcwd(path->text, sizeof(path->text)))
        return;
    if (*name != '/' && folder != AT_FDCWD)
        path_of_fd(folder, path);
    n = strlen(path->text);
    if (strcmp(name, ".") != 0)
        snprintf(path->text + n, sizeof(path->text) - n, "%s%s", *name == '/' ? "" : "/", name);
}

static bool is_under(const struct path *path)
{
    return !strncmp(path->text, under, under_length) &&
           (path->text[under_length] == '\0' || path->text[under_length] == '/');
}

/* Whether calls of that kind fail so. */
static bool is_possible(const char *kind)
{
    if (error == EMFILE)
        return !strcmp(kind, "open");
    return error == EIO || (strcmp(kind, "read") != 0 && strcmp(kind, "unlink") != 0);
}

/* Counts a call of that kind; whether it is to fail, with errno. OTHER: or NULL. */
static bool refused(const char *kind, const struct path *path, const struct path *other)
{
    bool refuse;
    long n;
    int sys = errno;

    if ((at && !is_possible(kind)) || (!is_under(path) && !(other && is_under(other))))
        return false;
    n = atomic_fetch_add(&count, 1) + 1;
    if (n == at)
        refused_kind = kind;
    refuse = n == at || (lasting && at && n > at && !strcmp(kind, refused_kind));
    if (log_path)
        note_call(kind, path, other, refuse);
    errno = refuse ? error : sys;
    return refuse;
}

static bool fd_refused(const char *kind, int fd)
{
    struct path path;

    path_of_fd(fd, &path);
    return refused(kind, &path, NULL);
}

static bool name_refused(const char *kind, int folder, const char *name)
{
    struct path path;

    path_of_name(folder, name, &path);
    return refused(kind, &path, NULL);
}

/* ---- the calls ---- */

static void find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    memcpy(function, &found, sizeof(found));
}

/* next: the C library's function of that name. */
#define NEXT(name)                                                                             \
    static __typeof__(&name) next;                                                             \
    if (!next)                                                                                 \
    find(#name, &next)

static int open_it(int folder, const char *name, int flags, mode_t mode)
{
    NEXT(openat);
    return name_refused("open", folder, name) ? -1 : next(folder, name, flags, mode);
}

/* The mode that comes with these flags, if one does. */
#define MODE(mode, flags)                                                                      \
    do {                                                                                       \
        va_list ap;                                                                            \
        va_start(ap, flags);                                                                   \
        if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE)                             \
            mode = va_arg(ap, mode_t);                                                         \
        va_end(ap);                                                                            \
    } while (0)

int open(const char *name, int flags, ...)
{
    mode_t mode = 0;

    MODE(mode, flags);
    return open_it(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...)
{
    mode_t mode = 0;

    MODE(mode, flags);
    return open_it(folder, name, flags, mode);
}

int creat(const char *name, mode_t mode)
{
    return open_it(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

ssize_t read(int fd, void *data, size_t size)
{
    NEXT(read);
    return fd_refused("read", fd) ? -1 : next(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    NEXT(pread);
    return fd_refused("read", fd) ? -1 : next(fd, data, size, offset);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
    NEXT(sendfile);
    return fd_refused("read", in) ? -1 : next(out, in, offset, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(write);
    return fd_refused("write", fd) ? -1 : next(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int many)
{
    NEXT(writev);
    return fd_refused("write", fd) ? -1 : next(fd, parts, many);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    NEXT(pwrite);
    return fd_refused("write", fd) ? -1 : next(fd, data, size, offset);
}

int ftruncate(int fd, off_t size)
{
    NEXT(ftruncate);
    return fd_refused("truncate", fd) ? -1 : next(fd, size);
}

int fsync(int fd)
{
    NEXT(fsync);
    return fd_refused("fsync", fd) ? -1 : next(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync);
    return fd_refused("fsync", fd) ? -1 : next(fd);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    NEXT(mkdirat);
    return name_refused("mkdir", folder, name) ? -1 : next(folder, name, mode);
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

int unlinkat(int folder, const char *name, int flags)
{
    NEXT(unlinkat);
    return name_refused("unlink", folder, name) ? -1 : next(folder, name, flags);
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

static bool rename_refused(int from, const char *name, int to, const char *new)
{
    struct path path, other;

    path_of_name(from, name, &path);
    path_of_name(to, new, &other);
    return refused("rename", &path, &other);
}

int renameat(int from, const char *name, int to, const char *new)
{
    NEXT(renameat);
    return rename_refused(from, name, to, new) ? -1 : next(from, name, to, new);
}

int rename(const char *name, const char *new)
{
    return renameat(AT_FDCWD, name, AT_FDCWD, new);
}

int linkat(int from, const char *name, int to, const char *new, int flags)
{
    NEXT(linkat);
    return name_refused("link", to, new) ? -1 : next(from, name, to, new, flags);
}

int link(const char *name, const char *new)
{
    return linkat(AT_FDCWD, name, AT_FDCWD, new, 0);
}

#ifdef __GLIBC__
/* Under these names come the calls of programs that are built with _FILE_OFFSET_BITS=64 or with
 * _FORTIFY_SOURCE. */
int open64(const char *name, int flags, ...)
{
    mode_t mode = 0;

    MODE(mode, flags);
    return open_it(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}

int openat64(int folder, const char *name, int flags, ...)
{
    mode_t mode = 0;

    MODE(mode, flags);
    return open_it(folder, name, flags | O_LARGEFILE, mode);
}

int __open_2(const char *name, int flags)
{
    return open_it(AT_FDCWD, name, flags, 0);
}

int __open64_2(const char *name, int flags)
{
    return open_it(AT_FDCWD, name, flags | O_LARGEFILE, 0);
}

int __openat_2(int folder, const char *name, int flags)
{
    return open_it(folder, name, flags, 0);
}

int __openat64_2(int folder, const char *name, int flags)
{
    return open_it(folder, name, flags | O_LARGEFILE, 0);
}

ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
    if (size > room)
        abort();
    return read(fd, data, size);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    NEXT(pread64);
    return fd_refused("read", fd) ? -1 : next(fd, data, size, offset);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
    NEXT(sendfile64);
    return fd_refused("read", in) ? -1 : next(out, in, offset, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    NEXT(pwrite64);
    return fd_refused("write", fd) ? -1 : next(fd, data, size, offset);
}

int ftruncate64(int fd, off64_t size)
{
    NEXT(ftruncate64);
    return fd_refused("truncate", fd) ? -1 : next(fd, size);
}

int renameat2(int from, const char *name, int to, const char *new, unsigned flags)
{
    NEXT(renameat2);
    return rename_refused(from, name, to, new) ? -1 : next(from, name, to, new, flags);
}
#endif
