"""Nothing of one round means anything in another."""

import pytest

from psi.backend import choose
from psi.protocol import listing
from psi.transcript import tags
from tests.support.attacks import MINE, answers_to, scalar_of
from tests.support.pairs import AGREEMENT, elements_of, make_pair, run

Patch = pytest.MonkeyPatch


@pytest.mark.tm("TM-23")
def test_the_same_value_is_another_element_in_another_agreement() -> None:
    backend, scalar = choose(), scalar_of("one scalar for both")
    one, two = (
        backend.hash_and_multiply(
            scalar, [listing.identifier_message(scope, "phone", "test/1", MINE[0])], b"a tag for this test"
        )
        for scope in (AGREEMENT, bytes(64))
    )
    assert one != two


@pytest.mark.tm("TM-23")
def test_without_the_agreement_in_what_is_hashed_it_would_be_the_same(monkeypatch: Patch) -> None:
    """The sabotaged twin: a value is hashed with its kind only."""
    front = listing.identifier_front
    monkeypatch.setattr(listing, "identifier_front", lambda _scope, *rest: front(b"", *rest))
    with pytest.raises(AssertionError):
        test_the_same_value_is_another_element_in_another_agreement()


@pytest.mark.tm("TM-23")
def test_nothing_of_one_round_stands_in_another_even_with_the_same_lists() -> None:
    seen: list[set[bytes]] = []
    for seed in ("one", "two"):
        first, second = make_pair(MINE, MINE, seed=seed)
        run(first, second)
        rows = {row for side in (first, second) for row in elements_of(side.session.spools.mine.read(0))}
        answers = {row for side in (first, second) for row in elements_of(answers_to(side))}
        context = first.session.context
        tagged = {tags(choose(), context, row) for row in answers}
        seen.append(rows | answers | tagged | {first.session.transcript()})
    assert not seen[0] & seen[1]


@pytest.mark.tm("TM-23")
def test_with_a_scalar_used_twice_rounds_could_be_linked() -> None:
    """The sabotaged twin."""
    seen: list[set[bytes]] = []
    for _ in range(2):
        first, _second = make_pair(MINE, MINE, seed="the same")
        seen.append(set(elements_of(first.session.spools.mine.read(0))))
    assert seen[0] & seen[1]
