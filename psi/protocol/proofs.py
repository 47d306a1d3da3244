"""What each proof and signature is about: the same bytes for who makes it and who checks it.

All of them begin with the context of the round and the member it speaks for, so that none can be moved to another
round, turned round against its maker, or taken for another chunk or row.
"""

from psi.codec import length_prefixed
from psi.dleq import PROOF_BYTES
from psi.spool import CHUNK_ROWS, Spool

__all__ = ["answer_context", "keep_proof", "kept_proof", "release_context", "signed_close", "signed_count"]


def answer_context(context: bytes, evaluator: str, owner: str, chunk: int) -> bytes:
    """For `Label.PROOF_ANSWER`: `evaluator` answers chunk number `chunk` of `owner`'s list."""
    return length_prefixed(context, evaluator.encode(), owner.encode(), chunk.to_bytes(4, "big"))


def release_context(context: bytes, evaluator: str, owner: str, index: int) -> bytes:
    """For `Label.PROOF_RELEASE`: `evaluator` releases element number `index` of `owner`'s list."""
    return length_prefixed(context, evaluator.encode(), owner.encode(), index.to_bytes(8, "big"))


def signed_count(context: bytes, sender: str, low: int, high: int) -> bytes:
    """For `Label.SIGN_COUNT`."""
    return length_prefixed(context, sender.encode(), low.to_bytes(8, "big"), high.to_bytes(8, "big"))


def signed_close(context: bytes, sender: str, transcript: bytes, checkpoint: bytes) -> bytes:
    """For `Label.SIGN_CLOSE`."""
    return length_prefixed(context, sender.encode(), transcript, checkpoint)


def keep_proof(spool: Spool, chunk: int, proof: bytes) -> None:
    """Keep the proof of chunk number `chunk` in a spool of rows of one byte, unless those before it are missing."""
    if spool.rows == chunk * CHUNK_ROWS:
        spool.append(proof.ljust(CHUNK_ROWS, b"\0"))


def kept_proof(spool: Spool, chunk: int) -> bytes | None:
    """The proof of chunk number `chunk`, if it was kept."""
    if spool.rows < (chunk + 1) * CHUNK_ROWS:
        return None
    return spool.read(chunk)[:PROOF_BYTES]
