/*
 * The server's side of TLS: credentials made once and shared by all connections (GnuTLS allows
 * that for reading), and the handshake of one connection.
 */
#ifndef TESTSERVER_TLS_H
#define TESTSERVER_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "conn.h"
#include "options.h"

struct tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_certificate_request_t request;
    gnutls_datum_t ocsp; /* what is stapled, as the file has it; data NULL: nothing */
    int alert;           /* of --tls-alert, or -1 */
};

/* Loads certificate, key and client CA as OPTIONS say, those of --make-cert where no other is
 * named. Ends the program on errors. False: no certificate, no TLS. */
bool tls_load(struct tls *tls, const struct options *options);
void tls_unload(struct tls *tls);

/* The handshake, its outcome noted in the transcript. A client certificate that does not verify
 * fails it. 0, or -1: over. */
int tls_handshake(struct tls *tls, struct conn *conn);
/* Reads the ClientHello and answers it with an alert of this number. Always -1. */
int tls_refuse(struct tls *tls, struct conn *conn, int alert);

/* The distinguished name of the client's certificate, which has been verified, into NAME.
 * False, and "none": there is none. */
bool tls_client_name(const struct conn *conn, char *name, size_t size);

/* "TLS1.3"; "" in clear. */
const char *tls_version(const struct conn *conn);

#endif
