/* fuzz_alias.c: any bytes as an aliases file. What names stand for is addresses and bare names
 * that are themselves when they are read again; nothing takes more room than the file allows; and
 * what is no aliases file is an error that names it, with no raw bytes of it. */
#include "check.h"

#include "mail/alias.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Names that a file is likely to have, and one that it can't have. */
static const char *const names[] = {"a", "B", "root", "\"a b\"", "default", "n-o-b-o-d-y"};

static void check_list(const struct addresses *list, size_t most)
{
    struct addresses again;
    struct err e = ERR_INIT;
    size_t i;

    CHECK(list->count <= most);
    for (i = 0; i < list->count && i < 20; i++) {
        addresses_init(&again);
        CHECK(!mailbox_argument(list->at[i], NULL, &again, &e));
        CHECK(again.count == 1 && !strcmp(again.at[0], list->at[i]));
        addresses_release(&again);
    }
}

static void check_error(struct err *e, const char *path)
{
    const char *c;

    CHECK(e->kind == ERR_CONFIG && strstr(e->message, path));
    for (c = e->message; *c; c++)
        CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
    err_release(e);
}

static void expand(struct aliases *a, const char *path, size_t size)
{
    const size_t count = sizeof(names) / sizeof(names[0]);
    struct addresses list, out;
    struct err e = ERR_INIT;
    size_t i;

    for (i = 0; i <= count; i++) {
        addresses_init(&list);
        addresses_init(&out);
        if (i < count)
            CHECK(!addresses_add(&list, names[i], &e));
        CHECK(!addresses_add(&list, "a@example.org", &e));
        if (aliases_expand(a, &list, &out, &e))
            check_error(&e, path);
        else
            CHECK(out.count > 0);
        check_list(&out, size + 2);
        addresses_release(&list);
        addresses_release(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct aliases *a;
    char path[64];
    int fd = memfd_create("aliases", MFD_CLOEXEC);

    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    a = aliases_open(path, &e);
    if (a)
        expand(a, path, size);
    else
        check_error(&e, path);
    aliases_free(a);
    close(fd);
    return 0;
}
