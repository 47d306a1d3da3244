"""Refused calls in the log: bounded an hour and caller, and none is forgotten without being counted."""

from dataclasses import dataclass

from node.facts import Fact
from node.rpc.refusals import AUDITED_PER_HOUR, Refusals
from tests.support.two_nodes import ShiftedClock


@dataclass
class Member:
    member_id: str


class Book:
    """What was written, or a database that is too busy to take it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Fact]]] = []
        self.busy = False
        self.tries = 0

    def write(self, event: str, facts: dict[str, Fact]) -> None:
        self.tries += 1
        if self.busy:
            raise TimeoutError("database is locked")
        self.entries.append((event, facts))


def made() -> tuple[Book, Refusals]:
    book = Book()
    return book, Refusals(book.write, ShiftedClock())


def test_a_flood_of_one_caller_is_cut_and_hides_nobody_else() -> None:
    book, refusals = made()
    for _ in range(3 * AUDITED_PER_HOUR):
        refusals.call("hello", "wrong-pin", Member("aaa"))
    refusals.call("hello", "wrong-pin", Member("bbb"))
    refusals.call("hello", "no-certificate", None)
    assert [facts.get("member") for _event, facts in book.entries] == ["aaa"] * AUDITED_PER_HOUR + ["bbb", None]


def test_what_could_not_be_written_is_counted_in_the_next_entry() -> None:
    book, refusals = made()
    book.busy = True
    for _ in range(5):
        refusals.call("hello", "wrong-pin", Member("aaa"))
    book.busy = False
    for _ in range(2):
        refusals.call("hello", "wrong-pin", Member("aaa"))
    assert [facts.get("dropped") for _event, facts in book.entries] == [5, None]


def test_a_flood_tries_no_more_often_while_nothing_can_be_written() -> None:
    book, refusals = made()
    book.busy = True
    for _ in range(3 * AUDITED_PER_HOUR):
        refusals.call("hello", "wrong-pin", Member("aaa"))
    assert book.tries == AUDITED_PER_HOUR
