/* spool.h: the queue's folder: messages kept until a server has taken them (smtpsend-queue(5)).
 *
 * An entry is a folder with an envelope file and a message file. It is made in tmp/ and comes into
 * the queue by one rename, after all of it is on the disk; it leaves by one rename. So at any
 * instant it is whole in the queue or not there. Who works on an entry holds its lock, which ends
 * with the process. Nothing that can't be understood is deleted: it is set aside.
 *
 * Errors, wherever nothing else is said: ERR_IO (disk full, quota, a bad disk, no right), ERR_OS
 * (memory, descriptors). They leave what was in the queue as it was. */
#ifndef SEND_SPOOL_H
#define SEND_SPOOL_H

#include "send/queue_envelope.h"

#define SPOOL_HELD INT64_C(-1) /* as a time of the next try: not before it is released */

struct spool; /* opaque: the folder, open */

/* Open the folder PATH. CREATE: make it, and all above it that is missing (mode 0700), durably,
 * and sweep it; else a missing one is an empty queue: *SPOOL NULL and 0. -1 with ERR_CANTCREATE
 * (with CREATE) or ERR_NOINPUT (without): there can be no such folder; ERR_CONFIG: it is another
 * user's, others can write in it, or look into what is in it. */
int spool_open(struct spool **spool, const char *path, bool create, struct err *e);
void spool_close(struct spool *spool);

/* Delete what a crash left in tmp/ more than a day ago, unless somebody holds its lock. Looks at
 * SPOOL_SWEEP_MOST names at most. -1: they could not be looked at. */
enum { SPOOL_SWEEP_MOST = 10000 };
int spool_sweep(struct spool *spool, struct err *e);

/* ---- a new entry ---- */

struct spool_draft; /* an entry in tmp/, locked */

/* Begin an entry; its message is written to *FD, which belongs to the draft. -1 with
 * ERR_CANTCREATE too. */
int spool_begin(struct spool *spool, struct spool_draft **draft, int *fd, struct err *e);

/* The id that the entry will have. */
const char *spool_draft_id(const struct spool_draft *draft);

/* Commit it, to be tried at DUE (seconds since 1970, or SPOOL_HELD): 0 once message and envelope,
 * whose id and size are set here, are durably in the queue. -1: it is not in the queue, and
 * nothing of it is left, as far as the disk allows. The draft is freed in either case. */
int spool_commit(struct spool_draft *draft, struct queue_envelope *envelope, int64_t due,
                 struct err *e);
void spool_abandon(struct spool_draft *draft);

/* ---- entries ---- */

enum { SPOOL_LIST_MOST = 1000000 }; /* names: all, short of a folder that has gone mad */

/* What a scan tells of an entry, from its name alone. */
struct spool_name {
    char id[QUEUE_ID_LENGTH + 1];
    int64_t due; /* seconds since 1970; negative: held */
};

/* True where it is to be tried at NOW (seconds since 1970). No try is ever set more than
 * SPOOL_FAR seconds ahead: one that is was set when the clock was wrong, and is due. */
enum { SPOOL_FAR = 5 * 60 * 60 };
bool spool_is_due(const struct spool_name *name, int64_t now);

enum spool_which {
    SPOOL_ALL,
    SPOOL_RELEASED, /* that are not held */
    SPOOL_DUE       /* that are due now */
};

struct spool_wish {
    enum spool_which which;
    size_t most; /* of the folder's names so many are looked at, whichever come first */
};

/* For all of the queue; few of them make a glance, which reads no more of a great folder than it
 * has to. */
#define SPOOL_EVERYTHING (&(const struct spool_wish){SPOOL_ALL, SPOOL_LIST_MOST})

/* The entries now in the queue, ordered by due time, held ones last, then id. One that moves
 * meanwhile may be missed, or listed at both its times. The list is the caller's to free(); NULL
 * where there is none. */
int spool_list(struct spool *spool, const struct spool_wish *wish, struct spool_name **names,
               size_t *count, struct err *e);

/* Find the entry of this id (the whole of it). 1, 0: there is none, -1. */
int spool_find(struct spool *spool, const char *id, struct spool_name *name, struct err *e);

/* How many entries have been set aside, and things in the queue that are no entries. */
int spool_damaged(struct spool *spool, size_t *count, struct err *e);

/* An entry that is open, and locked unless it was only to be looked at. */
struct spool_entry {
    struct spool *spool;
    struct spool_name name;
    int folder;  /* descriptor */
    int message; /* descriptor of the message file, at its start; only to be read */
    struct queue_envelope envelope;
    bool flagged; /* the spool's own: the envelope file says "notices" */
};

/* Open the entry and, with LOCK, take its lock; notices attached to it that a crash left are then
 * put into the queue, due at once, or deleted, as its envelope file says. 1; 0: it is gone, or
 * another has the lock; -1 with ERR_DATA: it is damaged, and (with LOCK) has been set aside; -1
 * with others: it is where it was, and could not be read or tidied this time. */
int spool_enter(struct spool *spool, const struct spool_name *name, bool lock,
                struct spool_entry *entry, struct err *e);
void spool_leave(struct spool_entry *entry);

/* The rest is for who holds the lock. */

/* Write entry->envelope as it is now, durably. After a failure it can be given another time and
 * is to be left: which envelope it has is what the next one to enter finds. */
int spool_update(struct spool_entry *entry, struct err *e);

/* Set when it is tried next; SPOOL_HELD: hold it. */
int spool_reschedule(struct spool_entry *entry, int64_t due, struct err *e);

/* Take it out of the queue, durably, and delete it; to be left all the same. Its notices are
 * released before, due at once. */
int spool_remove(struct spool_entry *entry, struct err *e);

/* ---- notices of what became of an entry, each in the queue exactly once ----
 *
 * A notice has to be kept before the recipients it tells of leave the entry's envelope, and must
 * not be made again by who finds them there after a crash. So: attach it; mark those recipients
 * done; spool_update, by which all that is attached counts, and those recipients are done, in one
 * step; release. In this order, before the entry is given another time. */

/* Like spool_commit, but the notice waits with the entry, of the same spool: nobody sends it, and
 * its lock ends. Sets entry->envelope.notices, which spool_update writes. Where the envelope file
 * says so already, of others that were released, it is written anew first, as it is now: no
 * recipient may be marked before. -1: nothing is attached. The draft is freed in either case. */
int spool_attach(struct spool_entry *entry, struct spool_draft *draft,
                 struct queue_envelope *notice, struct err *e);

/* Every attached notice becomes an entry of the queue, to be tried at DUE, durably; where
 * spool_update has not been called since, that is done first. Then entry->envelope.notices is
 * false; the file may go on to say so until it is written the next time. */
int spool_release_notices(struct spool_entry *entry, int64_t due, struct err *e);

/* ---- who puts messages in ---- */

enum { SPOOL_SEATS = 40 }; /* for the processes that serve one user */

/* Take one of the seats of the local user UID, which lasts as long as *FD, the caller's to close,
 * or its process. 1; 0: all are taken; -1. */
int spool_take_seat(const struct spool *spool, int64_t uid, int *fd, struct err *e);

#endif
