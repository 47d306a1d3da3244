/* Scalars, as every implementation needs them before a multiplication: halved and cut into signed digits.
 *
 * Both are constant time: no branch and no address depends on the scalar.
 */

#ifndef BLINDMATCH_NATIVE_SCALAR_H
#define BLINDMATCH_NATIVE_SCALAR_H

#include <stdint.h>

#include "impl.h"

#define DIGIT_BITS 4
#define DIGITS 64

/* L = 2^252 + 27742317777372353535851937790883648493, little-endian words (RFC 9496 section 4.4). */
static const uint64_t ORDER_WORDS[4] = {
    UINT64_C(0x5812631a5cf5d3ed), UINT64_C(0x14def9dea2f79cd6), UINT64_C(0), UINT64_C(0x1000000000000000)};

static inline uint64_t load_word(const uint8_t *bytes)
{
    uint64_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
    return word; /* all machines this is built for are little-endian (dispatch.c refuses others) */
}

/* h with 2h = k mod L: k/2 where k is even, (k + L)/2 where it is odd. Below 2^253. Encoding 2*(h*P) costs no inverse
 * square root (README, "Encoding"), and gives k*P. */
static inline void halve(uint64_t half[4], const uint8_t scalar[SCALAR_BYTES])
{
    uint64_t odd = -(uint64_t)(scalar[0] & 1), carry = 0, words[4];
    for (int i = 0; i < 4; i++) {
        unsigned __int128 sum = (unsigned __int128)load_word(scalar + 8 * i) + (ORDER_WORDS[i] & odd) + carry;
        words[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64); /* k + L < 2^254: nothing is carried out of the last word */
    }
    for (int i = 0; i < 4; i++) {
        half[i] = words[i] >> 1 | (i < 3 ? words[i + 1] << 63 : 0);
    }
    wipe(words, sizeof words);
}

/* Digits d_0..d_63 between -8 and 8 with value = sum d_i * 16^i, for a value below 2^255.
 *
 * Each nibble of value + 0x0888...8 minus 8 would do; here a carry runs up instead: a nibble above 7 becomes itself
 * minus 16 and one is added to the next. The last digit takes what remains (below 8 plus one carry). */
static inline void recode(int8_t digits[DIGITS], const uint64_t value[4])
{
    int carry = 0;
    for (int i = 0; i < DIGITS; i++) {
        int nibble = (int)(value[i / 16] >> (4 * (i % 16)) & 15) + carry;
        carry = i < DIGITS - 1 ? (nibble + 8) >> 4 : 0;
        digits[i] = (int8_t)(nibble - carry * 16);
    }
}

/* Odd digits: a table of P, 3P, ..., 15P serves windows of four bits, no digit is zero, and none needs a carry (Joye and
 * Tunstall, "Exponent Recoding and Regular Exponentiation Algorithms", AFRICACRYPT 2009). */
#define ODD_DIGIT_BITS 4
#define ODD_DIGITS 64

/* d_0..d_63, each odd and between -15 and 15 (the last between 1 and 7), with h = sum d_i * 16^i mod L for h = k/2.
 *
 * An odd v below 2^257 is 2^n + sum_{j<n} (2 v_{j+1} - 1) 2^j, v_j its bits: each bit says plus or minus. With n = 256,
 * four of these terms are 2c - 15 for c = the four bits of v from 4i + 1 on, and the last takes the 2^256. h is made odd
 * by adding L, and is then below 2^254. */
static inline void odd_half_digits(int8_t digits[ODD_DIGITS], const uint8_t scalar[SCALAR_BYTES])
{
    uint64_t v[4], carry = 0;
    halve(v, scalar);
    uint64_t even = (v[0] & 1) - 1;
    for (int i = 0; i < 4; i++) {
        unsigned __int128 sum = (unsigned __int128)v[i] + (ORDER_WORDS[i] & even) + carry;
        v[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    for (int i = 0; i < ODD_DIGITS; i++) {
        int bit = ODD_DIGIT_BITS * i + 1, word = bit / 64, offset = bit % 64;
        uint64_t bits = v[word] >> offset;
        if (offset > 64 - ODD_DIGIT_BITS && word < 3) { /* a matter of i alone */
            bits |= v[word + 1] << (64 - offset);
        }
        digits[i] = (int8_t)(2 * (int)(bits & 15) - (i < ODD_DIGITS - 1 ? 15 : -1));
    }
    wipe(v, sizeof v);
}

#endif
