/* settings.h: what the user asked for, merged from the command line and the environment.
 *
 * Values are as the user wrote them, checked for their kind; what they mean is the business of
 * the rooms that use them. Strings are borrowed from argv and the environment, which live as
 * long as the program. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "base/err.h"

#include <stdint.h>

enum { LIST_MAX = 32 };

/* The values of an option that can be given several times. */
struct text_list {
    const char *at[LIST_MAX + 1]; /* ended by NULL */
    size_t count;
    int source; /* enum setting_source of the values: a stronger one replaces them all */
};

struct settings {
    /* Where to */
    const char *server, *port, *helo, *chunking, *pipelining;
    const char *send_buffer, *receive_buffer;
    const char *tls, *tls_ca, *tls_crl, *tls_cert, *tls_key, *tls_name, *tls_priority, *tls_min;
    struct text_list tls_pin;
    bool tls_insecure, ipv4, ipv6;
    int64_t connect_timeout_ms, timeout_ms, deadline_ms; /* negative: not given */
    /* Who */
    const char *user, *authzid, *auth, *password_file, *password_command;
    const char *netrc; /* "" is the default file */
    const char *token_command, *token_file;
    bool allow_cleartext_auth;
    /* Envelope */
    const char *from, *full_name, *domain;
    const char *notify, *dsn_return, *envid, *body, *deliver_by, *priority, *hold_until;
    int64_t hold_for_ms; /* negative: not given */
    bool header_recipients, require_all, require_tls;
    /* Message */
    bool stream, add_headers, ignore_dots;
    const char *sendmail_o;
    /* What it says */
    int verbose;
    bool quiet, help, version;
};

enum option_kind { TEXT, OPTIONAL, LIST, CHOICE, DURATION, SWITCH, COUNT };

/* Where a value comes from, the weakest first. */
enum setting_source { FROM_DEFAULT, FROM_ENVIRONMENT, FROM_COMMAND_LINE };

/* One row of options.def. */
struct option_row {
    const char *name; /* "" for a letter alone */
    char letter;      /* or 0 */
    bool setting;     /* the environment can set it too */
    enum option_kind kind;
    const char *argument, *group;
    size_t offset; /* of its member in struct settings */
};

/* All rows, ended by one whose name is NULL. */
const struct option_row *option_rows(void);

/* True when the option has an argument of its own; a SWITCH or OPTIONAL has one only after '='. */
bool option_takes_value(const struct option_row *row);

/* The built-in defaults. */
void settings_init(struct settings *settings);

/* Set the member of ROW from VALUE (NULL: an option without one that is just there), which comes
 * from SOURCE. -1 with ERR_USAGE; WHERE is how the user wrote it ("--tls", "SMTPSEND_TLS"). */
int settings_set(struct settings *settings, const struct option_row *row, const char *value,
                 const char *where, enum setting_source source, struct err *e);

#endif
