"""Whom a relay serves: the members that its operator admitted, known by the key of their TLS certificate.

Of a member's card the relay keeps the name, the class and the certificate, and nothing else: the contact and the rest
are none of its business. One person admits. A card in somebody else's name gains nothing but room on the relay's disk:
a member id is made of the member's own key, and what others send to the real one is sealed for the real one's key.
Still compare the check words; the member's node wants them typed when it takes in the card of the relay.

Everything is read from the database at every question, so that a member admitted or removed by a command counts from
its next call on, while the relay runs.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node.clock import Clock, timestamp
from node.errors import NotFound, UserError
from node.identity.admission import MAX_MEMBERS, pick_alias
from node.identity.cards import Card, parse_card
from node.identity.certificates import Certificate
from node.identity.members import MemberState
from node.relay.database import RelayDatabase

__all__ = ["RelayMember", "RelayMembers", "Removal", "Waiting"]

_COLUMNS = "member_id, alias, name, member_class, certificate, state, admitted_at"


@dataclass(frozen=True, slots=True)
class RelayMember:
    """One member as the relay knows it. `state`: confirmed (admitted) or removed; `certificate`: DER."""

    member_id: str
    alias: str
    name: str
    member_class: str
    certificate: bytes = field(repr=False)
    state: MemberState
    admitted_at: str

    @property
    def tls(self) -> Certificate:
        return Certificate.from_der(self.certificate, self.member_id)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies there for one member: parcels, bytes, and the Unix time at which the oldest came (None: nothing)."""

    parcels: int
    bytes: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Removal:
    """A member that was removed, and how many parcels went with it: those for it, and those that it had left."""

    member: RelayMember
    sent_to: int
    sent_by: int


