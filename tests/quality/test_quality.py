"""`make quality` in small: the sample of FEBRL 4, 2,000 people of ours, files of one's own, peers, mistakes."""

import json
from pathlib import Path

import pytest

from node.datasets import PreparedRecord
from node.errors import UserError
from psi.identifiers import Cell, Person, Rule
from tests.quality import __main__ as quality
from tests.quality import labelled, peers_run, surviving
from tests.quality.candidates import MADE_OF, candidates
from tests.quality.described import read_description
from tests.quality.measure import Outcome, choose, judge, shared
from tests.quality.peers import environments
from tests.support import febrl
from tests.unit.test_locks import COOL_DOWN, unhashed

SMALL = 2_000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> quality.Measured:
    folder = tmp_path_factory.mktemp("own")
    return quality.measure(labelled.own(SMALL, 3, folder, target=False), folder)


@pytest.mark.parametrize("with_id", [False, True])
def test_the_sample_of_febrl_4_is_linked(tmp_path: Path, with_id: bool) -> None:
    found = quality.measure(labelled.febrl4(febrl.SAMPLE, with_id=with_id, target=False), tmp_path)

    assert found.row.outcome.f1 >= (0.99 if with_id else 0.98), found.row.outcome
    assert found.everything.true == 500
    assert 400 <= found.row.records <= 600


def test_people_of_many_scripts_are_linked(own: quality.Measured) -> None:
    """With 1,000 people the choice rests on 500 pairs, so this is below what `make quality` demands."""
    assert own.row.outcome.f1 >= OWN_F1, own.row.outcome
    assert own.row.outcome.precision >= 0.97, own.row.outcome


OWN_F1 = 0.94


def test_a_row_has_the_fields_of_the_file(own: quality.Measured) -> None:
    row = own.row.to_dict()
    assert set(row) == {"set", "precision", "recall", "f1", "records", "keys_per_record"}
    assert json.loads(json.dumps(row)) == row
    assert row["keys_per_record"] == sum(rule.tokens_per_record() for rule in own.rules)


def test_a_missed_target_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "RESULT", Path("/nonexistent"))
    for reached, code in ((0.996, 0), (0.99, 1)):
        rows = [quality.Row("a set", _outcome(reached), 100, 20, 18.0, target=0.993)]
        monkeypatch.setattr(quality, "the_sets", lambda _: [])
        monkeypatch.setattr(quality, "report", lambda *_, rows=rows: rows)
        assert quality.main(["--only", "a"]) == code
    assert "Missed: a set" in capsys.readouterr().out


def test_the_floor_of_precision_counts_too() -> None:
    good = Outcome(found=1000, correct=990, true=1000)
    assert quality.Row("a", good, 1, 1, 1.0, target=0.97, floor=0.995).missed
    assert not quality.Row("a", good, 1, 1, 1.0, target=0.97, floor=0.99).missed


def _outcome(f1: float) -> Outcome:
    return Outcome(found=1000, correct=round(1000 * f1), true=1000)


def test_the_halves_cut_no_person_in_two() -> None:
    one = labelled.febrl4(febrl.SAMPLE, with_id=False)
    halves = [quality.true_in_half(one, half) for half in (0, 1)]
    assert halves[0] | halves[1] == one.true_pairs()
    assert not halves[0] & halves[1]
    records = [quality.in_half(one, [side.clusters for side in one.sides], half) for half in (0, 1)]
    people = [{person for side in half for person in side.values()} for half in records]
    assert not people[0] & people[1]


def test_pairs_within_one_file_are_told_once() -> None:
    assert shared([{"b": ["x", "y"], "a": ["x", "y"], "c": []}]) == {("a", "b")}
    assert judge({("a", "b"), ("a", "c")}, {("a", "b")}).precision == 0.5


def _record(**cells: str) -> PreparedRecord:
    person, _ = Person.from_cells({name: Cell(text) for name, text in cells.items()})
    return PreparedRecord("r", {}, person)


def test_strangers_within_one_side_speak_against_a_rule() -> None:
    """Two women of register A share name and date: nobody of B shows it, so only the clusters can."""
    born = {"birth_date": "1990-05-06", "locality": "Plovdiv"}
    first = {
        "a1": _record(given_name="Maria", family_name="Petrova", **born),
        "a2": _record(given_name="Maria", family_name="Petrova", birth_date="1990-05-06", locality="Varna"),
    }
    second = {"b1": _record(given_name="Maria", family_name="Petrova", **born)}
    loose = (Rule.person(("given_name", "family_name", "birth_date"), 3),)
    strict = (Rule.person(("given_name", "family_name", "birth_date", "locality"), 4),)
    true = {("a1", "b1")}
    clusters = [{"a1": "1", "a2": "2"}, {"b1": "1"}]
    assert choose([first, second], true, [loose, strict], precision=0.9, clusters=clusters) == strict


