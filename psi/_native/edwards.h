/* Points of -x^2 + y^2 = 1 + d*x^2*y^2 over p = 2^255 - 19, and the ristretto255 encoding of RFC 9496, over fe51.h.
 *
 * A point is X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z ("extended" coordinates). The formulas are those of H. Hisil,
 * K. K.-H. Wong, G. Carter, E. Dawson, "Twisted Edwards curves revisited", ASIACRYPT 2008, by the names they have in
 * the Explicit-Formulas Database: add-2008-hwcd-3 (section 3.1, a = -1) and dbl-2008-hwcd (section 3.3). Since -1 is a
 * square and d is none, both hold for all pairs of points: no case needs a branch.
 *
 * Both end in four field elements E, F, G, H with
 *
 *     X = E*F    Y = G*H    Z = F*G    T = E*H
 *
 * which are kept as they are (`quartet`): who needs no T saves a multiplication, and the encoding of a double starts
 * from here. All four may change sign at once.
 *
 * Four points that differ by a point of order 4 stand for one element. Everything is constant time.
 */

#ifndef BLINDMATCH_NATIVE_EDWARDS_H
#define BLINDMATCH_NATIVE_EDWARDS_H

#include "fe51.h"

/* d = -121665/121666 and what RFC 9496 section 4.1 derives from it. */
static const fe MINUS_D = {{0x4b235eca6874a, 0x657d7c4ea9142, 0x2185d9ffe3fd6, 0x0c6399c5fc344, 0x2dfc9311d4900}};
static const fe CURVE_D = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const fe TWICE_D = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
static const fe SQRT_AD_MINUS_ONE = {
    {0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834}};
static const fe INVSQRT_A_MINUS_D = {
    {0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff}};
static const fe ONE_MINUS_D_SQ = {
    {0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x06bccca55eedf, 0x029072a8b2b3e}};
static const fe D_MINUS_ONE_SQ = {
    {0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2}};

/* All coordinates TIGHT. T is there only where its maker says so. */
typedef struct {
    fe x, y, z, t;
} point;

/* What add and double end in; all LOOSE. */
typedef struct {
    fe e, f, g, h;
} quartet;

/* A point as the second summand: Y + X and 2*Z up to 2*TIGHT, Y - X up to TIGHT + 2^52, 2*d*T up to 2^52. The words are
 * for selecting one of many without looking at their meaning. */
#define SUMMAND_WORDS 20
typedef union {
    struct {
        fe y_plus_x, y_minus_x, z_twice, t_twice_d;
    };
    uint64_t words[SUMMAND_WORDS];
} summand;

/* The same with Z = 1. */
typedef struct {
    fe y_plus_x, y_minus_x, t_twice_d;
} affine_summand;

static const point IDENTITY = {{{0}}, {{1}}, {{1}}, {{0}}};
static const summand IDENTITY_SUMMAND = {{{{1}}, {{1}}, {{2}}, {{0}}}};

/* X, Y and Z of what a quartet stands for, without T. */
static inline void to_xyz(point *out, const quartet *q)
{
    fe_multiply(&out->x, &q->e, &q->f);
    fe_multiply(&out->y, &q->g, &q->h);
    fe_multiply(&out->z, &q->f, &q->g);
}

static inline void to_point(point *out, const quartet *q)
{
    to_xyz(out, q);
    fe_multiply(&out->t, &q->e, &q->h);
}

/* dbl-2008-hwcd, all four signs turned, which saves two negations. T is not used. With A = X^2, B = Y^2, S = (X + Y)^2,
 * C = Z^2, each TIGHT:
 *
 *     H = A + B            < 2^52 + 2^16
 *     E = H - S            < 2^53 + 2^16
 *     G = A - B            < 2^51 + 2^52 + 2^15
 *     F = G + 2*C          < 2^52 + 2^51 + 2^52 + 2^17 < 2^54 */
static inline void twice(quartet *out, const point *p)
{
    fe a, b, c, s;
    fe_add(&s, &p->x, &p->y);
    fe_square(&a, &p->x);
    fe_square(&b, &p->y);
    fe_square(&c, &p->z);
    fe_square(&s, &s);
    fe_add(&out->h, &a, &b);
    fe_subtract(&out->e, &out->h, &s);
    fe_subtract(&out->g, &a, &b);
    fe_add(&out->f, &out->g, &c);
    fe_add(&out->f, &out->f, &c);
}

/* The last steps of both additions: A, B, C, D TIGHT; E and F < 2^51 + 2^52 + 2^15, G and H < 2^52 + 2^16. */
static inline void end_sum(quartet *out, const fe *a, const fe *b, const fe *c, const fe *d)
{
    fe_subtract(&out->e, b, a);
    fe_subtract(&out->f, d, c);
    fe_add(&out->g, d, c);
    fe_add(&out->h, b, a);
}

