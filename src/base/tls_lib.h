/* tls_lib.h: GnuTLS, loaded only by a run that needs it.
 *
 * Linking GnuTLS would cost every run eleven shared objects and some 1.5 ms of relocation; most
 * local runs (plain to loopback, --help) have no use for it. So it is opened on first use, and
 * its functions are reached through this table. tls_lib.def lists them. */
#ifndef BASE_TLS_LIB_H
#define BASE_TLS_LIB_H

#include "base/err.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct tls_lib {
#define TLS_LIB_FUNCTION(name) __typeof__(&gnutls_##name) name;
#include "base/tls_lib.def"
#undef TLS_LIB_FUNCTION
};

/* The table; the library is loaded by the first call and stays. NULL with ERR_OS where it is not
 * installed or lacks a function that we need. */
const struct tls_lib *tls_lib_load(struct err *e);

#endif
