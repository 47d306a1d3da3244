/* SHA-512 (FIPS 180-4) of many messages at once that share their beginning and their end.
 *
 * Every hash of the protocol that is computed by the thousand has that shape: what stands in front (a label, a context,
 * the block of zeros of RFC 9380) and what stands behind (a domain separation tag) is the same for all, and only the
 * middle differs. The whole blocks of the front are hashed once.
 *
 *     message i  =  front || middle i || back
 *
 * The time depends on the lengths, never on the bytes. What is left on the stack is for the caller to wipe (batch.c).
 */

#ifndef BLINDMATCH_NATIVE_SHA512_H
#define BLINDMATCH_NATIVE_SHA512_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES 128
#define DIGEST_BYTES 64

typedef struct {
    const uint8_t *bytes;
    size_t size;
} span;

typedef struct {
    uint64_t state[8]; /* after the whole blocks of the front */
    uint64_t hashed;   /* how many bytes that were */
    span front;        /* the rest of the front: less than a block */
    span back;
} sha512_frame;

/* The spans must outlive the frame. */
void sha512_frame_of(sha512_frame *frame, span front, span back);

/* n digests of DIGEST_BYTES. A middle may lie where its own digest goes (in place), and may overlap no other digest. */
typedef void sha512_many(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n);

sha512_many sha512_many_portable;
#if defined(__x86_64__)
sha512_many sha512_many_avx512;
#endif

/* For the implementations. How many blocks follow the state, and block number `index` of them. */
size_t sha512_blocks(const sha512_frame *frame, size_t middle_size);
void sha512_block(uint8_t block[BLOCK_BYTES], const sha512_frame *frame, span middle, size_t index);

extern const uint64_t SHA512_CONSTANTS[80];

#endif
