/* The AVX-512 instructions that avx512ifma.c uses, in plain C: eight 64-bit words in a row.
 *
 * With -DNATIVE_EMULATED_VECTORS the very same source runs on any machine and under tools that do not know AVX-512
 * (valgrind stops at such an instruction). So its branches and addresses are checked by memcheck, its instructions
 * counted by callgrind, its bounds by the sanitizers. What this does not show is what a compiler makes of the real
 * instructions; test_traces.py steps through those.
 *
 * No function branches on a value or takes an address by one: masks are spread to words, never asked.
 */

#ifndef BLINDMATCH_HARNESS_IFMA_EMULATION_H
#define BLINDMATCH_HARNESS_IFMA_EMULATION_H

#include <stdint.h>
#include <string.h>

typedef int64_t __m512i __attribute__((vector_size(64), aligned(64)));
typedef int64_t __m256i __attribute__((vector_size(32), aligned(32)));
typedef uint64_t emulated_unsigned __attribute__((vector_size(64), aligned(64)));
typedef uint8_t __mmask8;

#define HIDDEN(register_value) __asm__("" : "+m"(register_value))
#define EMULATED static inline __attribute__((__always_inline__, unused))
#define EMULATED_CALL static __attribute__((noinline, unused)) /* or a function of the core grows to millions of lines */

/* ---- Constants, memory --------------------------------------------------------------------------------------------- */

EMULATED __m512i _mm512_setzero_si512(void) { return (__m512i){0}; }
EMULATED __m512i _mm512_set1_epi64(int64_t a) { return (__m512i){a, a, a, a, a, a, a, a}; }
EMULATED __m512i _mm512_set_epi64(int64_t h, int64_t g, int64_t f, int64_t e, int64_t d, int64_t c, int64_t b, int64_t a)
{
    return (__m512i){a, b, c, d, e, f, g, h};
}

EMULATED __m512i _mm512_loadu_si512(const void *from)
{
    __m512i r;
    memcpy(&r, from, sizeof r);
    return r;
}
EMULATED void _mm512_storeu_si512(void *to, __m512i a) { memcpy(to, &a, sizeof a); }
#define _mm512_load_si512 _mm512_loadu_si512
#define _mm512_store_si512 _mm512_storeu_si512

/* ---- Words ---------------------------------------------------------------------------------------------------------- */

#define EMULATED_U(a) ((emulated_unsigned)(a))

EMULATED __m512i _mm512_add_epi64(__m512i a, __m512i b) { return (__m512i)(EMULATED_U(a) + EMULATED_U(b)); }
EMULATED __m512i _mm512_sub_epi64(__m512i a, __m512i b) { return (__m512i)(EMULATED_U(a) - EMULATED_U(b)); }
EMULATED __m512i _mm512_mullo_epi64(__m512i a, __m512i b) { return (__m512i)(EMULATED_U(a) * EMULATED_U(b)); }
EMULATED __m512i _mm512_abs_epi64(__m512i a)
{
    __m512i sign = a >> 63;
    return (__m512i)((EMULATED_U(a) ^ EMULATED_U(sign)) - EMULATED_U(sign));
}
EMULATED __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
EMULATED __m512i _mm512_or_si512(__m512i a, __m512i b) { return a | b; }
EMULATED __m512i _mm512_xor_si512(__m512i a, __m512i b) { return a ^ b; }

EMULATED __m512i _mm512_srli_epi64(__m512i a, unsigned bits) { return (__m512i)(EMULATED_U(a) >> bits); }
EMULATED __m512i _mm512_slli_epi64(__m512i a, unsigned bits) { return (__m512i)(EMULATED_U(a) << bits); }

/* Bits a, b, c choose one of the eight bits of `table`. */
EMULATED __m512i _mm512_ternarylogic_epi64(__m512i a, __m512i b, __m512i c, int table)
{
    __m512i r = {0};
    for (int i = 0; i < 8; i++) {
        if (table >> i & 1) {
            r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
        }
    }
    return r;
}

/* ---- IFMA: 52 x 52 bits, the low or the high half of the product added ---------------------------------------------- */

#define EMULATED_LOW_52 ((UINT64_C(1) << 52) - 1)

