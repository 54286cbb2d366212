/* spool_inner.h: what the files of the spool share: the folders, names of
 * entries, and calls that a signal may have interrupted. */
#ifndef SEND_SPOOL_INNER_H
#define SEND_SPOOL_INNER_H

#include "send/spool.h"

#include <sys/stat.h>

#define SPOOL_MESSAGE      "message"
#define SPOOL_ENVELOPE     "envelope"
#define SPOOL_ENVELOPE_NEW "envelope.new"
#define SPOOL_NOTICE       "notice-" /* and its id: a folder in the entry that it is about */

struct spool {
    char *path;                   /* for messages */
    int top, queue, tmp, damaged; /* descriptors */
};

/* DUE-ID, as in 6925f3a1-6925f3a1-7K2M9QXC4T. */
enum { SPOOL_NAME_LENGTH = 8 + 1 + QUEUE_ID_LENGTH };
void spool_name_format(char text[SPOOL_NAME_LENGTH + 1], const char *id, int64_t due);
bool spool_name_parse(struct spool_name *name, const char *text);

/* The id in the name of an attached notice, notice-ID; NULL: it is another name. */
enum { SPOOL_NOTICE_LENGTH = sizeof(SPOOL_NOTICE) - 1 + QUEUE_ID_LENGTH };
const char *spool_notice_id(const char *name);

/* From errno: WHAT went wrong in the queue's folder. KIND, unless errno is one that has its own:
 * ERR_OS for memory and descriptors, ERR_IO for what a disk does. Returns -1. */
int spool_fault(const struct spool *spool, enum err_kind kind, const char *what, struct err *e);

/* open(2) in FOLDER: never by a link, never handed on to a command. A descriptor, or -1 and
 * errno. */
int spool_open_at(int folder, const char *name, int flags);

/* A new file (mode 0600, open for reading and writing) or folder (0700), whatever the umask. A
 * descriptor, or -1 and errno, EEXIST where there is one already. */
int spool_make_file(int folder, const char *name);
int spool_make_folder(int parent, const char *name);

/* What is in the file or folder is on the disk. A folder on a file system that knows no fsync(2)
 * for folders counts as written. */
int spool_sync(int fd);

/* Take the lock of an entry by its message file. 1, 0: another has it, -1 and errno. */
int spool_lock(int message);

/* Close *FD, once. */
void spool_close_fd(int *fd);

/* Write the envelope into FOLDER as a new file of this NAME, and have it on the disk. */
int spool_write_envelope(const struct spool *spool, int folder, const char *name,
                         const struct queue_envelope *envelope, struct err *e);

/* Delete tmp/ID, whose folder is open, and what is ours in it. Whether it is gone. */
bool spool_delete(const struct spool *spool, const char *id, int folder);

/* Delete tmp/ID unless it is locked or, with AGED, younger than a day. */
void spool_sweep_one(const struct spool *spool, const char *id, bool aged);

/* Who enters ENTRY with its lock finds notices that a crash left attached: released or deleted. */
int spool_recover_notices(struct spool_entry *entry, struct err *e);

/* See to it that the envelope file of ENTRY does not say "notices". */
int spool_unflag(struct spool_entry *entry, struct err *e);

/* EACH for every name in FOLDER but . and .. until it returns nonzero. -1 and errno where the
 * folder can't be read, else 0. */
int spool_scan(int folder, int (*each)(void *context, const char *name), void *context);

#endif
