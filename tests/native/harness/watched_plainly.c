#include "watched.h"

/* A function of its own for callgrind to count in (--toggle-collect=watched). */
__attribute__((noinline)) ptrdiff_t watched(operation *call, void *stage)
{
    ptrdiff_t verdict = call(stage);
    __asm__ __volatile__("" : : "r"(stage) : "memory");
    return verdict;
}
