"""The people of this organisation: who acts here, in which role, and what takes two of them.

    roles        what somebody may do: the closed list, and which decision needs which role
    roster       who is registered, and whether somebody is who they say
    verifier     what a personal passphrase is checked against (Argon2id, RFC 9106)
    approvals    four eyes: one person asks, another one approves or declines, and the urgent way around it
    settings_noted    what the settings files said when the log last heard of them

Labels, not accounts: a person is the label that stands in the audit log. While nobody is registered a label is taken as
said, and "two people" means two labels. All of this binds the commands of this node; whoever holds its folder and its
passphrase can go around them, and the log that others cosigned is what shows it.
"""

from node.staff.approvals import Approval, Approvals
from node.staff.roles import Role, Subject
from node.staff.roster import OwnPassphraseNeeded, Person, Roster

__all__ = ["Approval", "Approvals", "OwnPassphraseNeeded", "Person", "Role", "Roster", "Subject"]
