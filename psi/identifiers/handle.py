"""Accounts on platforms, canonical as `platform:account`.

Read are `platform:account`, `platform @account`, the address of a profile, and a bare `@account` where the column
says which platform it is. The table below is ours: which hosts belong to a platform, what an account may look like,
and which paths are not accounts. All accounts are case-folded, since none of these platforms tells case apart.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, clean, fold

__all__ = ["PLATFORMS", "handles", "phones_in_handles"]


@dataclass(frozen=True, slots=True)
class _Platform:
    name: str
    hosts: frozenset[str]
    account: re.Pattern[str]
    aliases: frozenset[str] = frozenset()
    not_accounts: frozenset[str] = frozenset()
    path: re.Pattern[str] = re.compile(r"/@?([^/]+)/?.*")
    dots_count: bool = True


def _row(name: str, hosts: str, account: str, **rest: object) -> _Platform:
    words = {key: frozenset(value.split()) if isinstance(value, str) else value for key, value in rest.items()}
    return _Platform(name, frozenset(hosts.split()), re.compile(account), **words)  # type: ignore[arg-type]  # _TABLE below gives each field its own type


_TABLE: Final = (
    _row(
        "instagram",
        "instagram.com instagr.am",
        r"[a-z0-9_](?:[a-z0-9_.]{0,28}[a-z0-9_])?",
        aliases="insta ig",
        not_accounts="p reel reels explore stories accounts direct tv about legal",
    ),
    _row(
        "facebook",
        "facebook.com fb.com fb.me",
        r"[a-z0-9]{5,50}",
        aliases="fb",
        not_accounts="groups pages events watch marketplace sharer share story.php photo.php photo permalink.php"
        " login help public hashtag reel profile.php people",
        dots_count=False,
    ),
    _row(
        "telegram",
        "t.me telegram.me telegram.dog",
        r"[a-z][a-z0-9_]{3,31}",
        aliases="tg",
        not_accounts="joinchat addstickers addlist share proxy socks iv",
        path=re.compile(r"/(?:s/)?@?([^/]+)/?.*"),
    ),
    _row("tiktok", "tiktok.com", r"[a-z0-9_.]{2,24}", path=re.compile(r"/@([^/]+)/?.*")),
    _row(
        "x",
        "x.com twitter.com",
        r"[a-z0-9_]{1,15}",
        aliases="twitter",
        not_accounts="home explore search i hashtag intent share settings login tos privacy messages notifications",
    ),
    _row(
        "snapchat",
        "snapchat.com",
        r"[a-z][a-z0-9_.-]{1,13}[a-z0-9]",
        aliases="snap",
        path=re.compile(r"/(?:add/|@)([^/]+)/?.*"),
    ),
    _row(
        "vk",
        "vk.com vk.ru vkontakte.ru",
        r"[a-z0-9_.]{3,32}",
        aliases="vkontakte",
        not_accounts="feed im groups search away away.php video audio photo login",
    ),
)

PLATFORMS: Final = MappingProxyType({row.name: row for row in _TABLE})
"""The platforms by canonical name."""

_NAMES: Final = {word: row for row in _TABLE for word in (row.name, *row.aliases)}
_HOSTS: Final = {host: row for row in _TABLE for host in row.hosts}
_SUBDOMAINS: Final = re.compile(r"^(?:www|m|mobile|web|mbasic|[a-z]{2}-[a-z]{2})\.")
_WHATSAPP: Final = frozenset({"wa.me", "whatsapp.com", "api.whatsapp.com", "chat.whatsapp.com"})
_NUMBERED: Final = re.compile(r"/people/[^/]+/(\d{5,20})/?")
_NUMBER: Final = re.compile(r"\d{5,20}")


def phones_in_handles(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The telephone numbers of a cell that is an address of one (`tel:`, `wa.me`); () for every other cell."""
    return ()


def handles(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The one account of a cell; () for a blank. `hints.qualifier` is the platform of the column, if it has one.

    Raises `RefusedValue`: `handle/no-platform`, `handle/unknown-platform`, `handle/other-platform`,
    `handle/not-an-account`, `handle/is-a-phone`.
    """
    expected = _find(hints.qualifier) if hints.qualifier is not None else None
    text = fold(clean(cell))
    if not text:
        return ()
    if cell.number is not None or any(ord(character) > 126 for character in text):
        raise _not_an_account()
    if "/" in text:
        found, account = _from_address(text)
    else:
        found, account = _from_words(text, expected)
    if expected is not None and found is not expected:
        raise _refuse(
            "other-platform", "This account is on another platform than its column says.", "Move it to its own column."
        )
    account = account.removeprefix("@")
    if not found.dots_count:
        account = account.replace(".", "")
    if account in found.not_accounts or not found.account.fullmatch(account):
        raise _not_an_account()
    return (f"{found.name}:{account}",)


def _from_words(text: str, expected: _Platform | None) -> tuple[_Platform, str]:
    match = re.fullmatch(r"([a-z]+)\s*(?::\s*|\s+(?=@)|\s)(@?\S+)", text)
    if match:
        return _find(match[1]), match[2]
    if " " in text:
        raise _not_an_account()
    if expected is None:
        raise _refuse(
            "no-platform",
            "This account does not say on which platform it is.",
            "Map the column to one platform, or write platform:account.",
        )
    return expected, text


def _from_address(text: str) -> tuple[_Platform, str]:
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = _SUBDOMAINS.sub("", address.hostname or "")
        path = unquote(address.path)
        number = parse_qs(address.query, max_num_fields=20).get("id", [""])[0]
    except ValueError:
        raise _not_an_account() from None
    if host in _WHATSAPP:
        raise _refuse("is-a-phone", "A WhatsApp address is a telephone number.", "Put the number in a phone column.")
    found = _HOSTS.get(host)
    if found is None or address.scheme not in ("http", "https"):
        raise _unknown_platform()
    if found.name == "facebook":
        if path.startswith("/profile.php") and _NUMBER.fullmatch(number):
            return found, number
        if numbered := _NUMBERED.fullmatch(path):
            return found, numbered[1]
    match = found.path.fullmatch(path)
    if not match:
        raise _not_an_account()
    return found, match[1]


def _find(name: str) -> _Platform:
    word = name.strip().casefold()
    if word in ("whatsapp", "wa"):
        raise _refuse("is-a-phone", "A WhatsApp account is a telephone number.", "Put the number in a phone column.")
    if word not in _NAMES:
        raise _unknown_platform()
    return _NAMES[word]


def _unknown_platform() -> RefusedValue:
    return _refuse(
        "unknown-platform", "This platform is not one that is known here.", f"Known are: {', '.join(PLATFORMS)}."
    )


def _not_an_account() -> RefusedValue:
    return _refuse(
        "not-an-account", "This cell holds no account of its platform.", "Write the account name alone, or its address."
    )


def _refuse(slug: str, sentence: str, advice: str) -> RefusedValue:
    return RefusedValue(sentence, advice=advice, reason=f"handle/{slug}")
