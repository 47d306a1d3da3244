/* See batch.h. Messages are identifiers and scalars are keys: both are treated as secrets here.
 *
 * Work goes in blocks of rows, so that what stands between hashing and mapping fits the stack and the first cache, and
 * no memory is ever allocated. After each operation three things are wiped: the scratch of this file by its owner, the
 * scratch of the cores by the cores, and what compilers left in frames (spilled registers, copies) by `clean_stack`.
 */

#include "batch.h"

#include <string.h>

#include "scalar.h"

#define BLOCK_ROWS 256

/* Deeper than anything here or in the cores goes, which is less than 225 KiB. tests/native looks for what would be left
 * below. */
#define STACK_BYTES (256 * 1024)

/* The frames of functions that have returned lie below ours, where this one's lies now. */
static __attribute__((noinline)) void clean_stack(void)
{
    uint8_t below[STACK_BYTES];
    wipe(below, sizeof below);
}

/* ---- Scalars ------------------------------------------------------------------------------------------------------- */

/* 1 if the scalar is below L: the subtraction scalar - L borrows. */
static uint64_t is_reduced(const uint8_t scalar[SCALAR_BYTES])
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        unsigned __int128 difference = (unsigned __int128)load_word(scalar + 8 * i) - ORDER_WORDS[i] - borrow;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
}

static uint64_t is_nonzero(const uint8_t scalar[SCALAR_BYTES])
{
    uint64_t any = load_word(scalar) | load_word(scalar + 8) | load_word(scalar + 16) | load_word(scalar + 24);
    return (any | (0 - any)) >> 63;
}

static __attribute__((noinline)) int all_usable(const uint8_t *scalars, size_t n)
{
    uint64_t good = 1;
    for (size_t i = 0; i < n; i++) {
        good &= is_reduced(scalars + i * SCALAR_BYTES) & is_nonzero(scalars + i * SCALAR_BYTES);
    }
    return (int)good;
}

/* The same for a function of a few words: nothing of it lies deeper. */
static __attribute__((noinline)) void clean_frame(void)
{
    uint8_t frame[4 * 1024];
    wipe(frame, sizeof frame);
}

int scalars_usable(const uint8_t *scalars, size_t n)
{
    int good = all_usable(scalars, n);
    clean_frame();
    return good;
}

ptrdiff_t first_unreduced_var(const uint8_t *scalars, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_reduced(scalars + i * SCALAR_BYTES)) {
            return (ptrdiff_t)i;
        }
    }
    return ACCEPTED;
}

/* ---- What the cores do, and a clean stack after it ----------------------------------------------------------------- */

ptrdiff_t batch_multiply(const core *c, uint8_t *out, const uint8_t *elements, size_t n, const uint8_t *scalar)
{
    ptrdiff_t bad = c->curve->multiply(out, elements, n, scalar);
    clean_stack();
    return bad;
}

ptrdiff_t batch_multiply_keeping(const core *c, uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n,
                                 const uint8_t *scalar)
{
    ptrdiff_t bad = c->curve->multiply_keeping(out, kept, elements, n, scalar);
    clean_stack();
    return bad;
}

ptrdiff_t batch_multiply_each(const core *c, uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n)
{
    ptrdiff_t bad = c->curve->multiply_each(out, elements, scalars, n);
    clean_stack();
    return bad;
}

void batch_map(const core *c, uint8_t *out, const uint8_t *uniform, size_t n)
{
    c->curve->map(out, uniform, n);
    clean_stack();
}

void batch_map_and_multiply(const core *c, uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t *scalar)
{
    c->curve->map_and_multiply(out, uniform, n, scalar);
    clean_stack();
}

/* ---- Hashing ------------------------------------------------------------------------------------------------------- */

/* expand_message_xmd for 64 bytes is two hashes, because 64 bytes are one digest (ell = 1):
 *
 *     b_0 = H(Z_pad || message || I2OSP(64, 2) || I2OSP(0, 1) || DST_prime)      Z_pad: one block of zeros
 *     b_1 = H(b_0 || I2OSP(1, 1) || DST_prime)                                   DST_prime: the tag and its length
 */
typedef struct {
    uint8_t ends[2][3 + MAX_TAG_BYTES + 1];
    sha512_frame frames[2];
} expansion;

static const uint8_t Z_PAD[BLOCK_BYTES];

