#include "mail/mailbox.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SLOTS_AT_FIRST = 64 };

void addresses_init(struct addresses *list)
{
    *list = (struct addresses){.count = 0};
}

void addresses_release(struct addresses *list)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        free(list->at[i]);
    free(list->at);
    free(list->slots);
    addresses_init(list);
}

/* Where the domain starts: a quoted local part can hold an '@', a domain can't. */
static size_t domain_offset(const char *address)
{
    const char *at = strrchr(address, '@');

    return at ? (size_t)(at - address) : strlen(address);
}

/* Equal addresses have equal hashes. The seed keeps whoever writes a header from choosing
 * addresses that all fall into one slot. */
static uint64_t hash(const struct addresses *list, const char *address)
{
    size_t domain = domain_offset(address), i;
    uint64_t h = list->seed;

    for (i = 0; address[i]; i++) {
        h ^= (uint64_t)(i < domain ? (unsigned char)address[i]
                                   : text_lower((unsigned char)address[i]));
        h *= UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    return h ^ (h >> 15);
}

static bool same(const char *a, const char *b)
{
    size_t domain = domain_offset(a);

    return domain == domain_offset(b) && !memcmp(a, b, domain) &&
           text_same(a + domain, b + domain);
}

/* The slot that has ADDRESS or is free for it; slots hold an index plus one, 0 is free. */
static size_t *find_slot(const struct addresses *list, const char *address)
{
    size_t mask = list->slot_count - 1, i = (size_t)hash(list, address) & mask;

    while (list->slots[i] && !same(list->at[list->slots[i] - 1], address))
        i = (i + 1) & mask;
    return &list->slots[i];
}

/* Double the slots, so that half of them at least stay free. */
static int grow_slots(struct addresses *list)
{
    size_t count = list->slot_count ? list->slot_count * 2 : SLOTS_AT_FIRST, i;
    size_t *slots = calloc(count, sizeof(*slots));

    if (!slots)
        return -1;
    if (!list->slots && getrandom(&list->seed, sizeof(list->seed), 0) < 0)
        list->seed = (uint64_t)(uintptr_t)slots; /* a weaker secret still does its work */
    free(list->slots);
    list->slots = slots;
    list->slot_count = count;
    for (i = 0; i < list->count; i++)
        *find_slot(list, list->at[i]) = i + 1;
    return 0;
}

static int grow_list(struct addresses *list)
{
    size_t cap = list->cap ? list->cap * 2 : 8;
    char **at = realloc(list->at, cap * sizeof(*at));

    if (!at)
        return -1;
    list->at = at;
    list->cap = cap;
    return 0;
}

long addresses_find(const struct addresses *list, const char *address)
{
    return list->slots ? (long)*find_slot(list, address) - 1 : -1;
}

int addresses_add(struct addresses *list, const char *address, struct err *e)
{
    size_t *slot;
    char *copy;

    if ((list->count + 1) * 2 > list->slot_count && grow_slots(list) < 0)
        return err_set(e, ERR_OS, "no memory for %zu addresses", list->count + 1);
    slot = find_slot(list, address);
    if (*slot)
        return 0;
    copy = list->count < list->cap || grow_list(list) == 0 ? strdup(address) : NULL;
    if (!copy)
        return err_set(e, ERR_OS, "no memory for %zu addresses", list->count + 1);
    list->at[list->count++] = copy;
    *slot = list->count;
    return 0;
}
