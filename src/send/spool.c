#include "send/spool_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SHOWN = 256, SWEEP_AGE = 24 * 60 * 60, FOLDER_MODE = 0700, FILE_MODE = 0600 };

/* ---- calls that all of the spool makes ---- */

int spool_fault(const struct spool *spool, enum err_kind kind, const char *what, struct err *e)
{
    int sys = errno;

    if (sys == EMFILE || sys == ENFILE || sys == ENOMEM || sys == ENOLCK)
        kind = ERR_OS;
    else if (sys == ENOSPC || sys == EDQUOT || sys == EIO)
        kind = ERR_IO;
    return err_system(e, kind, sys, "queue '%.*s': %s", PATH_SHOWN, spool->path, what);
}

static int open_at(int folder, const char *name, int flags, mode_t mode)
{
    int fd;

    do {
        fd = openat(folder, name, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

int spool_open_at(int folder, const char *name, int flags)
{
    return open_at(folder, name, flags | O_NOFOLLOW, 0);
}

void spool_close_fd(int *fd)
{
    int sys = errno;

    if (*fd >= 0)
        close(*fd); /* Linux has closed it even where it says EINTR */
    *fd = -1;
    errno = sys;
}

int spool_sync(int fd)
{
    int status;

    do {
        status = fsync(fd);
    } while (status && errno == EINTR);
    return status && errno != EINVAL ? -1 : 0;
}

int spool_lock(int message)
{
    int status;

    do {
        status = flock(message, LOCK_EX | LOCK_NB);
    } while (status && errno == EINTR);
    if (!status)
        return 1;
    return errno == EWOULDBLOCK ? 0 : -1;
}

/* errno stays that of what went wrong before. */
static void unlinkat_quietly(int folder, const char *name, int flags)
{
    int sys = errno;

    unlinkat(folder, name, flags);
    errno = sys;
}

int spool_make_file(int folder, const char *name)
{
    int fd = open_at(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);

    if (fd < 0 || !fchmod(fd, FILE_MODE))
        return fd;
    spool_close_fd(&fd);
    unlinkat_quietly(folder, name, 0);
    return -1;
}

int spool_make_folder(int parent, const char *name)
{
    mode_t umask_was = umask(S_IRWXG | S_IRWXO); /* else it may not let itself be opened */
    int status = mkdirat(parent, name, FOLDER_MODE), fd;

    umask(umask_was);
    if (status)
        return -1;
    fd = spool_open_at(parent, name, O_RDONLY | O_DIRECTORY);
    if (fd >= 0 && !fchmod(fd, FOLDER_MODE))
        return fd;
    spool_close_fd(&fd);
    unlinkat_quietly(parent, name, AT_REMOVEDIR);
    return -1;
}

int spool_scan(int folder, int (*each)(void *context, const char *name), void *context)
{
    int fd = spool_open_at(folder, ".", O_RDONLY | O_DIRECTORY), sys;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        spool_close_fd(&fd);
        return -1;
    }
    do {
        errno = 0;
        entry = readdir(dir);
    } while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
                       !each(context, entry->d_name)));
    sys = entry ? 0 : errno;
    closedir(dir);
    errno = sys;
    return sys ? -1 : 0;
}

/* ---- the folders ---- */

/* Open a folder that may be missing: then it is made. *MADE: by us. -1 and errno. */
static int open_or_make(int parent, const char *name, int flags, bool *made)
{
    int fd = open_at(parent, name, flags | O_DIRECTORY, 0);

    *made = false;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = spool_make_folder(parent, name);
    *made = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open_at(parent, name, flags | O_DIRECTORY, 0);
    return fd;
}

/* One step of the way to the spool, made where it is missing. Its name is on the disk afterwards,
 * if PARENT can be read at all: another process may have made it, and not have come to that. */
