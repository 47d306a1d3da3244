/* Which implementations this processor can run, best first, and the choice by name. */

#ifndef BLINDMATCH_NATIVE_DISPATCH_H
#define BLINDMATCH_NATIVE_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "impl.h"
#include "sha512.h"

/* The curve arithmetic of one instruction set, and the hashing that goes with it. */
typedef struct {
    const curve_core *curve;
    sha512_many *hash;
} core;

/* Usable cores, numbered from 0, best first; NULL behind the last. */
const core *core_number(size_t number);

/* NULL for a name that is unknown here or that this processor cannot run. */
const core *core_named(const char *name);

#if defined(__x86_64__)
/* What the processor says (CPUID leaf 1 ECX, leaf 7 EBX) and what the system saves at a switch of threads (XCR0). The
 * decision stands alone, so that a test can ask it about machines that are not there. */
int runs_avx512ifma(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint64_t xcr0);
#endif

#endif
