/* Points of the curve behind ristretto255, eight at a time, and the two ways into it and the one way out.
 *
 * The curve is -x^2 + y^2 = 1 + d x^2 y^2 (edwards25519; a = -1). A point is held as
 *
 *   extended    (X : Y : Z : T)   x = X/Z, y = Y/Z, T = XY/Z     Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves
 *   projective  (X : Y : Z)                                      Revisited", ASIACRYPT 2008 (IACR ePrint 2008/522)
 *   cached      (Y+X, Y-X, Z, 2dT)   the second operand of an addition
 *
 * T is only needed before an addition, so doubling leaves it out unless asked. The formulas are complete for this curve:
 * no exception for the neutral element or for doubling by addition, so no branch.
 *
 * Loose and clean as in fe52x8.h: X and Y are clean, since sums of them are formed; Z and T may be loose.
 */

#ifndef BLINDMATCH_NATIVE_EDWARDS52X8_H
#define BLINDMATCH_NATIVE_EDWARDS52X8_H

#include "fe52x8.h"

typedef struct {
    fe X, Y, Z;
} projective;

typedef struct {
    fe X, Y, Z, T;
} extended;

typedef struct {
    fe y_plus_x, y_minus_x, z, t2d;
} cached;

/* RFC 9496 section 4.1. */
static const fe_constant ONE = {{1, 0, 0, 0, 0}};
static const fe_constant EDWARDS_D = {{0xb4dca135978a3, 0x4d4141d8ab75e, 0x779e89800700a, 0xfe738cc740797, 0x52036cee2b6f}};
static const fe_constant EDWARDS_2D = {{0x69b9426b2f159, 0x9a8283b156ebd, 0xef3d13000e014, 0xfce7198e80f2e, 0x2406d9dc56df}};
static const fe_constant SQRT_M1 = {{0xe1b274a0ea0b0, 0x06ad2fe478c4e, 0xdfbd7a72f4318, 0xdf0b2b4d00993, 0x2b8324804fc1}};
static const fe_constant MINUS_ONE = {{0xfffffffffffec, 0xfffffffffffff, 0xfffffffffffff, 0xfffffffffffff, 0x07fffffffffff}};
static const fe_constant MINUS_SQRT_M1 = {{0x1e4d8b5f15f3d, 0xf952d01b873b1, 0x2042858d0bce7, 0x20f4d4b2ff66c, 0x0547cdb7fb03e}};
static const fe_constant ONE_MINUS_D_SQ = {
    {0xc09c1945fc176, 0x38cd5e350fe27, 0xe70dfe42c81a1, 0xe0d79994abddb, 0x029072a8b2b3}};
static const fe_constant D_MINUS_ONE_SQ = {
    {0xd5aaa44ed4d20, 0x2cb01e199931a, 0x29b4eebd29e4a, 0x22414cdcd32f5, 0x5968b37af66c}};
static const fe_constant SQRT_AD_MINUS_ONE = {
    {0x7f6a0497b2e1b, 0x0c1b7854bd7e9, 0x1f5d1fdaf9d8e, 0x48ac0f3cfcc93, 0x376931bf2b83}};
static const fe_constant INVSQRT_A_MINUS_D = {
    {0x8fdaa805d40ea, 0x175a4172be99c, 0xe01d8409d2f16, 0xfca216c27b91f, 0x786c8905cfaf}};

/* ---- Addition and doubling -----------------------------------------------------------------------------------------
 *
 * Both end in four factors E, F, G, H with X = EF, Y = GH, Z = FG, T = EH. The sums that make E..H are formed from wide
 * products and carried once. Bounds in the units of fe52x8.h: a wide product is below W = 767 (limb 4: 19), and what is
 * subtracted from starts from m*p with m above the subtrahend. m*p has a limb 4 of m/32 units. The bounds of all sums are
 * written beside them as (limbs 0-3, limb 4); `loose_carry` takes (4095, 128).
 *
 * The order of the lines is that of the machine: what is ready first is used first, so that the multiplier never waits.
 */

typedef struct {
    fe E, F, G, H;
} factors;

/* The sum's X, Y and Z; its T, where that is wanted. */
INLINE void multiplied_out(projective *p, const factors *f)
{
    p->Y = mul(f->G, f->H);
    p->X = mul(f->E, f->F);
    p->Z = loose_mul(f->F, f->G);
}

INLINE fe t_of(const factors *f) { return loose_mul(f->E, f->H); }

