"""The rounds this node knows: one row each, read and written here and nowhere else.

Every function that writes takes the caller's transaction, so that what belongs together is stored together: a new
state with its audit entry, a snapshot with the message it produced.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from node.agreement.manifest import Manifest
from node.clock import timestamp
from node.errors import NotFound, UserError
from node.rounds.states import ENDS, NEXT, RoundState
from node.store import Store
from node.store.schema import rounds, signatures
from psi.secret import SecretBytes

__all__ = ["Round", "RoundBook", "Verdict", "round_id_of"]

ROUND_ID_BYTES = 16
"""A round is named by the first 16 bytes of its manifest's digest: the name cannot be chosen."""

_MANIFESTS_KEPT = 1_024
"""Parsed manifests kept in memory, in number; each takes about 10 KiB."""

# Made once: every step of the engine looks at its round several times.
_ROUND = select(rounds).where(rounds.c.round_id == bindparam("round"))
_STATE = select(rounds.c.state).where(rounds.c.round_id == bindparam("round"))
_ROUND_SECRET = select(rounds.c.sealing_key).where(rounds.c.round_id == bindparam("round"))
_ROUND_KEY = select(signatures.c.round_key).where(
    signatures.c.round_id == bindparam("round"), signatures.c.member_id == bindparam("member")
)
_VERDICTS = select(signatures).where(signatures.c.round_id == bindparam("round")).order_by(signatures.c.member_id)
_CHANGED = rounds.update().where(rounds.c.round_id == bindparam("round"))


def round_id_of(manifest: Manifest) -> str:
    """32 hex characters. The same agreement is the same round at every node."""
    return manifest.digest()[:ROUND_ID_BYTES].hex()


@dataclass(frozen=True)
class Verdict:
    """A member's signed yes or no."""

    member_id: str
    signed: bool
    signature: bytes
    at: str
    round_key: bytes | None = None
    """Under which this member wants to be written to in this round; with a yes only."""


@dataclass(frozen=True)
class Round:
    """One round as stored. `position` is first, second or none (a convener without records); `reports` holds the last
    state that each other party reported; `learned`: our leads are stored; `count`: what the first learner declared;
    `version_id` and `listed_at`: from which version of the data set the list was made, and when; `ended_at`: when it
    came to its end here; `erased_at`: when what it gave was deleted."""

    round_id: str
    manifest: Manifest
    convener: str
    position: str
    peer: str | None
    dataset_id: str | None
    state: RoundState
    started: bool
    failure_code: str | None
    failure_sentence: str | None
    blamed: str | None
    created_at: str
    updated_at: str
    reports: Mapping[str, str]
    learned: bool
    count: tuple[int, int] | None
    version_id: str | None
    listed_at: str | None
    ended_at: str | None = None
    erased_at: str | None = None

    @property
    def over(self) -> bool:
        return self.state in ENDS


