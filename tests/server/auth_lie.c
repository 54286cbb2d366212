/* A SCRAM server that lies, in one way at a time, and is right in all others: it knows the
 * password, so that its signature holds unless that is the lie. It takes any proof: what is
 * wanted to know is how far the client goes. Channel bindings are not looked at. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

enum {
    LONG_NONCE = 75000,       /* makes a line of 100 KB */
    ITERATIONS_MAX = 5000000, /* more of them and the liar himself gives up */
    HASH_MAX = 32
};

/* The messages of RFC 5802 section 3, as they went over the wire. */
struct lie {
    struct auth *auth;
    enum lie_kind kind;
    gnutls_mac_algorithm_t mac;
    size_t hash_len;
    struct text client_first; /* whole, with the GS2 header */
    const char *bare;         /* where "n=…,r=…" begins in it */
    struct text name, nonce;
    struct text salt;
    struct text server_first;
    struct text client_final; /* whole, with the proof */
};

/* What follows KEY ("r=") up to the next comma among the attributes; NULL: it is not there. */
static const char *attribute(const char *s, const char *key, size_t *len)
{
    while (strncmp(s, key, 2) != 0) {
        s = strchr(s, ',');
        if (s == NULL)
            return NULL;
        s++;
    }
    *len = strcspn(s + 2, ",");
    return s + 2;
}

/* 0, or -1: no client-first-message. */
static int parse_first(struct lie *lie)
{
    const char *comma = strchr(lie->client_first.s, ',');
    const char *name, *nonce;
    size_t name_len = 0, nonce_len = 0;

    comma = comma == NULL ? NULL : strchr(comma + 1, ',');
    if (comma == NULL)
        return -1;
    lie->bare = comma + 1;
    name = attribute(lie->bare, "n=", &name_len);
    nonce = attribute(lie->bare, "r=", &nonce_len);
    if (name == NULL || nonce == NULL || nonce_len == 0)
        return -1;
    auth_unescape(&lie->name, name, name_len);
    text_add(&lie->nonce, nonce, nonce_len);
    return 0;
}

static void make_salt(struct lie *lie)
{
    const char *fixed = lie->auth->smtp->server->options->scram_salt;
    unsigned char salt[12];

    if (lie->kind == LIE_EMPTYSALT) {
        text_add(&lie->salt, "", 0);
    } else if (lie->kind == LIE_BADSALT) {
        text_add(&lie->salt, "%%%", 3);
    } else if (fixed != NULL) {
        text_add(&lie->salt, fixed, strlen(fixed));
    } else {
        if (gnutls_rnd(GNUTLS_RND_NONCE, salt, sizeof(salt)) < 0)
            die(71, "no random numbers");
        auth_encode(&lie->salt, salt, sizeof(salt));
    }
}

static void make_server_first(struct lie *lie)
{
    struct text *nonce = &lie->nonce, *out = &lie->server_first;
    unsigned char own[9];

    if (gnutls_rnd(GNUTLS_RND_NONCE, own, sizeof(own)) < 0)
        die(71, "no random numbers");
    if (lie->kind == LIE_NONCE)
        nonce->s[0] = nonce->s[0] == 'A' ? 'B' : 'A';
    auth_encode(nonce, own, sizeof(own));
    make_salt(lie);
    text_addf(out, "%sr=%s", lie->kind == LIE_EXTENSION ? "m=unheard-of," : "", nonce->s);
    if (lie->kind == LIE_LONGSERVERFIRST) {
        char *filler = must_calloc(LONG_NONCE, 1);

        memset(filler, 'x', LONG_NONCE);
        text_add(out, filler, LONG_NONCE);
        free(filler);
    }
    text_addf(out, ",s=%s,i=%llu", lie->salt.s,
              lie->auth->smtp->server->options->scram_iterations);
}

