"""SIGTERM ends a node within ten seconds and costs no round; a start with 1,000 open rounds is quick."""

import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from node.app import open_node
from node.clock import timestamp
from node.errors import NodeError, PeerUnreachable
from node.rounds.book import Verdict
from node.rounds.states import RoundState
from node.rounds.templates import build
from node.rpc.control_client import ControlClient
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.sealing import round_key
from tests.support.killable import Killable, killable_pair
from tests.support.nodes import wait_for
from tests.support.ports import free_port
from tests.support.small_rounds import SETTINGS, agree, check, decide, go, write_numbers

STOP_SECONDS = 10.0
READY_SECONDS = 5.0
OPEN_ROUNDS = {"quick": 200, "ci": 1_000}
BUDGET = "[budget]\nelements = 100000000\nelements_in_all = 1000000000\n"
ROUND_SECONDS = 30.0
CANCEL_SECONDS = 15.0
MANY = 1_000_000
"""Records declared a side: the list has that many elements, rounded up, nearly all of them padding."""
LONG_ROWS = 200_000
"""Rows of a table that takes many times as long to prepare as a test lets it."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Killable, Killable]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with killable_pair(tmp_path_factory.mktemp("shutdown") / "nodes", BUDGET) as nodes:
            yield nodes


def stopped_in_time(node: Killable, number: int = signal.SIGTERM) -> None:
    began = time.monotonic()
    assert node.stop(number) == 0
    assert time.monotonic() - began <= STOP_SECONDS
    assert "Traceback" not in node.folder.with_suffix(".log").read_text()


@pytest.mark.tm("TM-50")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.ci)])
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


@pytest.mark.ci
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


@pytest.mark.ci
@pytest.mark.tm("TM-141")
def test_a_stop_that_waits_for_every_step_is_found(pair: tuple[Killable, Killable]) -> None:
    """The twin: a node that waits for a held step without a limit does not end in time."""
    shelter, police = pair
    stopped_in_time(police)
    police.start(BLINDMATCH_TEST_SABOTAGE="patient")
    round_id = agree(shelter, shelter, police)
    police.arm("hold", "round.list-prepared")
    go(shelter, round_id)
    wait_for(police.held)
    with pytest.raises(subprocess.TimeoutExpired):
        police.stop(seconds=STOP_SECONDS)
    police.start()
    shelter.ask("round.cancel", round=round_id, by="carl")


@pytest.mark.ci
@pytest.mark.tm("TM-141")
def test_a_stop_in_the_middle_of_preparing_a_million_elements(pair: tuple[Killable, Killable]) -> None:
    shelter, police = pair
    terms = {"me": {"records": MANY}, "police": {"records": MANY}}
    round_id = agree(shelter, shelter, police, members=terms)
    go(shelter, round_id)
    wait_for(lambda: all(any(_spools(node, round_id)) for node in pair))
    for node in pair:
        assert node.state(round_id) == "preparing"
        stopped_in_time(node)
        assert node.state(round_id) == "preparing", "the stop ended the round, or waited for its list"
    for node in pair:
        node.start()
    wait_for(lambda: all(any(_spools(node, round_id)) for node in pair))  # it goes on
    began = time.monotonic()
    shelter.ask("round.cancel", round=round_id, by="carl")
    wait_for(lambda: police.state(round_id) == "cancelled", 20)
    assert time.monotonic() - began < CANCEL_SECONDS, "a cancellation waits for a list that nobody needs any more"
    wait_for(lambda: not any(any(_spools(node, round_id)) for node in pair))


@pytest.mark.ci
@pytest.mark.tm("TM-141")
def test_a_stop_in_the_middle_of_a_call_that_nobody_answers(pair: tuple[Killable, Killable]) -> None:
    """The peer's process is there and does nothing: its machine sleeps, or the line swallows everything."""
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    assert police.process is not None
    police.process.send_signal(signal.SIGSTOP)
    try:
        go(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == "running")
        wait_for(lambda: unread(police.port))  # in the middle of the call, whose end is ten seconds away
        stopped_in_time(shelter)
    finally:
        police.process.send_signal(signal.SIGCONT)
    shelter.start()
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)


@pytest.mark.tm("TM-141")
def test_a_stop_in_the_middle_of_a_long_command(pair: tuple[Killable, Killable], tmp_path: Path) -> None:
    shelter, _ = pair
    source = write_numbers(tmp_path / "long.csv", [f"L-{number}" for number in range(LONG_ROWS)], 0)
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
    said: list[str] = []
    begun = threading.Event()

    def add() -> None:
        try:
            with ControlClient(shelter.folder) as client:
                request = {"path": str(source), "name": "long", **terms}
                client.call("dataset.add", request, lambda _step: begun.set(), timeout_seconds=60)
            said.append("done")
        except NodeError as error:
            said.append(error.diagnostics())

    command = threading.Thread(target=add)
    command.start()
    assert begun.wait(30)
    stopped_in_time(shelter)
    command.join(30)
    assert said
    assert said[0] != "done", "the command was over before the stop: it shows nothing"
    shelter.start()
    assert [one["name"] for one in shelter.ask("dataset.list")["datasets"]] == ["cases"]
    assert shelter.ask("audit.verify")["ok"]


