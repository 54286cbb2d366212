#include "send/spool_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { RANDOM_LETTERS = 10, ID_TRIES = 20 };

struct spool_draft {
    struct spool *spool;
    char id[QUEUE_ID_LENGTH + 1];
    int folder, message; /* descriptors; the message is locked */
};

static int make_id(char id[QUEUE_ID_LENGTH + 1])
{
    unsigned char random[RANDOM_LETTERS];
    size_t used = (size_t)snprintf(id, QUEUE_ID_LENGTH + 1, "%08lx-",
                                   (unsigned long)time(NULL) & 0xffffffff);
    size_t i;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -1;
    for (i = 0; i < RANDOM_LETTERS; i++)
        id[used + i] = QUEUE_ID_LETTERS[random[i] & 31];
    id[used + i] = '\0';
    return 0;
}

/* The folder of a new entry; its name is what makes an id unique. */
static int make_folder(struct spool_draft *draft)
{
    int tries;

    for (tries = 0; tries < ID_TRIES && draft->folder < 0; tries++) {
        if (make_id(draft->id))
            return -1;
        draft->folder = spool_make_folder(draft->spool->tmp, draft->id);
        if (draft->folder < 0 && errno != EEXIST)
            return -1;
    }
    return draft->folder < 0 ? -1 : 0;
}

static int make_files(struct spool_draft *draft, struct err *e)
{
    if (make_folder(draft))
        return spool_fault(draft->spool, ERR_CANTCREATE, "a new message can't be made", e);
    draft->message = spool_make_file(draft->folder, SPOOL_MESSAGE);
    if (draft->message < 0)
        return spool_fault(draft->spool, ERR_CANTCREATE, "a new message can't be made", e);
    if (spool_lock(draft->message) != 1)
        return spool_fault(draft->spool, ERR_IO, "a new message can't be locked", e);
    return 0;
}

int spool_begin(struct spool *spool, struct spool_draft **out, int *fd, struct err *e)
{
    struct spool_draft *draft = malloc(sizeof(*draft));

    *out = NULL;
    *fd = -1;
    if (!draft)
        return err_set(e, ERR_OS, "no memory for the queue");
    *draft = (struct spool_draft){.spool = spool, .folder = -1, .message = -1};
    if (make_files(draft, e)) {
        spool_abandon(draft);
        return -1;
    }
    *out = draft;
    *fd = draft->message;
    return 0;
}

const char *spool_draft_id(const struct spool_draft *draft)
{
    return draft->id;
}

static void free_draft(struct spool_draft *draft)
{
    spool_close_fd(&draft->message);
    spool_close_fd(&draft->folder);
    free(draft);
}

void spool_abandon(struct spool_draft *draft)
{
    if (!draft)
        return;
    spool_close_fd(&draft->message); /* on NFS a file that is open would outlive its folder */
    if (draft->folder >= 0)
        (void)spool_delete(draft->spool, draft->id, draft->folder);
    free_draft(draft);
}

/* All of it is on the disk, in tmp/. */
static int settle(struct spool_draft *draft, struct queue_envelope *envelope, struct err *e)
{
    struct stat st;

    if (fstat(draft->message, &st) || spool_sync(draft->message))
        return spool_fault(draft->spool, ERR_IO, "the message can't be written", e);
    envelope->size = st.st_size;
    memcpy(envelope->id, draft->id, sizeof(envelope->id));
    if (spool_write_envelope(draft->spool, draft->folder, SPOOL_ENVELOPE, envelope, e))
        return -1;
    if (spool_sync(draft->folder))
        return spool_fault(draft->spool, ERR_IO, "the message's folder can't be written", e);
    return 0;
}

/* Into the queue by one rename. Where that can't be made to last, out of it again: we hold the
 * lock, so nobody has worked on it. */
static int publish(struct spool_draft *draft, int64_t due, struct err *e)
{
    struct spool *spool = draft->spool;
    char name[SPOOL_NAME_LENGTH + 1];

    spool_name_format(name, draft->id, due);
    if (renameat(spool->tmp, draft->id, spool->queue, name))
        return spool_fault(spool, ERR_IO, "the message can't be put into it", e);
    if (!spool_sync(spool->queue))
        return 0;
    spool_fault(spool, ERR_IO, "the message can't be put into it for good", e);
    if (renameat(spool->queue, name, spool->tmp, draft->id)) {
        spool_close_fd(&draft->folder); /* its files are the queue's: not for us to delete */
        err_hint(e, "it may be sent all the same, as '%s'", draft->id);
    }
    return -1;
}

/* What is no more than a rename yet is on the disk by the spool_update that makes it count. */
static int attach(const struct spool_draft *draft, const struct spool_entry *entry,
                  struct err *e)
{
    char name[SPOOL_NOTICE_LENGTH + 1];

    snprintf(name, sizeof(name), SPOOL_NOTICE "%s", draft->id);
    if (renameat(draft->spool->tmp, draft->id, entry->folder, name))
        return spool_fault(draft->spool, ERR_IO, "a notice can't be put to its message", e);
    return 0;
}

int spool_attach(struct spool_entry *entry, struct spool_draft *draft,
                 struct queue_envelope *notice, struct err *e)
{
    if (spool_unflag(entry, e) || settle(draft, notice, e) || attach(draft, entry, e)) {
        spool_abandon(draft);
        return -1;
    }
    entry->envelope.notices = true;
    free_draft(draft);
    return 0;
}

int spool_commit(struct spool_draft *draft, struct queue_envelope *envelope, int64_t due,
                 struct err *e)
{
    if (settle(draft, envelope, e) || publish(draft, due, e)) {
        spool_abandon(draft);
        return -1;
    }
    free_draft(draft);
    return 0;
}
