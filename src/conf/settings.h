/* settings.h: what the user asked for, merged from the command line and the environment.
 *
 * Values are as the user wrote them, checked for their kind; what they mean is the business of
 * the rooms that use them. Strings are borrowed from argv and the environment, which live as
 * long as the program. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "base/err.h"

#include <stdint.h>

struct settings {
    /* Where to */
    const char *server, *port, *tls, *tls_ca, *tls_name, *helo;
    bool tls_insecure, ipv4, ipv6;
    int64_t connect_timeout_ms, timeout_ms, deadline_ms; /* negative: not given */
    /* Who */
    const char *user, *auth, *password_file, *password_command;
    bool allow_cleartext_auth;
    /* Envelope */
    const char *from, *full_name, *domain;
    bool header_recipients, require_all;
    /* Message */
    bool stream, add_headers, ignore_dots;
    const char *sendmail_o;
    /* What it says */
    int verbose;
    bool quiet, help, version;
};

enum option_kind { TEXT, CHOICE, DURATION, SWITCH, COUNT };

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

/* True when the option has an argument of its own; a SWITCH has one only after '='. */
bool option_takes_value(const struct option_row *row);

/* The built-in defaults. */
void settings_init(struct settings *settings);

/* Set the member of ROW from VALUE (NULL: a SWITCH or COUNT that is just there). -1 with
 * ERR_USAGE; WHERE is how the user wrote it ("--tls", "SMTPSEND_TLS"). */
int settings_set(struct settings *settings, const struct option_row *row, const char *value,
                 const char *where, struct err *e);

#endif
