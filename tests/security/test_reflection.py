"""A peer with no list of its own that sends back whatever it gets. If it worked, everything would "agree"."""

from dataclasses import replace

import pytest

from psi import dleq
from psi.errors import BadProof, BrokenCommitment, ReflectedKey, SharedElement
from psi.messages import Message, Open, decode
from psi.protocol import listing, receiving
from psi.protocol.states import Place, Reply
from psi.spool import chunks
from tests.support.attacks import MINE, THEIRS, assert_over, no_check
from tests.support.pairs import make_pair, say

Patch = pytest.MonkeyPatch


class Mirror:
    """Plays the first learner against an honest SECOND with SECOND's own messages.

    It cannot go further than `SECOND.receive` lets it; `steps` counts how many reflected messages were taken.
    """

    def __init__(self, *, own_key: bool = False, own_commitment: bool = False) -> None:
        first, self.victim = make_pair(MINE, THEIRS, Reply.ORDERED)
        self.own = first.session.opening(Place.FIRST)
        self.own_key, self.own_commitment = own_key, own_commitment
        self.steps = 0

    def reflect(self, data: bytes) -> Message:
        message = decode(data)
        if isinstance(message, Open):
            message = replace(message, sender=message.recipient, recipient=message.sender)
            if self.own_key:
                message = replace(message, public_key=self.own.public_key)
            if self.own_commitment:
                message = replace(message, commitment=listing.commitment(message, self.root()))
        return message

    def root(self) -> bytes:
        """An oracle that a real mirror does not have: the root of the list that the victim has yet to show."""
        edge = listing.MerkleEdge()
        for chunk in chunks(self.victim.session.spools.mine):
            edge.add(chunk)
        return edge.root()

    def play(self) -> None:
        """Each message of the victim comes back to it, in the order of the table."""
        for _ in range(3):  # Open, list, answer
            data = say(self.victim)
            assert data is not None
            self.victim.session.receive(self.reflect(data))
            self.steps += 1


@pytest.mark.tm("TM-04")
def test_reflection_is_refused_at_the_key() -> None:
    mirror = Mirror()
    with pytest.raises(ReflectedKey):
        mirror.play()
    assert mirror.steps == 0
    assert_over(mirror.victim)


@pytest.mark.tm("TM-04")
@pytest.mark.parametrize("own_key", [False, True])
def test_reflection_is_refused_at_the_commitment(monkeypatch: Patch, *, own_key: bool) -> None:
    """The commitment names its sender, so a copied one fits no list at all."""
    mirror = Mirror(own_key=own_key)
    if not own_key:
        monkeypatch.setattr(receiving, "_check_key", no_check)
    with pytest.raises(BrokenCommitment):
        mirror.play()
    assert_over(mirror.victim)


@pytest.mark.tm("TM-04")
@pytest.mark.parametrize("own_key", [False, True])
def test_reflection_is_refused_at_the_list(monkeypatch: Patch, *, own_key: bool) -> None:
    """Even a peer that knew our list before we sent it."""
    mirror = Mirror(own_key=own_key, own_commitment=True)
    if not own_key:
        monkeypatch.setattr(receiving, "_check_key", no_check)
    with pytest.raises(SharedElement):
        mirror.play()
    assert_over(mirror.victim)


@pytest.mark.tm("TM-04")
def test_reflection_is_refused_at_the_proof(monkeypatch: Patch) -> None:
    """A proof names who answers whom, so ours does not serve the other direction."""
    mirror = Mirror(own_commitment=True)
    monkeypatch.setattr(receiving, "_check_key", no_check)
    monkeypatch.setattr(receiving, "shared_row", no_check)
    with pytest.raises(BadProof):
        mirror.play()
    assert_over(mirror.victim)


@pytest.mark.tm("TM-04")
def test_with_all_four_checks_gone_the_mirror_holds_everything(monkeypatch: Patch) -> None:
    """The sabotaged twin of all above. Each of these takes away the checks before the one that it shows; here the
    commitment is the mirror's own, and the three others are gone."""
    mirror = Mirror(own_commitment=True)
    monkeypatch.setattr(receiving, "_check_key", no_check)
    monkeypatch.setattr(receiving, "shared_row", no_check)
    monkeypatch.setattr(dleq, "verify_batch", no_check)
    mirror.play()
    assert mirror.victim.session.record.matches == 64  # even the padding "agrees"


@pytest.mark.tm("TM-04")
def test_with_a_commitment_that_nobody_opens_the_mirror_needs_no_oracle(monkeypatch: Patch) -> None:
    """The sabotaged twin of the commitment: a mirror that knows nothing beforehand passes, too."""
    mirror = Mirror(own_key=True)
    monkeypatch.setattr(receiving, "commitment", lambda opening, _root: opening.commitment)
    monkeypatch.setattr(receiving, "shared_row", no_check)
    monkeypatch.setattr(dleq, "verify_batch", no_check)
    mirror.play()
    assert mirror.victim.session.record.matches == 64
