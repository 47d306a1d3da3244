"""A session that goes through a snapshot at every step ends as one that never did; damage is found and is our own."""

from dataclasses import replace
from typing import Any

import pytest

from psi.backend import choose
from psi.errors import LocalError, PeerError
from psi.messages import Count, Evaluated, decode
from psi.protocol.pair import PairSession
from psi.protocol.record import Record
from psi.protocol.states import Gate, Place, Reply
from psi.protocol.terms import PairSpools
from psi.spool import CHUNK_ROWS, MemorySpool
from tests.support.pairs import Side, counting_random, make_pair, run, say

MINE = [f"+49151000{number}" for number in range(6)]
THEIRS = [f"+49151000{number}" for number in range(3, 9)]


def restored(side: Side, **change: Any) -> PairSession:
    session = side.session
    parts: dict[str, Any] = {
        "terms": session.terms,
        "snapshot": session.snapshot(),
        "scalar": side.scalar,
        "spools": session.spools,
        "voice": session.voice,
        "backend": session.backend,
        "random_bytes": session.random_bytes,
    } | change
    return PairSession.restore(parts.pop("terms"), parts.pop("snapshot"), **parts)


def step(first: Side, second: Side) -> bool:
    """One message or permission; False when both are done."""
    for side, other in ((first, second), (second, first)):
        if side.session.waiting_for is Gate.RELEASE:
            if side.session.terms.reply is not Reply.ORDERED:
                side.release(side.learned())
            side.session.permit_release()
            return True
        if (data := say(side)) is not None:
            other.session.receive(decode(data))
            return True
    return False


@pytest.mark.tm("TM-21")
@pytest.mark.parametrize(
    ("reply", "size"),
    [*((reply, 64) for reply in Reply), (Reply.ORDERED, CHUNK_ROWS + 1), (Reply.COUNT_RELEASED, CHUNK_ROWS + 1)],
)
def test_restoring_at_every_step_changes_nothing(reply: Reply, size: int) -> None:
    first, second = make_pair(MINE, THEIRS, reply, first_size=size, second_size=size)
    while step(first, second):
        for side in (first, second):
            assert restored(side).snapshot() == side.session.snapshot()
            side.session = restored(side, scalar=side.scalar if side.session.needs_scalar else None)
    plain = make_pair(MINE, THEIRS, reply, first_size=size, second_size=size)
    run(*plain)
    for side, other in zip((first, second), plain, strict=True):
        assert side.session.finished
        assert side.learned() == other.learned()
        assert side.session.transcript() == other.session.transcript()


