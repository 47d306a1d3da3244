/* What an operation leaves behind of its scalar (test_wiping.py).
 *
 * The operation runs in a thread whose stack is a mapping of our own, painted before. When it is over the scalar itself
 * is wiped, and everything that this process can write to is searched, that stack included, for
 *
 *   scalar   any of its four 64-bit words         halved   any of the four words of k/2 mod L
 *   digits   any 16 in a row of the 64 digits of k/2, as either core cuts them: as bytes, as words, in lanes
 *
 * The needles are kept inverted, so that the search does not find them. Words found anywhere count, not only whole
 * scalars: a register that was spilled to the stack is found too.
 *
 * usage: wiping CORE OPERATION ROWS        prints what was found, how much was searched, how deep the stack was used
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cores.h"
#include "scalar.h"

#define MAX_ROWS 64
#define STACK_BYTES ((size_t)1 << 20)
#define PAINT 0x5a
#define WORDS 4
#define WINDOW 16 /* digits in a row */

static const core *c;
static const char *operation;
static size_t rows;
static uint8_t elements[MAX_ROWS * ELEMENT_BYTES], uniform[MAX_ROWS * UNIFORM_BYTES], out[MAX_ROWS * ELEMENT_BYTES];
static uint8_t scalars[MAX_ROWS * SCALAR_BYTES];

/* volatile: or the compiler turns them back once, and keeps that on the stack that is searched. */
static volatile uint64_t inverted_scalar[WORDS], inverted_half[WORDS];
static volatile uint8_t inverted_digits[2][DIGITS];
static size_t found_scalar, found_half, found_digits, searched;

static void *operate(void *failed)
{
    if (strcmp(operation, "multiply") == 0) {
        *(int *)failed = batch_multiply(c, out, elements, rows, scalars) != ACCEPTED;
    } else if (strcmp(operation, "multiply_each") == 0) {
        *(int *)failed = batch_multiply_each(c, out, elements, scalars, rows) != ACCEPTED;
    } else if (strcmp(operation, "hash_and_multiply") == 0) {
        span messages[MAX_ROWS], tag = {(const uint8_t *)"tag", 3};
        for (size_t i = 0; i < rows; i++) {
            messages[i].bytes = uniform + i;
            messages[i].size = UNIFORM_BYTES;
        }
        *(int *)failed = batch_hash_and_multiply(c, out, messages, rows, tag, scalars) != ACCEPTED;
    } else if (strcmp(operation, "map_and_multiply") == 0) {
        batch_map_and_multiply(c, out, uniform, rows, scalars);
        *(int *)failed = 0;
    }
    return NULL;
}

/* The needles, made without leaving them on this stack as they are: this frame is painted over by the caller. */
static __attribute__((noinline)) void make_needles(void)
{
    uint64_t half[WORDS];
    int8_t digits[2][DIGITS];
    halve(half, scalars);
    recode(digits[0], half);
    odd_half_digits(digits[1], scalars);
    for (int i = 0; i < WORDS; i++) {
        inverted_scalar[i] = ~load_word(scalars + 8 * i);
        inverted_half[i] = ~half[i];
    }
    for (int i = 0; i < DIGITS; i++) {
        inverted_digits[0][i] = (uint8_t)~(uint8_t)digits[0][i];
        inverted_digits[1][i] = (uint8_t)~(uint8_t)digits[1][i];
    }
    memset(half, 0, sizeof half);
    memset(digits, 0, sizeof digits);
    __asm__ __volatile__("" : : "r"(half), "r"(digits) : "memory");
}

static __attribute__((noinline)) void paint_below(void)
{
    uint8_t space[1 << 14];
    memset(space, PAINT, sizeof space);
    __asm__ __volatile__("" : : "r"(space) : "memory");
}

/* Whether digits stand here, `stride` bytes apart: as bytes, in 64-bit words, or in one lane of vectors. */
static const size_t STRIDES[] = {1, 8, 64};

static size_t digits_at(const uint8_t *at, size_t stride)
{
    size_t found = 0;
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i + WINDOW <= DIGITS; i++) {
            size_t same = 0;
            while (same < WINDOW && at[stride * same] + inverted_digits[kind][(size_t)i + same] == 0xff) {
                same++;
            }
            found += same == WINDOW;
        }
    }
    return found;
}

static void search(const uint8_t *from, const uint8_t *end)
{
    searched += (size_t)(end - from);
    for (const uint8_t *at = from; at + 8 <= end; at++) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        for (int i = 0; i < WORDS; i++) {
            found_scalar += word == ~inverted_scalar[i];
            found_half += word == ~inverted_half[i];
        }
        for (size_t i = 0; i < sizeof STRIDES / sizeof STRIDES[0]; i++) {
            if (at + STRIDES[i] * (WINDOW - 1) < end) {
                found_digits += digits_at(at, STRIDES[i]);
            }
        }
    }
}

static void search_everything(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL) {
        exit(5);
    }
    static char line[4096];
    static uintptr_t spans[4096][2];
    size_t count = 0;
    while (fgets(line, sizeof line, maps) != NULL && count < 4096) {
        unsigned long start, end;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && strncmp(rights, "rw", 2) == 0) {
            spans[count][0] = start;
            spans[count++][1] = end;
        }
    }
    fclose(maps);
    for (size_t i = 0; i < count; i++) {
        search((const uint8_t *)spans[i][0], (const uint8_t *)spans[i][1]);
    }
}

int main(int count, char **words)
{
    if (count != 4 || (c = core_called(words[1])) == NULL) {
        return 2;
    }
    operation = words[2];
    rows = (size_t)strtoul(words[3], NULL, 10);
    if (rows > MAX_ROWS) {
        return 2;
    }
    fill(uniform, sizeof uniform, 7);
    batch_map(c, elements, uniform, MAX_ROWS);
    fill(scalars, SCALAR_BYTES, 8);
    scalars[SCALAR_BYTES - 1] = 0x0c; /* below L */
    for (size_t i = SCALAR_BYTES; i < sizeof scalars; i++) {
        scalars[i] = scalars[i - SCALAR_BYTES]; /* multiply_each: the same for all rows, so the needles are few */
    }
    make_needles();
    paint_below();

    uint8_t *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return 3;
    }
    memset(stack, PAINT, STACK_BYTES);
    pthread_attr_t attributes;
    pthread_t thread;
    int failed = 1;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstack(&attributes, stack, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, operate, &failed) != 0 || pthread_join(thread, NULL) != 0 || failed) {
        return 4;
    }
    size_t used = STACK_BYTES;
    while (used > 0 && stack[STACK_BYTES - used] == PAINT) {
        used--;
    }
    memset(scalars, 0, sizeof scalars);
    __asm__ __volatile__("" : : "r"(scalars) : "memory");
    search_everything();
    printf("scalar %zu halved %zu digits %zu searched %zu stack %zu\n", found_scalar, found_half, found_digits, searched,
           used);
    return 0;
}
