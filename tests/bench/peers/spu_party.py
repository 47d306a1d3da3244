"""One party of spu: `python spu_party.py (ecdh|kkrt|rr22) RANK HOST:PORT HOST:PORT IDENTIFIERS.csv RESULT.csv`.

The two addresses are those of rank 0 and rank 1. The library reads a CSV file, talks to the other party over brpc
(without TLS) and writes the shared rows to a CSV file; both parties learn them, as in ours; no proofs.

Only the two extension modules are needed. The package's `__init__` also imports a compiler for neural networks with
jax, so it is left out: a stand-in with the same path takes its place, and `make bench-peers` installs no jax.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

from cost import report

_PROTOCOLS = {"ecdh": "PROTOCOL_ECDH", "kkrt": "PROTOCOL_KKRT", "rr22": "PROTOCOL_RR22"}
_LINK_SECONDS = 600


def libraries() -> tuple[Any, Any]:
    """`spu.libspu` and `spu.libpsi`, without what `spu/__init__.py` imports besides."""
    found = importlib.util.find_spec("spu")
    assert found is not None, "spu is not installed here"
    package = types.ModuleType("spu")
    package.__path__ = list(found.submodule_search_locations or ())
    sys.modules["spu"] = package
    return importlib.import_module("spu.libspu"), importlib.import_module("spu.libpsi")


def party(protocol: str, rank: int, hosts: list[str], source: str, result: str) -> Callable[[], int]:
    libspu, libpsi = libraries()
    description = libspu.link.Desc()
    description.recv_timeout_ms = _LINK_SECONDS * 1000
    for number, host in enumerate(hosts):
        description.add_party(f"party{number}", host)
    connection = libspu.link.create_brpc(description, rank)
    config = libpsi.PsiExecuteConfig(
        protocol_conf=libpsi.PsiProtocolConfig(
            protocol=getattr(libpsi.PsiProtocol, _PROTOCOLS[protocol]),
            receiver_rank=0,
            broadcast_result=True,
            ecdh_params=libpsi.EcdhParams(curve=libpsi.EllipticCurveType.CURVE_25519),
        ),
        input_params=libpsi.InputParams(path=source, selected_keys=["id"], keys_unique=True),
        output_params=libpsi.OutputParams(path=result, disable_alignment=True),
    )

    def work() -> int:
        count = int(libpsi.psi_execute(config, connection).intersection_count)
        connection.stop_link()
        return count

    return work


def main() -> None:
    protocol, rank, one, other, source, result = sys.argv[1:]
    report(party(protocol, int(rank), [one, other], source, result), f"spu {importlib.metadata.version('spu')}")


if __name__ == "__main__":
    main()
