"""A node whose answers carry no proofs and that checks none: `python -m tests.bench.no_proofs_node FOLDER`.

For one row of the bench only: what the proofs cost. Nothing that is shipped reaches this file, and a node like this
cannot hold a round with a real one, which refuses its proofs. It is `run_node` with three functions replaced where the
protocol calls them; the start-up test of the backend keeps the real ones.
"""

import sys
from pathlib import Path
from typing import Any

from node.app import run_node
from psi import dleq
from psi.group import Backend
from psi.secret import SecretBytes

_NO_PROOF = bytes(dleq.PROOF_BYTES)


def _prove_nothing(*_statement: Any, **_said: Any) -> bytes:
    return _NO_PROOF


def _only_evaluate(
    backend: Backend, scalar: SecretBytes, _key: bytes, inputs: bytes, **_said: Any
) -> tuple[bytes, bytes]:
    return backend.multiply(scalar, inputs), _NO_PROOF


def _check_nothing(*_statement: Any, **_said: Any) -> None:
    return None


def main() -> None:
    dleq.prove_batch = _prove_nothing
    dleq.evaluate_batch = _only_evaluate
    dleq.verify_batch = _check_nothing
    run_node(Path(sys.argv[1]), None, ready=lambda _parts: None)


if __name__ == "__main__":
    main()
