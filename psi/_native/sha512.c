/* SHA-512, one message after the other, and what all implementations share: padding and constants (FIPS 180-4). */

#include "sha512.h"

#include <string.h>

#include "impl.h"

#define LENGTH_BYTES 16 /* the length in bits ends the last block */

/* Section 4.2.3: the first 64 bits of the fractional parts of the cube roots of the first eighty primes. */
const uint64_t SHA512_CONSTANTS[80] = {
    UINT64_C(0x428a2f98d728ae22), UINT64_C(0x7137449123ef65cd), UINT64_C(0xb5c0fbcfec4d3b2f), UINT64_C(0xe9b5dba58189dbbc),
    UINT64_C(0x3956c25bf348b538), UINT64_C(0x59f111f1b605d019), UINT64_C(0x923f82a4af194f9b), UINT64_C(0xab1c5ed5da6d8118),
    UINT64_C(0xd807aa98a3030242), UINT64_C(0x12835b0145706fbe), UINT64_C(0x243185be4ee4b28c), UINT64_C(0x550c7dc3d5ffb4e2),
    UINT64_C(0x72be5d74f27b896f), UINT64_C(0x80deb1fe3b1696b1), UINT64_C(0x9bdc06a725c71235), UINT64_C(0xc19bf174cf692694),
    UINT64_C(0xe49b69c19ef14ad2), UINT64_C(0xefbe4786384f25e3), UINT64_C(0x0fc19dc68b8cd5b5), UINT64_C(0x240ca1cc77ac9c65),
    UINT64_C(0x2de92c6f592b0275), UINT64_C(0x4a7484aa6ea6e483), UINT64_C(0x5cb0a9dcbd41fbd4), UINT64_C(0x76f988da831153b5),
    UINT64_C(0x983e5152ee66dfab), UINT64_C(0xa831c66d2db43210), UINT64_C(0xb00327c898fb213f), UINT64_C(0xbf597fc7beef0ee4),
    UINT64_C(0xc6e00bf33da88fc2), UINT64_C(0xd5a79147930aa725), UINT64_C(0x06ca6351e003826f), UINT64_C(0x142929670a0e6e70),
    UINT64_C(0x27b70a8546d22ffc), UINT64_C(0x2e1b21385c26c926), UINT64_C(0x4d2c6dfc5ac42aed), UINT64_C(0x53380d139d95b3df),
    UINT64_C(0x650a73548baf63de), UINT64_C(0x766a0abb3c77b2a8), UINT64_C(0x81c2c92e47edaee6), UINT64_C(0x92722c851482353b),
    UINT64_C(0xa2bfe8a14cf10364), UINT64_C(0xa81a664bbc423001), UINT64_C(0xc24b8b70d0f89791), UINT64_C(0xc76c51a30654be30),
    UINT64_C(0xd192e819d6ef5218), UINT64_C(0xd69906245565a910), UINT64_C(0xf40e35855771202a), UINT64_C(0x106aa07032bbd1b8),
    UINT64_C(0x19a4c116b8d2d0c8), UINT64_C(0x1e376c085141ab53), UINT64_C(0x2748774cdf8eeb99), UINT64_C(0x34b0bcb5e19b48a8),
    UINT64_C(0x391c0cb3c5c95a63), UINT64_C(0x4ed8aa4ae3418acb), UINT64_C(0x5b9cca4f7763e373), UINT64_C(0x682e6ff3d6b2b8a3),
    UINT64_C(0x748f82ee5defb2fc), UINT64_C(0x78a5636f43172f60), UINT64_C(0x84c87814a1f0ab72), UINT64_C(0x8cc702081a6439ec),
    UINT64_C(0x90befffa23631e28), UINT64_C(0xa4506cebde82bde9), UINT64_C(0xbef9a3f7b2c67915), UINT64_C(0xc67178f2e372532b),
    UINT64_C(0xca273eceea26619c), UINT64_C(0xd186b8c721c0c207), UINT64_C(0xeada7dd6cde0eb1e), UINT64_C(0xf57d4f7fee6ed178),
    UINT64_C(0x06f067aa72176fba), UINT64_C(0x0a637dc5a2c898a6), UINT64_C(0x113f9804bef90dae), UINT64_C(0x1b710b35131c471b),
    UINT64_C(0x28db77f523047d84), UINT64_C(0x32caab7b40c72493), UINT64_C(0x3c9ebe0a15c9bebc), UINT64_C(0x431d67c49c100d4c),
    UINT64_C(0x4cc5d4becb3e42b6), UINT64_C(0x597f299cfc657e2a), UINT64_C(0x5fcb6fab3ad6faec), UINT64_C(0x6c44198c4a475817),
};

/* Section 5.3.5: the same of the square roots of the first eight primes. */
static const uint64_t INITIAL[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1),
    UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f), UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

static uint64_t big_endian(uint64_t word) { return __builtin_bswap64(word); } /* on a little-endian machine */