/* dbl-2008-hwcd for a = -1, the signs of F and H turned (and so of X, Y, Z and T, which is the same point):
 * E = 2XY, G = Y^2 - X^2, F = 2Z^2 - G, H = X^2 + Y^2. */
INLINE factors doubling(const projective *p)
{
    factors r;
    wide xx = wide_sq(p->X, 0);             /*  (767, 19) */
    fe x_plus_y = loose_add(p->X, p->Y);
    wide zz = wide_sq(p->Z, 800);           /* (1567, 44): W + 800 */
    wide yy = wide_sq(p->Y, 800);           /* (1567, 44) */
    wide ss = wide_sq(x_plus_y, 2400);      /* (3167, 94) */
    wide h = wide_add(xx, yy);              /* (2334, 63) */
    wide g = wide_sub(yy, xx);              /* (1567, 44), not below 0: 800 > 767, 25 > 19 */
    r.G = loose_carry(g), r.H = loose_carry(h);
    r.E = loose_carry(wide_sub(ss, h));               /* (3167, 94): 2400 > 2334, 75 > 63 */
    r.F = loose_carry(wide_sub(wide_add(zz, zz), g)); /* (3134, 88): 1600 > 1567, 50 > 44 */
    return r;
}

/* add-2008-hwcd-3 (with 2dT ready, and Z1 Z2 doubled): p + q, or p - q in the lanes of `minus`, where the caller has
 * exchanged y_plus_x and y_minus_x already and the sign of t2d turns F and G round. An affine q has z = 1, unread. */
INLINE factors addition(const projective *p, fe t, const cached *q, lanes minus, int q_is_affine)
{
    factors r;
    fe y_minus_x = loose_sub(p->Y, p->X), y_plus_x = loose_add(p->Y, p->X);
    wide c = wide_mul(t, q->t2d, 0);               /*  (767, 19) */
    wide d = q_is_affine ? plus_multiple_of_p(as_wide(cleaned(p->Z)), 400)
                         : wide_mul(p->Z, q->z, 400); /* (1167, 32) */
    wide b = wide_mul(y_plus_x, q->y_plus_x, 800); /* (1567, 44) */
    wide a = wide_mul(y_minus_x, q->y_minus_x, 0); /*  (767, 19) */
    wide dd = wide_add(d, d);                      /* (2334, 64) */
    wide up = wide_add(dd, c), down = wide_sub(dd, c), f, g; /* (3101, 83) and (2334, 64): 800 > 767, 25 > 19 */
    for (int i = 0; i < 5; i++) {
        f.l[i] = _mm512_mask_blend_epi64(minus, down.l[i], up.l[i]);
        g.l[i] = _mm512_mask_blend_epi64(minus, up.l[i], down.l[i]);
    }
    r.F = loose_carry(f), r.G = loose_carry(g);
    r.E = loose_carry(wide_sub(b, a)); /* (1567, 44) */
    r.H = loose_carry(wide_add(a, b)); /* (2334, 63) */
    return r;
}

/* One after the other, for one group. Gives T, or something that is not used. */
INLINE fe doubled(projective *p, int with_t)
{
    factors f = doubling(p);
    multiplied_out(p, &f);
    return with_t ? t_of(&f) : f.E;
}

INLINE fe added(projective *p, fe t, const cached *q, lanes minus, int with_t, int q_is_affine)
{
    factors f = addition(p, t, q, minus, q_is_affine);
    multiplied_out(p, &f);
    return with_t ? t_of(&f) : f.E;
}

INLINE cached as_cached(const extended *p)
{
    fe two_d = fe_all(&EDWARDS_2D);
    return (cached){loose_add(p->Y, p->X), loose_sub(p->Y, p->X), p->Z, loose_mul(p->T, two_d)};
}

INLINE extended twice(const extended *p)
{
    projective r = {p->X, p->Y, p->Z};
    fe t = doubled(&r, 1);
    return (extended){r.X, r.Y, r.Z, t};
}

INLINE extended plus(const extended *p, const cached *q)
{
    projective r = {p->X, p->Y, p->Z};
    fe t = added(&r, p->T, q, 0, 1, 0);
    return (extended){r.X, r.Y, r.Z, t};
}

/* ---- Powers --------------------------------------------------------------------------------------------------------
 *
 * One chain of squarings waits for itself: each needs the last one's result. Chains side by side keep the multiplier
 * busy, so all functions with a power in them work on WAYS groups of eight at once. Measured: a squaring costs 47 cycles
 * alone and 38 among four. */
