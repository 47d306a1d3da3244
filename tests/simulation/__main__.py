"""Repeat runs of the simulation: `python -m tests.simulation SEED [SEED | FIRST-LAST ...] [-v]`.

Prints for each seed the digest of its trace and what it did; with -v the trace itself, line by line, as it happens.
Very many seeds, in several processes: `python -m tests.simulation --seeds 0..10000 --processes 2` (see `many`).
"""

import argparse
import signal
import sys
from pathlib import Path

from tests.simulation.many import OUT, Many
from tests.simulation.office import rigged
from tests.simulation.world import simulate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="*", metavar="SEED", help="a number, or two with a dash between them")
    parser.add_argument("-v", action="store_true", help="print the trace")
    parser.add_argument("-k", action="store_true", help="keep going after a seed that fails")
    parser.add_argument(
        "--seeds", dest="many", metavar="FIRST..END", help="very many: from FIRST up to END, not with END"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="K", help="for --seeds")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="for --seeds: where the counts go")
    arguments = parser.parse_args()
    if (arguments.many is None) != bool(arguments.seeds):
        parser.error("either some SEEDs or --seeds")
    if arguments.many is not None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes it started end, too
        first, _, end = arguments.many.partition("..")
        sys.exit(not Many(int(first), int(end), arguments.out).run(arguments.processes))
    failed = []
    with rigged():
        for word in arguments.seeds:
            first, _, last = word.partition("-")
            for seed in range(int(first), int(last or first) + 1):
                try:
                    out = simulate(seed, tell=print if arguments.v else None)
                except Exception as error:
                    if not arguments.k:
                        raise
                    failed.append(seed)
                    print(f"{seed} FAILED {type(error).__name__}: {error}")
                    continue
                counts = " ".join(f"{name}={count}" for name, count in sorted(out.ends.items()))
                print(f"{seed} {out.digest} {out.operations} operations, {len(out.trace)} lines; {counts}")
    sys.exit(bool(failed))


main()
