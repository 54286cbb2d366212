#include "conf/assignments.h"

#include <stdlib.h>

int assignments_add(struct assignments *list, const struct assignment *a, struct err *e)
{
    size_t cap = list->cap ? 2 * list->cap : 16;
    struct assignment *at;

    if (list->count == list->cap) {
        at = reallocarray(list->at, cap, sizeof(*at));
        if (!at)
            return err_set(e, ERR_OS, "no memory for settings");
        list->at = at;
        list->cap = cap;
    }
    list->at[list->count++] = *a;
    return 0;
}

int assignments_apply(const struct assignments *list, struct settings *settings, struct err *e)
{
    const struct assignment *a;

    for (a = list->at; a < list->at + list->count; a++) {
        if (settings_set(settings, &a->origin, a->value, e))
            return -1;
    }
    return 0;
}

void assignments_release(struct assignments *list)
{
    free(list->at);
    *list = (struct assignments){0};
}
