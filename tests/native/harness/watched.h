/* The function that a watched operation goes through: watched_plainly.c, or watched_in_steps.c. */

#ifndef BLINDMATCH_HARNESS_WATCHED_H
#define BLINDMATCH_HARNESS_WATCHED_H

#include <stddef.h>

typedef ptrdiff_t operation(void *stage);

/* Calls `call(stage)`. Never inlined, so nothing of the call is computed in advance. */
ptrdiff_t watched(operation *call, void *stage);

#endif
