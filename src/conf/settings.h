/* settings.h: what the user asked for, merged from the command line and the environment.
 *
 * Values are as the user wrote them, checked for their kind; what they mean is the business of
 * the rooms that use them. Strings are borrowed from argv and the environment, which live as
 * long as the program. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "base/buf.h"

#include <stdint.h>

enum { LIST_MAX = 32, OPTIONS_MAX = 128 };

/* Where a value comes from, the weakest first. */
enum setting_source {
    FROM_DEFAULT,
    FROM_CONFIG,       /* the config's general part ... */
    FROM_USER_CONFIG,  /* ... and that of the user's file, where there are two */
    FROM_ACCOUNT,      /* the account in it ... */
    FROM_USER_ACCOUNT, /* ... and in the user's file */
    FROM_ENVIRONMENT,
    FROM_COMMAND_LINE
};

/* The place where a setting is written. */
struct origin {
    const struct option_row *row;
    enum setting_source source;
    const char *file; /* config file, or NULL; borrowed */
    unsigned line;    /* in it */
};

/* The values of an option that can be given several times. */
struct text_list {
    const char *at[LIST_MAX + 1]; /* ended by NULL */
    size_t count;
    const struct origin *origin; /* of the last one */
};

struct settings {
    /* Where to */
    const char *server, *port, *helo, *chunking, *pipelining;
    const char *send_buffer, *receive_buffer;
    const char *tls, *tls_ca, *tls_crl, *tls_cert, *tls_key, *tls_name, *tls_priority, *tls_min;
    struct text_list tls_pin;
    bool tls_insecure, ipv4, ipv6;
    int64_t connect_timeout_ms, timeout_ms, deadline_ms; /* negative: not given */
    /* Configuration */
    const char *config, *account;
    /* Who */
    const char *user, *authzid, *auth, *password_file, *password_command;
    const char *netrc; /* "" is the default file */
    const char *token_command, *token_file;
    bool allow_cleartext_auth;
    /* Envelope */
    const char *from, *full_name, *domain, *aliases;
    const char *notify, *dsn_return, *envid, *body, *deliver_by, *priority, *hold_until;
    int64_t hold_for_ms; /* negative: not given */
    bool header_recipients, require_all, require_tls;
    /* Message */
    bool stream, add_headers, set_from, undisclosed, ignore_dots;
    struct text_list sendmail_o;
    /* What it says */
    int verbose;
    bool quiet, dry_run, help, version;
    const char *report; /* "json", or NULL */
    /* What it does */
    const char *mode, *flush; /* sendmail's -b and -q, "" without a value; or NULL */
    bool init_aliases;
    /* Queue */
    const char *queue; /* NULL: as we are called */
    const char *queue_dir, *postmaster;
    const char *queue_show, *queue_delete, *queue_hold, *queue_release, *queue_retry;
    int64_t queue_lifetime_ms;
    bool match_user;
    /* Without effect */
    const char *ignored;
    bool ignored_switch;
    /* Where each row's member was set; NULL: nowhere. Rows of one member share the first's. */
    const struct origin *origins[OPTIONS_MAX];
};

enum option_kind { TEXT, OPTIONAL, ATTACHED, LIST, CHOICE, DURATION, SWITCH, COUNT };

/* One row of options.def. */
struct option_row {
    const char *name; /* "" for a letter alone */
    char letter;      /* or 0 */
    bool setting;     /* the environment and a config can set it too */
    bool sendmails;   /* a letter of sendmail's */
    enum option_kind kind;
    const char *argument, *group;
    size_t offset; /* of its member in struct settings */
};

/* All rows, ended by one whose name is NULL. */
const struct option_row *option_rows(void);

/* The row of a long name of LEN bytes, or NULL. */
const struct option_row *option_named(const char *name, size_t len);

/* True when the option has an argument of its own; a SWITCH or OPTIONAL has one only after '=',
 * an ATTACHED one only in its own word. */
bool option_takes_value(const struct option_row *row);

/* The built-in defaults. */
void settings_init(struct settings *settings);

/* Set the member of the row of ORIGIN from VALUE (NULL: an option without one that is just there).
 * ORIGIN must live as long as SETTINGS. -1 with ERR_USAGE, or ERR_CONFIG where it is of a config. */
int settings_set(struct settings *settings, const struct origin *origin, const char *value,
                 struct err *e);

/* Give the setting with the long name NAME, whose values are texts, its default again. */
void settings_unset(struct settings *settings, const char *name);

/* Where the setting with the long name NAME comes from, or NULL where it has its default. */
const struct origin *settings_origin(const struct settings *settings, const char *name);

/* The same for the member of ROW. */
const struct origin *option_origin(const struct settings *settings,
                                   const struct option_row *row);

/* How strong that place is. */
enum setting_source settings_source(const struct settings *settings, const char *name);

enum { SETTING_NAME_BYTES = 64 };

/* "tls-ca" is SMTPSEND_TLS_CA in the environment. */
void environment_name(const char *name, char out[SETTING_NAME_BYTES]);

/* The setting as it is written there: "--tls", "-f", "SMTPSEND_TLS", "FILE:LINE: tls". */
void origin_text(const struct origin *origin, struct buf *out);

/* E is about the setting that it names (err_about): where a config has it, the error becomes
 * one of the config, and says where. Returns -1. */
int settings_blame(const struct settings *settings, struct err *e);

#endif
