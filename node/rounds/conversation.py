"""What one round's protocol session lives on at this node: its lists, its scalar, its snapshot.

The lists are sealed files named after the round; the scalar and the snapshot are sealed cells of its row. `Workshop`
makes a session (`prepare`), brings one back after a restart (`resume`) and destroys everything at the end (`forget`).

A round that began before proofs were kept has no list `proofs`: `resume` gives it an empty one, and each proof is made
when it is sent.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from node.agreement.manifest import Manifest
from node.datasets.alike import Alike
from node.datasets.records import PreparedRecord
from node.errors import NotFound, StateDamaged
from node.ids import RandomBytes
from node.rounds.book import Round, RoundBook
from node.rounds.preparing import LINK_BYTES, Participation, Taking
from node.rounds.seals import from_before_sealing
from node.store import SealedSpool, SpoolFolder
from psi.backend import Backend
from psi.messages import RUN_BYTES
from psi.protocol.listing import blind_list
from psi.protocol.pair import PairSession
from psi.protocol.states import Place, Reply
from psi.protocol.terms import PairSpools, PairTerms, Voice
from psi.secret import SecretBytes
from psi.spool import Spool

__all__ = ["Conversation", "Workshop", "pair_terms"]

_PROOFS = "proofs"
"""The list that an older round may lack."""

_OWN_LISTS = {"order": 8, "links": LINK_BYTES}


def pair_terms(manifest: Manifest, me: str) -> PairTerms:
    """The protocol's view of an agreement."""
    peer = manifest.other(me).member_id
    digest = manifest.digest()
    reply = Reply.COUNT_RELEASED if manifest.reply.count_then_release else Reply(manifest.mode)
    return PairTerms(
        me=me,
        peer=peer,
        place=Place.FIRST if manifest.position(me) == "first" else Place.SECOND,
        reply=reply,
        agreement=digest,
        run=digest[:RUN_BYTES],
        my_size=manifest.size_class(me),
        peer_size=manifest.size_class(peer),
        bands=manifest.count_bands(),
        max_released=manifest.reply.max_released * manifest.tokens_per_record,
    )


class _Files(ExitStack):
    """Closes the files of a conversation, which are `spools`."""

    def __init__(self) -> None:
        super().__init__()
        self.spools: list[SealedSpool] = []


@dataclass
class Conversation:
    """An open session with the lists that only its owner reads."""

    session: PairSession
    order: Spool
    links: Spool
    scalar: SecretBytes | None
    files: _Files

    def flush(self) -> None:
        """Return when all rows of all lists are on the disk. A snapshot counts with them, so this comes before it: once
        for all that a step has done, and outside the transaction, in which nobody else can write."""
        for spool in self.files.spools:
            spool.flush()

    def snapshot(self) -> bytes:
        """The session's snapshot, to be stored; all that it counts with is on the disk."""
        self.flush()
        return self.session.snapshot()

    def close(self) -> None:
        """Wipe the scalar in memory and close the files; what is stored stays."""
        self.forget_scalar()  # first: closing a file can fail
        self.files.close()

    def forget_scalar(self) -> None:
        if self.scalar is not None:
            self.scalar.wipe()


