"""What a data set as a whole is: whose records, on what basis, for which country, and what one row's consent says.

**Record class** (one per data set; policy decides by it who may be compared with whom):
`victim` people the organisation protects or assists · `missing` people someone looks for · `suspect` people suspected
of an offence · `mixed` victims and suspects in one register, treated as both · `advert` advertisements · `contact`
phone numbers, addresses and accounts not tied to a person · `employer` employers and agencies · `tip` what callers and
visitors reported, about others (what is known of the reporter is never mapped). The words are those of manifests
(`node.agreement.terms`); a test keeps both lists equal.

**Basis.** `consent` (the default): a row takes part only if a column says yes, in that row, in a word that can mean
nothing else. `legal_duty`: rows take part without one, and the data set names the duty; a mapped consent column is
obeyed all the same.

**Urgent danger** (decision 0012). Where nobody could ask, a row may say that the person is in urgent danger. It then
takes part without a consent, for `URGENT_DAYS`, if a second person of the organisation put their name to the data set.
It never overrules a person who said no, nor a word that nobody here can read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from phonenumbers import SUPPORTED_REGIONS

from node.datasets.mapping import Mapping as ColumnMapping
from node.datasets.records import Consent
from node.datasets.words import (
    CLASS_WORDS,
    KIND_WORDS,
    PURPOSE_WORDS,
    RECEIVER_WORDS,
    child_word,
    decide,
    yes_or_no,
)
from node.errors import UserError
from node.facts import is_staff_label

__all__ = ["BASES", "RECORD_CLASSES", "Terms", "read_child", "read_class", "read_consent"]

RECORD_CLASSES = ("victim", "missing", "suspect", "mixed", "advert", "contact", "employer", "tip")
BASES = ("consent", "legal_duty")

MAX_LEGAL_REFERENCE_CHARACTERS = 200
"""Characters in the reference to a legal duty: an article, not a treatise."""

URGENT_DAYS = 14
"""Days for which an urgent danger stands in for a consent, from the day on which the file is prepared. After that
someone has to look at the person's situation again: an emergency that never ends would be a way round consent."""

_LIMITS = frozenset(("consent_until", "consent_kinds", "consent_receivers", "consent_purposes"))

