/* places.h: where the configuration files and the queue of this user are. */
#ifndef CONF_PLACES_H
#define CONF_PLACES_H

#include "base/buf.h"
#include "conf/config.h"

struct config_paths {
    struct config_places places;
    struct buf user; /* what places.user points to */
};

/* ONLY: what -C names, or NULL. SENDMAIL: the home is that of the password database, whatever the
 * environment says (cron runs as a user with root's HOME). */
void config_paths_find(struct config_paths *paths, const char *only, bool sendmail);
void config_paths_release(struct config_paths *paths);

/* Put the path of this user's queue into PATH: DIR (--queue-dir) where it is not NULL, else
 * /var/spool/smtpsend for root, else smtpsend/queue where XDG says that state is kept. SENDMAIL as
 * above. -1 with ERR_OS: this user has no home. */
int queue_path_find(struct buf *path, const char *dir, bool sendmail, struct err *e);

#endif
