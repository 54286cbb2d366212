/*
 * One AUTH exchange (RFC 4954), as the mechanisms see it: they ask, read answers and come to a
 * verdict; auth.c does the rest. None of them reads a line or writes a reply by itself.
 */
#ifndef TESTSERVER_AUTH_H
#define TESTSERVER_AUTH_H

#include <stdbool.h>

#include "smtp.h"

/* The reply that a good exchange earns. */
#define AUTH_WELCOME "235 2.7.0 Welcome"
#define AUTH_REFUSED "535 5.7.8 Wrong name or password"

struct auth {
    struct smtp *smtp;
    const char *mechanism; /* its name in capitals */
    const char *initial;   /* the initial response, coded; NULL: none, or used up */
    const char *verdict;   /* the reply to give, once there is one */
    bool over;             /* the connection is */
};

/* Sends LEN bytes as a challenge, in base64, and reads the answer; the initial response, if it
 * has not been used, is the answer without a question. True: ANSWER (to be freed) has the
 * decoded bytes. False: cancelled, not base64, or the end; the verdict is there, ANSWER empty. */
bool auth_ask(struct auth *auth, const char *challenge, size_t len, struct text *answer);
/* The same with a challenge that goes as it stands behind "334 ". */
bool auth_ask_raw(struct auth *auth, const char *challenge, struct text *answer);

/* Adds LEN bytes in base64. */
void auth_encode(struct text *out, const void *bytes, size_t len);

/* NAME's password by --user; NULL: no such account. */
const char *auth_password(const struct options *options, const char *name);
/* The value of a SCRAM or GS2 name, LEN bytes, with =2C and =3D undone (RFC 5801 section 4). */
void auth_unescape(struct text *out, const char *s, size_t len);
/* The exchange was good: notes it (BINDING: the channel binding's type, or "none"), and grants
 * IDENTITY unless AUTHZID is neither empty nor the name of an account. */
void auth_grant(struct auth *auth, const char *identity, const char *authzid,
                const char *binding);

/* AUTH could succeed: there are accounts, or certificates can take their place. */
bool auth_possible(const struct options *options);
/* Whether --mechs names a mechanism that begins and ends so. */
bool auth_mech_like(const struct options *options, const char *begin, const char *end);

/* The mechanisms that have a file of their own; each ends with a verdict or with auth->over. */
void auth_oauthbearer(struct auth *auth);
void auth_xoauth2(struct auth *auth);
void auth_scram(struct auth *auth);
void auth_scram_lie(struct auth *auth);

#endif
