"""What can be set when a round is proposed, in words, and what a job sets when nobody says anything.

One row a setting, by the name under which `round propose --set` takes it. The names and their kinds of value are those
of `node.rounds.templates`; a test compares the two, so that no setting is listed that does not exist and none is left
out.
"""

from dataclasses import dataclass
from typing import Any, get_args

from node.agreement.ladder import PAYLOAD_FIELDS
from node.agreement.terms import Basis, CountForm, LegalRegime, Mode, Purpose, RecordClass
from node.errors import NotFound
from node.policy.rules import LEAST_RECORDS
from node.rounds import templates
from node.rounds.jobs import TEMPLATES, Template
from psi.identifiers import Rule
from psi.padding import FLOOR_RECORDS

__all__ = ["Setting", "settings_of"]


def _any(words: object) -> str:
    """The values that a setting may have."""
    return f"one of {', '.join(get_args(words))}"


_BY_CLASS = "consent for those who help victims, legal_duty for others"

_ROUND = {
    "children": "excluded: children stay out; only: the round is about children alone",
    "deadline": "by when lists are exchanged (2027-01-31T12:00:00Z)",
    "expires_at": "after this nothing is released any more",
    "start_not_before": "no list is made before this",
    "first_learner": "the alias of the member that learns first",
    "match": 'the rules, only all together: a JSON list, for example [{"kind": "phone", "per_record": 3}]',
    "match.kind": "in each rule: what is compared, for example phone; or person",
    "match.per_record": "in a rule: room for so many values of it in each record",
    "match.fields": "in a person rule: the fields that are combined",
    "match.at_least": "in a person rule: how many of them must agree",
    "contact_card": "true: where both sides ask for it, they give each other a contact card about a record that agrees",
    "payload": f"fields that go with a card, as a JSON list: any of {', '.join(PAYLOAD_FIELDS)}",
    "near_matches": "true: also compare what is one slip of the hand apart",
    "onward_use": "what may be done with what is learned: purpose_only or ask_first",
    "purpose": f"why: {_any(Purpose)}",
    "purpose_text": "why, in a sentence for people",
    "title": "what the round is called",
    "reply.mode": f"how the other side is answered: {_any(Mode)}",
    "reply.max_released": "most records that may be released",
    "reply.count": f"which count is declared: {_any(CountForm)}",
    "reply.count_then_release": "true: first a count, then what is released",
    "reply.bands": "the lowest number of each band of a banded count",
    "members.ALIAS.records": "the largest number of records it may bring; padding hides the true one",
    "members.ALIAS.minimum_records": "the least number it declares to bring",
    "members.ALIAS.record_class": f"whose records these are: {_any(RecordClass)}",
    "members.ALIAS.basis": _any(Basis),
    "members.ALIAS.legal_basis": "the legal ground, in words",
    "members.ALIAS.legal_regime": _any(LegalRegime),
    "members.ALIAS.retention_days": "how long it may keep what it learns, in days",
    "members.ALIAS.approvers": "how many people there have to agree before it signs: 1 or 2",
}


@dataclass(frozen=True)
class Setting:
    """`name` as `--set` takes it, what it means, and what this job has without it."""

    name: str
    means: str
    default: str


def settings_of(template_id: str) -> list[Setting]:
    """Every setting with the default of a job, in the order of the table. NotFound for an unknown job."""
    template = TEMPLATES.get(template_id.upper())
    if template is None:
        raise NotFound("There is no job of that name.", advice="`blindmatch round templates` lists them.")
    defaults = _defaults(template)
    return [Setting(name, means, defaults.get(name, "-")) for name, means in _ROUND.items()]


def _defaults(template: Template) -> dict[str, str]:
    count = "banded" if template.mode == "count" else "none"
    reply: dict[str, Any] = {"mode": template.mode, "count": count, "count_then_release": False, **template.reply}
    reply.setdefault("max_released", templates.RELEASED_RECORDS if template.mode == "released" else 0)
    reply.setdefault("bands", list(templates.BANDS) if reply["count"] == "banded" else [])
    support = template.support or template.records
    both = template.records if support == template.records else f"{support} for those who help, else {template.records}"
    return {
        "children": "excluded",
        "deadline": f"{templates.DEADLINE_DAYS} days from now",
        "expires_at": f"{templates.RELEASE_DAYS} days after the deadline",
        "start_not_before": "now",
        "first_learner": "the member with victims' records, or that helps them",
        "match": "; ".join(_rule(rule) for rule in template.match) or "-",
        "contact_card": _plain(template.contact_card),
        "payload": _plain(template.payload),
        "near_matches": "false",
        "onward_use": "purpose_only",
        "purpose": template.purpose,
        "purpose_text": template.purpose_text or "-",
        "title": template.title,
        **{f"reply.{name}": _plain(value) for name, value in reply.items()},
        "members.ALIAS.records": str(FLOOR_RECORDS),
        "members.ALIAS.minimum_records": str(LEAST_RECORDS),
        "members.ALIAS.record_class": both,
        "members.ALIAS.basis": _BY_CLASS,
        "members.ALIAS.legal_basis": "a sentence that fits the basis",
        "members.ALIAS.legal_regime": "law_enforcement_directive for police and prosecutors, gdpr for others",
        "members.ALIAS.retention_days": str(templates.RETENTION_DAYS),
        "members.ALIAS.approvers": f"{templates.PROTECTED_APPROVERS} with records that need protection, else 1",
    }


def _rule(rule: Rule) -> str:
    if rule.kind == "person":
        return f"person (any {rule.at_least} of {', '.join(rule.fields)})"
    return f"{rule.kind} ({rule.per_record})"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)
