/* The cores that a test program can be asked for by name, past the choice that dispatch.c makes: also the emulated one,
 * and one that this processor cannot run (then the program dies of SIGILL, and the test has asked before). */

#ifndef BLINDMATCH_HARNESS_CORES_H
#define BLINDMATCH_HARNESS_CORES_H

#include <string.h>

#include "batch.h"

#if defined(__x86_64__) || defined(NATIVE_EMULATED_VECTORS)
extern const curve_core avx512ifma_core;
#endif

static inline const core *core_called(const char *name)
{
    static const core portable = {&portable_core, sha512_many_portable};
    if (strcmp(name, "portable") == 0) {
        return &portable;
    }
#if defined(NATIVE_EMULATED_VECTORS)
    static const core emulated = {&avx512ifma_core, sha512_many_portable};
    if (strcmp(name, "avx512ifma") == 0) {
        return &emulated;
    }
#elif defined(__x86_64__)
    static const core ifma = {&avx512ifma_core, sha512_many_avx512};
    if (strcmp(name, "avx512ifma") == 0) {
        return &ifma;
    }
#endif
    return NULL;
}

/* Repeatable bytes; not random in any serious sense, and need not be. */
static inline void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(seed >> 56);
    }
}

#endif
