#include "send/spool_inner.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HELD_WORD "held----"

enum { DUE_DIGITS = 8, ASIDE_TRIES = 100, FIND_TRIES = 3 };

/* ---- names ---- */

void spool_name_format(char text[SPOOL_NAME_LENGTH + 1], const char *id, int64_t due)
{
    const int64_t most = INT64_C(0xffffffff); /* the year 2106 */

    if (due < 0)
        snprintf(text, SPOOL_NAME_LENGTH + 1, "%s-%s", HELD_WORD, id);
    else
        snprintf(text, SPOOL_NAME_LENGTH + 1, "%08llx-%s",
                 (unsigned long long)(due > most ? most : due), id);
}

bool spool_name_parse(struct spool_name *name, const char *text)
{
    const char *id = text + DUE_DIGITS + 1;

    if (strlen(text) != SPOOL_NAME_LENGTH || text[DUE_DIGITS] != '-' ||
        !queue_id_valid(id, QUEUE_ID_LENGTH))
        return false;
    if (!strncmp(text, HELD_WORD, DUE_DIGITS))
        name->due = SPOOL_HELD;
    else if (strspn(text, "0123456789abcdef") == DUE_DIGITS)
        name->due = (int64_t)strtoull(text, NULL, 16);
    else
        return false;
    memcpy(name->id, id, sizeof(name->id));
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct spool_name *x = a, *y = b;
    /* As unsigned numbers, negative ones come last. */
    uint64_t due_x = (uint64_t)x->due, due_y = (uint64_t)y->due;

    if (due_x != due_y)
        return due_x < due_y ? -1 : 1;
    return strcmp(x->id, y->id);
}

bool spool_is_due(const struct spool_name *name, int64_t now)
{
    return name->due >= 0 && (name->due <= now || name->due > now + SPOOL_FAR);
}

struct list {
    const struct spool_wish *wish;
    int64_t now;
    struct spool_name *names;
    size_t count, room, seen; /* SEEN: names in the folder */
    bool no_memory;
};

static bool is_wanted(const struct list *list, const struct spool_name *name)
{
    switch (list->wish->which) {
    case SPOOL_ALL:
        return true;
    case SPOOL_RELEASED:
        return name->due >= 0;
    case SPOOL_DUE:
        return spool_is_due(name, list->now);
    }
    return false;
}

static int list_name(void *context, const char *text)
{
    struct list *list = context;
    struct spool_name name, *more;
    size_t room = list->room ? list->room * 2 : 64;
    bool last = ++list->seen >= list->wish->most;

    if (!spool_name_parse(&name, text) || !is_wanted(list, &name))
        return last;
    if (list->count == list->room) {
        more = realloc(list->names, room * sizeof(*more));
        list->no_memory = !more;
        if (!more)
            return 1;
        list->names = more;
        list->room = room;
    }
    list->names[list->count++] = name;
    return last;
}

int spool_list(struct spool *spool, const struct spool_wish *wish, struct spool_name **names,
               size_t *count, struct err *e)
{
    struct list list = {.wish = wish, .now = (int64_t)time(NULL)};
    int status = spool_scan(spool->queue, list_name, &list);

    *names = NULL;
    *count = 0;
    if (status)
        spool_fault(spool, ERR_IO, "can't be listed", e);
    else if (list.no_memory)
        status = err_set(e, ERR_OS, "no memory for a list of the queue");
    if (status) {
        free(list.names);
        return -1;
    }
    if (list.count)
        qsort(list.names, list.count, sizeof(*list.names), compare);
    *names = list.names;
    *count = list.count;
    return 0;
}

struct search {
    const char *id;
    struct spool_name *name;
    bool found;
};

static int match_name(void *context, const char *text)
{
    struct search *search = context;

    search->found =
        spool_name_parse(search->name, text) && !strcmp(search->name->id, search->id);
    return search->found;
}

