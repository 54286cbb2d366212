/*
 * The command line of the test server. Read once by main; afterwards nobody changes it, so that
 * every connection's thread may look at it without a lock.
 */
#ifndef TESTSERVER_OPTIONS_H
#define TESTSERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "offer.h"
#include "text.h"

/* What the server is about to answer (or to do, from STAGE_HANDSHAKE on). */
enum stage {
    STAGE_GREETING,
    STAGE_EHLO,
    STAGE_HELO,
    STAGE_STARTTLS,
    STAGE_AUTH,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_DOT,
    STAGE_RSET,
    STAGE_BDAT,
    STAGE_QUIT,
    STAGE_HANDSHAKE,
    STAGE_BODY,
    STAGE_NONE /* a reply that no option can change; also the number of stages */
};

enum action {
    ACTION_NONE,
    ACTION_DROP,
    ACTION_RESET,
    ACTION_HANG,
    ACTION_GARBAGE,
    ACTION_DRIP,
    ACTION_ENDLESS,
    ACTION_LONGLINE,
    ACTION_CLOSEAFTER
};

/* What a SCRAM server does wrong (auth_lie.c). */
enum lie_kind {
    LIE_NONE,
    LIE_NONCE,
    LIE_ITERATIONS,
    LIE_SIGNATURE,
    LIE_NOSIGNATURE,
    LIE_BADBASE64,
    LIE_BADSALT,
    LIE_EMPTYSALT,
    LIE_EXTENSION,
    LIE_LONGSERVERFIRST,
    LIE_SUCCESS_EARLY,
    LIE_SERVERERROR
};

/* One --reply, --at or --delay. */
struct rule {
    enum stage stage;
    unsigned nth;   /* only the nth time in a connection; 0: each time */
    unsigned every; /* only each EVERYth time in all connections; 0: each time */
    struct text reply;
    enum action action;
    unsigned delay_ms;
};

struct rules {
    struct rule *v;
    size_t count;
};

/* One --rcpt. */
struct rcpt_rule {
    char *glob;
    struct text reply;
};

enum listen_kind { LISTEN_PLAIN, LISTEN_TLS, LISTEN_UNIX };

struct listen_wish {
    enum listen_kind kind;
    const char *where; /* ADDR:PORT or a path, as given */
};

/* An array of C strings that belong to argv. */
struct words {
    const char **v;
    size_t count;
};

struct options {
    struct listen_wish *listens;
    size_t listen_count;
    bool fast_open;
    const char *ready;
    const char *make_cert;
    bool make_cert_only;
    const char *tls_cert, *tls_key, *tls_priority, *tls_client_ca, *tls_ocsp;
    bool tls_client_required;
    int tls_alert;       /* answers each ClientHello; -1: none */
    struct words users;  /* NAME:PASSWORD */
    struct words tokens; /* NAME:TOKEN */
    const char *mechs;
    unsigned long long scram_iterations;
    const char *scram_salt; /* in base64; NULL: a new one each time */
    enum lie_kind lie;
    struct offer offer, offer_before_tls, offer_after_tls;
    bool auth_in_clear, require_auth, require_tls;
    const char *maildir, *transcript, *raw;
    bool discard, sha256;
    struct rules replies, actions, delays;
    struct rcpt_rule *rcpts;
    size_t rcpt_count;
    struct words scripts;
    unsigned long long connections; /* 0: no end */
    unsigned long long lifetime_s;
    unsigned long long max_conn;
};

/* Fills OPTIONS from the arguments; what is wrong there ends the program with 64,
 * --help with 0. */
void options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/* The rule for STAGE when it comes up for the nth time in its connection and the TOTALth time in
 * all: one made for just that time, else one for each so manyth time, else a general one, else
 * NULL. */
const struct rule *rules_find(const struct rules *rules, enum stage stage, unsigned nth,
                              unsigned total);

/* STAGE's and ACTION's names on the command line. */
const char *stage_name(enum stage stage);
const char *action_name(enum action action);

#endif
