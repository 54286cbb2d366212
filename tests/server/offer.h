/*
 * What EHLO offers: one list for the whole connection, or one before TLS and another within it.
 * Read with the command line; nobody changes it afterwards.
 */
#ifndef TESTSERVER_OFFER_H
#define TESTSERVER_OFFER_H

#include <stdbool.h>
#include <stddef.h>

enum capability {
    CAP_STARTTLS = 1,
    CAP_AUTH = 2,
    CAP_PIPELINING = 4,
    CAP_CHUNKING = 8,
    CAP_SIZE = 16,
    CAP_8BITMIME = 32,
    CAP_SMTPUTF8 = 64,
    CAP_DSN = 128,
    CAP_ENHANCED = 256,
    CAP_ALL = 511
};

struct offer {
    bool given;                    /* false: the list for the whole connection holds */
    unsigned caps;                 /* enum capability, or-ed */
    unsigned long long size_limit; /* bytes; 0: none */
    char *auth;                    /* a whole AUTH line in place of --mechs; owned; or NULL */
    char **extra;                  /* further lines; owned */
    size_t extra_count;
};

/* Puts the capabilities of LIST, parted by commas, on offer; OPTION is for the error text. */
void offer_add(struct offer *offer, const char *option, const char *list);
/* Takes them off it. */
void offer_remove(struct offer *offer, const char *option, const char *list);
void offer_free(struct offer *offer);

#endif
