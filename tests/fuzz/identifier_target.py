"""The program that atheris runs: any bytes as a cell of one of the kinds named in `--kinds=`.

The first byte chooses the kind, the second the country and the qualifier of the column (those of the house vectors),
the rest is the cell, or its number if the third byte says so. `--twin` takes a defence out, which must be found: then
a time that does not exist is no longer turned into a sentence.
"""

import struct
import sys
from time import perf_counter

import atheris

with atheris.instrument_imports(include=["psi.identifiers"]):
    from psi.errors import RefusedValue
    from psi.identifiers import Cell, Hints, canonicalise, identifiers_in, network
    from psi.identifiers.canonical import reader_of
    from tests.support.identifier_seeds import COLUMNS, MAX_SECONDS, SEEDS, as_input


def attempt(kind: str, cell: Cell, region: str | None, qualifier: str | None) -> None:
    """Read one cell: values that give themselves again, or `RefusedValue`, in the time that is allowed."""
    started = perf_counter()
    try:
        found = identifiers_in(kind, cell, Hints(region, qualifier))
    except RefusedValue as refusal:
        found = ()
        told = refusal.advice
    else:
        told = "no refusal"
    seconds = perf_counter() - started
    assert told, "a refusal without advice"
    assert seconds < MAX_SECONDS, f"{seconds:.2f} s"
    for other, value in found:
        assert canonicalise(other, Cell(value)) == (value,), "not a fixed point"


def main() -> None:
    kinds = next(word for word in sys.argv if word.startswith("--kinds=")).partition("=")[2].split(",")
    if "--twin" in sys.argv:
        network._not_a_time = lambda: LookupError("no such time")
    sys.argv = [word for word in sys.argv if not word.startswith(("--kinds=", "--twin"))]
    for kind in kinds:
        # Tables and libraries are loaded before the clock runs.
        for text in SEEDS[kind]:
            for region, qualifier in COLUMNS[kind]:
                try:
                    reader_of(kind)(Cell(text), Hints(region, qualifier))
                except (RefusedValue, LookupError):  # the twin's
                    continue

    def target(data: bytes) -> None:
        if len(data) < len(as_input(0, 0, "")):
            return
        kind = kinds[data[0] % len(kinds)]
        region, qualifier = COLUMNS[kind][data[1] % len(COLUMNS[kind])]
        rest = data[3:]
        number = struct.unpack("<d", rest[:8])[0] if data[2] == 0xFF and len(rest) >= 8 else None
        attempt(kind, Cell(rest.decode("utf-8", "ignore"), number), region, qualifier)

    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
