"""Following an operation through the machine's real instructions (tests/native/harness/watched_in_steps.c).

The program stops after each instruction and hashes where it is and which addresses the instruction touches. Which
memory operands an instruction has is read here from its disassembly.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.native_build import BUILT, need, run

__all__ = ["Trace", "traces"]

# Registers by their place in the signal handler's context (sys/ucontext.h, x86-64).
_REGISTERS = {
    name: number
    for number, name in enumerate(
        ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp"]
    )
}
_NONE, _VECTOR = -1, -2
_LINE = re.compile(r"^ *([0-9a-f]+):\t(?:(?:lock|rep\w*|bnd|notrack|cs|ds) )*(\S+) +(.*)$", re.MULTILINE)
_OPERAND = re.compile(r"(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+)?(?:,([1248]))?)?\)")
_TOUCH_NOTHING = re.compile(r"lea|nop|prefetch")

_NO_STRING_LOOPS = ":".join(f"glibc.cpu.x86_rep_{name}_threshold=1000000000" for name in ("stosb", "movsb"))
"""Wiping by one `rep stosb` would stop once for each byte; the other form that the library has stops once for 64."""


@dataclass(frozen=True)
class Trace:
    """One run: its instructions, a hash of their places, a hash of the addresses they touched."""

    steps: int
    flow: str
    addresses: str
    unseen: int
    """Instructions whose addresses stand in a vector register, or that lie outside of the program."""


def traces(program: Path, *words: str) -> list[Trace]:
    """What `program` (linked with -static and -no-pie) did in each watched operation."""
    environment = {"STEP_OPERANDS": str(_operands(program)), "GLIBC_TUNABLES": _NO_STRING_LOOPS}
    result = run([program, *words], environment=environment)
    assert result.returncode == 0, (result.returncode, result.stderr)
    found = re.findall(r"^trace (\d+) (\w+) (\w+) (\d+)$", result.stdout, re.MULTILINE)
    made = [Trace(int(steps), flow, addresses, int(unseen)) for steps, flow, addresses, unseen in found]
    if made and made[0].steps < 1_000:
        pytest.skip("this machine does not stop after each instruction (no trap flag)")
    return made


def _operands(program: Path) -> Path:
    """The memory operands of all instructions of a program, in the form that watched_in_steps.c reads."""
    out = BUILT / f"{program.name}.operands"
    if not out.exists():
        listing = run([need("objdump"), "-d", "--no-show-raw-insn", program]).stdout
        lines = [line for found in _LINE.finditer(listing) for line in _touched(*found.groups())]
        assert lines, "no memory operands: the disassembly looks different here"
        out.write_text("\n".join(lines) + "\n")
    return out


def _touched(place: str, name: str, words: str) -> list[str]:
    if _TOUCH_NOTHING.match(name):
        return []
    lines = []
    for displacement, base, index, scale in _OPERAND.findall(words.split("#")[0].split("<")[0]):
        if base == "%rip":
            continue  # a fixed address
        numbers = (_number(base), _number(index), int(scale or 1), int(displacement or "0", 16))
        lines.append(" ".join([place, *map(str, numbers)]))
    return lines


def _number(register: str) -> int:
    if not register:
        return _NONE
    name = register.removeprefix("%")
    return _VECTOR if name[1:].startswith("mm") else _REGISTERS[name]
