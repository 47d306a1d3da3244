"""What a round needs on the disk, by formula, and what a node does that does not have it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import Busy, UserError
from node.rounds.room import DISK_RESERVE_BYTES, MESSAGES_AT_ONCE, needs, volume
from node.rounds.states import RoundState
from psi.matching import RUN_ROWS
from tests.support.agreements import agreement
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import agree, decide, go
from tests.support.two_nodes import two


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with two(tmp_path_factory.mktemp("room")) as made:
            yield made


def test_the_formulas_are_those_of_the_page() -> None:
    manifest = agreement()
    me = manifest.first_learner
    peer = manifest.other(me).member_id
    mine, theirs = manifest.size_class(me), manifest.size_class(peer)
    assert max(mine, theirs) < RUN_ROWS
    both = min(mine, theirs)
    found = needs(manifest, me)
    rows = 32 * mine + 8 * mine + 12 * mine + 64 * theirs + 16 * mine + 16 * both + 8 * both  # first learner, released
    assert rows <= found.spools <= rows * 1.01 + 10 * 200
    assert found.scratch == 0
    assert found.total == found.spools + found.scratch + found.mail
    other = needs(manifest, peer)  # it is answered by release only
    proofs = 4096 * -(-mine // 4096)  # of what it answers
    rows = 32 * theirs + 8 * theirs + 12 * theirs + 64 * mine + 24 * both + proofs
    assert rows <= other.spools <= rows * 1.01 + 10 * 200
    assert needs(manifest, me, links=10 * mine).spools - found.spools >= 12 * 9 * mine
    assert needs(manifest, me, messages=10 * MESSAGES_AT_ONCE).mail >= found.mail


def test_a_volume_is_said_in_the_unit_of_its_size() -> None:
    assert [volume(size) for size in (0, 4_096, 2_500_000, 3_140_000_000)] == ["0 kB", "4 kB", "2.5 MB", "3.1 GB"]


@pytest.mark.tm("TM-142")
def test_a_round_that_does_not_fit_is_refused_before_signing_with_the_figures(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    monkeypatch.setattr(police.parts.room, "_free", lambda _folder: DISK_RESERVE_BYTES + 1_000)
    with pytest.raises(UserError) as caught:
        agree(shelter, shelter, police)
    said = caught.value.diagnostics()
    assert "needs about" in said
    assert "268.4 MB are free in" in said
    assert "Nothing was signed" in said
    with monkeypatch.context() as sabotage:  # the twin: nobody asks for room
        sabotage.setattr("node.rounds.room.Room.shortage", lambda *_arguments, **_options: "")
        agree(shelter, shelter, police)


@pytest.mark.tm("TM-142")
def test_a_disk_that_filled_up_since_holds_the_round_and_says_so_until_there_is_room(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    monkeypatch.setattr("node.rounds.engine.BUSY_PAUSE_SECONDS", 0.2)
    round_id = agree(shelter, shelter, police)
    monkeypatch.setattr(shelter.parts.room, "_free", lambda _folder: 0)
    with pytest.raises(UserError, match="Nothing was started"):
        go(shelter, round_id)
    monkeypatch.undo()
    monkeypatch.setattr("node.rounds.engine.BUSY_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(police.parts.room, "_free", lambda _folder: 0)
    go(shelter, round_id)
    wait_for(lambda: "Free some space" in police.ask("round.status", round=round_id)["round"]["turn"])
    shown = police.ask("round.status", round=round_id)["round"]
    assert (shown["state"], shown["whose"]) == (RoundState.PREPARING, "you")
    assert "needs about" in shown["turn"]
    assert not list((police.parts.folder.path / "spools").glob(f"{round_id}*"))
    monkeypatch.setattr(police.parts.room, "_free", lambda _folder: 1 << 50)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")


def test_what_rounds_under_way_will_take_is_not_free(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    first, second = agree(shelter, shelter, police), agree(shelter, shelter, police)
    room, book = shelter.parts.room, shelter.parts.book
    need = needs(book.get(first).manifest, shelter.parts.identity.member_id).total
    free = DISK_RESERVE_BYTES + need + need // 2
    monkeypatch.setattr(room, "_free", lambda _folder: free)
    monkeypatch.setattr(room, "_looked", -100.0)
    assert room.shortage(book.get(second)) == ""
    monkeypatch.setattr(room, "_look", lambda: {first: need})
    monkeypatch.setattr(room, "_looked", -100.0)
    assert "rounds that are under way will take" in room.shortage(book.get(second))


def test_a_leg_that_is_carried_whole_takes_its_room(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    found = shelter.parts.book.get(agree(shelter, shelter, police))
    before = shelter.parts.room.needs(found)
    chunks = 2 * (1 + 1)  # of both lists, sent and answered
    assert needs(found.manifest, shelter.parts.identity.member_id, messages=1 << 24).mail <= 2 * (chunks + 2) * 200_000
    assert shelter.parts.room.window(found.peer or "") == shelter.parts.engine.post.window(found.peer or "")
    monkeypatch.setattr(shelter.parts.room, "window", lambda _member: 1 << 24)
    assert shelter.parts.room.needs(found) >= before


def test_no_room_is_worth_another_try() -> None:
    from node.rounds.room import NoRoom

    assert issubclass(NoRoom, Busy)


def test_the_disk_that_is_looked_at_is_that_of_the_folder(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    shelter, _ = nodes
    assert shelter.parts.room.free() > DISK_RESERVE_BYTES
    assert not shelter.parts.room.low()
