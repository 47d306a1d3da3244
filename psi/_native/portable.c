/* The curve core in plain C: five limbs of 51 bits, 128-bit products. For 64-bit machines of every kind.
 *
 * A multiplication by a secret scalar, for a block of points at a time:
 *
 *     k is halved mod L, and cut into 64 signed digits of 4 bits                        scalar.h
 *     each point is decoded (or mapped from uniform bytes)                              edwards.h
 *     its multiples 1..8 are tabled; then four doublings and one addition per digit, the multiple chosen by masks
 *     the doubles of the block's points are encoded by one inversion                    edwards.h, encode_doubles
 *
 * Nothing branches on a scalar, a digit or a mapped point, and no address depends on one. What was computed from them
 * stands in one `workspace` on the stack, wiped before the return, or in registers that the compiler spilled below it.
 * So the work is done by functions that are not inlined, and the part of the stack that they had is wiped after them.
 */

#include "multiscalar.h"

/* Points per inversion. One costs as much as 250 multiplications of the field: about 1 in 700 of the block's work. */
#define BLOCK_ROWS 64

#define TABLE_ENTRIES 8

/* More stack than the functions below a workspace use, in bytes; a test looks for what is left. */
#define SPILLED_BYTES 8192

#define APART __attribute__((noinline))

typedef struct {
    uint64_t half[4];
    int8_t digits[DIGITS];
    summand table[TABLE_ENTRIES];
    point points[BLOCK_ROWS];
    quartet quartets[BLOCK_ROWS];
    fe products[BLOCK_ROWS];
} workspace;

static APART void wipe_stack(void)
{
    uint8_t below[SPILLED_BYTES];
    wipe(below, sizeof below);
}

/* The digits of half a scalar. */
static APART void cut(workspace *work, const uint8_t scalar[SCALAR_BYTES])
{
    halve(work->half, scalar);
    recode(work->digits, work->half);
}

/* The multiples 1..8 of a point with T. */
static inline void tabulate(summand table[TABLE_ENTRIES], const point *p)
{
    point multiples[TABLE_ENTRIES];
    quartet q;
    multiples[0] = *p;
    to_summand(&table[0], p);
    for (int j = 1; j < TABLE_ENTRIES; j++) {
        if (j % 2) {
            twice(&q, &multiples[j / 2]);
        } else {
            sum(&q, &multiples[j - 1], &table[0]);
        }
        to_point(&multiples[j], &q);
        to_summand(&table[j], &multiples[j]);
    }
}

/* digit * P out of the table of P, for -8 <= digit <= 8: every entry is read. */
static inline void choose(summand *out, const summand table[TABLE_ENTRIES], int8_t digit)
{
    uint64_t negative = opaque(-(uint64_t)((uint8_t)digit >> 7));
    uint64_t size = ((uint64_t)digit ^ negative) - negative, masks[TABLE_ENTRIES + 1];
    for (uint64_t j = 0; j <= TABLE_ENTRIES; j++) {
        masks[j] = opaque(-(((size ^ j) - 1) >> 63));
    }
    for (int w = 0; w < SUMMAND_WORDS; w++) {
        uint64_t word = masks[0] & IDENTITY_SUMMAND.words[w];
        for (int j = 0; j < TABLE_ENTRIES; j++) {
            word |= masks[j + 1] & table[j].words[w];
        }
        out->words[w] = word;
    }
    fe plus = out->y_plus_x, minus_t;
    fe_replace(&out->y_plus_x, &out->y_minus_x, negative);
    fe_replace(&out->y_minus_x, &plus, negative);
    fe_negate(&minus_t, &out->t_twice_d);
    fe_replace(&out->t_twice_d, &minus_t, negative);
}

/* The quartet of the double of (sum of digits[i]*16^i) * P. */
static inline void multiply_twice(quartet *out, const point *p, const int8_t digits[DIGITS],
                                  summand table[TABLE_ENTRIES])
{
    point total = IDENTITY;
    summand chosen;
    quartet q;
    tabulate(table, p);
    choose(&chosen, table, digits[DIGITS - 1]);
    sum(&q, &total, &chosen);
    for (int i = DIGITS - 2; i >= 0; i--) {
        choose(&chosen, table, digits[i]);
        for (int j = 0; j < DIGIT_BITS; j++) {
            to_xyz(&total, &q);
            twice(&q, &total);
        }
        to_point(&total, &q);
        sum(&q, &total, &chosen);
    }
    to_xyz(&total, &q);
    twice(out, &total);
}

/* Multiply and encode the first n points of the workspace; `stride` 0: all by the digits that are there. */
static APART void multiply_points(workspace *work, uint8_t *out, size_t n, const uint8_t *scalars, size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        if (stride) {
            cut(work, scalars + i * stride);
        }
        multiply_twice(&work->quartets[i], &work->points[i], work->digits, work->table);
    }
    encode_doubles(out, work->quartets, work->products, n);
}

static APART ptrdiff_t decode_points(workspace *work, const uint8_t *elements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!decode(&work->points[i], elements + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i;
        }
    }
    return ACCEPTED;
}

