/* A core as a process: requests on standard input, answers on standard output (tests/support/native_driver.py).
 *
 *   request  operation u32, options u32, n u64, then what the operation takes: scalar or scalars, then rows
 *   answer   verdict i64 (ACCEPTED, or the first bad row), length u64, that many bytes
 *
 * Everything lies in heap blocks of exactly its size, so that a sanitizer sees a read or write beside it. Options: the
 * result in place of what came; every block one byte off alignment.
 *
 * usage: driver CORE
 */

#include <stdio.h>
#include <stdlib.h>

#include "cores.h"

enum { VALIDATE = 1, MULTIPLY, MULTIPLY_EACH, MAP, MAP_AND_MULTIPLY, SUM, MULTI_SCALAR };
enum { HASHING = 8, HASH_ROWS, CHECK_SCALARS, KEEPING };
enum { IN_PLACE = 1, UNALIGNED = 2 };

typedef struct {
    uint32_t operation, options;
    uint64_t n;
} request;

typedef struct {
    uint8_t *memory, *bytes;
} block;

static block allocate(size_t size, uint32_t options)
{
    size_t shift = options & UNALIGNED ? 1 : 0;
    block made = {malloc(size + shift), NULL};
    if (made.memory == NULL && size + shift > 0) {
        exit(3);
    }
    made.bytes = made.memory + shift;
    return made;
}

static block taken(size_t size, uint32_t options)
{
    block made = allocate(size, options);
    if (size > 0 && fread(made.bytes, 1, size, stdin) != size) {
        exit(4);
    }
    return made;
}

static void give(const void *bytes, size_t size)
{
    if (size > 0 && fwrite(bytes, 1, size, stdout) != size) {
        exit(5);
    }
}

static void give_answer(int64_t verdict, const void *out, size_t size)
{
    uint64_t length = verdict == ACCEPTED ? size : 0;
    give(&verdict, sizeof verdict);
    give(&length, sizeof length);
    give(out, (size_t)length);
    fflush(stdout);
}

static void answer(const core *c, request r)
{
    size_t n = (size_t)r.n;
    int one_scalar = r.operation == MULTIPLY || r.operation == MAP_AND_MULTIPLY;
    int scalar_each = r.operation == MULTIPLY_EACH || r.operation == MULTI_SCALAR;
    int uniform = r.operation == MAP || r.operation == MAP_AND_MULTIPLY;
    int one_out = r.operation == SUM || r.operation == MULTI_SCALAR;
    size_t out_size = r.operation == VALIDATE ? 0 : one_out ? ELEMENT_BYTES : n * ELEMENT_BYTES;

    block scalars = taken(one_scalar ? SCALAR_BYTES : scalar_each ? n * SCALAR_BYTES : 0, r.options);
    block in = taken(n * (uniform ? UNIFORM_BYTES : ELEMENT_BYTES), r.options);
    block own = {NULL, NULL};
    uint8_t *out = in.bytes;
    if (!(r.options & IN_PLACE) || one_out) {
        own = allocate(out_size, r.options);
        out = own.bytes;
        memset(out, 0xa5, out_size); /* so that a row left out is never right by luck */
    }

    int64_t verdict = ACCEPTED;
    switch (r.operation) {
    case VALIDATE: verdict = c->curve->validate_var(in.bytes, n); break;
    case MULTIPLY: verdict = batch_multiply(c, out, in.bytes, n, scalars.bytes); break;
    case MULTIPLY_EACH: verdict = batch_multiply_each(c, out, in.bytes, scalars.bytes, n); break;
    case MAP: batch_map(c, out, in.bytes, n); break;
    case MAP_AND_MULTIPLY: batch_map_and_multiply(c, out, in.bytes, n, scalars.bytes); break;
    case SUM: verdict = c->curve->sum_var(out, in.bytes, n); break;
    case MULTI_SCALAR: verdict = c->curve->multi_scalar_var(out, scalars.bytes, in.bytes, n); break;
    default: exit(6);
    }

    give_answer(verdict, out, out_size);
    free(scalars.memory);
    free(in.memory);
    free(own.memory);
}

