/* The field of integers mod p = 2^255 - 19, on any machine with a 64 x 64 -> 128 bit multiplication.
 *
 * An element is five limbs of 51 bits, value = limb[0] + limb[1]*2^51 + ... + limb[4]*2^204. A limb may grow past 51
 * bits, so that sums and differences need no carries. How far is settled by two bounds, for every limb:
 *
 *     TIGHT   2^51 + 2^15    what multiplying, squaring, loading and carrying give
 *     LOOSE   2^54           what multiplying, squaring and carrying take
 *
 * Each function says above it what it takes and gives, and why. With NATIVE_DEBUG the same bounds are assertions.
 *
 * Everything here is constant time. Conditions are masks: all ones for yes, zero for no.
 */

#ifndef BLINDMATCH_NATIVE_FE51_H
#define BLINDMATCH_NATIVE_FE51_H

#include <stdint.h>
#include <string.h>

#include "scalar.h" /* load_word */

#ifdef NATIVE_DEBUG
#include <assert.h>
#define EXPECT(condition) assert(condition)
#else
#define EXPECT(condition) ((void)0)
#endif

typedef unsigned __int128 wide;

typedef struct {
    uint64_t limb[5];
} fe;

#define LIMB_MASK ((UINT64_C(1) << 51) - 1)
#define TIGHT ((UINT64_C(1) << 51) + (UINT64_C(1) << 15))
#define LOOSE (UINT64_C(1) << 54)

static const fe FE_ZERO = {{0, 0, 0, 0, 0}};
static const fe FE_ONE = {{1, 0, 0, 0, 0}};

