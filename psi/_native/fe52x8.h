/* Field elements mod p = 2^255 - 19, eight at a time: one in each 64-bit lane of an AVX-512 register.
 *
 * Representation: five limbs in radix 2^52, limb i of all eight elements in one register, value = sum l[i] * 2^(52 i).
 * The multiplier is AVX-512 IFMA: madd_lo(z, a, b) adds the low 52 bits of the 104-bit product of the *low 52 bits* of a
 * and b to z, madd_hi the high 52 bits. Two facts shape everything here:
 *
 *  1. A product's high half lands exactly in the next limb, so schoolbook multiplication is 25 lo and 25 hi and no shift.
 *  2. What stands above bit 52 of a factor is ignored. A carry that went on to the next limb need not be cleared from
 *     where it came, as long as the element is only multiplied.
 *
 * 5 * 52 = 260 bits, so limbs 0-3 have no slack at all and limb 4 has five bits. Sums and differences are therefore
 * carried before they are multiplied, and the three kinds of value have types or names of their own:
 *
 *   fe          clean: limbs 0-3 below 2^52, limb 4 below 2^47 + 2^13. May be a factor, and an operand of add and sub.
 *   fe, loose   as clean but for bits above 52 in limbs 0-3, which mean nothing. May only be a factor.
 *               (Functions that give one are called loose_...)
 *   wide        not carried: limbs below the bound its maker states. Sums of several are formed before one carry.
 *
 * Bounds are in units of 2^52 for limbs 0-3; "W" is 767. No function here branches or takes an address by a value.
 *
 * The limits of the machine, for whoever tunes: IFMA and 64-bit multiplication share one 512-bit pipe (Zen 4) or two
 * (Intel servers), shifts have one pipe, all other operations two. See README.md.
 */

#ifndef BLINDMATCH_NATIVE_FE52X8_H
#define BLINDMATCH_NATIVE_FE52X8_H

#include <stdint.h>

#ifdef NATIVE_EMULATED_VECTORS
#include "ifma_emulation.h" /* tests/native: the same source without AVX-512, for valgrind and other machines */
#else
#include <immintrin.h>
#define HIDDEN(register_value) __asm__("" : "+v"(register_value)) /* from the compiler's constant folding */
#endif

#define LANES 8

typedef __m512i vec;
typedef struct {
    vec l[5];
} fe;
typedef struct {
    vec l[5];
} wide;

#define INLINE static inline __attribute__((always_inline))

#define LIMB_BITS 52
#define TOP_BITS 47 /* 255 - 4 * 52 */
#define LIMB_MASK ((INT64_C(1) << LIMB_BITS) - 1)
#define TOP_MASK ((INT64_C(1) << TOP_BITS) - 1)

INLINE vec all(int64_t word) { return _mm512_set1_epi64(word); }
INLINE vec add64(vec a, vec b) { return _mm512_add_epi64(a, b); }
INLINE vec sub64(vec a, vec b) { return _mm512_sub_epi64(a, b); }
INLINE vec and64(vec a, vec b) { return _mm512_and_si512(a, b); }
INLINE vec madd_lo(vec z, vec a, vec b) { return _mm512_madd52lo_epu64(z, a, b); }
INLINE vec madd_hi(vec z, vec a, vec b) { return _mm512_madd52hi_epu64(z, a, b); }
#define shift_right(a, bits) _mm512_srli_epi64(a, bits)

/* The bounds that the comments claim, checked in debug builds (tests/native). */
#ifdef NATIVE_DEBUG
#include <assert.h>
#endif
INLINE void check_below(vec a, uint64_t bound)
{
#ifdef NATIVE_DEBUG
    uint64_t words[LANES] __attribute__((aligned(64)));
    _mm512_store_si512(words, a);
    for (int lane = 0; lane < LANES; lane++) {
        assert(words[lane] < bound);
    }
#else
    (void)a;
    (void)bound;
#endif
}
#define UNIT (UINT64_C(1) << LIMB_BITS)