/* add-2008-hwcd-3, the second summand prepared. Y - X < 2^51 + 2^52 + 2^15, Y + X < 2^52 + 2^16. */
static inline void sum(quartet *out, const point *p, const summand *q)
{
    fe a, b, c, d;
    fe_subtract(&a, &p->y, &p->x);
    fe_add(&b, &p->y, &p->x);
    fe_multiply(&a, &a, &q->y_minus_x);
    fe_multiply(&b, &b, &q->y_plus_x);
    fe_multiply(&c, &p->t, &q->t_twice_d);
    fe_multiply(&d, &p->z, &q->z_twice);
    end_sum(out, &a, &b, &c, &d);
}

/* The same where the second Z is 1: D = 2*Z, carried to be TIGHT. */
static inline void sum_affine(quartet *out, const point *p, const affine_summand *q)
{
    fe a, b, c, d;
    fe_subtract(&a, &p->y, &p->x);
    fe_add(&b, &p->y, &p->x);
    fe_multiply(&a, &a, &q->y_minus_x);
    fe_multiply(&b, &b, &q->y_plus_x);
    fe_multiply(&c, &p->t, &q->t_twice_d);
    fe_add(&d, &p->z, &p->z);
    fe_carry(&d, &d);
    end_sum(out, &a, &b, &c, &d);
}

/* A point with T, prepared. */
static inline void to_summand(summand *out, const point *p)
{
    fe_add(&out->y_plus_x, &p->y, &p->x);
    fe_subtract(&out->y_minus_x, &p->y, &p->x);
    fe_add(&out->z_twice, &p->z, &p->z);
    fe_multiply(&out->t_twice_d, &p->t, &TWICE_D);
}

/* A point with T and Z = 1, prepared. */
static inline void to_affine_summand(affine_summand *out, const point *p)
{
    fe_add(&out->y_plus_x, &p->y, &p->x);
    fe_subtract(&out->y_minus_x, &p->y, &p->x);
    fe_multiply(&out->t_twice_d, &p->t, &TWICE_D);
}

/* The negative of a prepared point: x changes its sign, so Y + X and Y - X change places. */
static inline void negate_summand(summand *out, const summand *p)
{
    out->y_plus_x = p->y_minus_x;
    out->y_minus_x = p->y_plus_x;
    out->z_twice = p->z_twice;
    fe_negate(&out->t_twice_d, &p->t_twice_d);
}

static inline void negate_affine_summand(affine_summand *out, const affine_summand *p)
{
    out->y_plus_x = p->y_minus_x;
    out->y_minus_x = p->y_plus_x;
    fe_negate(&out->t_twice_d, &p->t_twice_d);
}

/* DECODE, RFC 9496 section 4.3.1, with Z = 1 and T; the identity is refused too. Not accepted: the point is none. */
static inline uint64_t decode(point *out, const uint8_t encoding[ELEMENT_BYTES])
{
    fe s, ss, u1, u2, u2_squared, v, ratio, root, den_x, den_y;
    uint8_t canonical[ELEMENT_BYTES];
    fe_from_bytes(&s, encoding);
    fe_to_bytes(canonical, &s);
    uint64_t differs = 0;
    for (int i = 0; i < 4; i++) {
        differs |= load_word(canonical + 8 * i) ^ load_word(encoding + 8 * i);
    }
    uint64_t is_canonical = ((differs | -differs) >> 63) - 1;
    uint64_t refused = ~is_canonical | fe_is_negative(&s) | fe_is_zero(&s);

    fe_square(&ss, &s);
    fe_subtract(&u1, &FE_ONE, &ss);
    fe_add(&u2, &FE_ONE, &ss);
    fe_square(&u2_squared, &u2);
    fe_square(&v, &u1);
    fe_multiply(&v, &v, &MINUS_D);
    fe_subtract(&v, &v, &u2_squared); /* a*d*u1^2 - u2^2 < 2^53 */
    fe_multiply(&ratio, &v, &u2_squared);
    refused |= ~fe_sqrt_ratio(&root, &FE_ONE, &ratio);

    fe_multiply(&den_x, &root, &u2);
    fe_multiply(&den_y, &root, &den_x);
    fe_multiply(&den_y, &den_y, &v);
    fe_add(&s, &s, &s);
    fe_multiply(&out->x, &s, &den_x);
    fe_absolute(&out->x, &out->x);
    fe_carry(&out->x, &out->x);
    fe_multiply(&out->y, &u1, &den_y);
    out->z = FE_ONE;
    fe_multiply(&out->t, &out->x, &out->y);
    return ~(refused | fe_is_negative(&out->t) | fe_is_zero(&out->y));
}

