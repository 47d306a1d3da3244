"""The papers of an impact assessment: figures from the facts, each missing measure named, no gap, no trick."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from node.errors import UserError
from node.impact import Facts, MemberFacts, changes, papers
from node.impact.measures import BACKUP_DAYS, MEASURES
from node.impact.names import FACTS_FILE
from node.impact.pack import PAPERS
from node.impact.risks import RISKS
from node.policy.limits import APPROVAL_FLOOR_YEARS

ROOT = Path(__file__).resolve().parents[4]
DAY = date(2026, 3, 1)

WELL_KEPT: dict[str, Any] = {
    "name": "Harbour Shelter",
    "member_class": "shelter",
    "country": "DE",
    "contact": "The office",
    "members": [
        MemberFacts(name="River Police", member_class="police", country="NL", way="through a relay", children=True),
        MemberFacts(name="Post Box", member_class="relay", country="DE", way="this node calls it", children=False),
    ],
    "purposes": {"protect_victims": 3},
    "bases": {"consent": 3},
    "agreements": 3,
    "open_rounds": 1,
    "longest_retention_days": 45,
    "allowed_retention_days": 90,
    "allowed_agreement_days": 60,
    "record_classes": {"victim": 12},
    "kinds": ["person", "phone"],
    "consent_rows": 12,
    "duty_rows": 0,
    "database": "sqlite",
    "port_open": True,
    "watched": False,
    "budget_elements": 20_000,
    "budget_days": 10,
    "budget_years": 136.9,
    "decoys": 32,
    "operators": 2,
    "approvers": 2,
    "reviewers": 1,
    "children_approvers": 1,
    "least_approvers": 2,
    "narrowed": {"limits.retention_days": "90"},
    "cosigners": 1,
    "backup_days": 3,
    "contact_card": True,
    "frozen_members": 0,
    "urgent_open": 0,
}

SPOILT: dict[str, dict[str, Any]] = {
    "budget": {"budget_years": APPROVAL_FLOOR_YEARS - 0.1},
    "decoys": {"decoys": 0},
    "two-people": {"approvers": 1},
    "urgent": {"urgent_open": 1},
    "cosigned": {"cosigners": 0},
    "backup": {"backup_days": BACKUP_DAYS + 1},
    "desk": {"contact_card": False},
}
"""Measure -> facts under which it is not in force."""


def facts(**changed: Any) -> Facts:
    return Facts(**(WELL_KEPT | changed))


def made(found: Facts) -> dict[str, str]:
    return papers(found, made_on=DAY, review_on=date(2027, 3, 1))


def everything(found: Facts) -> str:
    return "\n".join(made(found)[name] for name in PAPERS)


def test_each_fact_stands_in_a_paper(record_property: Callable[[str, object], None]) -> None:
    """A fact that nobody reads is a figure that cannot be wrong: changing any of them changes a paper."""
    before = everything(facts())
    other: dict[str, Any] = {
        "members": [],
        "purposes": {"deconflict_cases": 3},
        "bases": {"legal_duty": 3},
        "record_classes": {"missing": 12},
        "kinds": ["iban"],
        "narrowed": {},
        "database": "postgresql",
        "member_class": "police",
        "longest_retention_days": None,
        "backup_days": None,
        "budget_years": 1.0,
        "operators": 0,
        "cosigners": 0,
        "decoys": 0,
        "approvers": 0,
    }
    unread = []
    for name in Facts.model_fields:
        value = WELL_KEPT[name]
        changed = other.get(
            name, not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else "Other"
        )
        if everything(facts(**{name: changed})) == before:
            unread.append(name)
    assert unread == ["reviewers"], "reviewers decide about leads, which no measure asks for"
    record_property("ran", f"{len(Facts.model_fields)} facts")


def test_a_measure_that_is_not_in_force_is_said_where_it_is_read_and_listed_with_what_to_do() -> None:
    assert set(SPOILT) == {word for word, one in MEASURES.items() if one.holds is not None}
    assert "ot in force here" not in everything(facts())
    assert "Every measure that this node can have is in force today." in everything(facts())
    for word, spoilt in SPOILT.items():
        text = made(facts(**spoilt))["1-impact-assessment.md"]
        at_risks, at_findings = text.split("## 4 ")
        assert f"{MEASURES[word].says} **Not in force.** {MEASURES[word].mend}" in at_findings, word
        assert at_findings.count("**Not in force.**") == 1, word
        used = sum(word in risk.measures for risk in RISKS)
        assert used
        assert at_risks.count("**Not in force here, see part 4.**") == used, word


def test_no_backup_at_all_is_no_backup() -> None:
    assert not MEASURES["backup"].in_force(facts(backup_days=None))


def test_every_promise_exists_and_every_measure_serves_a_risk() -> None:
    known = set(re.findall(r"^\| (TM-\d+) \|", (ROOT / "threat_model.md").read_text("utf-8"), re.MULTILINE))
    named = {promise for one in MEASURES.values() for promise in one.promises}
    assert named
    assert named <= known, named - known
    assert {word for risk in RISKS for word in risk.measures} == set(MEASURES)


def test_names_of_others_give_no_markup_and_no_place_to_fill_in() -> None:
    name = "Evil | [x](http://a.example) $name\n# Decided: [x] go on <b>"
    member = MemberFacts(name=name, member_class="ngo", country="US", way="by carried file", children=False)
    text = everything(facts(name=name, contact=name, members=[member]))
    assert "\n# Decided" not in text
    assert not re.search(r"(?<!\\)\[x(?<!\\)\]", text)
    assert not re.search(r"(?<!\\)<b(?<!\\)>", text)
    row = next(line for line in text.splitlines() if line.startswith("| Evil") and "carried file" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert "\\$name" in text


def test_members_outside_the_european_economic_area_are_named() -> None:
    member = MemberFacts(name="Far", member_class="ngo", country="US", way="by carried file", children=False)
    assert "US. What is released to a member there is a transfer" in everything(facts(members=[member]))
    assert "all members are in the European Economic Area" in everything(facts())


def test_no_gap_is_left() -> None:
    for name, text in made(facts()).items():
        assert "$" not in text, name
        assert "None" not in text, name
        assert text.endswith("\n")


def test_what_changed_is_told_and_what_did_not_is_not() -> None:
    old = made(facts())[FACTS_FILE]
    assert changes(old, facts()) == []
    assert changes(old, facts(decoys=0, longest_retention_days=None, watched=True, members=[])) == [
        "members: was River Police, Post Box, is none",
        "longest retention days: was 45, is none",
        "watched: was no, is yes",
        "decoys: was 32, is 0",
    ]


def test_papers_stay_true_while_a_backup_ages_and_are_not_when_it_is_too_old() -> None:
    old = made(facts(backup_days=3))[FACTS_FILE]
    for days in (0, 4, BACKUP_DAYS):
        assert changes(old, facts(backup_days=days)) == []
    assert changes(old, facts(backup_days=BACKUP_DAYS + 1)) == [f"backup days: was 3, is {BACKUP_DAYS + 1}"]
    assert changes(old, facts(backup_days=None)) == ["backup days: was 3, is none"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", json.dumps({"decoys": 3})])
def test_a_file_that_is_no_file_of_facts_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="was not made by this version"):
        changes(text, facts())
