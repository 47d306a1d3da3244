"""How surely decoys catch a sweep, and how often they stop an honest side by chance: the figures behind the defaults.

    caught(decoys, share)       1 - (1 - share)^decoys       share: of the numbers walked, in one round or in all rounds
                                                             together, since each has fresh decoys
    walked(decoys)              1 - 2^(-1/decoys)            share that is walked when half of all sweeps are caught
    stopped(decoys, list, S)    1 - (1 - list/S)^taken       an honest list of numbers among the S that are in use

A decoy is any number of the plan with the same probability, so only the share counts, not which numbers. `phones` says
what "free" and "taken" ranges are. Whoever walks the plan meets both; an honest list meets taken ones only. A sweep
that keeps to the ranges in use and an honest list of the same length meet a decoy equally often: no decoy tells them
apart. So few decoys lie there, and what catches a sweep are the free ones. Tests hold the formulas against simulations
with the decoys that are really drawn.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from node.tripwires.decoys import DEFAULT_DECOYS, HONEST_ROUNDS, honest_most

__all__ = [
    "CAUGHT",
    "DECOYS",
    "LISTS",
    "NOTES",
    "PLAN",
    "SHARES",
    "STOPPED",
    "Row",
    "caught",
    "honest_cells",
    "markdown",
    "rows",
    "stopped",
    "sweep_cells",
    "table_reply",
    "taken_of",
    "walked",
]

DECOYS = (8, 16, 32, 64, 128)
"""Numbers of decoys that the table compares."""

SHARES = (0.001, 0.01, 0.05, 0.1, 0.25)
"""Sweeps that it compares: parts of the numbers of a country."""

LISTS = (64, 1_024, 65_536)
"""Lengths of honest lists, in telephone numbers."""

PLAN = 50_000_000
"""Numbers in use of the country that the table speaks of; the plans of most countries have 10 to 100 million."""


@dataclass(frozen=True)
class Row:
    """One number of decoys. `caught`: how surely a sweep of each of SHARES is; `half`: what is walked when half of all
    sweeps are caught; `honest`: for each of LISTS, the chance that a list of numbers in use is stopped in one round."""

    decoys: int
    caught: tuple[float, ...]
    half: float
    honest: tuple[float, ...]


def caught(decoys: int, share: float) -> float:
    """The probability that a sweep of this share of the numbers meets at least one decoy."""
    return float(1 - (1 - share) ** decoys)


def walked(decoys: int) -> float:
    """The share of the numbers that has been walked when half of all sweeps have been caught."""
    return float(1 - 0.5 ** (1 / decoys)) if decoys else 1.0


def taken_of(decoys: int, listed: int, space: float = PLAN) -> int:
    """How many decoys lie in ranges in use, where the other side declared `listed` telephone numbers."""
    return min(decoys // 2, honest_most(space, listed))


def stopped(decoys: int, listed: int, space: float = PLAN) -> float:
    """The probability that so many numbers in use, honest or not, meet a decoy in one round."""
    return caught(taken_of(decoys, listed, space), min(1.0, listed / space))


def rows(counts: Sequence[int] = DECOYS) -> tuple[Row, ...]:
    """The table, a row for each number of decoys."""
    return tuple(
        Row(
            decoys,
            tuple(caught(decoys, share) for share in SHARES),
            walked(decoys),
            tuple(stopped(decoys, listed) for listed in LISTS),
        )
        for decoys in counts
    )


def sweep_cells() -> list[list[str]]:
    """How surely sweeps are caught: the header, and a line for each number of decoys."""
    head = ["decoys", *map(_percent, SHARES), "half after"]
    return [head, *([_name(row), *map(_percent, row.caught), _percent(row.half)] for row in rows())]


def honest_cells() -> list[list[str]]:
    """How often honest lists are stopped in one round: the header, and a line for each number of decoys."""
    head = ["decoys", *(f"{listed:,} numbers" for listed in LISTS)]
    return [head, *([_name(row), *map(_one_in, row.honest)] for row in rows())]


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """One of the two tables for documents."""
    head, *lines = (f"| {' | '.join(line)} |" for line in table)
    return [head, f"|{' --- |' * len(table[0])}", *lines]


def table_reply() -> dict[str, Any]:
    """The table for a program: `rows` as probabilities; `tables` as they are shown, header first."""
    return {
        "decoys": DEFAULT_DECOYS,
        "sweeps": list(SHARES),
        "lists": list(LISTS),
        "rows": [asdict(row) for row in rows()],
        "tables": [
            {"title": CAUGHT, "lines": sweep_cells()},
            {"title": STOPPED, "lines": honest_cells()},
        ],
        "notes": list(NOTES),
    }


CAUGHT = "So many sweeps are caught that walk this part of a country's numbers, and after which part half of them are"
STOPPED = "In one of so many rounds an honest list of this length is stopped by chance"
"""What stands above the two tables."""

NOTES = (
    "A sweep is a part of all telephone numbers that a country's plan allows, walked in one round or in several: each "
    "has fresh decoys. So many decoys are laid for each kind, and for each country of telephone numbers, as far as the "
    "padding has room.",
    "Honest lists are met by chance, by decoys in ranges that operators use: the longer a list is declared, the fewer "
    f"of them are laid, so that this happens at most once in {HONEST_ROUNDS:,} rounds for each kind. Figures for a "
    f"country with {PLAN:,} numbers in use. Whoever walks ranges in use only is caught as seldom as an honest list of "
    "that length is stopped: decoys cannot tell the two apart. Decoys in ranges that no operator "
    "has given out meet an honest list only by a typing mistake, or, where answers go both ways and both sides lay "
    "decoys, those of the other side: in a small country fewer are laid then, so that this, too, is once in "
    f"{HONEST_ROUNDS:,} rounds at most.",
    "Decoys see broad sweeps by an unmodified program. They never see single guesses, nor a list of real numbers that "
    "somebody bought or collected. What limits those is the budget.",
)
"""What has to stand below the table."""


def _name(row: Row) -> str:
    return f"{row.decoys} (default)" if row.decoys == DEFAULT_DECOYS else str(row.decoys)


def _percent(share: float) -> str:
    value = 100 * share
    if value >= 99.95:
        return "> 99.9 %"
    digits = 1 if value < 10 or value > 99 else 0
    text = f"{value:.{digits}f}".removesuffix(".0")
    return f"{text} %"


def _one_in(chance: float) -> str:
    return "never" if chance == 0 else f"1 in {round(1 / chance, -len(str(int(1 / chance))) + 2):,.0f}"