static void prepare(expansion *e, span tag)
{
    static const uint8_t counters[2][3] = {{0, UNIFORM_BYTES, 0}, {1}};
    static const size_t sizes[2] = {3, 1};
    for (int i = 0; i < 2; i++) {
        memcpy(e->ends[i], counters[i], sizes[i]);
        memcpy(e->ends[i] + sizes[i], tag.bytes, tag.size);
        e->ends[i][sizes[i] + tag.size] = (uint8_t)tag.size;
        span front = {Z_PAD, i == 0 ? BLOCK_BYTES : 0}, back = {e->ends[i], sizes[i] + tag.size + 1};
        sha512_frame_of(&e->frames[i], front, back);
    }
}

/* At most BLOCK_ROWS messages. */
static void expand_block(const core *c, const expansion *e, uint8_t *out, const span *messages, size_t n)
{
    span seeds[BLOCK_ROWS];
    c->hash(out, &e->frames[0], messages, n);
    for (size_t i = 0; i < n; i++) {
        seeds[i].bytes = out + i * UNIFORM_BYTES;
        seeds[i].size = DIGEST_BYTES;
    }
    c->hash(out, &e->frames[1], seeds, n);
}

static size_t block_from(size_t at, size_t n) { return n - at < BLOCK_ROWS ? n - at : BLOCK_ROWS; }

static __attribute__((noinline)) void expand_all(const core *c, uint8_t *out, const span *messages, size_t n, span tag)
{
    expansion e;
    prepare(&e, tag);
    for (size_t at = 0; at < n; at += BLOCK_ROWS) {
        expand_block(c, &e, out + at * UNIFORM_BYTES, messages + at, block_from(at, n));
    }
}

/* scalar NULL: without multiplication. */
static __attribute__((noinline)) void map_all(const core *c, uint8_t *out, const span *messages, size_t n, span tag,
                                              const uint8_t *scalar)
{
    expansion e;
    uint8_t uniform[BLOCK_ROWS * UNIFORM_BYTES];
    prepare(&e, tag);
    for (size_t at = 0; at < n; at += BLOCK_ROWS) {
        size_t rows = block_from(at, n);
        expand_block(c, &e, uniform, messages + at, rows);
        if (scalar == NULL) {
            c->curve->map(out + at * ELEMENT_BYTES, uniform, rows);
        } else {
            c->curve->map_and_multiply(out + at * ELEMENT_BYTES, uniform, rows, scalar);
        }
    }
    wipe(uniform, sizeof uniform);
}

void batch_expand(const core *c, uint8_t *out, const span *messages, size_t n, span tag)
{
    expand_all(c, out, messages, n, tag);
    clean_stack();
}

void batch_hash_to_group(const core *c, uint8_t *out, const span *messages, size_t n, span tag)
{
    map_all(c, out, messages, n, tag, NULL);
    clean_stack();
}

ptrdiff_t batch_hash_and_multiply(const core *c, uint8_t *out, const span *messages, size_t n, span tag,
                                  const uint8_t *scalar)
{
    map_all(c, out, messages, n, tag, scalar);
    clean_stack();
    for (size_t i = 0; i < n; i++) {
        if (!is_nonzero(out + i * ELEMENT_BYTES)) {
            return (ptrdiff_t)i; /* the identity's encoding is all zeros */
        }
    }
    return ACCEPTED;
}

static __attribute__((noinline)) void hash_all_rows(const core *c, uint8_t *out, size_t length, span prefix,
                                                    const uint8_t *rows, size_t width, size_t n)
{
    static const span nothing = {NULL, 0};
    sha512_frame frame;
    span middles[BLOCK_ROWS];
    uint8_t digests[BLOCK_ROWS * DIGEST_BYTES];
    sha512_frame_of(&frame, prefix, nothing);
    for (size_t at = 0; at < n; at += BLOCK_ROWS) {
        size_t count = block_from(at, n);
        for (size_t i = 0; i < count; i++) {
            middles[i].bytes = rows + (at + i) * width;
            middles[i].size = width;
        }
        c->hash(digests, &frame, middles, count);
        for (size_t i = 0; i < count; i++) {
            memcpy(out + (at + i) * length, digests + i * DIGEST_BYTES, length);
        }
    }
    wipe(digests, sizeof digests);
}

void batch_hash_rows(const core *c, uint8_t *out, size_t length, span prefix, const uint8_t *rows, size_t width,
                     size_t n)
{
    hash_all_rows(c, out, length, prefix, rows, width, n);
    clean_stack();
}
