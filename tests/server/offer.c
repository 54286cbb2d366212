#include "offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

enum { EXIT_USAGE = 64 };

static const char *const cap_names[] = {"STARTTLS", "AUTH", "PIPELINING",
                                        "CHUNKING", "SIZE", "8BITMIME",
                                        "SMTPUTF8", "DSN",  "ENHANCEDSTATUSCODES"};

/* The bit of a named capability that WORD is, 0: none of them. */
static unsigned capability_of(const char *word)
{
    for (size_t i = 0; i < sizeof(cap_names) / sizeof(cap_names[0]); i++)
        if (strcasecmp(cap_names[i], word) == 0)
            return 1u << i;
    return 0;
}

static char *copy(const char *s)
{
    char *made = strdup(s);

    if (made == NULL)
        die(71, "out of memory");
    return made;
}

static void add_word(struct offer *offer, const char *option, const char *word)
{
    unsigned cap = capability_of(word);

    offer->caps |= cap;
    if (cap != 0)
        return;
    if (strncasecmp(word, "SIZE=", 5) == 0) {
        if (number_parse(word + 5, 1ULL << 60, &offer->size_limit) < 0)
            die(EXIT_USAGE, "%s SIZE wants a number of bytes, not '%s'", option, word + 5);
        offer->caps |= CAP_SIZE;
    } else if (strncasecmp(word, "AUTH ", 5) == 0) {
        free(offer->auth);
        offer->auth = copy(word);
        offer->caps |= CAP_AUTH;
    } else {
        offer->extra =
            must_realloc(offer->extra, (offer->extra_count + 1) * sizeof(*offer->extra));
        offer->extra[offer->extra_count++] = copy(word);
    }
}

static void remove_word(struct offer *offer, const char *option, const char *word)
{
    unsigned cap = capability_of(word);

    if (cap == 0)
        die(EXIT_USAGE, "%s: unknown capability '%s'", option, word);
    offer->caps &= ~cap;
}

static void each_word(struct offer *offer, const char *option, const char *list,
                      void (*use)(struct offer *, const char *, const char *))
{
    char *words = copy(list), *rest = NULL;

    for (char *w = strtok_r(words, ",", &rest); w != NULL; w = strtok_r(NULL, ",", &rest)) {
        size_t len;

        w += strspn(w, " ");
        len = strlen(w);
        while (len > 0 && w[len - 1] == ' ')
            w[--len] = '\0';
        if (len > 0)
            use(offer, option, w);
    }
    free(words);
}

void offer_add(struct offer *offer, const char *option, const char *list)
{
    offer->given = true;
    each_word(offer, option, list, add_word);
}

void offer_remove(struct offer *offer, const char *option, const char *list)
{
    each_word(offer, option, list, remove_word);
}

void offer_free(struct offer *offer)
{
    for (size_t i = 0; i < offer->extra_count; i++)
        free(offer->extra[i]);
    free(offer->extra);
    free(offer->auth);
}