_LIST = re.compile(r"[;,\n]")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]00:00(?::00)?)?")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one data set; UserError if they do not hold together.

    `region` is an ISO 3166 country code: how to read a phone number written without its country. `urgent_second` is the
    staff label of the second person who confirmed the rows that claim an urgent danger, "" if nobody did.
    """

    record_class: str
    basis: str = "consent"
    legal_reference: str = ""
    region: str | None = None
    urgent_second: str = ""

    def __post_init__(self) -> None:
        if self.record_class not in RECORD_CLASSES:
            raise UserError("This record class does not exist.", advice=f"Use one of: {', '.join(RECORD_CLASSES)}.")
        if self.basis not in BASES:
            raise UserError("This basis does not exist.", advice=f"Use one of: {', '.join(BASES)}.")
        text = self.legal_reference
        if (self.basis == "legal_duty") != bool(text.strip()):
            raise UserError(
                "A legal duty needs a reference to the law, and consent has none.",
                advice="With legal_duty name the article in a few words: --legal-reference. With consent leave it out.",
            )
        if len(text) > MAX_LEGAL_REFERENCE_CHARACTERS or not text.isprintable():
            raise UserError(
                "The reference to the law is too long or holds control characters.",
                advice=f"Use one line of at most {MAX_LEGAL_REFERENCE_CHARACTERS} characters.",
            )
        if self.region is not None and self.region not in SUPPORTED_REGIONS:
            raise UserError(
                "This region is not a country code.",
                advice="Use two capital letters, for example RO, BG, DE, NL or FR.",
            )
        if self.urgent_second and not is_staff_label(self.urgent_second):
            raise UserError(
                "The second person is not named as a member of staff.",
                advice="Use a short label with letters, such as a first name and an initial.",
            )

    def check(self, mapping: ColumnMapping) -> None:
        """Do these terms fit the mapping? UserError if a column they need is not mapped, or the region is missing."""
        roles = mapping.roles()
        if self.basis == "consent" and "consent" not in roles:
            raise UserError(
                "No column is mapped to consent, so no row could take part.",
                advice="Add a column in which each row says yes or no, and map it to consent; "
                "or use the basis legal_duty if a law obliges you.",
            )
        if "consent" not in roles and roles & _LIMITS:
            raise UserError(
                "A column limits the consent, but no column is mapped to consent itself.",
                advice="Map the column in which each row says yes or no.",
            )
        if "consent" not in roles and "urgent_danger" in roles:
            raise UserError(
                "A column says who is in urgent danger, but there is no consent that it could stand in for.",
                advice="Map the column in which each row says yes or no, or leave the urgent-danger column out.",
            )
        if "phone" in roles and self.region is None:
            raise UserError(
                "Phone numbers need a region: most are written without their country.",
                advice="Give the country most numbers are from, for example RO.",
            )


def read_consent(cells: Mapping[str, str], today: date, *, urgent_second: str = "") -> Consent | str:
    """The consent of one row from its texts by role, or the reason code why the row stays out.

    `urgent_second` is that of the terms: without it, a row that claims an urgent danger stays out.
    """
    given = _given(cells, today)
    if isinstance(given, Consent):
        return given
    # A blank "urgent" cell, or a "no", leaves the reason as it was.
    if not (claim := cells.get("urgent_danger", "")):
        return given
    said = yes_or_no(claim)
    if said is None:
        return "urgent/unknown-word"
    if not said:
        return given
    if given == "consent/no":
        return "urgent/person-said-no"
    if given not in _NOT_ASKED:
        return given
    if not urgent_second:
        return "urgent/second-person-missing"
    limits = _limits(cells)
    if isinstance(limits, str):
        return limits
    kinds, receivers, purposes = limits
    until = today + timedelta(days=URGENT_DAYS)
    return Consent(given=True, kinds=kinds, receivers=receivers, until=until, urgent=True, purposes=purposes)


_NOT_ASKED = frozenset(("consent/blank", "consent/expired"))
"""Why a consent can be missing without anybody having refused it: nobody asked, or nobody asked again."""


def _given(cells: Mapping[str, str], today: date) -> Consent | str:
    """The consent that the person gave, or the reason code why there is none."""
    answer = cells.get("consent")
    if answer is not None:
        if not answer:
            return "consent/blank"
        said = yes_or_no(answer)
        if said is None:
            return "consent/unknown-word"
        if not said:
            return "consent/no"
    until = None
    if text := cells.get("consent_until"):
        until = _day(text)
        if until is None:
            return "consent/until-not-a-date"
        if until < today:
            return "consent/expired"
    limits = _limits(cells)
    if isinstance(limits, str):
        return limits
    kinds, receivers, purposes = limits
    return Consent(given=True, kinds=kinds, receivers=receivers, until=until, purposes=purposes)


_Limit = frozenset[str] | None


def _limits(cells: Mapping[str, str]) -> tuple[_Limit, _Limit, _Limit] | str:
    """(kinds, receivers, purposes) as the person limited them, or the reason code why they cannot be read."""
    kinds = _closed_list(cells.get("consent_kinds", ""), KIND_WORDS)
    if kinds is not None and not kinds:
        return "consent/unknown-kind"
    receivers = _closed_list(cells.get("consent_receivers", ""), RECEIVER_WORDS)
    if receivers is not None and not receivers:
        return "consent/unknown-receiver"
    purposes = _closed_list(cells.get("consent_purposes", ""), PURPOSE_WORDS)
    if purposes is not None and not purposes:
        return "consent/unknown-purpose"
    return kinds, receivers, purposes


def read_child(text: str) -> bool | str:
    """Is this row about a child? A blank or unknown word is a reason code: then the row stays out."""
    if not text:
        return "child/blank"
    said = child_word(text)
    return "child/unknown-word" if said is None else said


def read_class(text: str, record_class: str) -> str:
    """ "" if this row belongs to a data set of `record_class`, else the reason code why not."""
    if not text:
        return "class/blank"
    said = decide(text, CLASS_WORDS)
    if said is None:
        return "class/unknown-word"
    fits = said == record_class or (record_class == "mixed" and said in ("victim", "suspect"))
    return "" if fits else "class/other"


def _closed_list(text: str, words: Mapping[str, str]) -> frozenset[str] | None:
    """None for a blank cell (no limit), the empty set if any entry is unknown."""
    entries = [entry for entry in _LIST.split(text) if entry.strip()]
    if not entries:
        return None if not text else frozenset()
    found = {decide(entry, words) for entry in entries}
    return frozenset() if None in found else frozenset(word for word in found if word)


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if not match:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None
