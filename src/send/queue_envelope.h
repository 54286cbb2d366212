/* queue_envelope.h: what the queue keeps of a message beside its text: who sends, to whom, what
 * became of each so far, and what was asked of the delivery (smtpsend-queue(5)).
 *
 * The file is text, a line for each fact, and ends with the line "end", so that a torn one is
 * recognised. Values are escaped so that no byte of them can forge a line, and come back as they
 * were. Strings are owned by the envelope and came from malloc(). */
#ifndef SEND_QUEUE_ENVELOPE_H
#define SEND_QUEUE_ENVELOPE_H

#include "base/buf.h"

#include <stdint.h>

enum {
    QUEUE_ID_LENGTH = 19, /* 6925f3a1-7K2M9QXC4T: seconds since 1970, and 50 random bits */
    QUEUE_ENVELOPE_MAX = 64 << 20,
    QUEUE_RECIPIENTS_MAX = 1000000
};

/* The letters of an id's random part: Crockford's base32, which no one misreads. */
#define QUEUE_ID_LETTERS "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

enum queued_state {
    QUEUED_WAITING,
    QUEUED_FAILED, /* for good; its bounce is still to be made */
    QUEUED_DONE    /* sent, or bounced: the next envelope that is written leaves it out */
};

struct queued_recipient {
    char *address;
    enum queued_state state;
    int code;                 /* of the last reply, or 0 */
    struct enhanced enhanced; /* of the last reply */
    enum stage stage;         /* where it was said */
    char *said;               /* the server's words, or ours; or NULL */
};

struct queue_envelope {
    char id[QUEUE_ID_LENGTH + 1];
    int64_t created; /* seconds since 1970 */
    int64_t size;    /* of the message file, in bytes; spool_commit sets it */
    char *account;   /* NULL: none */
    char *reverse_path;
    int64_t attempts;
    int64_t uid; /* of the local user who handed the message in; -1: not known */
    /* As the options have them; NULL where not asked. */
    char *body, *notify, *ret, *envid, *priority, *deliver_by, *hold_until;
    int64_t hold_for_ms; /* negative: not asked */
    bool require_tls;
    bool require_all; /* all recipients or none */
    bool warned;      /* the sender has been told of the delay */
    bool notices;     /* finished notices wait with the message to be put into the queue */
    struct queued_recipient *recipients;
    size_t count;
};

/* All zero but hold_for_ms and uid, -1. */
void queue_envelope_init(struct queue_envelope *envelope);

/* Free what it owns; as after its init then. */
void queue_envelope_release(struct queue_envelope *envelope);

/* Add a waiting recipient. The array grows at powers of two; pointers into it go stale. -1 with
 * ERR_OS, or ERR_DATA beyond QUEUE_RECIPIENTS_MAX. */
int queue_envelope_add(struct queue_envelope *envelope, const char *address, struct err *e);

/* Note what was last said of R: CODE (or 0), where, and a copy of the words. -1 with ERR_OS: there is
 * no memory for the words; the rest is noted. */
int queued_recipient_note(struct queued_recipient *r, int code, struct enhanced enhanced,
                          enum stage stage, const char *said, struct err *e);

/* Whether a recipient is in STATE. */
bool queue_envelope_has(const struct queue_envelope *envelope, enum queued_state state);

/* Let those that have failed wait again. Whether there were any. */
bool queue_envelope_revive(struct queue_envelope *envelope);

/* How many recipients are not done. */
size_t queue_envelope_left(const struct queue_envelope *envelope);

/* Whether LEN bytes are an entry's id. */
bool queue_id_valid(const char *text, size_t len);

/* The text of the file into OUT, an empty buffer. What servers said is cut short for all where
 * it does not fit otherwise: that a recipient is done must never fail to be written down. -1 with
 * ERR_OS; ERR_DATA: too long all the same; ERR_INTERNAL: a value that could not be read again. */
int queue_envelope_write(const struct queue_envelope *envelope, struct buf *out, struct err *e);

/* Read LEN bytes of such a file, which may be anything, into an envelope as after its init, which
 * is so again on failure. -1 with ERR_DATA and what is wrong, or ERR_OS. */
int queue_envelope_read(struct queue_envelope *envelope, const char *text, size_t len,
                        struct err *e);

#endif
