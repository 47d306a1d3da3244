"""The columns of a table on the way to a mapping: what is proposed and where that comes from, what is still needed.

    said        by the person, for this call                                      wins
    profile     of the program that made the file, if one was named               |
    remembered  from the last file with this header, if no profile was named      |
    header      the column's name is a known word, where nothing was remembered   v
    content     its cells look like a kind: shown as a hint, mapped only once a person says so

A preview never refuses a table because its mapping is not whole yet: it shows what was found and what is `needed`.
`warnings` say what a whole mapping cannot do; the gravest is that nobody can be left out as a child. `doubts` are
about single columns: cells that are not what the column is said to be. Neither ever holds a cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.datasets.content import Look, look, readable_share
from node.datasets.content_refused import Refused
from node.datasets.mapping import check_column, find_column, is_forbidden, suggest
from node.datasets.profiles import Profile
from node.datasets.roles import (
    COMPANIONS,
    IDENTIFIER_ROLES,
    Family,
    Role,
    read_role,
    role_example,
    slot,
    takes_several,
)
from node.datasets.tables import Value
from node.datasets.terms import Terms
from node.datasets.words import fold
from node.errors import UserError
from psi.identifiers import CATALOGUE, FORBIDDEN

__all__ = ["ORIGINS", "Proposal", "merged", "needed", "placed", "propose", "unlike", "warnings"]

ORIGINS = ("said", "profile", "remembered", "header")
"""Where a role comes from."""

READABLE_SHARE = 0.2
"""Share of a column's first cells that its kind can read, below which its owner is told."""

PERSON_CLASSES = frozenset(("victim", "missing", "mixed"))
"""Record classes whose records are about people who may be children in need of protection."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the columns of a table are, as far as it is known.

    `columns` is name -> role and `origins` name -> one of ORIGINS. `hints` is what the cells of other columns look
    like, name -> role. `refused` names the columns whose cells are about something refused.
    """

    columns: dict[str, str]
    origins: dict[str, str]
    hints: dict[str, str]
    doubts: tuple[str, ...]
    refused: dict[str, Refused]

    def check(self) -> None:
        """UserError if a column takes part whose cells are clearly about something that is refused."""
        for name, text in self.columns.items():
            found = self.refused.get(name)
            if found is not None and found.strong and _takes_part(read_role(text)):
                raise UserError(
                    f'The cells of the column "{name}" look like {_words(found.about)}, which is refused: '
                    f"{FORBIDDEN[found.about]}.",
                    advice=f"Leave it out: --map '{name}=ignore'. It is then never read. If it holds identifiers as "
                    "well, copy only those into a column of their own.",
                )


def propose(
    header: Sequence[str],
    samples: Sequence[Sequence[Value]],
    *,
    said: Mapping[str, str],
    remembered: Mapping[str, str] | None = None,
    profile: Profile | None = None,
    region: str | None = None,
) -> Proposal:
    """Put together what is known about the columns. `samples` are the first cells of each (`content.sample`).

    UserError for something that was said and cannot be.
    """
    if profile is not None:
        named = profile.columns_of(header)
        free = {name: role for name, role in suggest(header).items() if name not in named}
        base, base_origin = merged(header, free, named), dict.fromkeys(free, "header") | dict.fromkeys(named, "profile")
    elif remembered is not None:
        # In this header's spelling: names are compared without case, accents and punctuation.
        base = {header[index]: role for index, role in placed(header, remembered).items()}
        base |= {name: role for name, role in remembered.items() if role == "ignore"}
        base_origin = dict.fromkeys(base, "remembered")
    else:
        base = suggest(header)
        base_origin = dict.fromkeys(base, "header")
    columns = merged(header, base, said)
    own = merged(header, {}, said)
    origins = {name: "said" if name in own else base_origin[name] for name in columns}
    roles = {index: role for index, text in placed(header, columns).items() if (role := read_role(text)) is not None}
    hints: dict[str, str] = {}
    doubts: list[str] = []
    refused: dict[str, Refused] = {}
    names = [fold(name) for name in header]
    for index, name in enumerate(header):
        # "Info" beside "INFO" can be mapped by its exact spelling, so it is looked at; "Info" beside "Info" cannot.
        # No hint is given for either: which of the two was meant is for a person to say.
        if not name.strip() or header.count(name) > 1 or is_forbidden(name) is not None:
            continue
        seen = look(samples[index], region=region)
        if seen.refused is not None:
            refused[name] = seen.refused
        role = roles.get(index)
        if role is None and seen.role and columns.get(name) != "ignore" and names.count(fold(name)) == 1:
            hints[name] = seen.role
        if role is not None:
            paired = any(COMPANIONS.get(other.name) == role.name for other in roles.values())
            doubts += _doubts(name, role, seen, samples[index], region, paired)
    return Proposal(columns, origins, hints, tuple(doubts), refused)


def _takes_part(role: Role | None) -> bool:
    return role is not None and (role.compared or role.family is Family.COMPANION)


