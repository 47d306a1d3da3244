/* Sums of points and of public multiples of points, in variable time: for the composites of DLEQ proofs.
 *
 * Pippenger's method, eight buckets at a time. A scalar is cut into signed digits of `width` bits; in the window of each
 * digit position, bucket j is the sum of all points with digit j there, minus those with digit -j. Buckets of about the
 * same size - from whatever windows - are filled side by side, a lane each, so that lanes rarely wait for each other and
 * no lane ever writes where another reads. Then, with a window in each lane, running sums give sum_j j * bucket_j.
 *
 * Scratch is on the heap, 3.8 MiB: everything here is public. Without memory, or for a handful of points, each point is
 * multiplied in a lane of its own.
 */

#ifndef BLINDMATCH_NATIVE_MULTI_SCALAR52X8_H
#define BLINDMATCH_NATIVE_MULTI_SCALAR52X8_H

#include <stdlib.h>

#define MSM_POINTS 4096  /* most points in one pass; longer lists take several */
#define MSM_STRIDE (MSM_POINTS + 32) /* windows that lie a power of two apart fall into the same lines of a cache */
#define MSM_FEW 16       /* up to here a lane for each is faster */
#define MSM_BITS 253     /* of a scalar */
#define MSM_WINDOWS 64   /* of four bits */
#define MSM_BUCKETS 256  /* of a window: 2^(width-1), and 2^width in the last one, which has no sign */
#define STRIPE 16        /* windows whose digits are cut at a time */
#define MINUS 0x8000     /* in a list: the point counts with a minus */

typedef struct {
    uint64_t row[MSM_POINTS + 1][ROW_WORDS]; /* the last one is the neutral element */
    uint16_t digit[MSM_POINTS][STRIPE]; /* magnitude, and MINUS */
    uint16_t list[MSM_WINDOWS][MSM_STRIDE];  /* point numbers by bucket */
    uint32_t start[MSM_WINDOWS][MSM_BUCKETS + 2];
    uint16_t order[MSM_WINDOWS * MSM_BUCKETS]; /* window * MSM_BUCKETS + bucket - 1, the largest first */
    uint16_t place[MSM_WINDOWS * MSM_BUCKETS]; /* where a bucket stands in `order` */
    uint32_t of_size[MSM_POINTS + 2];
    extended sum[MSM_WINDOWS * MSM_BUCKETS / LANES];
} msm_space;

INLINE extended neutral(void)
{
    fe zero = fe_all(&(fe_constant){{0, 0, 0, 0, 0}}), one = fe_all(&ONE);
    return (extended){zero, one, one, zero};
}

INLINE extended sum_of(const extended *a, const extended *b)
{
    cached q = as_cached(b);
    return plus(a, &q);
}

INLINE fe permuted(fe a, vec order)
{
    for (int i = 0; i < 5; i++) {
        a.l[i] = _mm512_permutexvar_epi64(order, a.l[i]);
    }
    return a;
}

INLINE extended lanes_permuted(const extended *p, vec order)
{
    return (extended){permuted(p->X, order), permuted(p->Y, order), permuted(p->Z, order), permuted(p->T, order)};
}

/* The sum of the points in all eight lanes, in every lane. */
static extended sum_of_lanes(extended p)
{
    for (int distance = LANES / 2; distance; distance /= 2) {
        vec order = _mm512_xor_si512(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), all(distance));
        extended other = lanes_permuted(&p, order);
        p = sum_of(&p, &other);
    }
    return p;
}

static void write_point(uint8_t out[ELEMENT_BYTES], const extended *p)
{
    extended points[WAYS];
    fe fields[WAYS];
    for (int i = 0; i < WAYS; i++) {
        points[i] = *p;
    }
    encode_ways(fields, points);
    write_elements(out, 1, fields[0]);
}

static ptrdiff_t sum_var(uint8_t out[ELEMENT_BYTES], const uint8_t *elements, size_t n)
{
    extended total = neutral(), points[WAYS], none = neutral();
    for (size_t done = 0; done < n; done += ROUND) {
        ptrdiff_t bad = read_ways(points, elements + done * ELEMENT_BYTES, n - done);
        if (bad != ACCEPTED) {
            return bad + (ptrdiff_t)done;
        }
        for (size_t i = 0; i < WAYS && done + i * LANES < n; i++) {
            size_t left = n - done - i * LANES;
            lanes there = left < LANES ? (lanes)((1u << left) - 1) : (lanes)0xff;
            points[i] = (extended){chosen(there, points[i].X, none.X), chosen(there, points[i].Y, none.Y), points[i].Z,
                                   chosen(there, points[i].T, none.T)};
            total = sum_of(&total, &points[i]);
        }
    }
    total = sum_of_lanes(total);
    write_point(out, &total);
    return ACCEPTED;
}

