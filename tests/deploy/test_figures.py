"""The figures behind the alerts, of two whole nodes after a real round: true, and about nobody in particular."""

import http.client
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import delete

from node.agreement.terms import moment
from node.errors import PeerUnreachable
from node.identity.members import MemberState
from node.metrics import NODE
from node.operations.figures import _share
from node.operations.outlook import Outlook, _left, outlook
from node.rounds.states import RoundState
from node.store.schema import cosignatures
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.postgres import Server
from tests.support.small_rounds import OURS, SETTINGS, THEIRS, agree, plant, run_through
from tests.support.two_nodes import ShiftedClock

DAY = 86_400
HOUR = 3_600


@dataclass
class Offices:
    """A shelter that can be watched, a police unit, their clock, and the round that both have finished."""

    shelter: Running
    police: Running
    clock: ShiftedClock
    round_id: str

    def outlook(self) -> Outlook:
        members = self.shelter.parts.members.list()
        return outlook(self.shelter.parts, [one for one in members if one.state is MemberState.CONFIRMED])

    def page(self) -> str:
        assert self.shelter.parts.watch is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.shelter.parts.watch, timeout=20)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        text = answer.read().decode()
        connection.close()
        return text


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offices]:
    folder, clock = tmp_path_factory.mktemp("figures"), ShiftedClock()
    with ExitStack() as stack:
        stack.enter_context(patch("node.identity.words.SCRYPT_COST", 2))
        stack.enter_context(patch("node.operations.figures.OUTLOOK_SECONDS", 0.0))
        stack.enter_context(patch("node.watch.FIGURES_SECONDS", 0.0))
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class, 'watch = "127.0.0.1:0"\n', clock=clock)
            nodes.append(stack.enter_context(run(folder / alias, alias, clock=clock)))
        introduce(*nodes)
        plant(folder, *nodes)
        shelter, police = nodes
        round_id = run_through(shelter, shelter, police)
        made = Offices(shelter, police, clock, round_id)
        wait_for(lambda: made.outlook().cosignature_wait == 0)
        yield made


class _UndoneError(Exception):
    """Ends a transaction that is not to stay."""


@pytest.fixture(autouse=True)
def _same_day(offices: Offices) -> Iterator[None]:
    yield
    offices.clock.days = 0.0


