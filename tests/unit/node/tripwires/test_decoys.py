"""Which decoys are drawn, and how often sweeps and honest lists meet them: formulas against what is really drawn."""

import itertools
import random
from collections.abc import Callable

import phonenumbers
import pytest
from phonenumbers import carrier

from node.rounds.jobs import TEMPLATES
from node.tripwires import table
from node.tripwires.decoys import DEFAULT_DECOYS, HONEST_ROUNDS, Decoy, draw_decoys
from node.tripwires.draw import Draw
from node.tripwires.phones import MOST_COUNTRIES, MobilePlan, countries_of, draw_numbers
from node.tripwires.values import draw_person_keys, draw_values
from psi.identifiers import CATALOGUE, Cell, Rule, canonicalise, tokens
from tests.support.pairs import counting_random

PHONES = (Rule("phone", 1),)
MALTA = MobilePlan("MT", 356, 8)
ROMANIA = MobilePlan("RO", 40, 9)


def drawn(
    seed: str = "a",
    *,
    records: int = 64,
    room: int = 10_000,
    rules: tuple[Rule, ...] = PHONES,
    region: str = "RO",
    peer_lays: bool = False,
) -> list[Decoy]:
    return draw_decoys(
        rules,
        per_group=DEFAULT_DECOYS,
        seen={},
        region=region,
        peer_records=records,
        peer_lays=peer_lays,
        room=room,
        draw=Draw(counting_random(seed)),
    )


def has_operator(number: str) -> bool:
    return bool(carrier.name_for_number(phonenumbers.parse(number), "en"))


@pytest.mark.tm("TM-205")
def test_every_decoy_passes_our_own_normaliser(record_property: Callable[[str, object], None]) -> None:
    """Otherwise no unmodified program could ask for it, and it would catch nobody."""
    looked_at = 0
    for kind in CATALOGUE:
        if kind in ("phone", "person"):
            continue
        values = draw_values(kind, (), 8, Draw(counting_random(kind))).values
        assert values, kind
        for value in values:
            assert canonicalise(kind, Cell(value)) == (value,)
            looked_at += 1
    for decoy in drawn():
        assert canonicalise("phone", Cell(decoy.value)) == (decoy.value,)
        looked_at += 1
    assert looked_at > 150
    record_property("ran", f"{looked_at} decoys of {len(CATALOGUE) - 1} kinds read again")


@pytest.mark.tm("TM-205")
def test_telephone_decoys_are_half_in_ranges_with_an_operator_and_half_in_ranges_without() -> None:
    decoys = drawn()
    assert len({decoy.value for decoy in decoys}) == DEFAULT_DECOYS
    assert sum(decoy.free for decoy in decoys) == DEFAULT_DECOYS // 2
    for decoy in decoys:
        assert decoy.free is not has_operator(decoy.value)


def test_person_decoys_are_match_keys_of_the_agreement() -> None:
    looked_at = 0
    for template in TEMPLATES.values():
        for rule in template.match:
            if rule.kind == "person":
                keys, _space = draw_person_keys(rule, 8, Draw(counting_random(template.id)))
                assert len(keys) == 8
                assert {key for key, _value in keys} <= set(rule.key_ids())
                looked_at += 1
    assert looked_at >= 2
    odd = Rule.person(("called_letters", "family_slip", "birth_near", "sex_check", "postcode"), 3)
    keys, _space = draw_person_keys(odd, 8, Draw(counting_random("odd")))
    assert {key for key, _value in keys} <= set(odd.key_ids())
    assert tokens(odd, {}, None) == ()


def test_countries_are_those_of_the_own_list_else_the_region() -> None:
    own = ["+40721123456"] * 3 + ["+4915112345678"] * 2 + ["+33612345678"]
    assert [plan.region for plan in countries_of(own, "GB")] == ["RO", "DE", "FR"]
    assert [plan.region for plan in countries_of([], "GB")] == ["GB"]
    assert countries_of([], None) == []
    many = [f"+{code}" for code in ("40721123456", "33612345678", "447400123456", "359878123456", "380501234567")]
    assert len(countries_of(many, None)) == MOST_COUNTRIES


def test_decoys_are_fresh_in_each_round_and_never_more_than_the_room() -> None:
    assert {decoy.value for decoy in drawn("a")}.isdisjoint({decoy.value for decoy in drawn("b")})
    assert [len(drawn(room=room)) for room in (0, 1, 7)] == [0, 1, 7]