static uint64_t rotated(uint64_t x, int bits) { return x >> bits | x << (64 - bits); }

/* Section 6.4.2, with the schedule of sixteen words turned over in place. */
static void compress(uint64_t state[8], const uint8_t block[BLOCK_BYTES])
{
    uint64_t w[16], s[8];
    memcpy(w, block, BLOCK_BYTES);
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 16; i++) {
        w[i] = big_endian(w[i]);
    }

/* Instead of moving a to b, b to c ..., the names move: in round t, a is s[-t mod 8]. */
#define ROUND(t, a, b, c, d, e, f, g, h)                                                                     \
    do {                                                                                                     \
        h += (rotated(e, 14) ^ rotated(e, 18) ^ rotated(e, 41)) + (g ^ (e & (f ^ g))) + constants[t] + w[t]; \
        d += h;                                                                                              \
        h += (rotated(a, 28) ^ rotated(a, 34) ^ rotated(a, 39)) + ((a & b) | (c & (a | b)));                 \
    } while (0)
#define EIGHT_ROUNDS(t)                                              \
    do {                                                             \
        ROUND(t + 0, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]); \
        ROUND(t + 1, s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6]); \
        ROUND(t + 2, s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5]); \
        ROUND(t + 3, s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4]); \
        ROUND(t + 4, s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3]); \
        ROUND(t + 5, s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2]); \
        ROUND(t + 6, s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1]); \
        ROUND(t + 7, s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0]); \
    } while (0)

    for (const uint64_t *constants = SHA512_CONSTANTS;; constants += 16) {
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
        if (constants == SHA512_CONSTANTS + 64) {
            break;
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            uint64_t late = w[(i + 14) % 16], early = w[(i + 1) % 16];
            w[i] += (rotated(late, 19) ^ rotated(late, 61) ^ late >> 6) + w[(i + 9) % 16] +
                    (rotated(early, 1) ^ rotated(early, 8) ^ early >> 7);
        }
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
    wipe(w, sizeof w);
    wipe(s, sizeof s);
}

void sha512_frame_of(sha512_frame *frame, span front, span back)
{
    memcpy(frame->state, INITIAL, sizeof INITIAL);
    size_t whole = front.size / BLOCK_BYTES * BLOCK_BYTES;
    for (size_t at = 0; at < whole; at += BLOCK_BYTES) {
        compress(frame->state, front.bytes + at);
    }
    frame->hashed = whole;
    frame->front.bytes = whole ? front.bytes + whole : front.bytes;
    frame->front.size = front.size - whole;
    frame->back = back;
}

size_t sha512_blocks(const sha512_frame *frame, size_t middle_size)
{
    return (frame->front.size + middle_size + frame->back.size + 1 + LENGTH_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* What of a part, which begins at `at` in the padded message, falls into the block that begins at `begin`. */
static void copy_part(uint8_t block[BLOCK_BYTES], size_t begin, span part, size_t at)
{
    size_t first = at > begin ? at : begin;
    size_t end = at + part.size < begin + BLOCK_BYTES ? at + part.size : begin + BLOCK_BYTES;
    if (first < end) {
        memcpy(block + (first - begin), part.bytes + (first - at), end - first);
    }
}

/* Section 5.1.2: a bit 1, zeros, and the length in bits as 128 bits. */
void sha512_block(uint8_t block[BLOCK_BYTES], const sha512_frame *frame, span middle, size_t index)
{
    size_t begin = index * BLOCK_BYTES;
    size_t size = frame->front.size + middle.size + frame->back.size;
    memset(block, 0, BLOCK_BYTES);
    copy_part(block, begin, frame->front, 0);
    copy_part(block, begin, middle, frame->front.size);
    copy_part(block, begin, frame->back, frame->front.size + middle.size);
    if (size >= begin && size - begin < BLOCK_BYTES) {
        block[size - begin] = 0x80;
    }
    if (index + 1 == sha512_blocks(frame, middle.size)) {
        uint64_t bytes = frame->hashed + size;
        uint64_t high = big_endian(bytes >> 61), low = big_endian(bytes << 3);
        memcpy(block + BLOCK_BYTES - 16, &high, 8);
        memcpy(block + BLOCK_BYTES - 8, &low, 8);
    }
}

void sha512_many_portable(uint8_t *digests, const sha512_frame *frame, const span *middles, size_t n)
{
    uint64_t state[8];
    uint8_t block[BLOCK_BYTES];
    for (size_t i = 0; i < n; i++) {
        size_t blocks = sha512_blocks(frame, middles[i].size);
        memcpy(state, frame->state, sizeof state);
        for (size_t index = 0; index < blocks; index++) {
            sha512_block(block, frame, middles[i], index);
            compress(state, block);
        }
        for (int word = 0; word < 8; word++) {
            state[word] = big_endian(state[word]);
        }
        memcpy(digests + i * DIGEST_BYTES, state, DIGEST_BYTES);
    }
    wipe(state, sizeof state);
    wipe(block, sizeof block);
}
