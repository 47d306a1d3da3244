/* The core for AVX-512 IFMA: eight elements at a time (fe52x8.h, edwards52x8.h).
 *
 * All elements of a call share one scalar, or each lane has its own: the code is the same, since digits and the masks
 * made of them are vectors. A multiplication is 63 times [4 doublings, 1 addition] over odd signed digits (scalar.h); the
 * addition reads all eight table entries, and masks decide which counts. No address and no branch depends on a digit.
 *
 * A partial group is filled up with the base element, whose results nobody reads.
 */

#if defined(__x86_64__) || defined(NATIVE_EMULATED_VECTORS)

#ifndef NATIVE_EMULATED_VECTORS
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512ifma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512ifma")
#endif
#endif

#include <string.h>

#include "edwards52x8.h"
#include "impl.h"
#include "scalar.h"

#define TABLE 8             /* odd multiples 1..15 of a point */
#define BLOCK_GROUPS 32     /* groups of eight that share one inversion: 256 elements, some 100 KiB of stack */
#define BLOCK (BLOCK_GROUPS * LANES)

static const uint8_t BASE_ELEMENT[ELEMENT_BYTES] = {
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f,
    0x58, 0xe3, 0x0b, 0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76};

/* ---- Bytes ---------------------------------------------------------------------------------------------------------*/

/* Four 64-bit words of up to eight rows, `stride` bytes apart, transposed; rows that are missing read as `missing`. */
static void read_words(vec words[4], const uint8_t *rows, size_t stride, size_t count, const uint8_t *missing)
{
    uint64_t lanes_of[4][LANES] __attribute__((aligned(64)));
    for (size_t lane = 0; lane < LANES; lane++) {
        const uint8_t *row = lane < count ? rows + lane * stride : missing;
        for (int i = 0; i < 4; i++) {
            lanes_of[i][lane] = load_word(row + 8 * i);
        }
    }
    for (int i = 0; i < 4; i++) {
        words[i] = _mm512_load_si512(lanes_of[i]);
    }
    wipe(lanes_of, sizeof lanes_of);
}

/* The low 255 bits; clean. */
INLINE fe as_field(const vec words[4])
{
    vec mask = all(LIMB_MASK);
    fe r;
    r.l[0] = and64(words[0], mask);
    r.l[1] = and64(_mm512_or_si512(shift_right(words[0], 52), _mm512_slli_epi64(words[1], 12)), mask);
    r.l[2] = and64(_mm512_or_si512(shift_right(words[1], 40), _mm512_slli_epi64(words[2], 24)), mask);
    r.l[3] = and64(_mm512_or_si512(shift_right(words[2], 28), _mm512_slli_epi64(words[3], 36)), mask);
    r.l[4] = and64(shift_right(words[3], 16), all(TOP_MASK));
    return r;
}

/* The lanes that RFC 9496 section 4.3.1 step 1 lets pass, without zero: bit 255 clear, below p, even. */
INLINE lanes is_wellformed(const vec words[4], fe field)
{
    fe same = canonical(field);
    vec differs = _mm512_setzero_si512(), any = differs;
    for (int i = 0; i < 5; i++) {
        differs = _mm512_or_si512(differs, _mm512_xor_si512(same.l[i], field.l[i]));
        any = _mm512_or_si512(any, field.l[i]);
    }
    differs = _mm512_or_si512(differs, and64(field.l[0], all(1)));
    differs = _mm512_or_si512(differs, shift_right(words[3], 63));
    return (lanes)(_mm512_testn_epi64_mask(differs, all(-1)) & _mm512_test_epi64_mask(any, all(-1)));
}

