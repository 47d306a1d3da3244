"""The grammar of roles, and that every one of them is explained."""

import pytest

from node.datasets.roles import (
    CALENDARS,
    COMPANIONS,
    ROLES,
    ROW_ROLES,
    Family,
    Role,
    explain_roles,
    read_role,
    slot,
    takes_several,
)
from psi.identifiers import CATALOGUE, PERSON_FIELDS, PLATFORMS


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("phone", Role("phone", "phone", Family.IDENTIFIER)),
        ("handle:telegram", Role("handle:telegram", "handle", Family.IDENTIFIER, "telegram")),
        ("handle: TELEGRAM ", Role("handle:telegram", "handle", Family.IDENTIFIER, "telegram")),
        ("document:ro", Role("document:RO", "document", Family.IDENTIFIER, "RO")),
        ("document:ROU", Role("document:RO", "document", Family.IDENTIFIER, "RO")),
        ("document:UNO", Role("document:UNO", "document", Family.IDENTIFIER, "UNO")),
        ("national_id:BG", Role("national_id:BG", "national_id", Family.IDENTIFIER, "BG")),
        ("plate:NL", Role("plate:NL", "plate", Family.IDENTIFIER, "NL")),
        ("advert:Example.COM", Role("advert:example.com", "advert", Family.IDENTIFIER, "example.com")),
        ("ip_window:2026-03-01T14:30Z", Role("ip_window:2026-03-01T14:30Z", "ip_window", Family.IDENTIFIER,
                                             "2026-03-01T14:30Z")),
        ("payment_ref:Western Union", Role("payment_ref:western_union", "payment_ref",
         Family.IDENTIFIER, "western_union")),
        ("employer:ro", Role("employer:RO", "employer", Family.IDENTIFIER, "RO")),
        ("employer:BG.EIK", Role("employer:bg.eik", "employer", Family.IDENTIFIER, "bg.eik")),
        ("birth_date:hijri", Role("birth_date:hijri", "birth_date", Family.PERSON, "hijri")),
        ("birth_date", Role("birth_date", "birth_date", Family.PERSON)),
        ("document_issuer", Role("document_issuer", "document_issuer", Family.COMPANION)),
        ("alias", Role("alias", "alias", Family.IDENTIFIER)),
        ("urgent_danger", Role("urgent_danger", "urgent_danger", Family.ROW)),
        ("reference", Role("reference", "reference", Family.REFERENCE)),
        ("ignore", Role("ignore", "ignore", Family.IGNORE)),
    ],
)  # fmt: skip
def test_a_role_is_taken_apart(text, role):
    assert read_role(text) == role
    assert read_role(role.text) == role


@pytest.mark.parametrize(
    "text",
    ["", ":", "person", "Phone", "phone:RO", "phone:", "handle:", "handle:myspace", "document:", "document:XQ",
        "plate:UNO",
     "national_id:atlantis", "advert:x", "advert:a b.c", "birth_date:", "birth_date:julian", "family_name:x",
     "consent:yes",
     "reference:1", "document_issuer:RO", "ip_window:now", "employer:nowhere", "payment_ref:pigeon", "religion",
     "ignore:x", "phone_country"],
)  # fmt: skip
def test_what_is_no_role(text):
    assert read_role(text) is None


def test_every_role_that_is_listed_reads_as_itself():
    for text in ROLES:
        role = read_role(text)
        assert role is not None
        assert role.text == text
    assert len(set(ROLES)) == len(ROLES)
    assert {*PERSON_FIELDS, *ROW_ROLES, *COMPANIONS, *(kind for kind in CATALOGUE if kind != "person")} <= set(ROLES)
    assert "person" not in ROLES


def test_a_companion_is_named_after_its_kind_and_the_second_word():
    assert COMPANIONS == {
        "handle_platform": "handle", "document_issuer": "document", "national_id_country": "national_id",
        "advert_site": "advert", "ip_window_time": "ip_window", "payment_ref_service": "payment_ref",
        "plate_country": "plate", "employer_register": "employer",
    }  # fmt: skip


def test_which_roles_several_columns_may_have():
    assert all(takes_several(role) for role in ("phone", "alias", "document:RO", "ignore"))
    assert not any(takes_several(role) for role in ("reference", "birth_date", "document_issuer", "consent", "no role"))
    assert slot("birth_date:hijri") == slot("birth_date") == "birth_date"
    assert slot("handle:telegram") == "handle:telegram"


def test_every_role_is_explained_in_a_few_words():
    groups = explain_roles()
    explained = {role: words for _, roles in groups for role, words in roles}
    assert set(ROLES) <= set(explained)
    assert all(0 < len(words) <= 90 for words in explained.values())
    assert all(read_role(role) is not None for role in explained)
    assert len({title for title, _ in groups}) == len(groups)
    assert {f"handle:{platform}" for platform in PLATFORMS} | {f"birth_date:{c}" for c in CALENDARS} <= set(explained)
