"""Re-exposure of own records: exact for usual lists, an estimate for long ones, and nothing kept in the open."""

import contextlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import pytest
from sqlalchemy import func, select

from node.clock import ManualClock, timestamp
from node.errors import StateDamaged
from node.policy import exposure
from node.policy.exposure import Exposures, Form, Shown, Sketch
from node.store import KeyRing, Store
from node.store.own_settings import own_key
from node.store.schema import exposures
from node.texts import Texts
from psi.backend import choose, usable
from tests.support.agreements import NOW, seeded

KEY = b"k" * 32


class Bench:
    def __init__(self, folder: Path) -> None:
        keys = KeyRing.create(folder / "key", None, seeded("keys"))
        self.store = Store.open(f"sqlite:///{folder / 'db'}", keys, clock=ManualClock(NOW))
        self.exposures = Exposures(self.store, seeded("exposures"), choose())

    def sketch(self, references: Iterable[str], peer: str = "p") -> Sketch:
        made = self.exposures.sketch(peer)
        for reference in references:
            made.take(reference)
        return made

    def show(self, round_id: str, references: Iterable[str], peer: str = "p") -> Shown:
        made = self.sketch(references, peer)
        with self.store.transaction() as tx:
            return self.exposures.keep(tx, peer, round_id, made, timestamp(NOW))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with contextlib.closing(made.store):
        yield made


def names(*numbers: int) -> list[str]:
    return [f"S-{number}" for number in range(*numbers)]


@pytest.mark.tm("TM-203")
def test_what_was_shown_before_is_counted_for_each_member(bench: Bench) -> None:
    assert bench.show("r1", names(10)) == Shown(0, 10, 0)
    assert bench.exposures.compare("p", bench.sketch(names(7, 12))) == Shown(3, 5, 1)
    assert bench.show("r2", names(7, 12)) == Shown(3, 5, 1)
    assert bench.exposures.compare("p", bench.sketch(names(12))) == Shown(12, 12, 2)
    assert bench.exposures.compare("q", bench.sketch(names(12))) == Shown(0, 12, 0), "another member saw none of it"
    assert bench.exposures.shown_in("r2") == Shown(3, 5, 1)
    assert bench.exposures.shown_in("r3") is None


@pytest.mark.tm("TM-203")
def test_sabotaged_twin_with_a_key_for_each_list_recognises_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(range(100))
    monkeypatch.setattr(bench.exposures, "sketch", lambda _peer: Sketch(bytes([next(keys)]) * 32, choose()))
    bench.show("r1", names(10))
    assert bench.exposures.compare("p", bench.sketch(names(10))).records == 0


def test_a_list_that_is_made_again_in_its_round_is_no_second_one(bench: Bench) -> None:
    bench.show("r1", names(10))
    assert bench.show("r1", names(10)) == Shown(0, 10, 0)


def test_several_records_of_one_case_are_one(bench: Bench) -> None:
    bench.show("r1", [*names(5), *names(5)])
    assert bench.exposures.compare("p", bench.sketch([*names(4), *names(4)])) == Shown(4, 4, 1)


def test_the_key_is_made_once_and_stays(bench: Bench) -> None:
    first = bench.sketch(names(3)).digests().tolist()
    again = Exposures(bench.store, seeded("another"), choose()).sketch("p")
    for reference in names(3):
        again.take(reference)
    assert again.digests().tolist() == first


@pytest.mark.tm("TM-203")
def test_neither_a_reference_nor_a_digest_lies_open_in_the_database(bench: Bench) -> None:
    bench.show("r1", names(10))
    with bench.store.read() as connection:
        (body,) = connection.execute(select(exposures.c.body)).scalars()
    assert b"S-1" not in body
    digests = bench.sketch(names(10)).digests().astype(">u8").tobytes()
    assert not any(digests[at : at + 8] in body for at in range(0, len(digests), 8))


def test_a_long_list_is_a_sample_and_its_figures_are_estimates(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "MOST_DIGESTS", 2_000)
    monkeypatch.setattr(exposure, "_BATCH", 500)
    bench.show("r1", names(20_000))
    found = bench.exposures.compare("p", bench.sketch(names(15_000, 25_000)))
    assert (found.of, found.rounds, found.exact) == (10_000, 1, False)
    assert 4_000 < found.records < 6_000
    small = bench.exposures.compare("p", bench.sketch(names(19_900, 20_100)))
    assert not small.exact
    assert bench.exposures.compare("p", bench.sketch(names(30_000, 50_000))) == Shown(0, 20_000, 0, False)


def test_only_so_many_rounds_are_kept_for_each_member(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "MOST_ROUNDS", 3)
    for number in range(5):
        bench.show(f"r{number}", names(number, number + 1))
    bench.show("r0", names(1), "q")
    with bench.store.read() as connection:
        counts = dict(connection.execute(select(exposures.c.peer, func.count()).group_by(exposures.c.peer)).all())
    assert counts == {"p": 3, "q": 1}
    assert bench.exposures.compare("p", bench.sketch(names(5))).records == 3


