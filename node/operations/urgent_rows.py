"""Rows in urgent danger take part without a consent if a second person looked at them (decision 0012).

While nobody is registered that person is a label. Afterwards they approve by a command of their own, with their own
passphrase: exactly this file for exactly this data set, and within `APPROVED_HOURS`; then the first person runs the
command again. Of a file that names a database the address and the query are approved, not what they will give.
"""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from node.agreement.terms import moment
from node.errors import UserError
from node.operations.dataset_forms import AddRequest, RefreshRequest
from node.operations.parts import Parts
from node.staff import Role, Subject

__all__ = ["APPROVED_HOURS", "with_second"]

APPROVED_HOURS = 24
"""How long an approval is good for, in hours: an urgency that lasts is looked at again."""

R = TypeVar("R", AddRequest, RefreshRequest)


def with_second(parts: Parts, request: R, path: str) -> R:
    """The request, with the second person who approved it where staff is registered. UserError if nobody has yet: then
    it is asked for. NotAllowed if the one who is named cannot be it."""
    if not request.second or parts.roster.open:
        return request
    digest, latest = _digest(request.name, path), parts.approvals.latest(Subject.URGENT_ROWS, request.name)
    if latest is not None and latest.digest == digest and latest.verdict == "approved":
        age = parts.clock.now() - moment(str(latest.decided_at))
        if timedelta() <= age < timedelta(hours=APPROVED_HOURS) and latest.decided_by != request.by:
            return request.model_copy(update={"second": str(latest.decided_by)})
    with parts.store.transaction() as tx:
        parts.roster.demand(tx, request.second, Role.APPROVER)
        number = parts.approvals.ask(tx, Subject.URGENT_ROWS, request.name, digest, request.by).number
    raise UserError(
        "Rows in urgent danger take part only when a second person has approved this file. It is asked for now; "
        "nothing else was done.",
        advice=f"They look at the file, and run `blindmatch approval approve {number} --by NAME`; then run this again.",
    )


def _digest(name: str, path: str) -> bytes:
    """32 bytes for "the rows in urgent danger of this file, into this data set"."""
    try:
        with Path(path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.") from None
    return hashlib.sha256(b"blindmatch urgent rows 1\0" + content + name.encode()).digest()
