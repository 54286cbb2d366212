/* fuzz_sasl.c: any bytes as a server's challenges, one a line, to each mechanism in turn. Whoever
 * does not know the password must never be believed, nor told it by a mechanism that hides it.
 * GSSAPI is left out: its library would read the machine's tickets and ask its name servers. */
#include "base/text.h"
#include "smtp/sasl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 8, SLOW = 10000 };

static const char password[] = "correct horse battery staple";
static const char token[] = "ya29.token";
static struct sasl_identity identity;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct secret *secret(const char *text)
{
    struct err e = ERR_INIT;
    char *copy = strdup(text);
    struct secret *made;

    require(copy != NULL);
    made = secret_take(copy, strlen(copy), &e);
    require(made != NULL);
    free(copy);
    return made;
}

/* More rounds of hashing than there is time for here. */
static bool is_slow(const uint8_t *data, size_t size)
{
    size_t i;
    long rounds;

    for (i = 0; i + 2 < size; i++) {
        if (data[i] != 'i' || data[i + 1] != '=')
            continue;
        rounds = 0;
        for (size_t j = i + 2; j < size && text_digit(data[j]) && rounds < 1000000000; j++)
            rounds = rounds * 10 + (data[j] - '0');
        if (rounds > SLOW && rounds <= 2000000)
            return true;
    }
    return false;
}

static void check_step(const struct sasl *s, enum sasl_result result,
                       const struct buf *response, const struct err *e)
{
    bool shows = !strcmp(s->mechanism->name, "PLAIN") || !strcmp(s->mechanism->name, "LOGIN");
    const unsigned char *c;

    require(result == SASL_OK || (e->kind != ERR_NONE && e->message[0]));
    for (c = (const unsigned char *)e->message; *c; c++)
        require(*c >= ' ' && *c != 0x7f);
    require(shows || !memmem(response->data, response->len, password, sizeof(password) - 1));
    require(s->mechanism->proof == SASL_TOKEN ||
            !memmem(response->data, response->len, token, sizeof(token) - 1));
    require(s->said.len <= 4096 && response->len <= 12288);
}

/* One challenge, in a block of its own. */
static enum sasl_result respond(struct sasl *s, const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    enum sasl_result result;
    struct buf response;
    char *exact = malloc(size + 1);

    require(exact != NULL);
    if (size)
        memcpy(exact, data, size);
    exact[size] = '\0';
    buf_init_secret(&response, 12288);
    result = s->mechanism->respond(s, exact, size, &response, &e);
    s->step++;
    check_step(s, result, &response, &e);
    buf_release(&response);
    err_release(&e);
    free(exact);
    return result;
}

static void converse(const struct sasl_mechanism *mechanism, const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    enum sasl_result result = SASL_OK;
    struct buf binding;
    struct sasl s;
    const uint8_t *end;
    size_t len;

    sasl_init(&s, mechanism, &identity);
    buf_init(&binding, 64);
    buf_addstr(&binding, "binding");
    s.host = "server.example.com";
    s.port = "587";
    s.binding_type = mechanism->binds ? "tls-exporter" : NULL;
    s.binding = &binding;
    s.nonce = "nonce";
    if (mechanism->initial)
        result = respond(&s, data, 0);
    require(result == SASL_OK);
    while (result == SASL_OK && s.step < STEPS_MAX) {
        end = size ? memchr(data, '\n', size) : NULL;
        len = end ? (size_t)(end - data) : size;
        result = respond(&s, data, len);
        if (!end)
            break;
        data += len + 1;
        size -= len + 1;
    }
    require(!mechanism->finish || mechanism->finish(&s, &e) == SASL_FRAUD);
    err_release(&e);
    buf_release(&binding);
    sasl_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sasl_mechanism *const *m;

    /* What the server says itself comes back in SCRAM's nonce. */
    if (is_slow(data, size) || memmem(data, size, password, sizeof(password) - 1) ||
        memmem(data, size, token, sizeof(token) - 1))
        return 0;
    if (!identity.user)
        identity = (struct sasl_identity){.user = "a,b=c@example.org",
                                          .authzid = "an=other,one",
                                          .password = secret(password),
                                          .token = secret(token),
                                          .certificate = true};
    for (m = sasl_all(); *m; m++) {
        if ((*m)->proof != SASL_TICKET)
            converse(*m, data, size);
    }
    return 0;
}
