#include "send/queue_edit.h"

#include "send/queue.h"

#include "base/text.h"
#include "send/report.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ID_SHOWN = 60, CHUNK = 65536, FIND_TRIES = 10 };

static int no_such(const char *id, struct err *e)
{
    return err_set(e, ERR_NOINPUT, "there is no message '%s' in the queue", id);
}

static int is_locked(const char *id, struct err *e)
{
    err_set(e, ERR_TEMPORARY, "another process is just sending message '%s', or changing it",
            id);
    return err_hint(e, "try again in a while");
}

/* Open the message with this id. 0; -1. To be left on 0. */
static int enter(struct spool *spool, const char *id, bool lock, struct spool_entry *entry,
                 struct err *e)
{
    struct spool_name name, before = {.id = ""};
    int tries, found, status;

    if (queue_check_id(id, e))
        return -1;
    for (tries = 0; tries < FIND_TRIES; tries++) {
        found = spool ? spool_find(spool, id, &name, e) : 0;
        if (found <= 0)
            return found ? -1 : no_such(id, e);
        /* It was there, could not be entered, and still is: it is locked, and was not moved. */
        if (*before.id && before.due == name.due)
            break;
        status = spool_enter(spool, &name, lock, entry, e);
        if (status)
            return status < 0 ? -1 : 0;
        before = name;
    }
    return is_locked(id, e);
}

/* ---- showing ---- */

static int print_envelope(const struct queue_envelope *envelope, struct err *e)
{
    struct buf text;
    int status;

    buf_init(&text, QUEUE_ENVELOPE_MAX);
    status = queue_envelope_write(envelope, &text, e);
    if (!status)
        status = report_show(text.data, text.len, e);
    if (!status)
        status = report_print("\n", 1, e);
    buf_release(&text);
    return status;
}

/* All of it, in pieces that end where a line does, as long as lines are not longer than these. */
static int print_message(int fd, struct err *e)
{
    char chunk[CHUNK];
    const char *lf;
    size_t have = 0, whole;
    ssize_t n;

    for (;;) {
        n = read(fd, chunk + have, sizeof(chunk) - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_system(e, ERR_IO, errno, "a message in the queue can't be read");
        if (n == 0)
            return report_show(chunk, have, e);
        have += (size_t)n;
        lf = memrchr(chunk, '\n', have);
        whole = lf ? (size_t)(lf - chunk) + 1 : have == sizeof(chunk) ? have : 0;
        if (report_show(chunk, whole, e))
            return -1;
        have -= whole;
        memmove(chunk, chunk + whole, have);
    }
}

int queue_show(struct spool *spool, const char *id, struct err *e)
{
    struct spool_entry entry;
    int status;

    if (enter(spool, id, false, &entry, e))
        return -1;
    status = print_envelope(&entry.envelope, e);
    if (!status)
        status = print_message(entry.message, e);
    spool_leave(&entry);
    return status;
}

/* ---- changing ---- */

int queue_delete(struct spool *spool, const char *id, struct err *e)
{
    struct spool_entry entry;
    int status;

    if (enter(spool, id, true, &entry, e))
        return -1;
    status = spool_remove(&entry, e);
    spool_leave(&entry);
    return status;
}

int queue_hold(struct spool *spool, const char *id, struct err *e)
{
    struct spool_entry entry;
    int status;

    if (enter(spool, id, true, &entry, e))
        return -1;
    status = spool_reschedule(&entry, SPOOL_HELD, e);
    spool_leave(&entry);
    return status;
}

int queue_release(struct spool *spool, const char *id, struct err *e)
{
    struct spool_entry entry;
    int status = 0;

    if (enter(spool, id, true, &entry, e))
        return -1;
    if (queue_envelope_revive(&entry.envelope))
        status = spool_update(&entry, e);
    if (!status)
        status = spool_reschedule(&entry, (int64_t)time(NULL), e);
    spool_leave(&entry);
    return status;
}
