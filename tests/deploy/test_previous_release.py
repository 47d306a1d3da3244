"""Today's code goes on with what earlier releases left: rounds in their middle, backups, papers, a relay's folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.verify import check_file
from node.agreement.manifest import Manifest
from node.app import open_node, restore_node
from node.identity.cards import parse_card
from node.keeping.shares import combine, parse_share
from node.relay.running import opened as opened_relay
from node.store import KeyRing, migrations
from node.store.revisions import revision_of
from psi.identifiers import NORMALISER_VERSION
from tests.support.releases import PREVIOUS, RELEASES, SCHEMAS, Sleeping, ThatDay, about, nodes, unpacked
from tests.support.small_rounds import OURS, SHARED, THEIRS, learned
from tests.support.stores import secret

HERE = RELEASES / PREVIOUS
ABOUT = about(PREVIOUS)
ROUNDS: dict[str, str] = ABOUT["rounds"]
MOST_BYTES = 400_000
"""All recordings together, in bytes: a checkout carries them for ever."""
MOST_JOURNEYS = 24


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Sleeping, Sleeping]:
    found = nodes(PREVIOUS, tmp_path)
    return found["shelter"], found["police"]


def carry(here: Sleeping, there: Sleeping, round_id: str) -> None:
    written = here.ask("round.export", round=round_id, file=str(here.folder.parent), to=there.alias)["file"]
    there.ask("round.import", file=written)


def to_the_end(shelter: Sleeping, police: Sleeping, round_id: str) -> None:
    """Files to and fro, and the decision, until both sides have finished."""
    for _ in range(MOST_JOURNEYS // 2):
        if shelter.state(round_id) == police.state(round_id) == "finished":
            return
        if shelter.state(round_id) == "deciding":
            shelter.ask("round.release", round=round_id, by="ada", everything=True)
        carry(shelter, police, round_id)
        carry(police, shelter, round_id)
    raise AssertionError("the round does not come to its end")


def same_result(shelter: Sleeping, police: Sleeping, round_id: str) -> None:
    assert learned(shelter, round_id) == OURS[-SHARED:]
    assert learned(police, round_id) == THEIRS[:SHARED]


def test_the_recordings_are_small_and_say_what_they_are() -> None:
    files = [path for path in RELEASES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert ABOUT["software"] == PREVIOUS
    assert len(SCHEMAS) == 4
    assert "git worktree" in (RELEASES / "README.md").read_text()


@pytest.mark.tm("TM-260")
def test_every_round_of_a_recorded_node_stands_where_it_stood(pair: tuple[Sleeping, Sleeping]) -> None:
    """Not a single command has run with today's code yet."""
    shelter, police = pair
    for name, sides in ABOUT["states"].items():
        for node in pair:
            if node.alias in sides:
                assert node.state(ROUNDS[name]) == sides[node.alias]
    same_result(shelter, police, ROUNDS["finished"])
    for node in pair:
        assert node.ask("audit.verify")["ok"]
        with node.opened() as parts, parts.store.read() as connection:
            assert revision_of(connection) == migrations.newest()
            assert parts.store.check() == []


@pytest.mark.ci
@pytest.mark.tm("TM-260")
@pytest.mark.parametrize("stage", ["deciding", "running"])
def test_a_round_that_was_under_way_goes_on_to_its_result(
    pair: tuple[Sleeping, Sleeping], stage: str, record_property: Any
) -> None:
    """Lists, scalars and messages that the previous release made; of `running` one file was on its way."""
    shelter, police = pair
    if stage == "running":
        taken = shelter.ask("round.import", file=str(HERE / "running.leg"))
        assert taken["new"] > 0
        assert taken["refused"] == 0
    to_the_end(shelter, police, ROUNDS[stage])
    same_result(shelter, police, ROUNDS[stage])
    for node in pair:
        assert node.ask("audit.verify")["ok"]
    record_property("ran", f"a round of {PREVIOUS} from '{stage}' to its end")


@pytest.mark.ci
@pytest.mark.tm("TM-260")
@pytest.mark.parametrize("stage", ["agreed", "proposed"])
def test_a_round_without_lists_goes_on_or_says_who_proposes_it_again(
    pair: tuple[Sleeping, Sleeping], stage: str
) -> None:
    """Its agreement names the normaliser of that day: with the same one it runs, with another one it is refused."""
    shelter, police = pair
    if stage == "proposed":
        assert police.ask("round.import", file=str(HERE / "proposed.leg"))["new"] == 1
        assert police.state(ROUNDS[stage]) == "proposed"
        refused = police.ask("policy.explain", round=ROUNDS[stage], dataset="files")
        said = json.dumps(refused)
        assert ("normaliser" in said and "propose" in said) is (ABOUT["normaliser"] != NORMALISER_VERSION)
        return
    shelter.ask("round.start", round=ROUNDS[stage], by="carl")
    if ABOUT["normaliser"] == NORMALISER_VERSION:
        to_the_end(shelter, police, ROUNDS[stage])
        same_result(shelter, police, ROUNDS[stage])
    else:
        carry(shelter, police, ROUNDS[stage])
        assert shelter.state(ROUNDS[stage]) == "failed"


