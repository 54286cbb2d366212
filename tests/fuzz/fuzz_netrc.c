/* fuzz_netrc.c: any bytes as a netrc file. What is found is a login and a password that stand in
 * it; what is not a netrc gives neither, and its bytes never come up in an error. */
#include "conf/netrc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The bytes of VALUE stand in the file, in this order; others between them are quoting. */
static void stands_in(const uint8_t *data, size_t size, const struct buf *value)
{
    size_t i = 0, j;

    for (j = 0; j < size && i < value->len; j++)
        i += (char)data[j] == value->data[i];
    require(i == value->len);
}

static void look(const char *path, const uint8_t *data, size_t size, const char *host,
                 const char *user)
{
    struct err e = ERR_INIT;
    struct buf login, password;
    int found;

    buf_init(&login, 65536);
    buf_init_secret(&password, 65536);
    found = netrc_find(path, host, user, &login, &password, &e);
    require(found >= -1 && found <= 1);
    if (found == 1) {
        require(e.kind == ERR_NONE && password.len > 0);
        require(!user || !login.len || !strcmp(login.data, user));
        stands_in(data, size, &login);
        stands_in(data, size, &password);
        require(memmem(data, size, "password", 8) != NULL);
    } else {
        require(!login.len && !password.len);
        require((found < 0) == (e.kind == ERR_CONFIG));
        require(!strstr(e.message, "geheim"));
    }
    buf_release(&login);
    buf_release(&password);
    err_release(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("netrc", MFD_CLOEXEC);

    require(fd >= 0 && !fchmod(fd, 0600));
    require(write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    look(path, data, size, "mail.example.org", NULL);
    look(path, data, size, "mail.example.org", "me");
    look(path, data, size, "other.example", "me");
    close(fd);
    return 0;
}
