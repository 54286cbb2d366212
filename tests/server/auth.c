#include "auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/* 0, or -1: not base64. */
static int decode(struct text *out, const char *line)
{
    gnutls_datum_t coded = {(unsigned char *)(size_t)line, (unsigned)strlen(line)};
    gnutls_datum_t plain = {NULL, 0};

    if (*line == '\0' || strcmp(line, "=") == 0) {
        text_add(out, "", 0);
        return 0;
    }
    if (coded.size % 4 != 0 || gnutls_base64_decode2(&coded, &plain) < 0)
        return -1;
    text_add(out, (const char *)plain.data, plain.size);
    gnutls_free(plain.data);
    return 0;
}

void auth_encode(struct text *out, const void *bytes, size_t len)
{
    gnutls_datum_t plain = {(unsigned char *)(size_t)bytes, (unsigned)len};
    gnutls_datum_t coded = {NULL, 0};

    text_add(out, "", 0);
    if (len == 0)
        return;
    if (gnutls_base64_encode2(&plain, &coded) < 0)
        die(71, "out of memory");
    text_add(out, (const char *)coded.data, coded.size);
    gnutls_free(coded.data);
}

/* Decodes LINE; false, and a verdict, if it can't be done. */
static bool take(struct auth *auth, const char *line, struct text *answer)
{
    if (decode(answer, line) == 0)
        return true;
    auth->verdict = "501 5.5.2 Not base64";
    return false;
}

bool auth_ask_raw(struct auth *auth, const char *challenge, struct text *answer)
{
    const char *initial = auth->initial;
    struct text prompt = {NULL, 0};
    char *line;
    size_t len;
    int rc;

    memset(answer, 0, sizeof(*answer));
    auth->initial = NULL;
    if (initial != NULL)
        return take(auth, initial, answer);
    text_addf(&prompt, "334 %s", challenge);
    rc = reply_plain(auth->smtp, prompt.s);
    text_free(&prompt);
    if (rc == 0)
        rc = conn_read_line(auth->smtp->conn, &line, &len);
    auth->over = rc < 0;
    if (rc > 0)
        auth->verdict = "500 5.5.6 Line too long";
    else if (rc == 0 && strcmp(line, "*") == 0)
        auth->verdict = "501 5.7.0 Cancelled";
    else if (rc == 0)
        return take(auth, line, answer);
    return false;
}

bool auth_ask(struct auth *auth, const char *challenge, size_t len, struct text *answer)
{
    struct text coded = {NULL, 0};
    bool good;

    auth_encode(&coded, challenge, len);
    good = auth_ask_raw(auth, coded.s, answer);
    text_free(&coded);
    return good;
}

/* What NAME:VALUE has behind the colon where it is NAME's; else NULL. */
static const char *value_of(const char *account, const char *name)
{
    size_t len = strlen(name);

    if (len != strcspn(account, ":") || strncmp(account, name, len) != 0)
        return NULL;
    return account + len + 1;
}

const char *auth_password(const struct options *options, const char *name)
{
    for (size_t i = 0; i < options->users.count; i++)
        if (value_of(options->users.v[i], name) != NULL)
            return value_of(options->users.v[i], name);
    return NULL;
}

static bool is_account(const struct options *options, const char *name)
{
    for (size_t i = 0; i < options->tokens.count; i++)
        if (value_of(options->tokens.v[i], name) != NULL)
            return true;
    return auth_password(options, name) != NULL;
}

void auth_unescape(struct text *out, const char *s, size_t len)
{
    const char *end = s + len;

    text_add(out, "", 0);
    while (s < end) {
        size_t left = (size_t)(end - s);
        bool comma = left >= 3 && strncasecmp(s, "=2C", 3) == 0;
        bool equals = left >= 3 && strncasecmp(s, "=3D", 3) == 0;

        text_add(out, comma ? "," : equals ? "=" : s, 1);
        s += comma || equals ? 3 : 1;
    }
}

