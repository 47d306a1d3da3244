"""Decoys in a round: laid among our padding, looked for as soon as this side has learned, before anything comes of it.

    prepare     decoys behind the identifiers of the records: their token numbers go on where those end
    learned     a matching identifier with such a number is a decoy: no leads, no answer, no release; the round has
                failed with the evidence kept and the other side frozen, in one transaction (`Ends.fail`)

Who lays any: the first learner, always; it is answered first and has answered nothing when it looks. The second one
only where both are answered in order: it looks afterwards, and says so. Where it gets a count or what a person
releases, it would never see its decoys, and all they could do is to agree with a true record of the first learner.

The other side is told that it was stopped, not by what: the round has failed there with the code `stopped`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from node.datasets import DatasetBook
from node.ids import RandomBytes
from node.rounds.book import Round
from node.rounds.conversation import Conversation
from node.rounds.parties import peer_of
from node.rounds.preparing import Taking
from node.rounds.results import agreeing_numbers
from node.store import Store
from node.store.schema import decoys
from node.tripwires import Decoy, Draw, FreezeBook, Hit, draw_decoys
from node.wire.strict_json import canonical
from psi.spool import CHUNK_ROWS

__all__ = ["FrozenError", "Laying", "TripwireHit", "Tripwires"]


class TripwireHit(Exception):
    """The other side asked about decoys of ours."""

    def __init__(self, hit: Hit) -> None:
        super().__init__("decoys were met")
        self.hit = hit


class FrozenError(Exception):
    """The round has to wait: its other side is frozen here."""


@dataclass
class Laying:
    """The decoys of one list while it is made. `first`: the token number of the first of them."""

    tripwires: "Tripwires"
    found: Round
    first: int = 0
    laid: list[Decoy] = field(default_factory=list)

    def messages(self, walk: Taking, size: int) -> Iterator[list[bytes]]:
        """What is blinded behind the records: as many decoys as there is room for in a list of `size`."""
        self.first = walk.counts.identifiers
        drawn = self.tripwires.draw(self.found, walk, size - self.first)
        messages, fresh = walk.further([(decoy.key, decoy.value) for decoy in drawn])
        self.laid = [drawn[place] for place in fresh]
        for start in range(0, len(messages), CHUNK_ROWS):
            yield messages[start : start + CHUNK_ROWS]

    def save(self, tx: Connection) -> None:
        """With the list, in its transaction."""
        self.tripwires.save(tx, self.found.round_id, self.first, self.laid)


@dataclass
class Tripwires:
    """Those of one node. `per_kind`: decoys of each kind and country (`[tripwires] decoys`)."""

    store: Store
    me: str
    datasets: DatasetBook
    freezes: FreezeBook
    random_bytes: RandomBytes
    per_kind: int

    def laying(self, found: Round) -> Laying:
        """What lays the decoys of this round."""
        return Laying(self, found)

    def draw(self, found: Round, walk: Taking, room: int) -> list[Decoy]:
        """Fresh decoys for a list; none for a side that would never see them."""
        if room <= 0 or not self.per_kind or (found.position == "second" and found.manifest.mode != "ordered"):
            return []
        return draw_decoys(
            found.manifest.rules(),
            per_group=self.per_kind,
            seen=walk.samples,
            region=None if found.dataset_id is None else self.datasets.by_id(found.dataset_id).region,
            peer_records=found.manifest.other(self.me).records,
            peer_lays=found.manifest.mode == "ordered",
            room=room,
            draw=Draw(self.random_bytes),
        )

    def save(self, tx: Connection, round_id: str, first: int, laid: Sequence[Decoy]) -> None:
        """Keep sealed what was laid, in place of what an earlier attempt laid."""
        tx.execute(decoys.delete().where(decoys.c.round_id == round_id))
        if laid:
            rows = [[decoy.kind, decoy.key, decoy.value, decoy.free] for decoy in laid]
            body = self.store.cells.seal("decoys", round_id, "body", canonical({"first": first, "laid": rows}))
            tx.execute(decoys.insert().values(round_id=round_id, body=body))

    def laid(self, round_id: str) -> tuple[int, list[Decoy]]:
        """The token number of the first decoy of a list, and the decoys."""
        with self.store.read() as connection:
            body = connection.execute(select(decoys.c.body).where(decoys.c.round_id == round_id)).scalar()
        if body is None:
            return 0, []
        said = json.loads(self.store.cells.unseal("decoys", round_id, "body", body))
        return said["first"], [Decoy(*row) for row in said["laid"]]

    def check(self, found: Round, conversation: Conversation) -> None:
        """TripwireHit if a decoy is among what agrees; asked as soon as our side has learned."""
        first, laid = self.laid(found.round_id)
        if not laid:
            return
        numbers = agreeing_numbers(conversation)
        met = [laid[number - first] for number in numbers[numbers >= first].tolist()]
        if not met:
            return
        session = conversation.session
        opening = session.record.openings.get(session.terms.place.other, b"")
        counts = Counter(decoy.kind for decoy in laid)
        raise TripwireHit(Hit(tuple(met), dict(sorted(counts.items())), opening, found.position == "second"))

    def let_pass(self, found: Round, tx: Connection | None = None) -> None:
        """FrozenError if the other side of a round is frozen now."""
        if peer_of(found) in self.freezes.frozen(tx):
            raise FrozenError