/* ---- A few points: a lane for each ---------------------------------------------------------------------------------*/

static ptrdiff_t add_few_var(extended *total, const uint8_t *scalars, const uint8_t *elements, size_t n)
{
    workspace work;
    extended points[WAYS], halves = neutral(), none = neutral();
    for (size_t done = 0; done < n; done += ROUND) {
        ptrdiff_t bad = read_ways(points, elements + done * ELEMENT_BYTES, n - done);
        if (bad != ACCEPTED) {
            return bad + (ptrdiff_t)done;
        }
        for (size_t i = 0; i < WAYS && done + i * LANES < n; i++) {
            size_t first = done + i * LANES, left = n - first < LANES ? n - first : LANES;
            lanes there = (lanes)((1u << left) - 1);
            projective r;
            gather_digits(work.digits, scalars + first * SCALAR_BYTES, left);
            multiply_one(&r, &points[i], &work);
            extended half = {mul(r.X, r.Z), mul(r.Y, r.Z), loose_sq(r.Z), loose_mul(r.X, r.Y)};
            half = (extended){chosen(there, half.X, none.X), chosen(there, half.Y, none.Y),
                              chosen(there, half.Z, none.Z), chosen(there, half.T, none.T)};
            halves = sum_of(&halves, &half);
        }
    }
    extended whole = twice(&halves);
    whole = sum_of_lanes(whole);
    *total = sum_of(total, &whole);
    return ACCEPTED;
}

/* ---- Many points ---------------------------------------------------------------------------------------------------*/

/* Eight words from two places. */
INLINE vec two_halves(const uint64_t low[4], const uint64_t high[4])
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)low)),
                              _mm256_loadu_si256((const __m256i *)high), 1);
}

/* Words at..at+3 of eight rows, a register each: half of what `transpose` has to do is done by the loads. */
INLINE void read_columns(vec columns[4], const uint64_t *const row[LANES], int at)
{
    vec a = two_halves(row[0] + at, row[2] + at), b = two_halves(row[1] + at, row[3] + at);
    vec c = two_halves(row[4] + at, row[6] + at), d = two_halves(row[5] + at, row[7] + at);
    vec low[2] = {_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)};
    vec high[2] = {_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d)};
    for (int i = 0; i < 2; i++) {
        columns[i] = _mm512_shuffle_i64x2(low[i], high[i], 0x88);
        columns[2 + i] = _mm512_shuffle_i64x2(low[i], high[i], 0xdd);
    }
}

/* Decodes all points into rows. */
static ptrdiff_t read_rows_var(msm_space *m, const uint8_t *elements, size_t n)
{
    extended points[WAYS];
    for (size_t done = 0; done < n; done += ROUND) {
        ptrdiff_t bad = read_ways(points, elements + done * ELEMENT_BYTES, n - done);
        if (bad != ACCEPTED) {
            return bad + (ptrdiff_t)done;
        }
        for (size_t i = 0; i < WAYS && done + i * LANES < n; i++) {
            size_t first = done + i * LANES, left = n - first;
            write_rows((uint8_t *)m->row[first], &points[i], left < LANES ? left : LANES);
        }
    }
    return ACCEPTED;
}

/* How many bits the longest scalar has. */
static int longest_scalar_var(const uint8_t *scalars, size_t n)
{
    uint64_t any[4] = {0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < 4; j++) {
            any[j] |= load_word(scalars + i * SCALAR_BYTES + 8 * j);
        }
    }
    for (int j = 4; j-- > 0;) {
        if (any[j]) {
            return 64 * j + 64 - __builtin_clzll(any[j]);
        }
    }
    return 0;
}

/* Signed digits of all scalars, in the windows from `first` on, STRIPE of them; counts how many points each bucket gets.
 * Half a window is added everywhere at once and taken off digit by digit, so that no carry runs; the last window takes
 * what is left, without a sign. No branch: no processor foresees the digits of a hash. */