/* Writes the first `count` lanes of a canonical element as rows of 32 bytes. */
static void write_elements(uint8_t *out, size_t count, fe field)
{
    uint64_t lanes_of[4][LANES] __attribute__((aligned(64)));
    const vec *l = field.l;
    _mm512_store_si512(lanes_of[0], _mm512_or_si512(l[0], _mm512_slli_epi64(l[1], 52)));
    _mm512_store_si512(lanes_of[1], _mm512_or_si512(shift_right(l[1], 12), _mm512_slli_epi64(l[2], 40)));
    _mm512_store_si512(lanes_of[2], _mm512_or_si512(shift_right(l[2], 24), _mm512_slli_epi64(l[3], 28)));
    _mm512_store_si512(lanes_of[3], _mm512_or_si512(shift_right(l[3], 36), _mm512_slli_epi64(l[4], 16)));
    for (size_t lane = 0; lane < count; lane++) {
        for (int i = 0; i < 4; i++) {
            memcpy(out + lane * ELEMENT_BYTES + 8 * i, &lanes_of[i][lane], 8);
        }
    }
}

/* ---- Multiplication by digits --------------------------------------------------------------------------------------*/

#define SIDE_BY_SIDE 2 /* groups that are multiplied at once */

typedef struct {
    vec digits[ODD_DIGITS];
    cached table[SIDE_BY_SIDE][TABLE];
} workspace;

/* digits of the same half scalar in all lanes */
static void spread_digits(vec digits[ODD_DIGITS], const uint8_t scalar[SCALAR_BYTES])
{
    int8_t signed_digits[ODD_DIGITS];
    odd_half_digits(signed_digits, scalar);
    for (int i = 0; i < ODD_DIGITS; i++) {
        digits[i] = all(signed_digits[i]);
    }
    wipe(signed_digits, sizeof signed_digits);
}

/* digits of one half scalar per lane */
static void gather_digits(vec digits[ODD_DIGITS], const uint8_t *scalars, size_t count)
{
    int64_t lanes_of[ODD_DIGITS][LANES] __attribute__((aligned(64)));
    int8_t signed_digits[ODD_DIGITS];
    memset(lanes_of, 0, sizeof lanes_of);
    for (size_t lane = 0; lane < count; lane++) {
        odd_half_digits(signed_digits, scalars + lane * SCALAR_BYTES);
        for (int i = 0; i < ODD_DIGITS; i++) {
            lanes_of[i][lane] = signed_digits[i];
        }
    }
    for (int i = 0; i < ODD_DIGITS; i++) {
        digits[i] = _mm512_load_si512(lanes_of[i]);
    }
    wipe(lanes_of, sizeof lanes_of);
    wipe(signed_digits, sizeof signed_digits);
}

static void fill_table(cached table[TABLE], const extended *p)
{
    extended p2 = twice(p), multiple = *p;
    cached step = as_cached(&p2);
    table[0] = as_cached(p);
    for (int j = 1; j < TABLE; j++) {
        multiple = plus(&multiple, &step);
        table[j] = as_cached(&multiple);
    }
}

/* One digit as masks: the lanes in which a table entry counts, and those in which the digit is negative. */
typedef struct {
    vec entry[TABLE];
    lanes minus;
} choice;

INLINE choice chosen_by(vec digit)
{
    choice which;
    vec magnitude = _mm512_abs_epi64(digit);
    which.minus = _mm512_movepi64_mask(digit);
    for (int j = 0; j < TABLE; j++) {
        which.entry[j] = _mm512_movm_epi64(_mm512_cmpeq_epi64_mask(magnitude, all(2 * j + 1)));
    }
    return which;
}

/* One coordinate of |digit| times the point, by its offset in fe's. All entries are read; a mask decides. */
INLINE fe looked_up(const cached table[TABLE], int coordinate, const choice *which)
{
    fe r;
    const fe *entry = (const fe *)&table[0] + coordinate;
    for (int i = 0; i < 5; i++) {
        r.l[i] = and64(which->entry[0], entry->l[i]);
    }
#pragma GCC unroll 8
    for (int j = 1; j < TABLE; j++) {
        entry = (const fe *)&table[j] + coordinate;
        for (int i = 0; i < 5; i++) {
            r.l[i] = _mm512_ternarylogic_epi64(r.l[i], which->entry[j], entry->l[i], 0xf8); /* r | (mask & entry) */
        }
    }
    return r;
}