/* A square root of -1, the one that RFC 9496 section 4.1 lists. */
static const fe SQRT_M1 = {{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

/* Hides from the compiler that a mask has two values only, so that it makes no branch of a selection. */
static inline uint64_t opaque(uint64_t mask)
{
    __asm__("" : "+r"(mask));
    return mask;
}

static inline int fe_is_below(const fe *a, uint64_t bound)
{
    uint64_t largest = 0;
    for (int i = 0; i < 5; i++) {
        largest = a->limb[i] > largest ? a->limb[i] : largest;
    }
    return largest < bound;
}

/* a + b, no carry. The caller knows that the sum is LOOSE. */
static inline void fe_add(fe *out, const fe *a, const fe *b)
{
    for (int i = 0; i < 5; i++) {
        out->limb[i] = a->limb[i] + b->limb[i];
    }
    EXPECT(fe_is_below(out, LOOSE));
}

/* a - b + 2p, no carry. The limbs of 2p are 2^52 - 38, then four times 2^52 - 2; TIGHT is below, so no limb of a TIGHT
 * b takes more than it gets. Each limb of the result is at most a's + 2^52; the caller knows that it is LOOSE. */
static inline void fe_subtract(fe *out, const fe *a, const fe *b)
{
    EXPECT(fe_is_below(b, TIGHT));
    out->limb[0] = a->limb[0] + ((UINT64_C(1) << 52) - 38) - b->limb[0];
    for (int i = 1; i < 5; i++) {
        out->limb[i] = a->limb[i] + ((UINT64_C(1) << 52) - 2) - b->limb[i];
    }
    EXPECT(fe_is_below(out, LOOSE));
}

/* -a, for a TIGHT: limbs up to 2^52. */
static inline void fe_negate(fe *out, const fe *a)
{
    fe_subtract(out, &FE_ZERO, a);
}

/* LOOSE to TIGHT: what a limb has above 51 bits is below 8; the next limb takes it, limb 0 takes 19 times that of the
 * last (2^255 = 19): 2^51 + 19*8 at most. */
static inline void fe_carry(fe *out, const fe *a)
{
    EXPECT(fe_is_below(a, LOOSE));
    uint64_t above = 19 * (a->limb[4] >> 51);
    for (int i = 0; i < 5; i++) {
        uint64_t limb = a->limb[i];
        out->limb[i] = (limb & LIMB_MASK) + above;
        above = limb >> 51;
    }
    EXPECT(fe_is_below(out, TIGHT));
}

/* Five sums of products to TIGHT limbs. With LOOSE factors, in units of 2^108 (a product of two limbs):
 *
 *     r0 < 1 + 4*19 = 77    r1 < 2 + 3*19 = 59    r2 < 3 + 2*19 = 41    r3 < 4 + 19 = 23    r4 < 5
 *
 * which all hold in 128 bits. Bits 51 and up of each go to the next limb, at once and not one after another:
 * r0 / 2^51 < 77 * 2^57 < 2^63.3, and 19 * (r4 / 2^51) < 95 * 2^57 < 2^63.6, so every limb is below 2^63.6 + 2^51 and
 * holds in 64 bits. Then once more: what is above 51 bits is below 2^12.6 from limbs 0 to 3; limb 4 got less than
 * 23 * 2^57 from r3, so it passes on at most 23 * 2^6 + 1, 19 times that is 27,987 < 2^15. */
static inline void fe_from_products(fe *out, wide r0, wide r1, wide r2, wide r3, wide r4)
{
    uint64_t s0 = ((uint64_t)r0 & LIMB_MASK) + 19 * (uint64_t)(r4 >> 51);
    uint64_t s1 = ((uint64_t)r1 & LIMB_MASK) + (uint64_t)(r0 >> 51);
    uint64_t s2 = ((uint64_t)r2 & LIMB_MASK) + (uint64_t)(r1 >> 51);
    uint64_t s3 = ((uint64_t)r3 & LIMB_MASK) + (uint64_t)(r2 >> 51);
    uint64_t s4 = ((uint64_t)r4 & LIMB_MASK) + (uint64_t)(r3 >> 51);
    out->limb[0] = (s0 & LIMB_MASK) + 19 * (s4 >> 51);
    out->limb[1] = (s1 & LIMB_MASK) + (s0 >> 51);
    out->limb[2] = (s2 & LIMB_MASK) + (s1 >> 51);
    out->limb[3] = (s3 & LIMB_MASK) + (s2 >> 51);
    out->limb[4] = (s4 & LIMB_MASK) + (s3 >> 51);
    EXPECT(fe_is_below(out, TIGHT));
}

/* a * b: LOOSE to TIGHT. Products that reach 2^255 and up are folded down by 19; 19 * 2^54 < 2^59 holds. */
static inline void fe_multiply(fe *out, const fe *a, const fe *b)
{
    EXPECT(fe_is_below(a, LOOSE) && fe_is_below(b, LOOSE));
    uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3], a4 = a->limb[4];
    uint64_t b0 = b->limb[0], b1 = b->limb[1], b2 = b->limb[2], b3 = b->limb[3], b4 = b->limb[4];
    uint64_t f1 = 19 * b1, f2 = 19 * b2, f3 = 19 * b3, f4 = 19 * b4;
    wide r0 = (wide)a0 * b0 + (wide)a1 * f4 + (wide)a2 * f3 + (wide)a3 * f2 + (wide)a4 * f1;
    wide r1 = (wide)a0 * b1 + (wide)a1 * b0 + (wide)a2 * f4 + (wide)a3 * f3 + (wide)a4 * f2;
    wide r2 = (wide)a0 * b2 + (wide)a1 * b1 + (wide)a2 * b0 + (wide)a3 * f4 + (wide)a4 * f3;
    wide r3 = (wide)a0 * b3 + (wide)a1 * b2 + (wide)a2 * b1 + (wide)a3 * b0 + (wide)a4 * f4;
    wide r4 = (wide)a0 * b4 + (wide)a1 * b3 + (wide)a2 * b2 + (wide)a3 * b1 + (wide)a4 * b0;
    fe_from_products(out, r0, r1, r2, r3, r4);
}

/* a^2: LOOSE to TIGHT. The same sums, equal products taken once: 38 * 2^54 < 2^60 holds. */
static inline void fe_square(fe *out, const fe *a)
{
    EXPECT(fe_is_below(a, LOOSE));
    uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3], a4 = a->limb[4];
    uint64_t twice0 = 2 * a0, twice1 = 2 * a1, f3 = 19 * a3, f4 = 19 * a4;
    wide r0 = (wide)a0 * a0 + (wide)twice1 * f4 + (wide)(2 * a2) * f3;
    wide r1 = (wide)twice0 * a1 + (wide)(2 * a2) * f4 + (wide)a3 * f3;
    wide r2 = (wide)twice0 * a2 + (wide)a1 * a1 + (wide)(2 * a3) * f4;
    wide r3 = (wide)twice0 * a3 + (wide)twice1 * a2 + (wide)a4 * f4;
    wide r4 = (wide)twice0 * a4 + (wide)twice1 * a3 + (wide)a2 * a2;
    fe_from_products(out, r0, r1, r2, r3, r4);
}