/* 2^260 = 608 mod p: what limb 5 + i counts as in limb i. */
INLINE vec times_608(vec a)
{
    vec factor = all(608);
    HIDDEN(factor); /* or gcc makes three shifts and two sums of it: six operations where the machine has one */
    return _mm512_mullo_epi64(a, factor);
}

/* A constant, the same in all lanes. */
typedef struct {
    int64_t l[5];
} fe_constant;

INLINE fe fe_all(const fe_constant *c)
{
    fe r;
    for (int i = 0; i < 5; i++) {
        r.l[i] = all(c->l[i]);
    }
    return r;
}

/* ---- Carrying ------------------------------------------------------------------------------------------------------

 * The top goes first: q = what stands above 2^255, put back in below as 19q. Then one ripple from limb 0 to limb 4, and
 * limb 4 ends below 2^47 + (the last carry), which is what its five bits of slack are for: no second round.
 *
 * In: limbs 0-3 below 4095 units (so that adding a carry below 2^12 does not overflow 64 bits), limb 4 below 2^59 = 128.
 * Out: limb 4 below 2^47 + 2^12. */
INLINE fe loose_carry(wide x)
{
    fe r;
    for (int i = 0; i < 4; i++) {
        check_below(x.l[i], 4095 * UNIT);
    }
    check_below(x.l[4], 128 * UNIT);
    vec q = shift_right(x.l[4], TOP_BITS);
    r.l[4] = and64(x.l[4], all(TOP_MASK));
    r.l[0] = madd_lo(x.l[0], q, all(19)); /* q < 2^12: exact */
    r.l[1] = add64(x.l[1], shift_right(r.l[0], LIMB_BITS));
    r.l[2] = add64(x.l[2], shift_right(r.l[1], LIMB_BITS));
    r.l[3] = add64(x.l[3], shift_right(r.l[2], LIMB_BITS));
    r.l[4] = add64(r.l[4], shift_right(r.l[3], LIMB_BITS));
    return r;
}

/* A loose element made clean. */
INLINE fe cleaned(fe x)
{
    for (int i = 0; i < 4; i++) {
        x.l[i] = and64(x.l[i], all(LIMB_MASK));
    }
    return x;
}

INLINE fe carry(wide x) { return cleaned(loose_carry(x)); }

/* ---- Multiplication ------------------------------------------------------------------------------------------------

 * Columns z0..z9 of the product, then z_i + 608 z_(5+i). With limb 4 of the factors below 2^49 a lo or hi adds less than
 * 1 unit to its column, but for hi with one limb 4 in it: 1/8 unit, and with two: 1/64. So, in units:
 *
 *   column    0  1  2  3  4  5     6     7     8     9
 *   below     1  3  5  7  9  7.25  5.25  3.25  1.25  1/64
 *
 * 608 times column 5 would not fit 64 bits, so column 5 hands its carry on first. Then the sums z_i + 608 z_(5+i) are
 * below 609, 3195, 1981, 767 and 19 units: all fit, and are good for `loose_carry`. That is `product`.
 *
 * Sums of several products need smaller ones: for these columns 6 and 7 are carried as well, and the sums are below
 * W = 767 units, limb 4 below 19. That is `wide_product`. */
typedef struct {
    vec z[10];
} columns;

INLINE void hand_on(columns *c, int i)
{
    c->z[i + 1] = add64(c->z[i + 1], shift_right(c->z[i], LIMB_BITS));
    c->z[i] = and64(c->z[i], all(LIMB_MASK));
}

INLINE wide folded(const columns *c)
{
    wide r;
    for (int i = 5; i < 10; i++) {
        check_below(c->z[i], 6 * UNIT); /* 608 times it fits 64 bits with what it is added to */
    }
    for (int i = 0; i < 5; i++) {
        r.l[i] = add64(c->z[i], times_608(c->z[5 + i]));
        HIDDEN(r.l[i]); /* or compilers add the carry, which comes late, to the first summand: a longer chain */
    }
    return r;
}

