"""Which of our own records were shown to whom before, so that a person is told before it happens again.

Two rounds with the same member, a few records apart, tell it something about just these few: whoever has the result
of both can subtract. A member that asks again with the same list, changed a little, learns more than one round says.
No agreement shows that; only the node that owns the records can see it. So after each list that leaves, a **sketch**
of it is kept, per member and round, and the next list is compared with all of them before it is signed for:

    digest       = first 8 bytes of SHA-512(label, key, record reference); the key is random, our own, and sealed
    exact sketch = the digests of all distinct references of the list, if they are at most MOST_DIGESTS
    else         = the MOST_DIGESTS smallest: a fair sample, since digests are as good as random (KMV, Bar-Yossef 2002)

What two sketches have in common below both their largest digests is, of a sample, an estimate: `Shown.exact` says which
it is. A warning, never a refusal: showing a record again is often right, and only a person knows.

Told apart are record references. One person under two references, or in two data sets that count differently, is not
recognised. Of the other side's records nothing is known but how often it came, with which kinds and what size: these
figures stand in `blindmatch budget show`. MOST_ROUNDS rounds with one member are kept; older sketches are deleted.

Version 0.1.0 made a digest by BLAKE2b, one reference at a time: several times the work where the curve core has eight
lanes. Digests of two forms cannot be compared, so a member with whom sketches of that form are kept gets more of that
form, for good (`Form`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from node.ascending import distinct
from node.errors import StateDamaged
from node.store import Store
from node.store.own_settings import own_key
from node.store.schema import exposures
from node.texts import Texts, hashed
from psi.codec import length_prefixed
from psi.group import Backend

__all__ = ["MOST_DIGESTS", "MOST_ROUNDS", "Digests", "Exposures", "Form", "Shown", "Sketch"]

MOST_DIGESTS = 65_536
"""Digests that are kept of one list, in number: 512 KiB."""

MOST_ROUNDS = 100
"""Rounds with one member whose sketches are kept, in number: 50 MiB at most."""

DIGEST_BYTES = 8
"""Bytes of a digest: among a million records two share one by chance once in forty million cases."""

KEY_BYTES = 32
_KEY_NAME = "exposure_key"
_PERSON = b"blindmatch-shown"
_LABEL = length_prefixed(b"blindmatch/shown/2")
_BATCH = 262_144
"""Digests that are put among those kept at a time, in number."""
_MOST_WAITING = 4_096
"""References that are hashed at a time when they come one by one, in number."""

Digests = NDArray[np.uint64]


@dataclass(frozen=True)
class Shown:
    """`records`: how many of the list's records (distinct references) were shown to that member before, of `of`, in how
    many earlier rounds; estimates unless `exact`."""

    records: int
    of: int
    rounds: int
    exact: bool = True

    def sentence(self, name: str) -> str:
        """For a person who decides; empty if there is nothing to say."""
        if not self.records:
            return ""
        about = "" if self.exact else "About "
        rounds = "an earlier round" if self.rounds == 1 else f"{self.rounds} earlier rounds"
        return (
            f"{about}{self.records:,} of your {self.of:,} records were shown to {name} before, in {rounds}: whoever "
            "compares the results of several rounds can tell something about the few records that differ."
        )


class Form(Enum):
    """How a digest is made, and what begins the stored sketches that hold such."""

    ONE_BY_ONE = b""
    """BLAKE2b(key, reference), of 0.1.0. Its sketches are whole digests, so they are told from the other's."""

    IN_LANES = b"\x02"
    """SHA-512(label, key, row of the reference): see `node.texts.hashed`."""

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Of a stored sketch. StateDamaged if it is of none that this version knows."""
        begins = body[: len(body) % DIGEST_BYTES]
        for form in cls:
            if begins == form.value:
                return form
        raise _unknown()


class Sketch:
    """Takes the references of one list as they come. Give sketches that are to be compared one key and one form."""

    def __init__(self, key: bytes, backend: Backend, form: Form = Form.IN_LANES) -> None:
        self.form = form
        self._backend = backend
        self._digests_of = self._in_lanes(key) if form is Form.IN_LANES else self._one_by_one(key)
        self._waiting: list[bytes] = []
        self._fresh = bytearray()
        self._kept: Digests = np.empty(0, dtype=np.uint64)
        self._taken = 0

    def __repr__(self) -> str:
        # Neither the key nor whose records they are.
        return f"<Sketch of {self._taken + len(self._waiting)} records>"

    def take(self, reference: str) -> None:
        """Of one record that takes part."""
        self._waiting.append(reference.encode())
        if len(self._waiting) >= _MOST_WAITING:
            self._take_waiting()

    def take_all(self, references: Texts) -> None:
        """Of records that take part."""
        self._fresh += self._digests_of(references)
        self._taken += len(references)
        if len(self._fresh) >= _BATCH * DIGEST_BYTES:
            self._merge()

    def digests(self) -> Digests:
        """Ascending, distinct; the MOST_DIGESTS smallest."""
        self._take_waiting()
        self._merge()
        return self._kept

    @property
    def records(self) -> int:
        """Distinct references; of more than MOST_DIGESTS the records that were taken."""
        kept = len(self.digests())
        return kept if kept < MOST_DIGESTS else self._taken

    def _in_lanes(self, key: bytes) -> Callable[[Texts], bytes]:
        front = _LABEL + key
        return lambda references: hashed(references, self._backend, front, DIGEST_BYTES).tobytes()

    @staticmethod
    def _one_by_one(key: bytes) -> Callable[[Texts], bytes]:
        keyed = blake2b(key=key, digest_size=DIGEST_BYTES, person=_PERSON)

        def one(reference: bytes) -> bytes:
            made = keyed.copy()
            made.update(reference)
            return made.digest()

        return lambda references: b"".join(map(one, references.encoded))

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.take_all(Texts.of_encoded(waiting))

    def _merge(self) -> None:
        fresh = np.frombuffer(bytes(self._fresh), dtype=">u8").astype(np.uint64)
        both = np.concatenate((self._kept, fresh))
        both.sort()
        self._kept, self._fresh = distinct(both)[:MOST_DIGESTS].copy(), bytearray()


class Exposures:
    """The sketches of one node."""

    def __init__(self, store: Store, random_bytes: Callable[[int], bytes], backend: Backend) -> None:
        self._store = store
        self._random_bytes = random_bytes
        self._backend = backend

    def sketch(self, peer: str) -> Sketch:
        """An empty one, with this node's key, to be compared with what was shown to `peer`; the key is made the first
        time."""
        kept = select(exposures.c.round_id, exposures.c.body).where(exposures.c.peer == peer).limit(1)
        with self._store.read() as connection:
            row = connection.execute(kept).first()
        form = Form.IN_LANES if row is None else Form.of(self._unsealed(peer, row.round_id, row.body))
        with self._store.transaction() as tx:
            return Sketch(own_key(self._store, tx, _KEY_NAME, self._random_bytes, KEY_BYTES), self._backend, form)

    def compare(self, peer: str, made: Sketch, *, but: str = "") -> Shown:
        """The list in `made` with everything that was shown to `peer`, but for the round `but`."""
        mine, of = made.digests(), made.records
        with self._store.read() as connection:
            columns = (exposures.c.round_id, exposures.c.body)
            query = select(*columns).where((exposures.c.peer == peer) & (exposures.c.round_id != but))
            rows = list(connection.execute(query))
        before = [self._opened(peer, row.round_id, row.body, made.form) for row in rows]
        # Below the largest digest of each list that was cut, all of them hold everything they would.
        cut = [int(kept[-1]) for kept in (mine, *before) if len(kept) >= MOST_DIGESTS]
        sample = mine[mine <= min(cut)] if cut else mine
        rounds = sum(bool(np.isin(sample, kept).any()) for kept in before)
        if not rounds:
            return Shown(0, of, 0, not cut)
        share = float(np.isin(sample, np.concatenate(before)).mean())
        return Shown(round(share * of), of, rounds, not cut)

    def keep(self, tx: Connection, peer: str, round_id: str, made: Sketch, at: str) -> Shown:
        """The list of a round leaves, in this transaction; what `compare` says of it. Of a round that made its list
        anew it replaces the sketch."""
        shown = self.compare(peer, made, but=round_id)
        place = f"{peer}/{round_id}"
        plain = made.form.value + made.digests().astype(">u8").tobytes()
        body = self._store.cells.seal("exposures", place, "body", plain)
        values = {"records": shown.of, "again": shown.records, "rounds_before": shown.rounds, "exact": shown.exact}
        tx.execute(delete(exposures).where((exposures.c.peer == peer) & (exposures.c.round_id == round_id)))
        tx.execute(insert(exposures).values(peer=peer, round_id=round_id, body=body, at=at, **values))
        newest = select(exposures.c.id).where(exposures.c.peer == peer).order_by(exposures.c.id.desc())
        kept = tx.execute(newest.limit(MOST_ROUNDS)).scalars().all()
        tx.execute(delete(exposures).where((exposures.c.peer == peer) & exposures.c.id.notin_(kept)))
        return shown

    def shown_in(self, round_id: str) -> Shown | None:
        """What was said when the list of a round left; None if none has."""
        columns = (exposures.c.records, exposures.c.again, exposures.c.rounds_before, exposures.c.exact)
        with self._store.read() as connection:
            row = connection.execute(select(*columns).where(exposures.c.round_id == round_id)).first()
        return None if row is None else Shown(row.again, row.records, row.rounds_before, row.exact)

    def _opened(self, peer: str, round_id: str, body: bytes, form: Form) -> Digests:
        plain = self._unsealed(peer, round_id, body)
        if Form.of(plain) is not form:
            # It would look as if nothing had been shown.
            raise _unknown()
        return np.frombuffer(plain, dtype=">u8", offset=len(form.value)).astype(np.uint64)

    def _unsealed(self, peer: str, round_id: str, body: bytes) -> bytes:
        return self._store.cells.unseal("exposures", f"{peer}/{round_id}", "body", body)


def _unknown() -> StateDamaged:
    return StateDamaged(
        "What this node noted of records that were shown before cannot be compared.",
        advice="Was it noted by a newer version? Then use that one, or restore the node from a backup.",
    )