/* result = value(digits) * p, for one group or for two with the same digits. The last digit is positive.
 *
 * A look-up is loads and logic and no multiplication, a doubling mostly multiplication: so each coordinate is looked up
 * beside a doubling of its own. And each step waits for the one before: with two groups the other one's step fills that
 * time. */
INLINE void multiply_groups(projective result[], const extended p[], workspace *w, int groups)
{
    projective r[SIDE_BY_SIDE];
    choice which = chosen_by(w->digits[ODD_DIGITS - 1]);
    for (int k = 0; k < groups; k++) {
        fill_table(w->table[k], &p[k]);
        wide plus_ = as_wide(cleaned(looked_up(w->table[k], 0, &which)));
        wide minus_ = as_wide(cleaned(looked_up(w->table[k], 1, &which)));
        wide z = as_wide(cleaned(looked_up(w->table[k], 2, &which)));
        r[k] = (projective){carry(plus_multiple_of_p(wide_sub(plus_, minus_), 4)), carry(wide_add(plus_, minus_)),
                            loose_carry(wide_add(z, z))}; /* 2x : 2y : 2z */
    }
    for (int i = ODD_DIGITS - 2; i >= 0; i--) {
        fe part[SIDE_BY_SIDE][4], t[SIDE_BY_SIDE];
        factors f[SIDE_BY_SIDE];
        which = chosen_by(w->digits[i]);
#pragma GCC unroll 1
        for (int coordinate = 0; coordinate < 4; coordinate++) {
            for (int k = 0; k < groups; k++) {
                part[k][coordinate] = looked_up(w->table[k], coordinate, &which);
                f[k] = doubling(&r[k]);
            }
            for (int k = 0; k < groups; k++) {
                multiplied_out(&r[k], &f[k]);
            }
        }
        for (int k = 0; k < groups; k++) {
            t[k] = t_of(&f[k]);
        }
        for (int k = 0; k < groups; k++) {
            cached entry = {chosen(which.minus, part[k][1], part[k][0]), chosen(which.minus, part[k][0], part[k][1]),
                            part[k][2], part[k][3]};
            f[k] = addition(&r[k], t[k], &entry, which.minus, 0);
        }
        for (int k = 0; k < groups; k++) {
            multiplied_out(&r[k], &f[k]);
        }
    }
    for (int k = 0; k < groups; k++) {
        result[k] = r[k];
    }
}

static void multiply_one(projective *result, const extended *p, workspace *w) { multiply_groups(result, p, w, 1); }

static void multiply_two(projective result[2], const extended p[2], workspace *w) { multiply_groups(result, p, w, 2); }

/* `groups` of them, one after the other in memory. */
static void multiply_points(projective result[], const extended p[], size_t groups, workspace *w)
{
    size_t i = 0;
    for (; i + SIDE_BY_SIDE <= groups; i += SIDE_BY_SIDE) {
        multiply_two(&result[i], &p[i], w);
    }
    if (i < groups) {
        multiply_one(&result[i], &p[i], w);
    }
}

/* ---- Blocks --------------------------------------------------------------------------------------------------------*/

typedef struct {
    workspace work;
    projective halves[BLOCK_GROUPS];
    doubled_quotients quotient[BLOCK_GROUPS];
    fe prefix[BLOCK_GROUPS];
} block_space;

INLINE size_t groups_of(size_t count) { return (count + LANES - 1) / LANES; }