def test_where_room_is_short_every_kind_gets_some() -> None:
    rules = (Rule("phone", 1), Rule("email", 1), Rule("plate", 1))
    short = drawn(room=6, rules=rules)
    assert sorted(decoy.kind for decoy in short) == ["email", "email", "phone", "phone", "plate", "plate"]


def test_a_country_without_operators_in_the_metadata_counts_as_in_use() -> None:
    pool = draw_numbers(MobilePlan("US", 1, 10), 8, 8, Draw(counting_random("us")))
    assert (len(pool.taken), pool.free) == (8, [])


def test_a_draw_is_fair() -> None:
    """Each of six faces some 2,000 times in 12,000; a bias of a tenth would show."""
    draw = Draw(random.Random(1).randbytes)
    faces = [draw.below(6) for _ in range(12_000)]
    assert all(abs(faces.count(face) - 2_000) < 180 for face in range(6))


@pytest.mark.tm("TM-206")
def test_honest_lists_are_stopped_once_in_so_many_rounds_however_long_they_are() -> None:
    """The longer the list that the other side declared, the fewer decoys in ranges in use; others take their place."""
    for records in (64, 1_024, 16_384, 1 << 20):
        decoys = drawn(records=records)
        taken = sum(not decoy.free for decoy in decoys)
        space = 7.9e7  # Romania, ranges with an operator: see the next test
        assert taken * records / space <= 1.3 / HONEST_ROUNDS
        assert len(decoys) == DEFAULT_DECOYS, records
    assert table.stopped(DEFAULT_DECOYS, 1 << 20) == 0


SMALL_COUNTRIES = ("RO", "BG", "NL", "LU", "MT", "EE", "IS", "XK", "MD", "FI")
"""The smaller a country, the more likely two draws from it meet; Romania for comparison."""


def stopped_by_their_decoys(region: str, *, peer_lays: bool) -> float:
    """In which part of the rounds of two honest sides, 64 numbers each, ours meet their numbers or their decoys."""
    ours = drawn("ours", region=region, peer_lays=peer_lays)
    theirs = drawn("theirs", region=region, peer_lays=peer_lays)
    (plan,) = countries_of((), region)
    pools = [draw_numbers(plan, DEFAULT_DECOYS, DEFAULT_DECOYS, Draw(counting_random(f"{at}"))) for at in range(4)]
    size, share = (sum(getattr(pool, name) for pool in pools) / len(pools) for name in ("plan_size", "taken_share"))
    free = [sum(decoy.free for decoy in side) for side in (ours, theirs)]
    taken = len(ours) - free[0]
    chance = taken * (64 + len(theirs) - free[1]) / (size * share)
    return chance + (free[0] * free[1] / (size * (1 - share)) if share < 1 else 0)


@pytest.mark.tm("TM-206")
def test_two_honest_sides_that_both_lay_decoys_are_stopped_as_seldom() -> None:
    """Seen among 4,465 rounds of 95 nodes: two nodes drew the same number. That must stay as rare as the rest."""
    chances = {region: stopped_by_their_decoys(region, peer_lays=True) for region in SMALL_COUNTRIES}
    assert all(chance <= 1.3 / HONEST_ROUNDS for chance in chances.values()), chances
    assert all(len(drawn(region=region, peer_lays=True)) == DEFAULT_DECOYS for region in ("RO", "BG", "FI", "DE", "FR"))


@pytest.mark.tm("TM-206")
def test_without_counting_the_decoys_of_the_other_side_it_would_be_more_often() -> None:
    """The twin: as it was before."""
    chances = [stopped_by_their_decoys(region, peer_lays=False) for region in SMALL_COUNTRIES]
    assert max(chances) > 2 / HONEST_ROUNDS


def test_the_size_of_a_plan_is_estimated_well() -> None:
    """Against the numbers of Romania counted range by range: 10^5 numbers for each of the 10,000 ranges of a plan."""
    known = sum(phonenumbers.is_valid_number(phonenumbers.parse(f"+40{front}12345")) for front in range(7_000, 8_000))
    sizes = []
    for seed in range(6):
        pool = draw_numbers(ROMANIA, DEFAULT_DECOYS, DEFAULT_DECOYS, Draw(counting_random(f"size {seed}")))
        sizes.append(pool.plan_size)
    assert known * 10**5 == pytest.approx(sum(sizes) / len(sizes), rel=0.15)


