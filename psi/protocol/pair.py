"""Protocol `pair`: two members compare their lists (PROTOCOL.md; the turns are in `states.py`).

    FIRST                                                     SECOND
    Open  ------------------------------------------------->
          <-------------------------------------------------  Open
    Blinded  k1*H(x), sorted, padded  --------------------->
          <---------------------  Blinded  k2*H(y), sorted, padded
          <-----------------  Evaluated  k2*(k1*H(x)) + proofs      (SECOND's budget is charged first)
    learns; a person decides
    Evaluated in order | Count | Released | nothing  ------->
    Close  ------------------------------------------------>
          <------------------------------------------------  Close

Each side also multiplies the list it received by its own scalar. A tag is cut from a hash of a doubly blinded element;
equal tags mean equal identifiers. What it promises against a cheating side: answers that do not belong to the announced
key are found (proofs), a list is fixed before the other one is seen (commitment), nobody can answer with a copy of what
it got (reflection). What it does not: it cannot tell whether an identifier is true, and a side that blinds its list
under another scalar than its key gives itself - in `ordered` only - an answer the other side does not get
(PROTOCOL.md, "The two-scalar cheater").

Sans-IO: `receive` takes a message and says what it meant, `next_message` gives the next message of ours or None,
`snapshot`/`restore` carry a session over a crash. After any PsiError the session is over.
"""

from dataclasses import replace

from psi.backend import Backend, RandomBytes
from psi.errors import PeerError, WrongState
from psi.messages import NONCE_BYTES, SUITE, Message, Open
from psi.protocol import receiving, sending
from psi.protocol.listing import Listing, commitment
from psi.protocol.record import Record, damaged
from psi.protocol.side import Side
from psi.protocol.states import GATES, Gate, Leg, Place, Turns
from psi.protocol.terms import PairSpools, PairTerms, Voice, band_of
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS, Spool
from psi.transcript import DIGEST_BYTES, Label, digest

__all__ = ["PairSession"]

_REFUSED = "This round has ended because the other side broke the protocol."
_INTERRUPTED = "A step of this round was interrupted on this side."


