/*
 * A certificate authority and a server certificate for tests, made on the spot (RFC 5280).
 */
#ifndef TESTSERVER_CERT_H
#define TESTSERVER_CERT_H

/* Makes DIR with ca.pem, server.pem (DNS:localhost, IP 127.0.0.1 and ::1) and server.key (mode
 * 0600), ECDSA P-256, unless all three are there. Servers that start at the same time with the
 * same DIR wait for each other. Errors end the program. */
void cert_make(const char *dir);

#endif
