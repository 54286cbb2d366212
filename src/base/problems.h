/* problems.h: several errors at once, where one run can find more than one. */
#ifndef BASE_PROBLEMS_H
#define BASE_PROBLEMS_H

#include "base/err.h"

/* Beyond these the rest is only counted. */
enum { PROBLEMS_MAX = 100 };

/* All zero is none. */
struct problems {
    struct err *at; /* owned, in the order they were found */
    size_t count;
    size_t more; /* that there was no room for */
};

/* Move E, which is left empty, to the end of the list. */
void problems_add(struct problems *problems, struct err *e);

void problems_release(struct problems *problems);

#endif