@pytest.mark.tm("TM-21")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_rows_written_after_the_snapshot_are_cut_off(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    first, second = make_pair(MINE, THEIRS, first_size=CHUNK_ROWS + 5, second_size=CHUNK_ROWS + 5)
    while first.session.spools.theirs.rows < CHUNK_ROWS:
        before = first.session.snapshot()
        assert step(first, second)
    lost = first.session
    assert lost.spools.evaluated.rows >= CHUNK_ROWS
    if sabotaged:
        monkeypatch.setattr(PairSession, "_rows_known", lambda _session: [])
    first.session = restored(first, snapshot=before)
    left = 1 if sabotaged else 0
    assert first.session.spools.theirs.rows == first.session.spools.evaluated.rows == left * CHUNK_ROWS


@pytest.mark.tm("TM-20")
@pytest.mark.parametrize("reply", list(Reply))
def test_no_secret_and_no_value_stands_in_any_snapshot(reply: Reply) -> None:
    first, second = make_pair(MINE, THEIRS, reply)
    canaries = [bytes(side.scalar.view()) for side in (first, second)] + [value.encode() for value in MINE + THEIRS]
    while step(first, second):
        for side in (first, second):
            snapshot = side.session.snapshot()
            assert not any(canary in snapshot for canary in canaries)
            assert len(snapshot) < 4096  # and it does not grow with the lists


@pytest.mark.tm("TM-20")
def test_the_search_for_secrets_finds_one() -> None:
    first, _second = make_pair(MINE, THEIRS)
    first.session.record.last_element = bytes(first.scalar.view())
    assert bytes(first.scalar.view()) in first.session.snapshot()


def halfway() -> tuple[Side, Side]:
    """Both lists are said."""
    first, second = make_pair(MINE, THEIRS)
    while first.session.spools.theirs.rows == 0 or second.session.spools.theirs.rows == 0:
        assert step(first, second)
    return first, second


@pytest.mark.tm("TM-20")
@pytest.mark.parametrize(
    "change",
    [
        {"me": "cedar"},
        {"peer": "cedar"},
        {"place": Place.SECOND},
        {"reply": Reply.RELEASED},
        {"agreement": bytes(64)},
        {"run": bytes(16)},
        {"my_size": 128},
        {"peer_size": 128},
    ],
    ids=str,
)
def test_a_session_is_not_restored_under_other_terms(change: dict[str, Any]) -> None:
    first, _second = halfway()
    with pytest.raises(LocalError):
        restored(first, terms=replace(first.session.terms, **change))


@pytest.mark.tm("TM-20")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_session_is_not_restored_under_another_key(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    """Else one list of the peer's could be evaluated under two scalars."""
    first, _second = halfway()
    other = choose().new_scalar(counting_random("another"))
    if sabotaged:
        monkeypatch.setattr(PairSession, "_check_belonging", lambda _session: None)
        assert restored(first, scalar=other).scalar is other
    else:
        with pytest.raises(LocalError):
            restored(first, scalar=other)


@pytest.mark.tm("TM-20")
@pytest.mark.parametrize("name", ["mine", "theirs", "evaluated"])
def test_a_session_is_not_restored_without_its_lists(name: str) -> None:
    first, _second = halfway()
    lists = {
        each: MemorySpool(width) if each == name else getattr(first.session.spools, each)
        for each, width in PairSpools.WIDTHS.items()
    }
    with pytest.raises(LocalError):
        restored(first, spools=PairSpools(**lists))


def test_a_session_without_its_scalar_says_what_is_wrong() -> None:
    first, second = halfway()
    while (data := say(second)) is not None:
        first.session.receive(decode(data))
    first.session = restored(first, scalar=None)
    first.session.permit_release()
    with pytest.raises(LocalError, match="already been destroyed"):
        first.session.next_message()


def test_damage_to_a_snapshot_is_found_and_never_blamed_on_the_peer() -> None:
    first, _second = halfway()
    snapshot = first.session.snapshot()
    refused = 0
    for at in range(len(snapshot)):
        for damaged in (snapshot[:at], snapshot[:at] + bytes([snapshot[at] ^ 0x80]) + snapshot[at + 1 :]):
            try:
                assert Record.decode(damaged).encode() == damaged  # a digest with a flipped bit is still a digest
            except LocalError:
                refused += 1
            except PeerError:
                pytest.fail("the other side was blamed for our own file")
    assert refused > len(snapshot)
    with pytest.raises(LocalError):
        Record.decode(snapshot + b"\0")


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.turns.finished.update({Place.FIRST: 5}),
        lambda r: r.openings.update({Place.FIRST: b"\x01\x02"}),
        lambda r: r.openings.update({Place.FIRST: decode_count()}),
        lambda r: r.openings.pop(Place.SECOND),
        lambda r: setattr(r.edge, "count", 3),
        lambda r: r.edge.edge.append((1, bytes(64))),
        lambda r: setattr(r, "last_element", b""),
    ],
)
def test_a_record_that_no_session_has_is_refused(damage: Any) -> None:
    first, _second = halfway()
    record = Record.decode(first.session.snapshot())
    damage(record)
    with pytest.raises(LocalError):
        Record.decode(record.encode())


def decode_count() -> bytes:
    return Count(1, 1, bytes(64)).encode()


@pytest.mark.parametrize("kept", [True, False])
def test_a_resend_is_for_the_caller_a_second_proof_has_another_nonce(*, kept: bool) -> None:
    """Said twice from one snapshot: the same elements, and the kept proof or another one. Never one nonce under two
    challenges."""
    _first, second = halfway()
    if not kept:
        second.session.spools.proofs.truncate(0)
    before = second.session.snapshot()
    one = decode(say(second) or b"")
    second.session = restored(second, snapshot=before)
    two = decode(say(second) or b"")
    assert isinstance(one, Evaluated)
    assert isinstance(two, Evaluated)
    assert one.elements == two.elements
    assert (one.proof == two.proof) is kept
