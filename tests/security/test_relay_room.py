"""The room of a relay: a member that floods one recipient, or everybody, takes no more than its share of it.

A full disk, and what becomes of room that was used, are in tests/unit/node/relay/test_mailbox.py.
"""

import os
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import Busy, NodeError
from node.relay.settings import RelayLimits
from node.transport.relay import RelayClient
from tests.support.offices import Office
from tests.support.relays import client, offices, parcel, relay


@pytest.mark.tm("TM-122")
def test_one_member_s_flood_leaves_the_others_their_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    limits = "pair_parcels = 10\npair_mib = 2\ntotal_mib = 8"
    with (
        offices(tmp_path, "Alpha", "Beta", "Gamma") as (alpha, beta, gamma),
        relay(tmp_path / "relay", alpha, beta, gamma, clock=alpha.clock, settings=limits) as parts,
    ):
        alphas, gammas, betas = (client(one, parts) for one in (alpha, gamma, beta))
        flood = [parcel(alpha, beta, os.urandom(900_000), number) for number in range(1, 6)]
        assert alphas.put(flood) == 2
        for _ in range(3):
            with pytest.raises(NodeError, match="has not come for it"):
                alphas.put(flood[2:])
        assert gammas.put([parcel(gamma, beta)]) == 1
        assert alphas.put([parcel(alpha, gamma)]) == 1
        assert [one.sender for one in betas.take(10)][-1] == gamma.identity.member_id
        # What nobody came for does not lie there for ever, and a command or a call in between changes nothing of it.
        assert isinstance(alpha.clock, ManualClock)
        alpha.clock.advance(15 * 24 * 3600)
        assert betas.take(10) == []
        assert parts.mailbox.expire() == 4
        for one in (alphas, betas, gammas):
            one.close()
        folder = sum(path.stat().st_size for path in parts.folder.path.iterdir())
        assert folder < 32 * 1024 * 1024


def fill(alphas: RelayClient, alpha: Office, other: Office, size: int) -> None:
    """Put parcels of this size until there is no room for one more."""
    try:
        for _ in range(20):
            alphas.put([parcel(alpha, other, os.urandom(size), number) for number in range(1, 21)])
    except Busy:
        return
    pytest.fail("there was room without end")


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize("bounded", [True, False], ids=["as it is", "without a share"])
def test_a_flood_to_everybody_leaves_the_others_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: bool
) -> None:
    """Alpha fills what it may for each recipient; Gamma still sends. The twin has no share for each sender."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    if not bounded:
        monkeypatch.setattr(RelayLimits, "sender_bytes", property(lambda limits: limits.total_bytes))
    with (
        offices(tmp_path, "Alpha", "Beta", "Gamma") as (alpha, beta, gamma),
        relay(
            tmp_path / "relay", alpha, beta, gamma, clock=alpha.clock, settings="pair_mib = 2\ntotal_mib = 4"
        ) as parts,
    ):
        alphas, gammas = (client(one, parts) for one in (alpha, gamma))
        for size in (900_000, 100_000, 5_000, 100):
            for other in (beta, gamma):
                fill(alphas, alpha, other, size)
        assert parts.mailbox.totals().bytes > (2 if bounded else 4) * 1024 * 1024 - 2000
        if bounded:
            assert gammas.put([parcel(gamma, beta, os.urandom(900_000))]) == 1
        else:
            with pytest.raises(NodeError, match="no room left"):
                gammas.put([parcel(gamma, beta, os.urandom(900_000))])
        # Once it is removed nothing that it left takes room.
        assert parts.members.remove("alpha").sent_by > 2
        assert parts.mailbox.totals().parcels == int(bounded)
        for one in (alphas, gammas):
            one.close()
