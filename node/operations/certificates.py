"""The operation that makes a certificate of a round, or of one lead of it (`node.audit.certificate`)."""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, select

from node.audit.certificate import MAX_ENTRIES, Evidence, make_certificate, of_round, statement_digest
from node.audit.certificate import verify_certificate as check_certificate
from node.audit.continuity import holds
from node.audit.export import Party
from node.audit.verdicts import certificate_page
from node.audit.words import Language
from node.clock import timestamp
from node.errors import NodeError, NotFound
from node.operations.audit import cosigned_by, owner_of, parties
from node.operations.parts import Parts, Progress
from node.operations.table import Operation, Reply, Request
from node.rounds.book import Round
from node.store.schema import audit_entries, signatures

__all__ = ["OPERATIONS", "CertificateReply", "CertificateRequest"]

MAX_COSIGNATURES_OF_ROUND = 16
"""Cosignatures that go into a certificate, in number; a round of two members has two."""


class CertificateRequest(Request):
    """`handle`: of a lead, 16 hex characters; None for the whole round. `full`: with what the other side does not know
    of: how many records agreed, were released or kept back."""

    round: str
    by: str
    handle: str | None = None
    full: bool = False
    lang: Language = "en"


class CertificateReply(Reply):
    """`text` is the certificate, exactly; `page` says in words what it shows."""

    about: Literal["round", "lead"]
    round_id: str
    entries: int
    covered: int
    text: str
    page: dict[str, Any]


def _certificate(parts: Parts, request: CertificateRequest, _progress: Progress) -> CertificateReply:
    found = parts.book.find(request.round)
    keys = [] if request.handle is None else _keys_of_lead(parts, found, request.handle)
    owner = owner_of(parts)
    about: Literal["round", "lead"] = "round" if request.handle is None else "lead"
    statement = {
        "about": about,
        "round_id": found.round_id,
        "node": {"member_id": owner.member_id, "name": owner.name, "public_key": owner.public_key.hex()},
        "by": request.by,
        "made_at": timestamp(parts.clock.now()),
        "state": found.state.value,
        "full": request.full,
        "handle": request.handle,
        "keys": keys,
    }
    known = parties(parts)
    with parts.store.transaction() as tx:
        # The entry stands in the log, and in the certificate, before anybody gets it.
        parts.audit.append(
            tx,
            "certificate-made",
            round_id=found.round_id,
            by=request.by,
            kind=about,
            digest=statement_digest(statement),
        )
        evidence = _evidence(parts, tx, found, known, full=request.full)
    text = make_certificate(statement, evidence, parts.audit.key, parts.identity.sign)
    checked = check_certificate(text)
    if not checked.ok:
        raise NodeError(
            "A certificate was made that does not hold, so it was not given out.",
            advice="Run `blindmatch audit verify`: the log of this node may be damaged.",
        )
    return CertificateReply(
        about=about,
        round_id=found.round_id,
        entries=len(evidence.entries),
        covered=checked.covered(),
        text=text.decode(),
        page=certificate_page(checked, request.lang).as_dict(),
    )


def _evidence(parts: Parts, tx: Connection, found: Round, known: Mapping[str, Party], *, full: bool) -> Evidence:
    checkpoint, tree = parts.audit.checkpoint(tx), parts.audit.tree(tx)
    rows = tx.execute(
        select(audit_entries.c.position, audit_entries.c.body)
        .where(audit_entries.c.body.contains(found.round_id))
        .order_by(audit_entries.c.position)
    )
    entries = of_round([(row.position, row.body) for row in rows], found.round_id, full=full)
    if len(entries) > MAX_ENTRIES:
        # Certificates and readings may be many; how the round went stands at the beginning.
        entries = [*entries[: MAX_ENTRIES - 1], entries[-1]]
    cosigned = [
        one for one in cosigned_by(tx, known, "ours") if holds(tree, one.checkpoint.tree_size, one.checkpoint.root)
    ]
    chosen = [one for one in cosigned if one.round_id == found.round_id][:MAX_COSIGNATURES_OF_ROUND]
    if cosigned and cosigned[-1] not in chosen:
        chosen.append(cosigned[-1])  # it covers more
    return Evidence(found.manifest, _signatures(tx, found.round_id, known), entries, tree, checkpoint, tuple(chosen))


def _signatures(tx: Connection, round_id: str, known: Mapping[str, Party]) -> list[tuple[str, bytes, bytes, bytes]]:
    rows = tx.execute(
        select(signatures)
        .where(signatures.c.round_id == round_id, signatures.c.verdict == "signed")
        .order_by(signatures.c.member_id)
    )
    return [
        (row.member_id, known[row.member_id].public_key, row.signature, row.round_key or b"")
        for row in rows
        if row.member_id in known
    ]


def _keys_of_lead(parts: Parts, found: Round, handle: str) -> list[str]:
    """In what the lead of this match handle agrees; NotFound."""
    agreeing = (agreement for lead in parts.leads.walk(found.round_id) for agreement in lead.agreements)
    keys = sorted({agreement.key for agreement in agreeing if agreement.handle == handle})
    if not keys:
        raise NotFound(
            "This round has no lead with that match handle here.",
            advice="`blindmatch round results` shows the handles. Once results are deleted there are none.",
        )
    return keys


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("audit.certificate", CertificateRequest, _certificate, role=None),
)
