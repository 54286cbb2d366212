/* queue.h: which messages are kept for later, for whom, and when they are tried again. How they lie
 * on the disk is spool.h's business. */
#ifndef SEND_QUEUE_H
#define SEND_QUEUE_H

#include "conf/settings.h"
#include "mail/message.h"
#include "send/peer.h"
#include "send/spool.h"
#include "smtp/envelope.h"

enum queue_mode {
    QUEUE_NEVER,
    QUEUE_FALLBACK, /* what fails for now is kept */
    QUEUE_ALWAYS    /* nothing is sent at once */
};

/* What --queue and -odq say; SENDMAIL: called by that name. */
enum queue_mode queue_mode(const struct settings *settings, bool sendmail);

/* Open the queue of SETTINGS. Without CREATE *SPOOL is NULL where there is none. */
int queue_open(struct spool **spool, const struct settings *settings, bool sendmail,
               bool create, struct err *e);

/* That ID can be one of a message: -1 with ERR_USAGE where not. */
int queue_check_id(const char *id, struct err *e);

/* How E bears on those it concerns. In the queue TLS, authentication, greetings and names that
 * can't be looked up are never the end: what stands in their way can change, and a message that was
 * promised must survive a wrong password. */
enum prospect {
    PROSPECT_RETRY,  /* another attempt may do */
    PROSPECT_NONE,   /* refused for good */
    PROSPECT_UNKNOWN /* the message was not tried: our own settings or system are at fault */
};
enum prospect queue_prospect(const struct err *e);

/* The same of a recipient that was refused. */
enum prospect queue_recipient_prospect(const struct recipient *r);

/* True where all were required and one has been refused for good. */
bool queue_is_lost(const struct envelope *envelope);

/* When a message of which ATTEMPTS have failed is tried next, in seconds since 1970: after 5
 * minutes, then twice as long each time up to 4 hours, a fifth more or less. */
int64_t queue_next_try(int64_t now, int64_t attempts);

/* What is said of a recipient behind the reason why the reply that decides on him never came. */
#define QUEUE_UNSURE " (the server may have accepted the message)"

/* What is to be kept. */
struct keeping {
    const struct settings *settings; /* what is asked of the delivery is theirs */
    const char *account;             /* its name, or NULL */
    bool sendmail;
    const struct peer *peer; /* who handed it in over a Unix socket, or NULL */
    struct message *message; /* mended */
    struct envelope *envelope;
    bool maybe_accepted; /* see struct transaction_result */
    unsigned notify;     /* only the recipients with this in theirs; 0: those without */
    size_t kept;         /* out: recipients */
    char id[QUEUE_ID_LENGTH + 1]; /* out, where there are any */
};

/* Keep the message for the recipients that FAILURE left undecided, if that may pass, and those that
 * were refused for now; FAILURE NULL: for all that wait. They are DELIVERY_QUEUED afterwards. 0,
 * once it is durably in the queue or nobody is to be kept; -1: the envelope is as before. A peer's
 * message gets a Received field. */
int queue_keep(struct keeping *k, const struct err *failure, struct err *e);

#endif
