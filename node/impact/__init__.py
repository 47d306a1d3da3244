"""The papers that an organisation needs before it may compare records: a data protection impact assessment and its kin.

    facts      what is true at this node today: settings, members, agreements, data sets in numbers, people, backups
    measures   what protects the people in the records; which of it is in force here, and what to do where it is not
    risks      what can go wrong for them, what is done about it, and what remains
    pack       four papers made of these and of the texts in `templates/`, and what changed since they were made

A paper that was written once is wrong a year later. So whatever is a figure comes from the node itself, a measure that
is not in force here says so, and the pack keeps the facts that it was made from, so that it can be compared with the
node of today (`blindmatch report dpia --compare FOLDER`). What only people know (necessity, their own staff, a vote of
the data protection officer) is left open, and marked.

Sources of the form: GDPR art. 35(7), 28, 26 and 30; Directive (EU) 2016/680 art. 27; EDPB guidelines 07/2020 on the
words controller and processor, WP 248 rev.01 on impact assessments. These papers are a start for a lawyer, no advice.
"""

from node.impact.facts import Facts, MemberFacts
from node.impact.pack import changes, papers

__all__ = ["Facts", "MemberFacts", "changes", "papers"]
