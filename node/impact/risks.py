"""What can go wrong for the people in the records (GDPR art. 35(7)(c)): not for the organisation, for them.

`likelihood` and `severity` are our words for a node that is set up as it should be; whoever signs the assessment
changes them where their own case differs. `remains` is what no measure takes away, from threat_model.md, parts 7 and 8.
"""

from dataclasses import dataclass

__all__ = ["RISKS", "Risk"]


@dataclass(frozen=True)
class Risk:
    """`measures`: words of the table of measures."""

    title: str
    harm: str
    likelihood: str
    severity: str
    measures: tuple[str, ...]
    remains: str


RISKS: tuple[Risk, ...] = (
    Risk(
        "A partner learns of a person who should have stayed unknown to it",
        "A shelter's client is found by those she fled from, or is questioned because of a contact with an aid group.",
        "low",
        "very high",
        ("blinded", "padded", "release", "consent", "withhold"),
        "A person who is on both lists is known to both, as agreed. Relatives can agree in some keys.",
    ),
    Risk(
        "A partner guesses: it puts made-up names or numbers on its list",
        "Somebody is confirmed to be known to an organisation, without having been on any list of the one who asks.",
        "medium",
        "high",
        ("budget", "decoys", "agreement", "log", "two-people"),
        "A blinded list cannot be inspected. Single guesses within the budget are never found out.",
    ),
    Risk(
        "Victims are treated as suspects, or meet immigration control",
        "Deportation, prosecution for what they were forced to do, loss of trust in aid.",
        "low",
        "very high",
        ("firewall", "agreement", "consent", "release"),
        "What a member does with released rows later is held by the agreement and the law, not by the program.",
    ),
    Risk(
        "A hit is taken for a proof",
        "A wrong person is called, watched or arrested.",
        "medium",
        "high",
        ("advice", "release", "desk"),
        "Names are compared by sound: some strangers agree. Somebody has to look at each lead.",
    ),
    Risk(
        "Records of people who did not agree take part",
        "Loss of control over one's own data; danger, where the person had reasons.",
        "low",
        "high",
        ("consent", "withhold", "urgent", "access"),
        "The program knows what the file says. That the person said so, nobody can see.",
    ),
    Risk(
        "A child's record is compared without the care that it needs",
        "A child is exposed to people who should not know of it.",
        "low",
        "very high",
        ("children", "two-people"),
        "A child is known by a column or a date of birth. A list with neither cannot tell.",
    ),
    Risk(
        "Somebody inside misuses the node",
        "Records of a person are looked for, shown or handed on without a reason.",
        "medium",
        "high",
        ("two-people", "urgent", "log", "cosigned"),
        "Whoever has the node's account and its passphrase can go around the commands.",
    ),
    Risk(
        "The computer, a disk or a backup is stolen",
        "All records of the organisation in wrong hands.",
        "medium",
        "very high",
        ("sealed", "backup"),
        "The passphrase is what protects then. The files that data sets were made from lie outside.",
    ),
    Risk(
        "Somebody on the way, or who runs a relay, reads or changes messages",
        "That two organisations compare records becomes known, or what they compare.",
        "low",
        "medium",
        ("transport", "blinded", "padded"),
        "Who talks to whom, and when, can be seen on the way. Elliptic curves do not withstand a quantum computer.",
    ),
    Risk(
        "Data is kept for longer than it is needed",
        "Old suspicions and old dangers come back.",
        "low",
        "medium",
        ("retention", "sealed"),
        "That the other side deletes is its word. Printed pages and exports are out of reach.",
    ),
    Risk(
        "A person who asks gets no answer",
        "Rights to access, correction and erasure exist on paper only.",
        "low",
        "medium",
        ("access", "retention", "log"),
        "Each member answers for its own node; what others learned they have to be asked about.",
    ),
    Risk(
        "Data is lost",
        "A person in danger is not found in time, a consent that was taken back is forgotten.",
        "low",
        "medium",
        ("backup", "log"),
        "A restore forgets what was done after the backup, consents taken back among it.",
    ),
)