class RelayMembers:
    """The book. Safe for several threads and processes."""

    def __init__(self, database: RelayDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watchers: list[Callable[[], None]] = []
        self._poll_lock = threading.Lock()
        self._seen = database.changes_elsewhere()

    def admit(self, card_file: bytes, alias: str | None = None) -> RelayMember:
        """Serve the member whose card this is; a new card replaces the one that was there.

        Raises UserError for a damaged or expired card, the card of a relay, a key or an alias that another member has.
        """
        card = parse_card(card_file).card
        self._check(card)
        with self._database.transaction() as connection:

            def taken(wanted: str) -> bool:
                query = "SELECT 1 FROM members WHERE alias = ? AND member_id != ?"
                return connection.execute(query, (wanted, card.member_id)).fetchone() is not None

            (known,) = connection.execute(
                "SELECT max(alias) FROM members WHERE member_id = ?", (card.member_id,)
            ).fetchone()
            chosen = pick_alias(card, alias or known, taken)
            clash = connection.execute(
                "SELECT alias FROM members WHERE tls_key_hash = ? AND member_id != ?",
                (card.certificate.key_hash, card.member_id),
            ).fetchone()
            if clash is not None:
                raise UserError(
                    f"This card uses the same TLS key as {clash[0]}, so the two could not be told apart.",
                    advice="Ask for a card from a newly made node.",
                )
            (others,) = connection.execute(
                "SELECT count(*) FROM members WHERE member_id != ?", (card.member_id,)
            ).fetchone()
            if others >= MAX_MEMBERS:
                raise UserError(
                    f"A relay can know at most {MAX_MEMBERS} members.", advice="Run a second relay for the others."
                )
            connection.execute(
                """INSERT INTO members
                     (member_id, alias, name, member_class, certificate, tls_key_hash, state, admitted_at)
                   VALUES (?, ?, ?, ?, ?, ?, 'confirmed', ?)
                   ON CONFLICT (member_id) DO UPDATE SET alias = excluded.alias, name = excluded.name,
                     member_class = excluded.member_class, certificate = excluded.certificate,
                     tls_key_hash = excluded.tls_key_hash, state = 'confirmed', admitted_at = excluded.admitted_at""",
                (
                    card.member_id,
                    chosen,
                    card.name,
                    card.member_class.value,
                    _der(card),
                    card.certificate.key_hash,
                    timestamp(self._clock.now()),
                ),
            )
        self._tell()
        return self.get(card.member_id)

    def remove(self, name: str) -> Removal:
        """Stop serving a member, from its next call on, and throw away what lies there for it and what it left for
        others, so that the room is theirs. Raises NotFound; UserError if all that is done already."""
        member = self.get(name)
        with self._database.transaction() as connection:
            connection.execute("UPDATE members SET state = 'removed' WHERE member_id = ?", (member.member_id,))
        if member.state is not MemberState.REMOVED:
            self._tell()
        # From here on nothing of it comes (Mailbox.put), and a command that was killed on its way is given once more.
        sent_to = self._database.drop_parcels("recipient = ?", member.member_id)
        sent_by = self._database.drop_parcels("sender = ?", member.member_id)
        if member.state is MemberState.REMOVED and not sent_to + sent_by:
            raise UserError(f"{member.alias} is removed already.")
        return Removal(self.get(member.member_id), sent_to, sent_by)

    def list(self) -> tuple[RelayMember, ...]:
        """Every member, in order of alias."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM members ORDER BY alias").fetchall()  # noqa: S608
        return tuple(_member(row) for row in rows)

    def get(self, name: str) -> RelayMember:
        """The member with this alias or member id, in whatever state. Raises NotFound."""
        found = self._find("alias = ?1 OR member_id = ?1", name)
        if found is None:
            raise NotFound("This relay knows no member of that name.", advice="`blindmatch relay members` lists them.")
        return found

    def holder(self, tls_key_hash: bytes) -> RelayMember | None:
        """Whose TLS key this is (32-byte hash), in whatever state."""
        found = self._find("tls_key_hash = ?1", tls_key_hash)
        return found if found is not None and found.tls.key_hash == tls_key_hash else None

    def serves(self, member_id: str) -> bool:
        """Whether a member is admitted now."""
        found = self._find("member_id = ?1", member_id)
        return found is not None and found.state is MemberState.CONFIRMED

    def roots(self) -> tuple[bytes, ...]:
        """The certificates of all admitted members, in PEM."""
        return tuple(member.tls.pem for member in self.list() if member.state is MemberState.CONFIRMED)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of who is admitted."""
        self._watchers.append(watcher)

    def poll(self) -> None:
        """Tell the watchers if another process changed the database since the last look."""
        with self._poll_lock:
            now = self._database.changes_elsewhere()
            changed, self._seen = now != self._seen, now
        if changed:
            self._tell()

    def waiting(self, member_id: str) -> Waiting:
        """What lies there for a member."""
        with self._database.reading() as connection:
            parcels, size = connection.execute(
                "SELECT coalesce(sum(parcels), 0), coalesce(sum(bytes), 0) FROM pairs WHERE recipient = ?", (member_id,)
            ).fetchone()
            (oldest,) = connection.execute(
                "SELECT min(arrived) FROM parcels WHERE recipient = ?", (member_id,)
            ).fetchone()
        return Waiting(parcels, size, oldest)

    def _check(self, card: Card) -> None:
        if card.member_class.value == "relay":
            raise UserError(
                "This is the card of a relay.",
                advice="A relay serves nodes: ask the member for the card of its node (`blindmatch card export FILE`).",
            )
        problem = card.certificate.date_problem(self._clock.now())
        if problem:
            raise UserError(
                f"The certificate in this card {problem}.",
                advice="Check this computer's clock. If it is right, ask for a new card.",
            )

    def _find(self, condition: str, value: str | bytes) -> RelayMember | None:
        with self._database.reading() as connection:
            query = f"SELECT {_COLUMNS} FROM members WHERE {condition}"  # noqa: S608  our own words only
            row = connection.execute(query, (value,)).fetchone()
        return None if row is None else _member(row)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()


def _member(row: tuple[str, str, str, str, bytes, str, str]) -> RelayMember:
    member_id, alias, name, member_class, certificate, state, admitted_at = row
    return RelayMember(member_id, alias, name, member_class, certificate, MemberState(state), admitted_at)


def _der(card: Card) -> bytes:
    return x509.load_pem_x509_certificate(card.certificate.pem).public_bytes(Encoding.DER)
