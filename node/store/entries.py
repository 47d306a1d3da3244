"""How entries of the audit log are found in the database by their event, also by those who may not import `node.audit`.

A body is canonical JSON (RFC 8785): the event stands in it in one way only, and a quotation mark inside a fact is
escaped, so that no fact can look like an event.
"""

from sqlalchemy import ColumnElement

from node.store.schema import audit_entries

__all__ = ["tells_of"]


def tells_of(event: str) -> ColumnElement[bool]:
    """Whether a row of `audit_entries` is one of this event."""
    return audit_entries.c.body.contains(f'"event":"{event}"')
