"""What protects the people in the records, and whether it is in force at this node.

A measure is part of the program (`holds` is None: it cannot be switched off), or depends on how the node is set up;
then `holds` looks at the facts, and `mend` says what to do where it does not hold. `promises` are the ids of
threat_model.md, part 10, each with its test; a test of ours holds the ids against that table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from node.impact.facts import Facts
from node.policy.limits import APPROVAL_FLOOR_YEARS

__all__ = ["BACKUP_DAYS", "MEASURES", "Measure"]

BACKUP_DAYS = 35
"""A backup that is older than this, in days, counts as none."""


@dataclass(frozen=True)
class Measure:
    """`says`: what is done. `mend`: what to do where it is not in force; empty for what is always in force."""

    says: str
    promises: tuple[str, ...]
    holds: Callable[[Facts], bool] | None = None
    mend: str = ""

    def in_force(self, facts: Facts) -> bool:
        return self.holds is None or self.holds(facts)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "blinded": Measure(
            "Lists are compared blinded, under a fresh key for each round and partner; no raw value leaves the node,"
            " and there is no central store.",
            ("TM-23", "TM-25", "TM-30", "TM-32"),
        ),
        "padded": Measure(
            "Lists are padded to size classes: a list of 3 and one of 60 persons look the same on the wire.",
            ("TM-18", "TM-31"),
        ),
        "agreement": Measure(
            "Each round has an agreement about purpose, legal basis, records, kinds, who learns what and until when."
            " Every member signs it, and one changed byte voids it.",
            ("TM-90", "TM-91"),
        ),
        "consent": Measure(
            "Rows take part only with a consent that covers the kind, the other side, the purpose and the day. A"
            " consent that is taken back holds at once.",
            ("TM-80", "TM-81", "TM-192", "TM-193"),
        ),
        "withhold": Measure(
            "A record can be kept from one member, who does not see that there is one.",
            ("TM-194",),
        ),
        "children": Measure(
            "Children are in rounds of their own only, with members that two people chose.",
            ("TM-82", "TM-195"),
        ),
        "firewall": Measure(
            "Immigration authorities join no round that holds victims; victims are not compared with suspects by"
            " default; results are for the agreed purpose. Each rule is held by agreements that it must refuse.",
            ("TM-190", "TM-191"),
        ),
        "release": Measure(
            "The first to learn sees its own rows only. A person decides, row by row, what the other side learns.",
            ("TM-02", "TM-22", "TM-35", "TM-38"),
        ),
        "budget": Measure(
            "What a member may have answered is limited over all its rounds, so that nobody walks through a country's"
            " telephone numbers.",
            ("TM-76", "TM-78", "TM-200"),
            lambda facts: facts.budget_years >= APPROVAL_FLOOR_YEARS,
            f"Lower [budget] elements in config.toml, or raise days, until {APPROVAL_FLOOR_YEARS} years are reached.",
        ),
        "decoys": Measure(
            "Decoys among the padding stop a member that asks about whole ranges, before anything is stored or"
            " answered.",
            ("TM-205", "TM-208", "TM-210"),
            lambda facts: facts.decoys > 0,
            "Set [tripwires] decoys in config.toml; 32 is the default.",
        ),
        "two-people": Measure(
            "People are registered with a passphrase and roles of their own, and what matters takes two of them.",
            ("TM-183", "TM-185", "TM-188"),
            lambda facts: facts.operators >= 1 and facts.approvers >= 2,
            "Register the people who act here (`blindmatch staff add`), among them two approvers: until then a name at"
            " a command is taken as said.",
        ),
        "urgent": Measure(
            "What one person did alone as urgent has been looked at by a second one.",
            ("TM-184",),
            lambda facts: facts.urgent_open == 0,
            "Look at what waits: `blindmatch approval list`.",
        ),
        "log": Measure(
            "Every disclosure stands in a log before it happens. The log cannot be changed unnoticed and holds no"
            " identifier.",
            ("TM-38", "TM-74", "TM-157", "TM-216"),
        ),
        "cosigned": Measure(
            "Other members cosign the state of the log at each round: who rewrites it is found out.",
            ("TM-75", "TM-212", "TM-217"),
            lambda facts: facts.cosigners > 0,
            "Nobody has cosigned the log yet; the first round does it by itself.",
        ),
        "sealed": Measure(
            "What lies on the disk is sealed, backups too; secret keys of a round are destroyed when it is over.",
            ("TM-40", "TM-48", "TM-70", "TM-71"),
        ),
        "retention": Measure(
            "Results are deleted by the node itself when the agreed days are over; a person's record can be erased"
            " everywhere at this node by two people.",
            ("TM-234", "TM-235", "TM-237"),
        ),
        "access": Measure(
            "A report on one person tells what was done with the record, for whoever asks about themselves.",
            ("TM-226",),
        ),
        "transport": Measure(
            "Members are known by keys that two people confirmed by voice. Messages are sealed and signed for the"
            " recipient, whoever carries them.",
            ("TM-60", "TM-61", "TM-69", "TM-109"),
        ),
        "backup": Measure(
            f"There is a backup, not older than {BACKUP_DAYS} days; a restore spends no budget twice.",
            ("TM-130", "TM-131", "TM-132"),
            lambda facts: facts.backup_days is not None and facts.backup_days <= BACKUP_DAYS,
            "Make one (`blindmatch backup`), and let a timer do it.",
        ),
        "advice": Measure(
            "A hit is shown as a lead, with its strength in words and safety advice for each kind; nothing is decided"
            " by the program, and nobody is scored.",
            ("TM-231", "TM-232"),
        ),
        "desk": Measure(
            "Colleagues of the other side can ask a named desk instead of asking around.",
            ("TM-228",),
            lambda facts: facts.contact_card,
            "Fill in [contact] in config.toml, if your organisation wants to be asked.",
        ),
    }
)
"""Word -> measure."""