static int settle_step(int parent, const char *name, int flags)
{
    bool made;
    int child = open_or_make(parent, name, flags, &made), here;

    if (child < 0)
        return -1;
    here = open_at(parent, ".", O_RDONLY | O_DIRECTORY, 0);
    if ((here < 0 || spool_sync(here)) && made)
        spool_close_fd(&child);
    spool_close_fd(&here);
    return child;
}

/* Open PATH step by step, and with CREATE make what is missing. Links are followed above the
 * spool, not at its name. -1 and errno. */
static int walk(const char *path, bool create)
{
    char *copy = strdup(path), *name, *after, *state = NULL;
    int at = copy ? open_at(AT_FDCWD, *path == '/' ? "/" : ".", O_PATH | O_DIRECTORY, 0) : -1;
    int next, flags;

    for (name = copy ? strtok_r(copy, "/", &state) : NULL; name && at >= 0; name = after) {
        after = strtok_r(NULL, "/", &state);
        flags = after ? O_PATH : O_PATH | O_NOFOLLOW;
        next =
            create ? settle_step(at, name, flags) : open_at(at, name, flags | O_DIRECTORY, 0);
        spool_close_fd(&at);
        at = next;
    }
    free(copy);
    next = at < 0 ? -1 : spool_open_at(at, ".", O_RDONLY | O_DIRECTORY);
    spool_close_fd(&at);
    return next;
}

/* Which user can use the queue. */
static int hint_user(uid_t uid, struct err *e)
{
    const struct passwd *user = getpwuid(uid);

    if (user)
        return err_hint(e, "run it as user %s", user->pw_name);
    return err_hint(e, "run it as the user of number %lu", (unsigned long)uid);
}

/* The folder is ours, and ours alone to write in; a part of it, which keeps others from all that is
 * in it, to look into as well. NAME: "" or "/" and the part's name. */
static int check_folder(const struct spool *spool, int fd, const char *name, struct err *e)
{
    const mode_t writing = S_IWGRP | S_IWOTH, any = S_IRWXG | S_IRWXO;
    struct stat st;

    if (fstat(fd, &st))
        return spool_fault(spool, ERR_IO, "can't be looked at", e);
    if (st.st_uid != geteuid()) {
        err_set(e, ERR_CONFIG, "queue '%.*s%s' belongs to another user", PATH_SHOWN,
                spool->path, name);
        hint_user(st.st_uid, e);
    } else if (st.st_mode & (*name ? any : writing)) {
        err_set(e, ERR_CONFIG, "others can %s the queue '%.*s%s'",
                st.st_mode & writing ? "write in" : "look into", PATH_SHOWN, spool->path, name);
        err_hint(e, "chmod 700 it");
    } else {
        return 0;
    }
    return err_about(e, "queue-dir");
}

static int cannot_open(const struct spool *spool, bool create, struct err *e)
{
    spool_fault(spool, create ? ERR_CANTCREATE : ERR_NOINPUT,
                create ? "can't be made or opened" : "can't be opened", e);
    return e->sys == ENOTDIR ? err_hint(e, "it has to be a folder, and no link to one") : -1;
}

static int open_part(struct spool *spool, const char *path_end, int *fd, struct err *e)
{
    bool made;

    *fd = open_or_make(spool->top, path_end + 1, O_RDONLY | O_NOFOLLOW, &made);
    return *fd < 0 ? cannot_open(spool, true, e) : check_folder(spool, *fd, path_end, e);
}

/* queue/ comes last: where it is, all of the spool is, and the way to it is on the disk. */
static int open_parts(struct spool *spool, bool create, struct err *e)
{
    if (check_folder(spool, spool->top, "", e) ||
        open_part(spool, "/damaged", &spool->damaged, e) ||
        open_part(spool, "/tmp", &spool->tmp, e) ||
        open_part(spool, "/queue", &spool->queue, e))
        return -1;
    if (create && spool_sync(spool->top))
        return spool_fault(spool, ERR_IO, "can't be written to the disk", e);
    return 0;
}

