/* nearest.h: what somebody may have meant who wrote a name that there is not. */
#ifndef CONF_NEAREST_H
#define CONF_NEAREST_H

/* The name in NAMES, ended by NULL, that is nearest to WORD, or NULL where none is near: a letter
 * wrong, missing, too much or swapped with the next for each three in WORD, three at most. Case
 * and '_' for '-' are no difference. Of several the first. */
const char *nearest_name(const char *word, const char *const *names);

#endif