/* A product may start from m*p instead of zero (m even): what will be subtracted from it then needs no other addition. */
INLINE columns starting_from(uint64_t m)
{
    columns c;
    c.z[0] = all((int64_t)(m * (LIMB_MASK - 18)));
    for (int i = 1; i < 10; i++) {
        c.z[i] = all(i < 4 ? (int64_t)(m * LIMB_MASK) : i == 4 ? (int64_t)(m * TOP_MASK) : 0);
    }
    return c;
}

INLINE columns multiply_columns(fe a, fe b, uint64_t m)
{
    check_below(a.l[4], UINT64_C(1) << 49);
    check_below(b.l[4], UINT64_C(1) << 49);
    columns c = starting_from(m);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) {
            c.z[i + j] = madd_lo(c.z[i + j], a.l[i], b.l[j]);
        }
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) {
            c.z[i + j + 1] = madd_hi(c.z[i + j + 1], a.l[i], b.l[j]);
        }
    }
    return c;
}

/* The mixed products are summed, doubled at once, and the squares of single limbs added: 30 madd instead of 50. Columns
 * 1..8 are doubled, so they start from m/2. */
INLINE columns square_columns(fe a, uint64_t m)
{
    check_below(a.l[4], UINT64_C(1) << 49);
    columns c = starting_from(m / 2);
    c.z[0] = starting_from(m).z[0];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
        for (int j = i + 1; j < 5; j++) {
            c.z[i + j] = madd_lo(c.z[i + j], a.l[i], a.l[j]);
            c.z[i + j + 1] = madd_hi(c.z[i + j + 1], a.l[i], a.l[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 1; i < 9; i++) {
        c.z[i] = add64(c.z[i], c.z[i]);
    }
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        c.z[2 * i] = madd_lo(c.z[2 * i], a.l[i], a.l[i]);
        c.z[2 * i + 1] = madd_hi(c.z[2 * i + 1], a.l[i], a.l[i]);
    }
    return c;
}

INLINE wide product(columns c)
{
    hand_on(&c, 5);
    return folded(&c);
}

INLINE wide wide_product(columns c)
{
    hand_on(&c, 5);
    hand_on(&c, 6);
    hand_on(&c, 7);
    return folded(&c);
}

/* a*b + m*p and a^2 + m*p */
INLINE wide wide_mul(fe a, fe b, uint64_t m) { return wide_product(multiply_columns(a, b, m)); }
INLINE wide wide_sq(fe a, uint64_t m) { return wide_product(square_columns(a, m)); }

INLINE fe loose_mul(fe a, fe b) { return loose_carry(product(multiply_columns(a, b, 0))); }
INLINE fe loose_sq(fe a) { return loose_carry(product(square_columns(a, 0))); }
INLINE fe mul(fe a, fe b) { return cleaned(loose_mul(a, b)); }
INLINE fe sq(fe a) { return cleaned(loose_sq(a)); }

/* ---- Sums and differences ------------------------------------------------------------------------------------------

 * A difference gets a multiple of p added, so that no limb goes below zero: m*p has limbs m*(2^52 - 19), m*(2^52 - 1)
 * three times, m*(2^47 - 1), a little less than m units. Between, 64-bit words may wrap around: only the result counts. */
INLINE wide wide_add(wide a, wide b)
{
    wide r;
    for (int i = 0; i < 5; i++) {
        r.l[i] = add64(a.l[i], b.l[i]);
    }
    return r;
}

INLINE wide wide_sub(wide a, wide b)
{
    wide r;
    for (int i = 0; i < 5; i++) {
        r.l[i] = sub64(a.l[i], b.l[i]);
    }
    return r;
}

/* a + m*p, for a constant m up to 4095. */
INLINE wide plus_multiple_of_p(wide a, uint64_t m)
{
    a.l[0] = add64(a.l[0], all((int64_t)(m * (LIMB_MASK - 18))));
    for (int i = 1; i < 4; i++) {
        a.l[i] = add64(a.l[i], all((int64_t)(m * LIMB_MASK)));
    }
    a.l[4] = add64(a.l[4], all((int64_t)(m * TOP_MASK)));
    return a;
}

INLINE wide as_wide(fe a)
{
    wide r;
    for (int i = 0; i < 5; i++) {
        r.l[i] = a.l[i];
    }
    return r;
}

INLINE void check_clean(fe a)
{
    for (int i = 0; i < 4; i++) {
        check_below(a.l[i], UNIT);
    }
    check_below(a.l[4], (UINT64_C(1) << TOP_BITS) + (UINT64_C(1) << 13));
}

/* Of clean elements: below 2 units, and below 3. */
INLINE wide sum(fe a, fe b)
{
    check_clean(a);
    check_clean(b);
    return wide_add(as_wide(a), as_wide(b));
}

INLINE wide difference(fe a, fe b)
{
    check_clean(a);
    check_clean(b);
    return plus_multiple_of_p(wide_sub(as_wide(a), as_wide(b)), 2);
}

INLINE fe add(fe a, fe b) { return carry(sum(a, b)); }
INLINE fe sub(fe a, fe b) { return carry(difference(a, b)); }

/* As a factor, limb 4 of a sum or a difference may stay above 2^47: it is below 2^49. */
INLINE fe loose_ripple(wide x)
{
    fe r;
    r.l[0] = x.l[0];
    for (int i = 1; i < 5; i++) {
        r.l[i] = add64(x.l[i], shift_right(r.l[i - 1], LIMB_BITS));
    }
    return r;
}

INLINE fe loose_add(fe a, fe b) { return loose_ripple(sum(a, b)); }
INLINE fe loose_sub(fe a, fe b) { return loose_ripple(difference(a, b)); }

INLINE fe negated(fe a)
{
    wide zero;
    for (int i = 0; i < 5; i++) {
        zero.l[i] = _mm512_setzero_si512();
    }
    return carry(plus_multiple_of_p(wide_sub(zero, as_wide(a)), INT64_C(2)));
}

/* ---- Choosing by masks: lanes of `mask` take `yes`, the others `no` ------------------------------------------------ */
typedef __mmask8 lanes;

INLINE fe chosen(lanes mask, fe yes, fe no)
{
    fe r;
    for (int i = 0; i < 5; i++) {
        r.l[i] = _mm512_mask_blend_epi64(mask, no.l[i], yes.l[i]);
    }
    return r;
}

/* ---- Canonical values ----------------------------------------------------------------------------------------------

 * A clean element is below 2^255 + 2^221 < 2p. So it is x or x + p, and adding 19 shows which: bit 255 of the sum is
 * set if and only if it is at least p. */
INLINE fe canonical(fe a)
{
    check_clean(a);
    vec c = add64(a.l[0], all(19));
    for (int i = 1; i < 5; i++) {
        c = add64(a.l[i], shift_right(c, LIMB_BITS));
    }
    vec q = shift_right(c, TOP_BITS); /* 0 or 1 */
    a.l[0] = madd_lo(a.l[0], q, all(19));
    for (int i = 0; i < 4; i++) {
        a.l[i + 1] = add64(a.l[i + 1], shift_right(a.l[i], LIMB_BITS));
        a.l[i] = and64(a.l[i], all(LIMB_MASK));
    }
    a.l[4] = and64(a.l[4], all(TOP_MASK));
    return a;
}

/* RFC 9496 section 2: negative means odd. */
INLINE lanes is_negative(fe a) { return _mm512_test_epi64_mask(canonical(a).l[0], all(1)); }

INLINE lanes is_zero(fe a)
{
    a = canonical(a);
    vec any = _mm512_or_si512(_mm512_or_si512(a.l[0], a.l[1]), _mm512_or_si512(a.l[2], a.l[3]));
    return _mm512_testn_epi64_mask(_mm512_or_si512(any, a.l[4]), all(-1));
}

/* Of a canonical element. */
INLINE lanes is_constant(fe a, const fe_constant *c)
{
    vec differs = _mm512_xor_si512(a.l[0], all(c->l[0]));
    for (int i = 1; i < 5; i++) {
        differs = _mm512_or_si512(differs, _mm512_xor_si512(a.l[i], all(c->l[i])));
    }
    return _mm512_testn_epi64_mask(differs, all(-1));
}

INLINE fe absolute(fe a) { return chosen(is_negative(a), negated(a), a); }

#endif
