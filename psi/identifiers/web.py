"""Addresses on the web: pages, domains, and advertisements on a site.

A page is canonical as `https://host/path?query`. What differs between two copies of one address without leading to
another page is taken away:

    scheme http, default ports, `www.`, the fragment, a slash at the end, the order of the query's parts,
    parameters that only follow a reader around (utm_source, fbclid ...), needless percent signs, `hxxp` and `[.]`

What may lead elsewhere stays: letter case of path and query, other hosts, unknown parameters. An address whose page
stands behind the `#` is refused, and so is one that names nothing public. Nothing is ever fetched, so a shortened
address cannot be followed and is refused as well.

A domain is the part of a host that somebody registered (`sites`), an advertisement is `domain:number`.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import MAX_CELL_CHARACTERS, Cell, Hints, ascii_digits, clean
from psi.identifiers.several import LOST_DIGITS, read_each, refuser, undamaged
from psi.identifiers.sites import SHARED_SITES, ascii_host, is_local, is_public_suffix, registrable
from psi.identifiers.web_address import MAILBOXES, WebAddress, message_link, no_address, parse_address

__all__ = ["adverts", "domains", "urls"]

MAX_AD_ID_CHARACTERS: Final = 64
"""Characters in the number of an advertisement."""

SETTLING_ROUNDS: Final = 6
"""Times an address is read again until it no longer changes. Ordinary ones take one."""

_SHORT: Final = """
    bit.ly j.mp bitly.com t.co tinyurl.com goo.gl ow.ly is.gd v.gd buff.ly cutt.ly rb.gy rebrand.ly shorturl.at
    tiny.cc t.ly lnkd.in adf.ly clck.ru u.to qps.ru vm.tiktok.com vt.tiktok.com trib.al dlvr.it soo.gd s.id shorte.st
    tny.im x.gd urlz.fr l.facebook.com lm.facebook.com l.instagram.com l.messenger.com out.reddit.com shrtco.de
"""
_SHORTENERS: Final = frozenset(_SHORT.split())
"""Hosts whose addresses only send on to another one."""

_BETWEEN: Final = re.compile(r"\s+|[;,|](?=\s|$|(?i:https?|hxxps?)://)")
_SETTLED: Final = re.compile(r"(?!.*/[.])https://[a-z0-9.-]+/[A-Za-z0-9_~/.-]*(?:\?[A-Za-z0-9_~=&.-]*)?(?<![.])")
"""Addresses that reading again cannot change, since they hold nothing that is ever taken away or decoded."""

_SAME_SITE: Final = re.compile(r"(?:m|mobile|touch|mbasic|web|old|[a-z]{2}(?:-[a-z]{2})?)\.(?=.*\.)")
"""What stands before the host of a service for its readers on telephones or in one country."""

_refuse_url = refuser("url")
_refuse_domain = refuser("domain")
_refuse_advert = refuser("advert")


def urls(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The pages of a cell; () for a blank.

    Raises `RefusedValue`: `url/not-an-address`, `url/not-the-web`, `url/message-link`, `url/user-info`, `url/local`,
    `url/unknown-ending`, `url/shortened`, `url/front-page`, `url/page-in-fragment`, `url/too-long`, `url/too-many`.
    """
    if cell.number is not None:
        raise no_address()
    return read_each(cell, "url", _url, _BETWEEN)


def _url(text: str) -> tuple[str, ...]:
    value = ""
    for _ in range(SETTLING_ROUNDS):
        address = parse_address(text)
        value = str(address)
        if len(value) > MAX_CELL_CHARACTERS:
            raise _refuse_url("too-long", "This web address is too long.", "Keep the part that leads to the page.")
        if value == text or _SETTLED.fullmatch(value):
            text = value
            break
        text = value
    if value != text or _BETWEEN.search(value):
        raise no_address()
    if address.host in _SHORTENERS:
        raise _refuse_url(
            "shortened",
            "This address only sends on to another one, and is not followed here.",
            "Write the address it leads to.",
        )
    if address.host in MAILBOXES:
        raise message_link()
    if address.path == "/" and not address.query and _SAME_SITE.sub("", address.host, count=1) in SHARED_SITES:
        raise _refuse_url(
            "front-page",
            "This is the front page of a service that everybody uses.",
            "Write the address of the profile or the page.",
        )
    return (value,)


