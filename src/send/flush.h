/* flush.h: the queue sent: all of it now, what is due now and then, one message, or what is due
 * behind a message that just went.
 *
 * Messages of one account share a session. Any number of flushers may run at once: each message is
 * worked on by who has its lock. A signal ends a run between messages; killed within one, the
 * spool is as spool.h says. */
#ifndef SEND_FLUSH_H
#define SEND_FLUSH_H

#include "conf/layers.h"
#include "send/link.h"
#include "send/report.h"

struct flush_request {
    const struct layers *layers;
    bool sendmail;       /* called by that name */
    const char *id;      /* of one message, held or not; NULL: all that are not held */
    bool due;            /* of all: only those that are due */
    int64_t interval_ms; /* 0: once; else again and again with such pauses */
};

/* Returns the exit status: 0 where nothing is left that could have been sent, 75 where something
 * is, else that of what went wrong here. */
int flush_run(const struct flush_request *request, struct report *report);

/* ---- behind a message ---- */

struct spool;
struct spool_name;

/* What is due, as far as a glance at the queue shows. */
struct behind {
    struct spool *spool; /* or NULL: there is none */
    struct spool_name *names;
    size_t count;
};

/* A queue that can't be looked at is one with nothing due; nor is anything where the command line
 * says by which server, or as whom, the message before goes. SETTINGS are that one's. */
void behind_look(struct behind *behind, const struct layers *layers,
                 const struct settings *settings, bool sendmail);

/* Send those as the config and the environment say, LINKS having the session of the message before
 * them; they are released. Stops where a server can't be reached. What does not go stays for another
 * time, and is told of to who watches only. */
void behind_send(struct behind *behind, struct links *links, struct report *report);

void behind_release(struct behind *behind);

#endif