class Workshop:
    """Makes, resumes and destroys conversations."""

    def __init__(
        self, *, me: str, spools: SpoolFolder, book: RoundBook, backend: Backend, random_bytes: RandomBytes
    ) -> None:
        self._me = me
        self._spools = spools
        self._book = book
        self.backend = backend
        self._random_bytes = random_bytes

    def prepare(
        self,
        found: Round,
        records: Iterable[PreparedRecord | Alike],
        taking: Callable[[Spool], Taking],
        voice: Voice,
        going_on: Callable[[], None] = lambda: None,
        further: Callable[[Taking, int], Iterable[list[bytes]]] = lambda _walk, _size: (),
    ) -> tuple[Conversation, Participation]:
        """Blind the list under a fresh scalar. Nothing is stored in the round's row yet; earlier attempts are gone.

        `going_on` is called before each chunk of padding, as `taking`'s progress is for records: it may raise.
        `further` gives messages that come after those of the records, as long as there is room: decoys.
        """

        def random_bytes(count: int) -> bytes:
            going_on()
            return self._random_bytes(count)

        self.forget(found.round_id)
        terms = pair_terms(found.manifest, self._me)
        files = _Files()
        scalar = self.backend.new_scalar()
        try:
            lists = PairSpools.make(
                lambda name, width: self._create(files, found.round_id, name, width), self._spools.scratch
            )
            order, links = (self._create(files, found.round_id, name, width) for name, width in _OWN_LISTS.items())
            walk = taking(links)
            listing = blind_list(
                chain(walk.batches(records), _later(further, walk, terms.my_size)),
                size=terms.my_size,
                scalar=scalar,
                backend=self.backend,
                random_bytes=random_bytes,
                mine=lists.mine,
                order=order,
                scratch=lists.scratch,
            )
            session = PairSession.begin(
                terms,
                listing,
                scalar=scalar,
                spools=lists,
                voice=voice,
                backend=self.backend,
                random_bytes=self._random_bytes,
            )
        except BaseException:
            scalar.wipe()
            files.close()
            self.forget(found.round_id)
            raise
        return Conversation(session, order, links, scalar, files), walk.counts

    def resume(self, found: Round, voice: Voice) -> Conversation:
        """The session as its last stored snapshot left it."""
        secret = self._book.round_secret(found.round_id)
        if secret is None:  # before its lists are opened: these too have another form, and would count as damaged
            raise from_before_sealing()
        secret.wipe()
        snapshot = self._book.snapshot(found.round_id)
        if snapshot is None:
            raise StateDamaged(
                "The saved state of a round is missing.", advice="Cancel the round and propose it again."
            )
        scalar = self._book.scalar(found.round_id)
        files = _Files()
        try:
            lists = PairSpools.make(
                lambda name, width: self._open(files, found.round_id, name, width), self._spools.scratch
            )
            order, links = (self._open(files, found.round_id, name, width) for name, width in _OWN_LISTS.items())
            session = PairSession.restore(
                pair_terms(found.manifest, self._me),
                snapshot,
                scalar=scalar,
                spools=lists,
                voice=voice,
                backend=self.backend,
                random_bytes=self._random_bytes,
            )
        except BaseException:
            if scalar is not None:
                scalar.wipe()
            files.close()
            raise
        return Conversation(session, order, links, scalar, files)

    def forget(self, round_id: str) -> None:
        """Delete the lists of a round. The row's scalar and snapshot go with its state (see `RoundBook.move`)."""
        for name in (*PairSpools.WIDTHS, *_OWN_LISTS):
            self._spools.delete(f"{round_id}.{name}")

    def left_behind(self) -> set[str]:
        """Ids of all rounds that have lists on the disk."""
        return {name.partition(".")[0] for name in self._spools.names()}

    def _create(self, files: _Files, round_id: str, name: str, width: int) -> SealedSpool:
        return self._kept(files, self._spools.create(f"{round_id}.{name}", width))

    def _open(self, files: _Files, round_id: str, name: str, width: int) -> SealedSpool:
        try:
            opened = self._spools.open(f"{round_id}.{name}")
        except NotFound:
            if name != _PROOFS:
                raise
            opened = self._spools.create(f"{round_id}.{name}", width)
        spool = self._kept(files, opened)
        if spool.width != width:
            raise StateDamaged(
                "The saved lists of a round were made by another version of blindmatch.",
                advice="Cancel the round and propose it again.",
            )
        return spool

    @staticmethod
    def _kept(files: _Files, spool: SealedSpool) -> SealedSpool:
        files.callback(spool.close)
        files.spools.append(spool)
        return spool


def _later(further: Callable[[Taking, int], Iterable[list[bytes]]], walk: Taking, size: int) -> Iterator[list[bytes]]:
    """Asked only when all records have been taken."""
    yield from further(walk, size)
