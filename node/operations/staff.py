"""Operations on the people of this organisation, and on what waits for a second one of them."""

from typing import Any

from pydantic import Field

from node.errors import NotAllowed, UserError
from node.operations.budgets import grant_words
from node.operations.members import alias_of
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request, SecretRequest
from node.rounds.second_person import approver_role
from node.rounds.states import RoundState
from node.staff import Approval, Person, Role, Subject
from node.staff.roles import parse_roles

__all__ = [
    "OPERATIONS",
    "AddPersonRequest",
    "ApprovalList",
    "ApprovalReply",
    "ApprovalRequest",
    "ApprovalView",
    "PassphraseRequest",
    "PersonReply",
    "PersonRequest",
    "PersonView",
    "StaffList",
]


class PersonView(Reply):
    """`state`: waiting (a second approver has to approve the registration), active or removed."""

    label: str
    roles: list[str]
    state: str
    added_by: str
    added_at: str
    removed_at: str | None


class StaffList(Reply):
    """`open`: nobody is registered, so labels are taken as said."""

    open: bool
    people: list[PersonView]


class PersonReply(Reply):
    """`approval`: the number of what a second approver has to approve, if somebody has to."""

    person: PersonView
    approval: int | None = None


class AddPersonRequest(SecretRequest):
    """The new person's own passphrase comes beside it."""

    label: str
    roles: list[str] = Field(min_length=1, max_length=len(Role))
    by: str


class PersonRequest(Request):
    label: str
    by: str


class PassphraseRequest(SecretRequest):
    """Whoever asks changes their own; the new one comes beside it."""

    by: str


class ApprovalRequest(Request):
    """`number`: of the line, as `approval.list` gives it."""

    number: int = Field(ge=1)
    by: str


class ApprovalView(Reply):
    """`what` says in words what it is about; `overdue`: it was done without the second person."""

    number: int
    subject: str
    subject_id: str
    what: str
    asked_by: str
    asked_at: str
    verdict: str
    overdue: bool
    decided_by: str | None
    decided_at: str | None


class ApprovalReply(Reply):
    approval: ApprovalView


class ApprovalList(Reply):
    approvals: list[ApprovalView]


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> StaffList:
    return StaffList(open=parts.roster.open, people=[_person(one) for one in parts.roster.people()])


def _add(parts: Parts, request: AddPersonRequest, _progress: Progress) -> PersonReply:
    roles = parse_roles(request.roles)
    passphrase = request.new_passphrase
    with parts.store.transaction() as tx:
        person = parts.roster.add(tx, request.label, roles, passphrase, request.by)
        number = None
        if person.state == "waiting":
            digest = parts.roster.digest(person)
            number = parts.approvals.ask(tx, Subject.STAFF, person.label, digest, request.by).number
    return PersonReply(person=_person(person), approval=number)


def _remove(parts: Parts, request: PersonRequest, _progress: Progress) -> PersonReply:
    with parts.store.transaction() as tx:
        person = parts.roster.remove(tx, request.label, request.by)
        parts.approvals.drop(tx, Subject.STAFF, person.label, request.by)
    return PersonReply(person=_person(person))


def _passphrase(parts: Parts, request: PassphraseRequest, _progress: Progress) -> PersonReply:
    if parts.roster.open:
        raise UserError("Nobody is registered at this node, so nobody has a passphrase of their own.")
    with parts.store.transaction() as tx:
        parts.roster.change_passphrase(tx, request.by, request.new_passphrase)
    return PersonReply(person=_person(parts.roster.named(request.by)))


def _approvals(parts: Parts, _request: Nothing, _progress: Progress) -> ApprovalList:
    waiting = [one for one in parts.approvals.waiting() if not _pointless(parts, one)]
    return ApprovalList(approvals=[_view(parts, one) for one in waiting])


