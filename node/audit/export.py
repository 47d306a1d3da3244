"""The audit log as a file that anybody can check, on a machine with no node.

    {"format":"blindmatch-audit/1","member_id":..,"name":..,"public_key":..,"made_at":..,"from":..,"to":..,"edge":[..]}
    {"event":..,"facts":{..},"position":..,"time":..}      one line for each entry, from position `from` up to `to`
    {"leaf":".."}                                          or its leaf hash alone (hex), where it is nobody's business
    ...
    {"checkpoint":"blindmatch/...\\n4711\\n..."}             of all `to` entries: a signed note (`checkpoint`)
    {"cosignatures":[{..},..]}                              what others signed of this log (`cosign`)
    {"witnessed":[{..},..]}                                 what this member cosigned of others' logs

JSON Lines in UTF-8. The line of an entry is the entry: its bytes are what is hashed, so they must not be written anew.
`edge` holds the roots (hex) of the full subtrees before `from`, so that a part of a log can be checked as well. In both
lists an element has member_id, name and public_key (hex) of the other member, round_id, moment (open or close), note: a
checkpoint with the signature of the log's owner and the line of the cosigner. Numbers are whole.

What a check shows: that these entries and no others, in this order, are what the owner signed, and what each cosigner
saw at its time. Whose a key is it does not show: a member's id is the digest of its key, the name beside it a claim.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey, parse_checkpoint
from node.audit.cosign import Cosignature, cosigned_note, find_cosignature
from node.audit.merkle import HASH_BYTES, RightEdge, leaf_hash
from node.audit.verify import entry_problem
from node.identity.cards import member_id_of

__all__ = [
    "FORMAT",
    "MAX_LINE_BYTES",
    "MAX_PROBLEMS",
    "Cosigned",
    "ExportReport",
    "Party",
    "bounded_lines",
    "export_lines",
    "hidden_entry",
    "verify_export",
]

FORMAT = "blindmatch-audit/1"
"""Name and version of the form."""

MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longest line that is read, in bytes: the cosignatures of some 40,000 rounds."""

MAX_PROBLEMS = 100
"""Problems listed in a report, in number; the rest is counted."""

_HEADER = frozenset({"format", "member_id", "name", "public_key", "made_at", "from", "to", "edge"})
_COSIGNED = frozenset({"member_id", "name", "public_key", "round_id", "moment", "note"})


@dataclass(frozen=True)
class Party:
    """A member as an export names it; `public_key` is that of its identity (32 bytes)."""

    member_id: str
    name: str
    public_key: bytes

    @property
    def key(self) -> NoteKey:
        return NoteKey.of_member(self.member_id, self.public_key)


@dataclass(frozen=True)
class Cosigned:
    """A checkpoint of one member's log that another member cosigned at the `moment` (open or close) of a round.

    `other` is the member that the export is not of: who cosigned, or whose log was cosigned.
    """

    other: Party
    round_id: str
    moment: str
    checkpoint: Checkpoint
    cosignature: Cosignature


