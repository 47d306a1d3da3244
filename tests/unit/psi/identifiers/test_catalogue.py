"""The catalogue is closed, and the version names everything that decides."""

from importlib.metadata import version

import pytest

from psi.identifiers import CATALOGUE, FORBIDDEN, NORMALISER_VERSION, RefusedValue, find_kind
from psi.identifiers.version import newer

DOMAIN = """phone email handle person alias document national_id url advert domain ip_window iban card payment_ref
wallet plate vin imei imsi mac address employer image_hash shared_case_ref"""


@pytest.mark.tm("TM-88")
def test_the_catalogue_is_the_domain() -> None:
    assert list(CATALOGUE) == DOMAIN.split()
    assert all(kind.title and kind.guessable for kind in CATALOGUE.values())


@pytest.mark.tm("TM-88")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_fields_are_refused_by_name_with_the_reason(name: str) -> None:
    assert name not in CATALOGUE
    with pytest.raises(RefusedValue) as refusal:
        find_kind(name)
    assert refusal.value.reason == "kind/forbidden"
    assert name in refusal.value.sentence
    assert FORBIDDEN[name] in refusal.value.sentence


@pytest.mark.tm("TM-88")
@pytest.mark.parametrize("name", ["", "Phone", "phone ", "person:name", "religions"])
def test_other_names_do_not_exist(name: str) -> None:
    with pytest.raises(RefusedValue) as refusal:
        find_kind(name)
    assert refusal.value.reason == "kind/unknown"


@pytest.mark.tm("TM-89")
def test_the_version_names_every_table() -> None:
    for library in (
        "phonenumbers",
        "anyascii",
        "idna",
        "email-validator",
        "python-stdnum",
        "ada-url",
        "publicsuffixlist",
        "hijridate",
        "jdatetime",
    ):
        assert version(library) in NORMALISER_VERSION
    assert NORMALISER_VERSION.startswith("bm3-")
    assert NORMALISER_VERSION.endswith("-uc14")
    assert len(NORMALISER_VERSION) <= 128
    assert NORMALISER_VERSION.isascii()


@pytest.mark.tm("TM-89")
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("bm2-pn9.0.43", "bm2-pn9.0.43", "neither"),
        ("bm2-pn9.0.43", "bm2-pn9.0.9", "first"),
        ("bm2-pn9.0.43", "bm3-pn9.0.43", "second"),
        ("bm2-pn9.0.44", "bm3-pn9.0.43", "neither"),
        ("bm1-pn9.0.43", "bm2-pn9.0.43-sn2.2", "second"),
        ("bm2-pn9.0.43-sn2.2", "bm1-pn9.0.43", "first"),
        ("bm2", "", "neither"),
        ("bm2", "newest", "neither"),
        ("bm2", "bm2-", "neither"),
    ],
)
def test_which_version_is_the_newer_one(first: str, second: str, said: str) -> None:
    assert newer(first, second) == said


def test_one_version_is_newer_or_neither_is() -> None:
    assert newer(NORMALISER_VERSION, NORMALISER_VERSION) == "neither"
    assert newer(f"{NORMALISER_VERSION}9", NORMALISER_VERSION) == "first"