/* ENCODE, RFC 9496 section 4.3.2, of a point with T. Costs an inverse square root; `encode_doubles` does not. */
static inline void encode(uint8_t out[ELEMENT_BYTES], const point *p)
{
    fe u1, u2, t, root, den1, den2, z_inverse, x, y, den;
    fe_add(&u1, &p->z, &p->y);
    fe_subtract(&t, &p->z, &p->y);
    fe_multiply(&u1, &u1, &t);
    fe_multiply(&u2, &p->x, &p->y);
    fe_square(&t, &u2);
    fe_multiply(&t, &t, &u1);
    fe_sqrt_ratio(&root, &FE_ONE, &t); /* always a square, or zero */
    fe_multiply(&den1, &root, &u1);
    fe_multiply(&den2, &root, &u2);
    fe_multiply(&z_inverse, &den1, &den2);
    fe_multiply(&z_inverse, &z_inverse, &p->t);

    fe_multiply(&t, &p->t, &z_inverse);
    uint64_t rotate = fe_is_negative(&t);
    fe_multiply(&x, &p->y, &SQRT_M1);
    fe_multiply(&y, &p->x, &SQRT_M1);
    fe_multiply(&den, &den1, &INVSQRT_A_MINUS_D);
    fe_replace(&x, &p->x, ~rotate);
    fe_replace(&y, &p->y, ~rotate);
    fe_replace(&den, &den2, ~rotate);

    fe_multiply(&t, &x, &z_inverse);
    fe_negate_if(&y, &y, fe_is_negative(&t));
    fe_carry(&y, &y);
    fe_subtract(&t, &p->z, &y);
    fe_multiply(&t, &t, &den);
    fe_absolute(&t, &t);
    fe_to_bytes(out, &t);
}

/* The encoding of the double of a point, from its quartet E, F, G, H and the inverse of E*F*G*H.
 *
 * Write a = -1 and put X = E*F, Y = G*H, Z = F*G, T = E*H into section 4.3.2. For the quartet of a double (and no
 * other) the equation of the curve gives, with x, y the point that was doubled, all over one square,
 *
 *     E = 2xy    H = x^2 + y^2    G = y^2 - x^2 = 1 + d*x^2*y^2    F = 2 - G = 1 - d*x^2*y^2
 *     H^2 - G^2 = E^2,    G^2 - F^2 = d*E^2,    so F^2 - H^2 = (a - d)*E^2
 *
 * (all four may be negated). Hence u1 = Z^2 - Y^2 = (a - d)*(E*G)^2 and u2 = X*Y = E*F*G*H, and the root that ENCODE
 * needs is known: 1 / sqrt(u1*u2^2) = +- C / (E*G * E*F*G*H), C = 1 / sqrt(a - d). The rest follows without a root:
 *
 *     1/Z = 1/(F*G)    T/Z = (E*H) / (F*G)    if T/Z is not negative     if T/Z is negative ("rotate", i = sqrt(-1))
 *     x/Z, whose sign turns y                 E / G                      i * H / F
 *     s up to its sign                        C * (F -+ H) / E           (G -+ i*E) / H = -i * (i*G -+ -E) / H
 *
 * With (E, F, H) replaced by (H, i*G, -E) in the second case, s is a constant times (F -+ H) / E with one over E = H /
 * (E*H) in both, since the product E*H only changes its sign.
 *
 * E*F*G*H is zero exactly if the double is the identity's element: F = 0 and G = 0 would make d a square, E = 0 or
 * H = 0 puts the double among the points of order 4. Then the encoding is zero, as section 4.3.2 gives it too; the
 * caller passes any inverse and `is_identity`. Limbs of the quartet are TIGHT. */
