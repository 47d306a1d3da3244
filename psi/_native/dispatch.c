/* The one place that looks at the processor.
 *
 * An instruction set may be used when the processor has it *and* the operating system saves its registers at a switch
 * of threads; either alone means SIGILL or, worse, wrong values. CPUID says the first, XGETBV the second. The compiler's
 * own __builtin_cpu_supports would do as well, but differs between compilers and cannot be tested.
 */

#include "dispatch.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Words are loaded as they lie in memory: this is for little-endian machines."
#endif
#ifndef __SIZEOF_INT128__
#error "The portable arithmetic needs 64-bit words and their 128-bit products."
#endif

#if defined(__x86_64__)
#include <cpuid.h>

#define OSXSAVE (UINT32_C(1) << 27) /* leaf 1, ECX: XGETBV is there, and the system uses XSAVE */
#define AVX512F (UINT32_C(1) << 16) /* leaf 7, EBX */
#define AVX512DQ (UINT32_C(1) << 17)
#define AVX512IFMA (UINT32_C(1) << 21)
#define AVX512BW (UINT32_C(1) << 30)
#define AVX512VL (UINT32_C(1) << 31)
#define NEEDED (AVX512F | AVX512DQ | AVX512IFMA | AVX512BW | AVX512VL)
#define SAVED UINT64_C(0xe6) /* XCR0: SSE 1, AVX 2, masks 5, upper halves of zmm0-15 6, zmm16-31 7 */

int runs_avx512ifma(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint64_t xcr0)
{
    return (leaf1_ecx & OSXSAVE) && (leaf7_ebx & NEEDED) == NEEDED && (xcr0 & SAVED) == SAVED;
}

static int look_for_avx512ifma(void)
{
    uint32_t eax, ebx, ecx, edx, leaf1_ecx, low, high;
    if (!__get_cpuid(1, &eax, &ebx, &leaf1_ecx, &edx) || !(leaf1_ecx & OSXSAVE)) {
        return 0; /* without it XGETBV is no instruction */
    }
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        return 0;
    }
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return runs_avx512ifma(leaf1_ecx, ebx, (uint64_t)high << 32 | low);
}

/* Looks once: in a virtual machine CPUID is a trap, and asking in each call took as long as decoding seventy elements.
 * Threads that come at the same time find the same. */
static int avx512ifma_runs_here(void)
{
    static int answer; /* 1 or -1; 0: not looked yet */
    int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known == 0) {
        known = look_for_avx512ifma() ? 1 : -1;
        __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
    }
    return known > 0;
}
#endif

static int always(void) { return 1; }

/* All cores of this build, best first. */
static const struct {
    core core;
    int (*runs_here)(void);
} KNOWN[] = {
#if defined(__x86_64__)
    {{&avx512ifma_core, sha512_many_avx512}, avx512ifma_runs_here},
#endif
    {{&portable_core, sha512_many_portable}, always},
};
#define KNOWN_CORES (sizeof KNOWN / sizeof KNOWN[0])

const core *core_number(size_t number)
{
    for (size_t i = 0; i < KNOWN_CORES; i++) {
        if (KNOWN[i].runs_here() && number-- == 0) {
            return &KNOWN[i].core;
        }
    }
    return NULL;
}

const core *core_named(const char *name)
{
    const core *one;
    for (size_t number = 0; (one = core_number(number)) != NULL; number++) {
        if (strcmp(one->curve->name, name) == 0) {
            return one;
        }
    }
    return NULL;
}
