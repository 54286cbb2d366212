#include "tls.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "text.h"

enum { CHAIN_MAX = 16 };

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

/* The bytes as they are, however stale or wrong: GnuTLS would check what it is told to staple
 * and leave out what it finds expired. */
static int staple(gnutls_session_t session, void *ptr, gnutls_datum_t *response)
{
    const struct tls *tls = ptr;

    (void)session;
    response->data = gnutls_malloc(tls->ocsp.size);
    if (response->data == NULL)
        return GNUTLS_E_MEMORY_ERROR;
    memcpy(response->data, tls->ocsp.data, tls->ocsp.size);
    response->size = tls->ocsp.size;
    return 0;
}

/* 0, or what is wrong. */
static int load_key(gnutls_privkey_t key, const char *file)
{
    gnutls_datum_t pem = {NULL, 0};
    int rc = gnutls_load_file(file, &pem);

    if (rc == 0)
        rc = gnutls_privkey_import_x509_raw(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_free(pem.data);
    return rc;
}

/* All certificates of the file, in its order: what loads a file by its name sorts them and
 * leaves out those that don't belong to the chain. */
static int load_pair(struct tls *tls, const char *cert_file, const char *key_file)
{
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    gnutls_datum_t pem = {NULL, 0};
    gnutls_privkey_t key;
    int rc = gnutls_load_file(cert_file, &pem);

    if (rc == 0)
        rc = gnutls_pcert_list_import_x509_raw(chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    if (rc < 0)
        return rc;
    if (gnutls_privkey_init(&key) < 0)
        die(71, "out of memory");
    rc = load_key(key, key_file);
    if (rc == 0)
        rc = gnutls_certificate_set_key(tls->credentials, NULL, 0, chain, (int)count, key);
    if (rc >= 0)
        return 0; /* both are the credentials' now */
    for (unsigned i = 0; i < count; i++)
        gnutls_pcert_deinit(&chain[i]);
    gnutls_privkey_deinit(key);
    return rc;
}

static void load_client_ca(struct tls *tls, const struct options *options)
{
    int rc = gnutls_certificate_set_x509_trust_file(tls->credentials, options->tls_client_ca,
                                                    GNUTLS_X509_FMT_PEM);

    if (rc <= 0)
        die(66, "no certificate in '%s': %s", options->tls_client_ca, gnutls_strerror(rc));
    tls->request = options->tls_client_required ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST;
    gnutls_certificate_set_verify_function(tls->credentials, verify_client);
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
    rc = load_pair(tls, cert, key);
    if (rc < 0)
        die(66, "can't use certificate '%s' with key '%s': %s", cert, key, gnutls_strerror(rc));
    rc = gnutls_priority_init(&tls->priority, options->tls_priority, NULL);
    if (rc < 0)
        die(64, "--tls-priority '%s': %s", options->tls_priority, gnutls_strerror(rc));
    tls->request = GNUTLS_CERT_IGNORE;
    tls->alert = options->tls_alert;
    if (options->tls_client_ca != NULL)
        load_client_ca(tls, options);
    if (options->tls_ocsp != NULL) {
        rc = gnutls_load_file(options->tls_ocsp, &tls->ocsp);
        if (rc < 0)
            die(66, "can't read '%s': %s", options->tls_ocsp, gnutls_strerror(rc));
        gnutls_certificate_set_ocsp_status_request_function(tls->credentials, staple, tls);
    }
    return true;
}

void tls_unload(struct tls *tls)
{
    if (tls->credentials != NULL)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priority != NULL)
        gnutls_priority_deinit(tls->priority);
    gnutls_free(tls->ocsp.data);
}

bool tls_client_name(const struct conn *conn, char *name, size_t size)
{
    const gnutls_datum_t *chain = NULL;
    unsigned count = 0;
    gnutls_x509_crt_t crt;

    snprintf(name, size, "none");
    if (conn->tls != NULL)
        chain = gnutls_certificate_get_peers(conn->tls, &count);
    if (chain == NULL || count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return false;
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn(crt, name, &size) < 0)
        snprintf(name, size, "unreadable");
    gnutls_x509_crt_deinit(crt);
    return true;
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
    tls_client_name(conn, client, sizeof(client));
    description = gnutls_session_get_desc(conn->tls);
    transcript_note(&conn->log, "tls %s %s sni=%s client=%s", tls_version(conn),
                    description == NULL ? "" : description, server, client);
    gnutls_free(description);
}

static void start_session(struct tls *tls, struct conn *conn)
{
    if (gnutls_init(&conn->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_priority_set(conn->tls, tls->priority) < 0 ||
        gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
        die(71, "out of memory");
    gnutls_certificate_server_set_request(conn->tls, tls->request);
    gnutls_transport_set_int(conn->tls, conn->fd);
}

/* To the end of the handshake, good or bad: what GnuTLS says. GNUTLS_E_AGAIN: time is up. */
static int shake(struct conn *conn)
{
    for (;;) {
        int rc = gnutls_handshake(conn->tls);

        if (rc == GNUTLS_E_SUCCESS || gnutls_error_is_fatal(rc))
            return rc;
        if (rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED)
            continue;
        if (conn_wait(conn, gnutls_record_get_direction(conn->tls) ? POLLOUT : POLLIN,
                      CONN_IDLE_MS) < 0)
            return GNUTLS_E_AGAIN;
    }
}

static int stop_there(gnutls_session_t session)
{
    (void)session;
    return GNUTLS_E_APPLICATION_ERROR_MIN;
}

int tls_refuse(struct tls *tls, struct conn *conn, int alert)
{
    const char *name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
    int rc;

    start_session(tls, conn);
    gnutls_handshake_set_post_client_hello_function(conn->tls, stop_there);
    rc = shake(conn);
    if (rc == GNUTLS_E_AGAIN)
        return -1;
    if (rc != GNUTLS_E_APPLICATION_ERROR_MIN) {
        transcript_note(&conn->log, "tls failed: %s", gnutls_strerror(rc));
    } else {
        transcript_note(&conn->log, "tls failed: the server's alert: %d %s", alert,
                        name == NULL ? "unknown" : name);
        gnutls_alert_send(conn->tls, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert);
    }
    conn->state = CONN_BROKEN;
    return -1;
}

int tls_handshake(struct tls *tls, struct conn *conn)
{
    int rc;

    if (tls->alert >= 0)
        return tls_refuse(tls, conn, tls->alert);
    start_session(tls, conn);
    rc = shake(conn);
    if (rc == GNUTLS_E_AGAIN)
        return -1;
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