class PairSession(Side):
    """One side of one run; made by `begin` or `restore`. Not safe for use by several threads at once."""

    _ended: str | None = None
    """Why nothing more can be done here; None while all is well."""

    @classmethod
    def begin(
        cls,
        terms: PairTerms,
        listing: Listing,
        *,
        scalar: SecretBytes,
        spools: PairSpools,
        voice: Voice,
        backend: Backend,
        random_bytes: RandomBytes,
    ) -> "PairSession":
        """A new session over a list that `blind_list` wrote with the same fresh scalar."""
        if not terms.my_size == listing.size == spools.mine.rows:
            raise WrongState("The prepared list does not have the agreed size.", advice="Prepare the round again.")
        record = Record(Turns.start(terms.reply), {}, dict.fromkeys(Place, digest(Label.SAID, terms.agreement)))
        session = cls(
            terms,
            record,
            scalar=scalar,
            spools=spools,
            voice=voice,
            backend=backend,
            random_bytes=random_bytes,
        )
        opening = Open(
            sender=terms.me,
            recipient=terms.peer,
            run=terms.run,
            nonce=random_bytes(NONCE_BYTES),
            agreement=terms.agreement,
            suite=SUITE,
            public_key=backend.base_multiply(scalar),
            size=terms.my_size,
            checkpoint=voice.checkpoint(),
            commitment=bytes(DIGEST_BYTES),
        )
        opening = replace(opening, commitment=commitment(opening, listing.root))
        record.openings[terms.place] = opening.encode()
        return session

    @classmethod
    def restore(
        cls,
        terms: PairTerms,
        snapshot: bytes,
        *,
        scalar: SecretBytes | None,
        spools: PairSpools,
        voice: Voice,
        backend: Backend,
        random_bytes: RandomBytes,
    ) -> "PairSession":
        """The session as `snapshot` saw it; rows that were written to the lists after it are cut off.

        `scalar` may be None once `needs_scalar` is False. LocalError if the snapshot, the lists, the scalar and the
        terms do not belong together: a session never goes on under another key or another list than it began with.
        """
        session = cls(
            terms,
            Record.decode(snapshot),
            scalar=scalar,
            spools=spools,
            voice=voice,
            backend=backend,
            random_bytes=random_bytes,
        )
        session._check_belonging()
        for spool, rows in session._rows_known():
            if spool.rows < rows:
                raise damaged()
            spool.truncate(rows)
        kept = session.record.edge.count * CHUNK_ROWS
        if spools.proofs.rows > kept:
            spools.proofs.truncate(kept)
        return session

    def _check_belonging(self) -> None:
        terms, openings = self.terms, self.record.openings
        if self.record.turns.reply is not terms.reply or terms.place not in openings:
            raise damaged()
        for place in openings:
            opening = self.opening(place)
            parties = (opening.sender, opening.recipient) == (terms.name(place), terms.name(place.other))
            if not parties or (opening.run, opening.agreement, opening.size) != (
                terms.run,
                terms.agreement,
                terms.size(place),
            ):
                raise damaged()
        own = self.opening(terms.place)
        if self._scalar is not None and self.backend.base_multiply(self._scalar) != own.public_key:
            raise damaged()

    def _rows_known(self) -> list[tuple[Spool, int]]:
        """How many rows of each list this session's record counts with."""
        terms, record, spools, peer = self.terms, self.record, self.spools, self.terms.place.other
        received = min(record.edge.count * CHUNK_ROWS, terms.peer_size)
        if record.turns.has_finished(peer, Leg.ANSWER):
            answered = terms.my_size
        else:
            answered = record.turns.said[peer] * CHUNK_ROWS if record.turns.leg(peer) is Leg.ANSWER else 0
        return [
            (spools.mine, terms.my_size),
            (spools.theirs, received),
            (spools.evaluated, received),
            (spools.answers, answered),
            (spools.matches, record.matches),
            (spools.released, record.released),
            (spools.release, record.to_release),
        ]

    # What the owner may ask.

    @property
    def finished(self) -> bool:
        """Both sides have said everything."""
        return self.record.turns.over

    @property
    def mid_leg(self) -> bool:
        """Has this side said a part of a leg and not all of it?"""
        return self.record.turns.said[self.terms.place] > 0

    @property
    def needs_scalar(self) -> bool:
        """Is the scalar still needed? When not, wipe it and every copy of it.

        It is, until the peer's list has been multiplied and all our answers have been given.
        """
        if self._ended == _REFUSED:
            return False
        turns, place = self.record.turns, self.terms.place
        to_say = turns.remaining(place)
        return not turns.has_finished(place.other, Leg.LIST) or Leg.ANSWER in to_say or Leg.RELEASE in to_say

    @property
    def has_learned(self) -> bool:
        """Have the matches been found that this side is entitled to by answers or releases?"""
        peer = self.terms.place.other
        return any(self.record.turns.has_finished(peer, leg) for leg in (Leg.ANSWER, Leg.RELEASE))

    @property
    def waiting_for(self) -> Gate | None:
        """The permission without which this side cannot go on, if that is what it waits for."""
        place, turns = self.terms.place, self.record.turns
        leg = turns.leg(place)
        if self._ended or leg is None or not turns.may(place, leg):
            return None
        gate = GATES.get((place, leg))
        return gate if gate is not None and gate not in self.record.gates else None

    def snapshot(self) -> bytes:
        """Everything but the terms, the lists and the scalar; holds no secret.

        WrongState once the session has ended by an error: a round that was refused cannot be brought back by saving it.
        """
        self._usable()
        return self.record.encode()

    # What the owner permits.

    def permit_answer(self) -> None:
        """The budget has been charged: the first learner may be answered."""
        self._open_gate(Gate.ANSWER)

    def permit_count(self, count: int) -> None:
        """The first learner says how many of its own records agree; the agreement's bands decide how exactly."""
        self._expect(Gate.COUNT)
        self.record.count_said = band_of(count, self.terms.bands)
        self._open_gate(Gate.COUNT)

    def permit_release(self) -> None:
        """A person has decided what the other side is given.

        In a round with released answers these are the peer positions in the `release` spool: ascending, each among the
        matches, at most `max_released`; LocalError otherwise. In `ordered` the whole list is answered.
        """
        self._expect(Gate.RELEASE)
        if Leg.RELEASE in self.record.turns.remaining(self.terms.place):
            sending.check_release(self)
            self.record.to_release = self.spools.release.rows
        self._open_gate(Gate.RELEASE)

    def _expect(self, gate: Gate) -> None:
        self._usable()
        if self.waiting_for is not gate:
            raise WrongState("This round is not waiting for that permission.")

    def _open_gate(self, gate: Gate) -> None:
        self._expect(gate)
        self.record.gates.add(gate)

    # The conversation.

    def next_message(self) -> Message | None:
        """Our next message, or None while it is the other side's turn or a permission is missing."""
        self._usable()
        place, turns = self.terms.place, self.record.turns
        leg = turns.leg(place)
        if leg is None or not turns.may(place, leg) or self.waiting_for is not None:
            return None
        message, last = sending.MAKERS[leg](self)
        self._said(place, leg, message)
        turns.advance(place, last=last)
        return message

    def receive(self, message: Message) -> None:
        """Take the peer's next message. Raises PeerError, with blame, if it is not what the protocol allows.

        After that the session is over. After any other error (a full disk) this object is too, since the message may
        be half kept; `restore` from the last snapshot and receive it again.
        """
        self._usable()
        self._ended = _INTERRUPTED
        peer = self.terms.place.other
        try:
            leg, take = receiving.TAKERS[type(message)]
            receiving.check_turn(self, peer, leg)
            last = take(self, message)
        except PeerError as error:
            self._ended = _REFUSED
            error.advice = error.advice or "The round is over and nothing more was released. Speak to the other side."
            raise
        self._said(peer, leg, message)
        self.record.turns.advance(peer, last=last)
        self._ended = None

    def _said(self, place: Place, leg: Leg, message: Message) -> None:
        """Both directions are chained apart, since each side sees them interleaved in its own way."""
        if leg is not Leg.CLOSE:
            self.record.said[place] = digest(Label.SAID, self.record.said[place], message.encode())

    def _usable(self) -> None:
        if self._ended:
            again = self._ended == _INTERRUPTED
            raise WrongState(self._ended, advice="Resume it from its saved state." if again else "Start a new round.")