#define WAYS 4

static void square_times(fe x[], int times, int ways)
{
    if (ways == 1) {
        fe a = x[0];
        for (int i = 0; i < times; i++) {
            a = loose_sq(a);
        }
        x[0] = a;
        return;
    }
    for (int i = 0; i < times; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < WAYS; j++) {
            x[j] = loose_sq(x[j]);
        }
    }
}

INLINE void multiply_ways(fe r[], const fe a[], const fe b[], int ways)
{
    for (int j = 0; j < ways; j++) {
        r[j] = loose_mul(a[j], b[j]);
    }
}

INLINE void copy_ways(fe r[], const fe a[], int ways)
{
    for (int j = 0; j < ways; j++) {
        r[j] = a[j];
    }
}

/* r = z^(2^250 - 1) and z11 = z^11, of 1 or WAYS chains. Names are the exponents: e5 is 2^5 - 1. */
INLINE void power_250(fe r[], fe z11[], const fe z[], int ways)
{
    fe z2[WAYS], t[WAYS], e5[WAYS], e10[WAYS], e50[WAYS];
    copy_ways(z2, z, ways);
    square_times(z2, 1, ways);
    copy_ways(t, z2, ways);
    square_times(t, 2, ways);
    multiply_ways(t, t, z, ways); /* 9 */
    multiply_ways(z11, t, z2, ways);
    copy_ways(e5, z11, ways);
    square_times(e5, 1, ways); /* 22 */
    multiply_ways(e5, e5, t, ways);
    copy_ways(t, e5, ways);
    square_times(t, 5, ways);
    multiply_ways(e10, t, e5, ways);
    copy_ways(t, e10, ways);
    square_times(t, 10, ways);
    multiply_ways(t, t, e10, ways); /* e20 */
    copy_ways(e50, t, ways);
    square_times(t, 20, ways);
    multiply_ways(t, t, e50, ways); /* e40 */
    square_times(t, 10, ways);
    multiply_ways(e50, t, e10, ways);
    copy_ways(t, e50, ways);
    square_times(t, 50, ways);
    multiply_ways(r, t, e50, ways); /* e100 */
    copy_ways(t, r, ways);
    square_times(t, 100, ways);
    multiply_ways(r, t, r, ways); /* e200 */
    square_times(r, 50, ways);
    multiply_ways(r, r, e50, ways);
}

/* z^(p-2) = 1/z, clean; 0 for 0. */
static fe inverted(fe z)
{
    fe r, z11;
    power_250(&r, &z11, &z, 1);
    square_times(&r, 5, 1);
    return mul(r, z11); /* 2^255 - 32 + 11 */
}

/* SQRT_RATIO_M1 of RFC 9496 section 4.2: root = |sqrt(u/v)| or |sqrt(SQRT_M1 * u/v)|, clean; the lanes in which u/v is a
 * square, 0/v included. With u = 1 the caller passes NULL. */
static void square_root_ratios(fe root[WAYS], lanes square[WAYS], const fe *u, const fe v[WAYS])
{
    fe v3[WAYS], w[WAYS], power[WAYS], unused[WAYS];
    for (int i = 0; i < WAYS; i++) {
        v3[i] = loose_mul(loose_sq(v[i]), v[i]);
        w[i] = loose_mul(loose_sq(v3[i]), v[i]); /* v^7 */
        if (u) {
            w[i] = loose_mul(w[i], u[i]);
            v3[i] = loose_mul(v3[i], u[i]);
        }
    }
    power_250(power, unused, w, WAYS);
    square_times(power, 2, WAYS);
    multiply_ways(power, power, w, WAYS); /* (p - 5)/8 = 2^252 - 3 */
    fe i_root = fe_all(&SQRT_M1);
    for (int i = 0; i < WAYS; i++) {
        fe r = mul(power[i], v3[i]);
        fe check = mul(v[i], loose_sq(r));
        lanes correct, flipped, flipped_i; /* v r^2 is u, -u or -SQRT_M1 u */
        if (u) {
            correct = is_zero(sub(check, u[i]));
            flipped = is_zero(add(check, u[i]));
            flipped_i = is_zero(add(check, mul(u[i], i_root)));
        } else {
            check = canonical(check);
            correct = is_constant(check, &ONE);
            flipped = is_constant(check, &MINUS_ONE);
            flipped_i = is_constant(check, &MINUS_SQRT_M1);
        }
        r = chosen(flipped | flipped_i, mul(r, i_root), r);
        root[i] = absolute(r);
        square[i] = correct | flipped;
    }
}

