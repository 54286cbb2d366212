#include "smtp/envelope.h"

#include "mail/mailbox.h"

#include <stdlib.h>
#include <string.h>

int envelope_init(struct envelope *envelope, const char *reverse_path, char **addresses,
                  size_t count, struct err *e)
{
    size_t i;

    *envelope = (struct envelope){.reverse_path = reverse_path, .count = count, .cap = count};
    envelope->recipients = calloc(count ? count : 1, sizeof(*envelope->recipients));
    if (!envelope->recipients)
        return err_set(e, ERR_OS, "no memory for %zu recipients", count);
    for (i = 0; i < count; i++)
        envelope->recipients[i].address = addresses[i];
    return 0;
}

int envelope_add(struct envelope *envelope, const char *address, struct err *e)
{
    size_t cap = envelope->cap ? envelope->cap * 2 : 8;
    struct recipient *more;

    if (envelope->count == envelope->cap) {
        more = realloc(envelope->recipients, cap * sizeof(*more));
        if (!more)
            return err_set(e, ERR_OS, "no memory for %zu recipients", cap);
        envelope->recipients = more;
        envelope->cap = cap;
    }
    envelope->recipients[envelope->count++] = (struct recipient){.address = address};
    return 0;
}

void envelope_release(struct envelope *envelope)
{
    size_t i;

    for (i = 0; i < envelope->count; i++)
        free(envelope->recipients[i].said);
    free(envelope->recipients);
    *envelope = (struct envelope){0};
}

void recipient_fail(struct recipient *r, enum stage stage, enum err_kind kind,
                    const struct reply *reply)
{
    r->delivery = DELIVERY_FAILED;
    r->stage = (unsigned char)stage;
    r->kind = (unsigned char)kind;
    r->code = (unsigned short)reply->code;
    r->enhanced = reply->enhanced;
    free(r->said);
    r->said = strdup(reply->text.data);
}

bool envelope_needs_utf8(const struct envelope *envelope)
{
    size_t i;

    if (mailbox_needs_utf8(envelope->reverse_path))
        return true;
    for (i = 0; i < envelope->count; i++) {
        if (mailbox_needs_utf8(envelope->recipients[i].address))
            return true;
    }
    return false;
}

size_t envelope_count(const struct envelope *envelope, enum delivery delivery)
{
    size_t i, n = 0;

    for (i = 0; i < envelope->count; i++)
        n += envelope->recipients[i].delivery == delivery;
    return n;
}

static bool is_postponed(const struct recipient *r)
{
    return r->delivery == DELIVERY_FAILED && r->stage == STAGE_RCPT &&
           (r->code == 452 || r->code == 552);
}

size_t envelope_postponed(const struct envelope *envelope)
{
    size_t i, n = 0;

    for (i = 0; i < envelope->count; i++)
        n += is_postponed(&envelope->recipients[i]);
    return n;
}

void envelope_revive(struct envelope *envelope)
{
    size_t i;

    for (i = 0; i < envelope->count; i++) {
        if (is_postponed(&envelope->recipients[i]))
            envelope->recipients[i].delivery = DELIVERY_WAITING;
    }
}
