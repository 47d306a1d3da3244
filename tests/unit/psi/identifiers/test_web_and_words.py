"""Web addresses, domains, aliases, addresses and case numbers: what agrees, and what must not."""

import pytest

from psi.identifiers import Cell, RefusedValue, canonicalise
from psi.identifiers.several import MAX_VALUES_IN_A_CELL
from psi.identifiers.sites import SHARED_SITES, ascii_host, is_public_suffix, registrable
from psi.identifiers.spelling import mixes_alphabets, spelling


def refused(kind: str, text: str, **where: str | None) -> str:
    with pytest.raises(RefusedValue) as refusal:
        canonicalise(kind, Cell(text), **where)
    return refusal.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a?x=1", "http://example.com/a?x=1", "https://www.example.com/a/?x=1", "example.com/a?x=1",
        "HTTPS://EXAMPLE.COM:443/a?x=1", "hxxp://example[.]com/a?x=1", "https://example.com./a?x=1",
        "https://example.com/b/../a?x=1", "https://example.com/%61?x=%31", "https://example.com/a?x=1&utm_medium=cpc",
        "https://example.com/a?gclid=z&x=1#part", "<https://example.com/a?x=1>", "https://example.com/a?x=1.",
        "https:\\\\example.com\\a?x=1", "https://example.com/a;jsessionid=0123?x=1", "https://example.com/a?&x=1&",
    ],
)  # fmt: skip
def test_one_page_has_one_address(text: str) -> None:
    assert canonicalise("url", Cell(text)) == ("https://example.com/a?x=1",)


def test_other_pages_stay_others() -> None:
    texts = (
        "example.com/a",
        "example.com/A",
        "example.com/a?x=1",
        "m.example.com/a",
        "example.com:81/a",
        "example.org/a",
    )
    texts += ("example.com/a?x=1&x=2", "example.com/a?x=%2541", "example.com/a%2Fb", "example.com/a/b")
    assert len({canonicalise("url", Cell(text)) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://127.1/", "url/local"), ("http://2130706433/", "url/local"),
        ("http://[fd00::1]/", "url/local"),
        ("http://printer.lan/", "url/local"), ("http://x.test/", "url/local"), ("http://com/", "url/local"),
        ("http://a.example:99999/", "url/not-an-address"), ("view-source://example.com", "url/not-the-web"),
        ("https://t.co/abc", "url/shortened"), ("https://l.facebook.com/l.php?u=x", "url/shortened"),
        ("https://web.telegram.org/k/", "url/message-link"), ("sms:+40721123456", "url/message-link"),
        ("https://vk.com", "url/front-page"), ("https://example.com/#!/x", "url/page-in-fragment"),
        ("https://short.onion/x", "url/not-an-address"), ("https://anna@example.com/", "url/user-info"),
    ],
)  # fmt: skip
def test_addresses_that_name_no_page(text: str, reason: str) -> None:
    assert refused("url", text) == reason


def test_a_key_of_tor_is_a_host() -> None:
    host = "a" * 56 + ".onion"
    assert canonicalise("url", Cell(f"http://www.{host}/x")) == (f"https://{host}/x",)


@pytest.mark.parametrize("host", sorted(SHARED_SITES))
def test_sites_of_everybody_are_registered_names_and_refused(host: str) -> None:
    assert registrable(host) == host == ascii_host(host)
    assert refused("domain", f"www.{host}") == "domain/shared"


def test_suffixes() -> None:
    assert is_public_suffix("co.uk")
    assert is_public_suffix("wordpress.com")
    assert is_public_suffix("example")
    assert not is_public_suffix("example.com")
    assert registrable("a.b.example") == "b.example"
    assert registrable("a.b.wordpress.com") == "b.wordpress.com"
    assert registrable("wordpress.com") == registrable("co.uk") == registrable("nothing.here1") == ""


def test_the_spelling_of_a_spelling_is_itself() -> None:
    for text in (
        "Müller Mueller Muller",
        "Đorđević",
        "Khreshchatyk",
        "Ксенія",
        "aeeuxyw",
        "Jacques",
        "Aeldridge Al-Aldridge",
        "الحسن",
    ):
        once = spelling(text)
        assert spelling(" ".join(once)) == once
    assert len(set(spelling("Müller Mueller Muller"))) == 1


def test_alphabets() -> None:
    assert mixes_alphabets("Аnna")
    assert mixes_alphabets("μasa Αnna")
    assert not mixes_alphabets("Anna Анна")
    assert not mixes_alphabets("王xiaoming 7а")


def test_one_bad_value_or_one_too_many_refuses_the_cell() -> None:
    names = [f"zirkania{number}" for number in range(MAX_VALUES_IN_A_CELL + 1)]
    assert len(canonicalise("alias", Cell("; ".join(names[:-1])))) == MAX_VALUES_IN_A_CELL
    assert refused("alias", "; ".join(names)) == "alias/too-many"
    assert refused("alias", f"{names[0]}; Anna") == "alias/too-common"


@pytest.mark.parametrize(
    ("first", "second", "region"),
    [
        ("Musterweg 7, 12345 Berlin", "Musterstraße 7, 12345 Berlin", "DE"),
        ("Musterstraße 7, 12345 Berlin", "Musterstraße 7, 12346 Berlin", "DE"),
        ("Musterstraße 7, 12345 Berlin", "Musterstraße 7b, 12345 Berlin", "DE"),
        ("Musterstraße 12-14, 12345 Berlin", "Musterstraße 1214, 12345 Berlin", "DE"),
        ("Str. Lalelelor 5 ap. 14, 010101 București", "Str. Lalelelor 14 ap. 5, 010101 București", "RO"),
        ("Str. Lalelelor 5, București", "Str. Lalelelor 5, Cluj", "RO"),
        ("Unirii Square 5, 010101 București", "Unirii Avenue 5, 010101 București", "RO"),
    ],
)
def test_neighbours_are_not_one_address(first: str, second: str, region: str) -> None:
    assert canonicalise("address", Cell(first), region=region) != canonicalise("address", Cell(second), region=region)


@pytest.mark.parametrize(
    ("first", "second", "region"),
    [
        ("Bd. Unirii nr. 5, 010101 București", "Bulevardul Unirii 5, Bucuresti, 010101", "RO"),
        ("Am Musterplatz 5, 1010 Wien", "1010 Wien, Am Muster-Platz 5", "AT"),
        ("5 bis rue de l'Exemple, 75001 Paris", "5bis, rue de l’Exemple 75001 PARIS", "FR"),
        ("ul. Przykładowa 5 m. 14, 00-001 Warszawa", "Przykladowa 5 m 14, 00-001 Warszawa, Polska", "PL"),
        ("Calle Ejemplo, 5, 28001 Madrid", "C. Ejemplo 5, Madrid 28001, España", "ES"),
        ("123 Example Ave, Springfield, IL 62701-1234", "123 Example Avenue, Springfield, IL, 62701", "US"),
        ("Voorbeeldstraat 12, 1234AB Amsterdam", "12, 1234 ab", "NL"),
    ],
)
def test_one_address_in_two_writings(first: str, second: str, region: str) -> None:
    found = canonicalise("address", Cell(first), region=region)
    assert found == canonicalise("address", Cell(second), region=region)
    assert canonicalise("address", Cell(found[0])) == found
