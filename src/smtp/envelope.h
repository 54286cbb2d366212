/* envelope.h: who sends, to whom, and what became of each (RFC 5321 section 2.3.1).
 *
 * A recipient costs a few dozen bytes until a server has words about it; those are kept whole. */
#ifndef SMTP_ENVELOPE_H
#define SMTP_ENVELOPE_H

#include "smtp/reply.h"

enum delivery {
    DELIVERY_WAITING,  /* not asked for yet, or not decided */
    DELIVERY_ACCEPTED, /* RCPT accepted, the message not yet */
    DELIVERY_DONE,     /* the server took the message for this recipient */
    DELIVERY_WITHHELD, /* RCPT accepted, but another was refused and all were required */
    DELIVERY_FAILED,   /* see kind */
    DELIVERY_QUEUED    /* not sent, but kept to be sent later */
};

struct recipient {
    const char *address; /* owned by whoever made the envelope */
    char *said;          /* the server's words when it refused; owned, or NULL */
    struct enhanced enhanced;
    unsigned short code;
    unsigned char delivery; /* enum delivery */
    unsigned char kind;     /* enum err_kind: why it failed; ERR_TEMPORARY: worth a retry */
    unsigned char stage;    /* enum stage: at which command */
    unsigned char notify;   /* NOTIFY_* asked for this one alone; 0: as for all */
};

struct envelope {
    const char *reverse_path; /* "" is the null reverse-path */
    struct recipient *recipients;
    size_t count, cap; /* CAP: room for so many */
    bool require_all;  /* send to nobody unless every recipient is accepted */
};

/* Recipients from COUNT addresses, which must outlive E. -1 with ERR_OS. */
int envelope_init(struct envelope *envelope, const char *reverse_path, char **addresses,
                  size_t count, struct err *e);
void envelope_release(struct envelope *envelope);

/* Add a recipient; ADDRESS must outlive ENVELOPE. -1 with ERR_OS. */
int envelope_add(struct envelope *envelope, const char *address, struct err *e);

/* The recipient failed at STAGE for reason KIND, in the words of REPLY. */
void recipient_fail(struct recipient *r, enum stage stage, enum err_kind kind,
                    const struct reply *reply);

/* True when any address has bytes beyond ASCII (RFC 6531). */
bool envelope_needs_utf8(const struct envelope *envelope);

/* How many RCPTs were refused by 452 or 552: in RFC 5321 section 4.5.3.1.10 the server's way to say that
 * it takes no more in this transaction. */
size_t envelope_postponed(const struct envelope *envelope);

/* Let those wait again, for a further transaction. */
void envelope_revive(struct envelope *envelope);

/* How many recipients are in this state. */
size_t envelope_count(const struct envelope *envelope, enum delivery delivery);

#endif