@pytest.mark.tm("TM-260")
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_database_of_every_schema_there_was_keeps_what_it_held(schema: str, tmp_path: Path) -> None:
    """Made by the code of that day. What a round from before sealed messages can do no more, it says."""
    said = about(schema)
    (shelter,) = nodes(schema, tmp_path).values()
    told: list[Any] = []
    shelter.tell = told.append
    finished, deciding = said["rounds"]["finished"], said["rounds"]["deciding"]
    assert learned(shelter, finished) == said["learned"] == OURS[-SHARED:]
    assert [(one.before, one.after) for one in told] == [(schema.removeprefix("schema-"), migrations.newest())]
    assert shelter.state(finished) == "finished"
    assert shelter.state(deciding) == "deciding"
    assert {lead["reference"] for lead in shelter.ask("round.results", round=deciding)["leads"]} == set(OURS[-SHARED:])
    assert [one["name"] for one in shelter.ask("dataset.list")["datasets"]] == ["cases"]
    assert [one["alias"] for one in shelter.ask("member.list")["members"]] == ["police"]
    entries = [entry["event"] for entry in shelter.ask("audit.show", limit=1000)["entries"]]
    assert entries[0] == "node-created"
    assert entries.count("node-upgraded") == 1
    assert entries.index("node-upgraded") >= said["entries"]["shelter"]
    assert shelter.ask("audit.verify")["ok"]
    shelter.ask("round.release", round=deciding, by="ada", everything=True)
    with shelter.opened() as parts:
        parts.engine.step(deciding)
        found = parts.book.get(deciding)
    if schema < "schema-0004":
        assert found.state.value == "failed"
        assert "earlier version of blindmatch" in (found.failure_sentence or "")
    else:
        assert found.state.value in ("running", "deciding")


@pytest.mark.tm("TM-260")
def test_a_recorded_backup_restores(tmp_path: Path) -> None:
    """By nobody's passphrase (there was none); what was open then has ended, the finished round is there."""
    clock = ThatDay(ABOUT["recorded_at"])
    done = restore_node(
        HERE / "shelter.backup",
        tmp_path / "shelter",
        by="ben",
        unlock=lambda path, data: KeyRing.from_bytes(path, data, None),
        clock=clock,
    )
    assert done.rounds == []
    shelter = Sleeping(tmp_path / "shelter", clock)
    assert learned(shelter, ROUNDS["finished"]) == OURS[-SHARED:]
    assert shelter.ask("audit.verify")["ok"]
    assert not list((tmp_path / "shelter").glob("*schema-*"))


@pytest.mark.tm("TM-260")
def test_recorded_shares_open_a_recorded_backup_and_a_recorded_key_file(tmp_path: Path) -> None:
    shares = [(path.name, parse_share(path.read_text(), path.name)) for path in sorted((HERE / "shares").iterdir())]
    node = unpacked(PREVIOUS, "vault.tar.xz", tmp_path / "vault") / "node"
    recovery = KeyRing.recovery_of(node / "key")
    clock = ThatDay(ABOUT["recorded_at"])
    with combine(shares[1:], recovery) as together:
        restore_node(
            HERE / "vault.backup",
            tmp_path / "restored",
            by="ben",
            unlock=lambda path, data: KeyRing.open_recovered(path, together, data=data),
            clock=clock,
        )
    word = ABOUT["passphrase"].encode()
    for folder in (node, tmp_path / "restored"):
        with secret(word) as passphrase, open_node(folder, passphrase, clock=clock) as parts:
            assert parts.identity.member_id == ABOUT["vault"]
            assert parts.audit.verify().problems == []


@pytest.mark.tm("TM-260")
@pytest.mark.parametrize("name", ["log.jsonl", "round.certificate", "lead.certificate"])
@pytest.mark.parametrize("sabotaged", [False, True])
def test_recorded_papers_verify(name: str, sabotaged: bool, tmp_path: Path) -> None:
    """With the twin, in which a digit of each time is another one, they do not."""
    data = (HERE / name).read_bytes()
    if sabotaged:
        stamp = b"2026-11-22T15:3"
        assert stamp in data
        data = data.replace(stamp, b"2026-11-22T15:2")
    (tmp_path / name).write_bytes(data)
    cards = {card.member_id: card.name for card in (parse_card((HERE / f"{one}.card").read_bytes()).card
                                                    for one in ("shelter", "police"))}  # fmt: skip
    report = check_file(tmp_path / name, cards, "en")
    assert report["ok"] is not sabotaged


@pytest.mark.tm("TM-260")
def test_a_recorded_agreement_and_cards_are_read_and_have_the_same_bytes() -> None:
    data = (HERE / "agreement.json").read_bytes()
    assert Manifest.parse(data).canonical() == data
    for alias in ("shelter", "police"):
        card = (HERE / f"{alias}.card").read_bytes()
        assert parse_card(card).to_bytes() == card


@pytest.mark.tm("TM-260")
def test_a_recorded_relay_still_has_what_lay_there(tmp_path: Path) -> None:
    folder = unpacked(PREVIOUS, "relay.tar.xz", tmp_path) / "relay"
    with opened_relay(folder, clock=ThatDay(ABOUT["recorded_at"])) as parts:
        assert sorted(member.alias for member in parts.members.list()) == ["police", "shelter"]
        (police,) = [member for member in parts.members.list() if member.alias == "police"]
        assert len(list(parts.mailbox.take(police.member_id, 10))) == 1


def test_the_twin_of_all_this_a_recording_with_one_cell_changed_is_noticed(tmp_path: Path) -> None:
    """The recordings are read for what is in them: a byte of a sealed cell away, and nothing opens."""
    import sqlite3

    from node.errors import StateDamaged

    (shelter,) = nodes("schema-0005", tmp_path).values()
    with sqlite3.connect(shelter.folder / "db") as changed:
        changed.execute("UPDATE datasets SET details = zeroblob(length(details))")
    changed.close()
    with pytest.raises(StateDamaged, match="was not brought to the new schema"):
        shelter.ask("round.list")
