/* A decoded point as a row of bytes: the affine operand of an addition, (y+x, y-x, 2dxy).
 *
 * Sums of multiples take points in any order, eight from different places at a time. So each point is a row of its own,
 * two lines of a cache long: five limbs a coordinate, as `cached` has them (a factor each, so limbs 0-3 count in their
 * low 52 bits only, and limb 4 is below 2^49), and a word of zeros. Public data only.
 */

#ifndef BLINDMATCH_NATIVE_ROWS52X8_H
#define BLINDMATCH_NATIVE_ROWS52X8_H

#include "edwards52x8.h"

#define ROW_WORDS 16 /* y+x, y-x, 2dxy: five limbs each, and one word to fill the cache line */
#define ROW_BYTES (8 * ROW_WORDS)

/* Eight registers of one word each become eight rows of eight words, and the other way round. */
static void transpose(vec r[8])
{
    vec t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[i] = _mm512_shuffle_i64x2(t[i], t[2 + i], 0x88);
        u[2 + i] = _mm512_shuffle_i64x2(t[i], t[2 + i], 0xdd);
        u[4 + i] = _mm512_shuffle_i64x2(t[4 + i], t[6 + i], 0x88);
        u[6 + i] = _mm512_shuffle_i64x2(t[4 + i], t[6 + i], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i64x2(u[i], u[4 + i], 0x88);
        r[4 + i] = _mm512_shuffle_i64x2(u[i], u[4 + i], 0xdd);
    }
}

/* Writes the first `count` lanes of a point with Z = 1. */
static void write_rows(uint8_t *rows, const extended *p, size_t count)
{
    cached q = as_cached(p);
    vec words[ROW_WORDS];
    for (int j = 0; j < 5; j++) {
        words[j] = q.y_plus_x.l[j];
        words[5 + j] = q.y_minus_x.l[j];
        words[10 + j] = q.t2d.l[j];
    }
    words[15] = _mm512_setzero_si512();
    transpose(words);
    transpose(words + 8);
    for (size_t lane = 0; lane < count; lane++) {
        _mm512_storeu_si512(rows + lane * ROW_BYTES, words[lane]);
        _mm512_storeu_si512(rows + lane * ROW_BYTES + 64, words[8 + lane]);
    }
}

/* Copies rows that were written before. Limb 4 of each coordinate is cut to what it may have, so that rows of another
 * origin cannot break a bound: they give a wrong sum, and nothing worse. */
static void copy_rows(uint64_t (*to)[ROW_WORDS], const uint8_t *rows, size_t count)
{
    const uint64_t top = (UINT64_C(1) << 49) - 1;
    const vec low_mask = _mm512_set_epi64(-1, -1, -1, (int64_t)top, -1, -1, -1, -1);
    const vec high_mask = _mm512_set_epi64(0, (int64_t)top, -1, -1, -1, -1, (int64_t)top, -1);
    for (size_t i = 0; i < count; i++) {
        vec low = _mm512_loadu_si512(rows + i * ROW_BYTES), high = _mm512_loadu_si512(rows + i * ROW_BYTES + 64);
        _mm512_storeu_si512(to[i], and64(low, low_mask));
        _mm512_storeu_si512(to[i] + 8, and64(high, high_mask));
    }
}

#endif
