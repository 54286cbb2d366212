/* job.h: all that a run was asked, understood and checked before anything is touched.
 *
 * A job is made from settings and arguments: every mistake in them is found here, before a
 * message is read or a server is called. */
#ifndef SEND_JOB_H
#define SEND_JOB_H

#include "base/problems.h"
#include "base/secret.h"
#include "conf/settings.h"
#include "mail/alias.h"
#include "net/server.h"
#include "net/tls.h"
#include "send/delivery.h"
#include "send/local.h"
#include "smtp/sasl.h"
#include "smtp/transaction.h"

enum { JOB_MECHANISMS_MAX = 16 };

struct job {
    const struct settings *settings;
    struct deadline run; /* of the whole run */
    struct server server;
    struct tls_context *tls;         /* NULL: no TLS in this run */
    int send_buffer, receive_buffer; /* bytes; 0: the kernel's */
    struct extensions extensions;    /* asked of the delivery */
    struct addresses recipients;
    struct aliases *aliases; /* the file of --aliases, once a bare name asked for it; or NULL */
    bool has_sender;         /* reverse_path was given */
    struct buf reverse_path; /* "" is the null one */
    struct buf helo;         /* "" is the host's own */
    struct local local;
    struct sasl_identity identity; /* owns its secrets */
    struct buf netrc_login;        /* where identity.user comes from a netrc file */
    bool authenticates;
    char *mechanism_words; /* owned copy of --auth, cut into words */
    const char *mechanisms[JOB_MECHANISMS_MAX + 1];
    bool mechanisms_chosen; /* false: auto */
};

/* Understand SETTINGS and the recipient words; RECIPIENTS is NULL where others name them. -1 with ERR_USAGE, ERR_CONFIG, ...; job_release
 * frees what JOB holds in either case. */
int job_init(struct job *job, const struct settings *settings, char **recipients,
             struct err *e);

/* The same of all that needs no more than SETTINGS, for accounts that this run may not use: each
 * mistake goes to PROBLEMS. */
void job_check(const struct settings *settings, struct problems *problems);

/* True where --server comes from a stronger place than SETTING: what its URL says for itself then
 * counts more. */
bool job_url_wins(const struct job *job, const char *setting);

void job_release(struct job *job);

/* Load trust anchors and fetch the secret, so that what can go wrong with them does so before the
 * message is read. TAKEN is what SMTPSEND_PASSWORD held, or NULL; the job takes it. */
int job_arm(struct job *job, struct secret **taken, struct err *e);

/* What the armed JOB wishes of a session, and of its transactions. WISHES points into JOB. */
void job_session(const struct job *job, const struct sink *sink, struct session_wishes *wishes);
enum chunking job_chunking(const struct job *job);

/* Warn of what was asked for and is not safe, or makes no sense. */
void job_warn(const struct job *job, const struct sink *sink);

#endif
