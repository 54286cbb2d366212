/* job.h: all that a run was asked, understood and checked before anything is touched.
 *
 * A job is made from settings and arguments: every mistake in them is found here, before a
 * message is read or a server is called. */
#ifndef SEND_JOB_H
#define SEND_JOB_H

#include "base/secret.h"
#include "conf/settings.h"
#include "mail/mailbox.h"
#include "net/server.h"
#include "net/tls.h"
#include "send/delivery.h"
#include "smtp/sasl.h"

enum { JOB_MECHANISMS_MAX = 16 };

struct job {
    const struct settings *settings;
    struct deadline run; /* of the whole run */
    struct server server;
    struct tls_context *tls;         /* NULL: no TLS in this run */
    int send_buffer, receive_buffer; /* bytes; 0: the kernel's */
    struct extensions extensions;    /* asked of the delivery */
    struct addresses recipients;
    bool has_sender;         /* reverse_path was given */
    struct buf reverse_path; /* "" is the null one */
    struct buf domain;       /* qualifies bare names; see job_domain */
    bool domain_known;
    struct buf login;              /* the user's login name; see job_login */
    struct buf full_name;          /* for a From that has to be added */
    struct sasl_identity identity; /* owns its secrets */
    struct buf netrc_login;        /* where identity.user comes from a netrc file */
    bool authenticates;
    char *mechanism_words; /* owned copy of --auth, cut into words */
    const char *mechanisms[JOB_MECHANISMS_MAX + 1];
    bool mechanisms_chosen; /* false: auto */
};

/* Understand SETTINGS and the recipient words. -1 with ERR_USAGE, ERR_CONFIG, ...; job_release
 * frees what JOB holds in either case. */
int job_init(struct job *job, const struct settings *settings, char **recipients,
             struct err *e);
void job_release(struct job *job);

/* Load trust anchors and fetch the secret, so that what can go wrong with them does so before the
 * message is read. TAKEN is what SMTPSEND_PASSWORD held, or NULL; the job takes it. */
int job_arm(struct job *job, struct secret **taken, struct err *e);

/* The domain that qualifies bare names: --domain, /etc/mailname, the host's FQDN; NULL where
 * there is none. Looked up once, when first asked for. */
const char *job_domain(struct job *job);

/* The default sender, login@domain; fills login and full_name. -1 with ERR_OS where this user
 * has no name. */
int job_own_address(struct job *job, struct buf *out, struct err *e);

#endif
