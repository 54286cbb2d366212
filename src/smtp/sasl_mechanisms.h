/* sasl_mechanisms.h: the tables of the mechanisms that have a file of their own. */
#ifndef SMTP_SASL_MECHANISMS_H
#define SMTP_SASL_MECHANISMS_H

#include "smtp/sasl.h"

/* Kerberos is optional at build time: no package of ours needs it but that one mechanism. */
#if __has_include(<gssapi/gssapi.h>)
#define HAVE_GSSAPI 1
#endif

extern const struct sasl_mechanism sasl_scram_sha_256_plus, sasl_scram_sha_256;
extern const struct sasl_mechanism sasl_scram_sha_1_plus, sasl_scram_sha_1;
extern const struct sasl_mechanism sasl_oauthbearer, sasl_xoauth2;
extern const struct sasl_mechanism sasl_cram_md5;
#ifdef HAVE_GSSAPI
extern const struct sasl_mechanism sasl_gssapi;
#endif

#endif