/* Takes: scalar, scalars, elements. Gives k*P_i, then the sum of s_i*P_i over the points that were kept. */
static void answer_keeping(const core *c, request r)
{
    size_t n = (size_t)r.n, size = n * ELEMENT_BYTES;
    block scalar = taken(SCALAR_BYTES, r.options), scalars = taken(n * SCALAR_BYTES, r.options);
    block in = taken(size, r.options), out = allocate(size + ELEMENT_BYTES, r.options);
    block kept = allocate(n * c->curve->kept_bytes, r.options);
    memset(kept.bytes, 0xa5, n * c->curve->kept_bytes);
    int64_t verdict = batch_multiply_keeping(c, out.bytes, kept.bytes, in.bytes, n, scalar.bytes);
    if (verdict == ACCEPTED) {
        verdict = c->curve->multi_scalar_kept_var(out.bytes + size, scalars.bytes, kept.bytes, n);
    }
    give_answer(verdict, out.bytes, size + ELEMENT_BYTES);
    free(scalar.memory);
    free(scalars.memory);
    free(in.memory);
    free(out.memory);
    free(kept.memory);
}

/* Takes: kind u64 (0 expand, 1 hash to the group, 2 hash and multiply), scalar, tag size u64, tag, then per message its
 * size u64 and bytes, each in a block of its own. */
static void answer_hashing(const core *c, request r)
{
    size_t n = (size_t)r.n;
    uint64_t kind, size;
    block scalar, tag_bytes, *messages = malloc((n + 1) * sizeof *messages);
    span *spans = malloc((n + 1) * sizeof *spans);
    if (messages == NULL || spans == NULL || fread(&kind, sizeof kind, 1, stdin) != 1) {
        exit(4);
    }
    scalar = taken(SCALAR_BYTES, r.options);
    if (fread(&size, sizeof size, 1, stdin) != 1) {
        exit(4);
    }
    tag_bytes = taken((size_t)size, r.options);
    span tag = {tag_bytes.bytes, (size_t)size};
    for (size_t i = 0; i < n; i++) {
        if (fread(&size, sizeof size, 1, stdin) != 1) {
            exit(4);
        }
        messages[i] = taken((size_t)size, r.options);
        spans[i].bytes = messages[i].bytes;
        spans[i].size = (size_t)size;
    }
    size_t out_size = n * (kind == 0 ? UNIFORM_BYTES : ELEMENT_BYTES);
    block out = allocate(out_size, r.options);
    int64_t verdict = ACCEPTED;
    if (kind == 0) {
        batch_expand(c, out.bytes, spans, n, tag);
    } else if (kind == 1) {
        batch_hash_to_group(c, out.bytes, spans, n, tag);
    } else {
        verdict = batch_hash_and_multiply(c, out.bytes, spans, n, tag, scalar.bytes);
    }
    give_answer(verdict, out.bytes, out_size);
    for (size_t i = 0; i < n; i++) {
        free(messages[i].memory);
    }
    free(messages);
    free(spans);
    free(scalar.memory);
    free(tag_bytes.memory);
    free(out.memory);
}

/* Takes: length u64, width u64, prefix size u64, prefix, rows. */
static void answer_hash_rows(const core *c, request r)
{
    uint64_t sizes[3];
    if (fread(sizes, sizeof sizes, 1, stdin) != 1) {
        exit(4);
    }
    size_t n = (size_t)r.n, length = (size_t)sizes[0], width = (size_t)sizes[1];
    block prefix = taken((size_t)sizes[2], r.options), rows = taken(n * width, r.options);
    block out = allocate(n * length, r.options);
    span front = {prefix.bytes, (size_t)sizes[2]};
    batch_hash_rows(c, out.bytes, length, front, rows.bytes, width, n);
    give_answer(ACCEPTED, out.bytes, n * length);
    free(prefix.memory);
    free(rows.memory);
    free(out.memory);
}

static void answer_check_scalars(request r)
{
    block scalars = taken((size_t)r.n * SCALAR_BYTES, r.options);
    uint8_t good = (uint8_t)scalars_usable(scalars.bytes, (size_t)r.n);
    give_answer(ACCEPTED, &good, 1);
    free(scalars.memory);
}

int main(int count, char **words)
{
    const core *c = count == 2 ? core_called(words[1]) : NULL;
    if (c == NULL || strcmp(c->curve->name, words[1]) != 0) {
        return 2;
    }
    request r;
    while (fread(&r, sizeof r, 1, stdin) == 1) {
        if (r.operation == HASHING) {
            answer_hashing(c, r);
        } else if (r.operation == HASH_ROWS) {
            answer_hash_rows(c, r);
        } else if (r.operation == CHECK_SCALARS) {
            answer_check_scalars(r);
        } else if (r.operation == KEEPING) {
            answer_keeping(c, r);
        } else {
            answer(c, r);
        }
    }
    return 0;
}
