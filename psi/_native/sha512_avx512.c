/* SHA-512 of sixteen messages at a time, eight in the 64-bit lanes of one AVX-512 register and eight in another's.
 *
 * A rotation is one instruction (vprorq), and so is any function of three words (vpternlogq): the two "sigma" sums, Ch
 * and Maj. A round waits for the one before, so two groups of eight take turns: a quarter less time than one by one
 * (Zen 5). Lanes of different length run together until the longest ends; a lane that has ended keeps its state. Needs
 * AVX-512 F and BW (dispatch.c).
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
#define GROUPS 2
#define ROWS (GROUPS * LANES)
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
static void compress(vec state[GROUPS][8], const __mmask8 active[GROUPS], const uint8_t blocks[ROWS][BLOCK_BYTES])
{
    vec w[16][GROUPS], s[8][GROUPS];
    for (int group = 0; group < GROUPS; group++) {
        vec words[16];
        for (int half = 0; half < 2; half++) {
            for (int lane = 0; lane < LANES; lane++) {
                words[8 * half + lane] = big_endian(_mm512_loadu_si512(blocks[LANES * group + lane] + 64 * half));
            }
            transpose(words + 8 * half);
        }
        for (int i = 0; i < 16; i++) {
            w[i][group] = words[i];
        }
        for (int i = 0; i < 8; i++) {
            s[i][group] = state[group][i];
        }
    }

#define EACH_GROUP _Pragma("GCC unroll 2") for (int n = 0; n < GROUPS; n++)
#define ROUND(t, a, b, c, d, e, f, g, h)                                                                             \
    EACH_GROUP                                                                                                       \
    {                                                                                                                \
        vec input = ADD(w[t][n], _mm512_set1_epi64((int64_t)constants[t]));                                          \
        vec sigma = XOR3(ROTATED(e[n], 14), ROTATED(e[n], 18), ROTATED(e[n], 41));                                   \
        h[n] = ADD(ADD(h[n], input), ADD(sigma, CHOICE(e[n], f[n], g[n])));                                          \
        d[n] = ADD(d[n], h[n]);                                                                                      \
        sigma = XOR3(ROTATED(a[n], 28), ROTATED(a[n], 34), ROTATED(a[n], 39));                                       \
        h[n] = ADD(h[n], ADD(sigma, MAJORITY(a[n], b[n], c[n])));                                                    \
    }
#define EIGHT_ROUNDS(t)                                               \
    do {                                                              \
        ROUND(t + 0, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])  \
        ROUND(t + 1, s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6])  \
        ROUND(t + 2, s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5])  \
        ROUND(t + 3, s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4])  \
        ROUND(t + 4, s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3])  \
        ROUND(t + 5, s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2])  \
        ROUND(t + 6, s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1])  \
        ROUND(t + 7, s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0])  \
    } while (0)

    for (const uint64_t *constants = SHA512_CONSTANTS;; constants += 16) {
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
        if (constants == SHA512_CONSTANTS + 64) {
            break;
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            EACH_GROUP {
                vec late = w[(i + 14) % 16][n], early = w[(i + 1) % 16][n];
                vec one = XOR3(ROTATED(late, 19), ROTATED(late, 61), _mm512_srli_epi64(late, 6));
                vec other = XOR3(ROTATED(early, 1), ROTATED(early, 8), _mm512_srli_epi64(early, 7));
                w[i][n] = ADD(ADD(w[i][n], w[(i + 9) % 16][n]), ADD(one, other));
            }
        }
    }
    for (int i = 0; i < 8; i++) {
        EACH_GROUP {
            state[n][i] = _mm512_mask_add_epi64(state[n][i], active[n], state[n][i], s[i][n]);
        }
    }
}

/* Up to ROWS messages; the lanes behind the last one stay unused. */
static void some_at_once(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    uint8_t blocks[ROWS][BLOCK_BYTES] __attribute__((aligned(64)));
    vec state[GROUPS][8];
    size_t counts[ROWS] = {0}, longest = 0;
    memset(blocks, 0, sizeof blocks);
    for (size_t row = 0; row < n; row++) {
        counts[row] = sha512_blocks(frame, middles[row].size);
        longest = counts[row] > longest ? counts[row] : longest;
    }
    for (int i = 0; i < GROUPS * 8; i++) {
        state[i / 8][i % 8] = _mm512_set1_epi64((int64_t)frame->state[i % 8]);
    }
    for (size_t index = 0; index < longest; index++) {
        __mmask8 active[GROUPS] = {0};
        for (size_t row = 0; row < n; row++) {
            if (index < counts[row]) {
                active[row / LANES] |= (__mmask8)(1u << row % LANES);
                sha512_block(blocks[row], frame, middles[row], index);
            }
        }
        compress(state, active, (const uint8_t(*)[BLOCK_BYTES])blocks);
    }
    for (int group = 0; group < GROUPS; group++) {
        transpose(state[group]);
    }
    for (size_t row = 0; row < n; row++) {
        _mm512_storeu_si512(digests + row * DIGEST_BYTES, big_endian(state[row / LANES][row % LANES]));
    }
    wipe(blocks, sizeof blocks);
    wipe(state, sizeof state);
}

/* One block each, and middles of one size: all but the middle is laid out once. */
static void short_ones(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    static const __mmask8 all[GROUPS] = {0xff, 0xff};
    uint8_t blocks[ROWS][BLOCK_BYTES] __attribute__((aligned(64)));
    vec state[GROUPS][8];
    for (size_t row = 0; row < ROWS; row++) {
        sha512_block(blocks[row], frame, middles[0], 0);
    }
    for (size_t done = 0; done < n; done += ROWS) {
        size_t count = n - done < ROWS ? n - done : ROWS;
        for (size_t row = 0; row < count; row++) {
            memcpy(blocks[row] + frame->front.size, middles[done + row].bytes, middles[0].size);
        }
        for (int i = 0; i < GROUPS * 8; i++) {
            state[i / 8][i % 8] = _mm512_set1_epi64((int64_t)frame->state[i % 8]);
        }
        compress(state, all, (const uint8_t(*)[BLOCK_BYTES])blocks);
        for (int group = 0; group < GROUPS; group++) {
            transpose(state[group]);
        }
        for (size_t row = 0; row < count; row++) {
            _mm512_storeu_si512(digests + (done + row) * DIGEST_BYTES, big_endian(state[row / LANES][row % LANES]));
        }
    }
    wipe(blocks, sizeof blocks);
    wipe(state, sizeof state);
}

static int are_short(const sha512_frame *frame, const span *middles, size_t n)
{
    int same = sha512_blocks(frame, middles[0].size) == 1;
    for (size_t i = 1; i < n && same; i++) {
        same = middles[i].size == middles[0].size;
    }
    return same;
}

void sha512_many_avx512(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    if (n > ROWS && are_short(frame, middles, n)) {
        short_ones(digests, frame, middles, n);
        return;
    }
    for (size_t i = 0; i < n; i += ROWS) {
        some_at_once(digests + i * DIGEST_BYTES, frame, middles + i, n - i < ROWS ? n - i : ROWS);
    }
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int nothing_here; /* ISO C wants one declaration in a file */
#endif
