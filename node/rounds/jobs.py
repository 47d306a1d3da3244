"""The matching jobs J1 to J16, as a table: what each compares, who gets what, and what is not built yet.

A job that needs a part which is not built refuses with a sentence that names the part; `limits` says what a job that
can be filled in does not do yet. `node.rounds.templates` makes agreements out of these rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from node.agreement.terms import Mode, Purpose, RecordClass
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
    ),
    3,
)
"""Any three of eight fields; combinations too common to tell people apart are left out (`psi.identifiers`)."""

PHONE = Rule("phone", 3)
EMAIL = Rule("email", 2)
HANDLE = Rule("handle", 2)


@dataclass(frozen=True)
class Template:
    """One job. `missing` is empty where the job can be filled in, and names what is not built otherwise.

    `records` is the record class of each side, `support` that of an organisation people turn to for help, if it
    differs.
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


_ALL = (
    Template(
        "J1",
        "The same person in two projects",
        limits=("Aliases are not compared yet.",),
        purpose_text="Find the people whom both organisations already help or know, so that they can be protected.",
        match=(PERSON, PHONE, EMAIL, HANDLE),
        reply={"count": "banded", "count_then_release": True},
    ),
    Template(
        "J2",
        "Recurring contacts over advertisements",
        limits=(
            "Two owners only.",
            "E-mail addresses are compared exactly; near ones are not found.",
            "How many advertisements or persons a contact stands on is not counted yet.",
        ),
        purpose="find_recurring_contacts",
        purpose_text="Find the contact details that recur in the advertisements of both organisations.",
        match=(PHONE, EMAIL, HANDLE),
        mode="ordered",
        records="advert",
    ),
    Template(
        "J3",
        "A few contacts against many advertisements",
        limits=("Both sides send a list; the one-sided look-up, which spares the large one, is not built yet.",),
        purpose_text="Find out which contacts of people in our care stand in advertisements.",
        match=(PHONE, EMAIL, HANDLE),
        mode="count",
        reply={"count": "banded"},
        records="advert",
        support="victim",
    ),
    Template("J4", "Deconfliction: is another unit on the same case", missing="contact cards"),
    Template("J5", "Continuity of handles and IP addresses", missing="IP addresses with a time window"),
    Template(
        "J6",
        "The same victim in two registers",
        limits=(
            "Two registers only.",
            "Identity documents are not compared yet.",
            "The caseworkers find each other outside the program: contact cards are not built yet.",
        ),
        purpose_text="Find the people whom both registers hold, so that their caseworkers can speak to each other.",
        match=(PERSON,),
        mode="count",
        reply={"count": "banded"},
    ),
    Template("J7", "Cross-check of tips between hotlines", missing="web addresses and rounds of more than two members"),
    Template("J8", "Money", missing="bank accounts, payment references and wallets"),
    Template("J9", "Exact image hashes", missing="image hashes"),
    Template("J10", "Employers and agencies", missing="employer register numbers"),
    Template("J11", "One-sided look-up at a platform", missing="one-sided look-ups (protocol 'lookup')"),
    Template("J12", "Joint action day", missing="rounds of more than two members (protocol 'group')"),
    Template("J13", "Totals without duplicates", missing="rounds of more than two members and their statistics"),
    Template("J14", "Misuse of documents", missing="identity documents and counting over several records"),
    Template("J15", "Places", missing="postal addresses as a kind of their own"),
    Template("J16", "Standing watch", missing="series of rounds"),
)

TEMPLATES: Mapping[str, Template] = MappingProxyType({template.id: template for template in _ALL})
"""All jobs by id, in order."""
