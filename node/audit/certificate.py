"""A certificate: one round, or one lead of it, in a file that can be checked on a machine with no node.

    {"format", "statement", "manifest", "signatures", "entries", "checkpoint", "cosignatures", "signature"}

    statement     about (round or lead), round_id, node (member_id, name, public_key), by, made_at, state, full;
                  of a lead also handle and keys: by which match handle, and in what, a record agreed; no reference
    manifest      the agreement, as every member signed it
    signatures    member_id, public_key, signature, round_key: who signed it
    entries       body and proof: entries of the audit log about this round (RFC 6962 inclusion in `checkpoint`).
                  The last one says that this certificate was made, with the digest of `statement`
    checkpoint    where the log stood then, signed by its owner
    cosignatures  member_id, public_key, round_id, moment, note, proof: what others signed of this log, with the proof
                  that it went on from there (RFC 6962 consistency)
    signature     of the node's identity key over all of it

One canonical JSON document (RFC 8785). A member's id is the digest of its key, so the keys in the file need no other
witness for who signed *as* that id; whose id it is shows a card. By default only such entries go in as the other side
knows of anyway; with `full` also those that tell how many records agreed or were kept back: for a court or an
authority, not for the other side. Every entry has a salt, so the hashes in a proof tell nothing of its neighbours.

Not proven: that the entries are all there are (an export shows that), and that a record really holds what it was
matched by. That a lead has this handle is the node's word, and the other side's, where its certificate names it too.
"""

import hashlib
import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.agreement.manifest import SIGN_LABEL, Manifest
from node.agreement.terms import MAX_MEMBERS
from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey, parse_checkpoint
from node.audit.cosign import cosigned_note, find_cosignature
from node.audit.export import Cosigned, Party
from node.audit.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from node.audit.verify import entry_problem
from node.errors import RefusedByPolicy
from node.identity.cards import member_id_of
from node.wire.signing import verify
from node.wire.strict_json import canonical, parse

__all__ = [
    "CHECKS",
    "FORMAT",
    "LABEL",
    "MAX_CERTIFICATE_BYTES",
    "MAX_ENTRIES",
    "SHAREABLE",
    "CertificateReport",
    "Evidence",
    "Witnessed",
    "make_certificate",
    "of_round",
    "statement_digest",
    "verify_certificate",
]

FORMAT = "blindmatch-certificate/1"
LABEL = b"blindmatch/1 certificate"
MAX_CERTIFICATE_BYTES = 4 * 1024 * 1024
"""Longest certificate that is read, in bytes. One of a round of two members is about 15 KiB."""
MAX_ENTRIES = 1_000
"""Entries in a certificate, in number."""
MAX_COSIGNATURES = 64
"""Cosignatures in a certificate, in number."""

SHAREABLE = frozenset(
    {
        "round-proposed",
        "round-received",
        "round-signed",
        "round-refused",
        "round-started",
        "budget-charged",
        "answer-sent",
        "count-sent",
        "count-received",
        "release-sent",
        "release-received",
        "round-closed",
        "round-cancelled",
        "checkpoint-cosigned",
        "cosignature-received",
        "certificate-made",
    }
)
"""Events of a round that the other side knows of anyway. `round-failed` is none: its reason may be our own affair."""

_FIELDS = frozenset(
    {"format", "statement", "manifest", "signatures", "entries", "checkpoint", "cosignatures", "signature"}
)
_STATEMENT = frozenset({"about", "round_id", "node", "by", "made_at", "state", "full", "handle", "keys"})
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True)
class Evidence:
    """What a node has about a round: `signatures` are (member id, public key, signature, round key); `entries` the
    positions and bodies of its entries, the last of which is that of the certificate."""

    manifest: Manifest
    signatures: Sequence[tuple[str, bytes, bytes, bytes]]
    entries: Sequence[tuple[int, str]]
    tree: Tree
    checkpoint: Checkpoint
    cosigned: Sequence[Cosigned]


@dataclass(frozen=True)
class Witnessed:
    """Who cosigned that the log had `size` entries, and when (seconds since 1970)."""

    member_id: str
    size: int
    time: int


