/* One operation of a core on secrets, for programs that watch (test_ctime.py, test_traces.py).
 *
 *   memcheck                  everything secret is marked; any branch or address that depends on it is reported
 *   callgrind, single steps   it goes through `watched`, once for every scalar given, with other identifiers each time
 *
 * Secret are the scalar or scalars, an identifier, and the uniform bytes that it was hashed to. The elements are
 * public. Each result is compared with that of the same call before anything was marked, so the watched
 * call was a real one.
 *
 * batch_hash_and_multiply as a whole is not among the operations: it ends in a look at its results, which are public.
 * Its parts are: hashing (hash_to_group), and map_and_multiply.
 *
 * usage: ctime CORE OPERATION ROWS [SCALAR in hexadecimal]...      the operations are in `chosen`
 */

#include <stdio.h>
#include <stdlib.h>

#include "cores.h"
#include "marking.h"
#include "watched.h"

#define MAX_ROWS 64

typedef struct {
    const core *core;
    const char *operation;
    size_t n;
    uint8_t elements[MAX_ROWS * ELEMENT_BYTES], uniform[MAX_ROWS * UNIFORM_BYTES], scalars[MAX_ROWS * SCALAR_BYTES];
    uint8_t out[MAX_ROWS * ELEMENT_BYTES];
} stage;

static ptrdiff_t multiply(void *stage_of_it)
{
    stage *s = stage_of_it;
    return batch_multiply(s->core, s->out, s->elements, s->n, s->scalars);
}
static ptrdiff_t multiply_keeping(void *stage_of_it)
{
    stage *s = stage_of_it;
    static uint8_t kept[MAX_ROWS * 128];
    return s->core->curve->kept_bytes <= 128
         ? batch_multiply_keeping(s->core, s->out, kept, s->elements, s->n, s->scalars) : 0;
}
static ptrdiff_t multiply_each(void *stage_of_it)
{
    stage *s = stage_of_it;
    return batch_multiply_each(s->core, s->out, s->elements, s->scalars, s->n);
}
static ptrdiff_t map(void *stage_of_it)
{
    stage *s = stage_of_it;
    batch_map(s->core, s->out, s->uniform, s->n);
    return ACCEPTED;
}
static ptrdiff_t map_and_multiply(void *stage_of_it)
{
    stage *s = stage_of_it;
    batch_map_and_multiply(s->core, s->out, s->uniform, s->n, s->scalars);
    return ACCEPTED;
}

static ptrdiff_t hash_to_group(void *stage_of_it)
{
    stage *s = stage_of_it;
    span messages[MAX_ROWS], tag = {(const uint8_t *)"tag", 3};
    for (size_t i = 0; i < s->n; i++) {
        messages[i].bytes = s->uniform + i * UNIFORM_BYTES; /* any secret bytes will do, of several lengths */
        messages[i].size = UNIFORM_BYTES - i;
    }
    batch_hash_to_group(s->core, s->out, messages, s->n, tag);
    return ACCEPTED;
}
static ptrdiff_t check_scalars(void *stage_of_it)
{
    stage *s = stage_of_it;
    return (ptrdiff_t)scalars_usable(s->scalars, s->n) - 1 + ACCEPTED; /* ACCEPTED for 1 */
}

static operation *chosen(const char *name)
{
    return strcmp(name, "multiply") == 0         ? multiply
         : strcmp(name, "multiply_keeping") == 0 ? multiply_keeping
         : strcmp(name, "multiply_each") == 0    ? multiply_each
         : strcmp(name, "map") == 0              ? map
         : strcmp(name, "map_and_multiply") == 0 ? map_and_multiply
         : strcmp(name, "hash_to_group") == 0    ? hash_to_group
         : strcmp(name, "check_scalars") == 0    ? check_scalars
                                                 : NULL;
}

static void parse(uint8_t scalar[SCALAR_BYTES], const char *word)
{
    if (strlen(word) != 2 * SCALAR_BYTES) {
        exit(2);
    }
    for (size_t i = 0; i < SCALAR_BYTES; i++) {
        char digits[3] = {word[2 * i], word[2 * i + 1], 0};
        scalar[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

static void run_once(stage *s)
{
    static uint8_t before[sizeof s->out];
    operation *call = chosen(s->operation);
    if (call(s) != ACCEPTED) {
        exit(3);
    }
    memcpy(before, s->out, sizeof before);
    memset(s->out, 0, sizeof s->out);

    mark_secret(s->scalars, sizeof s->scalars);
    mark_secret(s->uniform, sizeof s->uniform);
    ptrdiff_t verdict = watched(call, s);
    mark_public(s->scalars, sizeof s->scalars);
    mark_public(s->uniform, sizeof s->uniform);
    mark_public(s->out, sizeof s->out);
    mark_public(&verdict, sizeof verdict);
    if (verdict != ACCEPTED || memcmp(before, s->out, sizeof before) != 0) {
        exit(4);
    }
}

int main(int count, char **words)
{
    static stage s;
    if (count < 4 || (s.core = core_called(words[1])) == NULL || chosen(words[2]) == NULL) {
        return 2;
    }
    s.operation = words[2];
    s.n = (size_t)strtoul(words[3], NULL, 10);
    if (s.n > MAX_ROWS) {
        return 2;
    }
#ifdef NOTHING_IS_MARKED
    puts("unmarked");
#endif
    fill(s.uniform, sizeof s.uniform, 1);
    fill(s.scalars, sizeof s.scalars, 2);
    for (size_t i = 0; i < MAX_ROWS; i++) {
        s.scalars[i * SCALAR_BYTES + SCALAR_BYTES - 1] &= 0x0f; /* below L */
    }
    batch_map(s.core, s.elements, s.uniform, s.n);
    if (count == 4) {
        run_once(&s);
    }
    for (int i = 4; i < count; i++) {
        fill(s.uniform, sizeof s.uniform, (uint64_t)i); /* other identifiers too */
        for (size_t row = 0; row < MAX_ROWS; row++) {
            parse(s.scalars + row * SCALAR_BYTES, words[i]);
        }
        run_once(&s);
    }
    printf("done %d\n", count == 4 ? 1 : count - 4);
    return 0;
}
