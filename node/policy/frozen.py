"""Members that are frozen: nothing is agreed with them until two people have decided (`node.tripwires`)."""

from dataclasses import dataclass

from node.agreement.manifest import Manifest
from node.policy.verdict import Context, NamedRule, Verdict

__all__ = ["NotFrozen"]


@dataclass(frozen=True)
class NotFrozen(NamedRule):
    """No round with a member that asked about decoys or that a person stopped, as long as nobody has spoken with it."""

    name = "not-frozen"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            if member.member_id in context.frozen:
                return self._no(
                    f"{member.name} is frozen at this node: decoys were met in a round with it, or a person here "
                    "stopped it.",
                    "`blindmatch member show` says what happened. Ring them, and ask; "
                    "`blindmatch member unfreeze` and a second person end it.",
                )
        return self._yes()