/* The one-way map: both halves mapped, and added; with T. */
static APART void map_points(point *points, const uint8_t *uniform, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        point first, second;
        summand prepared;
        quartet q;
        map_half(&first, uniform + i * UNIFORM_BYTES);
        map_half(&second, uniform + i * UNIFORM_BYTES + UNIFORM_BYTES / 2);
        to_summand(&prepared, &second);
        sum(&q, &first, &prepared);
        to_point(&points[i], &q);
    }
}

static APART void encode_points(uint8_t *out, const point *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        encode(out + i * ELEMENT_BYTES, &points[i]);
    }
}

static size_t block_rows(size_t n, size_t start)
{
    return n - start < BLOCK_ROWS ? n - start : BLOCK_ROWS;
}

static ptrdiff_t validate_var(const uint8_t *elements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        point ignored;
        if (!decode(&ignored, elements + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i;
        }
    }
    return ACCEPTED;
}

static ptrdiff_t multiply_rows(uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n, size_t stride)
{
    workspace work;
    ptrdiff_t refused = ACCEPTED;
    if (n && !stride) {
        cut(&work, scalars);
    }
    for (size_t start = 0; start < n && refused == ACCEPTED; start += BLOCK_ROWS) {
        size_t rows = block_rows(n, start);
        refused = decode_points(&work, elements + start * ELEMENT_BYTES, rows);
        if (refused == ACCEPTED) {
            multiply_points(&work, out + start * ELEMENT_BYTES, rows, scalars + start * stride, stride);
        } else {
            refused += (ptrdiff_t)start;
        }
    }
    wipe_stack();
    wipe(&work, sizeof work);
    return refused;
}

static ptrdiff_t multiply(uint8_t *out, const uint8_t *elements, size_t n, const uint8_t scalar[SCALAR_BYTES])
{
    return multiply_rows(out, elements, scalar, n, 0);
}

static ptrdiff_t multiply_each(uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n)
{
    return multiply_rows(out, elements, scalars, n, SCALAR_BYTES);
}

/* Decoding is a fifteenth of the work here: what is kept are the elements. */
static ptrdiff_t multiply_keeping(uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n,
                                  const uint8_t scalar[SCALAR_BYTES])
{
    if (n) {
        memcpy(kept, elements, n * ELEMENT_BYTES);
    }
    return multiply(out, kept, n, scalar);
}

static void map_rows(uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t *scalar)
{
    workspace work;
    if (scalar) {
        cut(&work, scalar);
    }
    for (size_t start = 0; start < n; start += BLOCK_ROWS) {
        size_t rows = block_rows(n, start);
        map_points(work.points, uniform + start * UNIFORM_BYTES, rows);
        if (scalar) {
            multiply_points(&work, out + start * ELEMENT_BYTES, rows, scalar, 0);
        } else {
            encode_points(out + start * ELEMENT_BYTES, work.points, rows);
        }
    }
    wipe_stack();
    wipe(&work, sizeof work);
}

static void map(uint8_t *out, const uint8_t *uniform, size_t n)
{
    map_rows(out, uniform, n, NULL);
}

static void map_and_multiply(uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t scalar[SCALAR_BYTES])
{
    map_rows(out, uniform, n, scalar);
}

static ptrdiff_t sum_var(uint8_t out[ELEMENT_BYTES], const uint8_t *elements, size_t n)
{
    point total = IDENTITY;
    for (size_t i = 0; i < n; i++) {
        point p;
        affine_summand prepared;
        quartet q;
        if (!decode(&p, elements + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i;
        }
        to_affine_summand(&prepared, &p);
        sum_affine(&q, &total, &prepared);
        to_point(&total, &q);
    }
    encode(out, &total);
    return ACCEPTED;
}

static ptrdiff_t multi_scalar_var(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *elements, size_t n)
{
    union {
        straus_room straus;
        point buckets[MAX_BUCKETS];
    } room;
    point total;
    ptrdiff_t refused = n <= STRAUS_POINTS ? straus_var(&total, &room.straus, scalars, elements, n)
                                           : pippenger_var(&total, room.buckets, scalars, elements, n);
    if (refused == ACCEPTED) {
        encode(out, &total);
    }
    return refused;
}

static ptrdiff_t multi_scalar_kept_var(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *kept, size_t n)
{
    ptrdiff_t refused = multi_scalar_var(out, scalars, kept, n);
    if (refused != ACCEPTED) { /* not what multiply_keeping wrote */
        memset(out, 0, ELEMENT_BYTES);
    }
    return ACCEPTED;
}

const curve_core portable_core = {
    .name = "portable",
    .validate_var = validate_var,
    .multiply = multiply,
    .multiply_each = multiply_each,
    .kept_bytes = ELEMENT_BYTES,
    .multiply_keeping = multiply_keeping,
    .map = map,
    .map_and_multiply = map_and_multiply,
    .sum_var = sum_var,
    .multi_scalar_var = multi_scalar_var,
    .multi_scalar_kept_var = multi_scalar_kept_var,
};
