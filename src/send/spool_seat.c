#include "send/spool_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

enum { NAME_BYTES = 32 };

/* The file of a seat, open, made where it is missing. */
static int open_seat(int folder, int64_t uid, int number)
{
    char name[NAME_BYTES];
    int fd;

    snprintf(name, sizeof(name), "%" PRId64 "-%d", uid, number);
    fd = spool_open_at(folder, name, O_RDWR);
    if (fd < 0 && errno == ENOENT)
        fd = spool_make_file(folder, name);
    if (fd < 0 && errno == EEXIST)
        fd = spool_open_at(folder, name, O_RDWR);
    return fd;
}

static int open_folder(const struct spool *spool)
{
    int fd = spool_make_folder(spool->top, "clients");

    return fd >= 0 || errno != EEXIST
               ? fd
               : spool_open_at(spool->top, "clients", O_RDONLY | O_DIRECTORY);
}

/* 1, 0: another has it, -1 and errno. */
static int take(int folder, int64_t uid, int number, int *fd)
{
    int taken = -1;

    *fd = open_seat(folder, uid, number);
    if (*fd >= 0)
        taken = spool_lock(*fd);
    if (taken != 1)
        spool_close_fd(fd);
    return taken;
}

int spool_take_seat(const struct spool *spool, int64_t uid, int *fd, struct err *e)
{
    int folder = open_folder(spool), taken = folder < 0 ? -1 : 0, i;

    *fd = -1;
    for (i = 0; i < SPOOL_SEATS && !taken; i++)
        taken = take(folder, uid, i, fd);
    if (taken < 0)
        spool_fault(spool, ERR_IO, "its clients can't be counted", e);
    spool_close_fd(&folder);
    return taken;
}
