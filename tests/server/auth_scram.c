/* SCRAM (RFC 5802, 7677) by GNU SASL, so that the client is tested against what others wrote.
 * With -PLUS the binding is tls-exporter (RFC 9266) in TLS 1.3 and tls-unique below. */
#include "auth.h"

#include <stdio.h>
#include <string.h>

#include <gnutls/gnutls.h>

#ifdef HAVE_GSASL
#include <gsasl.h>

static bool is_plus(const struct auth *auth)
{
    size_t len = strlen(auth->mechanism);

    return strcmp(auth->mechanism + len - 5, "-PLUS") == 0;
}

/* The TLS session's binding of a TYPE, as GNU SASL's PROPERTY. Without -PLUS there is none: by
 * having one GNU SASL concludes that -PLUS is on offer. */
static int give_binding(struct auth *auth, Gsasl_session *session, Gsasl_property property,
                        gnutls_channel_binding_t type)
{
    gnutls_session_t tls = auth->smtp->conn->tls;
    bool exporter = type == GNUTLS_CB_TLS_EXPORTER;
    gnutls_datum_t binding = {NULL, 0};
    struct text coded = {NULL, 0};
    int rc;

    if (!is_plus(auth) || tls == NULL ||
        (gnutls_protocol_get_version(tls) >= GNUTLS_TLS1_3) != exporter ||
        gnutls_session_channel_binding(tls, type, &binding) < 0)
        return GSASL_NO_CALLBACK;
    auth_encode(&coded, binding.data, binding.size);
    gnutls_free(binding.data);
    rc = gsasl_property_set(session, property, coded.s);
    text_free(&coded);
    return rc;
}

static int on_property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
    struct auth *auth = gsasl_session_hook_get(session);
    const struct options *options = auth->smtp->server->options;
    const char *name, *password;
    char number[24];

    (void)gsasl;
    switch (property) {
    case GSASL_PASSWORD:
        name = gsasl_property_fast(session, GSASL_AUTHID);
        password = name == NULL ? NULL : auth_password(options, name);
        return password == NULL ? GSASL_NO_PASSWORD
                                : gsasl_property_set(session, property, password);
    case GSASL_SCRAM_ITER:
        snprintf(number, sizeof(number), "%llu", options->scram_iterations);
        return gsasl_property_set(session, property, number);
    case GSASL_SCRAM_SALT:
        return options->scram_salt == NULL
                   ? GSASL_NO_CALLBACK
                   : gsasl_property_set(session, property, options->scram_salt);
    case GSASL_CB_TLS_EXPORTER:
        return give_binding(auth, session, property, GNUTLS_CB_TLS_EXPORTER);
    case GSASL_CB_TLS_UNIQUE:
        return give_binding(auth, session, property, GNUTLS_CB_TLS_UNIQUE);
    default:
        return GSASL_NO_CALLBACK;
    }
}

/* RFC 5802 section 6: "y" says that the client could bind and saw no -PLUS. If there was one,
 * somebody took it out. GNU SASL can't know what the other mechanisms on offer are. */
static bool stripped(const struct auth *auth, const struct text *first)
{
    const struct smtp *smtp = auth->smtp;

    if (first->s[0] != 'y' || smtp->conn->tls == NULL ||
        !auth_mech_like(smtp->server->options, "SCRAM-", "-PLUS"))
        return false;
    transcript_note(&smtp->conn->log, "the client saw no -PLUS, but it is offered");
    return true;
}

static void grant(struct auth *auth, Gsasl_session *session)
{
    const char *name = gsasl_property_fast(session, GSASL_AUTHID);
    const char *authzid = gsasl_property_fast(session, GSASL_AUTHZID);
    const char *binding = "none";

    if (is_plus(auth))
        binding = gsasl_property_fast(session, GSASL_CB_TLS_EXPORTER) != NULL ? "tls-exporter"
                                                                              : "tls-unique";
    auth_grant(auth, name == NULL ? "" : name, authzid == NULL ? "" : authzid, binding);
}

/* The server's side of the exchange; ANSWER, what the client said last, is replaced by each
 * further one. */
static void converse(struct auth *auth, Gsasl_session *session, struct text *answer)
{
    int rc = GSASL_NEEDS_MORE;

    do {
        char *out = NULL;
        size_t len = 0;
        bool more;

        rc = gsasl_step(session, answer->s, answer->len, &out, &len);
        text_free(answer);
        more = (rc == GSASL_OK && len > 0) || rc == GSASL_NEEDS_MORE;
        /* The last message is a challenge too: 235 can't carry it (RFC 4954 section 4). */
        if (more && !auth_ask(auth, out, len, answer)) {
            gsasl_free(out);
            return;
        }
        gsasl_free(out);
    } while (rc == GSASL_NEEDS_MORE);
    if (rc == GSASL_OK && answer->len == 0)
        grant(auth, session);
    else if (rc == GSASL_OK || rc == GSASL_MECHANISM_PARSE_ERROR)
        auth->verdict = "501 5.5.2 Not a SCRAM message";
    else
        auth->verdict = AUTH_REFUSED;
    if (rc != GSASL_OK)
        transcript_note(&auth->smtp->conn->log, "scram: %s", gsasl_strerror_name(rc));
}

void auth_scram(struct auth *auth)
{
    const struct server *server = auth->smtp->server;
    Gsasl_session *session = NULL;
    struct text answer;

    if (server->options->lie != LIE_NONE) {
        auth_scram_lie(auth);
        return;
    }
    if (!auth_ask(auth, "", 0, &answer))
        return;
    auth->verdict = "535 5.7.8 Channel binding is offered";
    if (stripped(auth, &answer)) {
        text_free(&answer);
        return;
    }
    auth->verdict = "504 5.5.4 No channel binding without TLS";
    if ((!is_plus(auth) || auth->smtp->conn->tls != NULL) &&
        gsasl_server_start(server->gsasl, auth->mechanism, &session) == GSASL_OK) {
        gsasl_session_hook_set(session, auth);
        converse(auth, session, &answer);
        gsasl_finish(session);
    }
    text_free(&answer);
}

struct Gsasl *scram_open(const struct options *options)
{
    Gsasl *gsasl = NULL;

    if (options->lie != LIE_NONE || !auth_mech_like(options, "SCRAM-", ""))
        return NULL;
    if (gsasl_init(&gsasl) != GSASL_OK)
        die(71, "can't start GNU SASL");
    gsasl_callback_set(gsasl, on_property);
    return gsasl;
}

void scram_close(struct Gsasl *gsasl)
{
    if (gsasl != NULL)
        gsasl_done(gsasl);
}

#else

void auth_scram(struct auth *auth)
{
    auth_scram_lie(auth);
}

struct Gsasl *scram_open(const struct options *options)
{
    if (options->lie == LIE_NONE && auth_mech_like(options, "SCRAM-", ""))
        die(69, "built without GNU SASL (libgsasl): SCRAM is there with --lie only");
    return NULL;
}

void scram_close(struct Gsasl *gsasl)
{
    (void)gsasl;
}

#endif
