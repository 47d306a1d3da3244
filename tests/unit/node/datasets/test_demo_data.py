"""The shipped demo data: ten rows each, exactly three planted overlaps, and two that must stay unseen."""

from collections import defaultdict
from pathlib import Path

import pytest

from node.datasets import Mapping, Terms, open_table, suggest
from node.datasets.rows import RowReader
from node.rounds.jobs import TEMPLATES
from psi.identifiers import tokens
from tests.support import make_demo_data as demo
from tests.support.intake import TODAY

FOLDER = Path(__file__).parents[4] / "cli" / "demo_data"
SHELTER = (demo.SHELTER_FILE, Terms("victim", region=demo.SHELTER_REGION))
POLICE = (demo.POLICE_FILE, Terms("victim", "legal_duty", "Police Act, section 1", demo.POLICE_REGION))


def readings(file, terms):
    with open_table(FOLDER / file) as table:
        mapping = Mapping.of(suggest(table.header))
        terms.check(mapping)
        reader = RowReader(mapping.bind(table.header), terms, len(table.header), TODAY)
        return list(table.rows()), [reader.read(row) for row in table.rows()]


def token_owners(file, terms, receiver, *, everyone=False):
    found = defaultdict(set)
    for reading in readings(file, terms)[1]:
        record = reading.record
        if record is None or (record.child and not everyone):
            continue
        for rule in TEMPLATES["J1"].match:
            if record.consent.covers(rule.kind, receiver, TODAY):
                for token in tokens(rule, record.identifiers, record.person):
                    found[token].add(record.reference)
    return found


def overlaps(shelter, police):
    return {(one, two) for token in shelter.keys() & police.keys() for one in shelter[token] for two in police[token]}


@pytest.mark.tm("TM-81")
def test_exactly_the_planted_overlaps_are_found():
    found = overlaps(token_owners(*SHELTER, "police"), token_owners(*POLICE, "shelter"))
    assert found == set(demo.PLANTED.items())


@pytest.mark.tm("TM-81")
def test_those_without_consent_and_the_child_would_be_found_otherwise():
    """The sabotaged twin: they are in both files, and only consent and the child mark keep them out."""
    header_terms = Terms("victim", "legal_duty", "x", demo.SHELTER_REGION)
    with open_table(FOLDER / demo.SHELTER_FILE) as table:
        columns = {
            name: role
            for name, role in suggest(table.header).items()
            if not role.startswith("consent") and role != "child"
        }
        reader = RowReader(Mapping.of(columns).bind(table.header), header_terms, len(table.header), TODAY)
        everyone = defaultdict(set)
        for row in table.rows():
            record = reader.read(row).record
            for rule in TEMPLATES["J1"].match:
                for token in tokens(rule, record.identifiers, record.person):
                    everyone[token].add(record.reference)
    found = overlaps(everyone, token_owners(*POLICE, "shelter", everyone=True))
    assert found == set((demo.PLANTED | demo.WITHHELD).items())


def test_ten_rows_each_two_without_consent_one_child():
    rows, found = readings(*SHELTER)
    assert len(rows) == 10
    reasons = sorted(problem.reason for reading in found for problem in reading.problems)
    assert reasons == ["cell/repaired-number", "consent/blank", "consent/no"]
    assert [reading.record.reference for reading in found if reading.record and reading.record.child] == ["HS-06"]
    rows, found = readings(*POLICE)
    assert len(rows) == 10
    assert all(reading.record for reading in found)


def test_one_phone_is_a_damaged_number_cell():
    with open_table(FOLDER / demo.SHELTER_FILE) as table:
        column = table.header.index("Phone")
        assert [row.number for row in table.rows() if isinstance(row.cells[column], float)] == [3]


@pytest.mark.parametrize(
    ("name", "make"), [(demo.SHELTER_FILE, demo.shelter_bytes), (demo.POLICE_FILE, demo.police_bytes)]
)
def test_the_shipped_files_are_what_the_script_makes(tmp_path, name, make):
    (tmp_path / name).write_bytes(make())
    with open_table(tmp_path / name) as made, open_table(FOLDER / name) as shipped:
        assert (made.header, list(made.rows())) == (shipped.header, list(shipped.rows()))
