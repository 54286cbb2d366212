#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct secret {
    size_t mapped; /* bytes of the whole mapping, this head included */
    size_t length;
    size_t shares;
    char bytes[];
};

void secret_harden_process(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#ifndef SANITIZED /* a leak check traces the process that it is part of */
    prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
#endif
}

struct secret *secret_take(char *data, size_t len, struct err *e)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct secret) + len + 1 + page - 1) / page * page;
    struct secret *s;

    s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) {
        explicit_bzero(data, len);
        err_set(e, ERR_OS, "no memory for a secret");
        return NULL;
    }
    /* A small RLIMIT_MEMLOCK is no reason to refuse mail: the rest of the care still holds. */
    (void)mlock(s, mapped);
    (void)madvise(s, mapped, MADV_DONTDUMP);
    (void)madvise(s, mapped, MADV_WIPEONFORK);
    s->mapped = mapped;
    s->length = len;
    s->shares = 1;
    memcpy(s->bytes, data, len);
    explicit_bzero(data, len);
    return s;
}

struct secret *secret_share(struct secret *s)
{
    s->shares++;
    return s;
}

void secret_free(struct secret *s)
{
    size_t mapped;

    if (!s || --s->shares)
        return;
    mapped = s->mapped;
    explicit_bzero(s, mapped);
    munmap(s, mapped);
}

const char *secret_bytes(const struct secret *s)
{
    return s->bytes;
}

size_t secret_length(const struct secret *s)
{
    return s->length;
}