/* Encodes twice each of `count` points; one inversion for all groups. */
static void write_doubled(uint8_t *out, block_space *b, size_t count)
{
    size_t groups = groups_of(count);
    fe running = fe_all(&ONE);
    for (size_t i = 0; i < groups; i++) {
        quotients(&b->quotient[i], &b->halves[i]);
        b->prefix[i] = running;
        running = loose_mul(running, b->quotient[i].all);
    }
    running = inverted(running);
    for (size_t i = groups; i-- > 0;) {
        fe inverse = loose_mul(running, b->prefix[i]);
        running = loose_mul(running, b->quotient[i].all);
        size_t left = count - i * LANES;
        write_elements(out + i * BLOCK / BLOCK_GROUPS * ELEMENT_BYTES, left < LANES ? left : LANES,
                       encoded_double(&b->quotient[i], inverse));
    }
}

#define ROUND (WAYS * LANES) /* rows that are decoded at once */

/* Reads and decodes up to ROUND elements; the index of the first bad one, or ACCEPTED. */
static ptrdiff_t read_ways(extended points[WAYS], const uint8_t *elements, size_t count)
{
    fe fields[WAYS];
    lanes wellformed[WAYS], valid[WAYS];
    for (size_t i = 0; i < WAYS; i++) {
        size_t first = i * LANES, left = count > first ? count - first : 0;
        vec words[4];
        read_words(words, elements + (left ? first : 0) * ELEMENT_BYTES, ELEMENT_BYTES, left < LANES ? left : LANES,
                   BASE_ELEMENT);
        fields[i] = as_field(words);
        wellformed[i] = is_wellformed(words, fields[i]);
    }
    decode_ways(points, valid, fields, wellformed);
    for (size_t i = 0; i < WAYS; i++) {
        unsigned bad = (lanes)~valid[i]; /* rows that were filled up are valid */
        if (bad) {
            return (ptrdiff_t)(i * LANES) + __builtin_ctz(bad);
        }
    }
    return ACCEPTED;
}

#include "rows52x8.h" /* decoded points as rows of bytes */

/* With `kept`, what was decoded is kept there as rows. */
static ptrdiff_t multiply_rows(uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n, const uint8_t *scalars,
                               int each)
{
    block_space b;
    ptrdiff_t bad = ACCEPTED;
    if (!each && n) {
        spread_digits(b.work.digits, scalars);
    }
    for (size_t start = 0; start < n && bad == ACCEPTED; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        for (size_t done = 0; done < count; done += ROUND) {
            extended points[WAYS];
            bad = read_ways(points, elements + (start + done) * ELEMENT_BYTES, count - done);
            if (bad != ACCEPTED) {
                bad += (ptrdiff_t)(start + done);
                break;
            }
            size_t groups = groups_of(count - done < ROUND ? count - done : ROUND);
            for (size_t i = 0; i < groups; i++) {
                size_t first = start + done + i * LANES, left = n - first < LANES ? n - first : LANES;
                if (kept) {
                    write_rows(kept + first * ROW_BYTES, &points[i], left);
                }
                if (each) {
                    gather_digits(b.work.digits, scalars + first * SCALAR_BYTES, left);
                    multiply_one(&b.halves[done / LANES + i], &points[i], &b.work);
                }
            }
            if (!each) {
                multiply_points(&b.halves[done / LANES], points, groups, &b.work);
            }
        }
        if (bad == ACCEPTED) {
            write_doubled(out + start * ELEMENT_BYTES, &b, count);
        }
    }
    wipe(&b, sizeof b);
    return bad;
}

static ptrdiff_t multiply(uint8_t *out, const uint8_t *elements, size_t n, const uint8_t scalar[SCALAR_BYTES])
{
    return multiply_rows(out, NULL, elements, n, scalar, 0);
}

static ptrdiff_t multiply_each(uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n)
{
    return multiply_rows(out, NULL, elements, n, scalars, 1);
}

static ptrdiff_t multiply_keeping(uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n,
                                  const uint8_t scalar[SCALAR_BYTES])
{
    return multiply_rows(out, kept, elements, n, scalar, 0);
}