/* Open the spool's folder. 1; 0: there is no spool, or not a whole one; -1. */
static int open_top(struct spool *spool, bool create, struct err *e)
{
    struct stat st;

    spool->top = walk(spool->path, false);
    if (spool->top >= 0 && !fstatat(spool->top, "queue", &st, AT_SYMLINK_NOFOLLOW))
        return 1;
    if (errno != ENOENT)
        return cannot_open(spool, create, e);
    if (!create)
        return 0;
    spool_close_fd(&spool->top);
    spool->top = walk(spool->path, true);
    return spool->top < 0 ? cannot_open(spool, true, e) : 1;
}

int spool_open(struct spool **out, const char *path, bool create, struct err *e)
{
    struct spool *spool = malloc(sizeof(*spool));
    struct err unsaid = ERR_INIT;
    int status;

    *out = NULL;
    if (spool)
        *spool = (struct spool){strdup(path), -1, -1, -1, -1};
    if (!spool || !spool->path) {
        free(spool);
        return err_set(e, ERR_OS, "no memory for the queue");
    }
    status = open_top(spool, create, e);
    if (status == 1)
        status = open_parts(spool, create, e) ? -1 : 1;
    if (status != 1) {
        spool_close(spool);
        return status;
    }
    if (create)
        (void)spool_sweep(spool, &unsaid);
    err_release(&unsaid);
    *out = spool;
    return 0;
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    spool_close_fd(&spool->top);
    spool_close_fd(&spool->queue);
    spool_close_fd(&spool->tmp);
    spool_close_fd(&spool->damaged);
    free(spool->path);
    free(spool);
}

/* ---- what is left in tmp/ ---- */

static void delete_files(int folder)
{
    unlinkat(folder, SPOOL_ENVELOPE_NEW, 0);
    unlinkat(folder, SPOOL_ENVELOPE, 0);
    unlinkat(folder, SPOOL_MESSAGE, 0);
}

static int delete_notice(void *context, const char *name)
{
    int parent = *(const int *)context, folder;

    if (!spool_notice_id(name))
        return 0;
    folder = spool_open_at(parent, name, O_RDONLY | O_DIRECTORY);
    if (folder >= 0)
        delete_files(folder);
    spool_close_fd(&folder);
    unlinkat(parent, name, AT_REMOVEDIR);
    return 0;
}

bool spool_delete(const struct spool *spool, const char *id, int folder)
{
    delete_files(folder);
    if (!unlinkat(spool->tmp, id, AT_REMOVEDIR))
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return false;
    (void)spool_scan(folder, delete_notice, &folder);
    return !unlinkat(spool->tmp, id, AT_REMOVEDIR);
}

/* Whether somebody is at work on the entry. Where it can't be told, somebody is. */
static bool is_locked(int folder)
{
    int message = spool_open_at(folder, SPOOL_MESSAGE, O_RDWR | O_NONBLOCK);
    bool locked = message < 0 ? errno != ENOENT : spool_lock(message) != 1;

    spool_close_fd(&message);
    return locked;
}

void spool_sweep_one(const struct spool *spool, const char *id, bool aged)
{
    int folder = spool_open_at(spool->tmp, id, O_RDONLY | O_DIRECTORY);
    struct stat st;

    if (folder >= 0 && !fstat(folder, &st) && (!aged || st.st_mtime < time(NULL) - SWEEP_AGE) &&
        !is_locked(folder))
        (void)spool_delete(spool, id, folder);
    spool_close_fd(&folder);
}

struct sweep {
    const struct spool *spool;
    size_t seen;
};

static int sweep_name(void *context, const char *name)
{
    struct sweep *sweep = context;

    if (queue_id_valid(name, strlen(name)))
        spool_sweep_one(sweep->spool, name, true);
    return ++sweep->seen == SPOOL_SWEEP_MOST;
}

int spool_sweep(struct spool *spool, struct err *e)
{
    struct sweep sweep = {spool, 0};

    if (spool_scan(spool->tmp, sweep_name, &sweep))
        return spool_fault(spool, ERR_IO, "what is left in tmp/ can't be looked at", e);
    return 0;
}
