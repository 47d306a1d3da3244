"""One set of tests for all four carriers: direct, dial-out only, relay, carried file. The engine cannot tell them
apart, so neither do the tests: the same rounds, the same mishaps, the same results.

`make test` runs one whole round on each; the rest runs in CI.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from node.errors import PeerUnreachable, RefusedByPolicy, UserError
from node.rounds import fetched
from node.transport import visits
from node.transport.relay import Parcel, RelayClient
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from tests.support.carriers import Deliver, meddle
from tests.support.nodes import wait_for
from tests.support.reaches import WAYS, Pair, carried_pair
from tests.support.small_rounds import agree, check, decide, go, knows, run_through


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    monkeypatch.setattr(visits, "LONGEST_PAUSE_SECONDS", 0.5)


@pytest.fixture(scope="module", params=WAYS)
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One pair a way for the tests that leave it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with carried_pair(tmp_path_factory.mktemp("carriers") / "nodes", request.param) as pair:
            yield pair


def all_settled(pair: Pair) -> bool:
    """Nothing of a protocol lies unacknowledged on either side."""
    query = "select count(*) from outbox where acknowledged = 0 and sequence > 2147483648"
    waiting = 0
    for node in pair.nodes:
        with node.parts.store.read() as tx:
            waiting += tx.exec_driver_sql(query).scalar_one()
    return waiting == 0


@pytest.mark.tm("TM-115")
def test_a_whole_round(standing: Pair) -> None:
    """Both learn the same overlap, and whoever has no port opens none."""
    run_through(standing.shelter, standing.shelter, standing.police)
    ports = [node.parts.port is not None for node in (standing.shelter, standing.police)]
    assert ports == {"direct": [True, True], "dial-out": [True, False]}.get(standing.way, [False, False])
    if standing.way == "file":
        assert not listening(os.getpid()), "two nodes that only exchange files opened a port"
    if standing.way != "file":  # there the last receipts go with the next file, if there is one
        wait_for(lambda: all_settled(standing))


def listening(pid: int) -> list[str]:
    """Addresses of TCP on which a process listens."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(os.readlink(link))
        except OSError:
            continue
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held]


@pytest.mark.ci
@pytest.mark.tm("TM-115")
def test_the_other_way_round_and_several_at_once(standing: Pair) -> None:
    """The police unit convenes; three rounds at a time."""
    shelter, police = standing.shelter, standing.police
    rounds = [agree(police, shelter, police) for _ in range(3)]
    for round_id in rounds:
        go(police, round_id)
    for round_id in rounds:
        decide(shelter, round_id)
    for round_id in rounds:
        wait_for(lambda one=round_id: shelter.state(one) == police.state(one) == "finished")  # type: ignore[misc]
        check(shelter, police, round_id)


@pytest.mark.ci
@pytest.mark.tm("TM-115")
@pytest.mark.parametrize("who", ["shelter", "police"])
def test_a_cancellation_arrives(standing: Pair, who: str) -> None:
    shelter, police = standing.shelter, standing.police
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    began = time.monotonic()
    getattr(standing, who).ask("round.cancel", round=round_id, by="carl")
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "cancelled", 20)
    if standing.way in ("direct", "dial-out"):
        assert time.monotonic() - began < 3, "a node that waits in a call was not told at once"


@pytest.mark.ci
@pytest.mark.tm("TM-115")
def test_a_person_refuses(standing: Pair) -> None:
    shelter, police = standing.shelter, standing.police
    asked = {"template": "J1", "members": ["me", "police"], "by": "carl"}
    settings = {"match": [{"kind": "phone", "per_record": 1}]}
    round_id = shelter.ask("round.propose", settings=settings, **asked)["round"]["round_id"]
    wait_for(lambda: knows(police, round_id))
    police.ask("round.refuse", round=round_id, by="ada")
    wait_for(lambda: shelter.state(round_id) == "refused", 20)