/* ---- Decoding (RFC 9496 section 4.3.1) -----------------------------------------------------------------------------
 *
 * `fields` are the 255-bit values as read; `wellformed` the lanes in which they are below p, even and not zero. Gives
 * points with Z = 1, and the lanes in which there is one. */
static void decode_ways(extended points[WAYS], lanes valid[WAYS], const fe fields[WAYS], const lanes wellformed[WAYS])
{
    fe one = fe_all(&ONE), d = fe_all(&EDWARDS_D), u1[WAYS], u2[WAYS], v[WAYS], ratio[WAYS], root[WAYS];
    lanes square[WAYS];
    for (int i = 0; i < WAYS; i++) {
        fe ss = sq(fields[i]);
        u1[i] = sub(one, ss);
        u2[i] = add(one, ss);
        fe u2_sq = sq(u2[i]);
        v[i] = sub(negated(mul(d, loose_sq(u1[i]))), u2_sq);
        ratio[i] = mul(v[i], u2_sq);
    }
    square_root_ratios(root, square, (const fe *)0, ratio);
    for (int i = 0; i < WAYS; i++) {
        fe den_x = loose_mul(root[i], u2[i]);
        fe den_y = loose_mul(loose_mul(root[i], den_x), v[i]);
        points[i].X = absolute(mul(add(fields[i], fields[i]), den_x));
        points[i].Y = mul(u1[i], den_y);
        points[i].Z = one;
        points[i].T = mul(points[i].X, points[i].Y);
        valid[i] = wellformed[i] & square[i] & (lanes)~is_negative(points[i].T) & (lanes)~is_zero(points[i].Y);
    }
}

/* ---- The map to the curve (MAP of RFC 9496 section 4.3.4), of WAYS groups of field elements ------------------------ */
static void map_to_curve_ways(extended points[WAYS], const fe t[WAYS])
{
    fe one = fe_all(&ONE), d = fe_all(&EDWARDS_D), i_root = fe_all(&SQRT_M1), minus_one = negated(one);
    fe r[WAYS], u[WAYS], v[WAYS], s[WAYS];
    lanes square[WAYS];
    for (int i = 0; i < WAYS; i++) {
        r[i] = mul(i_root, loose_sq(t[i]));
        u[i] = mul(loose_add(r[i], one), fe_all(&ONE_MINUS_D_SQ));
        v[i] = mul(sub(minus_one, mul(r[i], d)), add(r[i], d));
    }
    square_root_ratios(s, square, u, v);
    for (int i = 0; i < WAYS; i++) {
        fe s_prime = negated(absolute(mul(s[i], t[i])));
        s[i] = chosen(square[i], s[i], s_prime);
        fe c = chosen(square[i], minus_one, r[i]);
        fe n = sub(mul(loose_mul(c, loose_sub(r[i], one)), fe_all(&D_MINUS_ONE_SQ)), v[i]);
        fe s_sq = sq(s[i]);
        fe w0 = loose_mul(add(s[i], s[i]), v[i]);
        fe w1 = loose_mul(n, fe_all(&SQRT_AD_MINUS_ONE));
        fe w2 = loose_sub(one, s_sq), w3 = loose_add(one, s_sq);
        points[i] = (extended){mul(w0, w3), mul(w2, w1), loose_mul(w1, w3), loose_mul(w0, w2)};
    }
}

/* ---- Encoding twice a point ----------------------------------------------------------------------------------------
 *
 * For P = (X : Y : Z) let e = 2XY, f = Y^2 - X^2, g = Y^2 + X^2, h = 2Z^2 - f. Then 2P = (e/f, g/h). On the curve
 * f = Z^2 + dT^2 and h = Z^2 - dT^2, so g^2 = f^2 + e^2 and h^2 = f^2 - d e^2, and therefore h^2 - g^2 = (-1-d) e^2: the
 * square root in ENCODE (RFC 9496 section 4.3.2) of 2P = (eh : fg : fh : eg) is the root of a square known in advance,
 *
 *   1/sqrt(u1 u2^2) = INVSQRT_A_MINUS_D / (e^2 f^2 g h)      with u1 = f^2 (-1-d) e^2,  u2 = e f g h
 *
 * and all that is left is one inverse, 1/(e f g h), which a whole batch shares (Montgomery's trick). Put into ENCODE:
 *
 *   rotate if eg/(fh) is negative
 *   not rotated:  s = | INVSQRT_A_MINUS_D (h -+ g) / e |   minus, but plus if e/f is negative
 *   rotated:      s = | (f -+ i e) / g |                   minus, but plus if i g/h is negative
 *
 * That this encoding needs no root is an observation of Hamburg and de Valence, used by curve25519-dalek. If e or g is
 * zero, 2P stands for the identity: s = 0. f and h are never zero, since -1 - d and d are no squares. */
