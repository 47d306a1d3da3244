"""Operations on the policy of a node: what its rules ask, how this organisation narrows them, what they say of one
agreement. Nothing here changes a rule: that takes the file and a restart, and stands in the log."""

import hashlib
import json
from typing import Any

from sqlalchemy import Connection

from node.agreement.manifest import Manifest
from node.errors import UserError
from node.identity.members import Member, MemberBook
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.policy import RULES
from node.policy.narrowing import Policy, load_policy, policy_digest
from node.policy.words import asks
from node.staff import Approval
from node.wire import strict_json

__all__ = [
    "OPERATIONS",
    "ExplainReply",
    "ExplainRequest",
    "PolicyReply",
    "RuleView",
    "SettingView",
    "children_approved",
    "children_digest",
]

MAX_FILE_CHARACTERS = 256 * 1024
"""Longest file that is read as an agreement: one as it is printed is some times as long as its canonical bytes."""


class RuleView(Reply):
    """`asks`: what the rule is about; `sentence` and `advice`: why it refuses, empty where it does not."""

    rule: str
    asks: str
    ok: bool = True
    sentence: str = ""
    advice: str = ""


class SettingView(Reply):
    """One setting of policy.toml: `value` as it holds now, `usual` without the file."""

    name: str
    value: str
    usual: str
    means: str


class PolicyReply(Reply):
    """`narrowed`: the settings that differ from the rules' own. `warnings`: what its reader has to see to."""

    file: str
    exists: bool
    digest: str
    rules: list[RuleView]
    settings: list[SettingView]
    narrowed: list[str]
    warnings: list[str]


class ExplainRequest(Request):
    """One of `round` (the beginning of its id) and `manifest` (its JSON); `dataset`: what would take part."""

    round: str | None = None
    manifest: str | None = None
    dataset: str | None = None


class ExplainReply(Reply):
    """`agrees`: every rule does. `note`: what has to be said about the file that was given."""

    title: str
    template: str
    agrees: bool
    rules: list[RuleView]
    note: str = ""


def _show(parts: Parts, _request: Nothing, _progress: Progress) -> PolicyReply:
    policy, usual = parts.policy, Policy()
    found = []
    for section in ("limits", "refuse"):
        mine, plain = getattr(policy, section), getattr(usual, section)
        for name, field in type(mine).model_fields.items():
            found.append(
                SettingView(
                    name=f"{section}.{name}",
                    value=_plain(getattr(mine, name)),
                    usual=_plain(getattr(plain, name)),
                    means=field.description or "",
                )
            )
    return PolicyReply(
        file=str(parts.folder.policy),
        exists=parts.folder.policy.exists(),
        digest=policy_digest(policy).hex(),
        rules=[RuleView(rule=rule.name, asks=asks(rule.name, policy)) for rule in RULES],
        settings=found,
        narrowed=sorted(policy.narrowed()),
        warnings=_warnings(parts),
    )


def _warnings(parts: Parts) -> list[str]:
    """A prohibition that hits nobody, and a file that is not in force."""
    known = {name for member in parts.members.list() for name in (member.alias, member.member_id)}
    found = [
        f"refuse.members names {name}, which is no alias or id in the member book: it refuses nobody."
        for name in parts.policy.refuse.members
        if name not in known
    ]
    try:
        if load_policy(parts.folder.policy) != parts.policy:
            found.append("policy.toml was changed since the node started: restart the node to put it in force.")
    except UserError as error:
        found.append(f"{error.sentence} The node would not start with it: what is shown here is still in force.")
    return found


def _explain(parts: Parts, request: ExplainRequest, _progress: Progress) -> ExplainReply:
    if (request.round is None) == (request.manifest is None):
        raise UserError("Say which agreement is explained: a round, or a file that holds one.")
    found, note = None, ""
    if request.round is not None:
        found = parts.book.find(request.round)
        manifest = found.manifest
    else:
        manifest, note = _read(request.manifest or "")
    dataset = None if request.dataset is None else parts.datasets.get(request.dataset)
    if dataset is None and found is not None and found.dataset_id is not None:
        dataset = parts.datasets.by_id(found.dataset_id)
    verdicts = parts.negotiation.judge(manifest, dataset)
    return ExplainReply(
        title=manifest.title,
        template=manifest.template,
        agrees=all(verdict.ok for verdict in verdicts),
        rules=[
            RuleView(
                rule=verdict.rule,
                asks=asks(verdict.rule, parts.policy),
                ok=verdict.ok,
                sentence=verdict.sentence,
                advice=verdict.advice,
            )
            for verdict in verdicts
        ],
        note=note,
    )


def _read(text: str) -> tuple[Manifest, str]:
    """The agreement in a file, by itself or as `round show --json` and `round propose --json` print it."""
    try:
        if len(text) > MAX_FILE_CHARACTERS:
            raise ValueError
        found = json.loads(text, object_pairs_hook=_each_once)
        if isinstance(found, dict) and isinstance(found.get("manifest"), dict):
            found = found["manifest"]
        canonical = strict_json.canonical(found)
    except (ValueError, RecursionError):
        raise UserError(
            "This file holds no agreement.",
            advice="`blindmatch round show ROUND --json` prints one, and `round propose --dry-run --json` a draft.",
        ) from None
    note = "" if canonical == text.encode() else _REWRITTEN
    return Manifest.parse(canonical), note


_REWRITTEN = "The file is not in the byte form that members sign; its content was judged."


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name that stands twice")
    return dict(pairs)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def children_digest(member: Member) -> bytes:
    """32 bytes for "this member, with this card, may take part in rounds about children"."""
    return hashlib.sha256(b"blindmatch children 1\0" + member.member_id.encode() + member.card.digest).digest()


def children_approved(members: MemberBook, tx: Connection, approval: Approval) -> None:
    """What follows when a second person approves that: `node.staff.approvals.Effect`."""
    member = members.get(approval.subject_id)
    if children_digest(member) != approval.digest or approval.decided_by is None:
        raise UserError(
            f"{member.alias} has another card since this was asked for.",
            advice="Ask for it again: `blindmatch member children ALIAS --by NAME`.",
        )
    members.set_children(
        tx, member.member_id, member.card.digest, allowed=True, by=approval.asked_by, second=approval.decided_by
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("policy.show", Nothing, _show),
    Operation("policy.explain", ExplainRequest, _explain),
)
