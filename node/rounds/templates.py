"""Templates: from a job and two member cards to an agreement.

A template (`node.rounds.jobs`) fills in what belongs to the job: what is compared, who learns first, how the other side
is answered. The members are filled in from their cards, the rest can be set (`SETTINGS`, `MEMBER_SETTINGS`). Caps and
what each member learns follow from the rest and cannot be set. A template is a convenience of whoever proposes: only
the manifest binds.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from node.agreement.manifest import ASK_CONVENER, FORMAT, Manifest
from node.agreement.terms import moment, second_learns
from node.clock import Clock, timestamp
from node.errors import NotFound, RefusedByPolicy, UserError
from node.identity.cards import Card
from node.ids import RandomBytes, new_id
from node.policy.budgets import charge_for
from node.policy.firewall import PROTECTED, SUPPORT
from node.policy.rules import LEAST_RECORDS
from node.rounds.jobs import TEMPLATES, Template
from node.tripwires import DEFAULT_DECOYS
from node.wire import strict_json
from psi.errors import RefusedValue
from psi.identifiers import NORMALISER_VERSION, Rule
from psi.messages import PROTOCOL_VERSION, SUITE
from psi.padding import FLOOR_RECORDS, is_record_class, record_class

__all__ = ["MEMBER_SETTINGS", "SETTINGS", "build"]

SETTINGS: Mapping[str, type] = {
    "children": str,
    "contact_card": bool,
    "deadline": str,
    "expires_at": str,
    "first_learner": str,
    "match": Sequence,
    "members": Mapping,
    "near_matches": bool,
    "onward_use": str,
    "payload": Sequence,
    "purpose": str,
    "purpose_text": str,
    "reply": Mapping,
    "start_not_before": str,
    "title": str,
}
"""What `overrides` may hold. `members` maps a member id to its own settings."""

MEMBER_SETTINGS: Mapping[str, type] = {
    "approvers": int,
    "basis": str,
    "legal_basis": str,
    "legal_regime": str,
    "minimum_records": int,
    "record_class": str,
    "records": int,
    "retention_days": int,
}
"""What `overrides["members"][member_id]` may hold. `records` is rounded up to a record class."""

REPLY_SETTINGS: Mapping[str, type] = {
    "bands": Sequence,
    "count": str,
    "count_then_release": bool,
    "max_released": int,
    "mode": str,
}

MATCH_SETTINGS: Mapping[str, type] = {"at_least": int, "fields": Sequence, "kind": str, "per_record": int}

_TAKES: Mapping[type, str] = {str: "a text", int: "a whole number", bool: "true or false"}
_EXAMPLES: Mapping[str, str] = {
    "match": """a list of rules, for example --set 'match=[{"kind": "phone", "per_record": 3}]'""",
    "match.fields": """a list of person fields, for example ["given_name", "family_name", "birth_date"]""",
    "members": "settings of each member, for example --set members.ALIAS.records=256",
    "payload": """a list of fields, for example --set 'payload=["as_of"]'""",
    "reply": "settings of its own, for example --set reply.mode=count",
    "reply.bands": "a list of numbers, for example --set 'reply.bands=[0, 1, 5, 10]'",
}
"""What a setting takes that is no plain value."""

DEADLINE_DAYS = 14
RELEASE_DAYS = 16
"""Days between the deadline and the end of the agreement, for people to decide what they release."""

RETENTION_DAYS = 90
PROTECTED_APPROVERS = 2
"""People who have to agree at a member whose records need protection; one where they do not."""
RELEASED_RECORDS = 16
BANDS = (0, 1, 5, 10, 25, 50, 100, 1000)
"""Lowest numbers of the default bands: none, 1 to 4, 5 to 9, ..."""


def build(
    template_id: str,
    cards: Sequence[Card],
    overrides: Mapping[str, Any],
    *,
    convener: str,
    clock: Clock,
    random_bytes: RandomBytes,
) -> Manifest:
    """An agreement for these two members. `convener` is the member id of whoever proposes.

    Raises NotFound for an unknown template, RefusedByPolicy for a job that is not built or an agreement that cannot
    stand, UserError for a setting that does not exist.
    """
    template = TEMPLATES.get(template_id)
    if template is None:
        raise NotFound("There is no template of that name.", advice=f"Templates are {', '.join(TEMPLATES)}.")
    if template.missing:
        raise RefusedByPolicy(
            f"Template {template.id} ({template.title}) needs {template.missing}, which this version does not have.",
            advice=f"These can be filled in: {', '.join(one.id for one in TEMPLATES.values() if not one.missing)}.",
        )
    if len({card.member_id for card in cards}) != 2 or len(cards) != 2:
        raise UserError("A round has exactly two different members.", advice="Name the two organisations.")
    _known(overrides, SETTINGS, "")
    settings: Mapping[str, Any] = overrides.get("members", {})
    if set(settings) - {card.member_id for card in cards}:
        raise UserError("A setting was given for an organisation that is no member of the round.")
    match = _match(overrides["match"]) if "match" in overrides else [_terms(rule) for rule in template.match]
    room = _decoy_room(match)
    members = [_member(template, card, settings.get(card.member_id, {}), room) for card in cards]
    first = max(members, key=lambda one: (one["record_class"] in PROTECTED, one["member_class"] in SUPPORT))
    now = clock.now()
    deadline = overrides.get("deadline", timestamp(now + timedelta(days=DEADLINE_DAYS)))
    reply = _reply(template, overrides.get("reply", {}))
    card = overrides.get("contact_card", template.contact_card and reply["mode"] in ("ordered", "released"))
    draft = {
        "format": FORMAT,
        "nonce": new_id(random_bytes),
        "template": template.id,
        "title": overrides.get("title", template.title),
        "purpose": overrides.get("purpose", template.purpose),
        "purpose_text": overrides.get("purpose_text", template.purpose_text),
        "onward_use": overrides.get("onward_use", "purpose_only"),
        "convener": convener,
        "members": sorted(members, key=lambda one: str(one["member_id"])),
        "first_learner": overrides.get("first_learner", first["member_id"]),
        "reply": reply,
        "protocol": "pair",
        "protocol_version": PROTOCOL_VERSION,
        "suite": SUITE,
        "normaliser_version": NORMALISER_VERSION,
        "match": match,
        "children": overrides.get("children", "excluded"),
        "created_at": timestamp(now),
        "start_not_before": overrides.get("start_not_before", timestamp(now)),
        "deadline": deadline,
        "expires_at": overrides.get("expires_at", _later(deadline)),
        "series": None,
        "lookup": None,
        "group": None,
        "contact_card": card,
        "near_matches": overrides.get("near_matches", False),
        "payload": list(overrides.get("payload", template.payload if card else ())),
    }
    _in_order(draft)
    return _with_caps(_with_learns(draft))


def _member(template: Template, card: Card, settings: Mapping[str, Any], room: int) -> dict[str, Any]:
    _known(settings, MEMBER_SETTINGS, "members.ALIAS.")
    helps = card.member_class in SUPPORT
    basis = settings.get("basis", "consent" if helps else "legal_duty")
    police = card.member_class in {"police", "prosecutor"}
    records = settings.get("record_class", (helps and template.support) or template.records)
    grounds = {"consent": "Consent of the persons concerned", "legal_duty": "A legal duty of the organisation"}
    return {
        "member_id": card.member_id,
        "card_digest": card.digest.hex(),
        "name": card.name,
        "member_class": card.member_class.value,
        "country": card.country,
        "legal_basis": settings.get("legal_basis", grounds.get(basis, "")),
        "legal_regime": settings.get("legal_regime", "law_enforcement_directive" if police else "gdpr"),
        "record_class": records,
        "basis": basis,
        "records": _records(settings.get("records", FLOOR_RECORDS), room),
        "minimum_records": settings.get("minimum_records", LEAST_RECORDS),
        "retention_days": settings.get("retention_days", RETENTION_DAYS),
        "approvers": settings.get("approvers", PROTECTED_APPROVERS if records in PROTECTED else 1),
    }


def _records(number: int, room: int) -> int:
    """The record class for so many records and the decoys beside them; a number that is a class is taken as it is."""
    try:
        return number if is_record_class(number) else record_class(number + room if number > 0 else number)
    except RefusedValue as error:
        raise UserError(error.sentence, advice=error.advice) from None


def _decoy_room(match: Sequence[Mapping[str, Any]]) -> int:
    """How many records' room the decoys of these rules take. What is no rule is refused where the whole is parsed."""
    try:
        rules = [Rule(one["kind"], one["per_record"], tuple(one["fields"]), one["at_least"]) for one in match]
        tokens = sum(rule.tokens_per_record() for rule in rules)
    except (RefusedValue, KeyError, TypeError):
        return 0
    return -(-DEFAULT_DECOYS * len(rules) // tokens) if tokens else 0


def _reply(template: Template, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The template's reply, or a plain one of another mode, with what was set on top; bands where there is a count."""
    _known(settings, REPLY_SETTINGS, "reply.")
    mode = settings.get("mode", template.mode)
    plain = {"count": "banded" if mode == "count" else "none", "count_then_release": False}
    reply = plain | (dict(template.reply) if mode == template.mode else {}) | dict(settings)
    reply.setdefault("bands", list(BANDS) if reply["count"] == "banded" else [])
    reply.setdefault("max_released", RELEASED_RECORDS if mode == "released" else 0)
    return reply | {"mode": mode}


def _terms(rule: Rule) -> dict[str, Any]:
    return {
        "kind": rule.kind,
        "per_record": rule.per_record,
        "fields": list(rule.fields),
        "at_least": rule.at_least,
    }


def _match(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Match rules as they were set; the room that a person rule needs is filled in."""
    found = []
    for one in given:
        if not isinstance(one, Mapping):
            raise _wrong("match", SETTINGS)
        _known(one, MATCH_SETTINGS, "match.")
        rule: dict[str, Any] = {"fields": [], "at_least": 0, **one}
        if rule.get("kind") == "person" and "per_record" not in rule:
            try:
                rule["per_record"] = Rule.person(tuple(rule["fields"]), rule["at_least"]).per_record
            except RefusedValue as error:
                raise UserError(error.sentence, advice=error.advice) from None
        found.append(rule)
    return found


def _later(deadline: str) -> str:
    try:
        return timestamp(moment(deadline) + timedelta(days=RELEASE_DAYS))
    except (ValueError, OverflowError):
        raise UserError("The deadline is not a time.", advice="Write it as 2026-01-31T12:00:00Z.") from None


def _in_order(draft: Mapping[str, Any]) -> None:
    """UserError, by the names that were typed, if a time comes too early. The agreement itself refuses that too, but
    in words for whoever got it. What is no time is refused where the whole is parsed."""
    made, begins, until, ends = (draft[name] for name in ("created_at", "start_not_before", "deadline", "expires_at"))
    try:
        later, last = moment(begins) + timedelta(days=DEADLINE_DAYS), moment(until) + timedelta(days=RELEASE_DAYS)
        moment(ends)
    except (TypeError, ValueError, OverflowError):
        return
    if begins < made:
        raise UserError(
            f"The round would begin at {begins} (start_not_before), which is over.",
            advice="Leave start_not_before out, and it may begin at once; or set a later time.",
        )
    if until <= begins:
        over = f"but not before {begins} (start_not_before)" if begins > made else "which is over"
        raise UserError(
            f"The lists would have to be exchanged by {until} (deadline), {over}.",
            advice=f"Set a later time, for example --set deadline={timestamp(later)}.",
        )
    if ends < until:
        raise UserError(
            f"The round would end at {ends} (expires_at), before the lists have to be exchanged, {until} (deadline).",
            advice=f"Set a later end, for example --set expires_at={timestamp(last)}, or an earlier deadline.",
        )


def _with_learns(draft: dict[str, Any]) -> dict[str, Any]:
    """What each member gets, from the first learner and the reply."""
    second = list(second_learns(draft["reply"]["mode"], draft["reply"]["count_then_release"] is True))
    members = [
        one | {"learns": ["own_rows"] if one["member_id"] == draft["first_learner"] else second}
        for one in draft["members"]
    ]
    return draft | {"members": members}


def _with_caps(draft: dict[str, Any]) -> Manifest:
    """The cap of each member is what the agreement adds up to, and that takes the agreement to compute."""
    loose = _parse(draft | {"members": [one | {"max_elements": 0} for one in draft["members"]]})
    members = [one | {"max_elements": charge_for(loose, one["member_id"])} for one in draft["members"]]
    return _parse(draft | {"members": members})


def _parse(draft: dict[str, Any]) -> Manifest:
    try:
        data = strict_json.canonical(draft)
    except (TypeError, ValueError):
        raise UserError("A setting of the agreement is not plain text, a number or a list.") from None
    try:
        return Manifest.parse(data)
    except RefusedByPolicy as error:
        if error.advice != ASK_CONVENER:
            raise
        # Whoever reads this proposes it, and has nobody to ask.
        advice = f"Change what was set: `blindmatch round settings {draft['template']}` says what each setting takes."
        raise RefusedByPolicy(error.sentence, advice=advice) from None


def _known(settings: Mapping[str, Any], allowed: Mapping[str, type], before: str) -> None:
    """UserError for a setting that does not exist, or a value of another kind. `before` leads to these settings."""
    if not isinstance(settings, Mapping) or not set(settings) <= set(allowed):
        names = ", ".join(f"{before}{name}" for name in sorted(allowed))
        raise UserError("A setting does not exist.", advice=f"Settings are {names}.")
    for name, value in settings.items():
        kind = allowed[name]
        # To Python a text is a sequence too, of letters, and true is a number.
        disguised = any(isinstance(value, plain) and kind is not plain for plain in (str, bool))
        if disguised or not isinstance(value, kind):
            raise _wrong(name, allowed, before)


def _wrong(name: str, allowed: Mapping[str, type], before: str = "") -> UserError:
    takes = _EXAMPLES.get(f"{before}{name}") or _TAKES[allowed[name]]
    return UserError(f"The setting {before}{name} has a value of the wrong kind.", advice=f"It takes {takes}.")