/* The key that the password makes. 0, or -1: can't be, or would take too long. */
static int salted_password(const struct lie *lie, const char *password, unsigned char *key)
{
    const struct options *options = lie->auth->smtp->server->options;
    gnutls_datum_t secret = {(unsigned char *)(size_t)password, (unsigned)strlen(password)};
    gnutls_datum_t coded = {(unsigned char *)lie->salt.s, (unsigned)lie->salt.len};
    gnutls_datum_t salt = {NULL, 0};
    int rc;

    if (options->scram_iterations == 0 || options->scram_iterations > ITERATIONS_MAX)
        return -1;
    if (lie->salt.len > 0 && gnutls_base64_decode2(&coded, &salt) < 0)
        return -1;
    rc = gnutls_pbkdf2(lie->mac, &secret, &salt, (unsigned)options->scram_iterations, key,
                       lie->hash_len);
    gnutls_free(salt.data);
    return rc < 0 ? -1 : 0;
}

/* The server-final-message. 0, or -1: the password or the messages don't allow one. */
static int make_server_final(const struct lie *lie, struct text *out)
{
    const char *password = auth_password(lie->auth->smtp->server->options, lie->name.s);
    const char *proof = strstr(lie->client_final.s, ",p=");
    unsigned char key[HASH_MAX], server_key[HASH_MAX], signature[HASH_MAX];
    struct text all = {NULL, 0};
    int rc;

    if (proof == NULL || password == NULL || salted_password(lie, password, key) < 0)
        return -1;
    text_addf(&all, "%s,%s,%.*s", lie->bare, lie->server_first.s,
              (int)(proof - lie->client_final.s), lie->client_final.s);
    rc = gnutls_hmac_fast(lie->mac, key, lie->hash_len, "Server Key", 10, server_key);
    if (rc == 0)
        rc = gnutls_hmac_fast(lie->mac, server_key, lie->hash_len, all.s, all.len, signature);
    text_free(&all);
    if (rc < 0)
        return -1;
    if (lie->kind == LIE_SIGNATURE)
        signature[0] ^= 1;
    text_addf(out, "v=");
    auth_encode(out, signature, lie->hash_len);
    return 0;
}

static void finish(struct lie *lie)
{
    struct auth *auth = lie->auth;
    struct text final = {NULL, 0}, answer;

    if (lie->kind == LIE_NOSIGNATURE) {
        auth->verdict = AUTH_WELCOME;
        return;
    }
    auth->verdict = AUTH_REFUSED;
    if (lie->kind == LIE_SERVERERROR)
        text_addf(&final, "e=invalid-proof");
    else if (make_server_final(lie, &final) < 0)
        return;
    if (auth_ask(auth, final.s, final.len, &answer)) {
        auth->verdict = lie->kind == LIE_SERVERERROR ? AUTH_REFUSED : AUTH_WELCOME;
        text_free(&answer);
    }
    text_free(&final);
}

static void converse(struct lie *lie)
{
    struct auth *auth = lie->auth;
    bool good;

    if (!auth_ask(auth, "", 0, &lie->client_first))
        return;
    if (parse_first(lie) < 0) {
        auth->verdict = "501 5.5.2 Not a SCRAM message";
        return;
    }
    if (lie->kind == LIE_SUCCESS_EARLY) {
        auth->verdict = AUTH_WELCOME;
        return;
    }
    make_server_first(lie);
    if (lie->kind == LIE_BADBASE64)
        good = auth_ask_raw(auth, "!this is not base64!", &lie->client_final);
    else
        good = auth_ask(auth, lie->server_first.s, lie->server_first.len, &lie->client_final);
    if (!good)
        return;
    transcript_note(&auth->smtp->conn->log, "lie: the client went on");
    finish(lie);
}

void auth_scram_lie(struct auth *auth)
{
    struct smtp *smtp = auth->smtp;
    bool sha1 = strstr(auth->mechanism, "SHA-1") != NULL;
    struct lie lie = {.auth = auth,
                      .kind = smtp->server->options->lie,
                      .mac = sha1 ? GNUTLS_MAC_SHA1 : GNUTLS_MAC_SHA256,
                      .hash_len = sha1 ? 20 : 32};

    converse(&lie);
    if (!auth->over && strcmp(auth->verdict, AUTH_WELCOME) == 0)
        snprintf(smtp->user, sizeof(smtp->user), "%.*s", USER_MAX - 1, lie.name.s);
    text_free(&lie.client_first);
    text_free(&lie.name);
    text_free(&lie.nonce);
    text_free(&lie.salt);
    text_free(&lie.server_first);
    text_free(&lie.client_final);
}
