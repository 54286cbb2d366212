/* OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's and Microsoft's older form of it): a token in one
 * message, and on failure a challenge that says why, which the client has to answer before it
 * hears the refusal. */
#include "auth.h"

#include <string.h>
#include <strings.h>

#define ERROR_BEARER                                                                           \
    "{\"status\":\"invalid_token\",\"scope\":\"https://mail.example.org/\","                   \
    "\"openid-configuration\":\"https://mail.example.org/.well-known/openid-configuration\"}"
#define ERROR_XOAUTH2                                                                          \
    "{\"status\":\"400\",\"schemes\":\"bearer\",\"scope\":\"https://mail.example.org/\"}"

/* The value of KEY (with its equals sign) among the fields, each ended by ^A; NULL: none. LEN
 * becomes its length. */
static const char *field(const char *fields, const char *key, size_t *len)
{
    size_t key_len = strlen(key);

    while (*fields != '\0') {
        size_t n = strcspn(fields, "\x01");

        if (strncasecmp(fields, key, key_len) == 0) {
            *len = n - key_len;
            return fields + key_len;
        }
        fields += n + (fields[n] != '\0');
    }
    return NULL;
}

/* The --token whose token this is, and whose user is NAME unless that is empty; NULL: none. */
static const char *find_token(const struct options *options, const char *name,
                              const char *token, size_t len)
{
    for (size_t i = 0; i < options->tokens.count; i++) {
        const char *account = options->tokens.v[i];
        size_t user = strcspn(account, ":");

        if (strlen(account + user + 1) == len && memcmp(account + user + 1, token, len) == 0 &&
            (*name == '\0' || (strlen(name) == user && strncmp(account, name, user) == 0)))
            return account;
    }
    return NULL;
}

/* Says why, and wants the DUMMY answer. */
static void refuse(struct auth *auth, const char *why, const char *dummy)
{
    struct text answer;

    if (!auth_ask(auth, why, strlen(why), &answer))
        return;
    if (strcmp(answer.s, dummy) != 0)
        transcript_note(&auth->smtp->conn->log, "not the dummy response of %s",
                        auth->mechanism);
    auth->verdict = "535 5.7.8 Invalid token";
    text_free(&answer);
}

/* Judges the token in FIELDS for the user NAME. */
static void judge(struct auth *auth, const char *name, const char *fields, const char *why,
                  const char *dummy)
{
    size_t len = 0;
    const char *bearer = field(fields, "auth=", &len), *account;
    struct text user = {NULL, 0};

    if (bearer == NULL || len < 7 || strncasecmp(bearer, "Bearer ", 7) != 0) {
        auth->verdict = "501 5.5.2 No bearer token";
        return;
    }
    account = find_token(auth->smtp->server->options, name, bearer + 7, len - 7);
    if (account == NULL) {
        refuse(auth, why, dummy);
        return;
    }
    text_add(&user, account, strcspn(account, ":"));
    auth_grant(auth, user.s, name, "none");
    text_free(&user);
}

/* "n,a=user@example.org,^Ahost=…^Aport=…^Aauth=Bearer …^A^A" */
void auth_oauthbearer(struct auth *auth)
{
    struct text answer, name = {NULL, 0};
    const char *header, *comma;

    if (!auth_ask(auth, "", 0, &answer))
        return;
    header = answer.s;
    comma = strchr(header, '\0');
    if (strncmp(header, "n,", 2) == 0 || strncmp(header, "y,", 2) == 0)
        comma = header + 2 + strcspn(header + 2, ",\x01");
    if (*comma != ',' || comma[1] != '\x01' ||
        (comma > header + 2 && strncmp(header + 2, "a=", 2) != 0)) {
        auth->verdict = "501 5.5.2 Not an OAUTHBEARER response";
    } else {
        text_add(&name, "", 0);
        if (comma > header + 2)
            auth_unescape(&name, header + 4, (size_t)(comma - header - 4));
        judge(auth, name.s, comma + 1, ERROR_BEARER, "\x01");
        text_free(&name);
    }
    text_free(&answer);
}

/* "user=…^Aauth=Bearer …^A^A" */
void auth_xoauth2(struct auth *auth)
{
    struct text answer, name = {NULL, 0};
    const char *user;
    size_t len = 0;

    if (!auth_ask(auth, "", 0, &answer))
        return;
    user = field(answer.s, "user=", &len);
    if (user == NULL || len == 0) {
        auth->verdict = "501 5.5.2 Not an XOAUTH2 response";
    } else {
        text_add(&name, user, len);
        judge(auth, name.s, answer.s, ERROR_XOAUTH2, "");
        text_free(&name);
    }
    text_free(&answer);
}
