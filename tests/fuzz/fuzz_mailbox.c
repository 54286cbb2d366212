/* fuzz_mailbox.c: any bytes as an address field, an argument and a sender. What is accepted must
 * be safe between the angle brackets of RCPT, and must come out the same when it is read again. */
#include "mail/mailbox.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ADDRESS, read as an argument and in angle brackets, is itself. */
static void read_again(const char *address)
{
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf text;

    buf_init(&text, 4096);
    addresses_init(&list);
    require(mailbox_argument(address, NULL, &list, &e) == 0);
    buf_addf(&text, "<%s>", address);
    require(mailbox_argument(text.data, NULL, &list, &e) == 0);
    require(list.count == 1 && !strcmp(list.at[0], address));
    buf_clear(&text);
    require(mailbox_reverse_path(address, NULL, &text, &e) == 0 && !strcmp(text.data, address));
    addresses_release(&list);
    buf_release(&text);
    err_release(&e);
}

static void check(const struct addresses *list)
{
    const unsigned char *c;
    size_t i;

    for (i = 0; i < list->count; i++) {
        require(*list->at[i] && strlen(list->at[i]) <= 1000);
        for (c = (const unsigned char *)list->at[i]; *c; c++)
            require(*c >= ' ' && *c != 0x7f);
        if (i < 20)
            read_again(list->at[i]);
    }
}

static void check_error(int rc, struct err *e, enum err_kind kind)
{
    const char *c;

    require(rc == 0 || (rc == -1 && e->kind == kind && e->message[0]));
    for (c = e->message; rc < 0 && *c; c++)
        require((unsigned char)*c >= ' ' && *c != 0x7f);
    err_release(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf out;
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    addresses_init(&list);
    check_error(
        mailbox_field((const char *)data, size, size % 2 ? "home.example" : NULL, &list, &e),
        &e, ERR_DATA);
    check(&list);
    addresses_release(&list);
    check_error(mailbox_argument(text, NULL, &list, &e), &e, ERR_USAGE);
    check(&list);
    addresses_release(&list);
    buf_init(&out, 4096);
    check_error(mailbox_reverse_path(text, NULL, &out, &e), &e, ERR_USAGE);
    if (out.len)
        read_again(out.data);
    buf_clear(&out);
    mailbox_display_name(&out, text);
    require(!out.failed && !strpbrk(out.data, "\r\n"));
    buf_release(&out);
    free(text);
    return 0;
}
