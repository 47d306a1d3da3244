"""What needs whole nodes: damaged envelopes in a running round, and replays much later.

Every envelope of a round is first delivered with a flipped bit, over the sender's own connection, many times, and then
as it is: the round must end with the very result that it has without that. And everything that was said is said again
a day later, after the agreement has run out, and after the recipient was killed: it must be known, and change nothing.
"""

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from node.identity.certificates import server_name
from node.rounds.mailbox import Inbox
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.services import DELIVER
from psi.errors import PeerError
from tests.support.carriers import Deliver, meddle
from tests.support.killable import Killable
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, decide, go, plant, run_through
from tests.support.two_nodes import ShiftedClock, two

QUICK_FLIPS, CI_FLIPS = 20, 150
"""Of each envelope of a round."""
LEAST_ENVELOPES = 14
DAYS = (1.01, 40.0)
"""A day later, and after the agreement has run out."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


# Flipped bits, in a round that runs.


@dataclass
class Flipper:
    """Delivers each envelope of one node damaged first. `through`: damaged ones that were taken for something else."""

    channel: grpc.Channel
    flips: int
    source: random.Random
    tried: Counter[str] = field(default_factory=Counter)
    through: int = 0

    def trick(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        data = envelope.to_bytes()
        for _ in range(self.flips):
            bit = self.source.randrange(8 * len(data))
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            code = self.channel.unary_unary(DELIVER).future(bytes(damaged), timeout=10).code()
            self.tried[code.name] += 1
            if code is grpc.StatusCode.OK and not same(bytes(damaged), envelope):
                self.through += 1
        return deliver(envelope)


def same(data: bytes, envelope: Envelope) -> bool:
    try:
        return Envelope.from_bytes(data) == envelope
    except PeerError:
        return False


@contextmanager
def flipping(node: Running, other: Running, flips: int) -> Iterator[Flipper]:
    identity, there = node.parts.identity, other.parts.identity
    credentials = grpc.ssl_channel_credentials(there.tls_cert_pem, identity.tls_key_pem, identity.tls_cert_pem)
    options = [("grpc.ssl_target_name_override", server_name(there.member_id))]
    with grpc.secure_channel(f"127.0.0.1:{other.parts.port}", credentials, options) as channel:
        flipper = Flipper(channel, flips, random.Random(identity.member_id))
        carrier = meddle(node.parts, flipper.trick)
        try:
            yield flipper
        finally:
            node.parts.engine.post.carrier = carrier.honest


@pytest.mark.tm("TM-155")
@pytest.mark.parametrize("flips", [QUICK_FLIPS, pytest.param(CI_FLIPS, marks=pytest.mark.ci)])
def test_flipped_bits_of_envelopes_are_refused_and_cost_the_round_nothing(
    tmp_path: Path, flips: int, record_property: Callable[[str, object], None]
) -> None:
    with two(tmp_path) as (shelter, police), ExitStack() as stack:
        flippers = [
            stack.enter_context(flipping(node, other, flips)) for node, other in ((shelter, police), (police, shelter))
        ]
        run_through(police, shelter, police)  # checks the result
        wait_for(lambda: all(one.tried.total() >= flips * LEAST_ENVELOPES // 3 for one in flippers))
        tried = sum((one.tried for one in flippers), Counter[str]())
    assert tried.total() >= flips * LEAST_ENVELOPES
    assert [one.through for one in flippers] == [0, 0]
    assert set(tried) <= {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "OK"}
    record_property("ran", f"{tried.total():,} damaged envelopes")


@pytest.mark.tm("TM-155")
def test_without_the_check_of_signatures_damaged_envelopes_get_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin. Such a round does not come to its end, or to another one."""
    monkeypatch.setattr(Envelope, "verify", lambda _envelope, _key: None)
    with two(tmp_path) as (shelter, police):
        round_id = agree(police, shelter, police)
        with flipping(police, shelter, 200) as flipper:
            go(police, round_id)
            wait_for(lambda: flipper.through > 0, 30)


# Replays, later.


@contextmanager
def finished(folder: Path) -> Iterator[tuple[Running, Path, list[Envelope]]]:
    """The police unit, still there, the folder of the shelter, stopped, and all that the one ever said to the other."""
    with ExitStack() as stack:
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class)
        police = stack.enter_context(run(folder / "police", "police"))
        with run(folder / "shelter", "shelter") as shelter:
            introduce(shelter, police)
            plant(folder, shelter, police)
            carrier = meddle(police.parts)
            round_id = run_through(police, shelter, police)
            wait_for(lambda: not police.parts.outbox.recipients(round_id))
            said = list(carrier.sent)
        yield police, folder / "shelter", said


@pytest.mark.tm("TM-156")
def test_a_replay_after_a_day_and_after_the_agreement_is_known(tmp_path: Path) -> None:
    with finished(tmp_path) as (police, folder, said):
        assert len(said) >= LEAST_ENVELOPES // 2
        for days in DAYS:
            clock = ShiftedClock()
            clock.days = days
            with run(folder, "shelter", clock=clock) as shelter:
                before = len(shelter.events())
                for envelope in said:
                    assert police.parts.carrier.deliver(envelope) is ReceiptKind.ALREADY
                assert len(shelter.events()) == before


@pytest.mark.ci
@pytest.mark.tm("TM-156")
def test_if_digests_were_forgotten_after_a_day_a_replay_would_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin."""
    with finished(tmp_path) as (police, folder, said), run(folder, "shelter"):
        monkeypatch.setattr(Inbox, "knows", lambda *_arguments: False)
        receipts = {police.parts.carrier.deliver(envelope) for envelope in said}
        assert ReceiptKind.ACCEPTED in receipts


@pytest.mark.ci
@pytest.mark.tm("TM-156")
def test_what_was_acknowledged_is_known_after_a_kill(tmp_path: Path) -> None:
    """Killed in the middle of a round and at its end: what it had taken until then is known each time."""
    with ExitStack() as stack:
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(tmp_path / alias, alias, member_class)
        police = stack.enter_context(run(tmp_path / "police", "police"))
        with run(tmp_path / "shelter", "shelter") as here:
            introduce(here, police)
            plant(tmp_path, here, police)
        shelter = Killable(tmp_path / "shelter")
        shelter.start()
        stack.callback(lambda: shelter.stop(signal.SIGKILL))
        carrier = meddle(police.parts)
        round_id = agree(police, shelter, police)
        go(police, round_id)
        wait_for(lambda: shelter.state(round_id) == "deciding")
        wait_for(lambda: not police.parts.outbox.recipients(round_id))
        replay_after_a_kill(shelter, police, list(carrier.sent))
        decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
        wait_for(lambda: not police.parts.outbox.recipients(round_id))
        assert len(set(carrier.sent)) > LEAST_ENVELOPES // 3
        replay_after_a_kill(shelter, police, list(carrier.sent))
        assert shelter.ask("audit.verify")["ok"]


def replay_after_a_kill(shelter: Killable, police: Running, said: list[Envelope]) -> None:
    assert shelter.stop(signal.SIGKILL) == -signal.SIGKILL
    shelter.start()
    before = shelter.rows("select count(*) from audit_entries")
    digests = shelter.rows("select sender, sequence, digest from inbox order by id")
    for envelope in dict.fromkeys(said):
        assert police.parts.engine.post.carrier.deliver(envelope) is ReceiptKind.ALREADY
    assert shelter.rows("select sender, sequence, digest from inbox order by id") == digests
    assert shelter.rows("select count(*) from audit_entries") == before
