"""Own lists that look made up rather than collected: series of numbers, and names with one date after the other.

Whoever wants to know whom the other side knows can send it guesses: all numbers of a range, a name with all dates of
birth. The other side cannot see that, since the list is blinded; only the sender's own node can, before anything
leaves. This module looks at the values that would take part, and refuses a list of which too much is **in series**:

    equal steps     LEAST_RUN values or more, one step of at most LONGEST_STEP apart: 101, 102, 103 or 110, 120, 130
    full hundreds   LEAST_IN_HUNDRED or more of a hundred that follow one another: a range with some left out
    every pairing   names and dates of birth of which most pairings are on the list: 40 names, each with 30 dates

    number          telephone +40721123456; card, imei without the check digit; else the last digits in a value, with
                    what stands around them as a series of its own: `RO:XR` 123456, `RO:B` 101 `ABC`
    date of birth   the day, with the name as a series of its own

Lists from real work hold series too: numbers that a provider sold in one block, cards in a packet. So a list is refused
only where LEAST_VALUES or more of one kind are in series and they are LARGEST_SHARE of all its values of that kind or
more. What honest lists and sweeps come to is measured in tests/unit/node/policy/test_generated.py.

Not looked at, since honest lists of these are series: adverts, employers' register numbers, web addresses, case numbers
that both sides were given, IP windows, postal addresses. **Not seen**: guesses drawn at random, guesses mixed among
enough others, guesses spread over several rounds, and anything by changed software. It stops the unthinking; budgets
bound the rest.

In memory: some 9 bytes for each value.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from node.ascending import distinct
from node.errors import RefusedByPolicy
from node.texts import Texts
from psi.identifiers import CATALOGUE, Person

__all__ = [
    "LARGEST_SHARE",
    "LEAST_VALUES",
    "WATCHED_KINDS",
    "Finding",
    "ListRefused",
    "Numbers",
    "SeriesWatch",
    "in_series",
]

LEAST_VALUES = 100
"""Values in series of one kind below which no list is refused, in number."""

LARGEST_SHARE = 0.2
"""Share of a kind's values that may be in series."""

LEAST_RUN = 8
"""Values one equal step apart that count as a series, in number."""

LONGEST_STEP = 1_000
"""Longest step of a series, in numbers or days."""

LEAST_IN_HUNDRED = 50
"""Values in an aligned hundred (or days in a hundred days) from which on all of them count as a series, in number."""

LARGEST_PAIRING = 0.5
"""Share of all pairings of the list's names with its dates from which on the list counts as made of them."""

LEAST_IN_PAIRING = 4
"""Names, and dates, below which that is not asked, in number."""

_HUNDRED = 100
_BATCH_VALUES = 65_536
_SLICE = 1_048_576
_GROUP_BYTES, _NUMBER_BITS = 4, 30
_PLUS, _ZERO = b"+0"
_MOST_DIGITS = 18
"""Digits that a number of 64 bits holds, whatever they are."""

_LAST_DIGITS = re.compile(r"(.*?)(\d{1,9})(\D*)", re.DOTALL)
"""The last digits of a value, of many the last nine: the shortest front that leaves a match."""

Numbers = NDArray[np.int64]


class ListRefused(RefusedByPolicy):
    """This node's own list looks generated, so it does not leave. `kind` and `found` for the log."""

    code = "list-refused"

    def __init__(self, sentence: str, *, advice: str, kind: str, found: int) -> None:
        super().__init__(sentence, advice=advice)
        self.kind, self.found = kind, found


@dataclass(frozen=True)
class Finding:
    """How many distinct values of a kind there are (of `person`: names with a full date), and how many in series."""

    kind: str
    values: int
    in_series: int

    @property
    def looks_generated(self) -> bool:
        return self.in_series >= LEAST_VALUES and self.in_series >= LARGEST_SHARE * self.values


