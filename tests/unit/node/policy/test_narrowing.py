"""policy.toml can only narrow: what it says, what it cannot say, and that nothing that was refused passes with it."""

from pathlib import Path

import pytest

from node.errors import UserError
from node.policy import evaluate
from node.policy.narrowing import Limits, Policy, Refuse, load_policy, policy_digest
from tests.support.policy_cases import Case, cases

REFUSED = [case for case in cases() if not case.accepted]


def load(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return load_policy(path)


def test_no_file_and_an_empty_one_narrow_nothing(tmp_path: Path) -> None:
    assert load_policy(tmp_path / "policy.toml") == Policy() == load(tmp_path, "")
    assert Policy().narrowed() == {}


@pytest.mark.tm("TM-191")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nagreement_days = 181", "only narrow"),
        ("[limits]\nagreement_days = 0", "only narrow"),
        ("[limits]\nretention_days = 366", "only narrow"),
        ("[limits]\nleast_records = 2", "only narrow"),
        ("[limits]\nleast_key_bits = 19", "only narrow"),
        ("[limits]\nleast_approvers = 0", "only narrow"),
        ("[limits]\nleast_approvers = 3", "only narrow"),
        ('[limits]\npurposes = ["count_without_duplicates"]', "can only hold some of"),
        ('[limits]\nonward_use = "anything"', "which is stricter"),
        ('[limits]\nagreement_days = "90"', "not acceptable"),
        ('[refuse]\nkinds = ["fone"]', "can only hold some of"),
        ('[refuse]\nmember_classes = ["polise"]', "can only hold some of"),
        ('[refuse]\ntemplates = ["J17"]', "can only hold some of"),
        ('[refuse]\nreplies = ["orderd"]', "can only hold some of"),
        ("[refuse]\nchildren = 1", "not acceptable"),
        ("[refuse]\nmembrs = []", "There is no setting"),
        ('[allow]\nkinds = ["phone"]', "There is no setting"),
        ("[limits", "not valid TOML"),
    ],
)
def test_a_file_that_would_widen_or_is_misspelt_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path, text)
    assert caught.value.advice


STRICTEST = Policy(
    limits=Limits(
        purposes=["protect_victims"], agreement_days=1, retention_days=1, least_records=1_000, least_key_bits=40,
        least_approvers=2, onward_use="purpose_only",
    ),
    refuse=Refuse(kinds=["phone"], templates=["J1"], near_matches=True, children=True),
)  # fmt: skip
NARROWED = [
    STRICTEST,
    Policy(limits=Limits(agreement_days=30)),
    Policy(limits=Limits(purposes=[])),
    Policy(refuse=Refuse(member_classes=["police"])),
]


def refusing(case: Case, policy: Policy) -> set[str]:
    manifest, context = case.build()
    object.__setattr__(context, "policy", policy)
    return {verdict.rule for verdict in evaluate(manifest, context) if not verdict.ok}


@pytest.mark.tm("TM-191")
@pytest.mark.parametrize("policy", NARROWED, ids=lambda policy: ",".join(policy.narrowed())[:40])
def test_what_the_rules_refuse_is_refused_under_every_policy(policy: Policy, record_property) -> None:
    plain = [case for case in REFUSED if "policy" not in case.spec]
    assert len(plain) > 40
    record_property("ran", f"{len(plain)} agreements")
    assert [case.name for case in plain if case.rule not in refusing(case, policy)] == []


@pytest.mark.tm("TM-191")
def test_twin_a_policy_that_widens_lets_what_was_refused_pass() -> None:
    """Without the bounds of the file a policy could do that: so it is they that are tested above."""
    wide = Policy.model_construct(
        limits=Limits.model_construct(**{**Limits().model_dump(), "agreement_days": 400, "retention_days": 4000}),
        refuse=Refuse(),
    )
    passed = {case.rule for case in REFUSED if "policy" not in case.spec and not refusing(case, wide)}
    assert passed == {"times", "retention"}


def test_its_digest_tells_policies_apart() -> None:
    assert len({policy_digest(policy) for policy in [Policy(), *NARROWED]}) == len(NARROWED) + 1
    assert policy_digest(Policy()) == policy_digest(Policy(limits=Limits(), refuse=Refuse()))
