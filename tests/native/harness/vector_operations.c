/* Every instruction that avx512ifma.c uses, on many inputs, real or emulated: one line for each with a hash of its
 * results. Compiled both ways the lines must be the same (test_dispatch.py). */

#include <stdint.h>
#include <stdio.h>

#ifdef NATIVE_EMULATED_VECTORS
#include "ifma_emulation.h"
#else
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC target("avx512f,avx512dq,avx512ifma")
#endif
#endif

#define INPUTS 2000

static uint64_t seed;

/* All bits random, few set, or small: so that masks and comparisons see both cases. */
static int64_t word(int i)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t mixed = seed ^ (seed >> 29);
    int kind = (i + (int)(seed >> 60)) % 4;
    return (int64_t)(kind == 0 ? mixed : kind == 1 ? mixed >> 61 : kind == 2 ? 0 - (mixed >> 62) : mixed & (mixed << 7));
}

static __m512i some(void)
{
    int64_t words[8];
    for (int i = 0; i < 8; i++) {
        words[i] = word(i);
    }
    return _mm512_loadu_si512(words);
}

static uint64_t hash;

static void mix(__m512i a)
{
    uint64_t words[8];
    _mm512_storeu_si512(words, a);
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ words[i] ^ (hash >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    }
}

static void mix_mask(__mmask8 mask) { hash = (hash ^ mask ^ (hash >> 31)) * UINT64_C(0x9e3779b97f4a7c15); }

#define SHOW(name, ...)                                                                                                 \
    do {                                                                                                                \
        seed = 1;                                                                                                       \
        hash = 0;                                                                                                       \
        for (int i = 0; i < INPUTS; i++) {                                                                              \
            __m512i a = some(), b = some(), c = some();                                                                 \
            int64_t n = word(i);                                                                                        \
            (void)a, (void)b, (void)c, (void)n;                                                                         \
            __VA_ARGS__;                                                                                                \
        }                                                                                                               \
        printf("%s %016llx\n", name, (unsigned long long)hash);                                                         \
    } while (0)

int main(void)
{
    SHOW("set1", mix(_mm512_set1_epi64(n)));
    SHOW("set", mix(_mm512_set_epi64(n, 1, n + 2, 3, n + 4, 5, n + 6, 7)));
    SHOW("setzero", mix(_mm512_setzero_si512()));
    SHOW("load", {
        int64_t words[8] __attribute__((aligned(64))) = {n, 1, 2, 3, 4, 5, 6, 7};
        mix(_mm512_load_si512(words));
        _mm512_store_si512(words, a);
        mix(_mm512_loadu_si512(words));
    });
    SHOW("abs", mix(_mm512_abs_epi64(a)));
    SHOW("add", mix(_mm512_add_epi64(a, b)));
    SHOW("sub", mix(_mm512_sub_epi64(a, b)));
    SHOW("mullo", mix(_mm512_mullo_epi64(a, b)));
    SHOW("and", mix(_mm512_and_si512(a, b)));
    SHOW("or", mix(_mm512_or_si512(a, b)));
    SHOW("xor", mix(_mm512_xor_si512(a, b)));
    SHOW("srli 1", mix(_mm512_srli_epi64(a, 1)));
    SHOW("srli 52", mix(_mm512_srli_epi64(a, 52)));
    SHOW("slli 12", mix(_mm512_slli_epi64(a, 12)));
    SHOW("slli 63", mix(_mm512_slli_epi64(a, 63)));
    SHOW("ternarylogic f8", mix(_mm512_ternarylogic_epi64(a, b, c, 0xf8)));
    SHOW("ternarylogic 96", mix(_mm512_ternarylogic_epi64(a, b, c, 0x96)));
    SHOW("ternarylogic ca", mix(_mm512_ternarylogic_epi64(a, b, c, 0xca)));
    SHOW("ternarylogic 1e", mix(_mm512_ternarylogic_epi64(a, b, c, 0x1e)));
    SHOW("madd52lo", mix(_mm512_madd52lo_epu64(a, b, c)));
    SHOW("madd52hi", mix(_mm512_madd52hi_epu64(a, b, c)));
    SHOW("movepi64_mask", mix_mask(_mm512_movepi64_mask(a)));
    SHOW("movm", mix(_mm512_movm_epi64((__mmask8)n)));
    SHOW("mask_blend", mix(_mm512_mask_blend_epi64((__mmask8)n, a, b)));
    SHOW("test", mix_mask(_mm512_test_epi64_mask(a, b)));
    SHOW("testn", mix_mask(_mm512_testn_epi64_mask(a, b)));
    SHOW("cmpeq", {
        mix_mask(_mm512_cmpeq_epi64_mask(_mm512_srli_epi64(a, 62), _mm512_srli_epi64(b, 62)));
        mix_mask(_mm512_cmpeq_epi64_mask(a, a));
    });
    SHOW("permutexvar", mix(_mm512_permutexvar_epi64(a, b)));
    SHOW("unpacklo", mix(_mm512_unpacklo_epi64(a, b)));
    SHOW("unpackhi", mix(_mm512_unpackhi_epi64(a, b)));
    SHOW("shuffle 44", mix(_mm512_shuffle_i64x2(a, b, 0x44)));
    SHOW("shuffle ee", mix(_mm512_shuffle_i64x2(a, b, 0xee)));
    SHOW("shuffle 88", mix(_mm512_shuffle_i64x2(a, b, 0x88)));
    SHOW("shuffle dd", mix(_mm512_shuffle_i64x2(a, b, 0xdd)));
    SHOW("inserti64x4", {
        int64_t words[5] = {n, 1, 2, 3, 4};
        __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)words));
        mix(_mm512_inserti64x4(low, _mm256_loadu_si256((const __m256i *)(words + 1)), 1));
    });
    return 0;
}
