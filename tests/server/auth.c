#include "smtp.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gnutls/gnutls.h>

/* Decoded bytes of one line of the exchange; NUL-terminated too. */
struct answer {
    struct text bytes;
    bool cancelled; /* "*" */
    bool bad;       /* not base64 */
};

static void decode(struct answer *answer, const char *line)
{
    gnutls_datum_t coded = {(unsigned char *)(size_t)line, (unsigned)strlen(line)};
    gnutls_datum_t plain = {NULL, 0};

    if (*line == '\0' || strcmp(line, "=") == 0) {
        text_add(&answer->bytes, "", 0);
        return;
    }
    if (coded.size % 4 != 0 || gnutls_base64_decode2(&coded, &plain) < 0) {
        answer->bad = true;
        return;
    }
    text_add(&answer->bytes, (const char *)plain.data, plain.size);
    gnutls_free(plain.data);
}

/* The initial response if there is one, else what the client says to PROMPT. 0, or -1: over. */
static int ask(struct smtp *smtp, const char *initial, const char *prompt,
               struct answer *answer)
{
    char *line;
    size_t len;
    int rc;

    memset(answer, 0, sizeof(*answer));
    if (initial != NULL) {
        decode(answer, initial);
        return 0;
    }
    if (reply_plain(smtp, prompt) < 0)
        return -1;
    rc = conn_read_line(smtp->conn, &line, &len);
    if (rc < 0)
        return -1;
    answer->cancelled = rc == 0 && strcmp(line, "*") == 0;
    if (rc > 0)
        answer->bad = true;
    else if (!answer->cancelled)
        decode(answer, line);
    return 0;
}

/* What a broken exchange gets; NULL: it is not broken. */
static const char *broken(const struct answer *answer)
{
    if (answer->cancelled)
        return "501 5.7.0 Cancelled";
    return answer->bad ? "501 5.5.2 Not base64" : NULL;
}

static const char *judge_account(struct smtp *smtp, const char *user, const char *password)
{
    const struct options *options = smtp->server->options;
    size_t len = strlen(user);

    for (size_t i = 0; i < options->users.count; i++) {
        const char *account = options->users.v[i];

        if (len == strcspn(account, ":") && strncmp(account, user, len) == 0 &&
            strcmp(account + len + 1, password) == 0 && len < USER_MAX) {
            memcpy(smtp->user, user, len + 1);
            return "235 2.7.0 Welcome";
        }
    }
    return "535 5.7.8 Wrong name or password";
}

/* RFC 4616: authorization identity NUL name NUL password. */
static int run_plain(struct smtp *smtp, const char *initial, const char **verdict)
{
    struct answer answer;
    const char *name, *password, *end;

    if (ask(smtp, initial, "334 ", &answer) < 0)
        return -1;
    *verdict = broken(&answer);
    if (*verdict == NULL) {
        end = answer.bytes.s + answer.bytes.len;
        name = memchr(answer.bytes.s, '\0', answer.bytes.len);
        password = name == NULL ? NULL : memchr(name + 1, '\0', (size_t)(end - name - 1));
        *verdict = password == NULL ? "501 5.5.2 Not a PLAIN response"
                                    : judge_account(smtp, name + 1, password + 1);
    }
    text_free(&answer.bytes);
    return 0;
}

static int run_login(struct smtp *smtp, const char *initial, const char **verdict)
{
    struct answer name, password;

    if (ask(smtp, initial, "334 VXNlcm5hbWU6", &name) < 0)
        return -1;
    *verdict = broken(&name);
    if (*verdict == NULL) {
        if (ask(smtp, NULL, "334 UGFzc3dvcmQ6", &password) < 0) {
            text_free(&name.bytes);
            return -1;
        }
        *verdict = broken(&password);
        if (*verdict == NULL)
            *verdict = judge_account(smtp, name.bytes.s, password.bytes.s);
        text_free(&password.bytes);
    }
    text_free(&name.bytes);
    return 0;
}

static bool mechanism_offered(const struct options *options, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = options->mechs; *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == len && strncasecmp(p, name, n) == 0)
            return true;
        p += n;
    }
    return false;
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
    return smtp_has(smtp, CAP_AUTH) && smtp->server->options->users.count > 0
               ? "538 5.7.11 Encryption is needed"
               : "502 5.5.1 Not offered";
}

/* The exchange of MECHANISM; VERDICT becomes the reply that it earns. 0, or -1: over. */
static int exchange(struct smtp *smtp, const char *mechanism, const char *initial,
                    const char **verdict)
{
    bool offered = mechanism_offered(smtp->server->options, mechanism);

    *verdict = out_of_place(smtp);
    if (*verdict != NULL)
        return 0;
    if (offered && strcasecmp(mechanism, "PLAIN") == 0)
        return run_plain(smtp, initial, verdict);
    if (offered && strcasecmp(mechanism, "LOGIN") == 0)
        return run_login(smtp, initial, verdict);
    *verdict = "504 5.5.4 Mechanism not offered";
    return 0;
}

/* RFC 4954. A reply given by --reply ends the exchange in place of the verdict; where it makes a
 * success of a failure, the user is called "?". */
int smtp_auth(struct smtp *smtp, char *args)
{
    const struct text *other = reply_override(smtp, STAGE_AUTH);
    char *mechanism = strdup(args), *initial, *blank;
    const char *verdict, *said;
    int rc;

    if (other != NULL && reply_code(other->s) / 100 == 3) {
        free(mechanism);
        return run_challenge(smtp, other);
    }
    if (mechanism == NULL)
        die(71, "out of memory");
    blank = strchr(mechanism, ' ');
    initial = blank == NULL ? NULL : blank + 1;
    if (blank != NULL)
        *blank = '\0';
    rc = exchange(smtp, mechanism, initial, &verdict);
    free(mechanism);
    if (rc < 0)
        return -1;
    said = other == NULL ? verdict : other->s;
    if (reply_code(said) / 100 == 2 && smtp->user[0] == '\0')
        smtp->user[0] = '?';
    else if (reply_code(said) / 100 != 2 && other != NULL)
        smtp->user[0] = '\0';
    return reply_say(smtp, STAGE_AUTH, other, verdict);
}