@pytest.mark.ci
@pytest.mark.tm("TM-115")
def test_a_refusal_at_the_door_arrives_as_one(standing: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused for good is not sent for ever: its sender hears it by receipt where no call brings the answer."""
    shelter, police = standing.shelter, standing.police

    def refuse(_envelope: Envelope) -> ReceiptKind:
        raise RefusedByPolicy("Not with us.")

    monkeypatch.setattr(police.parts.engine, "accept", refuse)
    monkeypatch.setattr(police.parts.door, "_accept", refuse)
    settings = {"match": [{"kind": "phone", "per_record": 1}]}
    asked = {"template": "J1", "members": ["me", "police"], "by": "carl", "settings": settings}
    round_id = shelter.ask("round.propose", **asked)["round"]["round_id"]
    if standing.courier is not None:
        # The police unit knows of no round, so nobody is told to carry its answer: a person does it all the same.
        wait_for(lambda: police.ask("round.to-carry", round=round_id, to="shelter")["due"])
        with standing.courier.held:
            standing.courier.carry(police, shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "failed", 20)
    assert "refused-by-policy" in shelter.ask("round.status", round=round_id)["round"]["failure"]


# Mishaps on the way: each way has its own, and all end with the same overlap.


class Mishaps:
    """Loses, doubles and turns around what is on its way, as often as a seeded coin says; counts what it did."""

    def __init__(self, seed: int) -> None:
        self.coin = random.Random(seed)
        self.counts = dict.fromkeys(("lost", "answer lost", "doubled", "turned round"), 0)
        self.on = True

    def happens(self, what: str, chance: float = 0.25) -> bool:
        happened = self.on and self.coin.random() < chance
        self.counts[what] += happened
        return happened

    def on_a_call(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        if self.happens("lost"):
            raise PeerUnreachable("Lost.")
        receipt = deliver(envelope)
        if self.happens("doubled"):
            receipt = deliver(envelope)
        if self.happens("answer lost"):
            raise PeerUnreachable("Lost.")
        return receipt

    def on_a_list(self, items: Sequence[Any]) -> list[Any]:
        kept = [one for one in items if not self.happens("lost")]
        if kept and self.happens("doubled"):
            kept.append(kept[0])
        if len(kept) > 1 and self.happens("turned round"):
            kept.reverse()
        return kept

    def on_a_file(self, file: Path, take_in: Callable[[Path], Any], earlier: list[Path]) -> bool:
        earlier.append(file)
        if self.happens("lost"):
            return False
        if len(earlier) > 1 and self.happens("turned round"):
            self._again(earlier[-2], take_in)
        take_in(file)
        if self.happens("doubled"):
            take_in(file)
        return True

    @staticmethod
    def _again(file: Path, take_in: Callable[[Path], Any]) -> None:
        with suppress(UserError):  # "for another node": it was carried the other way
            take_in(file)


def put_in_the_way(pair: Pair, mishaps: Mishaps, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fetched, "RESEND_SECONDS", 0.5)  # what a relay lost is put there again
    if pair.way in ("direct", "dial-out"):
        for node in pair.nodes:
            meddle(node.parts, mishaps.on_a_call)
    if pair.way == "dial-out":
        post, carrier = pair.shelter.parts.engine.post.fetched, pair.police.parts.carrier
        honest, collect = post.collect, carrier.collect
        patch.setattr(post, "collect", lambda *arguments: mishaps.on_a_list(honest(*arguments)))

        def broken_off(*arguments: Any) -> Iterator[Envelope]:
            for envelope in collect(*arguments):
                yield envelope
                if mishaps.happens("answer lost"):
                    raise PeerUnreachable("Lost.")

        patch.setattr(carrier, "collect", broken_off)
    if pair.way == "relay":
        put, take = RelayClient.put, RelayClient.take

        def lossy_put(self: RelayClient, parcels: Sequence[Parcel]) -> int:
            stored = mishaps.on_a_list(parcels)
            if stored:
                put(self, stored)
            if mishaps.happens("answer lost"):
                raise PeerUnreachable("Lost.")
            return len(parcels)

        patch.setattr(RelayClient, "put", lossy_put)
        patch.setattr(RelayClient, "take", lambda self, limit: mishaps.on_a_list(take(self, limit)))
    if pair.courier is not None:
        earlier: list[Path] = []
        pair.courier.trick = lambda file, take_in: mishaps.on_a_file(file, take_in, earlier)


@pytest.mark.ci
@pytest.mark.tm("TM-116")
@pytest.mark.parametrize("way", WAYS)
def test_lost_doubled_and_reordered(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of items on their way, both sides learn the same, once."""
    with carried_pair(tmp_path, way) as pair:
        mishaps = Mishaps(seed=5)
        put_in_the_way(pair, mishaps, monkeypatch)
        for _ in range(3):
            run_through(pair.shelter, pair.shelter, pair.police)
        for node in pair.nodes:
            assert node.events().count("budget-charged") == 3, "a repetition was charged"
        mishaps.on = False
    expected = {"direct": ("lost", "answer lost", "doubled"), "file": ("lost", "doubled")}
    for what in expected.get(way, ("lost", "doubled", "answer lost")):
        assert mishaps.counts[what] >= 1, f"no item was {what}: {mishaps.counts}"


@pytest.mark.ci
@pytest.mark.tm("TM-116")
@pytest.mark.parametrize("way", WAYS)
def test_both_restart_in_the_middle(way: str, tmp_path: Path) -> None:
    with carried_pair(tmp_path, way) as pair:
        round_id = agree(pair.shelter, pair.shelter, pair.police)
        go(pair.shelter, round_id)
        for alias in ("police", "shelter"):
            restart(pair, alias)
        wait_for(lambda: pair.shelter.state(round_id) == "deciding")
        restart(pair, "shelter")
        decide(pair.shelter, round_id)
        restart(pair, "police")
        wait_for(lambda: pair.shelter.state(round_id) == pair.police.state(round_id) == "finished")
        check(pair.shelter, pair.police, round_id)
        for node in pair.nodes:
            assert node.events().count("overlap-learned") == 1
            assert node.events().count("list-committed") == 1


def restart(pair: Pair, alias: str) -> None:
    if pair.courier is None:
        pair.restart(alias)
        return
    with pair.courier.held:
        pair.restart(alias)


@pytest.mark.ci
@pytest.mark.tm("TM-116")
@pytest.mark.parametrize("way", WAYS)
def test_a_side_that_was_away_gets_everything_when_it_is_back(way: str, tmp_path: Path) -> None:
    with carried_pair(tmp_path, way) as pair:
        round_id = agree(pair.shelter, pair.shelter, pair.police)
        if pair.courier is not None:
            pair.courier.held.acquire()
        pair.stop("police")
        go(pair.shelter, round_id)
        wait_for(lambda: "list-committed" in pair.shelter.events())
        parts = pair.shelter.parts
        wait_for(lambda: parts.outbox.waiting(round_id) > 0)
        pair.shelter.step(round_id)  # it says what it can, and nobody hears it
        if way == "relay":
            wait_for(lambda: not parts.engine.post.collect(parts.members.get("police").member_id, 1))  # all lies there
        assert pair.shelter.state(round_id) == "running"
        assert parts.outbox.waiting(round_id) > 0
        pair.start("police")
        if pair.courier is not None:
            pair.courier.held.release()
        decide(pair.shelter, round_id)
        wait_for(lambda: pair.shelter.state(round_id) == pair.police.state(round_id) == "finished")
        check(pair.shelter, pair.police, round_id)


@pytest.mark.ci
@pytest.mark.tm("TM-115")
def test_from_one_way_to_the_other_in_the_middle(tmp_path: Path) -> None:
    """A link that breaks for good: the rest of the round goes by file, then by call again."""
    with carried_pair(tmp_path, "direct") as pair:
        from tests.support.reaches import Courier

        shelter, police = pair.shelter, pair.police
        round_id = agree(shelter, shelter, police)
        broken = [meddle(node.parts, cut) for node in pair.nodes]
        go(shelter, round_id)
        for node, other in ((shelter, "police"), (police, "shelter")):
            node.ask("member.reach", name=other, reach="file", by="ada")
        courier = Courier(pair)
        with courier.walking():
            wait_for(lambda: shelter.state(round_id) == "deciding")
        for node, other, link in ((shelter, "police", broken[0]), (police, "shelter", broken[1])):
            link.behave()
            node.ask("member.reach", name=other, reach="card", by="ada")
        decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
        check(shelter, police, round_id)
        assert courier.carried >= 3


def cut(envelope: Envelope, deliver: Deliver) -> ReceiptKind:
    if envelope.kind is EnvelopeKind.ROUND or envelope.kind is EnvelopeKind.START:
        raise PeerUnreachable("The line is cut.")
    return deliver(envelope)


@pytest.mark.ci
@pytest.mark.tm("TM-117")
@pytest.mark.parametrize("believed", [False, True], ids=["as-it-is", "sabotaged"])
def test_the_word_of_a_relay_acknowledges_nothing(
    believed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay says that it has the proposal, and has lost it. It is put there again; a node that took the relay's word
    for a receipt would wait for ever."""
    monkeypatch.setattr(fetched, "RESEND_SECONDS", 0.5)
    with carried_pair(tmp_path, "relay") as pair:
        shelter, police = pair.shelter, pair.police
        put, take, lost = RelayClient.put, RelayClient.take, list[Parcel]()
        unlucky, again, visited = list[RelayClient](), list[Parcel](), list[float]()

        def losing(self: RelayClient, parcels: Sequence[Parcel]) -> int:
            if not lost:
                lost.extend(parcels)
                unlucky.append(self)
                return len(parcels)
            if self in unlucky:
                again.extend(parcels)
            return put(self, parcels)

        def taking(self: RelayClient, limit: int) -> list[Parcel]:
            if self in unlucky:  # in the same visit, after everything was put
                visited.append(time.monotonic())
            return take(self, limit)

        monkeypatch.setattr(RelayClient, "put", losing)
        monkeypatch.setattr(RelayClient, "take", taking)
        if believed:
            parts = shelter.parts

            def take_its_word(_envelopes: Sequence[Envelope]) -> None:
                with parts.store.transaction() as tx:
                    tx.exec_driver_sql("update outbox set acknowledged = 1")

            monkeypatch.setattr(parts.engine.post.fetched, "put", take_its_word)
        settings = {"match": [{"kind": "phone", "per_record": 1}]}
        asked = {"template": "J1", "members": ["me", "police"], "by": "carl", "settings": settings}
        round_id = shelter.ask("round.propose", **asked)["round"]["round_id"]
        wait_for(lambda: len(visited) > 0)
        if believed:
            wait_for(lambda: len([at for at in visited if at > visited[0] + fetched.RESEND_SECONDS]) > 1)
        else:
            wait_for(lambda: knows(police, round_id))
        assert (bool(again), knows(police, round_id)) == (not believed, not believed)