@dataclass
class ExportReport:
    """What `verify_export` found: `problems` are sentences, empty if everything holds.

    `size`: entries of the log; those from `first` on are in the file, `hidden` of them by their hash only. `cosigned`:
    what others signed of this log and fits it, `witnessed`: what its owner cosigned of theirs; only what holds is in
    these lists.
    """

    owner: Party | None = None
    made_at: str = ""
    first: int = 0
    size: int = 0
    hidden: int = 0
    checkpoint: Checkpoint | None = None
    cosigned: list[Cosigned] = field(default_factory=list)
    witnessed: list[Cosigned] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0
    roots: dict[int, bytes] = field(default_factory=dict, repr=False)
    """Size -> root of the log at that size, from `first` on."""

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def covered(self) -> int:
        """Entries that a cosignature of somebody else covers: from there on only the owner's word stands for them."""
        return max((one.checkpoint.tree_size for one in self.cosigned), default=0)

    def add(self, sentence: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(sentence)
        else:
            self.more_problems += 1


def export_lines(
    owner: Party,
    bodies: Iterable[str],
    checkpoint: Checkpoint,
    *,
    made_at: str,
    edge: RightEdge,
    cosigned: Sequence[Cosigned] = (),
    witnessed: Sequence[Cosigned] = (),
) -> Iterator[str]:
    """The lines of an export, without line ends. `bodies` are those of the entries from `edge.size` on, up to the size
    of `checkpoint`."""
    yield _line(
        {
            "format": FORMAT,
            "member_id": owner.member_id,
            "name": owner.name,
            "public_key": owner.public_key.hex(),
            "made_at": made_at,
            "from": edge.size,
            "to": checkpoint.tree_size,
            "edge": [root.hex() for root in edge.roots],
        }
    )
    yield from bodies
    yield _line({"checkpoint": checkpoint.to_text(owner.key)})
    yield _line({"cosignatures": [_element(one, owner.key, one.other.key) for one in cosigned]})
    yield _line({"witnessed": [_element(one, one.other.key, owner.key) for one in witnessed]})


def bounded_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file for `verify_export`. One that is too long comes in parts, none of which is a line of an
    export: a file without line ends is not read into memory as a whole."""
    return iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")


def verify_export(
    lines: Iterable[bytes], each: Callable[[Mapping[str, Any]], None] = lambda _entry: None
) -> ExportReport:
    """Check an export from its bytes alone. `each` is given every entry (position, time, event, facts) on the way.

    Never raises for what the bytes are: everything that does not hold is a sentence in the report.
    """
    report, source = ExportReport(), iter(lines)
    edge = _header(report, next(source, b""))
    if edge is None:
        return report
    roots, wanted = report.roots, report.size
    roots[edge.size] = edge.root()
    while edge.size < wanted:
        line = next(source, b"").rstrip(b"\r\n")
        if not line:
            report.add(f"The file ends before entry {edge.size}.")
            return report
        leaf = _hidden(line)
        if leaf is not None:
            report.hidden += 1
        else:
            problem = entry_problem(edge.size, line)
            if problem:
                report.add(f"Entry {edge.size} {problem}.")
                if problem.endswith("form of an entry"):
                    return report
            each(json.loads(line))
            leaf = leaf_hash(line)
        edge.append(leaf)
        roots[edge.size] = edge.root()
    _checkpoint(report, next(source, b""), edge)
    _lists(report, source)
    return report


def _header(report: ExportReport, line: bytes) -> RightEdge | None:
    header = _object(line)
    if header is None or header.get("format") != FORMAT or set(header) != _HEADER:
        report.add("This is not an export of an audit log, or one of another version.")
        return None
    try:
        owner = _party(header)
        first, size, made_at = header["from"], header["to"], header["made_at"]
        if type(first) is not int or type(size) is not int or not 0 <= first <= size or not isinstance(made_at, str):
            raise ValueError("numbers")
        edge = RightEdge.resumed(first, [bytes.fromhex(root) for root in header["edge"]])
    except (TypeError, ValueError):
        report.add("The first line of the export does not have its form.")
        return None
    report.owner, report.first, report.size, report.made_at = owner, first, size, made_at
    return edge


def hidden_entry(body: str) -> str:
    """The line that stands for an entry without showing it. The salt in the entry keeps it from being guessed."""
    return _line({"leaf": leaf_hash(body.encode()).hex()})


def _hidden(line: bytes) -> bytes | None:
    """The leaf hash in the line of a hidden entry; None for any other line."""
    if not line.startswith(b'{"leaf"'):
        return None
    found = _object(line)
    try:
        leaf = bytes.fromhex(found["leaf"]) if found is not None and set(found) == {"leaf"} else b""
    except (TypeError, ValueError):
        return None
    return leaf if len(leaf) == HASH_BYTES else None


def _checkpoint(report: ExportReport, line: bytes, edge: RightEdge) -> None:
    assert report.owner is not None
    found = _object(line)
    note = None if found is None else found.get("checkpoint")
    if not isinstance(note, str):
        report.add("The signed checkpoint is missing after the entries, or there are more entries than it says.")
        return
    try:
        checkpoint = parse_checkpoint(note.encode(errors="replace"), report.owner.key)
    except BadCheckpoint as error:
        report.add(error.sentence)
        return
    if (checkpoint.tree_size, checkpoint.root) != (edge.size, edge.root()):
        report.add("The entries are not those that the checkpoint was signed over: some were changed.")
        return
    report.checkpoint = checkpoint


def _lists(report: ExportReport, source: Iterator[bytes]) -> None:
    assert report.owner is not None
    roots = report.roots
    for name in ("cosignatures", "witnessed"):
        found = _object(next(source, b""))
        elements = None if found is None else found.get(name)
        if not isinstance(elements, list):
            report.add(f"The list of {name} is missing.")
            return
        for number, element in enumerate(elements, start=1):
            ours = name == "cosignatures"
            one = _cosigned(element, report.owner, ours=ours)
            if one is None:
                report.add(f"Element {number} of the list of {name} does not hold.")
            elif not ours:
                report.witnessed.append(one)
            elif one.checkpoint.tree_size < report.first:
                continue  # over entries that are not in this file
            elif roots.get(one.checkpoint.tree_size) == one.checkpoint.root:
                report.cosigned.append(one)
            elif one.checkpoint.tree_size > report.size:
                report.add(
                    f"{one.other.name} cosigned {one.checkpoint.tree_size} entries at the {one.moment} of round "
                    f"{one.round_id[:8]}, and there are {report.size}: the end of the log is missing."
                )
            else:
                report.add(
                    f"{one.other.name} cosigned another log at the {one.moment} of round {one.round_id[:8]}: entries "
                    f"before number {one.checkpoint.tree_size} were changed since."
                )
    if next(source, b"").strip():
        report.add("The file goes on after its end.")


def _cosigned(element: Any, owner: Party, *, ours: bool) -> Cosigned | None:
    try:
        if set(element) != _COSIGNED or element["moment"] not in ("open", "close"):
            return None
        other, round_id = _party(element), element["round_id"]
        if len(bytes.fromhex(round_id)) != 16:
            return None
        log, cosigner = (owner.key, other.key) if ours else (other.key, owner.key)
        note = element["note"].encode(errors="replace")
        checkpoint = parse_checkpoint(note, log)
        cosignature = find_cosignature(note, checkpoint, log, cosigner)
    except (AttributeError, BadCheckpoint, KeyError, TypeError, ValueError):
        return None
    return Cosigned(other, round_id, element["moment"], checkpoint, cosignature)


def _party(found: Mapping[str, Any]) -> Party:
    """ValueError or TypeError unless these are a member's id, its name and its key, and the id is that of the key."""
    party = Party(found["member_id"], found["name"], bytes.fromhex(found["public_key"]))
    if not isinstance(party.name, str) or member_id_of(party.public_key) != party.member_id:
        raise ValueError("not a member")
    return party


def _object(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _element(one: Cosigned, log: NoteKey, cosigner: NoteKey) -> dict[str, str]:
    return {
        "member_id": one.other.member_id,
        "name": one.other.name,
        "public_key": one.other.public_key.hex(),
        "round_id": one.round_id,
        "moment": one.moment,
        "note": cosigned_note(one.checkpoint, log, [(one.cosignature, cosigner)]),
    }


def _line(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