void auth_grant(struct auth *auth, const char *identity, const char *authzid,
                const char *binding)
{
    struct smtp *smtp = auth->smtp;
    size_t len = strlen(identity);

    auth->verdict = AUTH_REFUSED;
    transcript_note(&smtp->conn->log, "auth %s user=%s authzid=%s binding=%s", auth->mechanism,
                    identity, authzid, binding);
    if (*authzid != '\0' && !is_account(smtp->server->options, authzid)) {
        auth->verdict = "535 5.7.8 Not allowed to act for that one";
    } else if (len < USER_MAX) {
        memcpy(smtp->user, identity, len + 1);
        auth->verdict = AUTH_WELCOME;
    }
}

static void judge_password(struct auth *auth, const char *authzid, const char *name,
                           const char *given)
{
    const char *password = auth_password(auth->smtp->server->options, name);

    auth->verdict = AUTH_REFUSED;
    if (password != NULL && strcmp(password, given) == 0)
        auth_grant(auth, name, authzid, "none");
}

/* RFC 4616: authorization identity NUL name NUL password. */
static void run_plain(struct auth *auth)
{
    struct text answer;
    const char *name, *password, *end;

    if (!auth_ask(auth, "", 0, &answer))
        return;
    end = answer.s + answer.len;
    name = memchr(answer.s, '\0', answer.len);
    password = name == NULL ? NULL : memchr(name + 1, '\0', (size_t)(end - name - 1));
    if (password == NULL)
        auth->verdict = "501 5.5.2 Not a PLAIN response";
    else
        judge_password(auth, answer.s, name + 1, password + 1);
    text_free(&answer);
}

static void run_login(struct auth *auth)
{
    struct text name, password;

    if (!auth_ask(auth, "Username:", 9, &name))
        return;
    if (auth_ask(auth, "Password:", 9, &password)) {
        judge_password(auth, "", name.s, password.s);
        text_free(&password);
    }
    text_free(&name);
}

static void judge_digest(struct auth *auth, const struct text *challenge, char *name,
                         const char *digest)
{
    const char *password = auth_password(auth->smtp->server->options, name);
    struct text wanted = {NULL, 0};
    unsigned char hmac[16];

    auth->verdict = AUTH_REFUSED;
    if (password == NULL || gnutls_hmac_fast(GNUTLS_MAC_MD5, password, strlen(password),
                                             challenge->s, challenge->len, hmac) < 0)
        return;
    for (size_t i = 0; i < sizeof(hmac); i++)
        text_addf(&wanted, "%02x", hmac[i]);
    if (strcmp(wanted.s, digest) == 0)
        auth_grant(auth, name, "", "none");
    text_free(&wanted);
}

/* RFC 2195: the server speaks first; the answer is the name, a blank and 32 hex digits. */
static void run_cram_md5(struct auth *auth)
{
    struct text challenge = {NULL, 0}, answer;
    unsigned long long random;
    char *blank;

    if (auth->initial != NULL) {
        auth->verdict = "501 5.5.2 CRAM-MD5 takes no initial response";
        return;
    }
    if (gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random)) < 0)
        die(71, "no random numbers");
    text_addf(&challenge, "<%llu.%u@localhost>", random, auth->smtp->counts[STAGE_AUTH]);
    if (auth_ask(auth, challenge.s, challenge.len, &answer)) {
        blank = strrchr(answer.s, ' ');
        if (blank == NULL) {
            auth->verdict = "501 5.5.2 Not a CRAM-MD5 response";
        } else {
            *blank = '\0';
            judge_digest(auth, &challenge, answer.s, blank + 1);
        }
        text_free(&answer);
    }
    text_free(&challenge);
}

/* RFC 4422 appendix A: TLS has seen the certificate; the client says whom it acts for, or
 * nothing. */
static void run_external(struct auth *auth)
{
    struct text identity = {NULL, 0}, authzid;
    char name[256];
    bool known = tls_client_name(auth->smtp->conn, name, sizeof(name));

    if (!auth_ask(auth, "", 0, &authzid))
        return;
    if (!known) {
        auth->verdict = "535 5.7.8 No client certificate";
    } else {
        text_addf(&identity, "EXTERNAL:%s", authzid.len > 0 ? authzid.s : name);
        auth_grant(auth, identity.s, authzid.s, "none");
        text_free(&identity);
    }
    text_free(&authzid);
}

