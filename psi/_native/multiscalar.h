/* Sums of s_i*P_i over public scalars and points, in variable time.
 *
 * Few points: Straus. One chain of doublings for all; each scalar in non-adjacent form of width 5, so on average one
 * addition in six bits, of an odd multiple out of a table of eight per point.
 *
 * Many points: Pippenger, signed windows. For each window of w bits there are 2^(w-1) buckets; a point is added to (or
 * taken from) the bucket of its digit. At the end bucket j of a window counts j times, which running sums give by
 * additions alone. The buckets of all windows stand side by side, so that points are decoded one by one and never kept:
 * stack in place of heap. Windows above the longest scalar do not exist: coefficients of 128 bits cost half.
 */

#ifndef BLINDMATCH_NATIVE_MULTISCALAR_H
#define BLINDMATCH_NATIVE_MULTISCALAR_H

#include "edwards.h"

#define SCALAR_BITS 253

/* Most points for Straus. Measured: buckets take an eighth longer for 64; tables for more would need more room than
 * the buckets. */
#define STRAUS_POINTS 64
#define NAF_WIDTH 5
#define NAF_ENTRIES 8 /* P, 3P .. 15P */
#define NAF_DIGITS (SCALAR_BITS + 1)

/* Room for the buckets of 128-bit scalars in windows of 6 bits (22 windows), in points. */
#define MAX_BUCKETS 704

typedef struct {
    summand odd[STRAUS_POINTS][NAF_ENTRIES];
    int8_t naf[STRAUS_POINTS][NAF_DIGITS];
} straus_room;

/* How many bits the longest of n scalars has, SCALAR_BITS at most. */
static inline int longest_var(const uint8_t *scalars, size_t n)
{
    uint8_t any[SCALAR_BYTES] = {0};
    for (size_t i = 0; i < n * SCALAR_BYTES; i++) {
        any[i % SCALAR_BYTES] |= scalars[i];
    }
    for (int bit = SCALAR_BITS; bit-- > 0;) {
        if (any[bit / 8] >> (bit % 8) & 1) {
            return bit + 1;
        }
    }
    return 0;
}

/* Up to 8 bits of a scalar from bit `at` on; what lies beyond its end is zero. */
static inline int bits_var(const uint8_t scalar[SCALAR_BYTES], int at, int width)
{
    int byte = at / 8;
    int two = byte < SCALAR_BYTES ? scalar[byte] : 0;
    two |= byte + 1 < SCALAR_BYTES ? scalar[byte + 1] << 8 : 0;
    return two >> (at % 8) & ((1 << width) - 1);
}

/* Digits 0 or odd, between -15 and 15, no two non-zero ones within NAF_WIDTH places. */
static inline void naf_var(int8_t digits[NAF_DIGITS], const uint8_t scalar[SCALAR_BYTES])
{
    int carry = 0;
    memset(digits, 0, NAF_DIGITS);
    for (int at = 0; at < NAF_DIGITS;) {
        int window = bits_var(scalar, at, NAF_WIDTH) + carry;
        if (window & 1) {
            carry = window >> (NAF_WIDTH - 1);
            digits[at] = (int8_t)(window - (carry << NAF_WIDTH));
            at += NAF_WIDTH;
        } else {
            at++; /* a carry onto a one makes a zero and is carried on */
        }
    }
}

/* total + digit * P out of P's table of odd multiples. */
static inline void add_multiple_var(point *total, const summand table[NAF_ENTRIES], int digit)
{
    quartet q;
    if (digit > 0) {
        sum(&q, total, &table[digit / 2]);
    } else {
        summand negative;
        negate_summand(&negative, &table[-digit / 2]);
        sum(&q, total, &negative);
    }
    to_point(total, &q);
}

static inline ptrdiff_t straus_var(point *total, straus_room *room, const uint8_t *scalars, const uint8_t *elements,
                                   size_t n)
{
    quartet q;
    for (size_t i = 0; i < n; i++) {
        point p, twice_p;
        summand step;
        if (!decode(&p, elements + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i;
        }
        naf_var(room->naf[i], scalars + i * SCALAR_BYTES);
        twice(&q, &p);
        to_point(&twice_p, &q);
        to_summand(&step, &twice_p);
        to_summand(&room->odd[i][0], &p);
        for (int j = 1; j < NAF_ENTRIES; j++) {
            sum(&q, &p, &step);
            to_point(&p, &q);
            to_summand(&room->odd[i][j], &p);
        }
    }
    *total = IDENTITY;
    for (int at = longest_var(scalars, n); at >= 0; at--) {
        twice(&q, total);
        to_point(total, &q);
        for (size_t i = 0; i < n; i++) {
            if (room->naf[i][at]) {
                add_multiple_var(total, room->odd[i], room->naf[i][at]);
            }
        }
    }
    return ACCEPTED;
}

/* The width of window with the least work that has room, counted in multiplications: each window adds every point (7)
 * and runs twice over its buckets (9 each). There is one bit more than the longest scalar has, for the last carry. */
static inline int window_width_var(size_t n, int bits)
{
    int best = 1;
    double least = 0;
    for (int width = 2; width <= 8; width++) {
        int windows = bits / width + 1;
        double work = windows * (7.0 * (double)n + 9.0 * (1 << width));
        if (windows << (width - 1) <= MAX_BUCKETS && (best == 1 || work < least)) {
            best = width;
            least = work;
        }
    }
    return best;
}

static inline ptrdiff_t pippenger_var(point *total, point *buckets, const uint8_t *scalars, const uint8_t *elements,
                                      size_t n)
{
    int bits = longest_var(scalars, n), width = window_width_var(n, bits);
    int windows = bits / width + 1, size = 1 << (width - 1);
    quartet q;
    for (int j = 0; j < windows * size; j++) {
        buckets[j] = IDENTITY;
    }
    for (size_t i = 0; i < n; i++) {
        point p;
        affine_summand plus, minus;
        if (!decode(&p, elements + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i;
        }
        to_affine_summand(&plus, &p);
        negate_affine_summand(&minus, &plus);
        int carry = 0;
        for (int w = 0; w < windows; w++) { /* digits between 1 - size and size */
            int digit = bits_var(scalars + i * SCALAR_BYTES, w * width, width) + carry;
            carry = digit > size;
            digit -= carry * 2 * size;
            if (digit) {
                point *bucket = &buckets[w * size + (digit > 0 ? digit : -digit) - 1];
                sum_affine(&q, bucket, digit > 0 ? &plus : &minus);
                to_point(bucket, &q);
            }
        }
    }
    *total = IDENTITY;
    for (int w = windows; w-- > 0;) {
        for (int i = 0; i < width; i++) {
            twice(&q, total);
            to_point(total, &q);
        }
        point running = IDENTITY;
        for (int j = size; j-- > 0;) {
            summand next;
            to_summand(&next, &buckets[w * size + j]);
            sum(&q, &running, &next);
            to_point(&running, &q);
            to_summand(&next, &running);
            sum(&q, total, &next);
            to_point(total, &q);
        }
    }
    return ACCEPTED;
}

#endif
