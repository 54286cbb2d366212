#include "smtp/sasl.h"

#include "base/text.h"

#include <string.h>

/* RFC 4616: [authzid] NUL authcid NUL passwd. */
static int plain_respond(struct sasl *s, const char *challenge, size_t len,
                         struct buf *response)
{
    (void)challenge;
    if (s->step || len)
        return -1;
    buf_addch(response, '\0');
    buf_addstr(response, s->identity->user);
    buf_addch(response, '\0');
    return buf_add(response, secret_bytes(s->identity->password),
                   secret_length(s->identity->password));
}

/* draft-murchison-sasl-login: user and password, each after a prompt whose words don't matter. */
static int login_respond(struct sasl *s, const char *challenge, size_t len,
                         struct buf *response)
{
    (void)challenge;
    (void)len;
    if (s->step == 0)
        return buf_addstr(response, s->identity->user);
    if (s->step == 1)
        return buf_add(response, secret_bytes(s->identity->password),
                       secret_length(s->identity->password));
    return -1;
}

static const struct sasl_mechanism plain = {"PLAIN", true, plain_respond};
static const struct sasl_mechanism login = {"LOGIN", false, login_respond};
static const struct sasl_mechanism *const all[] = {&plain, &login, NULL};

const struct sasl_mechanism *const *sasl_all(void)
{
    return all;
}

const struct sasl_mechanism *sasl_find(const char *name)
{
    size_t i;

    for (i = 0; all[i]; i++) {
        if (text_same(all[i]->name, name))
            return all[i];
    }
    return NULL;
}
