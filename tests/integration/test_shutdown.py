"""Figure D6: SIGTERM ends a node within ten seconds and costs no round; a start with 1,000 open rounds is quick."""

import signal
import time
from collections.abc import Iterator

import pytest

from node.app import open_node
from node.rounds.templates import build
from tests.support.killable import Killable, killable_pair
from tests.support.nodes import wait_for
from tests.support.small_rounds import SETTINGS, agree, check, decide, go

STOP_SECONDS = 10.0
READY_SECONDS = 5.0
OPEN_ROUNDS = 1_000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Killable, Killable]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with killable_pair(tmp_path_factory.mktemp("shutdown") / "nodes") as nodes:
            yield nodes


def stopped_in_time(node: Killable, number: int = signal.SIGTERM) -> None:
    began = time.monotonic()
    assert node.stop(number) == 0
    assert time.monotonic() - began <= STOP_SECONDS
    assert "Traceback" not in node.folder.with_suffix(".log").read_text()


@pytest.mark.tm("TM-50")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_round_outlives_the_stop_of_both_nodes(pair: tuple[Killable, Killable], number: int) -> None:
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    for node in pair:  # in the middle of whatever they do
        stopped_in_time(node, number)
    for node in pair:
        node.start()
    wait_for(lambda: shelter.state(round_id) == "deciding")
    stopped_in_time(shelter, number)
    shelter.start()
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)


@pytest.mark.tm("TM-50")
def test_a_held_step_does_not_hold_up_the_stop_for_ever(pair: tuple[Killable, Killable]) -> None:
    """A worker that does not come back costs STOP_SECONDS at most; its round resumes."""
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    police.arm("hold", "round.list-prepared")
    go(shelter, round_id)
    wait_for(police.held)
    stopped_in_time(police)
    police.let_go()
    police.start()
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)


@pytest.mark.tm("TM-51")
def test_a_start_with_a_thousand_open_rounds(pair: tuple[Killable, Killable]) -> None:
    shelter, police = pair
    shelter.stop()
    with open_node(shelter.folder, None) as parts:
        cards = [parts.identity.signed_card.card, parts.members.get("police").card]
        me = cards[0].member_id
        with parts.store.transaction() as tx:
            for _ in range(OPEN_ROUNDS):
                manifest = build("J1", cards, SETTINGS, convener=me, clock=parts.clock, random_bytes=parts.random_bytes)
                parts.book.add(tx, manifest, me=me)
    assert shelter.start() <= READY_SECONDS
    assert shelter.rows("select count(*) from rounds where state = 'proposed'")[0][0] >= OPEN_ROUNDS
    began = time.monotonic()
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    assert time.monotonic() - began < 30, "a thousand idle rounds slow down one that runs"
    stopped_in_time(shelter)
    shelter.start()
