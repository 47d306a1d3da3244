"""The C core under the sanitizers, without a warning, and hardened as it is shipped.

AddressSanitizer and UndefinedBehaviorSanitizer (gcc) watch every vector of RFC 9496, every batch size around the lanes
and the hashing, with the bounds on all limbs as assertions (-DNATIVE_DEBUG). The driver puts rows into heap blocks of
exactly their size, so a read of the row behind the last is an error. Where this machine lacks AVX-512 the same source
runs with its instructions emulated.
"""

import hashlib
import json
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from psi.group import GENERATOR, ORDER
from psi.hash_to_group import expand_messages
from tests.support.backends import backend_called, known_scalar
from tests.support.native_build import CHECKED, NATIVE, WARNINGS, Sabotage, Way, has_ifma, need, program, run
from tests.support.native_driver import Driver, Refused

SANITIZED = Way(
    "gcc",
    (*CHECKED, "-DNATIVE_DEBUG", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    emulated=not has_ifma(),
)
CORES = ("portable", "avx512ifma")
FIGURES = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9496.json").read_text())
SIZES = (*range(19), 31, 33, 255, 256, 257)
SODIUM = backend_called("sodium")
KEY = (ORDER - 3).to_bytes(32, "little")


def sanitized(core: str, *, in_place: bool = False, unaligned: bool = False, way: Way = SANITIZED) -> Driver:
    return Driver(program("driver", way), core, in_place=in_place, unaligned=unaligned)


@pytest.mark.parametrize("core", CORES)
def test_all_vectors_without_a_report(core: str) -> None:
    ran = 0
    with sanitized(core) as driver:
        for case in FIGURES["multiples"][1:]:
            number, element = case["scalar"].to_bytes(32, "little"), bytes.fromhex(case["element"])
            assert driver.multiply(number, GENERATOR) == driver.multiply_each(number, GENERATOR) == element
            assert driver.multi_scalar(number, GENERATOR) == driver.sum(GENERATOR * case["scalar"]) == element
            driver.validate(element)
            ran += 1
        for case in FIGURES["one_way_map"] + FIGURES["one_way_map_same_element"]:
            assert driver.map(bytes.fromhex(case["uniform"])).hex() == case["element"]
            ran += 1
        for case in FIGURES["bad_encodings"]:
            rows = GENERATOR + bytes.fromhex(case["element"])
            for take in (driver.validate, driver.sum, lambda rows: driver.multiply(KEY, rows)):
                with pytest.raises(Refused) as refusal:
                    take(rows)
                assert refusal.value.index == 1
            with pytest.raises(Refused):
                driver.keeping(KEY, KEY * 2, rows)
            ran += 1
    assert ran == 15 + 11 + 29


@pytest.mark.parametrize("how", ["apart", "in_place", "unaligned"])
@pytest.mark.parametrize("core", CORES)
def test_all_sizes_without_a_report(core: str, how: str) -> None:
    uniform = hashlib.shake_256(b"sanitizers").digest(64 * SIZES[-1])
    mapped = SODIUM.map_to_group(uniform)
    with known_scalar(KEY) as scalar:
        multiplied = SODIUM.multiply(scalar, mapped)
    with sanitized(core, in_place=how == "in_place", unaligned=how == "unaligned") as driver:
        for n in SIZES:
            rows, end = mapped[: 32 * n], 32 * n
            assert driver.map(uniform[: 64 * n]) == rows
            assert driver.multiply(KEY, rows) == multiplied[:end]
            assert driver.multiply_each(KEY * n, rows) == multiplied[:end]
            assert driver.map_and_multiply(KEY, uniform[: 64 * n]) == multiplied[:end]
            assert driver.sum(rows) == SODIUM.sum(rows)
            assert driver.multi_scalar(KEY * n, rows) == SODIUM.sum(multiplied[:end])
            assert driver.keeping(KEY, KEY * n, rows) == (multiplied[:end], SODIUM.sum(multiplied[:end]))


@pytest.mark.parametrize("core", CORES)
def test_hashing_without_a_report(core: str) -> None:
    messages = [bytes([length % 251]) * length for length in range(300)]
    with sanitized(core) as driver:
        for tag in (b"t", b"t" * 255):
            assert driver.expand(messages, tag) == expand_messages(messages, tag)
        for width, length in ((1, 1), (32, 16), (111, 64), (112, 63), (300, 32)):
            rows = hashlib.shake_256(b"rows").digest(width * 19)
            starts = range(0, len(rows), width)
            expected = (hashlib.sha512(b"p" * width + rows[at : at + width]).digest()[:length] for at in starts)
            assert driver.hash_rows(b"p" * width, rows, width, length) == b"".join(expected)


@pytest.mark.parametrize(
    ("sabotage", "use", "said"),
    [
        (
            Sabotage(
                "batch.c",
                "memcpy(out + (at + i) * length, digests + i * DIGEST_BYTES, length);",
                "memcpy(out + (at + i) * length, digests + i * DIGEST_BYTES, DIGEST_BYTES);",
            ),
            lambda driver: driver.hash_rows(b"", bytes(32), 32, 16),
            "heap-buffer-overflow",
        ),
        (
            Sabotage("fe51.h", "#define LOOSE (UINT64_C(1) << 54)", "#define LOOSE (UINT64_C(1) << 51)"),
            lambda driver: driver.multiply(KEY, GENERATOR),
            "Assertion",
        ),
        (
            Sabotage("batch.c", "    uint64_t good = 1;\n", "    uint64_t good = 1 >> (64 + n);\n"),
            lambda driver: driver.check_scalars(KEY),
            "shift exponent",
        ),
    ],
    ids=["write beyond the end", "limb beyond its bound", "undefined shift"],
)
def test_a_fault_is_reported(sabotage: Sabotage, use: Callable[[Driver], object], said: str) -> None:
    """The sabotaged twins: each kind of watching is on."""
    driver = sanitized("portable", way=SANITIZED.but(sabotage=[sabotage]))
    with pytest.raises(AssertionError, match=said):
        use(driver)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_compiler_has_a_warning(compiler: str) -> None:
    """All of the core, module.c too. What gcc finds only while it optimises, every other build here would show."""
    need(compiler)
    python = Path(sysconfig.get_path("include"))
    files = [path for path in sorted(NATIVE.glob("*.c")) if path.name != "module.c" or (python / "Python.h").exists()]
    assert len(files) >= 6
    for path in files:
        result = run([compiler, *WARNINGS, "-DNATIVE_DEBUG", "-fsyntax-only", f"-I{python}", path])
        assert (result.returncode, result.stderr) == (0, ""), path.name


def test_a_warning_is_an_error(tmp_path: Path) -> None:
    """The twin of the above."""
    (tmp_path / "unused.c").write_text("int f(int a);\nint f(int a) { int b; return 0; }\n")
    assert run([need("gcc"), *WARNINGS, "-fsyntax-only", tmp_path / "unused.c"]).returncode == 1


def hardening(file: Path) -> set[str]:
    """Which of three protections a shared library carries."""
    readelf = need("readelf")
    said = run([readelf, "-W", "-l", "-d", "--dyn-syms", file]).stdout
    signs = {"relro": "GNU_RELRO", "now": "BIND_NOW", "stack protector": "__stack_chk_fail"}
    return {name for name, sign in signs.items() if sign in said}


def test_the_extension_is_hardened() -> None:
    core = pytest.importorskip("psi._native._core", reason="the curve core was not built")
    assert hardening(Path(core.__file__)) == {"relro", "now", "stack protector"}
    # All lengths that the core copies are either known to the compiler or beyond its knowledge, so no fortified call is
    # left in the file to be seen. That it was asked for, the file says itself.
    assert "-D_FORTIFY_SOURCE=2" in core.built_with()


def test_a_library_without_hardening_would_be_noticed(tmp_path: Path) -> None:
    """The sabotaged twin."""
    source, library = tmp_path / "plain.c", tmp_path / "plain.so"
    source.write_text("int f(char *s) { char b[99]; for (int i = 0; i < 99; i++) b[i] = s[i]; return b[7]; }\n")
    flags = ["-O1", "-shared", "-fPIC", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro,-z,lazy"]
    assert run([need("gcc"), *flags, source, "-o", library]).returncode == 0
    assert hardening(library) == set()
