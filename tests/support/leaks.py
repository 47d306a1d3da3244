"""The core with a defence taken out, for the twins of tests/native and tests/fuzz: what watches must report these."""

from tests.support.native_build import Sabotage

__all__ = [
    "ACCEPTS_NEGATIVE",
    "LEAKS",
    "LEAKS_IN_HASHING",
    "LEAKS_IN_LANES",
    "NO_WIPE",
    "STACK_NOT_CLEANED",
]

_HALF = "        half[i] = words[i] >> 1 | (i < 3 ? words[i + 1] << 63 : 0);\n"

LEAKS = (
    Sabotage(
        "scalar.h",
        _HALF,
        _HALF
        + """        if (half[i] >> 7 & 1) {
            __asm__ __volatile__("nop");
        }
        static volatile const uint8_t places[64];
        (void)places[half[i] & 63];
""",
    ),
)
"""A branch on a bit of the halved scalar, and a look into a table at a place that is six bits of it."""

_BRANCH = """        if (%s & 1) {
            __asm__ __volatile__("nop");
        }
"""
_CHOICE = "        s[i] = chosen(square[i], s[i], s_prime);\n"
_SUM = "            state[n][i] = _mm512_mask_add_epi64(state[n][i], active[n], state[n][i], s[i][n]);\n"

LEAKS_IN_LANES = (
    Sabotage("avx512ifma.c", "(const fe *)&table[j] +", "(const fe *)&table[j & which->entry[j][0]] +"),
    Sabotage("edwards52x8.h", _CHOICE, _BRANCH % "square[i]" + _CHOICE),
)
"""In the IFMA core: a digit says where the table is read, and the map branches on what an identifier was hashed to."""

LEAKS_IN_HASHING = (Sabotage("sha512_avx512.c", _SUM, _SUM + _BRANCH % "state[n][i][0]"),)
"""A branch on a bit of one lane's state."""

NO_WIPE = (Sabotage("impl.h", "    __builtin_memset(memory, 0, size);\n", "    (void)size;\n"),)
"""`wipe` does nothing."""

STACK_NOT_CLEANED = (Sabotage("batch.c", "    wipe(below, sizeof below);\n", "    (void)below;\n"),)
"""What an operation used of the stack stays as it was."""

ACCEPTS_NEGATIVE = (
    Sabotage(
        "edwards.h",
        "~is_canonical | fe_is_negative(&s) | fe_is_zero(&s);",
        "~is_canonical | fe_is_zero(&s);",
    ),
)
"""The portable core takes negative encodings."""
