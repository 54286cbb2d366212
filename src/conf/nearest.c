#include "conf/nearest.h"

#include "base/text.h"

#include <string.h>

enum { NAME_BYTES = 64, WRONG_MAX = 3 };

static bool same(char a, char b)
{
    return a == b || text_lower((unsigned char)(a == '_' ? '-' : a)) ==
                         text_lower((unsigned char)(b == '_' ? '-' : b));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* In how many letters the two differ, a swap of neighbours being one (optimal string alignment).
 * Both are shorter than NAME_BYTES. rows[2] is the table's line for the letters of A up to the one
 * at hand, [1] and [0] are the two before it. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_BYTES + 1], i, j, n = strlen(b);

    for (j = 0; j <= n; j++)
        rows[1][j] = rows[2][j] = j;
    for (i = 1; a[i - 1]; i++) {
        memcpy(rows[0], rows[1], sizeof(rows[0]));
        memcpy(rows[1], rows[2], sizeof(rows[1]));
        rows[2][0] = i;
        for (j = 1; j <= n; j++) {
            rows[2][j] = least(rows[1][j], rows[2][j - 1]) + 1;
            rows[2][j] = least(rows[2][j], rows[1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                rows[2][j] = least(rows[2][j], rows[0][j - 2] + 1);
        }
    }
    return rows[2][n];
}

const char *nearest_name(const char *word, const char *const *names)
{
    size_t len = strlen(word), best = least(len / 3, WRONG_MAX) + 1, there, apart;
    const char *nearest = NULL;

    for (; len < NAME_BYTES && *names; names++) {
        there = strlen(*names);
        if (there >= NAME_BYTES || (there > len ? there - len : len - there) >= best)
            continue;
        apart = distance(word, *names);
        if (apart < best) {
            best = apart;
            nearest = *names;
        }
    }
    return nearest;
}
