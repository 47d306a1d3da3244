"""How much is a lot: what a budget means in years of guessing, and from when on two people have to agree to it.

A country has some 10^8 telephone numbers. Whoever may have E elements evaluated in D days has tried them all after

    years = 10^8 / E * D / 365.25

20,000 elements in 10 days are 137 years; 1 million in 30 days are 8.2. A budget that one member, or all of them
together, would walk a country with in fewer than APPROVAL_FLOOR_YEARS years needs a second person's approval. Until it
is there the budget is the most that needs none (`Limits.within_floor`). Nor does a long window
help, since all of it may go on one day: what nobody has to approve is never more than `MOST_DAYS_AT_ONCE` days allow.
The figure is printed wherever a budget is set.
"""

import hashlib
from dataclasses import dataclass
from math import floor

from node.wire.strict_json import canonical

__all__ = ["APPROVAL_FLOOR_YEARS", "COUNTRY_NUMBERS", "MOST_DAYS_AT_ONCE", "Limits", "years_to_walk", "years_words"]

COUNTRY_NUMBERS = 10**8
"""Telephone numbers that a large country can give out."""

APPROVAL_FLOOR_YEARS = 20
"""A budget that walks a country's numbers in fewer years than this needs a second person's approval."""

MOST_DAYS_AT_ONCE = 31
"""Days of that pace which may be used at once without a second person, however long the window is."""

DAYS_PER_YEAR = 365.25


def years_to_walk(elements: int, days: int, numbers: int = COUNTRY_NUMBERS) -> float:
    """Years until `numbers` guesses are through at `elements` per window of `days` days."""
    return numbers / elements * days / DAYS_PER_YEAR


def years_words(years: float) -> str:
    """A number of years for a sentence: whole ones from ten on."""
    return f"{years:,.0f} years" if years >= 10 else f"{years:.1f} years"


@dataclass(frozen=True)
class Limits:
    """Elements per peer, and over all peers, in any window of `days` days. ValueError if a number makes no sense."""

    elements_per_peer: int = 20_000
    elements_in_all: int = 100_000
    days: int = 10

    def __post_init__(self) -> None:
        if min(self.elements_per_peer, self.elements_in_all, self.days) < 1:
            raise ValueError("a budget has at least one element and one day")
        if self.elements_in_all < self.elements_per_peer:
            raise ValueError("the budget over all peers is smaller than the budget of one")

    @property
    def years(self) -> float:
        """Years that one peer needs to walk a country's numbers."""
        return years_to_walk(self.elements_per_peer, self.days)

    @property
    def years_in_all(self) -> float:
        """Years that all peers together need, if they put together what each of them tried."""
        return years_to_walk(self.elements_in_all, self.days)

    @property
    def needs_approval(self) -> bool:
        """Whether the budget is so large that a second person has to approve it."""
        return self.within_floor() != self

    def within_floor(self) -> "Limits":
        """The same, as far as it needs nobody's approval."""
        days = min(self.days, MOST_DAYS_AT_ONCE)
        most = max(1, floor(COUNTRY_NUMBERS * days / DAYS_PER_YEAR / APPROVAL_FLOOR_YEARS))
        return Limits(min(self.elements_per_peer, most), min(self.elements_in_all, most), self.days)

    def digest(self) -> bytes:
        """What a second person approves: exactly these three numbers."""
        numbers = {"days": self.days, "elements": self.elements_per_peer, "elements_in_all": self.elements_in_all}
        return hashlib.sha256(b"blindmatch/budget-settings/1\0" + canonical(numbers)).digest()

    def sentence(self) -> str:
        """What the budget means, printed wherever it is set."""
        return (
            f"{self.elements_per_peer:,} elements per {self.days} days: one peer would need {years_words(self.years)} "
            f"to try the {COUNTRY_NUMBERS:,} telephone numbers of a country. All members together: "
            f"{self.elements_in_all:,} elements, {years_words(self.years_in_all)}."
        )