def test_what_is_said_is_a_sentence_with_numbers_and_no_reference() -> None:
    assert Shown(0, 10, 0).sentence("Police") == ""
    said = Shown(8, 10, 1).sentence("Police")
    assert said.startswith("8 of your 10 records were shown to Police before, in an earlier round")
    assert Shown(8_000, 10_000, 3, False).sentence("Police").startswith("About 8,000 of your 10,000 records")
    assert "3 earlier rounds" in Shown(8_000, 10_000, 3, False).sentence("Police")


def test_an_empty_list_was_never_shown(bench: Bench) -> None:
    assert Sketch(KEY, choose()).digests().tolist() == []
    assert bench.exposures.compare("p", bench.sketch([])) == Shown(0, 0, 0)


def test_a_digest_is_the_same_on_every_backend_and_however_it_comes() -> None:
    """A node keeps its sketches when it moves to another machine."""
    references = [*names(300), "", "é" * 40, "S-1" + "x" * 200]
    whole = Sketch(KEY, choose())
    whole.take_all(Texts.of(references))
    for name in usable():
        made = Sketch(KEY, choose(name))
        for reference in references:
            made.take(reference)
        assert made.digests().tolist() == whole.digests().tolist()
        assert made.records == len(references)


KNOWN = {
    "": 0x55D0AA5A0E4E4CDA,
    "a" * 15: 0xB5784ED04243B821,
    "a" * 16: 0xD69C4C5426C6DBC2,
    "é" * 40: 0xC82225D5D0906B2C,
}
"""Digests under KEY. Sketches are kept for years: whoever changes one of these makes them worthless."""


def test_a_digest_is_what_it_was_when_it_was_kept() -> None:
    for reference, digest in KNOWN.items():
        made = Sketch(KEY, choose())
        made.take(reference)
        assert made.digests().tolist() == [digest]


def kept_key(bench: Bench) -> bytes:
    """By the name under which every version has kept it."""
    with bench.store.transaction() as tx:
        return own_key(bench.store, tx, "exposure_key", seeded("exposures"), 32)


def of_0_1_0(bench: Bench, round_id: str, references: list[str]) -> None:
    """What that version kept of a list."""
    key = kept_key(bench)
    hashed = (blake2b(one.encode(), key=key, digest_size=8, person=b"blindmatch-shown") for one in references)
    made = sorted(one.digest() for one in hashed)
    with bench.store.transaction() as tx:
        body = bench.store.cells.seal("exposures", f"p/{round_id}", "body", b"".join(made))
        figures = {"records": len(made), "again": 0, "rounds_before": 0, "exact": True, "at": timestamp(NOW)}
        tx.execute(exposures.insert().values(peer="p", round_id=round_id, body=body, **figures))


@pytest.mark.tm("TM-203")
@pytest.mark.parametrize("count", [0, 10])
def test_what_0_1_0_kept_is_compared_with_what_is_shown_now(bench: Bench, count: int) -> None:
    of_0_1_0(bench, "r1", names(count))
    assert bench.show("r2", names(5, 15)) == Shown(max(0, count - 5), 10, int(count > 0))
    assert bench.show("r3", names(8, 16)) == Shown(7, 8, 1 + int(count > 0))
    forms = {peer: bench.sketch([], peer).form for peer in "pq"}
    assert forms == {"p": Form.ONE_BY_ONE, "q": Form.IN_LANES}


def test_sabotaged_twin_with_one_form_for_all_does_not_see_what_0_1_0_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_0_1_0(bench, "r1", names(10))
    key = kept_key(bench)

    def unlike(_peer: str) -> Sketch:
        made = Sketch(key, choose(), Form.IN_LANES)
        made.form = Form.ONE_BY_ONE
        return made

    monkeypatch.setattr(bench.exposures, "sketch", unlike)
    assert bench.exposures.compare("p", bench.sketch(names(10))).records == 0


def test_sketches_of_another_form_or_of_none_that_is_known_are_not_taken_for_nothing(bench: Bench) -> None:
    of_0_1_0(bench, "r1", names(10))
    with pytest.raises(StateDamaged, match="cannot be compared"):
        bench.exposures.compare("p", Sketch(kept_key(bench), choose()))
    for body in (b"\x03" + bytes(8), bytes(7)):
        with pytest.raises(StateDamaged, match="cannot be compared") as refused:
            Form.of(body)
        assert refused.value.__cause__ is None


def test_a_sketch_shows_neither_its_key_nor_its_records() -> None:
    made = Sketch(KEY, choose())
    made.take("S-1")
    assert repr(made) == "<Sketch of 1 records>"
