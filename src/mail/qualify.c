#include "mail/qualify.h"

/* The value of FIELD where it is one of addresses and has a bare name; OUT as for
 * mailbox_qualify. */
static bool qualify_value(const struct header *h, const struct field *field, const char *domain,
                          struct buf *out)
{
    static const char *const names[] = {
        "From",        "Sender",        "Reply-To",        "To",        "Cc",
        "Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc"};
    size_t i;

    if (field->removed)
        return false;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (header_is_called(h, field, names[i]))
            return mailbox_qualify(h->bytes.data + field->value,
                                   field->start + field->len - field->value, domain, out);
    }
    return false;
}

bool qualify_is_needed(const struct header *h)
{
    size_t i;

    for (i = 0; i < h->count; i++) {
        if (qualify_value(h, &h->fields[i], NULL, NULL))
            return true;
    }
    return false;
}

static int qualify_field(struct header *h, size_t index, const char *domain, struct err *e)
{
    const struct field *field = &h->fields[index];
    struct buf text;
    int status = 0;

    buf_init(&text, h->bytes.max - h->bytes.len);
    buf_add(&text, h->bytes.data + field->start, field->value - field->start);
    if (qualify_value(h, field, domain, &text) && (!text.failed || text.no_memory)) {
        status = buf_check(&text, ERR_DATA, "the header", e);
        if (!status)
            status = header_replace(h, index, &text, e);
    }
    buf_release(&text);
    return status;
}

int qualify_header(struct header *h, const char *domain, struct err *e)
{
    size_t i;

    for (i = 0; i < h->count; i++) {
        if (qualify_field(h, i, domain, e))
            return -1;
    }
    return 0;
}
