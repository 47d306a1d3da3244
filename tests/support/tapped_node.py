"""A node with a tap: python -m tests.support.tapped_node FOLDER TAP_FILE

The same as `blindmatch node run`, but that every message to and from peers is also written to the file (`tap`).
"""

import sys
from pathlib import Path

from node.app import run_node
from tests.support.tap import Tap, listening


def main() -> None:
    folder, file = map(Path, sys.argv[1:])
    tap = Tap(file)
    with listening(tap):
        run_node(folder, None, ready=lambda _parts: None, adapt=tap.adapt)


if __name__ == "__main__":
    main()
