"""What a malicious member tries, as rows: the table in threat_model.md (part 4, "A malicious member") is made of them.

Each is tried by a whole node in tests/security/test_malicious_member.py, which looks the events of its row up here.
"""

from dataclasses import dataclass

__all__ = ["ATTEMPTS", "Attempt", "table"]


@dataclass(frozen=True)
class Attempt:
    """One row: what is tried, what stops it, who sees it, and the events in the victim's log."""

    tries: str
    stopped_by: str
    seen_by: str
    log: tuple[str, ...]


ATTEMPTS = {
    "within-budget": Attempt(
        "It puts people or numbers on its list that it only suspects, within its budget.",
        "Nothing: a blinded list cannot be inspected. It gets what the budget allows, and pays the padded size.",
        "Both sides: `round show` says before signing how many it can test; `budget show` says what it has used.",
        ("round-signed", "budget-charged", "release-sent"),
    ),
    "sweep": Attempt(
        "It sweeps a whole range of telephone numbers, with software of its own.",
        "Decoys on our list: the round ends before anything is stored or answered, and the member is frozen.",
        "Our people: the round failed, the member is frozen until two of them decide. It hears `stopped`.",
        ("tripwire-hit", "member-frozen", "round-failed"),
    ),
    "beyond-budget": Attempt(
        "It asks again and again, until it has used up its budget.",
        "The budget: the next agreement is refused before it is signed.",
        "Our person who wanted to sign, in a sentence with the day on which it is free again.",
        ("budget-charged", "policy-refused"),
    ),
    "replayed": Attempt(
        "It proposes an old, signed agreement once more.",
        "A round is named by the digest of its agreement: the same agreement is the same round, which is over.",
        "Nobody has to: nothing happens.",
        (),
    ),
    "altered": Attempt(
        "It signs a changed agreement (purpose, member class, days) in the place of the one that we signed.",
        "A signature covers every byte: its own does not verify here, and ours does not hold for the changed one.",
        "We do: the round fails with its name.",
        ("peer-blamed", "round-failed"),
    ),
    "class-changed": Attempt(
        "It takes on another member class after its card was confirmed.",
        "A newer card may change keys and addresses only; an agreement with another class than the card is refused.",
        "Whoever takes in the card or wants to sign, in a sentence that names the class.",
        ("policy-refused",),
    ),
    "shrunken-log": Attempt(
        "It cuts entries off the end of its audit log.",
        "We keep its signed checkpoints and want a proof that the log goes on from them.",
        "We do: the round fails with its name, and its signed checkpoints are kept as evidence.",
        ("peer-blamed", "round-failed"),
    ),
    "forked-log": Attempt(
        "It rewrites an old entry of its audit log and signs it again.",
        "The same proof: a rewritten log does not go on from what we cosigned.",
        "We do: the round fails with its name, and its signed checkpoints are kept as evidence.",
        ("peer-blamed", "round-failed"),
    ),
    "another-list": Attempt(
        "It sends another list than the one it committed to, chosen after it saw ours.",
        "The commitment in its opening: a list with another root is refused before anything is answered.",
        "We do: the round fails with its name.",
        ("peer-blamed", "round-failed"),
    ),
    "no-consent": Attempt(
        "Its operator wants records on the list whose people did not agree, or whose consent has ended.",
        "Its own node: they are left out before their identifiers are read. Changed software is not stopped.",
        "Its own officer, as numbers: `dataset report`, `round coverage`. The other side cannot see a consent.",
        ("dataset-added",),
    ),
}  # fmt: skip


def table() -> str:
    """The rows as they stand in threat_model.md."""
    lines = ["| it tries | what stops it | who sees it | in our log |", "| --- | --- | --- | --- |"]
    for one in ATTEMPTS.values():
        events = ", ".join(f"`{event}`" for event in one.log) or "-"
        lines.append(f"| {one.tries} | {one.stopped_by} | {one.seen_by} | {events} |")
    return "\n".join(lines)