/* a^(2^n), n >= 1. */
static inline void fe_square_times(fe *out, const fe *a, int n)
{
    fe_square(out, a);
    while (--n) {
        fe_square(out, out);
    }
}

/* a^(2^250 - 1), and a^11 on the way: 249 squarings, 11 multiplications. The exponent's ones double in number. */
static inline void fe_power_250_ones(fe *out, fe *a11, const fe *a)
{
    fe a2, a9, ones5, ones10, ones20, ones50, ones100, t;
    fe_square(&a2, a);
    fe_square_times(&t, &a2, 2);
    fe_multiply(&a9, &t, a);
    fe_multiply(a11, &a9, &a2);
    fe_square(&t, a11);
    fe_multiply(&ones5, &t, &a9);
    fe_square_times(&t, &ones5, 5);
    fe_multiply(&ones10, &t, &ones5);
    fe_square_times(&t, &ones10, 10);
    fe_multiply(&ones20, &t, &ones10);
    fe_square_times(&t, &ones20, 20);
    fe_multiply(&t, &t, &ones20);
    fe_square_times(&t, &t, 10);
    fe_multiply(&ones50, &t, &ones10);
    fe_square_times(&t, &ones50, 50);
    fe_multiply(&ones100, &t, &ones50);
    fe_square_times(&t, &ones100, 100);
    fe_multiply(&t, &t, &ones100);
    fe_square_times(&t, &t, 50);
    fe_multiply(out, &t, &ones50);
}

/* 1/a = a^(p - 2), p - 2 = 2^255 - 21 = (2^250 - 1) * 2^5 + 11; 0 for 0. */
static inline void fe_invert(fe *out, const fe *a)
{
    fe t, a11;
    fe_power_250_ones(&t, &a11, a);
    fe_square_times(&t, &t, 5);
    fe_multiply(out, &t, &a11);
}

/* a^((p - 5) / 8), and (p - 5) / 8 = 2^252 - 3 = (2^250 - 1) * 2^2 + 1. */
static inline void fe_power_root(fe *out, const fe *a)
{
    fe t, a11;
    fe_power_250_ones(&t, &a11, a);
    fe_square_times(&t, &t, 2);
    fe_multiply(out, &t, a);
}

/* The low 255 bits of 32 bytes; TIGHT (every limb below 2^51). Bit 255 is not looked at. */
static inline void fe_from_bytes(fe *out, const uint8_t bytes[32])
{
    uint64_t w0 = load_word(bytes), w1 = load_word(bytes + 8), w2 = load_word(bytes + 16), w3 = load_word(bytes + 24);
    out->limb[0] = w0 & LIMB_MASK;
    out->limb[1] = (w0 >> 51 | w1 << 13) & LIMB_MASK;
    out->limb[2] = (w1 >> 38 | w2 << 26) & LIMB_MASK;
    out->limb[3] = (w2 >> 25 | w3 << 39) & LIMB_MASK;
    out->limb[4] = w3 >> 12 & LIMB_MASK;
}

/* LOOSE to the one form with limbs below 2^51 and value below p.
 *
 * After fe_carry the value is below 2^255 + 2^212 < 2p, so it is too large by nothing or by p; by p exactly if
 * value + 19 reaches 2^255. Adding 19 in that case and dropping bit 255 takes p away. */
