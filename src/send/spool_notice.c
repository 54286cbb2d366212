#include "send/spool_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *spool_notice_id(const char *name)
{
    const size_t len = strlen(SPOOL_NOTICE);

    if (strncmp(name, SPOOL_NOTICE, len) || !queue_id_valid(name + len, strlen(name + len)))
        return NULL;
    return name + len;
}

/* Notices of an entry, on their way out of its folder. */
struct leaving {
    const struct spool_entry *entry;
    int64_t due;
    size_t found;
    int sys; /* errno of the one that could not be moved, or 0 */
};

static int release_one(void *context, const char *name)
{
    struct leaving *leaving = context;
    const char *id = spool_notice_id(name);
    char to[SPOOL_NAME_LENGTH + 1];

    if (!id)
        return 0;
    leaving->found++;
    spool_name_format(to, id, leaving->due);
    if (renameat(leaving->entry->folder, name, leaving->entry->spool->queue, to))
        leaving->sys = errno;
    return leaving->sys;
}

/* By way of tmp/, so that it goes in one step, whatever is in it. */
static int discard_one(void *context, const char *name)
{
    struct leaving *leaving = context;
    const struct spool *spool = leaving->entry->spool;
    const char *id = spool_notice_id(name);

    if (!id)
        return 0;
    leaving->found++;
    if (renameat(leaving->entry->folder, name, spool->tmp, id))
        leaving->sys = errno;
    else
        spool_sweep_one(spool, id, false);
    return leaving->sys;
}

/* EACH for all the notices, until none is found: a folder that changes while it is read need not
 * show them all. -1 and errno. */
static int move_all(const struct spool_entry *entry, int64_t due,
                    int (*each)(void *context, const char *name))
{
    struct leaving leaving = {.entry = entry, .due = due};

    do {
        leaving.found = 0;
        if (spool_scan(entry->folder, each, &leaving))
            return -1;
        errno = leaving.sys;
    } while (leaving.found && !leaving.sys);
    return leaving.sys ? -1 : 0;
}

/* The envelope that says "notices" is on the disk before they leave for the queue, whoever wrote
 * it: else a loss of power could bring the one before back, and they would be made again. They are
 * on the disk, in the queue, before one that does not say so can be written, even if none has been
 * found here: the process that moved them may not have come to that. */
int spool_release_notices(struct spool_entry *entry, int64_t due, struct err *e)
{
    const struct spool *spool = entry->spool;

    if (!entry->envelope.notices)
        return 0;
    if (!entry->flagged && spool_update(entry, e))
        return -1;
    if (spool_sync(entry->folder) || move_all(entry, due, release_one) ||
        spool_sync(spool->queue))
        return spool_fault(spool, ERR_IO, "a notice can't be put into it", e);
    entry->envelope.notices = false;
    return 0;
}

int spool_recover_notices(struct spool_entry *entry, struct err *e)
{
    entry->flagged = entry->envelope.notices;
    if (entry->flagged)
        return spool_release_notices(entry, time(NULL), e);
    if (move_all(entry, 0, discard_one))
        return spool_fault(entry->spool, ERR_IO, "a notice left by a crash can't be deleted",
                           e);
    return 0;
}

int spool_unflag(struct spool_entry *entry, struct err *e)
{
    if (!entry->flagged)
        return 0;
    return spool_release_notices(entry, time(NULL), e) || spool_update(entry, e) ? -1 : 0;
}
