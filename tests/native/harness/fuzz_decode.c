/* libFuzzer's way in: any bytes as a list of elements, given to both cores, which must agree (tests/fuzz/test_decode.py).
 *
 *   first byte    what is done besides judging the list: one input in eight is also multiplied, summed, mapped, ...
 *   then          rows of 32 bytes; the scalars are made from them
 *
 * Beyond agreement one thing is checked by other means: an accepted row is even, below p and not zero (RFC 9496 section
 * 4.3.1 step 1), and no row before the first refused one is refused alone.
 */

#include <stdio.h>
#include <stdlib.h>

#include "cores.h"
#include "scalar.h"

#define MAX_ROWS 9 /* a group of eight and one lane of the next */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "DISAGREE: %s\n", what);
        abort();
    }
}

static int step_1_passes(const uint8_t row[ELEMENT_BYTES])
{
    static const uint8_t p_low = 0xed;
    int all_ones = row[31] == 0x7f, zero = 1;
    for (int i = 0; i < ELEMENT_BYTES; i++) {
        zero &= row[i] == 0;
    }
    for (int i = 1; i < ELEMENT_BYTES - 1; i++) {
        all_ones &= row[i] == 0xff;
    }
    int at_least_p = row[31] > 0x7f || (all_ones && row[0] >= p_low);
    return !zero && !at_least_p && (row[0] & 1) == 0;
}

static void judge(const core *one, const core *other, const uint8_t *rows, size_t n)
{
    ptrdiff_t verdict = one->curve->validate_var(rows, n);
    demand(verdict == other->curve->validate_var(rows, n), "which row is bad");
    size_t good = verdict == ACCEPTED ? n : (size_t)verdict;
    demand(good <= n, "an index beyond the list");
    for (size_t i = 0; i < good; i++) {
        demand(step_1_passes(rows + i * ELEMENT_BYTES), "an encoding that is not canonical was accepted");
    }
    if (good < n) {
        demand(one->curve->validate_var(rows + good * ELEMENT_BYTES, 1) == 0, "a row is bad in a list and good alone");
    }
}

static void compute(const core *one, const core *other, unsigned what, const uint8_t *rows, size_t n)
{
    uint8_t scalars[MAX_ROWS * SCALAR_BYTES], results[2][MAX_ROWS * ELEMENT_BYTES];
    const core *cores[2] = {one, other};
    ptrdiff_t verdicts[2] = {ACCEPTED, ACCEPTED};
    fill(scalars, sizeof scalars, n > 0 ? load_word(rows) : 0);
    for (size_t i = 0; i < MAX_ROWS; i++) {
        scalars[i * SCALAR_BYTES + SCALAR_BYTES - 1] &= 0x0f; /* below L */
    }
    memset(results, 0, sizeof results);
    for (int i = 0; i < 2; i++) {
        const curve_core *c = cores[i]->curve;
        switch (what) {
        case 0: verdicts[i] = c->multiply(results[i], rows, n, scalars); break;
        case 1: verdicts[i] = c->multiply_each(results[i], rows, scalars, n); break;
        case 2: verdicts[i] = c->sum_var(results[i], rows, n); break;
        case 3: verdicts[i] = c->multi_scalar_var(results[i], scalars, rows, n); break;
        case 4: c->map(results[i], rows, n / 2); break;
        case 5: c->map_and_multiply(results[i], rows, n / 2, scalars); break;
        default: break;
        }
    }
    demand(verdicts[0] == verdicts[1], "which row is bad, while computing");
    demand(verdicts[0] != ACCEPTED || memcmp(results[0], results[1], sizeof results[0]) == 0, "a result");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const core *one = core_called("portable"), *other = core_called("avx512ifma");
    if (size == 0) {
        return 0;
    }
    size_t n = (size - 1) / ELEMENT_BYTES;
    n = n < MAX_ROWS ? n : MAX_ROWS;
    judge(one, other, data + 1, n);
    if (data[0] % 8 == 0) {
        compute(one, other, data[0] / 8 % 6, data + 1, n);
    }
    return 0;
}
