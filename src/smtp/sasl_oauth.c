/* sasl_oauth.c: OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's and Microsoft's older form).
 *
 * Both send the token at once. Where the server refuses it, a 334 explains why in JSON, and wants
 * a dummy response before it says 535. */
#include "base/text.h"
#include "smtp/sasl_mechanisms.h"

#include <stdlib.h>
#include <string.h>

enum { CTRL_A = 1 };

/* Copy the string value of the JSON member KEY, its escapes left as they are: it is only shown. */
static bool json_member(const char *json, const char *key, struct buf *out)
{
    const char *at = json, *end;
    size_t len = strlen(key);

    while ((at = strchr(at, '"'))) {
        at++;
        if (!strncmp(at, key, len) && at[len] == '"') {
            at += len + 1;
            at += strspn(at, " \t\r\n");
            if (*at != ':')
                continue;
            at += 1 + strspn(at + 1, " \t\r\n");
            if (*at != '"')
                return false;
            end = strchr(at + 1, '"');
            return end && !buf_add(out, at + 1, (size_t)(end - at - 1));
        }
    }
    return false;
}

/* Keep what the server explains: "invalid_token, scope ...". */
static void keep_explanation(struct sasl *s, const char *challenge, size_t len)
{
    static const char *const members[] = {"status", "scope", "schemes"};
    char *json = strndup(challenge, len);
    struct buf value;
    size_t i;

    buf_clear(&s->said);
    buf_init(&value, 1024);
    for (i = 0; json && i < sizeof(members) / sizeof(members[0]); i++) {
        buf_clear(&value);
        if (!json_member(json, members[i], &value))
            continue;
        if (i)
            buf_addf(&s->said, "%s%s ", s->said.len ? ", " : "", members[i]);
        buf_add(&s->said, value.data, value.len);
    }
    buf_release(&value);
    free(json);
}

static void add_token(struct sasl *s, struct buf *response)
{
    buf_addstr(response, "auth=Bearer ");
    buf_add(response, secret_bytes(s->identity->token), secret_length(s->identity->token));
    buf_addch(response, CTRL_A);
    buf_addch(response, CTRL_A);
}

static enum sasl_result unexpected(struct err *e)
{
    err_set(e, ERR_PROTOCOL, "the server asks more than a bearer token has to say");
    return SASL_UNABLE;
}

/* A name inside a GS2 header (RFC 5801 section 4): ',' and '=' are escaped. */
static void add_gs2_name(struct buf *out, const char *name)
{
    for (; *name; name++) {
        if (*name == ',')
            buf_addstr(out, "=2C");
        else if (*name == '=')
            buf_addstr(out, "=3D");
        else
            buf_addch(out, *name);
    }
}

static enum sasl_result oauthbearer_respond(struct sasl *s, const char *challenge, size_t len,
                                            struct buf *response, struct err *e)
{
    const char *who = s->identity->authzid ? s->identity->authzid : s->identity->user;

    if (s->step > 1)
        return unexpected(e);
    if (s->step == 1) {
        keep_explanation(s, challenge, len);
        buf_addch(response, CTRL_A); /* RFC 7628 section 3.2.3 */
        return SASL_OK;
    }
    buf_addstr(response, "n,");
    if (who) {
        buf_addstr(response, "a=");
        add_gs2_name(response, who);
    }
    buf_addf(response, ",%c", CTRL_A);
    if (s->host)
        buf_addf(response, "host=%s%c", s->host, CTRL_A);
    if (s->port && text_number(s->port, 65535) > 0)
        buf_addf(response, "port=%s%c", s->port, CTRL_A);
    add_token(s, response);
    return SASL_OK;
}

static enum sasl_result xoauth2_respond(struct sasl *s, const char *challenge, size_t len,
                                        struct buf *response, struct err *e)
{
    if (s->step > 1)
        return unexpected(e);
    if (s->step == 1) {
        keep_explanation(s, challenge, len);
        return SASL_OK; /* an empty line */
    }
    buf_addf(response, "user=%s%c", s->identity->user, CTRL_A);
    add_token(s, response);
    return SASL_OK;
}

const struct sasl_mechanism sasl_oauthbearer = {.name = "OAUTHBEARER",
                                                .proof = SASL_TOKEN,
                                                .authzid = true,
                                                .initial = true,
                                                .respond = oauthbearer_respond};
const struct sasl_mechanism sasl_xoauth2 = {.name = "XOAUTH2",
                                            .proof = SASL_TOKEN,
                                            .initial = true,
                                            .needs_user = true,
                                            .respond = xoauth2_respond};