def test_a_rule_that_another_makes_needless_is_done_without() -> None:
    sides = [
        {f"{side}{n}": _record(given_name=name, family_name="Petrova", birth_date=f"19{n}-05-06") for n, name in people}
        for side, people in (("a", [(70, "Maria"), (80, "Elena")]), ("b", [(70, "Maria"), (80, "Elena")]))
    ]
    narrow = Rule.person(("given_name", "family_name", "birth_date"), 3)
    wide = Rule.person(("given_name", "family_name", "birth_date"), 2)
    true = {("a70", "b70"), ("a80", "b80")}
    assert len(choose(sides, true, [(narrow,), (wide,)])) == 1


def test_what_survives_of_a_pair() -> None:
    one = {"given_name": "ALN", "family_name": "KFLN", "birth_date": "1987-03-05", "sex": "F"}
    other = {"given_name": "KFLN", "family_name": "ALN", "birth_date": "1987", "alias": "PL"}
    found = dict(zip(surviving.FIELDS, surviving.states(one, other), strict=True))
    assert (found["given_name"], found["family_name"], found["birth_date"]) == ("same", "same", "nearly")
    assert (found["sex"], found["locality"]) == ("missing", "missing")


def test_the_ceiling_takes_the_best_patterns_down_to_the_floor() -> None:
    patterns: dict[tuple[str, ...], tuple[int, int]] = {("same",): (90, 0), ("nearly",): (8, 1), ("other",): (2, 50)}
    assert surviving.ceiling(patterns, 100, 0.98).correct == 98
    assert surviving.ceiling(patterns, 100, 0.995).correct == 90


def test_no_candidate_lacks_its_fields() -> None:
    fields = frozenset(("given_name", "family_name", "birth_date"))
    made = frozenset().union(*(MADE_OF[base] for base in fields))
    found = candidates("any", fields, {"phone": 2, "alias": 1})
    assert all(set(rule.fields) <= fields | made for rules in found for rule in rules)
    assert (Rule("phone", 2),) in found
    assert not [rule for rules in found for rule in rules if rule.kind == "alias"]


# Peers: a token that stands for "rule not met" is no token.

_CONSTANT = "0" * 64


def _peer_sides() -> list[dict[str, dict[str, str]]]:
    """200 people on each side, a hundred of them on both; the rule T4 is met by nobody."""
    return [
        {f"{side}-{person}": {"T1": f"name {person}", "T4": _CONSTANT} for person in people}
        for side, people in (("a", range(200)), ("b", range(100, 300)))
    ]


def _found(sides: list[dict[str, dict[str, str]]]) -> Outcome:
    tokens = [{ref: list(held.items()) for ref, held in side.items()} for side in sides]
    return judge(shared(tokens), {(f"a-{person}", f"b-{person}") for person in range(100, 200)})


def test_constant_tokens_do_not_count_as_matches() -> None:
    held = peers_run.PeerTokens("1", 0, _peer_sides())
    peers_run.without_constants(held)
    assert _found(held.sides).f1 == 1.0
    assert held.dropped == {"T4": 2}


def test_with_the_constants_everybody_would_be_one_person() -> None:
    """The twin of the test above, with the defence taken out."""
    assert _found(_peer_sides()).precision < 0.01


def test_a_peer_gets_the_best_of_its_rules() -> None:
    sides = _peer_sides()
    true = {(f"a-{person}", f"b-{person}") for person in range(100, 200)}
    rules, found = peers_run.best_rules((sides, sides), (true, true))
    assert rules == ("T1",)
    assert found.f1 == 1.0


def test_a_peer_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers_run, "PLACE", tmp_path)
    with pytest.raises(peers_run.Absent, match="make quality-peers"):
        peers_run.run("openlinktoken", labelled.febrl4(febrl.SAMPLE, with_id=False), tmp_path)