def _doubts(name: str, role: Role, seen: Look, cells: Sequence[Value], region: str | None, paired: bool) -> list[str]:
    """What is odd about a column that was given a role, in sentences without a cell. `paired`: another column gives
    its second word row by row, so nothing can be said of its cells alone."""
    if not _takes_part(role):
        return []
    if seen.refused is not None and not seen.refused.strong:
        return [
            f'Some cells of the column "{name}" look like {_words(seen.refused.about)}, which is refused: '
            f"{FORBIDDEN[seen.refused.about]}. Leave the column out if that is what it holds: --map '{name}=ignore'."
        ]
    other = seen.role.partition(":")[0]
    if other and role.name != other and {role.name, other} not in _SAME_CELLS:
        return [
            f'The column "{name}" is mapped to {role.text}, but its cells look like {seen.role} '
            f"({CATALOGUE[other].title}). Look at the preview, and say which it is: --map '{name}={seen.role}'."
        ]
    if role.name == "phone" and region is None:
        return []  # that the region is missing is said anyhow (`needed`)
    if role.family is Family.IDENTIFIER and (role.qualifier or not paired):
        share = readable_share(cells, role.name, region=region, qualifier=role.qualifier)
        second = CATALOGUE[role.name].qualifier
        if share < READABLE_SHARE and second and not role.qualifier:
            return [
                f'Hardly any of the first cells of the column "{name}" says its {second} '
                f"({round(100 * share)} %). "
                f"If another column does, map it to {role.name}_{second}; if all cells have the same, say so: "
                f"--map '{name}={role_example(role.name)}'."
            ]
        if share < READABLE_SHARE:
            return [
                f'The column "{name}" is mapped to {role.text}, but hardly any of its first cells can be read as that '
                f"({round(100 * share)} %). Look at the preview; the report says why, cell by cell."
            ]
    return []


_SAME_CELLS = (
    {"url", "handle"},
    {"url", "advert"},
    {"handle", "advert"},
    {"domain", "advert"},
    {"id_number", "national_id"},
    {"id_number", "document"},
    {"national_id", "document"},
)
"""Two kinds that the same cells can be: an advertisement is given by its web address, an identity number is a field."""


def _words(about: str) -> str:
    return about.replace("_", " ")


def merged(header: Sequence[str], base: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Column -> role: `said` on top of `base`, under the names as the header spells them.

    A role that only one column may have goes to the column it was said for. UserError for a column that the header
    does not have, and for one or a role that cannot be mapped.
    """
    columns: dict[str, str] = {}
    for name, role in said.items():
        text = check_column(name, role).text
        place = name if text == "ignore" and name not in header else header[find_column(name, header)]
        if columns.setdefault(place, text) != text:
            raise UserError(f'The column "{place}" was given two roles.', advice="Keep one of them.")
    taken = {slot(role) for role in columns.values() if not takes_several(role)}
    return {name: role for name, role in base.items() if name not in columns and slot(role) not in taken} | columns


def placed(header: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    """Column index -> role, without the columns that are not used."""
    return {find_column(name, header): role for name, role in columns.items() if role != "ignore"}


def needed(columns: Mapping[str, str], terms: Terms) -> tuple[str, ...]:
    """What must still be said before a data set can be made, one sentence each, with the option that says it."""
    roles = set(columns.values())
    found = []
    if "reference" not in roles:
        found.append("the column with your own case numbers: --map 'COLUMN=reference' (it never leaves this node)")
    if not any(role.compared for text in roles if (role := read_role(text)) is not None):
        found.append(
            f"at least one column to compare: --map 'COLUMN={IDENTIFIER_ROLES[0]}', or another kind or person field"
        )
    if "consent" not in roles and (terms.basis == "consent" or any(role.startswith("consent_") for role in roles)):
        found.append(
            "the column that says yes or no in each row: --map 'COLUMN=consent'"
            + (" (or --basis legal_duty, if a law obliges you)" if terms.basis == "consent" else "")
        )
    if "phone" in roles and terms.region is None:
        found.append("the country of the phone numbers that are written without one: --region RO, for example")
    return tuple(found)


def unlike(proposal: Proposal) -> str:
    """A sentence if nothing in the file is known, by name or by what the cells look like: a letter that was saved as a
    table reads like one of a single column, or of a few where its sentences have commas."""
    if proposal.hints or proposal.columns:  # a column that is to be left out is known, too
        return ""
    return (
        "This does not look like a table with identifiers: no column has a name that is known here, and no cells look "
        "like numbers, accounts or names to compare. A letter or notes cannot be read: what is compared stands in a "
        "table, with a row for each person, a column for your case number and one for each kind of identifier, each "
        "with its name in the first row. If it is such a table, say with --map what its columns hold."
    )


def warnings(columns: Mapping[str, str], terms: Terms) -> tuple[str, ...]:
    """What the owner should know about this mapping before the data set takes part in anything."""
    if terms.record_class in PERSON_CLASSES and not {"birth_date", "child"} & set(columns.values()):
        return (
            "No column says who is a child, so nobody can be left out as one. If a column holds dates of birth, or "
            "says yes or no for children, name it: --map 'COLUMN=birth_date' or --map 'COLUMN=child'.",
        )
    return ()
