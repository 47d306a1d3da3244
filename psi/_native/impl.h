/* What every implementation of the curve core offers, and the few things they share.
 *
 * The group is ristretto255 (RFC 9496). An element is 32 bytes, a scalar 32 bytes, little-endian, below L. All
 * functions work on n rows, row after row, n >= 0, any alignment. `out` may be the same address as `elements` (or as
 * `uniform`, where rows of 64 bytes shrink to rows of 32 from the front), but may not overlap it in another way.
 *
 * Names that end in `_var` take a time that depends on what they are given: public data only. All others take a time
 * that depends on n alone, and touch no address that depends on a scalar; which rows were refused is public.
 *
 * A function that takes elements answers ACCEPTED, or the index of the first row that is the identity, not canonical or
 * no element. Then what stands in `out` is not to be used.
 *
 * A call takes up to 225 KiB of stack, and batch.c overwrites 256 KiB afterwards: a thread needs 512 KiB. glibc gives 8 MiB;
 * with less, -fstack-clash-protection makes the call end in a fault and not in somebody else's memory.
 */

#ifndef BLINDMATCH_NATIVE_IMPL_H
#define BLINDMATCH_NATIVE_IMPL_H

#include <stddef.h>
#include <stdint.h>

#define ELEMENT_BYTES 32
#define SCALAR_BYTES 32
#define UNIFORM_BYTES 64
#define ACCEPTED ((ptrdiff_t)-1)
#define NO_MEMORY ((ptrdiff_t)-2) /* only from multi_scalar_kept_var */

typedef struct {
    const char *name; /* "portable", "avx512ifma" */

    ptrdiff_t (*validate_var)(const uint8_t *elements, size_t n);

    /* k*P. The scalar is between 1 and L-1. */
    ptrdiff_t (*multiply)(uint8_t *out, const uint8_t *elements, size_t n, const uint8_t scalar[SCALAR_BYTES]);

    /* k_i*P_i, scalars as n rows, each between 1 and L-1. */
    ptrdiff_t (*multiply_each)(uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n);

    /* k*P, and the points as they were decoded, for multi_scalar_kept_var: n rows of kept_bytes, public, of a form that
     * is this core's own and never leaves the process. `kept` overlaps nothing. */
    size_t kept_bytes;
    ptrdiff_t (*multiply_keeping)(uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n,
                                  const uint8_t scalar[SCALAR_BYTES]);

    /* The one-way map of RFC 9496 section 4.3.4, n x 64 bytes to n x 32; may give the identity. */
    void (*map)(uint8_t *out, const uint8_t *uniform, size_t n);

    /* k times the one-way map; the unblinded element never leaves. */
    void (*map_and_multiply)(uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t scalar[SCALAR_BYTES]);

    /* The sum of n elements; the identity for none. */
    ptrdiff_t (*sum_var)(uint8_t out[ELEMENT_BYTES], const uint8_t *elements, size_t n);

    /* The sum of s_i*P_i over public scalars below L, zero allowed; the identity for none. */
    ptrdiff_t (*multi_scalar_var)(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *elements, size_t n);

    /* The same over n rows that multiply_keeping has written, in any order and from any of its calls. Other rows give a
     * wrong sum, and nothing worse. ACCEPTED or NO_MEMORY. */
    ptrdiff_t (*multi_scalar_kept_var)(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *kept, size_t n);
} curve_core;

extern const curve_core portable_core;
#if defined(__x86_64__)
extern const curve_core avx512ifma_core;
#endif

/* Overwrite memory in a way that the compiler may not leave out. */
static inline void wipe(void *memory, size_t size)
{
    __builtin_memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

#endif
