"""`python -m tests.load [--nodes N] [--hub ROUNDS] [--at-once K] [--folder PLACE]`: what N nodes on this machine bear.

First all pairs of the N nodes, N(N-1)/2 rounds, all at once or K open at a time; then ROUNDS rounds of the first node
with the others at once. Prints the figures and adds them to build/load.json, under the number of nodes. Ends with exit
code 1 if a round did not finish, or has another result than the true one, or charged anything twice. Memory: some 100
MiB for each node.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

from node import __version__
from tests.load.fleet import ROOT, Seen, all_pairs, carry_out, fleet, hub_rounds

SECONDS_PER_ROUND = 10.0
"""How long is waited for, a round, before it counts as lost; and `LEAST_SECONDS` in all."""
LEAST_SECONDS = 300.0


def measure(nodes: int, hub: int, at_once: int, folder: Path) -> dict[str, object]:
    """The figures of one run, as they go into the file."""
    report: dict[str, object] = {"nodes": nodes, "version": __version__, "python": platform.python_version()}
    with fleet(folder, nodes) as running:
        report["prepared_seconds"] = round(running.prepared_seconds, 1)
        report["started_seconds"] = round(running.started_seconds, 1)
        for name, pairs in (("all_pairs", all_pairs(running.nodes)), ("hub", hub_rounds(running.nodes, hub))):
            if pairs:
                limit = max(LEAST_SECONDS, SECONDS_PER_ROUND * len(pairs))
                seen = carry_out(running.nodes, pairs, seconds=limit, at_once=at_once)
                report[name] = seen.as_dict()
                show(name, seen)
    return report


def show(name: str, seen: Seen) -> None:
    print(f"{name}:")
    for what, value in seen.as_dict().items():
        print(f"  {what:28} {value}")
    for sentence in seen.wrong[:20]:
        print(f"  WRONG: {sentence}")
    sys.stdout.flush()


def lost(report: dict[str, object]) -> bool:
    parts = [part for part in report.values() if isinstance(part, dict)]
    return any(part["finished"] != part["rounds"] or part["lost_or_wrong"] for part in parts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description="Many nodes on one machine.")
    parser.add_argument("--nodes", type=int, default=6, help="how many nodes (default 6)")
    parser.add_argument("--hub", type=int, default=200, help="rounds of the first node at once (default 200; 0: none)")
    parser.add_argument("--at-once", type=int, default=0, help="how many rounds are open at a time (default 0: all)")
    parser.add_argument("--folder", type=Path, help="where their folders are made (default: a temporary place)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        report = measure(asked.nodes, asked.hub, asked.at_once, Path(place))
    path = ROOT / "build" / "load.json"
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {str(asked.nodes): report}, indent=2, sort_keys=True) + "\n")
    print(f"written to {path.relative_to(ROOT)}")
    return int(lost(report))


if __name__ == "__main__":
    sys.exit(main())