def simulate(rounds: int, decoys: int, share: float, seed: int) -> float:
    """In how many rounds a sweep of this share of the numbers meets a decoy; numbers are positions in the plan."""
    chance = random.Random(seed)
    size = 1_000_000
    walked = int(size * share)
    met = 0
    for _ in range(rounds):
        begin = chance.randrange(size)  # a run of consecutive numbers, wherever it begins
        met += any((chance.randrange(size) - begin) % size < walked for _ in range(decoys))
    return met / rounds


def _agree(rounds: int) -> int:
    """Every cell of the table against a simulation, within four standard deviations."""
    cells = 0
    for decoys, share in itertools.product(table.DECOYS, table.SHARES):
        formula = table.caught(decoys, share)
        seen = simulate(rounds, decoys, share, seed=decoys)
        deviation = (formula * (1 - formula) / rounds) ** 0.5
        assert abs(seen - formula) <= 4 * deviation + 1 / rounds, (decoys, share, seen, formula)
        cells += 1
    return cells


@pytest.mark.tm("TM-207")
def test_the_table_is_what_a_simulation_finds(record_property: Callable[[str, object], None]) -> None:
    cells = _agree(400)
    assert cells == len(table.DECOYS) * len(table.SHARES) == 25
    record_property("ran", f"{cells} cells, 400 rounds each")


@pytest.mark.soak
@pytest.mark.tm("TM-207")
def test_the_table_is_what_a_long_simulation_finds(record_property: Callable[[str, object], None]) -> None:
    cells = _agree(20_000)
    assert cells == 25
    record_property("ran", f"{cells} cells, 20,000 rounds each")


@pytest.mark.tm("TM-207")
def test_a_wrong_formula_is_found() -> None:
    """The twin: as if each decoy were looked at once more."""
    kept = table.caught
    try:
        table.caught = lambda decoys, share: kept(2 * decoys, share)
        with pytest.raises(AssertionError):
            _agree(400)
    finally:
        table.caught = kept


def _sweep_of_the_real_plan(rounds: int, fronts: set[str]) -> tuple[float, float]:
    """A sweep of all numbers of Romania that begin with these three digits, against the decoys that are really drawn:
    in how many rounds it is met, and what share of the decoys it meets."""
    met = hits = laid = 0
    for number in range(rounds):
        pool = draw_numbers(ROMANIA, 0, DEFAULT_DECOYS, Draw(counting_random(f"sweep {number}")))
        values = pool.free
        inside = sum(value[3:6] in fronts for value in values)
        laid, hits, met = laid + len(values), hits + inside, met + bool(inside)
    return met / rounds, hits / laid


@pytest.mark.tm("TM-207")
def test_decoys_that_are_really_drawn_catch_a_sweep_of_the_plan_as_the_formula_says() -> None:
    """Of the ranges without an operator a sweep walks some; the decoys there are as likely in each of them."""
    free = [
        front
        for front in range(700, 800)
        if phonenumbers.is_valid_number(number := phonenumbers.parse(f"+40{front}512345"))
        and not carrier.name_for_number(number, "en")
    ]
    walked = {str(front) for front in free[: len(free) // 4]}
    assert walked
    caught, share = _sweep_of_the_real_plan(60, walked)
    assert share == pytest.approx(len(walked) / len(free), abs=0.12)
    assert caught == pytest.approx(table.caught(DEFAULT_DECOYS, share), abs=0.15)


def test_the_default_is_the_smallest_number_that_catches_a_sweep_of_a_tenth_in_19_of_20() -> None:
    """And an honest side is stopped less than once in 10,000 rounds."""
    enough = [count for count in table.DECOYS if table.caught(count, 0.1) >= 0.95]
    assert min(enough) == DEFAULT_DECOYS
    assert all(table.stopped(DEFAULT_DECOYS, listed) <= 1 / HONEST_ROUNDS for listed in table.LISTS)


def test_a_decoy_shows_no_value() -> None:
    assert not any(decoy.value in repr(decoy) for decoy in drawn())


@pytest.mark.parametrize("bound", [2, 9 * 10**9, 2**63 + 1])
def test_a_block_of_choices_is_what_as_many_single_ones_would_be(bound: int) -> None:
    """With the last bound nearly half of the words are not fair."""
    block, single = Draw(counting_random(f"block {bound}")), Draw(counting_random(f"block {bound}"))
    for _ in range(3):
        drawn = block.block_below(bound).tolist()
        assert drawn == [single.below(bound) for _ in drawn]
        assert 150 < len(drawn) <= 512
    if bound != 2**63 + 1:
        assert block.below(bound) == single.below(bound)