def figures(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def strange(text: str, offices: Offices) -> list[str]:
    """What stands on a page that may not: series and labels that are not listed, or anybody and anything of the two."""
    shapes = {f"{NODE.prefix}_{name}{'_total' * shape.counter}": shape for name, shape in NODE.shapes.items()}
    found = []
    for series in figures(text):
        name, _, labels = series.partition("{")
        if name.startswith("process_"):
            continue
        said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        shape = shapes.get(name)
        if shape is None or set(said) != set(shape.labels) or any(said[key] not in shape.labels[key] for key in said):
            found.append(series)
    private = [*OURS, *THEIRS, offices.round_id, offices.round_id[:8], "90180", "30 9018"]
    for node in (offices.shelter, offices.police):
        card = node.parts.identity.signed_card.card
        private += [card.member_id, card.name, card.endpoint, card.contact, node.alias]
    return found + [word for word in private if word in text]


@pytest.mark.tm("TM-251")
def test_a_page_of_a_node_that_worked_states_every_figure_and_nobody(offices: Offices) -> None:
    text = offices.page()
    assert strange(text, offices) == []
    stated = {series.partition("{")[0] for series in figures(text)}
    listed = {f"{NODE.prefix}_{name}{'_total' * shape.counter}" for name, shape in NODE.shapes.items()}
    assert listed - stated <= {"blindmatch_round_seconds_left", "blindmatch_calls_total"}
    assert figures(text)["blindmatch_dropped_total"] == 0
    assert figures(text)['blindmatch_rounds{state="finished"}'] >= 1


@pytest.mark.tm("TM-251")
def test_twin_without_the_list_a_round_s_id_gets_onto_the_page_and_is_found(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "node.metrics.Metrics._key", lambda _self, name, _value, labels, **_: (name, tuple(labels.values()))
    )
    original = "node.operations.figures._coming"
    monkeypatch.setattr(
        original, lambda metrics, _seen: metrics.set("round_seconds_left", 60, state=offices.round_id[:8])
    )
    found = strange(offices.page(), offices)
    assert offices.round_id[:8] in found
    assert f'blindmatch_round_seconds_left{{state="{offices.round_id[:8]}"}}' in found


def test_what_is_left_until_rounds_end_by_themselves(offices: Offices) -> None:
    shelter, police = offices.shelter, offices.police
    assert offices.outlook().left == {}
    assert "blindmatch_round_seconds_left{" not in offices.page()
    proposed = shelter.ask("round.propose", template="J1", members=["me", "police"], settings=SETTINGS, by="carl")
    round_id = str(proposed["round"]["round_id"])
    manifest = shelter.parts.book.get(round_id).manifest
    wait_for(lambda: police.parts.book.peek(round_id) is not None)
    left = offices.outlook().left
    now = offices.clock.now()
    expected = (moment(manifest.deadline) - now).total_seconds()
    assert set(left) == {RoundState.PROPOSED}
    assert expected - 60 <= left[RoundState.PROPOSED] <= expected + 1
    assert left[RoundState.PROPOSED] % 60 == 0  # to the minute: a deadline is no name, and still nobody's business
    with suppress(_UndoneError), shelter.parts.store.transaction() as tx:  # as if it had gone on
        for state in (RoundState.AGREED, RoundState.PREPARING, RoundState.RUNNING):
            shelter.parts.book.move(tx, round_id, state)
            assert _left(tx, now) == {state: left[RoundState.PROPOSED]}
        late = moment(manifest.deadline) + timedelta(hours=1)  # it was answered until then, or it would have failed
        assert _left(tx, late) == {RoundState.RUNNING: (moment(manifest.expires_at) - late).total_seconds()}
        shelter.parts.book.move(tx, round_id, RoundState.DECIDING)
        assert _left(tx, late) == {RoundState.DECIDING: (moment(manifest.expires_at) - late).total_seconds()}
        raise _UndoneError
    shelter.ask("round.cancel", round=round_id, by="carl")
    wait_for(lambda: offices.outlook().left == {})


def test_how_much_of_the_budgets_is_used(offices: Offices) -> None:
    parts, police_id = offices.shelter.parts, offices.police.parts.identity.member_id
    spent = parts.budget.spent(police_id)
    assert spent > 0
    seen = offices.outlook()
    assert seen.budget_used == spent / parts.budget.limits.elements_per_peer
    assert seen.budget_used_in_all == spent / parts.budget.limits.elements_in_all
    assert (seen.budget_near, seen.budget_closed) == (0, 0.0)
    with parts.store.transaction() as tx:
        parts.budget.charge(tx, police_id, "f" * 32, "answer", 16_000 - spent, cap=10**6)
    seen = offices.outlook()
    assert (seen.budget_used, seen.budget_near) == (0.8, 1)
    offices.clock.days = 11.0
    assert offices.outlook().budget_used == 0.0


def told_by_two_pages(offices: Offices, name: str) -> bool:
    """Whether a reader of the page before and of the one after a release sees how many elements left."""
    parts, police_id = offices.shelter.parts, offices.police.parts.identity.member_id
    pages = [figures(offices.page())]
    for number, elements in enumerate((7, 23)):
        with parts.store.transaction() as tx:
            parts.budget.charge(tx, police_id, f"{name}{number:024x}", "release", elements, cap=10**6)
        pages.append(figures(offices.page()))
    shares = [series for series in pages[0] if "budget" in series]
    assert len(shares) == 4
    return any(page[series] != pages[0][series] for page in pages for series in shares)


@pytest.mark.tm("TM-251")
def test_two_pages_do_not_tell_how_many_identifiers_a_round_released(offices: Offices) -> None:
    offices.clock.days = 22.0  # what the round above was charged counts no more
    assert not told_by_two_pages(offices, "aaaaaaaa")


def test_twin_with_exact_shares_they_do(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.operations.figures._share", lambda share: share)
    offices.clock.days = 44.0
    assert told_by_two_pages(offices, "bbbbbbbb")


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, 0.0), (0.049, 0.0), (0.7999, 0.75), (0.8, 0.8), (0.99, 0.95), (1, 1)]
)
def test_a_share_is_told_in_steps_and_never_too_high(share: float, told: float) -> None:
    assert _share(share) == told


def test_no_certificate_is_known_by_the_second_of_its_end(offices: Offices) -> None:
    page = figures(offices.page())
    ends = [page[f'blindmatch_certificate_seconds_left{{whose="{whose}"}}'] for whose in ("own", "member")]
    assert [end % HOUR for end in ends] == [0, 0]


def test_since_when_nobody_vouches_for_the_log(offices: Offices) -> None:
    parts = offices.shelter.parts
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "results-read", by="ada")
    seen = offices.outlook()
    assert 0 < seen.uncosigned_entries < parts.audit.size()
    offices.clock.days = 36.0
    assert offices.outlook().uncosigned == pytest.approx(seen.uncosigned + 36 * DAY, abs=60)


def test_a_cosignature_that_does_not_come_is_missed_as_long_as_it_can_come(offices: Offices) -> None:
    parts = offices.shelter.parts
    assert offices.outlook().cosignature_wait == 0.0
    mine = (cosignatures.c.round_id == offices.round_id) & (cosignatures.c.log == "ours")
    with parts.store.transaction() as tx:
        kept = [dict(row) for row in tx.execute(cosignatures.select().where(mine)).mappings()]
        tx.execute(delete(cosignatures).where(mine & (cosignatures.c.moment == "close")))
    try:
        offices.clock.days = 2.0
        assert offices.outlook().cosignature_wait == pytest.approx(2 * DAY, abs=120)
        offices.clock.days = 300.0  # the agreement is over: nothing comes any more
        assert offices.outlook().cosignature_wait == 0.0
    finally:
        with parts.store.transaction() as tx:
            tx.execute(delete(cosignatures).where(mine))
            for row in kept:
                tx.execute(cosignatures.insert().values(**row))


