"""Certificates for tests: an agreement, a log with a round in it, a peer that cosigned, and everything to forge with.

Stage().make()                      a whole certificate
Stage().make(meddle=f)              `f` changes the document; then the owner signs it again
document, sealed(document)          by hand
"""

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.agreement.manifest import SIGN_LABEL
from node.audit.certificate import LABEL, Evidence, make_certificate, statement_digest
from node.audit.checkpoint import Checkpoint, NoteKey, NoteSigner
from node.audit.cosign import Cosignature
from node.audit.export import Cosigned, Party
from node.audit.merkle import Tree, leaf_hash
from node.identity.cards import Card
from node.wire.signing import labelled
from node.wire.strict_json import canonical
from tests.support.agreements import NGO, POLICE, agreement, seeded

__all__ = ["COSIGNED_ENTRIES", "ENTRIES", "HANDLE", "Stage", "key_of", "resigned"]

HANDLE = "00112233445566ff"
COSIGNED_ENTRIES = 5
ENTRIES = (
    "node-started",
    "round-received",
    "round-signed",
    "answer-sent",
    "round-closed",
    "cosignature-received",
    "node-stopped",
)
"""The log; the certificate's own entry comes after it."""

Meddle = Callable[[dict[str, Any]], None]


def key_of(card: Card) -> Ed25519PrivateKey:
    """The identity key behind a made-up card."""
    return Ed25519PrivateKey.from_private_bytes(seeded(card.name)(32))


def signs(card: Card) -> Callable[[bytes, bytes], bytes]:
    """`Identity.sign` of a made-up card."""
    return lambda label, data: key_of(card).sign(labelled(label, data))


def note_key(card: Card) -> NoteKey:
    return NoteKey.of_member(card.member_id, bytes.fromhex(card.identity_key))


def party(card: Card) -> Party:
    return Party(card.member_id, card.name, bytes.fromhex(card.identity_key))


def resigned(document: dict[str, Any], owner: Card = NGO) -> bytes:
    """The document with its owner's signature made anew."""
    body = {name: value for name, value in document.items() if name != "signature"}
    return canonical(body | {"signature": signs(owner)(LABEL, canonical(body)).hex()})


class Stage:
    """A round between two members as the log of `owner` has it."""

    def __init__(self, owner: Card = NGO, peer: Card = POLICE, *, about: str = "lead") -> None:
        self.owner, self.peer = owner, peer
        self.manifest = agreement()
        self.round_id = self.manifest.digest()[:16].hex()
        self.statement: dict[str, Any] = {
            "about": about,
            "round_id": self.round_id,
            "node": {
                "member_id": owner.member_id,
                "name": owner.name,
                "public_key": owner.identity_key,
            },
            "by": "dora",
            "made_at": "2026-03-02T10:00:00Z",
            "state": "finished",
            "full": False,
            "handle": HANDLE if about == "lead" else None,
            "keys": ["phone"] if about == "lead" else [],
        }
        self.bodies = [self.body(number, event) for number, event in enumerate(ENTRIES)]

    def body(self, number: int, event: str, **facts: Any) -> str:
        """One entry as a log holds it."""
        if not event.startswith("node-"):
            facts = {"round_id": self.round_id, "peer": self.peer.member_id, **facts}
        facts = {**facts, "salt": f"{number:032x}"}
        entry = {"position": number, "time": f"2026-03-01T12:00:{number:02}Z", "event": event, "facts": facts}
        return canonical(entry).decode()

    def signatures(self) -> list[tuple[str, bytes, bytes, bytes]]:
        found = []
        for card in sorted((NGO, POLICE), key=lambda one: one.member_id):
            round_key = seeded(f"round key of {card.name}")(32)
            made = signs(card)(SIGN_LABEL, self.manifest.accepted_with(round_key))
            found.append((card.member_id, bytes.fromhex(card.identity_key), made, round_key))
        return found

    def cosigned(self, tree: Tree, size: int = COSIGNED_ENTRIES, by: Card | None = None) -> Cosigned:
        """What the peer signed of the log when it had `size` entries. `by`: somebody who signs in its name."""
        checkpoint = Checkpoint.signed(size, tree.root(size), self.signer())
        cosigner = NoteSigner(note_key(self.peer), key_of(by or self.peer).sign)
        made = Cosignature.made(checkpoint, note_key(self.owner), 1_772_366_500, cosigner)
        return Cosigned(party(self.peer), self.round_id, "close", checkpoint, made)

    def signer(self) -> NoteSigner:
        return NoteSigner(note_key(self.owner), key_of(self.owner).sign)

    def make(
        self,
        *,
        meddle: Meddle | None = None,
        cosigned: list[Cosigned] | None = None,
        signatures: list[tuple[str, bytes, bytes, bytes]] | None = None,
    ) -> bytes:
        """The certificate. What `meddle` changes is signed again by the owner."""
        noted = self.body(len(self.bodies), "certificate-made", by="dora", digest=statement_digest(self.statement))
        bodies = [*self.bodies, noted]
        tree = Tree([leaf_hash(body.encode()) for body in bodies])
        chosen = [(number, body) for number, body in enumerate(bodies) if self.round_id in body]
        evidence = Evidence(
            manifest=self.manifest,
            signatures=self.signatures() if signatures is None else signatures,
            entries=chosen,
            tree=tree,
            checkpoint=Checkpoint.signed(tree.size, tree.root(), self.signer()),
            cosigned=[self.cosigned(tree)] if cosigned is None else cosigned,
        )
        made = make_certificate(self.statement, evidence, note_key(self.owner), signs(self.owner))
        if meddle is None:
            return made
        document = json.loads(made)
        meddle(document)
        return resigned(document, self.owner)
