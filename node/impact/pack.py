"""The four papers and the file of facts, made from the facts of a node; and what changed since they were made.

Texts are Markdown with `$places` (`string.Template`); each place gets its text here, and one that has none is an error,
so that no paper leaves with a gap that nobody meant. What people have to fill in is marked `[ ]`.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from string import Template

from pydantic import ValidationError

from node.errors import UserError
from node.impact.facts import Facts
from node.impact.measures import MEASURES
from node.impact.names import FACTS_FILE
from node.impact.risks import RISKS
from node.policy.narrowing import ALLOWED_PURPOSES
from node.wording import plural

__all__ = ["PAPERS", "changes", "papers"]

PAPERS = (
    "1-impact-assessment.md",
    "2-who-is-controller.md",
    "3-consortium-clauses.md",
    "4-human-rights-checklist.md",
)

_EEA = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
_GDPR = "Regulation (EU) 2016/679 (GDPR)"
_LED = "Directive (EU) 2016/680 (art. 27), as your country has put it into law, for preventing and prosecuting crime"


def papers(facts: Facts, *, made_on: date, review_on: date) -> dict[str, str]:
    """File name -> text: the four papers, and the facts as JSON. Every text ends with a line break."""
    places = _places(facts) | {"made_on": made_on.isoformat(), "review_on": review_on.isoformat()}
    folder = files("node.impact") / "templates"
    found = {name: Template((folder / name).read_text("utf-8")).substitute(places) for name in PAPERS}
    return found | {FACTS_FILE: facts.model_dump_json(indent=2) + "\n"}


def changes(old: str, now: Facts) -> list[str]:
    """What is different now from the facts in `old`, the text of a file of facts: a sentence each.

    Raises UserError if that is no such file.
    """
    try:
        before = Facts.model_validate_json(old)
    except ValidationError:
        raise UserError(
            f"The file {FACTS_FILE} in that folder was not made by this version of blindmatch, or was changed.",
            advice="Make the papers again: `blindmatch report dpia FOLDER`.",
        ) from None
    found = []
    for name in Facts.model_fields:
        was, is_now = getattr(before, name), getattr(now, name)
        if was != is_now and not (name == "backup_days" and _same_backup(before, now)):
            found.append(f"{name.replace('_', ' ')}: was {_told(was)}, is {_told(is_now)}")
    return found


def _same_backup(before: Facts, now: Facts) -> bool:
    """The age of a backup grows every day; the papers say only whether there is a recent one."""
    measure = MEASURES["backup"]
    return measure.in_force(before) == measure.in_force(now)


def _told(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
        case list():
            return ", ".join(getattr(one, "name", str(one)) for one in value) or "none"
        case _:
            return str(value)


def _places(facts: Facts) -> dict[str, str]:
    return {
        "name": _cell(facts.name),
        "member_class": _words(facts.member_class),
        "country": facts.country,
        "contact": _cell(facts.contact),
        "law": f"{_LED}; else {_GDPR}" if facts.police else _GDPR,
        "records": _records(facts),
        "bases": _bases(facts),
        "kinds": ", ".join(map(_words, facts.kinds)) or "none yet",
        "purposes": _purposes(facts),
        "members": _members(facts),
        "relays": _relays(facts),
        "database": _database(facts),
        "port": "It takes calls from confirmed members." if facts.port_open else "It calls others and takes no calls.",
        "watched": "A monitoring program sees counts, and no names."
        if facts.watched
        else "No monitoring program reads it.",
        "retention": _retention(facts),
        "narrowed": "; ".join(f"{name} = {value}" for name, value in facts.narrowed.items())
        or "none (no policy.toml).",
        "risks": _risks(facts),
        "findings": _findings(facts),
        "relay_rows": _relay_rows(facts),
        "database_rows": _database_rows(facts),
        "third_countries": _third_countries(facts),
        "allowed_purposes": ", ".join(_words(one) for one in sorted(ALLOWED_PURPOSES)),
        "budget_elements": f"{facts.budget_elements:,}",
        "budget_days": str(facts.budget_days),
        "allowed_agreement_days": str(facts.allowed_agreement_days),
        "allowed_retention_days": str(facts.allowed_retention_days),
        "least_approvers": str(facts.least_approvers),
        "member_count": str(len(facts.partners)),
        "children_line": _children(facts),
        "agreements_line": f"{facts.agreements} {plural(facts.agreements, 'agreement')} signed so far, "
        f"{facts.open_rounds} open",
    }


def _cell(text: str) -> str:
    """Somebody else's words inside a table: they end no cell, start no line and give no markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#$" else char for char in " ".join(text.split()))