def in_series(numbers: Numbers) -> tuple[int, int]:
    """How many distinct ones of these ascending numbers there are, and how many of them in series.

    A slice at a time, for the sake of memory; a series that a slice cuts is two.
    """
    values = found = 0
    for start in range(0, len(numbers), _SLICE):
        part = distinct(numbers[max(start - 1, 0) : start + _SLICE])
        # The last number of the slice before is looked at again, so that it is not counted twice.
        again = 1 if start else 0
        values, found = values + len(part) - again, found + _in_slice(part[again:])
    return values, found


def _in_slice(numbers: Numbers) -> int:
    if len(numbers) < LEAST_RUN:
        return 0
    steps = np.diff(numbers)
    begins, lengths = _runs(steps)
    long = (lengths >= LEAST_RUN - 1) & (steps[begins] <= LONGEST_STEP)
    # A run of k equal steps is k + 1 values: one more from where it begins, one less behind its last value.
    edges = np.zeros(len(numbers) + 1, dtype=np.int32)
    edges[begins[long]] += 1
    edges[begins[long] + lengths[long] + 1] -= 1
    marked = np.cumsum(edges[:-1]) > 0
    _, members = _runs(numbers // _HUNDRED)
    marked |= np.repeat(members, members) >= LEAST_IN_HUNDRED
    return int(np.count_nonzero(marked))


def _runs(values: Numbers) -> tuple[Numbers, Numbers]:
    """Where equal values that stand together begin, and how many there are."""
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return begins, np.diff(np.concatenate((begins, [len(values)])))


class SeriesWatch:
    """Takes the values of a list as they come, and says at the end whether they look generated."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}
        self._numbers: dict[str, array[int]] = {}
        self._names = _Pairings()

    def take(self, identifiers: Mapping[str, Sequence[str]], person: Person | None, kinds: Iterable[str]) -> None:
        """One record, as far as it takes part: with these kinds."""
        for kind in kinds:
            if kind == "person":
                if person is not None:
                    self._names.take(person)
            else:
                self.take_values(kind, identifiers.get(kind, ()))

    def take_values(self, kind: str, values: Iterable[str]) -> None:
        """Values of many records, of one kind; of a kind that is not looked at: nothing is kept."""
        if kind in _READERS:
            waiting = self._waiting.setdefault(kind, [])
            waiting += values
            if len(waiting) >= _BATCH_VALUES:
                self._read(kind)

    def take_texts(self, kind: str, values: Texts) -> None:
        """As `take_values`, of values that are held as one; the digits of many are read at once."""
        numbers = _numbers_in(values, _NOT_OF_THE_NUMBER[kind]) if kind in _NOT_OF_THE_NUMBER else None
        if numbers is None:
            self.take_values(kind, values)
        else:
            self._waiting.setdefault(kind, [])
            self._numbers.setdefault(kind, array("q")).frombytes(numbers.tobytes())

    def findings(self) -> list[Finding]:
        """What was found, for each kind that was looked at."""
        found = []
        for kind in self._waiting:
            self._read(kind)
            found.append(Finding(kind, *in_series(_sorted(self._numbers[kind]))))
        return [*found, self._names.finding()]

    def check(self) -> None:
        """ListRefused if a kind of the list looks generated."""
        for found in self.findings():
            if found.looks_generated:
                raise ListRefused(
                    _sentence(found),
                    advice="Nothing was sent. Take out what does not come from your own cases, refresh the data set "
                    "and try again. If every value does come from a case, propose the round without that kind.",
                    kind=found.kind,
                    found=found.in_series,
                )

    def _read(self, kind: str) -> None:
        self._numbers.setdefault(kind, array("q")).extend(_READERS[kind](self._waiting[kind]))
        self._waiting[kind] = []


class _Pairings:
    """Names with full dates of birth, each as a number: the name as a group, the day in it."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._groups: dict[str, int] = {}

    def take(self, person: Person) -> None:
        forms = person.forms
        name = "|".join(forms.get(f"{part}_letters") or forms.get(f"{part}_name", "") for part in ("given", "family"))
        try:
            day = date.fromisoformat(forms.get("birth_date", "")).toordinal()
        except ValueError:
            return
        if name != "|":
            group = self._groups.setdefault(name, len(self._groups))
            self._numbers.append(group << _NUMBER_BITS | day)

    def finding(self) -> Finding:
        numbers = distinct(_sorted(self._numbers))
        _, found = in_series(numbers)
        names = len(distinct(numbers >> _NUMBER_BITS))
        dates = len(distinct(np.sort(numbers & (1 << _NUMBER_BITS) - 1)))
        if min(names, dates) >= LEAST_IN_PAIRING and len(numbers) >= LARGEST_PAIRING * names * dates:
            found = len(numbers)
        return Finding("person", len(numbers), found)


def _sorted(values: "array[int]") -> Numbers:
    """In place: no second copy of a long list."""
    numbers = np.frombuffer(values, dtype=np.int64)
    numbers.sort()
    return numbers


def _whole(values: Sequence[str]) -> Iterable[int]:
    return map(int, values)


def _numbers_in(values: Texts, check_digits: int) -> Numbers | None:
    """What `int` makes of each, in any order, without so many digits at the end; None unless all are digits, at most
    _MOST_DIGITS, behind a plus sign or none."""
    found = []
    for _places, rows in values.rows(1):  # of one length each, with one byte behind the text
        digits = rows[:, : rows.shape[1] - 1 - check_digits]
        if digits.shape[1] and bool((digits[:, 0] == _PLUS).all()):
            digits = digits[:, 1:]
        digits = digits.T - _ZERO  # bytes: what is below a zero comes out above a nine
        if not 1 <= len(digits) <= _MOST_DIGITS or int(digits.max()) > 9:
            return None
        numbers = digits[0].astype(np.int64)
        for digit in digits[1:]:
            numbers *= 10
            numbers += digit
        found.append(numbers)
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _without_check_digit(values: Sequence[str]) -> Iterable[int]:
    return (int(value[:-1]) for value in values)


def _last_digits(values: Iterable[str]) -> Iterable[int]:
    """The last digits of each value; what stands before and behind them is its group. Values without any are none."""
    for value in values:
        if (found := _LAST_DIGITS.fullmatch(value)) is not None:
            around = f"{found[1]}\0{found[3]}".encode()
            group = int.from_bytes(blake2b(around, digest_size=_GROUP_BYTES).digest(), "big")
            yield group << _NUMBER_BITS | int(found[2])


def _account(values: Sequence[str]) -> Iterable[int]:
    """An IBAN without its check digits, which stand in front of the number."""
    return _last_digits(value[:2] + value[4:] for value in values)


def _unchecked(values: Sequence[str]) -> Iterable[int]:
    return _last_digits(value[:-1] for value in values)


def _hexadecimal(values: Sequence[str]) -> Iterable[int]:
    return (int(value.replace(":", ""), 16) for value in values)


_READERS: Mapping[str, Callable[[Sequence[str]], Iterable[int]]] = {
    "phone": _whole,
    "card": _without_check_digit,
    "imei": _without_check_digit,
    "imsi": _whole,
    "mac": _hexadecimal,
    "iban": _account,
    "national_id": _unchecked,
    "document": _last_digits,
    "payment_ref": _last_digits,
    "plate": _last_digits,
    "vin": _last_digits,
    "handle": _last_digits,
    "email": _last_digits,
}

_NOT_OF_THE_NUMBER: Mapping[str, int] = {"phone": 0, "imsi": 0, "card": 1, "imei": 1}
"""Kinds whose values are one number; the digits at its end that do not belong to it."""

WATCHED_KINDS = frozenset(_READERS) | {"person"}
"""Kinds that are looked at."""


def _sentence(found: Finding) -> str:
    share = f"{found.in_series:,} of its {found.values:,}"
    if found.kind == "person":
        return (
            f"This node's list looks generated, not collected: {share} names with a date of birth run through one date "
            "after the other, or pair every name with every date."
        )
    return (
        f"This node's list looks generated, not collected: {share} values of the kind {CATALOGUE[found.kind].title} "
        "follow one another in equal steps or fill whole ranges."
    )