def unread(port: int) -> bool:
    """Has somebody said something to this port of the machine that nobody has read?"""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, here, _, state, queues, *_ = line.split()
            if state == "01" and here.endswith(f":{port:04X}") and int(queues.partition(":")[2], 16):
                return True
    return False


def _spools(node: Killable, round_id: str) -> Iterator[Path]:
    return (node.folder / "spools").glob(f"{round_id}.*")


def open_rounds(node: Killable, number: int) -> dict[str, int]:
    """Make so many open rounds in a node's folder, in every state that is no end, as real ones are; how many of each.
    Those that run have lists, scalars and snapshots, and messages that wait for a peer."""
    asked = {"running": number * 3 // 20, "deciding": number // 20, "preparing": number // 20, "agreed": number // 4}
    asked["proposed"] = number - sum(asked.values())
    with open_node(node.folder, None) as parts:
        cards = [parts.identity.signed_card.card, parts.members.get("police").card]
        me = cards[0].member_id
        dataset = parts.datasets.get("cases").dataset_id
        states = [state for state, count in asked.items() for _ in range(count)]
        made = {}
        with parts.store.transaction() as tx:
            for state in states:
                manifest = build("J1", cards, SETTINGS, convener=me, clock=parts.clock, random_bytes=parts.random_bytes)
                made[parts.book.add(tx, manifest, me=me)] = state
            for round_id, state in made.items():
                if state == "proposed":
                    continue
                parts.book.choose_dataset(tx, round_id, dataset)
                secret = parts.negotiation.seals.new_secret()
                parts.book.save_round_secret(tx, round_id, secret)
                key = round_key(secret)
                secret.wipe()
                for card in cards:
                    verdict = Verdict(card.member_id, True, bytes(64), timestamp(parts.clock.now()), key)
                    parts.book.record_verdict(tx, round_id, verdict)
                parts.book.move(tx, round_id, RoundState.AGREED)
                if state != "agreed":
                    parts.book.mark_started(tx, round_id)
                    parts.book.move(tx, round_id, RoundState.PREPARING)
        carrier = parts.engine.post.carrier
        parts.engine.post.carrier = Absent()
        for round_id, state in made.items():
            if state in ("running", "deciding"):
                parts.engine.step(round_id)
                if state == "deciding":
                    with parts.store.transaction() as tx:
                        parts.book.move(tx, round_id, RoundState.DECIDING)
        parts.engine.post.carrier = carrier
        counts = parts.book.counts()
    assert {state: counts[RoundState(state)] >= count for state, count in asked.items()} == dict.fromkeys(asked, True)
    return asked


class Absent:
    """A peer that is not there."""

    def deliver(self, _envelope: Envelope) -> ReceiptKind:
        raise PeerUnreachable("Nobody is there.")

    def deliver_batch(self, _envelopes: Sequence[Envelope]) -> int:
        raise PeerUnreachable("Nobody is there.")


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def stood_in_line(node: Killable) -> float:
    """Seconds that a node's main thread was ready to run and other programs of this machine ran instead."""
    assert node.process is not None
    return int(Path(f"/proc/{node.process.pid}/schedstat").read_text().split()[1]) / 1e9


@pytest.mark.tm("TM-51", "TM-141")
@pytest.mark.parametrize("size", ["quick", pytest.param("ci", marks=pytest.mark.ci)])
def test_a_start_with_a_thousand_open_rounds_in_all_states(size: str, pair: tuple[Killable, Killable]) -> None:
    """Ready is what /ready says. What counts is the node's own time: not that in which others had the processor."""
    shelter, police = pair
    number = OPEN_ROUNDS[size]
    shelter.stop()
    police.stop()  # so that nothing can move on: these rounds stay open
    asked = open_rounds(shelter, number)
    port = free_port()
    settings = shelter.folder / "config.toml"
    kept = [line for line in settings.read_text().splitlines() if not line.startswith("watch")]
    settings.write_text("\n".join(kept).replace("[node]", f'[node]\nwatch = "127.0.0.1:{port}"', 1))
    began = time.monotonic()
    shelter.start()
    wait_for(lambda: ready(port))
    assert time.monotonic() - began - stood_in_line(shelter) <= READY_SECONDS
    wait_for(lambda: not shelter.rows("select 1 from rounds where state = 'preparing'"), 60)
    open_now = shelter.rows("select count(*) from rounds where state in ('proposed','agreed','running','deciding')")
    assert open_now[0][0] >= number == sum(asked.values()), "a start ended rounds that were open"
    # A person asks, and a round runs, as if the others were not there.
    began = time.monotonic()
    assert len(shelter.ask("round.list")["rounds"]) >= number
    assert time.monotonic() - began <= ROUND_SECONDS
    # With the peer back, all messages of the others try to leave as well: it refuses them, it never saw a proposal.
    police.start()
    began = time.monotonic()
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    assert time.monotonic() - began < ROUND_SECONDS, "a thousand open rounds slow down one that runs"
    stopped_in_time(shelter)
    assert not ready(port)
    shelter.start()
