/* fuzz_caps.c: what EHLO offers, in any bytes. */
#include "check.h"

#include "smtp/caps.h"

enum { WORDS_SOUGHT = 50 };

/* Each word that was kept is one that is found; the first of them will do. */
static void find_all(const struct caps *c)
{
    const char *at = c->mechanisms.data, *end = at + c->mechanisms.len, *blank;
    char *name;
    int words = 0;

    while (words++ < WORDS_SOUGHT && (blank = memchr(at, ' ', (size_t)(end - at)))) {
        name = strndup(at, (size_t)(blank - at));
        CHECK(name);
        if (strlen(name) == (size_t)(blank - at))
            CHECK(caps_has_mechanism(c, name));
        free(name);
        at = blank + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Now and then a text as long as a reply may be. */
    size_t times = size > 2 && data[size - 1] == '*' ? 65536 / size : 1, i;
    char *text = malloc(size * times + 1);
    struct caps c;

    CHECK(text);
    for (i = 0; i < times; i++)
        memcpy(text + i * size, data, size);
    caps_init(&c);
    caps_parse(&c, text, size * times);
    CHECK(c.bits < CAP_ENHANCED_CODES << 1 && c.size_limit <= INT64_MAX);
    CHECK(!c.size_limit || (c.bits & CAP_SIZE));
    CHECK(!c.mechanisms.len || (c.bits & CAP_AUTH));
    CHECK(!caps_has_mechanism(&c, "NO SUCH"));
    (void)caps_has_mechanism(&c, "PLAIN");
    find_all(&c);
    caps_clear(&c);
    CHECK(!c.bits && !c.size_limit && !caps_has_mechanism(&c, "PLAIN"));
    caps_release(&c);
    free(text);
    return 0;
}