static ptrdiff_t validate_var(const uint8_t *elements, size_t n)
{
    extended points[WAYS];
    for (size_t done = 0; done < n; done += ROUND) {
        ptrdiff_t bad = read_ways(points, elements + done * ELEMENT_BYTES, n - done);
        if (bad != ACCEPTED) {
            return bad + (ptrdiff_t)done;
        }
    }
    return ACCEPTED;
}

/* ---- The one-way map (RFC 9496 section 4.3.4) ----------------------------------------------------------------------*/

static const uint8_t NO_BYTES[UNIFORM_BYTES];

#define MAPPED (WAYS / 2) /* groups that are mapped at once: each takes two chains */

/* Up to MAPPED groups of points from rows of 64 uniform bytes: the sum of the maps of both halves. */
static void map_ways(extended points[MAPPED], const uint8_t *uniform, size_t count)
{
    fe t[WAYS];
    extended halves[WAYS];
    for (size_t i = 0; i < WAYS; i++) {
        size_t first = i / 2 * LANES, left = count > first ? count - first : 0;
        vec words[4];
        read_words(words, uniform + (left ? first : 0) * UNIFORM_BYTES + i % 2 * 32, UNIFORM_BYTES,
                   left < LANES ? left : LANES, NO_BYTES);
        t[i] = as_field(words);
    }
    map_to_curve_ways(halves, t);
    for (size_t i = 0; i < MAPPED; i++) {
        cached second = as_cached(&halves[2 * i + 1]);
        points[i] = plus(&halves[2 * i], &second);
    }
    wipe(t, sizeof t);
    wipe(halves, sizeof halves);
}

static void map(uint8_t *out, const uint8_t *uniform, size_t n)
{
    extended points[WAYS];
    fe fields[WAYS];
    for (size_t start = 0; start < n; start += ROUND) {
        size_t count = n - start < ROUND ? n - start : ROUND, half = MAPPED * LANES;
        map_ways(points, uniform + start * UNIFORM_BYTES, count);
        map_ways(points + MAPPED, uniform + (start + (count > half ? half : 0)) * UNIFORM_BYTES,
                 count > half ? count - half : 0);
        encode_ways(fields, points);
        for (size_t i = 0; i * LANES < count; i++) {
            size_t left = count - i * LANES;
            write_elements(out + (start + i * LANES) * ELEMENT_BYTES, left < LANES ? left : LANES, fields[i]);
        }
    }
    wipe(points, sizeof points);
    wipe(fields, sizeof fields);
}

static void map_and_multiply(uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t scalar[SCALAR_BYTES])
{
    block_space b;
    extended points[MAPPED];
    if (n) {
        spread_digits(b.work.digits, scalar);
    }
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        for (size_t done = 0; done < count; done += MAPPED * LANES) {
            map_ways(points, uniform + (start + done) * UNIFORM_BYTES, count - done);
            size_t groups = groups_of(count - done < MAPPED * LANES ? count - done : MAPPED * LANES);
            multiply_points(&b.halves[done / LANES], points, groups, &b.work);
        }
        write_doubled(out + start * ELEMENT_BYTES, &b, count);
    }
    wipe(&b, sizeof b);
    wipe(points, sizeof points);
}

#include "multi_scalar52x8.h" /* sum_var and both multi_scalars; stands on what is above */

const curve_core avx512ifma_core = {
    .name = "avx512ifma",
    .validate_var = validate_var,
    .multiply = multiply,
    .multiply_each = multiply_each,
    .kept_bytes = ROW_BYTES,
    .multiply_keeping = multiply_keeping,
    .map = map,
    .map_and_multiply = map_and_multiply,
    .sum_var = sum_var,
    .multi_scalar_var = multi_scalar_var,
    .multi_scalar_kept_var = multi_scalar_kept_var,
};

#if !defined(NATIVE_EMULATED_VECTORS) && defined(__clang__)
#pragma clang attribute pop
#endif

#endif