def _approve(parts: Parts, request: ApprovalRequest, _progress: Progress) -> ApprovalReply:
    """A second person's yes, to whatever it is about."""
    asked = _open(parts, request.number)
    if asked.subject is Subject.ROUND_SIGN:
        parts.negotiation.approve(parts.book.get(asked.subject_id), by=request.by)
    else:
        with parts.store.transaction() as tx:
            parts.approvals.approve(tx, asked.subject, asked.subject_id, asked.digest, request.by)
    return ApprovalReply(approval=_view(parts, parts.approvals.numbered(request.number)))


def _decline(parts: Parts, request: ApprovalRequest, _progress: Progress) -> ApprovalReply:
    """A second person's no. A round that somebody wanted to sign stays as it is: it can be refused, or asked for
    again."""
    asked = _open(parts, request.number)
    role = None
    if asked.subject is Subject.ROUND_SIGN:
        role = approver_role(parts.book.get(asked.subject_id).manifest)
    with parts.store.transaction() as tx:
        parts.approvals.decline(tx, asked.subject, asked.subject_id, asked.digest, request.by, role=role)
        if asked.subject is Subject.STAFF and not asked.overdue:
            parts.roster.remove(tx, asked.subject_id, request.by)
    return ApprovalReply(approval=_view(parts, parts.approvals.numbered(request.number)))


def _open(parts: Parts, number: int) -> Approval:
    asked = parts.approvals.numbered(number)
    if not asked.open or _pointless(parts, asked):
        raise NotAllowed(
            "This does not wait for anybody any more.", advice="`blindmatch approval list` shows what does."
        )
    return asked


def _pointless(parts: Parts, asked: Approval) -> bool:
    """A round that ended meanwhile need not be signed; what was signed as urgent is still looked at."""
    if asked.subject is not Subject.ROUND_SIGN or asked.overdue:
        return False
    found = parts.book.peek(asked.subject_id)
    return found is None or found.state is not RoundState.PROPOSED


def _what(parts: Parts, asked: Approval) -> str:
    """What it is about, in words; only names that the organisations use among themselves."""
    match asked.subject:
        case Subject.ROUND_SIGN:
            found = parts.book.peek(asked.subject_id)
            title = "" if found is None else f" ({found.manifest.template} {found.manifest.title})"
            return f"sign round {asked.subject_id[:8]}{title}"
        case Subject.STAFF:
            return f"register {asked.subject_id}"
        case Subject.UNFREEZE | Subject.CHILDREN_MEMBER:
            alias = alias_of(parts, asked.subject_id)
            return f"{'unfreeze' if asked.subject is Subject.UNFREEZE else 'rounds about children with'} {alias}"
        case Subject.GRANT:
            return grant_words(parts, asked.subject_id)
        case Subject.ERASE:
            return "erase a record of this node"
        case Subject.URGENT_ROWS:
            return f"take rows in urgent danger into the data set {asked.subject_id}, without a consent"
        case Subject.BUDGET_SETTINGS:
            return f"the limits in [budget] of config.toml: {parts.budget.asked.sentence().rstrip('.')}"


def _person(person: Person) -> PersonView:
    return PersonView(
        label=person.label,
        roles=sorted(role.value for role in person.roles),
        state=person.state,
        added_by=person.added_by,
        added_at=person.added_at,
        removed_at=person.removed_at,
    )


def _view(parts: Parts, asked: Approval) -> ApprovalView:
    return ApprovalView(
        number=asked.number,
        subject=asked.subject.value,
        subject_id=asked.subject_id,
        what=_what(parts, asked),
        asked_by=asked.asked_by,
        asked_at=asked.asked_at,
        verdict=asked.verdict,
        overdue=asked.overdue,
        decided_by=asked.decided_by,
        decided_at=asked.decided_at,
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("staff.list", Nothing, _list),
    Operation("staff.add", AddPersonRequest, _add, role=Role.APPROVER),
    Operation("staff.remove", PersonRequest, _remove, role=Role.APPROVER),
    Operation("staff.passphrase", PassphraseRequest, _passphrase, role=None),
    Operation("approval.list", Nothing, _approvals),
    Operation("approval.approve", ApprovalRequest, _approve, role=None),
    Operation("approval.decline", ApprovalRequest, _decline, role=None),
)
