#include "base/problems.h"

#include <stdlib.h>

void problems_add(struct problems *problems, struct err *e)
{
    if (!problems->at)
        problems->at = calloc(PROBLEMS_MAX, sizeof(*problems->at));
    if (!problems->at || problems->count == PROBLEMS_MAX) {
        problems->more++;
        err_release(e);
        return;
    }
    err_move(&problems->at[problems->count++], e);
}

void problems_release(struct problems *problems)
{
    size_t i;

    for (i = 0; i < problems->count; i++)
        err_release(&problems->at[i]);
    free(problems->at);
    *problems = (struct problems){0};
}
