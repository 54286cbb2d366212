#include "tls.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/x509.h>

#include "text.h"

/* Called whether or not the client sent a certificate; where one is required GnuTLS sees to it. */
static int verify_client(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(size_t)GNUTLS_KP_TLS_WWW_CLIENT,
                                     .size = 0};
    unsigned status = 0;

    if (gnutls_certificate_get_peers(session, &status) == NULL)
        return 0;
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    return 0;
}

bool tls_load(struct tls *tls, const struct options *options)
{
    char cert[PATH_MAX], key[PATH_MAX];
    int rc;

    memset(tls, 0, sizeof(*tls));
    if (options->tls_cert != NULL) {
        snprintf(cert, sizeof(cert), "%s", options->tls_cert);
        snprintf(key, sizeof(key), "%s", options->tls_key);
    } else if (options->make_cert != NULL) {
        snprintf(cert, sizeof(cert), "%s/server.pem", options->make_cert);
        snprintf(key, sizeof(key), "%s/server.key", options->make_cert);
    } else {
        return false;
    }
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
        die(71, "out of memory");
    rc = gnutls_certificate_set_x509_key_file(tls->credentials, cert, key, GNUTLS_X509_FMT_PEM);
    if (rc < 0)
        die(66, "can't use certificate '%s' with key '%s': %s", cert, key, gnutls_strerror(rc));
    rc = gnutls_priority_init(&tls->priority, options->tls_priority, NULL);
    if (rc < 0)
        die(64, "--tls-priority '%s': %s", options->tls_priority, gnutls_strerror(rc));
    tls->request = GNUTLS_CERT_IGNORE;
    if (options->tls_client_ca != NULL) {
        rc = gnutls_certificate_set_x509_trust_file(tls->credentials, options->tls_client_ca,
                                                    GNUTLS_X509_FMT_PEM);
        if (rc <= 0)
            die(66, "no certificate in '%s': %s", options->tls_client_ca, gnutls_strerror(rc));
        tls->request = options->tls_client_required ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST;
        gnutls_certificate_set_verify_function(tls->credentials, verify_client);
    }
    return true;
}

void tls_unload(struct tls *tls)
{
    if (tls->credentials != NULL)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priority != NULL)
        gnutls_priority_deinit(tls->priority);
}

/* "CN=…" of the client's certificate into NAME, or "none". */
static void client_name(gnutls_session_t session, char *name, size_t size)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t crt;

    snprintf(name, size, "none");
    if (chain == NULL || count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn(crt, name, &size) < 0)
        snprintf(name, size, "unreadable");
    gnutls_x509_crt_deinit(crt);
}

static void note_session(struct conn *conn)
{
    char server[256] = "", client[256];
    size_t size = sizeof(server);
    unsigned type = 0;
    char *description;

    if (!transcript_on(&conn->log))
        return;
    if (gnutls_server_name_get(conn->tls, server, &size, &type, 0) < 0)
        snprintf(server, sizeof(server), "none");
    client_name(conn->tls, client, sizeof(client));
    description = gnutls_session_get_desc(conn->tls);
    transcript_note(&conn->log, "tls %s %s sni=%s client=%s", tls_version(conn),
                    description == NULL ? "" : description, server, client);
    gnutls_free(description);
}

int tls_handshake(struct tls *tls, struct conn *conn)
{
    int rc;

    if (gnutls_init(&conn->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_priority_set(conn->tls, tls->priority) < 0 ||
        gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
        die(71, "out of memory");
    gnutls_certificate_server_set_request(conn->tls, tls->request);
    gnutls_transport_set_int(conn->tls, conn->fd);
    for (;;) {
        rc = gnutls_handshake(conn->tls);
        if (rc == GNUTLS_E_SUCCESS || gnutls_error_is_fatal(rc))
            break;
        if (rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED)
            continue;
        if (conn_wait(conn, gnutls_record_get_direction(conn->tls) ? POLLOUT : POLLIN,
                      CONN_IDLE_MS) < 0)
            return -1;
    }
    /* The client's last handshake message and its first command come together. */
    conn->flight = true;
    if (rc == GNUTLS_E_SUCCESS) {
        note_session(conn);
        return 0;
    }
    if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
        transcript_note(&conn->log, "tls failed: the client's alert: %s",
                        gnutls_alert_get_name(gnutls_alert_get(conn->tls)));
    else
        transcript_note(&conn->log, "tls failed: %s", gnutls_strerror(rc));
    gnutls_alert_send_appropriate(conn->tls, rc);
    conn->state = CONN_BROKEN;
    return -1;
}

const char *tls_version(const struct conn *conn)
{
    const char *name = NULL;

    if (conn->tls != NULL)
        name = gnutls_protocol_get_name(gnutls_protocol_get_version(conn->tls));
    return name == NULL ? "" : name;
}
