#include "cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "text.h"

enum { DAY = 24 * 3600, VALID_DAYS = 3650 };

static void check(int rc, const char *what)
{
    if (rc < 0)
        die(70, "can't make a certificate: %s: %s", what, gnutls_strerror(rc));
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;

    check(gnutls_x509_privkey_init(&key), "key");
    check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
          "generate");
    return key;
}

/* What both certificates have: key, name, serial number, times, version 3. */
static gnutls_x509_crt_t new_certificate(gnutls_x509_privkey_t key, const char *name)
{
    unsigned char serial[16], id[64];
    size_t id_size = sizeof(id);
    gnutls_x509_crt_t crt;
    time_t now = time(NULL);

    check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)), "random");
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
    check(gnutls_x509_crt_init(&crt), "certificate");
    check(gnutls_x509_crt_set_version(crt, 3), "version");
    check(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), "serial");
    check(gnutls_x509_crt_set_activation_time(crt, now - DAY), "time");
    check(gnutls_x509_crt_set_expiration_time(crt, now + (time_t)VALID_DAYS * DAY), "time");
    check(gnutls_x509_crt_set_key(crt, key), "key");
    check(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                        (unsigned)strlen(name)),
          "name");
    check(gnutls_x509_crt_get_key_id(crt, 0, id, &id_size), "key id");
    check(gnutls_x509_crt_set_subject_key_id(crt, id, id_size), "key id");
    return crt;
}

static gnutls_x509_crt_t make_ca(gnutls_x509_privkey_t key)
{
    gnutls_x509_crt_t ca = new_certificate(key, "smtpsend test CA");

    check(gnutls_x509_crt_set_basic_constraints(ca, 1, 0), "basic constraints");
    check(gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN),
          "key usage");
    check(gnutls_x509_crt_sign2(ca, ca, key, GNUTLS_DIG_SHA256, 0), "sign");
    return ca;
}

static gnutls_x509_crt_t make_server(gnutls_x509_privkey_t key, gnutls_x509_crt_t ca,
                                     gnutls_x509_privkey_t ca_key)
{
    gnutls_x509_crt_t crt = new_certificate(key, "localhost");
    unsigned char v4[4], v6[16], id[64];
    size_t id_size = sizeof(id);

    inet_pton(AF_INET, "127.0.0.1", v4);
    inet_pton(AF_INET6, "::1", v6);
    check(gnutls_x509_crt_set_basic_constraints(crt, 0, -1), "basic constraints");
    check(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "key usage");
    check(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose");
    check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                               GNUTLS_FSAN_SET),
          "names");
    check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v4, sizeof(v4),
                                               GNUTLS_FSAN_APPEND),
          "names");
    check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v6, sizeof(v6),
                                               GNUTLS_FSAN_APPEND),
          "names");
    check(gnutls_x509_crt_get_subject_key_id(ca, id, &id_size, NULL), "key id");
    check(gnutls_x509_crt_set_authority_key_id(crt, id, id_size), "key id");
    check(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0), "sign");
    return crt;
}

/* DIR/NAME with just these bytes, whole or not at all. */
static void write_file(int dir, const char *name, mode_t mode, const gnutls_datum_t *bytes)
{
    char temporary[64];
    int fd;

    snprintf(temporary, sizeof(temporary), ".%s.new", name);
    unlinkat(dir, temporary, 0);
    fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, bytes->data, bytes->size) != (ssize_t)bytes->size)
        die(73, "can't write '%s': %s", name, strerror(errno));
    close(fd);
    if (renameat(dir, temporary, dir, name) < 0)
        die(73, "can't write '%s': %s", name, strerror(errno));
}

static void write_certificate(int dir, const char *name, gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem = {NULL, 0};

    check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "export");
    write_file(dir, name, 0644, &pem);
    gnutls_free(pem.data);
}

static void make_all(int dir)
{
    gnutls_x509_privkey_t ca_key = new_key(), key = new_key();
    gnutls_x509_crt_t ca = make_ca(ca_key), server = make_server(key, ca, ca_key);
    gnutls_datum_t pem = {NULL, 0};

    check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "export");
    write_file(dir, "server.key", 0600, &pem);
    gnutls_free(pem.data);
    write_certificate(dir, "server.pem", server);
    write_certificate(dir, "ca.pem", ca);
    gnutls_x509_crt_deinit(server);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(ca_key);
}

void cert_make(const char *path)
{
    int dir;

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        die(73, "can't make '%s': %s", path, strerror(errno));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || flock(dir, LOCK_EX) < 0)
        die(73, "can't use '%s': %s", path, strerror(errno));
    if (faccessat(dir, "server.key", R_OK, 0) < 0 ||
        faccessat(dir, "server.pem", R_OK, 0) < 0 || faccessat(dir, "ca.pem", R_OK, 0) < 0)
        make_all(dir);
    close(dir);
}