class RoundBook:
    """Rounds and their signatures in the store. Sealed: snapshot, scalar, decision, the secret of its key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, tx: Connection, manifest: Manifest, *, me: str) -> str:
        """A new round in state proposed; its id. The same manifest again changes nothing."""
        round_id = round_id_of(manifest)
        if self._row(tx, round_id) is not None:
            return round_id
        member = any(entry.member_id == me for entry in manifest.members)
        now = timestamp(self._store.clock.now())
        tx.execute(
            rounds.insert().values(
                round_id=round_id,
                manifest=manifest.canonical(),
                convener=manifest.convener,
                position=manifest.position(me) if member else "none",
                peer=manifest.other(me).member_id if member else None,
                state=RoundState.PROPOSED,
                started=False,
                reports="{}",
                learned=False,
                created_at=now,
                updated_at=now,
            )
        )
        return round_id

    def peek(self, round_id: str) -> Round | None:
        """The round with this id, or None."""
        with self._store.read() as connection:
            row = self._row(connection, round_id)
        return None if row is None else _round(row)

    def state(self, tx: Connection, round_id: str) -> RoundState | None:
        """Where a round stands, without reading all of it; None if there is none of that name."""
        found = tx.execute(_STATE, {"round": round_id}).scalar()
        return None if found is None else RoundState(found)

    def get(self, round_id: str) -> Round:
        """NotFound if this node knows no such round."""
        found = self.peek(round_id)
        if found is None:
            raise NotFound("This node knows no round of that name.", advice="`blindmatch round list` shows all rounds.")
        return found

    def find(self, prefix: str) -> Round:
        """The round whose id begins with `prefix`; NotFound if there is none or more than one."""
        query = select(rounds).where(rounds.c.round_id.startswith(prefix.lower(), autoescape=True)).limit(2)
        with self._store.read() as connection:
            matching = connection.execute(query).all() if prefix else []
        if len(matching) != 1:
            what = "more than one round" if matching else "no round"
            raise NotFound(f"This node knows {what} of that name.", advice="`blindmatch round list` shows all rounds.")
        return _round(matching[0])

    def all(self, states: Sequence[RoundState] = tuple(RoundState)) -> list[Round]:
        with self._store.read() as connection:
            query = select(rounds).where(rounds.c.state.in_(states)).order_by(rounds.c.created_at, rounds.c.round_id)
            return [_round(row) for row in connection.execute(query)]

    def counts(self) -> dict[RoundState, int]:
        """How many rounds are in each state that any is in."""
        query = select(rounds.c.state, func.count()).group_by(rounds.c.state)
        with self._store.read() as connection:
            return {RoundState(state): int(number) for state, number in connection.execute(query)}

    def open_ids(self, *states: RoundState) -> list[str]:
        """The ids of all rounds that are not over, or of those in `states`."""
        chosen = rounds.c.state.in_(states) if states else rounds.c.state.not_in(ENDS)
        with self._store.read() as connection:
            return list(connection.execute(select(rounds.c.round_id).where(chosen)).scalars())

    def rounds_of(self, tx: Connection, convener: str, since: str) -> int:
        """How many rounds of a convener are not over, or came here at `since` (RFC 3339) or later."""
        counted = rounds.c.state.not_in(ENDS) | (rounds.c.created_at >= since)
        query = select(func.count()).where(rounds.c.convener == convener, counted)
        return int(tx.execute(query).scalar_one())

    def move(self, tx: Connection, round_id: str, state: RoundState, **values: Any) -> None:
        """Change the state along the table in `states`; ValueError for any other way."""
        row = self._row(tx, round_id)
        assert row is not None
        before = RoundState(row.state)
        if state not in NEXT[before]:
            raise ValueError(f"a round does not go from {before} to {state}")
        if state in ENDS:
            values |= {"scalar": None, "snapshot": None, "decision": None, "sealing_key": None}
            values["ended_at"] = timestamp(self._store.clock.now())
        self._update(tx, round_id, state=state, **values)

    def choose_dataset(self, tx: Connection, round_id: str, dataset_id: str) -> None:
        self._update(tx, round_id, dataset_id=dataset_id)

    def note_list(self, tx: Connection, round_id: str, version_id: str) -> None:
        """The list is made, now, from this version of the data set."""
        self._update(tx, round_id, version_id=version_id, listed_at=timestamp(self._store.clock.now()))

    def report(self, tx: Connection, round_id: str, member_id: str, state: str) -> None:
        """Keep what a member last said about its side of a round."""
        row = self._row(tx, round_id)
        reports = json.loads(row.reports) | {member_id: state}
        self._update(tx, round_id, reports=json.dumps(reports, separators=(",", ":"), sort_keys=True))

    def mark_learned(self, tx: Connection, round_id: str) -> None:
        self._update(tx, round_id, learned=True)

    def save_count(self, tx: Connection, round_id: str, low: int, high: int) -> None:
        self._update(tx, round_id, count_low=low, count_high=high)

    def mark_erased(self, tx: Connection, round_id: str) -> None:
        """What the round gave is deleted; what the other side declared goes here."""
        erased = timestamp(self._store.clock.now())
        self._update(tx, round_id, erased_at=erased, count_low=None, count_high=None)

    def mark_started(self, tx: Connection, round_id: str) -> None:
        self._update(tx, round_id, started=True)

    # Signatures.

    def record_verdict(self, tx: Connection, round_id: str, verdict: Verdict) -> None:
        """Keep a member's answer. The first one stands: a second one changes nothing."""
        known = select(signatures).where(signatures.c.round_id == round_id, signatures.c.member_id == verdict.member_id)
        if tx.execute(known).first() is None:
            tx.execute(
                signatures.insert().values(
                    round_id=round_id,
                    member_id=verdict.member_id,
                    verdict="signed" if verdict.signed else "refused",
                    signature=verdict.signature,
                    round_key=verdict.round_key,
                    at=verdict.at,
                )
            )

    def verdicts(self, round_id: str) -> list[Verdict]:
        with self._store.read() as connection:
            return [
                Verdict(row.member_id, row.verdict == "signed", row.signature, row.at, row.round_key)
                for row in connection.execute(_VERDICTS, {"round": round_id})
            ]

    def round_key(self, tx: Connection, round_id: str, member_id: str) -> bytes | None:
        """The key that a member gave with its signature."""
        return tx.execute(_ROUND_KEY, {"round": round_id, "member": member_id}).scalar()

    # The parts that are sealed.

    def save_snapshot(self, tx: Connection, round_id: str, snapshot: bytes) -> None:
        self._save(tx, round_id, "snapshot", snapshot)

    def snapshot(self, round_id: str) -> bytes | None:
        return self._load(round_id, "snapshot")

    def save_decision(self, tx: Connection, round_id: str, decision: bytes) -> None:
        """UserError unless the round waits for a decision at this moment and has none."""
        row = self._row(tx, round_id)
        if row is None or row.state != RoundState.DECIDING or row.decision is not None:
            raise UserError(
                "This round does not wait for a release decision any more.",
                advice="`blindmatch round status` says how it stands. Nothing was released.",
            )
        self._save(tx, round_id, "decision", decision)

    def decision(self, round_id: str) -> bytes | None:
        return self._load(round_id, "decision")

    def save_scalar(self, tx: Connection, round_id: str, scalar: SecretBytes) -> None:
        sealed = self._store.cells.seal("rounds", round_id, "scalar", scalar.view())
        self._update(tx, round_id, scalar=sealed)

    def scalar(self, round_id: str) -> SecretBytes | None:
        """The round's scalar in a buffer of the caller's, or None once it is destroyed."""
        with self._store.read() as connection:
            row = self._row(connection, round_id)
        if row is None or row.scalar is None:
            return None
        return self._store.cells.unseal_secret("rounds", round_id, "scalar", row.scalar)

    def save_round_secret(self, tx: Connection, round_id: str, secret: SecretBytes) -> None:
        sealed = self._store.cells.seal("rounds", round_id, "sealing_key", secret.view())
        self._update(tx, round_id, sealing_key=sealed)

    def round_secret(self, round_id: str) -> SecretBytes | None:
        """The secret half of the key that we gave for this round, in a buffer of the caller's; None once it is
        destroyed."""
        with self._store.read() as connection:
            sealed = connection.execute(_ROUND_SECRET, {"round": round_id}).scalar()
        return None if sealed is None else self._store.cells.unseal_secret("rounds", round_id, "sealing_key", sealed)

    def forget_scalar(self, tx: Connection, round_id: str) -> None:
        self._update(tx, round_id, scalar=None)

    def _save(self, tx: Connection, round_id: str, column: str, data: bytes) -> None:
        self._update(tx, round_id, **{column: self._store.cells.seal("rounds", round_id, column, data)})

    def _load(self, round_id: str, column: str) -> bytes | None:
        with self._store.read() as connection:
            row = self._row(connection, round_id)
        sealed = None if row is None else getattr(row, column)
        return None if sealed is None else self._store.cells.unseal("rounds", round_id, column, sealed)

    def _update(self, tx: Connection, round_id: str, **values: Any) -> None:
        values["updated_at"] = timestamp(self._store.clock.now())
        tx.execute(_CHANGED, {"round": round_id, **values})

    def _row(self, connection: Connection, round_id: str) -> Any:
        return connection.execute(_ROUND, {"round": round_id}).first()


@lru_cache(maxsize=_MANIFESTS_KEPT)
def _manifest(stored: bytes) -> Manifest:
    """Parsed once: the engine looks at its round several times for every message, and a manifest cannot change."""
    return Manifest.parse(stored)


def _round(row: Any) -> Round:
    return Round(
        round_id=row.round_id,
        manifest=_manifest(row.manifest),
        convener=row.convener,
        position=row.position,
        peer=row.peer,
        dataset_id=row.dataset_id,
        state=RoundState(row.state),
        started=row.started,
        failure_code=row.failure_code,
        failure_sentence=row.failure_sentence,
        blamed=row.blamed,
        created_at=row.created_at,
        updated_at=row.updated_at,
        reports=json.loads(row.reports),
        learned=row.learned,
        count=None if row.count_low is None else (row.count_low, row.count_high),
        version_id=row.version_id,
        listed_at=row.listed_at,
        ended_at=row.ended_at,
        erased_at=row.erased_at,
    )
