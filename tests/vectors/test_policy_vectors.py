"""Every rule of the policy by what it accepts and what it refuses, as data; and that nothing else refuses that."""

import pytest

from node.errors import RefusedByPolicy
from node.policy import RULES, enforce, evaluate
from node.policy.narrowing import Policy
from node.policy.words import ASKS, asks
from tests.support.policy_cases import Case, cases

CASES = cases()
NAMES = {rule.name for rule in RULES}


def names(case: Case) -> str:
    return f"{case.rule}: {case.name}"


@pytest.mark.tm("TM-190")
def test_every_rule_has_a_case_that_it_accepts_and_one_that_it_refuses(record_property) -> None:
    for verdict in (True, False):
        assert {case.rule for case in CASES if case.accepted is verdict} == NAMES
    record_property("ran", f"{len(CASES)} cases of {len(NAMES)} rules")
    assert len(CASES) >= 3 * len(NAMES)


@pytest.mark.parametrize("case", [case for case in CASES if case.accepted], ids=names)
def test_accepted_by_every_rule(case: Case) -> None:
    assert [verdict for verdict in evaluate(*case.build()) if not verdict.ok] == []


@pytest.mark.tm("TM-190")
@pytest.mark.parametrize("case", [case for case in CASES if not case.accepted], ids=names)
def test_refused_by_that_rule_with_its_sentence_and_by_no_other(case: Case) -> None:
    manifest, context = case.build()
    (refused,) = [verdict for verdict in evaluate(manifest, context) if not verdict.ok]
    assert refused.rule == case.rule
    assert case.says
    assert case.says in refused.sentence
    assert refused.sentence.endswith(".")
    with pytest.raises(RefusedByPolicy):
        enforce(manifest, context)
    # The twin: with the rule taken out, the very same agreement passes.
    enforce(manifest, context, [rule for rule in RULES if rule.name != case.rule])


def test_every_rule_says_what_it_asks() -> None:
    assert set(ASKS) == NAMES
    narrow = Policy.model_validate({"limits": {"agreement_days": 7, "least_key_bits": 33, "least_approvers": 2}})
    for rule in NAMES:
        assert asks(rule, narrow).endswith((".", "2."))
        assert "{" not in asks(rule, narrow)
    assert "7 days" in asks("times", narrow)
    assert "33 bits" in asks("entropy-floor", narrow)
    assert "for anything else only after the other side was asked." in asks("purposes", Policy())
    alone = Policy.model_validate({"limits": {"onward_use": "purpose_only"}})
    assert asks("purposes", alone).endswith("Results are used for the agreed purpose and for nothing else.")