int spool_find(struct spool *spool, const char *id, struct spool_name *name, struct err *e)
{
    struct search search = {id, name, false};
    int tries;

    /* One that is given another time while we look can be missed. */
    for (tries = 0; tries < FIND_TRIES && !search.found; tries++) {
        if (spool_scan(spool->queue, match_name, &search))
            return spool_fault(spool, ERR_IO, "can't be listed", e);
    }
    return search.found;
}

static int count_name(void *context, const char *name)
{
    (void)name;
    ++*(size_t *)context;
    return 0;
}

static int count_stray(void *context, const char *text)
{
    struct spool_name name;

    return spool_name_parse(&name, text) ? 0 : count_name(context, text);
}

int spool_damaged(struct spool *spool, size_t *count, struct err *e)
{
    *count = 0;
    if (spool_scan(spool->damaged, count_name, count) ||
        spool_scan(spool->queue, count_stray, count))
        return spool_fault(spool, ERR_IO, "can't be listed", e);
    return 0;
}

/* ---- envelope files ---- */

int spool_write_envelope(const struct spool *spool, int folder, const char *name,
                         const struct queue_envelope *envelope, struct err *e)
{
    struct buf text;
    int fd, status;

    buf_init(&text, QUEUE_ENVELOPE_MAX);
    status = queue_envelope_write(envelope, &text, e);
    if (!status) {
        fd = spool_make_file(folder, name);
        if (fd < 0 || file_write(fd, text.data, text.len) || spool_sync(fd))
            status = spool_fault(spool, ERR_IO, "an envelope can't be written", e);
        if (fd >= 0 && status)
            unlinkat(folder, name, 0);
        spool_close_fd(&fd);
    }
    buf_release(&text);
    return status;
}

/* ---- entering ---- */

