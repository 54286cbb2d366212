/* tls_context.h: what the files of TLS share: the context and its parts.
 *
 * tls.c shakes hands and carries bytes, tls_context.c reads what the user named, tls_trust.c
 * chooses trust anchors, tls_crl.c minds revocation lists, tls_verify.c judges the server. */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "base/buf.h"
#include "base/tls_lib.h"
#include "net/bundle.h"
#include "net/tls.h"

#include <time.h>

enum { PIN_BYTES = 32 /* SHA-256 */, TLS_DATE_MAX = 32 };

/* A trust anchor: where its certificate is, and whose it is. */
struct anchor {
    struct bundle_place place;
    size_t subject, subject_len; /* in the subjects of all */
};

struct anchors {
    struct bundle *bundle;
    struct buf list;     /* of struct anchor */
    struct buf subjects; /* raw names, one after another */
};

struct tls_context {
    const struct tls_lib *lib;
    struct tls_wishes wishes;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    char *name; /* wishes.name as it is sent and compared: A-labels, no trailing dot */
    struct anchors anchors;
    gnutls_x509_crl_t *lists; /* what --tls-crl names; the credentials have copies */
    unsigned int list_count;
    unsigned char (*pins)[PIN_BYTES];
    size_t pin_count;
};

/* The raw issuer and subject of a certificate, pointing into DER. False where it is none. */
bool certificate_names(const unsigned char *der, size_t len, gnutls_datum_t *issuer,
                       gnutls_datum_t *subject);

/* Read the PEM bundle at PATH; at least one certificate must be in it. -1 with ERR_NOINPUT (the
 * file can't be read) or ERR_CONFIG. */
int anchors_read(struct anchors *anchors, const char *path, struct err *e);

/* Read the system's bundle. 1; 0 where this system has none that we know. */
int anchors_read_system(struct anchors *anchors);
void anchors_release(struct anchors *anchors);

/* Import into the context's credentials those anchors whose subject is an issuer or a subject in
 * CHAIN: all that can end a path from it, cross-signed roots included. Importing all 140 of a
 * system takes some 10 ms and 70 million instructions; noting them all and importing these, a
 * fiftieth of that. */
int anchors_import(struct tls_context *c, const gnutls_datum_t *chain, unsigned int length,
                   struct err *e);

/* Read the revocation lists (PEM) that are wished for, if any, and give them to the credentials.
 * -1 with ERR_NOINPUT (the file can't be read) or ERR_CONFIG. */
int crls_read(struct tls_context *c, struct err *e);
void crls_release(struct tls_context *c);

/* GnuTLS takes lists of any age and from anybody. Those in the name of an issuer in CHAIN, whose
 * verdict was good, have to be signed by it and not to be due for replacement (RFC 5280 section
 * 5.1.2.5); else -1. */
int crls_check(struct tls_context *c, const gnutls_datum_t *chain, unsigned int count,
               struct err *e);

/* "2025-01-31 12:00 UTC". False where the time is no date. */
bool tls_date(time_t when, char day[TLS_DATE_MAX]);

/* Judge the server of SESSION: pins, chain, purpose, revocation, name (RFC 9525). 0, or -1 with
 * the verdict in words. */
int tls_verify(struct tls_context *c, gnutls_session_t session, struct err *e);

#endif