static inline void encode_double(uint8_t out[ELEMENT_BYTES], const quartet *q, const fe *inverse, uint64_t is_identity)
{
    fe e = q->e, f = q->f, h = q->h, eh, fg, z_inverse, eh_inverse, t, constant = INVSQRT_A_MINUS_D;
    fe_multiply(&eh, &q->e, &q->h);
    fe_multiply(&fg, &q->f, &q->g);
    fe_multiply(&z_inverse, &eh, inverse);
    fe_multiply(&eh_inverse, &fg, inverse);

    fe_multiply(&t, &eh, &z_inverse);
    uint64_t rotate = fe_is_negative(&t);
    fe_multiply(&t, &q->g, &SQRT_M1);
    fe_replace(&f, &t, rotate);
    fe_replace(&e, &q->h, rotate);
    fe_negate(&t, &q->e);
    fe_replace(&h, &t, rotate);
    fe_replace(&constant, &SQRT_M1, rotate);

    fe_multiply(&t, &e, &f);
    fe_multiply(&t, &t, &z_inverse);
    fe_carry(&h, &h);
    fe_multiply(&eh_inverse, &eh_inverse, &h);
    fe_negate_if(&h, &h, fe_is_negative(&t));
    fe_carry(&h, &h);
    fe_subtract(&t, &f, &h);
    fe_multiply(&t, &t, &eh_inverse);
    fe_multiply(&t, &t, &constant);
    fe_absolute(&t, &t);
    fe_replace(&t, &FE_ZERO, is_identity);
    fe_to_bytes(out, &t);
}

/* The encodings of the doubles of n points, n >= 1, by one inversion (Montgomery's trick): the product of all E*F*G*H
 * is inverted, then one factor after another is taken out. `quartets` is overwritten with carried ones, `products` has
 * room for n. A zero factor is left out of the product. */
static inline void encode_doubles(uint8_t *out, quartet *quartets, fe *products, size_t n)
{
    fe product = FE_ONE, factor, fg, inverse, remaining;
    for (size_t i = 0; i < n; i++) {
        quartet *q = &quartets[i];
        fe_carry(&q->e, &q->e);
        fe_carry(&q->f, &q->f);
        fe_carry(&q->g, &q->g);
        fe_carry(&q->h, &q->h);
        fe_multiply(&factor, &q->e, &q->h);
        fe_multiply(&fg, &q->f, &q->g);
        fe_multiply(&factor, &factor, &fg);
        fe_replace(&factor, &FE_ONE, fe_is_zero(&factor));
        products[i] = product;
        fe_multiply(&product, &product, &factor);
    }
    fe_invert(&remaining, &product);
    for (size_t i = n; i-- > 0;) {
        quartet *q = &quartets[i];
        fe_multiply(&factor, &q->e, &q->h);
        fe_multiply(&fg, &q->f, &q->g);
        fe_multiply(&factor, &factor, &fg);
        uint64_t is_identity = fe_is_zero(&factor);
        fe_replace(&factor, &FE_ONE, is_identity);
        fe_multiply(&inverse, &remaining, &products[i]);
        fe_multiply(&remaining, &remaining, &factor);
        encode_double(out + i * ELEMENT_BYTES, q, &inverse, is_identity);
    }
}

/* MAP of RFC 9496 section 4.3.4 (Elligator 2), on 32 bytes of which bit 255 is ignored; with T. */
static inline void map_half(point *out, const uint8_t uniform[32])
{
    fe t, r, u, v, s, s_prime, c, n, w1;
    quartet q;
    fe_from_bytes(&t, uniform);
    fe_square(&r, &t);
    fe_multiply(&r, &r, &SQRT_M1);
    fe_add(&u, &r, &FE_ONE);
    fe_multiply(&u, &u, &ONE_MINUS_D_SQ);
    fe_multiply(&v, &r, &MINUS_D);
    fe_subtract(&v, &v, &FE_ONE); /* -1 - r*d < 2^53 */
    fe_add(&w1, &r, &CURVE_D);
    fe_multiply(&v, &v, &w1);
    uint64_t was_square = fe_sqrt_ratio(&s, &u, &v);

    fe_multiply(&s_prime, &s, &t);
    fe_absolute(&s_prime, &s_prime);
    fe_carry(&s_prime, &s_prime);
    fe_negate(&s_prime, &s_prime);
    fe_replace(&s, &s_prime, ~was_square);
    fe_negate(&c, &FE_ONE);
    fe_replace(&c, &r, ~was_square);
    fe_subtract(&n, &r, &FE_ONE);
    fe_multiply(&n, &n, &c);
    fe_multiply(&n, &n, &D_MINUS_ONE_SQ);
    fe_subtract(&n, &n, &v); /* N < 2^53 */

    /* w0 = 2*s*v, w1 = N*SQRT_AD_MINUS_ONE, w2 = 1 - s^2, w3 = 1 + s^2 are E, G, H, F of a quartet. */
    fe_add(&q.e, &s, &s);
    fe_multiply(&q.e, &q.e, &v);
    fe_multiply(&q.g, &n, &SQRT_AD_MINUS_ONE);
    fe_square(&s, &s);
    fe_subtract(&q.h, &FE_ONE, &s);
    fe_add(&q.f, &FE_ONE, &s);
    to_point(out, &q);
}

#endif
