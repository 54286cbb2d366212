/* local.h: the user and the machine, as far as a run asks: login, full name, host, domain. */
#ifndef SEND_LOCAL_H
#define SEND_LOCAL_H

#include "conf/settings.h"

struct local {
    const struct settings *settings;
    bool domain_known;
    struct buf domain, login, full_name, host;
};

void local_init(struct local *local, const struct settings *settings);
void local_release(struct local *local);

/* The domain that qualifies bare names: --domain, /etc/mailname, the host's FQDN; NULL where
 * there is none. Looked up once, when first asked for. */
const char *local_domain(struct local *local);

/* The machine's own name: its FQDN, or whatever it is called; "" where it has no name. */
const char *local_host(struct local *local);

/* Append the default sender, login@domain, and fill login and full_name. -1 with ERR_OS where
 * this user has no name. */
int local_own_address(struct local *local, struct buf *out, struct err *e);

/* Append VALUE; where ORIGIN is a config, %U in it is the login name, %H the host name and %% a
 * percent sign. -1 with ERR_CONFIG at any other, ERR_OS where the user has no name. */
int local_expand(struct local *local, const struct origin *origin, const char *value,
                 struct buf *out, struct err *e);

/* Append the reverse-path that --from gives. 1: it gives one, "" being the null one; 0: it is not
 * given; -1 with ERR_USAGE, ERR_CONFIG, ERR_OS. */
int local_sender(struct local *local, struct buf *out, struct err *e);

/* False only for words that plainly are one whole address: they need no look at the domain. */
bool may_be_bare(const char *word);

#endif
