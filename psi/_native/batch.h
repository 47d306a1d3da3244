/* What is the same on every instruction set: hashing to the group, hashing rows, checks of scalars, and wiping.
 *
 * These are the functions that the module calls. Each leaves nothing of a scalar, of a message or of an unblinded
 * element behind: not in its scratch, which it wipes, and not in the frames of what it called (`batch.c`).
 */

#ifndef BLINDMATCH_NATIVE_BATCH_H
#define BLINDMATCH_NATIVE_BATCH_H

#include "dispatch.h"

#define MAX_TAG_BYTES 255 /* domain separation tag: its length is written into one byte */

/* Whether all n scalars are from 1 to L-1. Constant time. */
int scalars_usable(const uint8_t *scalars, size_t n);

/* The first of n public scalars that is not below L, or ACCEPTED. */
ptrdiff_t first_unreduced_var(const uint8_t *scalars, size_t n);

/* As in `curve_core`. */
ptrdiff_t batch_multiply(const core *c, uint8_t *out, const uint8_t *elements, size_t n, const uint8_t *scalar);
ptrdiff_t batch_multiply_keeping(const core *c, uint8_t *out, uint8_t *kept, const uint8_t *elements, size_t n,
                                 const uint8_t *scalar);
ptrdiff_t batch_multiply_each(const core *c, uint8_t *out, const uint8_t *elements, const uint8_t *scalars, size_t n);
void batch_map(const core *c, uint8_t *out, const uint8_t *uniform, size_t n);
void batch_map_and_multiply(const core *c, uint8_t *out, const uint8_t *uniform, size_t n, const uint8_t *scalar);

/* expand_message_xmd with SHA-512 (RFC 9380 section 5.3.1), 64 bytes each: n x UNIFORM_BYTES. The tag has 1 to
 * MAX_TAG_BYTES bytes. */
void batch_expand(const core *c, uint8_t *out, const span *messages, size_t n, span tag);

/* hash_to_ristretto255 (RFC 9380 appendix B), n x ELEMENT_BYTES. */
void batch_hash_to_group(const core *c, uint8_t *out, const span *messages, size_t n, span tag);

/* The same times a scalar. ACCEPTED, or the index of a message whose hash is the identity: none is known. */
ptrdiff_t batch_hash_and_multiply(const core *c, uint8_t *out, const span *messages, size_t n, span tag,
                                  const uint8_t *scalar);

/* The first `length` (1 to DIGEST_BYTES) bytes of SHA-512(prefix || row) for n rows of `width` bytes: n x length. */
void batch_hash_rows(const core *c, uint8_t *out, size_t length, span prefix, const uint8_t *rows, size_t width,
                     size_t n);

#endif