def domains(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The registered domains of a cell, from names, hosts or web addresses; () for a blank.

    Raises `RefusedValue`: `domain/not-a-domain`, `domain/public-suffix`, `domain/unknown-ending`, `domain/is-an-ip`,
    `domain/local`, `domain/shared`, `domain/too-many`.
    """
    if cell.number is not None:
        raise _no_domain()
    return read_each(cell, "domain", _domain, re.compile(r"[;,|\s]+"))


def _domain(text: str) -> tuple[str, ...]:
    text = re.sub(r"\[\.\]|\(\.\)", ".", text).strip("<>").rstrip(".,")
    if "@" in text:
        raise _no_domain()
    if "/" in text:
        try:
            host = parse_address(text).host
        except RefusedValue:
            raise _no_domain() from None
    else:
        host = ascii_host(re.sub(r":\d{1,5}$", "", text))
    if re.fullmatch(r"\[.*\]|[0-9.]+", host):
        raise _refuse_domain(
            "is-an-ip", "This is an IP address and no domain.", "Map the column to the kind ip_window."
        )
    if not host:
        raise _no_domain()
    if is_local(host):
        raise _refuse_domain(
            "local", "This name means something inside one network only.", "Write the name that the public uses."
        )
    owner = registrable(host)
    if owner in SHARED_SITES:
        raise _refuse_domain(
            "shared",
            "Everybody uses this service, so its domain says nothing about anyone.",
            "Use the account or the page on it instead.",
        )
    if owner:
        return (owner,)
    if is_public_suffix(host):
        raise _refuse_domain(
            "public-suffix", "Anybody can register names under this ending.", "Write the whole domain."
        )
    raise _refuse_domain("unknown-ending", "No domain ends like this one.", "Check it against the original.")


def adverts(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The advertisements of a cell as `domain:number`; () for a blank. `hints.qualifier` is the column's site.

    Read are `site number`, `site:number`, an address whose path or query names one number, and the number alone
    where the column says its site. Raises `RefusedValue`: `advert/no-site`, `advert/unknown-site`,
    `advert/other-site`, `advert/no-id`, `advert/lost-digits`, `advert/too-many`.
    """
    expected = _site(hints.qualifier) if hints.qualifier is not None else None
    addresses = "/" in cell.text
    return read_each(
        undamaged(cell, "advert"),
        "advert",
        lambda part: (_advert(part, expected),),
        _BETWEEN if addresses else re.compile(r"[;,|]"),
    )


_SITE_AND_ID: Final = re.compile(r"((?:[^\s.:@/]+\.)+[^\s.:@/]{2,})(?:\s*[:#]\s*|\s+)(\S.*)")
_LABEL: Final = re.compile(r"(?i)(?:(?:ad|anzeige|anunt)\s*)?(?:id|nr|no)?\s*[.:#№]*\s*(?=\d)")
_AD_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_NUMBERING: Final = """
    id adid ad_id ad advert advertid advert_id item itemid item_id listing listingid listing_id post postid post_id
    profile_id annonce
"""
_AD_PARAMETERS: Final = frozenset(_NUMBERING.split())
_OFTEN_A_PARTNERS: Final = frozenset({"aid", "pid"})
"""Parameters that number advertisements on some sites, and on others whoever sent the reader: the same for all of
them. They count only behind a script (`show.php?aid=`), which says nothing by itself."""
_DAY: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_ENDING: Final = re.compile(r"\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
_IN_LAST: Final = (
    re.compile(r"([A-Za-z]{0,3}\d{5,20})"),
    re.compile(r".*[-_.,~]([A-Za-z]{0,3}\d{6,20})"),
    re.compile(r".*[-_.,]ID([A-Za-z0-9]{5,20})"),
    re.compile(r"(\d{6,20})(?:-\d{1,6})+"),
    re.compile(r"([0-9a-fA-F]{12,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"),
)
"""Where sites put the number in the last part of a path, the commonest first. Behind words it needs six digits: five
are a postcode."""

_FEWEST_ID_CHARACTERS: Final = 5
"""Characters. Shorter numbers are pages, ages and prices."""


def _advert(text: str, expected: str | None) -> str:
    if "/" in text:
        try:
            address = parse_address(text)
        except RefusedValue:
            raise _no_id() from None
        site, number = address.owner, _number_in(address)
        if not site:
            raise _unknown_site()
    elif named := _SITE_AND_ID.fullmatch(text):
        site, number = _site(named[1]), named[2]
    elif expected is not None:
        site, number = expected, text
    else:
        raise _refuse_advert(
            "no-site",
            "This number does not say on which site its advertisement is.",
            "Map the column to one site, or write the address of the advertisement.",
        )
    if expected is not None and site != expected:
        raise _refuse_advert(
            "other-site",
            "This advertisement is on another site than its column says.",
            "Move it to its own column.",
        )
    return f"{site}:{_ad_id(number)}"


def _site(name: str) -> str:
    text = clean(Cell(name))
    try:
        host = parse_address(text).host if "/" in text else ascii_host(text)
    except RefusedValue:
        host = ""
    site = registrable(host) if host else ""
    if not site or is_local(host):
        raise _unknown_site()
    return site


def _ad_id(text: str) -> str:
    number = ascii_digits(text)
    if label := _LABEL.match(number):
        number = number[label.end() :]
    if number.isdecimal():
        number = number.lstrip("0")
    if not (
        _FEWEST_ID_CHARACTERS <= len(number) <= MAX_AD_ID_CHARACTERS
        and _AD_ID.fullmatch(number)
        and re.search(r"\d", number)
        and not LOST_DIGITS.fullmatch(number)
    ):
        raise _no_id()
    return number


def _number_in(address: WebAddress) -> str:
    """The number of the advertisement that an address leads to."""
    found = set()
    script = _ENDING.search(address.path) is not None
    for part in address.query:
        name, _, value = part.partition("=")
        counts = name.casefold() in _AD_PARAMETERS or (script and name.casefold() in _OFTEN_A_PARTNERS)
        if counts and len(value) >= _FEWEST_ID_CHARACTERS and re.search(r"\d", value):
            found.add(value)
    # Of two numbers that differ, one may be a category's or a partner's, and nothing says which.
    found |= _numbers_in_path([part for part in address.path.split("/") if part])
    if len(found) != 1:
        raise _no_id()
    return found.pop()


def _numbers_in_path(parts: list[str]) -> set[str]:
    if not parts:
        return set()
    last = _ENDING.sub("", parts[-1])
    for pattern in _IN_LAST:
        if match := pattern.fullmatch(last):
            behind_words = match[1] != last
            return set() if behind_words and _DAY.fullmatch(match[1]) else {match[1]}
    return {part for part in parts if re.fullmatch(r"\d{5,20}", part) and not _DAY.fullmatch(part)}


def _no_domain() -> RefusedValue:
    return _refuse_domain(
        "not-a-domain", "This cell holds something that is no domain.", "Write it as example.com, without a path."
    )


def _unknown_site() -> RefusedValue:
    return _refuse_advert(
        "unknown-site", "This is no site on the internet.", "Name the site by its domain, such as example.com."
    )


def _no_id() -> RefusedValue:
    return _refuse_advert(
        "no-id",
        "This cell names no single advertisement.",
        "Write the site and the advertisement's number, such as example.com:5550199.",
    )
