/*
 * Where messages go: a maildir-like folder, or nowhere; on the way they are counted and, if
 * wished, hashed.
 */
#ifndef TESTSERVER_STORE_H
#define TESTSERVER_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "text.h"

enum { STORE_NAME = 24, STORE_HEX = 65 };

/* Shared by all connections. */
struct store {
    bool keep; /* else messages are only counted */
    bool hash;
    int tmp_fd, new_fd, envelope_fd;
    atomic_ullong last;   /* number of the last message */
    atomic_ullong opened; /* names in tmp/ */
};

/* One message on its way in; zeroed when none is. */
struct sink {
    struct store *store;
    FILE *file;
    char temporary[STORE_NAME];
    unsigned long long bytes;
    bool failed; /* could not be written whole */
    bool hashing;
    gnutls_hash_hd_t hash;
};

/* MAILDIR NULL: nothing is kept. Makes tmp/, new/, envelope/; errors end the program. */
void store_open(struct store *store, const char *maildir, bool hash);
void store_close(struct store *store);

/* Begins a message. */
void sink_open(struct sink *sink, struct store *store);
/* Whether it wants to see the bytes, or only their number. */
bool sink_looks(const struct sink *sink);
/* The next bytes of it; S may be NULL where it does not look. */
void sink_write(struct sink *sink, const char *s, size_t len);
/* Ends it: envelope first, then the message appears in new/. NAME (STORE_NAME bytes) becomes
 * its name, HEX (STORE_HEX bytes) its SHA-256 or "". 0, or -1: not written (disk full …). */
int sink_commit(struct sink *sink, const struct text *envelope, char *name, char *hex);
/* Forgets it; does nothing when none is open. */
void sink_abort(struct sink *sink);

#endif