static inline void fe_canonical(fe *out, const fe *a)
{
    fe_carry(out, a);
    uint64_t above = 19;
    for (int i = 0; i < 5; i++) {
        above = (out->limb[i] + above) >> 51;
    }
    above *= 19;
    for (int i = 0; i < 5; i++) {
        uint64_t limb = out->limb[i] + above;
        out->limb[i] = limb & LIMB_MASK;
        above = limb >> 51;
    }
}

/* The canonical 32 bytes of a LOOSE element. */
static inline void fe_to_bytes(uint8_t bytes[32], const fe *a)
{
    fe c;
    fe_canonical(&c, a);
    uint64_t words[4] = {c.limb[0] | c.limb[1] << 51, c.limb[1] >> 13 | c.limb[2] << 38,
                         c.limb[2] >> 26 | c.limb[3] << 25, c.limb[3] >> 39 | c.limb[4] << 12};
    memcpy(bytes, words, sizeof words);
}

/* Whether a LOOSE element is zero. */
static inline uint64_t fe_is_zero(const fe *a)
{
    fe c;
    fe_canonical(&c, a);
    uint64_t any = c.limb[0] | c.limb[1] | c.limb[2] | c.limb[3] | c.limb[4];
    return opaque((any | -any) >> 63) - 1;
}

/* Whether two TIGHT elements are equal. */
static inline uint64_t fe_is_equal(const fe *a, const fe *b)
{
    fe difference;
    fe_subtract(&difference, a, b);
    return fe_is_zero(&difference);
}

/* Whether a LOOSE element is negative: odd in canonical form (RFC 9496 section 4.1). */
static inline uint64_t fe_is_negative(const fe *a)
{
    fe c;
    fe_canonical(&c, a);
    return -opaque(c.limb[0] & 1);
}

/* a = yes ? b : a; takes and gives any bounds. */
static inline void fe_replace(fe *a, const fe *b, uint64_t yes)
{
    for (int i = 0; i < 5; i++) {
        a->limb[i] ^= (a->limb[i] ^ b->limb[i]) & yes;
    }
}

/* -a or a, TIGHT to at most 2^52. */
static inline void fe_negate_if(fe *out, const fe *a, uint64_t yes)
{
    fe negative;
    fe_negate(&negative, a);
    *out = *a;
    fe_replace(out, &negative, yes);
}

/* |a|: the one of a and -a that is not negative. TIGHT to at most 2^52. */
static inline void fe_absolute(fe *out, const fe *a)
{
    fe_negate_if(out, a, fe_is_negative(a));
}

/* SQRT_RATIO_M1 of RFC 9496 section 4.2 for u, v TIGHT: answers whether u/v is a square, and gives the root of u/v, or
 * of SQRT_M1*u/v if it is none; not negative, at most 2^52.
 *
 * u*v^3 * (u*v^7)^((p-5)/8) is a root of u/v times a fourth root of one; v * root^2 against u, -u and -u*SQRT_M1 shows
 * which. For v = 0 the root is 0, and a square only if u = 0 too. */
static inline uint64_t fe_sqrt_ratio(fe *root, const fe *u, const fe *v)
{
    fe v3, power, r, check, negative, negative_i, other;
    fe_square(&v3, v);
    fe_multiply(&v3, &v3, v);
    fe_square(&power, &v3);
    fe_multiply(&power, &power, v);
    fe_multiply(&power, &power, u);
    fe_power_root(&power, &power);
    fe_multiply(&r, u, &v3);
    fe_multiply(&r, &r, &power);

    fe_square(&check, &r);
    fe_multiply(&check, &check, v);
    fe_negate(&negative, u);
    fe_carry(&negative, &negative);
    fe_multiply(&negative_i, &negative, &SQRT_M1);
    uint64_t correct = fe_is_equal(&check, u);
    uint64_t flipped = fe_is_equal(&check, &negative);
    uint64_t flipped_i = fe_is_equal(&check, &negative_i);
    fe_multiply(&other, &r, &SQRT_M1);
    fe_replace(&r, &other, flipped | flipped_i);
    fe_absolute(root, &r);
    return correct | flipped;
}

#endif
