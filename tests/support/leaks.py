"""The core with a defence taken out, for the twins of tests/native and tests/fuzz: what watches must report these."""

from tests.support.native_build import Sabotage

__all__ = ["ACCEPTS_NEGATIVE", "LEAKS", "NO_WIPE"]

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

NO_WIPE = (Sabotage("impl.h", "    __builtin_memset(memory, 0, size);\n", "    (void)size;\n"),)
"""`wipe` does nothing."""

ACCEPTS_NEGATIVE = (
    Sabotage(
        "edwards.h",
        "~is_canonical | fe_is_negative(&s) | fe_is_zero(&s);",
        "~is_canonical | fe_is_zero(&s);",
    ),
)
"""The portable core takes negative encodings."""
