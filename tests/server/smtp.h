/*
 * ESMTP as a server speaks it (RFC 5321, 1870, 2920, 3030, 3207, 3461, 4954, 6152, 6531), with
 * the misbehaviour that the options ask for. One struct smtp per connection.
 *
 * The handlers return 0, or -1 when the connection is over.
 */
#ifndef TESTSERVER_SMTP_H
#define TESTSERVER_SMTP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "body.h"
#include "conn.h"
#include "options.h"
#include "script.h"
#include "store.h"
#include "tls.h"

/* How often each stage came up, in all connections. */
struct tally {
    atomic_uint counts[STAGE_NONE + 1];
};

/* What all connections share. */
struct server {
    const struct options *options;
    struct tls *tls; /* NULL: there is no certificate */
    struct store *store;
    struct tally *tally;
    struct script **scripts; /* as many as options->scripts */
    struct Gsasl *gsasl;     /* NULL: no SCRAM */
};

enum { ENVELOPE_MAX = 16 * 1024 * 1024, USER_MAX = 256 };

struct smtp {
    struct conn *conn;
    const struct server *server;
    unsigned counts[STAGE_NONE + 1]; /* how often each stage came up */
    unsigned totals[STAGE_NONE + 1]; /* the same in all connections, when it last did here */
    bool refused;                    /* the greeting was no 2xx: QUIT alone is welcome */
    bool greeted, esmtp;             /* HELO or EHLO; EHLO */
    bool mail, utf8, binary;         /* a transaction is open, and its parameters */
    unsigned long long accepted;     /* recipients */
    struct text envelope;            /* as the store wants it */
    char user[USER_MAX];             /* "": not authenticated */
    enum { CHUNKS_NONE, CHUNKS_OPEN, CHUNKS_FAILED } chunks;
    struct body body;
    struct sink sink;
};

/* Serves one connection: TLS first if IMPLICIT_TLS, then the dialogue or the script. */
void smtp_serve(const struct server *server, struct conn *conn, unsigned long long number,
                bool implicit_tls);

/* Forgets the transaction (RSET). */
void smtp_forget(struct smtp *smtp);
/* What EHLO offers at this point of the connection. */
const struct offer *smtp_offer(const struct smtp *smtp);
bool smtp_has(const struct smtp *smtp, enum capability capability);
/* STARTTLS is on offer just now; AUTH is. */
bool smtp_offers_tls(const struct smtp *smtp);
bool smtp_offers_auth(const struct smtp *smtp);

/* reply.c */

/* Counts that STAGE came up; the reply that an option gives for it, or NULL. */
const struct text *reply_override(struct smtp *smtp, enum stage stage);
/* The reply code that TEXT begins with, 0: none. */
int reply_code(const char *text);
/* Answers with OTHER unless it is NULL, else with TEXT ("250 2.0.0 Ok", lines parted by \n),
 * late or otherwise badly where the options want that. TEXT loses its enhanced status code when
 * ENHANCEDSTATUSCODES is off, OTHER goes as the option has it. */
int reply_say(struct smtp *smtp, enum stage stage, const struct text *other, const char *text);
/* reply_override and reply_say in one. Returns the code given (0: none), or -1: over. */
int reply_send(struct smtp *smtp, enum stage stage, const char *text);
/* A reply that no option changes. */
int reply_plain(struct smtp *smtp, const char *text);
/* What --at and --delay want at STAGE_HANDSHAKE and STAGE_BODY. 0: go on; -1: over. */
int reply_instead(struct smtp *smtp, enum stage stage);

/* envelope.c, message.c, auth.c: one command each, ARGS is what follows the verb. */
int smtp_mail(struct smtp *smtp, char *args);
int smtp_rcpt(struct smtp *smtp, char *args);
int smtp_data(struct smtp *smtp, char *args);
int smtp_bdat(struct smtp *smtp, char *args);
int smtp_auth(struct smtp *smtp, char *args);

/* auth_scram.c: GNU SASL for all connections, where --mechs names what needs it; NULL: nothing
 * does. Ends the program with 69 where it is wanted but not built in. */
struct Gsasl *scram_open(const struct options *options);
void scram_close(struct Gsasl *gsasl);

#endif
