"""A node whose answers carry no proofs and that checks none: `python -m tests.bench.no_proofs_node FOLDER`.

For one row of the bench only: what the proofs cost. Nothing that is shipped reaches this file, and a node like this
cannot hold a round with a real one, which refuses its proofs. It is `run_node` with two functions replaced where the
protocol calls them; the start-up test of the backend keeps the real ones.
"""

import sys
from pathlib import Path
from typing import Any

from node.app import run_node
from psi import dleq

_NO_PROOF = bytes(dleq.PROOF_BYTES)


def _prove_nothing(*_statement: Any, **_said: Any) -> bytes:
    return _NO_PROOF


def _check_nothing(*_statement: Any, **_said: Any) -> None:
    return None


def main() -> None:
    dleq.prove_batch = _prove_nothing
    dleq.verify_batch = _check_nothing
    run_node(Path(sys.argv[1]), None, ready=lambda _parts: None)


if __name__ == "__main__":
    main()
