/* link.h: the accounts that a run sends by, each understood once, readied when first needed, and
 * with the session that is open to its server.
 *
 * A run that sends one message has one link; one that serves a client or runs the queue has as
 * many as its messages name accounts. */
#ifndef SEND_LINK_H
#define SEND_LINK_H

#include "conf/layers.h"
#include "send/job.h"
#include "smtp/session.h"

struct link {
    struct link *next;
    const struct config_part *account; /* NULL: the general part alone */
    struct settings settings;
    struct secret *password; /* that the environment or the config has itself, until armed */
    const struct origin *password_origin;
    struct job job;
    bool armed;
    struct session session; /* its dialog is NULL: none is open */
    bool handed_in;         /* the connection was (fd:N), and has been used */
};

/* The links of a run, by account. */
struct links {
    const struct layers *layers;
    struct deadline run; /* of the whole run */
    struct link *first;
};

/* Make the link of ACCOUNT, with a job for the recipient words, or NULL where others name them. NULL
 * with what layers_merge and job_init say. */
struct link *links_add(struct links *links, const struct config_part *account,
                       char **recipients, struct err *e);

/* The link of ACCOUNT, made if need be. */
struct link *links_find(struct links *links, const struct config_part *account, struct err *e);

/* Forget one, so that it is made anew when it is needed again. */
void links_drop(struct links *links, struct link *link);

/* Close all sessions, and free all. */
void links_release(struct links *links);

/* Fetch trust and secrets, unless that is done (job_arm). A link where it fails is of no more use. */
int link_arm(struct link *link, const struct sink *sink, struct err *e);

/* True where a session is open that can have a further transaction. */
bool link_is_open(const struct link *link);

/* Open a session in place of the one there may be. A connection that was handed in serves once. */
int link_open(struct link *link, const struct sink *sink, struct err *e);

/* End the session politely, if one is open. */
void link_close(struct link *link);

#endif
