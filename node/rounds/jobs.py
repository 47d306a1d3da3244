"""The matching jobs J1 to J16, as a table: what each compares, who gets what, and what is not built yet.

A job that needs a part which is not built refuses with a sentence that names the part; `limits` says what a job that
can be filled in does not do yet. `node.rounds.templates` makes agreements out of these rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from node.agreement.terms import Mode, Purpose, RecordClass
from node.datasets.room import USUAL_ROOM
from psi.identifiers import Rule

__all__ = ["TEMPLATES", "Template"]

PERSON = Rule.person(
    (
        "given_name",
        "family_name",
        "father_name",
        "birth_date",
        "birth_place",
        "sex",
        "nationality",
        "locality",
        "given_initial",
    ),
    3,
)
"""Any three of eight fields; combinations too common to tell people apart are left out (`psi.identifiers`). The first
sound of the given name joins those that a household shares, so that sisters do not meet on family, date and place."""


def _kinds(*names: str) -> tuple[Rule, ...]:
    """Single values, with the room that a record usually has for them."""
    return tuple(Rule(name, USUAL_ROOM[name].values) for name in names)


@dataclass(frozen=True)
class Template:
    """One job. `missing` is empty where the job can be filled in, and names what is not built otherwise.

    `records` is the record class of each side, `support` that of an organisation people turn to for help, if it
    differs. `contact_card` and `payload`: the top of the output ladder (`node.agreement.ladder`).
    """

    id: str
    title: str
    missing: str = ""
    limits: tuple[str, ...] = ()
    purpose: Purpose = "protect_victims"
    purpose_text: str = ""
    match: tuple[Rule, ...] = ()
    mode: Mode = "released"
    reply: Mapping[str, Any] = field(default_factory=dict)
    records: RecordClass = "victim"
    support: RecordClass | None = None
    contact_card: bool = False
    payload: tuple[str, ...] = ()


_TWO_ONLY = "Two organisations only."
_ALL = (
    Template(
        "J1",
        "The same person in two projects",
        purpose_text="Find the people whom both organisations already help or know, so that they can be protected.",
        match=(PERSON, *_kinds("phone", "email", "handle", "alias")),
        reply={"count": "banded", "count_then_release": True},
    ),
    Template(
        "J2",
        "Recurring contacts over advertisements",
        limits=("Two owners only.",),
        purpose="find_recurring_contacts",
        purpose_text="Find the contact details that recur in the advertisements of both organisations.",
        match=_kinds("phone", "email", "handle"),
        mode="ordered",
        records="advert",
    ),
    Template(
        "J3",
        "A few contacts against many advertisements",
        limits=("Both sides send a list; the one-sided look-up, which spares the large one, is not built yet.",),
        purpose_text="Find out which contacts of people in our care stand in advertisements.",
        match=_kinds("phone", "email", "handle"),
        mode="count",
        reply={"count": "banded"},
        records="advert",
        support="victim",
    ),
    Template(
        "J4",
        "Deconfliction: is another unit on the same case",
        limits=("Two units only.", "The other unit is told yes or no; of which case, when a person releases it."),
        purpose="deconflict_cases",
        purpose_text="Find out whether both units work on the same case, and whom to speak to about it.",
        match=(PERSON, *_kinds("phone", "handle", "plate")),
        reply={"count": "yes_no", "count_then_release": True},
        records="suspect",
        contact_card=True,
        payload=("as_of",),
    ),
    Template(
        "J5",
        "Continuity of handles and IP addresses",
        limits=(_TWO_ONLY, "Two sightings meet if they are at most half an hour apart; some up to an hour apart do."),
        purpose="deconflict_cases",
        purpose_text="Find the accounts and IP addresses that both units follow, also after an account was renamed.",
        match=_kinds("handle", "ip_window"),
        mode="ordered",
        records="suspect",
    ),
    Template(
        "J6",
        "The same victim in two registers",
        limits=(
            "Two registers only.",
            "The caseworkers find each other over records that a person released, if both ask for it.",
        ),
        purpose_text="Find the people whom both registers hold, so that their caseworkers can speak to each other.",
        match=(PERSON, *_kinds("document")),
        reply={"count": "banded", "count_then_release": True},
        contact_card=True,
        payload=("as_of", "urgent_danger"),
    ),
    Template(
        "J7",
        "Cross-check of tips between hotlines",
        limits=("Two hotlines only.", "Map what a tip is about, never what the reporter said of himself."),
        purpose="deconflict_cases",
        purpose_text="Find the addresses, accounts and numbers that both hotlines were told about.",
        match=_kinds("url", "handle", "phone"),
        mode="ordered",
        records="tip",
    ),
    Template(
        "J8",
        "Money",
        limits=(_TWO_ONLY, "The other side is told in how many records, not over how many accounts they spread."),
        purpose_text="Find the accounts, payments and wallets through which victims' money went.",
        match=_kinds("iban", "payment_ref", "wallet"),
        mode="count",
        reply={"count": "banded"},
        records="contact",
        support="victim",
    ),
    Template(
        "J9",
        "Exact image hashes",
        limits=("Police and prosecutors only.", "A copy that was changed in any way is another picture."),
        purpose_text="Find the pictures that both units hold, so that a victim is looked for once.",
        match=_kinds("image_hash"),
        mode="ordered",
        records="advert",
    ),
    Template(
        "J10",
        "Employers and agencies",
        limits=(_TWO_ONLY, "A company is known by its register number; its name is not compared."),
        purpose="check_employers",
        purpose_text="Find the employers and agencies that both organisations have on file.",
        match=_kinds("employer", "phone"),
        mode="ordered",
        records="employer",
    ),
    Template("J11", "One-sided look-up at a platform", missing="one-sided look-ups (protocol 'lookup')"),
    Template("J12", "Joint action day", missing="rounds of more than two members (protocol 'group')"),
    Template("J13", "Totals without duplicates", missing="rounds of more than two members and their statistics"),
    Template(
        "J14",
        "Misuse of documents",
        limits=(_TWO_ONLY, "By how many people a document is used is counted over one's own records."),
        purpose_text="Find the identity documents that stand in both registers.",
        match=_kinds("document"),
        mode="count",
        reply={"count": "banded"},
    ),
    Template(
        "J15",
        "Places",
        limits=(_TWO_ONLY, "Addresses have to name street and number, or a postcode."),
        purpose="deconflict_cases",
        purpose_text="Find the places that both organisations have on file.",
        match=_kinds("address"),
        mode="ordered",
        records="contact",
    ),
    Template("J16", "Standing watch", missing="series of rounds"),
)

TEMPLATES: Mapping[str, Template] = MappingProxyType({template.id: template for template in _ALL})
"""All jobs by id, in order."""
