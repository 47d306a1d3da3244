"""What each rule asks, in a sentence for whoever reads `policy show` and `policy explain`.

A rule says why it refuses; this says what it is about, whether it refuses or not. Where an organisation narrows a
rule, the sentence names its own figure. A test holds the table against the rules, so that none goes without words.
"""

from collections.abc import Mapping
from types import MappingProxyType

from node.policy.narrowing import Policy

__all__ = ["ASKS", "asks"]

ASKS: Mapping[str, str] = MappingProxyType(
    {
        "our-round": "This node is a member of the agreement, or convenes it.",
        "confirmed-members": "Everyone named was confirmed here by two people, with the very card that is named.",
        "refused-members": "Nobody takes part whom this organisation refuses.",
        "refused-kinds": "No kind of identifier is compared that this organisation refuses.",
        "refused-rounds": "It is no job, reply or comparison of near matches that this organisation refuses.",
        "class-table": "Victims' records never meet an immigration authority, nor records of suspects; coordinators "
        "and relays bring no records.",
        "police-kinds": "Image hashes are compared between police and prosecutors only.",
        "same-versions": "Both sides turn a cell into the same comparison, by the same versions.",
        "supported": "The agreement asks for nothing that this version cannot do.",
        "children-apart": "Children stay out, or the round is about children alone, with members chosen for it.",
        "entropy-floor": "No combination of person fields weighs less than {least_key_bits} bits, so that strangers do "
        "not agree by chance.",
        "purposes": "The purpose is one of: {purposes}. {onward_use}",
        "first-learner": "The side whose records need protection is answered first, and can stop.",
        "released-by-hand": "Out of records that need protection nothing is answered but counts and what a person "
        "releases.",
        "coarse-counts": "A count over records that need protection is a band of {least_records} numbers or more.",
        "output-ladder": "Contact cards go only where both sides know what agrees, with fields of a closed list.",
        "minimum-declared": "Each member declares to bring {least_records} records or more.",
        "times": "The agreement is not over, not from the future, and holds for {agreement_days} days at most.",
        "retention": "Nobody keeps results for more than {retention_days} days.",
        "approvers": "As many people here have to agree to the round as this organisation demands: {least_approvers}.",
        "caps": "The cap of each member is exactly what the agreement needs.",
        "dataset-fits": "The chosen data set is of the kind, basis and size that were agreed.",
        "peer-list-size": "No list is longer than what a member may have tested in a whole window.",
        "budget-suffices": "What the round would charge to the other side is left in its budget.",
        "not-frozen": "Nobody takes part who was stopped by a tripwire here, until two people decide.",
    }
)
"""Rule -> what it asks. Names in braces are limits of `node.policy.narrowing`."""


_ONWARD = {
    "ask_first": "Results are used for the agreed purpose, and for anything else only after the other side was asked.",
    "purpose_only": "Results are used for the agreed purpose and for nothing else.",
}
"""`limits.onward_use`, as a sentence."""


def asks(rule: str, policy: Policy) -> str:
    """The sentence of a rule under this organisation's policy."""
    said: dict[str, object] = {}
    for name in type(policy.limits).model_fields:
        value = getattr(policy.limits, name)
        said[name] = ", ".join(value) if isinstance(value, list) else value
    words = {name: str(value).replace("_", " ") for name, value in said.items()}
    words["onward_use"] = _ONWARD[policy.limits.onward_use]
    return ASKS.get(rule, rule).format_map(words)
