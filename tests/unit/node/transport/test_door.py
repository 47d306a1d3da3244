"""The door: for what an envelope is put down to its sender, and how often."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.identity.members import Member
from node.transport import door as module
from node.transport.door import BLAMED_ONCE_SECONDS, Door
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.receipts import Status
from psi.errors import ChangedAnswer, WrongParty
from tests.support.offices import Office, office


@dataclass
class Stage:
    us: Office
    them: Office
    sender: Member
    blamed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert isinstance(self.us.clock, ManualClock)
        self.clock = self.us.clock
        self.door = Door(
            self.us.identity.member_id,
            self.us.book,
            accept=self.accept,
            settle=lambda _member, _lines: False,
            blame=lambda code, _member: self.blamed.append(code),
            woken=lambda _round: None,
            clock=self.clock,
        )

    @staticmethod
    def accept(_envelope: Envelope) -> ReceiptKind:
        raise ChangedAnswer("Another one came before.")

    def bring(self, number: int) -> None:
        answer = self.door.answer(self.them.envelope(self.us, sequence=number), self.sender, itself=False)
        assert (answer.status, answer.code) == (Status.REFUSED, ChangedAnswer.code)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with office(tmp_path / "us", "Us") as us, office(tmp_path / "them", "Them") as them:
        yield Stage(us, them, us.trust(them))


def test_an_envelope_is_put_down_to_its_sender_once_an_hour_however_often_it_is_brought(stage: Stage) -> None:
    for _ in range(50):
        stage.bring(1)
    stage.bring(2)
    assert stage.blamed == [ChangedAnswer.code] * 2
    stage.clock.advance(BLAMED_ONCE_SECONDS)
    stage.bring(1)
    stage.bring(1)
    assert len(stage.blamed) == 3


def test_so_is_one_with_a_wrong_frame(stage: Stage) -> None:
    for _ in range(5):
        with pytest.raises(WrongParty):
            stage.door.answer(stage.us.envelope(stage.them), stage.sender, itself=True)
    assert stage.blamed == [WrongParty.code]


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BLAMED", 3)
    for number in (1, 2, 3, 4, 4, 3, 2):
        stage.bring(number)
    assert len(stage.blamed) == 4
    stage.bring(1)
    assert len(stage.blamed) == 5
    assert len(stage.door._blamed) == 3