INLINE void cut_var(msm_space *m, const uint8_t *scalars, size_t n, int width, int windows, int first)
{
    uint64_t halves[5] = {0, 0, 0, 0, 0};
    int last = windows - 1, half = 1 << (width - 1), end = first + STRIPE < windows ? first + STRIPE : windows;
    for (int w = 0; w < last; w++) {
        int bit = w * width + width - 1;
        halves[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t words[5] = {0, 0, 0, 0, 0}, carry = 0;
        for (int j = 0; j < 5; j++) {
            unsigned __int128 sum = (unsigned __int128)halves[j] + carry;
            sum += j < 4 ? load_word(scalars + i * SCALAR_BYTES + 8 * j) : 0;
            words[j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        for (int w = first; w < end; w++) {
            int bit = w * width, offset = bit % 64;
            uint64_t bits = words[bit / 64] >> offset | (words[bit / 64 + 1] << 1) << (63 - offset);
            int digit = w < last ? (int)(bits & (2 * (unsigned)half - 1)) - half : (int)(bits & (4 * (unsigned)half - 1));
            int sign = digit >> 31, magnitude = (digit ^ sign) - sign;
            m->digit[i][w - first] = (uint16_t)(magnitude | (MINUS & sign));
            m->start[w][magnitude + 1]++;
        }
    }
}

/* Lists the points of each bucket, and all buckets by size. Returns how many hold a point. */
static size_t list_buckets_var(msm_space *m, const uint8_t *scalars, size_t n, int width, int windows)
{
    int buckets = 1 << width;
    memset(m->of_size, 0, sizeof m->of_size);
    memset(m->start, 0, (size_t)windows * sizeof m->start[0]);
    for (int first = 0; first < windows; first += STRIPE) {
        uint16_t next[STRIPE][MSM_BUCKETS + 1];
        if (width == 8) { /* the width of long lists: with shifts that the compiler knows */
            cut_var(m, scalars, n, 8, windows, first);
        } else {
            cut_var(m, scalars, n, width, windows, first);
        }
        int end = first + STRIPE < windows ? first + STRIPE : windows;
        for (int w = first; w < end; w++) {
            uint32_t *start = m->start[w];
            for (int j = 0; j <= buckets; j++) {
                m->of_size[start[j + 1]] += j > 0;
                start[j + 1] += start[j];
                next[w - first][j] = (uint16_t)start[j];
            }
        }
        for (int w = first; w < end; w++) {
            uint16_t *list = m->list[w], *to = next[w - first];
            for (size_t i = 0; i < n; i++) {
                unsigned digit = m->digit[i][w - first];
                list[to[digit & ~MINUS]++] = (uint16_t)(i | (digit & MINUS));
            }
        }
    }
    uint32_t before = 0;
    for (size_t size = n + 1; size-- > 0;) { /* from sizes to places, the largest first */
        uint32_t count = m->of_size[size];
        m->of_size[size] = before;
        before += count;
    }
    size_t filled = m->of_size[0];
    for (int w = 0; w < windows; w++) {
        for (int j = 1; j <= buckets; j++) {
            uint32_t size = m->start[w][j + 1] - m->start[w][j];
            unsigned bucket = (unsigned)w * MSM_BUCKETS + (unsigned)j - 1;
            uint32_t place = m->of_size[size]++;
            m->place[bucket] = (uint16_t)place;
            m->order[place] = (uint16_t)bucket;
        }
    }
    return filled;
}

/* The sums of eight buckets, the first of which is the largest. */
static extended filled_var(const msm_space *m, const uint16_t buckets[LANES], size_t n)
{
    const uint16_t *list[LANES];
    size_t size[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        unsigned w = buckets[lane] / MSM_BUCKETS, j = buckets[lane] % MSM_BUCKETS + 1;
        list[lane] = m->list[w] + m->start[w][j];
        size[lane] = m->start[w][j + 1] - m->start[w][j];
    }
    extended start = neutral();
    projective sum = {start.X, start.Y, start.Z};
    fe t = start.T;
    for (size_t i = 0; i < size[0]; i++) {
        vec words[ROW_WORDS];
        const uint64_t *row[LANES];
        unsigned minus = 0;
        for (int lane = 0; lane < LANES; lane++) {
            unsigned entry = i < size[lane] ? list[lane][i] : (unsigned)n;
            row[lane] = m->row[entry & ~(unsigned)MINUS];
            minus |= (entry / MINUS) << lane;
        }
        for (int at = 0; at < ROW_WORDS; at += 4) {
            read_columns(words + at, row, at);
        }
        fe plus_x, minus_x;
        cached q;
        for (int j = 0; j < 5; j++) {
            plus_x.l[j] = words[j];
            minus_x.l[j] = words[5 + j];
            q.t2d.l[j] = words[10 + j];
        }
        q.y_plus_x = chosen((lanes)minus, minus_x, plus_x);
        q.y_minus_x = chosen((lanes)minus, plus_x, minus_x);
        t = added(&sum, t, &q, (lanes)minus, 1, 1);
    }
    return (extended){sum.X, sum.Y, sum.Z, t};
}

/* One lane of `from` into one lane of `to`. By memcpy: compilers may take it that words and vectors never share memory. */
INLINE void copy_lane(extended *to, int to_lane, const extended *from, int from_lane)
{
    for (size_t i = 0; i < sizeof *to / sizeof(vec); i++) {
        memcpy((char *)to + (i * LANES + (size_t)to_lane) * 8, (const char *)from + (i * LANES + (size_t)from_lane) * 8, 8);
    }
}

/* sum_j j * bucket_j for the windows from `first` on, one in each lane. */
static extended weighed_var(const msm_space *m, int first, int windows, int buckets, size_t filled)
{
    extended running = neutral(), total = neutral(), none = neutral();
    for (int j = buckets; j-- > 0;) {
        extended next = none;
        for (int lane = 0; lane < LANES && first + lane < windows; lane++) {
            size_t place = m->place[(first + lane) * MSM_BUCKETS + j];
            if (place < filled) {
                copy_lane(&next, lane, &m->sum[place / LANES], (int)(place % LANES));
            }
        }
        running = sum_of(&running, &next);
        total = sum_of(&total, &running);
    }
    return total;
}

/* total += the sum over the n points whose rows are in `m`. */
static void add_many_var(extended *total, msm_space *m, const uint8_t *scalars, size_t n)
{
    int bits = longest_scalar_var(scalars, n);
    if (bits == 0) {
        return;
    }
    memset(m->row[n], 0, sizeof m->row[n]);
    m->row[n][0] = m->row[n][5] = 1;
    int width = n < 128 ? 4 : n < 1024 ? 6 : 8, windows = (bits + width - 1) / width;
    size_t filled = list_buckets_var(m, scalars, n, width, windows);
    for (size_t i = 0; i < filled; i += LANES) {
        uint16_t buckets[LANES];
        for (size_t lane = 0; lane < LANES; lane++) { /* beyond the last: the last again, into a lane nobody reads */
            buckets[lane] = m->order[i + lane < filled ? i + lane : filled - 1];
        }
        m->sum[i / LANES] = filled_var(m, buckets, n);
    }
    extended sum = neutral();
    for (int first = (windows - 1) / LANES * LANES; first >= 0; first -= LANES) {
        int has_last = first + LANES >= windows; /* the one window with buckets up to 2^width */
        extended here = weighed_var(m, first, windows, 1 << (width - !has_last), filled);
        for (int lane = LANES; lane-- > 0;) {
            if (first + lane < windows) {
                extended one = lanes_permuted(&here, all(lane));
                for (int i = 0; i < width; i++) {
                    sum = twice(&sum);
                }
                sum = sum_of(&sum, &one);
            }
        }
    }
    *total = sum_of(total, &sum);
}

/* Room at a multiple of 64, in `room` that is to be freed: Windows has no aligned_alloc. NULL if there is none. */
static msm_space *space_for_many(void **room)
{
    *room = malloc(sizeof(msm_space) + 63);
    return *room ? (msm_space *)(((uintptr_t)*room + 63) & ~(uintptr_t)63) : NULL;
}

static ptrdiff_t multi_scalar_var(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *elements, size_t n)
{
    extended total = neutral();
    void *room = NULL;
    msm_space *m = n > MSM_FEW ? space_for_many(&room) : NULL;
    ptrdiff_t bad = ACCEPTED;
    for (size_t done = 0; done < n && bad == ACCEPTED; done += MSM_POINTS) {
        size_t count = n - done < MSM_POINTS ? n - done : MSM_POINTS;
        const uint8_t *s = scalars + done * SCALAR_BYTES, *e = elements + done * ELEMENT_BYTES;
        bad = m ? read_rows_var(m, e, count) : add_few_var(&total, s, e, count);
        if (m && bad == ACCEPTED) {
            add_many_var(&total, m, s, count);
        }
        if (bad != ACCEPTED) {
            bad += (ptrdiff_t)done;
        }
    }
    free(room);
    if (bad == ACCEPTED) {
        write_point(out, &total);
    }
    return bad;
}

/* The rows are copied: so they lie on lines of the cache, nobody can change them meanwhile, and it costs a fortieth. */
static ptrdiff_t multi_scalar_kept_var(uint8_t out[ELEMENT_BYTES], const uint8_t *scalars, const uint8_t *kept, size_t n)
{
    extended total = neutral();
    void *room;
    msm_space *m = space_for_many(&room);
    if (m == NULL) {
        return NO_MEMORY;
    }
    for (size_t done = 0; done < n; done += MSM_POINTS) {
        size_t count = n - done < MSM_POINTS ? n - done : MSM_POINTS;
        copy_rows(m->row, kept + done * ROW_BYTES, count);
        add_many_var(&total, m, scalars + done * SCALAR_BYTES, count);
    }
    free(room);
    write_point(out, &total);
    return ACCEPTED;
}

#endif
