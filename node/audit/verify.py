"""Checking an audit log from its entries alone.

Every hash is computed again from the bodies; nothing that is stored beside them is believed. What is found:

    a changed entry             its stored hash, its position or its time no longer fits the body
    a deleted, inserted or      positions have a gap or a repetition, or the root at the next checkpoint differs
    swapped entry
    a cut-off end               a checkpoint counts more entries than there are
    a rewritten log with new    nothing inside the node shows it: the checkpoint that a *peer* remembers differs.
    hashes and signatures       Such checkpoints are given as `remembered`

So what comes after the last checkpoint can be rewritten, added or cut off by anyone who can write the database;
rounds make a checkpoint at both ends.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from sqlalchemy import Connection, LargeBinary, cast, select

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey
from node.audit.merkle import RightEdge, leaf_hash
from node.store.schema import audit_entries, checkpoints

__all__ = ["MAX_PROBLEMS", "Report", "entry_problem", "verify_log"]

MAX_PROBLEMS = 100
"""Problems listed in a report, in number; the rest is counted."""


@dataclass
class Report:
    """What `verify_log` found: `problems` are sentences, empty if the log is sound; `root`, in hex, is that of the
    entries that are there."""

    entries: int = 0
    root: str = ""
    checkpoints: int = 0
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, sentence: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(sentence)
        else:
            self.more_problems += 1


def verify_log(connection: Connection, key: NoteKey, remembered: Iterable[Checkpoint] = ()) -> Report:
    """Verify the whole log. `remembered` are checkpoints of this log that others kept. Reads in one pass."""
    report = Report()
    claims: dict[int, list[tuple[str, Checkpoint]]] = {}
    # Read as bytes: text that is no longer UTF-8, or a number where text was, must become a problem, not an error.
    signed = select(checkpoints.c.tree_size, _raw(checkpoints.c.root), _raw(checkpoints.c.signature))
    for size, root, signature in connection.execute(signed):
        report.checkpoints += 1
        claims.setdefault(size, []).append(
            ("A checkpoint of this node", Checkpoint(size, root or b"", signature or b""))
        )
    for checkpoint in remembered:
        claims.setdefault(checkpoint.tree_size, []).append(("A checkpoint that another member remembers", checkpoint))

    edge = RightEdge()
    _compare(report, edge, claims.pop(0, []), key)
    table = audit_entries.c
    rows = select(table.position, _raw(table.at), _raw(table.body), _raw(table.leaf_hash)).order_by(table.position)
    for position, at, body, stored in connection.execute(rows):
        if position != edge.size:
            report.add(f"Entry {edge.size} is missing, or entry {position} was inserted.")
        problem = _row_problem(edge.size, at, body, stored)
        if problem:
            report.add(f"Entry {position} {problem}.")
        edge.append(leaf_hash(body or b""))
        _compare(report, edge, claims.pop(edge.size, []), key)
    report.entries, report.root = edge.size, edge.root().hex()
    for size, found in sorted(claims.items()):
        for origin, _ in found:
            report.add(f"{origin} counts {size} entries, but there are {edge.size}: the end of the log is missing.")
    return report


def _compare(report: Report, edge: RightEdge, claims: list[tuple[str, Checkpoint]], key: NoteKey) -> None:
    for origin, checkpoint in claims:
        try:
            checkpoint.verify(key)
        except BadCheckpoint:
            report.add(f"{origin} at {edge.size} entries does not carry this node's signature.")
        if checkpoint.root != edge.root():
            report.add(f"{origin} at {edge.size} entries does not fit: entries before it were changed.")


def _row_problem(position: int, at: bytes | None, body: bytes | None, stored: bytes | None) -> str:
    """What is wrong with one entry in the database, or an empty string."""
    if body is None or leaf_hash(body) != stored:
        return "was changed: its hash does not fit"
    problem = entry_problem(position, body)
    if not problem and json.loads(body)["time"] != (at or b"").decode(errors="replace"):
        return "stands in the database with another time than it says"
    return problem


_FORM = {"position": int, "time": str, "event": str, "facts": dict}


def entry_problem(position: int, body: bytes) -> str:
    """What is wrong with the body of an entry that should stand at `position`, or an empty string."""
    try:
        content = json.loads(body.decode())
        if rfc8785.dumps(content) != body or {name: type(content[name]) for name in content} != _FORM:
            return "does not have the form of an entry"
    except (ValueError, TypeError, RecursionError):
        return "does not have the form of an entry"
    if content["position"] != position:
        return "says that it belongs elsewhere"
    return ""


def _raw(column: Any) -> Any:
    return cast(column, LargeBinary)
