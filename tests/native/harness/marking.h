/* Telling memcheck (valgrind) which bytes are secret: it then reports every branch and every address that depends on one,
 * as if the byte had never been written. The idea is Adam Langley's ctgrind. Outside of valgrind both are nothing.
 *
 * MemorySanitizer could be told the same way, but clang 14's cannot follow a secret through this code: it reports each
 * secret that enters an asm statement, and each that enters an instruction it has no rule for (vpternlog, vpabs).
 */

#ifndef BLINDMATCH_HARNESS_MARKING_H
#define BLINDMATCH_HARNESS_MARKING_H

#include <stddef.h>
#include <stdint.h>

#if defined(__has_include) && __has_include(<valgrind/memcheck.h>)

#include <valgrind/memcheck.h>

static inline void mark_secret(const void *bytes, size_t size) { (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, size); }
static inline void mark_public(const void *bytes, size_t size) { (void)VALGRIND_MAKE_MEM_DEFINED(bytes, size); }

#else

/* valgrind's header is missing: nothing can be marked, and the program says so. */
#define NOTHING_IS_MARKED 1

static inline void mark_secret(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}
static inline void mark_public(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}

#endif

#endif
