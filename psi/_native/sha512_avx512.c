/* SHA-512 of eight messages at a time, one in each 64-bit lane of an AVX-512 register.
 *
 * A rotation is one instruction (vprorq), and so is any function of three words (vpternlogq): the two "sigma" sums, Ch
 * and Maj. State (8) and schedule (16) fit the 32 registers. Lanes of different length run together until the longest
 * ends; a lane that has ended keeps its state. Needs AVX-512 F and BW (dispatch.c).
 */

#include "sha512.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "impl.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw")
#endif

#define LANES 8
#define INLINE static inline __attribute__((always_inline))

typedef __m512i vec;

/* The functions of three words as truth tables for vpternlogq. */
#define XOR3(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0x96)
#define CHOICE(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xe8)
#define ROTATED(x, bits) _mm512_ror_epi64(x, bits)
#define ADD(x, y) _mm512_add_epi64(x, y)

INLINE vec big_endian(vec x)
{
    const vec order = _mm512_broadcast_i32x4(_mm_set_epi64x(INT64_C(0x08090a0b0c0d0e0f), INT64_C(0x0001020304050607)));
    return _mm512_shuffle_epi8(x, order);
}

/* Row i, column j becomes row j, column i. */
INLINE void transpose(vec m[LANES])
{
    vec pairs[8], quads[8];
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm512_unpacklo_epi64(m[i], m[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi64(m[i], m[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        quads[i] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0x88);
        quads[i + 2] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0xdd);
        quads[i + 4] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0x88);
        quads[i + 6] = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        m[i] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0x88);
        m[i + 4] = _mm512_shuffle_i64x2(quads[i], quads[i + 4], 0xdd);
    }
}

/* As `compress` in sha512.c; only the lanes of `active` change. */
static void compress(vec state[8], __mmask8 active, const uint8_t blocks[LANES][BLOCK_BYTES])
{
    vec w[16], s[8];
    for (int half = 0; half < 2; half++) {
        for (int lane = 0; lane < LANES; lane++) {
            w[8 * half + lane] = big_endian(_mm512_loadu_si512(blocks[lane] + 64 * half));
        }
        transpose(w + 8 * half);
    }
    for (int i = 0; i < 8; i++) {
        s[i] = state[i];
    }

#define ROUND(t, a, b, c, d, e, f, g, h)                                                                 \
    do {                                                                                                 \
        vec input = ADD(w[t], _mm512_set1_epi64((int64_t)constants[t]));                                 \
        vec sigma = XOR3(ROTATED(e, 14), ROTATED(e, 18), ROTATED(e, 41));                                \
        h = ADD(ADD(h, input), ADD(sigma, CHOICE(e, f, g)));                                             \
        d = ADD(d, h);                                                                                   \
        h = ADD(h, ADD(XOR3(ROTATED(a, 28), ROTATED(a, 34), ROTATED(a, 39)), MAJORITY(a, b, c)));        \
    } while (0)
#define EIGHT_ROUNDS(t)                                               \
    do {                                                              \
        ROUND(t + 0, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]); \
        ROUND(t + 1, s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6]); \
        ROUND(t + 2, s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5]); \
        ROUND(t + 3, s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4]); \
        ROUND(t + 4, s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3]); \
        ROUND(t + 5, s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2]); \
        ROUND(t + 6, s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1]); \
        ROUND(t + 7, s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0]); \
    } while (0)

    for (const uint64_t *constants = SHA512_CONSTANTS;; constants += 16) {
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
        if (constants == SHA512_CONSTANTS + 64) {
            break;
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            vec late = w[(i + 14) % 16], early = w[(i + 1) % 16];
            vec one = XOR3(ROTATED(late, 19), ROTATED(late, 61), _mm512_srli_epi64(late, 6));
            vec other = XOR3(ROTATED(early, 1), ROTATED(early, 8), _mm512_srli_epi64(early, 7));
            w[i] = ADD(ADD(w[i], w[(i + 9) % 16]), ADD(one, other));
        }
    }
    for (int i = 0; i < 8; i++) {
        state[i] = _mm512_mask_add_epi64(state[i], active, state[i], s[i]);
    }
}

/* Up to eight messages; the lanes behind the last one stay unused. */
static void up_to_eight(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    uint8_t blocks[LANES][BLOCK_BYTES] __attribute__((aligned(64)));
    vec state[8];
    size_t counts[LANES] = {0}, longest = 0;
    memset(blocks, 0, sizeof blocks);
    for (size_t lane = 0; lane < n; lane++) {
        counts[lane] = sha512_blocks(frame, middles[lane].size);
        longest = counts[lane] > longest ? counts[lane] : longest;
    }
    for (int i = 0; i < 8; i++) {
        state[i] = _mm512_set1_epi64((int64_t)frame->state[i]);
    }
    for (size_t index = 0; index < longest; index++) {
        unsigned active = 0;
        for (size_t lane = 0; lane < n; lane++) {
            if (index < counts[lane]) {
                active |= 1u << lane;
                sha512_block(blocks[lane], frame, middles[lane], index);
            }
        }
        compress(state, (__mmask8)active, (const uint8_t(*)[BLOCK_BYTES])blocks);
    }
    transpose(state);
    for (size_t lane = 0; lane < n; lane++) {
        _mm512_storeu_si512(digests + lane * DIGEST_BYTES, big_endian(state[lane]));
    }
    wipe(blocks, sizeof blocks);
    wipe(state, sizeof state);
}

void sha512_many_avx512(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        up_to_eight(digests + i * DIGEST_BYTES, frame, middles + i, n - i < LANES ? n - i : LANES);
    }
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int nothing_here; /* ISO C wants one declaration in a file */
#endif