def _words(text: str) -> str:
    return text.replace("_", " ")


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{_words(word)} ({count:,})" for word, count in counts.items())


def _records(facts: Facts) -> str:
    if not facts.record_classes:
        return "No list has been added to the node yet."
    return f"Records that can take part, by whom they are about, rounded up to tens: {_tally(facts.record_classes)}."


def _bases(facts: Facts) -> str:
    found = []
    if facts.consent_rows:
        found.append(f"{facts.consent_rows:,} of them rest on consent")
    if facts.duty_rows:
        found.append(f"{facts.duty_rows:,} on a legal duty, which is: [ ]")
    return f"{', '.join(found)}." if found else ""


def _purposes(facts: Facts) -> str:
    if not facts.purposes:
        return "No round has been agreed yet; the purposes and legal bases will be: [ ]"
    return (
        f"Agreements that this organisation signed, by purpose: {_tally(facts.purposes)}; by its own legal basis:"
        f" {_tally(facts.bases)}. The reference to the law stands in each agreement (`blindmatch report round ID`)."
    )


def _members(facts: Facts) -> str:
    if not facts.partners:
        return "None yet."
    lines = [
        "| organisation | what it is | country | how messages get there | rounds about children |",
        "| --- " * 5 + "|",
    ]
    for one in facts.partners:
        children = "yes" if one.children else "no"
        lines.append(f"| {_cell(one.name)} | {_words(one.member_class)} | {one.country} | {one.way} | {children} |")
    frozen = f"\n\nFrozen today: {facts.frozen_members}." if facts.frozen_members else ""
    return "\n".join(lines) + frozen


def _relays(facts: Facts) -> str:
    if not facts.relays:
        return "No relay keeps messages for this node."
    named = ", ".join(map(_cell, facts.relays))
    return f"Sealed messages are kept for members that are not there at the same time by: {named}."


def _database(facts: Facts) -> str:
    if facts.database == "postgresql":
        return (
            "its database is on a PostgreSQL server, where records, results and keys are sealed before they get there."
        )
    return "everything lies in one folder, where records, results and keys are sealed."


def _retention(facts: Facts) -> str:
    most = f"An agreement of this node may keep results for at most {facts.allowed_retention_days} days"
    if facts.longest_retention_days is None:
        return f"{most}."
    return f"{most}; the longest that it signed says {facts.longest_retention_days} days. The node deletes them itself."


def _risks(facts: Facts) -> str:
    parts = []
    for number, risk in enumerate(RISKS, 1):
        lines = [
            f"### 3.{number} {risk.title}",
            "",
            f"*Harm:* {risk.harm} *Likelihood:* {risk.likelihood}. *Severity:* {risk.severity}.",
            "",
        ]
        for word in risk.measures:
            measure = MEASURES[word]
            here = "" if measure.in_force(facts) else " **Not in force here, see part 4.**"
            lines.append(f"- {measure.says} ({', '.join(measure.promises)}){here}")
        parts.append("\n".join([*lines, "", f"*What remains:* {risk.remains} Our own judgement: [ ]"]))
    return "\n\n".join(parts)


def _findings(facts: Facts) -> str:
    found = [f"- {one.says} **Not in force.** {one.mend}" for one in MEASURES.values() if not one.in_force(facts)]
    return "\n".join(found) or "Every measure that this node can have is in force today."


def _relay_rows(facts: Facts) -> str:
    return "".join(
        f"| {_cell(name)} (relay) | processor, if it is not a member itself | keeps sealed messages; sees who writes to"
        " whom, when and how much, and can read none | contract (art. 28): [ ] |\n"
        for name in facts.relays
    )


def _database_rows(facts: Facts) -> str:
    if facts.database != "postgresql":
        return ""
    return (
        "| who runs the database server, if it is not this organisation: [ ] | processor | sees what is not sealed:"
        " agreements, names of organisations, times | contract (art. 28): [ ] |\n"
    )


def _third_countries(facts: Facts) -> str:
    outside: Iterable[str] = sorted({one.country for one in facts.members} - _EEA)
    if not (named := ", ".join(outside)):
        return "none today; all members are in the European Economic Area."
    return (
        f"{named}. What is released to a member there is a transfer (GDPR chapter V, or Directive (EU) 2016/680"
        " chapter V); on which ground: [ ]"
    )


def _children(facts: Facts) -> str:
    chosen = sum(one.children for one in facts.partners)
    approvers = facts.children_approvers
    return (
        f"`member list`; {chosen} {plural(chosen, 'member')} chosen for rounds about children, {approvers} "
        f"{plural(approvers, 'approver')} for them"
    )