@pytest.mark.parametrize("peer", ["openlinktoken", pytest.param("spindle", marks=pytest.mark.soak)])
def test_a_peer_reads_the_sample(peer: str, tmp_path: Path) -> None:
    one = labelled.febrl4(febrl.SAMPLE, with_id=True)
    try:
        row = quality.measure_peer(peer, one, tmp_path)
    except peers_run.Absent as reason:
        pytest.skip(str(reason))
    assert 0.8 <= row.outcome.f1 <= 1, row
    assert row.outcome.precision >= 0.9, row


@pytest.mark.parametrize("peer", peers_run.PEERS)
def test_the_locks_of_the_peers_are_pinned_and_hashed(peer: str) -> None:
    lock = (environments.HERE / f"{peer}.lock").read_text(encoding="utf-8")
    assert unhashed(lock) == []
    assert COOL_DOWN.search(lock)
    assert peer in environments.TRIALS


def test_one_entry_of_a_lock_is_cut_out_whole() -> None:
    lock = (
        "a==1 \\\n    --hash=sha256:00\nb==2 ; x \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n    # via a\nc==3\n"
    )
    assert environments.entry(lock, "b") == "b==2 ; x \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"


# Files of one's own.

_DESCRIPTION = """
name = "two registers"
first = "a.csv"
second = "b.csv"
{truth}
[mapping]
"No" = "reference"
"First name" = "given_name"
"Last name" = "family_name"
"Born" = "birth_date"
"""


def _files(folder: Path, truth: str = 'truth_column = "Person"', **changes: str) -> Path:
    people = febrl.read_rows(febrl.SAMPLE / febrl.FILES[0])
    for name, rows in (("a", people), ("b", people)):
        lines = ["No;First name;Last name;Born;Person"]
        for number, row in enumerate(rows.values()):
            lines.append(
                f"{name}{number};{row['given_name']};{row['surname']};{row['date_of_birth']};{number if row else ''}"
            )
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = ["first;second", *(f"a{number};b{number}" for number in range(len(people)))]
    (folder / "pairs.csv").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    text = _DESCRIPTION.replace("{truth}", truth)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "set.toml").write_text(text, encoding="utf-8")
    return folder / "set.toml"


@pytest.mark.parametrize("truth", ['truth_column = "Person"', 'truth = "pairs.csv"'])
def test_files_of_ones_own(tmp_path: Path, truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    description = _files(tmp_path, truth)
    assert len(read_description(description).true_pairs()) == 500
    assert quality.main(["--data", str(description), "--no-peers"]) == 0
    assert "two registers" in capsys.readouterr().out


def test_a_mapping_file_stands_for_the_descriptions_own(tmp_path: Path) -> None:
    description = _files(tmp_path)
    text = description.read_text(encoding="utf-8").partition("[mapping]")[0]
    description.write_text(text, encoding="utf-8")
    mapping = tmp_path / "mapping.json"
    columns = {"No": "reference", "First name": "given_name", "Last name": "family_name", "Born": "birth_date"}
    mapping.write_text(json.dumps({"columns": columns}), encoding="utf-8")
    assert read_description(description, mapping).sides[0].parts[0].roles == columns
    with pytest.raises(UserError, match="does not say what the columns are"):
        read_description(description)


@pytest.mark.parametrize(
    ("truth", "changes", "sentence"),
    [
        ("", {}, "in one way who is who"),
        ('truth = "pairs.csv"\ntruth_column = "Person"', {}, "in one way who is who"),
        ('truth_column = "Persona"', {}, 'no column "Persona"'),
        ('truth_column = "Born"', {}, "mapped to something that would be compared"),
        ('truth = "a.csv"', {}, "names a reference that stands in no file"),
        ('truth_column = "Person"', {'"birth_date"': '"birthday"'}, "role that does not exist"),
        ('truth_column = "Person"', {'"b.csv"': '"missing.csv"'}, ""),
        ('truth_column = "Person"', {"name =": "nam ="}, '"name" is missing'),
        ('truth_column = "Person"', {'"No" =': "No ="}, "two registers"),
        ('truth_column = "Person', {}, "not TOML"),
    ],
)
def test_mistakes_in_a_description_are_sentences(
    tmp_path: Path, truth: str, changes: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    description = _files(tmp_path, truth, **changes)
    code = quality.main(["--data", str(description), "--no-peers"])
    said = capsys.readouterr()
    if sentence == "two registers":  # a bare key is the same key
        assert code == 0
        return
    assert code == 2
    assert sentence in said.err
    assert said.err.strip().endswith(".")


def test_without_the_febrl_files_the_command_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(febrl, "FULL", tmp_path)
    assert quality.main([]) == 2
    assert "make quality" in capsys.readouterr().err