@dataclass
class CertificateReport:
    """What a check found. `problems` are code words (`verdicts` has the sentences), empty if everything holds.

    `signed`: ids of members whose signature under the agreement holds. `entries`: position, time, event and facts.
    """

    statement: Mapping[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None
    owner: Party | None = None
    signed: list[str] = field(default_factory=list)
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    size: int = 0
    witnessed: list[Witnessed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def covered(self, known: Container[str] = ()) -> int:
        """Entries of this file that a member of the agreement vouches for, or one whose card is `known`.

        Anybody can make a key and cosign with it: whoever is neither counts for nothing.
        """
        parties = {member.member_id for member in self.manifest.members} if self.manifest is not None else set()
        counted = (one.size for one in self.witnessed if one.member_id in parties or one.member_id in known)
        most = max(counted, default=0)
        return sum(entry["position"] < most for entry in self.entries)

    def members(self) -> set[str]:
        """Everybody whose key vouches for something in this file."""
        owner = {self.owner.member_id} if self.owner is not None else set()
        return owner | set(self.signed) | {one.member_id for one in self.witnessed}

    def add(self, code: str) -> None:
        """Note a problem, once."""
        if code not in self.problems:
            self.problems.append(code)


def statement_digest(statement: Mapping[str, Any]) -> str:
    """What the log says of a certificate: 64 hex characters."""
    return hashlib.sha256(canonical(dict(statement))).hexdigest()


def make_certificate(
    statement: Mapping[str, Any], evidence: Evidence, owner: NoteKey, sign: Callable[[bytes, bytes], bytes]
) -> bytes:
    """The file. `sign(label, data)` is the identity's. IndexError if an entry is not in the tree."""
    tree, size = evidence.tree, evidence.checkpoint.tree_size
    document: dict[str, Any] = {
        "format": FORMAT,
        "statement": dict(statement),
        "manifest": json.loads(evidence.manifest.canonical()),
        "signatures": [
            {
                "member_id": member_id,
                "public_key": public_key.hex(),
                "signature": signature.hex(),
                "round_key": round_key.hex(),
            }
            for member_id, public_key, signature, round_key in evidence.signatures
        ],
        "entries": [
            {"body": body, "proof": [part.hex() for part in tree.inclusion(position, size)]}
            for position, body in evidence.entries
        ],
        "checkpoint": evidence.checkpoint.to_text(owner),
        "cosignatures": [
            {
                "member_id": one.other.member_id,
                "public_key": one.other.public_key.hex(),
                "round_id": one.round_id,
                "moment": one.moment,
                "note": cosigned_note(one.checkpoint, owner, [(one.cosignature, one.other.key)]),
                "proof": [part.hex() for part in tree.consistency(one.checkpoint.tree_size, size)],
            }
            for one in evidence.cosigned
        ],
    }
    document["signature"] = sign(LABEL, canonical(document)).hex()
    return canonical(document)


def verify_certificate(data: bytes) -> CertificateReport:
    """Check a certificate from its bytes alone. Never raises for what the bytes are."""
    report = CertificateReport()
    try:
        document = parse(data.rstrip(b"\r\n"), max_bytes=MAX_CERTIFICATE_BYTES)
        if not isinstance(document, dict) or set(document) != _FIELDS or document["format"] != FORMAT:
            raise ValueError("form")
        _statement(report, document["statement"])
        report.manifest = Manifest.parse(canonical(document["manifest"]))
    except (ValueError, TypeError, RefusedByPolicy):
        report.add("form")
        return report
    for check in CHECKS:
        try:
            check(report, document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            report.add("form")
    return report


def _statement(report: CertificateReport, found: Any) -> None:
    """ValueError or TypeError if it has not the form."""
    if set(found) != _STATEMENT or set(found["node"]) != {"member_id", "name", "public_key"}:
        raise ValueError("form")
    texts = [found[name] for name in ("about", "round_id", "by", "made_at", "state")]
    lead = found["about"] == "lead"
    if not all(isinstance(text, str) for text in texts) or found["about"] not in ("lead", "round"):
        raise ValueError("form")
    if not isinstance(found["full"], bool) or lead != isinstance(found["handle"], str):
        raise ValueError("form")
    if not isinstance(found["keys"], list) or not all(isinstance(key, str) for key in found["keys"]):
        raise ValueError("form")
    report.statement = found
    report.owner = _party(found["node"])


def _owner_signed(report: CertificateReport, document: Mapping[str, Any]) -> None:
    assert report.owner is not None
    body = canonical({name: value for name, value in document.items() if name != "signature"})
    if not verify(report.owner.public_key, LABEL, body, _bytes(document["signature"])):
        report.add("not-signed")


def _agreement(report: CertificateReport, document: Mapping[str, Any]) -> None:
    """The agreement is that of this round, this node takes part, and the signatures are its members'."""
    manifest, owner = report.manifest, report.owner
    assert manifest is not None
    assert owner is not None
    members = {member.member_id for member in manifest.members}
    if report.statement["round_id"] != manifest.digest()[:16].hex():
        report.add("other-agreement")
    lead = report.statement["about"] == "lead"  # a convener that brings no data has none
    if owner.member_id not in (members if lead else members | {manifest.convener}):
        report.add("no-party")
    for found in _list(document["signatures"], MAX_MEMBERS):
        if set(found) != {"member_id", "public_key", "signature", "round_key"}:
            raise ValueError("form")
        public_key, signature = _bytes(found["public_key"]), _bytes(found["signature"])
        statement = manifest.accepted_with(_bytes(found["round_key"]))
        known = found["member_id"] in members and member_id_of(public_key) == found["member_id"]
        if not known or not verify(public_key, SIGN_LABEL, statement, signature):
            report.add("bad-agreement-signature")
        else:
            report.signed.append(found["member_id"])
    if len(set(report.signed)) != len(report.signed):
        report.add("form")
    if lead and set(report.signed) != members:
        report.add("not-agreed")


def _entries(report: CertificateReport, document: Mapping[str, Any]) -> None:
    """Every entry is about this round and in the log that the checkpoint was signed over."""
    assert report.owner is not None
    try:
        checkpoint = parse_checkpoint(str(document["checkpoint"]).encode(), report.owner.key)
    except BadCheckpoint:
        report.add("bad-checkpoint")
        return
    report.size = checkpoint.tree_size
    last = -1
    for found in _list(document["entries"], MAX_ENTRIES):
        line = found["body"].encode()
        entry = json.loads(line)
        position, proof = entry["position"], [_bytes(part) for part in found["proof"]]
        if set(found) != {"body", "proof"} or type(position) is not int or position <= last:
            raise ValueError("form")
        last = position
        if entry_problem(position, line) or not verify_inclusion(
            leaf_hash(line), position, checkpoint.tree_size, proof, checkpoint.root
        ):
            report.add("entry-not-in-log")
            continue
        if entry["facts"].get("round_id") != report.statement["round_id"]:
            report.add("entry-elsewhere")
        assert report.manifest is not None
        if entry["facts"].get("manifest_digest") not in (None, report.manifest.digest()[:32].hex()):
            report.add("other-agreement")
        report.entries.append(entry)
    noted = report.entries[-1] if report.entries else None
    if noted is None or noted["event"] != "certificate-made":
        report.add("not-in-log")
    elif noted["facts"].get("digest") != statement_digest(report.statement):
        report.add("other-statement")


def _cosignatures(report: CertificateReport, document: Mapping[str, Any]) -> None:
    """Each cosignature holds, and the log went on from what was cosigned."""
    assert report.owner is not None
    try:
        checkpoint = parse_checkpoint(str(document["checkpoint"]).encode(), report.owner.key)
    except BadCheckpoint:
        return  # told already
    for found in _list(document["cosignatures"], MAX_COSIGNATURES):
        if set(found) != {"member_id", "public_key", "round_id", "moment", "note", "proof"}:
            raise ValueError("form")
        member_id, public_key, note = found["member_id"], _bytes(found["public_key"]), found["note"].encode()
        proof = [_bytes(part) for part in found["proof"]]
        if member_id_of(public_key) != member_id or member_id == report.owner.member_id:
            report.add("bad-cosignature")
            continue
        try:
            cosigned = parse_checkpoint(note, report.owner.key)
            made = find_cosignature(note, cosigned, report.owner.key, NoteKey.of_member(member_id, public_key))
        except BadCheckpoint:
            report.add("bad-cosignature")
            continue
        if not verify_consistency(cosigned.tree_size, checkpoint.tree_size, cosigned.root, checkpoint.root, proof):
            report.add("rewritten")
            continue
        report.witnessed.append(Witnessed(member_id, cosigned.tree_size, made.time))


CHECKS: tuple[Callable[[CertificateReport, Mapping[str, Any]], None], ...] = (
    _owner_signed,
    _agreement,
    _entries,
    _cosignatures,
)
"""What is checked, in this order; every check notes what it finds."""


def _party(found: Mapping[str, Any]) -> Party:
    """ValueError or TypeError unless the id is that of the key."""
    party = Party(found["member_id"], found["name"], _bytes(found["public_key"]))
    if not isinstance(party.name, str) or member_id_of(party.public_key) != party.member_id:
        raise ValueError("not a member")
    return party


def _list(found: Any, most: int) -> Sequence[Any]:
    """ValueError for anything but a list of at most so many."""
    if not isinstance(found, list) or len(found) > most:
        raise ValueError("form")
    return found


def _bytes(text: Any) -> bytes:
    """ValueError for anything but lower-case hex."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise ValueError("not hex")
    return bytes.fromhex(text)


def of_round(bodies: Iterable[tuple[int, str]], round_id: str, *, full: bool) -> list[tuple[int, str]]:
    """The entries that belong into a certificate of a round, out of all of its log."""
    chosen = []
    for position, body in bodies:
        if round_id not in body:
            continue
        entry = json.loads(body)
        if entry["facts"].get("round_id") == round_id and (full or entry["event"] in SHAREABLE):
            chosen.append((position, body))
    return chosen