def test_how_old_the_last_backup_is(offices: Offices, tmp_path: Path) -> None:
    node = offices.shelter
    offices.clock.days = 3.0
    assert offices.outlook().backup_age == pytest.approx(3 * DAY, abs=300)  # none was made: since the node was
    node.ask("node.backup", path=str(tmp_path / "first"), by="timer")
    assert offices.outlook().backup_age < 60
    offices.clock.days = 12.0
    assert offices.outlook().backup_age == pytest.approx(9 * DAY, abs=60)
    with patch("node.operations.keeping.write_backup", side_effect=OSError), pytest.raises(OSError):
        node.ask("node.backup", path=str(tmp_path / "second"), by="timer")
    assert offices.outlook().backup_age > 8 * DAY  # one that was not finished is none


def test_which_certificate_ends_first(offices: Offices) -> None:
    seen = offices.outlook()
    assert seen.member_certificate is not None
    assert seen.own_certificate == pytest.approx(1095 * DAY, abs=2 * HOUR)
    assert seen.member_certificate == pytest.approx(1095 * DAY, abs=2 * HOUR)
    assert outlook(offices.shelter.parts, []).member_certificate is None


def test_whom_no_call_reaches_counts_only_if_something_waits_for_it(offices: Offices) -> None:
    parts, police_id = offices.shelter.parts, offices.police.parts.identity.member_id
    presence = parts.engine.post.presence
    name = 'blindmatch_unreachable_seconds{whose="member"}'
    try:
        presence.missed(police_id, PeerUnreachable("Nobody listens there."), 1.0)
        presence.missed("a stranger", PeerUnreachable("Nobody listens there."), 1.0)
        assert figures(offices.page())["blindmatch_members_unreachable"] == 0
        with patch.object(parts.outbox, "waiting_for", lambda: [("f" * 32, police_id), ("f" * 32, "a stranger")]):
            offices.clock.days = 0.5
            found = figures(offices.page())
        assert found["blindmatch_members_unreachable"] == 1
        assert found[name] == pytest.approx(12 * HOUR, abs=60)
    finally:
        presence._known.pop(police_id)
    assert figures(offices.page())[name] == 0


def test_whose_clock_is_wrong_is_a_number(offices: Offices) -> None:
    parts, police_id = offices.shelter.parts, offices.police.parts.identity.member_id
    presence = parts.engine.post.presence
    presence.clock_of(police_id, timedelta(minutes=-7))
    presence.clock_of("a stranger", timedelta(hours=5))
    found = figures(offices.page())
    assert found["blindmatch_clock_skew_seconds"] == 420
    assert found["blindmatch_members_clock_off"] == 1
    presence.clock_of(police_id, timedelta())
    assert figures(offices.page())["blindmatch_members_clock_off"] == 0


def test_what_waits_for_room_and_who_is_frozen(offices: Offices) -> None:
    parts, police_id = offices.shelter.parts, offices.police.parts.identity.member_id
    round_id = agree(offices.shelter, offices.shelter, offices.police)
    parts.room._waiting |= {round_id: "too large", "e" * 32: "over long ago"}
    with patch.object(parts.freezes, "frozen", lambda: frozenset({police_id, "removed since"})):
        seen = offices.outlook()
    assert (seen.short_of_room, seen.frozen) == (1, 1)
    parts.room._waiting.clear()
    offices.shelter.ask("round.cancel", round=round_id, by="carl")
    assert (offices.outlook().short_of_room, offices.outlook().frozen) == (0, 0)


@pytest.mark.ci
def test_the_same_figures_come_from_a_database_on_a_server(postgres: Server, tmp_path: Path) -> None:
    """Sums and times have other types there."""
    file = postgres.database().file(tmp_path / "database")
    port = make_folder(tmp_path / "node", "node", "ngo", database_file=file)
    settings = tmp_path / "node" / "config.toml"
    settings.write_text(settings.read_text().replace("[node]", '[node]\nwatch = "127.0.0.1:0"', 1))
    assert port
    with run(tmp_path / "node", "node") as node:
        parts = node.parts
        with parts.store.transaction() as tx:
            parts.budget.charge(tx, "p", "f" * 32, "answer", 5_000, cap=10**6)
        node.ask("node.backup", path=str(tmp_path / "backup"), by="timer")
        seen = outlook(parts, [])
        assert parts.budget.usage(["p"]).members == (0.25,)
        assert (seen.budget_used_in_all, seen.cosignature_wait) == (0.05, 0.0)
        assert seen.backup_age < 60
        assert seen.uncosigned_entries == parts.audit.size() > 0
        connection = http.client.HTTPConnection("127.0.0.1", parts.watch or 0, timeout=20)
        connection.request("GET", "/metrics")
        assert connection.getresponse().status == 200
        connection.close()
