"""Which lists look generated, and which honest ones do not.

Each sweep stands beside honest lists of the same kind: random telephone numbers up to a dense register, numbers that a
provider sold in blocks, and the made-up population of `tests/quality`. The shares that honest lists reach are asserted
against half of what is allowed, so that the limit has room on both sides.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.policy import generated
from node.policy.generated import LARGEST_SHARE, LEAST_RUN, LEAST_VALUES, Finding, ListRefused, SeriesWatch, in_series
from node.texts import Texts
from psi.identifiers import Person
from psi.identifiers.cells import Cell
from tests.quality.population import generate

DICE = random.Random(6)
ROOM = LARGEST_SHARE / 2
FIRST = 40_721_000_000
DAYS = [date(1980, 1, 1) + timedelta(days=number) for number in range(400)]


def watch(kind: str, values: Iterable[str]) -> SeriesWatch:
    made = SeriesWatch()
    for value in values:
        made.take({kind: (value,)}, None, (kind,))
    return made


def found(kind: str, values: Iterable[str]) -> Finding:
    return next(one for one in watch(kind, values).findings() if one.kind == kind)


def share(one: Finding) -> float:
    return one.in_series / max(one.values, 1)


def phones(numbers: Iterable[int]) -> list[str]:
    made = [f"+{number}" for number in numbers]
    DICE.shuffle(made)
    return made


def people(pairs: Iterable[tuple[str, date]]) -> SeriesWatch:
    made = SeriesWatch()
    for name, day in pairs:
        given, family = name.split()
        cells = {"given_name": Cell(given), "family_name": Cell(family), "birth_date": Cell(day.isoformat())}
        made.take({}, Person.from_cells(cells)[0], ("person",))
    return made


def some(space: int, count: int) -> list[int]:
    return DICE.sample(range(space), count)


SWEEPS = {
    "a range": phones(range(FIRST, FIRST + 150)),
    "every tenth number": phones(range(FIRST, FIRST + 1_500, 10)),
    "backwards from a round number": phones(range(FIRST, FIRST - 150, -1)),
    "a thousand with four in ten left out": phones(FIRST + number for number in some(1_000, 580)),
    "twelve ranges of twelve": phones(FIRST + 10_000 * part + number for part in range(12) for number in range(12)),
    "a range between three times as many others": phones(
        [*range(FIRST, FIRST + 500), *(FIRST + 10**6 + number for number in some(10**8, 1_500))]
    ),
}
OTHER_SWEEPS = {
    "card": [f"{number}0" for number in range(411_111_111_111_000, 411_111_111_111_150)],
    "imei": [f"{number}7" for number in range(49_015_420_323_000, 49_015_420_323_150)],
    "imsi": [f"{number}" for number in range(310_150_123_456_000, 310_150_123_456_150)],
    "mac": [f"00:00:5e:00:53:{number:02x}" for number in range(150)],
    "iban": [f"GB{number % 97:02}WEST123456{number:08}" for number in range(150)],
    "national_id": [f"RO:16306151{number:04}{number % 10}" for number in range(150)],
    "document": [f"RO:XR{number:06}" for number in range(123_456, 123_606)],
    "payment_ref": [f"western_union:{number:010}" for number in range(150)],
    "plate": [f"RO:B{number}ABC" for number in range(100, 250)],
    "vin": [f"WVWZZZ1JZXW{number:06}" for number in range(150)],
    "handle": [f"telegram:anna{number}" for number in range(150)],
    "email": [f"anna{number:03}@example.org" for number in range(150)],
}


@pytest.mark.tm("TM-201")
@pytest.mark.parametrize("numbers", SWEEPS.values(), ids=SWEEPS)
def test_a_list_of_numbers_that_follow_one_another_is_refused_with_the_reason(numbers: list[str]) -> None:
    with pytest.raises(ListRefused, match="looks generated, not collected") as refused:
        watch("phone", numbers).check()
    said = refused.value.diagnostics()
    assert "telephone number" in said
    assert "Nothing was sent" in said
    assert refused.value.code == "list-refused"
    assert not any(number[1:] in said.replace(",", "") for number in numbers)


@pytest.mark.tm("TM-201")
@pytest.mark.parametrize(("kind", "values"), OTHER_SWEEPS.items(), ids=OTHER_SWEEPS)
def test_so_is_one_of_any_other_kind_that_can_be_walked(kind: str, values: list[str]) -> None:
    with pytest.raises(ListRefused):
        watch(kind, values).check()


def test_every_kind_that_is_looked_at_has_its_sweep() -> None:
    assert {*OTHER_SWEEPS, "phone", "person"} == generated.WATCHED_KINDS


@pytest.mark.tm("TM-201")
def test_names_with_all_dates_are_refused() -> None:
    with pytest.raises(ListRefused, match="one date"):
        people(("Ana Muster", day) for day in DAYS[:200]).check()
    scattered = random.Random(2).sample(DAYS, 12)
    families = ("Bauer", "Cosma", "Dimov", "Enache", "Fischer", "Goga", "Horvat", "Ilie", "Jansen", "Kovac", "Lungu")
    pairings = people((f"Ana {family}", day) for family in families for day in scattered)
    with pytest.raises(ListRefused, match="every date"):
        pairings.check()


def test_a_few_in_a_row_are_nobodys_sweep() -> None:
    """A packet of prepaid cards, the extensions of a hotel: what stands in real cases."""
    watch("phone", phones(range(FIRST, FIRST + LEAST_VALUES - 1))).check()
    people(("Ana Muster", day) for day in DAYS[: LEAST_VALUES - 1]).check()


@pytest.mark.tm("TM-202")
@pytest.mark.parametrize("count", [1_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.ci)])
@pytest.mark.parametrize("space", [10**7, 10**8])
def test_random_telephone_numbers_are_no_series(space: int, count: int) -> None:
    drawn = np.sort(np.random.default_rng(count).integers(0, space, count))
    distinct, marked = in_series(drawn)
    assert marked / distinct < ROOM


@pytest.mark.tm("TM-202")
@pytest.mark.parametrize("block", [10, 20, 100, 1_000])
@pytest.mark.parametrize("used", [0.1, 0.2, 0.3, 0.4])
def test_numbers_handed_out_in_blocks_are_no_series(block: int, used: float) -> None:
    """A list all of whose numbers lie in blocks that one customer bought, and stands with up to 40 in 100 of each."""
    rng = np.random.default_rng(block)
    starts = rng.integers(0, 10**7, 200) * block
    drawn = np.concatenate([start + np.flatnonzero(rng.random(block) < used) for start in starts])
    distinct, marked = in_series(np.sort(drawn))
    assert marked / distinct < ROOM


@pytest.mark.ci
@pytest.mark.tm("TM-202")
def test_the_made_up_population_is_no_series() -> None:
    made = generate(3_000, seed=1)
    for register in (made.first, made.second):
        seen = SeriesWatch()
        for record in register:
            cells = {name: Cell(text) for name, text in record.cells.items() if name not in ("phone", "reference")}
            seen.take({}, Person.from_cells(cells, calendar=record.calendar or None)[0], ("person",))
        (one,) = seen.findings()
        assert one.values > 1_000
        assert share(one) < ROOM


def test_the_order_repetitions_and_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [*range(1_000, 1_300), *(10**6 + 977 * n * n for n in range(500)), 1_000, 1_001]
    whole = in_series(np.sort(np.array(numbers)))
    assert whole == (800, 300)
    monkeypatch.setattr(generated, "_SLICE", 256)
    distinct, marked = in_series(np.sort(np.array(numbers)))
    assert distinct == 800
    assert 290 <= marked <= 300


def test_what_is_not_looked_at_passes() -> None:
    """Honest lists of these are series: see the module."""
    watch("advert", (f"example.com:{number}" for number in range(1_000))).check()
    watch("phone", ()).check()
    SeriesWatch().check()


def twins() -> Iterator[tuple[str, str, object]]:
    yield "a range", "LEAST_RUN", 10**9
    yield "every tenth number", "LONGEST_STEP", 0
    yield "a thousand with four in ten left out", "LEAST_IN_HUNDRED", 101
    yield "a range between three times as many others", "LARGEST_SHARE", 0.5


@pytest.mark.tm("TM-201")
@pytest.mark.parametrize(("sweep", "name", "value"), list(twins()))
def test_sabotaged_twin_that_looks_less_lets_the_sweep_pass(
    monkeypatch: pytest.MonkeyPatch, sweep: str, name: str, value: object
) -> None:
    """With one of the things that are looked for taken out (of a whole range, both that see it)."""
    monkeypatch.setattr(generated, name, value)
    if sweep == "a range":
        monkeypatch.setattr(generated, "LEAST_IN_HUNDRED", 101)
    watch("phone", SWEEPS[sweep]).check()


def test_runs_begin_at_eight() -> None:
    assert in_series(np.arange(LEAST_RUN))[1] == LEAST_RUN
    assert in_series(np.arange(LEAST_RUN - 1))[1] == 0
    assert in_series(np.array([], dtype=np.int64)) == (0, 0)


def read(kind: str, values: list[str], *, whole: bool) -> list[int] | type[Exception]:
    """The numbers that are looked at, ascending; the error, if the values are none of that kind."""
    made = SeriesWatch()
    try:
        if whole:
            made.take_texts(kind, Texts.of(values))
        else:
            made.take_values(kind, values)
        made.findings()
    except (ValueError, OverflowError) as error:
        return type(error)
    return sorted(made._numbers[kind])


_DIGITS = st.text("0123456789", min_size=1, max_size=19)
_ODD = st.text(st.sampled_from("0129+-_ a٣ä\xad"), max_size=6)


@given(
    st.sampled_from(["phone", "imsi", "card", "imei", "email", "mac"]),
    st.lists(_DIGITS | _DIGITS.map("+".__add__), max_size=9)
    | st.lists(_DIGITS.map("+".__add__), max_size=9)
    | st.lists(_DIGITS, max_size=9)
    | st.lists(_DIGITS | _ODD, max_size=5),
)
def test_numbers_that_are_read_at_once_are_those_that_are_read_one_by_one(kind: str, values: list[str]) -> None:
    assert read(kind, values, whole=True) == read(kind, values, whole=False)


def test_columns_are_counted_with_what_came_one_by_one() -> None:
    made = SeriesWatch()
    made.take_values("phone", phones(range(FIRST, FIRST + 50)))
    made.take_texts("phone", Texts.of(phones(range(FIRST + 50, FIRST + 120))))
    made.take_texts("advert", Texts.of(["not looked at"]))
    assert made.findings()[:1] == [Finding("phone", 120, 120)]
    with pytest.raises(ListRefused):
        made.check()


def test_twin_columns_that_nobody_reads_are_never_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeriesWatch, "take_texts", lambda _self, _kind, _values: None)
    made = SeriesWatch()
    made.take_texts("phone", Texts.of(phones(range(FIRST, FIRST + 120))))
    made.check()