static const struct mechanism {
    const char *name;
    void (*run)(struct auth *);
} mechanisms[] = {
    {"PLAIN", run_plain},
    {"LOGIN", run_login},
    {"CRAM-MD5", run_cram_md5},
    {"EXTERNAL", run_external},
    {"OAUTHBEARER", auth_oauthbearer},
    {"XOAUTH2", auth_xoauth2},
    {"SCRAM-SHA-1", auth_scram},
    {"SCRAM-SHA-256", auth_scram},
    {"SCRAM-SHA-1-PLUS", auth_scram},
    {"SCRAM-SHA-256-PLUS", auth_scram},
};

bool auth_mech_like(const struct options *options, const char *begin, const char *end)
{
    size_t first = strlen(begin), last = strlen(end);

    for (const char *p = options->mechs; *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n >= first && n >= last && strncasecmp(p, begin, first) == 0 &&
            strncasecmp(p + n - last, end, last) == 0)
            return true;
        p += n;
    }
    return false;
}

bool auth_possible(const struct options *options)
{
    return options->users.count > 0 || options->tokens.count > 0 ||
           (options->tls_client_ca != NULL && auth_mech_like(options, "EXTERNAL", "EXTERNAL"));
}

/* A reply of 3xx given by --reply: a challenge of the test's own. Whatever the client answers,
 * the exchange has failed. */
static int run_challenge(struct smtp *smtp, const struct text *challenge)
{
    char *line;
    size_t len;
    int rc;

    if (reply_say(smtp, STAGE_AUTH, challenge, NULL) < 0)
        return -1;
    rc = conn_read_line(smtp->conn, &line, &len);
    if (rc < 0)
        return -1;
    if (rc == 0 && strcmp(line, "*") == 0)
        return reply_plain(smtp, "501 5.7.0 Cancelled");
    return reply_plain(smtp, "535 5.7.8 Authentication refused");
}

/* Why AUTH is out of place just now; NULL: it is not. */
static const char *out_of_place(const struct smtp *smtp)
{
    if (smtp->user[0] != '\0')
        return "503 5.5.1 Authenticated already";
    if (smtp->mail)
        return "503 5.5.1 Not within a transaction";
    if (!smtp->esmtp)
        return "503 5.5.1 EHLO first";
    if (smtp_offers_auth(smtp))
        return NULL;
    return smtp_has(smtp, CAP_AUTH) && auth_possible(smtp->server->options)
               ? "538 5.7.11 Encryption is needed"
               : "502 5.5.1 Not offered";
}

/* The exchange of the mechanism NAME, up to a verdict. 0, or -1: over. */
static int exchange(struct auth *auth, const char *name)
{
    auth->verdict = out_of_place(auth->smtp);
    if (auth->verdict != NULL)
        return 0;
    auth->verdict = "504 5.5.4 Mechanism not offered";
    if (!auth_mech_like(auth->smtp->server->options, name, name))
        return 0;
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (strcasecmp(mechanisms[i].name, name) == 0) {
            auth->mechanism = mechanisms[i].name;
            mechanisms[i].run(auth);
        }
    return auth->over ? -1 : 0;
}

/* RFC 4954. A reply given by --reply ends the exchange in place of the verdict; where it makes a
 * success of a failure, the user is called "?". */
int smtp_auth(struct smtp *smtp, char *args)
{
    const struct text *other = reply_override(smtp, STAGE_AUTH);
    struct auth auth = {.smtp = smtp};
    char *mechanism, *blank;
    const char *said;
    int rc;

    if (other != NULL && reply_code(other->s) / 100 == 3)
        return run_challenge(smtp, other);
    mechanism = strdup(args);
    if (mechanism == NULL)
        die(71, "out of memory");
    blank = strchr(mechanism, ' ');
    auth.initial = blank == NULL ? NULL : blank + 1;
    if (blank != NULL)
        *blank = '\0';
    rc = exchange(&auth, mechanism);
    free(mechanism);
    if (rc < 0)
        return -1;
    said = other == NULL ? auth.verdict : other->s;
    if (reply_code(said) / 100 == 2 && smtp->user[0] == '\0')
        smtp->user[0] = '?';
    else if (reply_code(said) / 100 != 2 && other != NULL)
        smtp->user[0] = '\0';
    return reply_say(smtp, STAGE_AUTH, other, auth.verdict);
}
