/* check.h: what every fuzz target needs: its entry, and a fact that must hold. */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(fact)                                                                            \
    do {                                                                                       \
        if (!(fact))                                                                           \
            abort();                                                                           \
    } while (0)

#endif
