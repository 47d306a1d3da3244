"""The rule on the upper steps of the output ladder: no card without a record that both sides know to agree."""

from dataclasses import dataclass

from node.agreement.ladder import PAYLOAD_FIELDS, gives_rows
from node.agreement.manifest import Manifest
from node.policy.verdict import Context, NamedRule, Verdict

__all__ = ["OutputLadder"]


@dataclass(frozen=True)
class OutputLadder(NamedRule):
    """Contact cards and agreed fields are given for a record that both sides know to agree, so both have to get rows;
    and only fields of the closed list go along."""

    name = "output-ladder"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.contact_card and not gives_rows(manifest):
            return self._no(
                "The agreement asks for contact cards, but only one side would learn which of its records agree.",
                "Propose the round with the reply 'released', so that a person decides record by record.",
            )
        if manifest.payload and not manifest.contact_card:
            return self._no(
                "The agreement asks for fields along with a match, but for no contact card to send them with.",
                "Propose the round with contact_card=true, or without these fields.",
            )
        if len(set(manifest.payload)) != len(manifest.payload) or not set(manifest.payload) <= set(PAYLOAD_FIELDS):
            return self._no(
                "The agreement asks for a field that this node never sends along with a match.",
                f"Fields that may be agreed are {', '.join(PAYLOAD_FIELDS)}, each once.",
            )
        return self._yes()
