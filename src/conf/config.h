/* config.h: the configuration files: a general part, then accounts (smtpsend.conf(5)).
 *
 * All of a file is read before anything of it counts, and every error in it is found in one run,
 * each with file, line and key. What is read lives until config_release, which wipes it: there
 * may be a password in it. */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include "base/problems.h"
#include "base/secret.h"
#include "conf/assignments.h"
#include "conf/nearest.h"

/* The general part, or an account. Origins that are not of an assignment have no row. */
struct config_part {
    const char *name;               /* NULL: the general part */
    struct origin origin;           /* of its heading, the first one */
    struct assignments assignments; /* one for each key, several only of a LIST */
    struct assignments match_from;  /* shell wildcards */
    struct secret *password;        /* or NULL */
    struct origin password_origin;
    unsigned layer;       /* of the file that has it: 0, or 1 for the user's */
    size_t inherited;     /* assignments at the front that a lower layer made */
    bool match_inherited; /* match_from is a lower layer's */
    size_t next;          /* account whose name has the same hash, counted from 1; or 0 */
};

struct config_file; /* its text */

struct config {
    struct config_part general;
    struct config_part *accounts; /* in the order of their first headings */
    size_t account_count;
    struct config_file *files; /* all that were read, included ones too */
};

/* Where to look. A NULL is no file. */
struct config_places {
    const char *only;   /* -C: this file alone; it has to exist */
    const char *system; /* where ONLY is NULL: this one ... */
    const char *user;   /* ... and then this, whose keys win; neither has to exist */
};

/* Read what there is into CONFIG. Errors go to PROBLEMS, "FILE:LINE: KEY: what": as ERR_CONFIG,
 * or ERR_OS where memory runs out; the value of `password` is in none of them. A file that is not
 * there, or whose folder can't be searched, is no error but for ONLY, which may also be a pipe.
 * config_release frees what CONFIG holds in either case. */
void config_read(struct config *config, const struct config_places *places,
                 struct problems *problems);
void config_release(struct config *config);

/* The account of this name, or NULL. */
const struct config_part *config_account(const struct config *config, const char *name);

/* The first account with a match-from that fits REVERSE_PATH, in any case, or NULL. Those that
 * the user's file has a part of come before those of the system's alone. */
const struct config_part *config_match(const struct config *config, const char *reverse_path);

/* True where an account has a match-from. */
bool config_matches_senders(const struct config *config);

#endif