typedef struct {
    fe e, f, g, h, eg, fh;
    fe all; /* e f g h, or 1 where that is zero */
    lanes zero;
} doubled_quotients;

INLINE void quotients(doubled_quotients *q, const projective *p)
{
    wide xx = wide_sq(p->X, 0), yy = wide_sq(p->Y, 800), zz = wide_sq(p->Z, 800), xy = wide_mul(p->X, p->Y, 0);
    wide f = wide_sub(yy, xx);
    q->e = carry(wide_add(xy, xy));
    q->f = carry(f);
    q->g = carry(wide_add(yy, xx));
    q->h = carry(wide_sub(wide_add(zz, zz), f));
    q->eg = mul(q->e, q->g);
    q->fh = loose_mul(q->f, q->h);
    fe product = mul(q->eg, q->fh);
    q->zero = is_zero(product);
    q->all = chosen(q->zero, fe_all(&ONE), product);
}

/* `inverse` is 1/q->all. Gives the canonical field element to write. */
INLINE fe encoded_double(const doubled_quotients *q, fe inverse)
{
    fe i_root = fe_all(&SQRT_M1);
    fe inverse_fh = loose_mul(q->eg, inverse), inverse_eg = loose_mul(q->fh, inverse);
    lanes rotate = is_negative(mul(q->eg, inverse_fh));

    fe ie = mul(q->e, i_root);
    fe base = chosen(rotate, q->f, q->h), swing = chosen(rotate, ie, q->g);
    fe sign = chosen(rotate, mul(loose_mul(q->g, i_root), q->f), mul(q->e, q->h)); /* over fh: i g/h or e/f */
    lanes flip = is_negative(mul(sign, inverse_fh));
    fe difference_or_sum = chosen(flip, add(base, swing), sub(base, swing));
    fe over = chosen(rotate, q->e, loose_mul(fe_all(&INVSQRT_A_MINUS_D), q->g)); /* over eg: 1/g or ../e */
    fe s = absolute(mul(difference_or_sum, loose_mul(over, inverse_eg)));
    fe zero = fe_all(&(fe_constant){{0, 0, 0, 0, 0}});
    return canonical(chosen(q->zero, zero, s));
}

/* ---- Encoding a point as it is (RFC 9496 section 4.3.2), with a square root; canonical field elements ---------------*/
static void encode_ways(fe fields[WAYS], const extended points[WAYS])
{
    fe i_root = fe_all(&SQRT_M1), u1[WAYS], u2[WAYS], v[WAYS], root[WAYS];
    lanes unused[WAYS];
    for (int i = 0; i < WAYS; i++) {
        fe z = cleaned(points[i].Z);
        u1[i] = mul(loose_add(z, points[i].Y), loose_sub(z, points[i].Y));
        u2[i] = mul(points[i].X, points[i].Y);
        v[i] = mul(u1[i], loose_sq(u2[i]));
    }
    square_root_ratios(root, unused, (const fe *)0, v);
    for (int i = 0; i < WAYS; i++) {
        fe den1 = mul(root[i], u1[i]), den2 = mul(root[i], u2[i]);
        fe z_inverse = loose_mul(loose_mul(den1, den2), points[i].T);
        lanes rotate = is_negative(mul(points[i].T, z_inverse));
        fe x = chosen(rotate, mul(points[i].Y, i_root), points[i].X);
        fe y = chosen(rotate, mul(points[i].X, i_root), points[i].Y);
        fe inverse = chosen(rotate, mul(den1, fe_all(&INVSQRT_A_MINUS_D)), den2);
        y = chosen(is_negative(mul(x, z_inverse)), negated(y), y);
        fields[i] = canonical(absolute(mul(inverse, loose_sub(cleaned(points[i].Z), y))));
    }
}

#endif