EMULATED_CALL __m512i _mm512_madd52lo_epu64(__m512i z, __m512i a, __m512i b)
{
    for (int i = 0; i < 8; i++) {
        unsigned __int128 p = (unsigned __int128)((uint64_t)a[i] & EMULATED_LOW_52) * ((uint64_t)b[i] & EMULATED_LOW_52);
        z[i] = (int64_t)((uint64_t)z[i] + ((uint64_t)p & EMULATED_LOW_52));
    }
    return z;
}
EMULATED_CALL __m512i _mm512_madd52hi_epu64(__m512i z, __m512i a, __m512i b)
{
    for (int i = 0; i < 8; i++) {
        unsigned __int128 p = (unsigned __int128)((uint64_t)a[i] & EMULATED_LOW_52) * ((uint64_t)b[i] & EMULATED_LOW_52);
        z[i] = (int64_t)((uint64_t)z[i] + (uint64_t)(p >> 52));
    }
    return z;
}

/* ---- Masks: one bit for each word ----------------------------------------------------------------------------------- */

EMULATED __m512i emulated_spread(__mmask8 mask)
{
    __m512i r;
    for (int i = 0; i < 8; i++) {
        r[i] = -(int64_t)(mask >> i & 1);
    }
    return r;
}

/* Words that are not zero, without asking: x | -x has its top bit set. */
EMULATED __mmask8 emulated_nonzero(__m512i a)
{
    emulated_unsigned top = (EMULATED_U(a) | (0 - EMULATED_U(a))) >> 63;
    unsigned r = 0;
    for (int i = 0; i < 8; i++) {
        r |= (unsigned)top[i] << i;
    }
    return (__mmask8)r;
}

EMULATED __m512i _mm512_mask_blend_epi64(__mmask8 mask, __m512i no, __m512i yes)
{
    __m512i m = emulated_spread(mask);
    return (yes & m) | (no & ~m);
}
EMULATED __m512i _mm512_movm_epi64(__mmask8 mask) { return emulated_spread(mask); }

EMULATED __mmask8 _mm512_movepi64_mask(__m512i a) { return emulated_nonzero(a & _mm512_set1_epi64(INT64_MIN)); }
EMULATED __mmask8 _mm512_test_epi64_mask(__m512i a, __m512i b) { return emulated_nonzero(a & b); }
EMULATED __mmask8 _mm512_testn_epi64_mask(__m512i a, __m512i b) { return (__mmask8)~emulated_nonzero(a & b); }
EMULATED __mmask8 _mm512_cmpeq_epi64_mask(__m512i a, __m512i b) { return (__mmask8)~emulated_nonzero(a ^ b); }

/* ---- Between words: the places come from constants ------------------------------------------------------------------ */

EMULATED __m512i _mm512_permutexvar_epi64(__m512i places, __m512i a)
{
    __m512i r;
    for (int i = 0; i < 8; i++) {
        r[i] = a[places[i] & 7];
    }
    return r;
}
EMULATED __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b)
{
    return (__m512i){a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]};
}
EMULATED __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b)
{
    return (__m512i){a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7]};
}
EMULATED __m512i _mm512_shuffle_i64x2(__m512i a, __m512i b, int places)
{
    __m512i r;
    for (int i = 0; i < 8; i++) {
        int pair = places >> 2 * (i / 2) & 3;
        r[i] = i < 4 ? a[2 * pair + i % 2] : b[2 * pair + i % 2];
    }
    return r;
}

EMULATED __m256i _mm256_loadu_si256(const void *from)
{
    __m256i r;
    memcpy(&r, from, sizeof r);
    return r;
}
EMULATED __m512i _mm512_castsi256_si512(__m256i a) { return (__m512i){a[0], a[1], a[2], a[3], 0, 0, 0, 0}; }
EMULATED __m512i _mm512_inserti64x4(__m512i a, __m256i b, int half)
{
    for (int i = 0; i < 4; i++) {
        a[4 * half + i] = b[i];
    }
    return a;
}

#undef EMULATED_U
#undef EMULATED_LOW_52
#undef EMULATED
#undef EMULATED_CALL

#endif