/* Whether the entry is still where it was opened. 1, 0, -1 and errno. */
static int is_there(const struct spool_entry *entry)
{
    char name[SPOOL_NAME_LENGTH + 1];
    struct stat opened, named;

    spool_name_format(name, entry->name.id, entry->name.due);
    if (fstat(entry->folder, &opened))
        return -1;
    if (fstatat(entry->spool->queue, name, &named, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/* A file of the entry could not be opened: 0 where the entry is gone, or -1. */
static int cannot_open(const struct spool_entry *entry, const char *what, struct err *e)
{
    int sys = errno, there;

    if (sys == ELOOP || sys == ENXIO)
        return err_set(e, ERR_DATA, "'%s' is damaged: its %s is no file", entry->name.id, what);
    if (sys == ENOENT) {
        there = is_there(entry);
        if (!there)
            return 0;
        if (there > 0)
            return err_set(e, ERR_DATA, "'%s' is damaged: its %s is missing", entry->name.id,
                           what);
        sys = errno;
    }
    errno = sys;
    return spool_fault(entry->spool, ERR_IO, "a message in it can't be opened", e);
}

/* Open a file of the entry: 1, with its size; 0, -1 as spool_enter says. */
static int open_file(const struct spool_entry *entry, const char *name, int flags, int *fd,
                     int64_t *size, struct err *e)
{
    struct stat st;

    *fd = spool_open_at(entry->folder, name, flags | O_NONBLOCK); /* were it a FIFO */
    if (*fd < 0)
        return cannot_open(entry, name, e);
    if (fstat(*fd, &st))
        return spool_fault(entry->spool, ERR_IO, "a message in it can't be looked at", e);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_DATA, "'%s' is damaged: its %s is no file", entry->name.id, name);
    *size = st.st_size;
    return 1;
}

static int open_folder(struct spool_entry *entry, struct err *e)
{
    char name[SPOOL_NAME_LENGTH + 1];

    spool_name_format(name, entry->name.id, entry->name.due);
    entry->folder = spool_open_at(entry->spool->queue, name, O_RDONLY | O_DIRECTORY);
    if (entry->folder >= 0)
        return 1;
    if (errno == ENOENT)
        return 0;
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(e, ERR_DATA, "'%s' is damaged: it is no folder", entry->name.id);
    return spool_fault(entry->spool, ERR_IO, "a message in it can't be opened", e);
}

/* The lock, and then a look whether its former holder has moved the entry or taken it out. */
static int take_lock(const struct spool_entry *entry, struct err *e)
{
    int status = spool_lock(entry->message);

    if (status == 1)
        status = is_there(entry);
    if (status < 0)
        spool_fault(entry->spool, ERR_IO, "a message in it can't be locked", e);
    return status;
}

/* The envelope is understood, and of this entry and its message. */
static int understand(struct spool_entry *entry, const struct buf *text, int64_t message_size,
                      struct err *e)
{
    struct queue_envelope *envelope = &entry->envelope;
    struct err why = ERR_INIT;

    if (queue_envelope_read(envelope, text->data, text->len, &why)) {
        if (why.kind == ERR_DATA)
            err_set(e, ERR_DATA, "'%s' is damaged: %s", entry->name.id, why.message);
        else
            err_move(e, &why);
        err_release(&why);
        return -1;
    }
    if (strcmp(envelope->id, entry->name.id))
        return err_set(e, ERR_DATA, "'%s' is damaged: its envelope is that of '%s'",
                       entry->name.id, envelope->id);
    if (envelope->size != message_size)
        return err_set(e, ERR_DATA, "'%s' is damaged: its message has %lld bytes, not %lld",
                       entry->name.id, (long long)message_size, (long long)envelope->size);
    return 1;
}

static int read_envelope(struct spool_entry *entry, int64_t message_size, struct err *e)
{
    struct buf text;
    int64_t size;
    int fd, status = open_file(entry, SPOOL_ENVELOPE, O_RDONLY, &fd, &size, e);

    buf_init(&text, QUEUE_ENVELOPE_MAX);
    if (status == 1 && file_read(fd, &text))
        status = spool_fault(entry->spool, ERR_IO, "an envelope can't be read", e);
    if (status == 1 && text.failed) {
        buf_check(&text, ERR_DATA, "an envelope in the queue", e);
        status = -1;
    }
    if (status == 1)
        status = understand(entry, &text, message_size, e);
    spool_close_fd(&fd);
    buf_release(&text);
    return status;
}

/* All of the entry, from the outside in. LOCK: the message is opened for writing too, which a lock
 * on NFS asks for. */
static int open_entry(struct spool_entry *entry, bool lock, struct err *e)
{
    int64_t size;
    int status = open_folder(entry, e);

    if (status == 1)
        status = open_file(entry, SPOOL_MESSAGE, lock ? O_RDWR : O_RDONLY, &entry->message,
                           &size, e);
    if (status == 1 && lock)
        status = take_lock(entry, e);
    return status == 1 ? read_envelope(entry, size, e) : status;
}

/* A name for it that is free in damaged/: what is there is never written over. -1 and errno. */
static int free_name(const struct spool *spool, const char *name, char *aside, size_t size)
{
    struct stat st;
    int i;

    snprintf(aside, size, "%s", name);
    for (i = 1; i <= ASIDE_TRIES; i++) {
        if (fstatat(spool->damaged, aside, &st, AT_SYMLINK_NOFOLLOW))
            return errno == ENOENT ? 0 : -1;
        snprintf(aside, size, "%s.%d", name, i);
    }
    errno = EEXIST;
    return -1;
}

/* Move the damaged entry out of the queue. 0 where it is gone already, else -1: with what is wrong
 * with it, or with why it can't be moved. */
static int set_aside(const struct spool_entry *entry, struct err *e)
{
    const struct spool *spool = entry->spool;
    char name[SPOOL_NAME_LENGTH + 1], aside[SPOOL_NAME_LENGTH + 8];

    spool_name_format(name, entry->name.id, entry->name.due);
    if (free_name(spool, name, aside, sizeof(aside)))
        return spool_fault(spool, ERR_IO, "a damaged message can't be moved", e);
    if (renameat(spool->queue, name, spool->damaged, aside)) {
        if (errno == ENOENT)
            return 0;
        return spool_fault(spool, ERR_IO, "a damaged message can't be moved", e);
    }
    (void)spool_sync(spool->damaged); /* were it lost, it would be found again */
    (void)spool_sync(spool->queue);
    return err_hint(e, "it is kept in '%.200s/damaged/%s'", spool->path, aside);
}

int spool_enter(struct spool *spool, const struct spool_name *name, bool lock,
                struct spool_entry *entry, struct err *e)
{
    int status;

    *entry = (struct spool_entry){.spool = spool, .name = *name, .folder = -1, .message = -1};
    queue_envelope_init(&entry->envelope);
    status = open_entry(entry, lock, e);
    if (status < 0 && e->kind == ERR_DATA && lock) {
        status = set_aside(entry, e);
        if (!status)
            err_release(e);
    }
    if (status == 1 && lock && spool_recover_notices(entry, e))
        status = -1;
    if (status != 1)
        spool_leave(entry);
    return status;
}

void spool_leave(struct spool_entry *entry)
{
    spool_close_fd(&entry->message);
    spool_close_fd(&entry->folder);
    queue_envelope_release(&entry->envelope);
}

/* ---- changing ---- */

int spool_update(struct spool_entry *entry, struct err *e)
{
    const struct spool *spool = entry->spool;

    if (unlinkat(entry->folder, SPOOL_ENVELOPE_NEW, 0) && errno != ENOENT)
        return spool_fault(spool, ERR_IO, "an envelope can't be replaced", e);
    if (spool_write_envelope(spool, entry->folder, SPOOL_ENVELOPE_NEW, &entry->envelope, e))
        return -1;
    if (entry->envelope.notices && spool_sync(entry->folder)) /* those that it says are there */
        return spool_fault(spool, ERR_IO, "a notice can't be written", e);
    if (renameat(entry->folder, SPOOL_ENVELOPE_NEW, entry->folder, SPOOL_ENVELOPE))
        return spool_fault(spool, ERR_IO, "an envelope can't be replaced", e);
    entry->flagged = entry->envelope.notices;
    if (spool_sync(entry->folder))
        return spool_fault(spool, ERR_IO, "an envelope can't be replaced for good", e);
    return 0;
}

int spool_reschedule(struct spool_entry *entry, int64_t due, struct err *e)
{
    const struct spool *spool = entry->spool;
    char from[SPOOL_NAME_LENGTH + 1], to[SPOOL_NAME_LENGTH + 1];

    spool_name_format(from, entry->name.id, entry->name.due);
    spool_name_format(to, entry->name.id, due);
    if (!strcmp(from, to))
        return 0;
    if (renameat(spool->queue, from, spool->queue, to))
        return spool_fault(spool, ERR_IO, "a message can't be given another time", e);
    (void)spool_name_parse(&entry->name, to);
    if (spool_sync(spool->queue))
        return spool_fault(spool, ERR_IO, "a message can't be given another time for good", e);
    return 0;
}

int spool_remove(struct spool_entry *entry, struct err *e)
{
    const struct spool *spool = entry->spool;
    const char *id = entry->name.id;
    char name[SPOOL_NAME_LENGTH + 1];
    int status;

    if (spool_release_notices(entry, time(NULL), e))
        return -1;
    spool_name_format(name, id, entry->name.due);
    status = renameat(spool->queue, name, spool->tmp, id);
    if (status && (errno == EEXIST || errno == ENOTEMPTY)) {
        spool_sweep_one(spool, id, false); /* its like came back from a backup, after a crash */
        status = renameat(spool->queue, name, spool->tmp, id);
    }
    if (status)
        return spool_fault(spool, ERR_IO, "a message can't be taken out", e);
    if (spool_sync(spool->queue)) /* its files stay: were the rename lost, they are needed */
        return spool_fault(spool, ERR_IO, "a message can't be taken out for good", e);
    spool_close_fd(&entry->message); /* on NFS a file that is open would outlive its folder */
    (void)spool_delete(spool, id, entry->folder); /* else the sweep does */
    return 0;
}
