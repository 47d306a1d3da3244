"""Accounts on platforms, canonical as `platform:account`.

Read are `platform:account`, `platform @account`, the address of a profile, and a bare `@account` where the column
says which platform it is; the table of platforms is `platforms`. All accounts are case-folded, since no platform of it
tells case apart (YouTube's channel numbers do, but two that differ in nothing else do not occur).

Services like WhatsApp know people by their telephone number, so their addresses and columns give a phone
(`phones_in_handles`), which then meets the same number in any other column.
"""

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean, fold
from psi.identifiers.platforms import PHONE_PLATFORMS, PLATFORMS, Platform, platform_of_host, platform_of_word
from psi.identifiers.several import read_each, refuser

__all__ = ["PLATFORMS", "handles", "phones_in_handles"]

_BETWEEN: Final = re.compile(r"[;,|]")
_NUMBERED: Final = re.compile(r"/people/[^/]+/(\d{5,20})/?")
_NUMBER: Final = re.compile(r"\d{5,20}")
_SKYPE: Final = re.compile(r"skype:([^?/]+)(?:\?.*)?")
_WORDS: Final = re.compile(r"([a-z]+)\s*(?::\s*|\s+(?=@)|\s)(@?\S+)")

_PHONE_LINK: Final = re.compile(
    r"(?:tel|callto|sms|smsto|facetime|facetime-audio):(?://)?(?=[+(\d])"
    r"|(?:https?://)?(?:www\.)?wa\.me/(?=\+?\d)"
    r"|(?:https?://)?(?:www\.|api\.|web\.)?whatsapp\.com/send/?\?(?:[^\s#]*?&)?phone=(?=(?:\+|%2b)?\d)"
    r"|whatsapp://send/?\?(?:[^\s#]*?&)?phone=(?=(?:\+|%2b)?\d)"
    r"|viber://(?:chat|add|call)/?\?(?:[^\s#]*?&)?number=(?=(?:\+|%2b)?\d)"
    r"|(?:https?://)?signal\.me/#p/(?=\+?\d)"
    r"|(?:https?://)?(?:t\.me|telegram\.me)/\+(?=\d{7,15}(?!\w))"
    r"|tg://resolve/?\?(?:[^\s#]*?&)?phone=(?=\d)"
    r"|(?:https?://)?(?:www\.)?zalo\.me/(?=\d{9,11}(?!\w))"
    r"|skype:(?=\+\d)",
    re.IGNORECASE,
)
"""Addresses that hold a telephone number; the number follows."""

_LINKED_NUMBER: Final = re.compile(r"(?:\+|%2b)?[0-9()./-]+", re.IGNORECASE)
_PARTS: Final = re.compile(r"[;,|]\s*|\s+")
_WORD_AND_NUMBER: Final = re.compile(r"([a-z]+)\s*[:\s]\s*(\+?[0-9 ()./-]{5,})")
_SHORTEST_INTERNATIONAL: Final = 8
"""Digits of a number that is taken to begin with its country code."""

_refuse = refuser("handle")


def phones_in_handles(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The telephone numbers of a cell that holds addresses of numbers (`tel:`, `wa.me`, `viber:` ...), or that stands
    in a column of a service whose accounts are numbers; () for every other cell.

    Raises what `phone_numbers` raises, and `RefusedValue` `handle/account-and-phone` for a cell with both.
    """
    service = fold(hints.qualifier.strip()) if hints.qualifier is not None else ""
    if not _PHONE_LINK.search(cell.text):
        if service in PHONE_PLATFORMS:
            return _read_phones(cell, hints.region)
        word = _WORD_AND_NUMBER.fullmatch(ascii_digits(fold(clean(cell))))
        if word and word[1] in (*PHONE_PLATFORMS, "signal", "tel"):
            return _read_phones(Cell(word[2]), hints.region)
        return ()
    text = clean(cell)
    links = list(_PHONE_LINK.finditer(text))
    if len(links) == 1 and links[0].start() == 0 and links[0][0].rstrip("/").endswith(":"):
        # tel:+40 721 123 456, with its spaces; skype:+40721123456?call
        return _read_phones(Cell(text[links[0].end() :].partition("?")[0]), hints.region)
    found: list[str] = []
    for part in filter(None, _PARTS.split(text)):
        link = _PHONE_LINK.match(part)
        number = _LINKED_NUMBER.match(part, link.end()) if link else None
        if not link or not number:
            raise _refuse(
                "account-and-phone",
                "This cell holds a telephone number and something else.",
                "Put numbers and accounts into cells of their own.",
            )
        found.extend(_read_phones(Cell(_dialled(link[0], number[0])), "VN" if "zalo" in link[0] else hints.region))
    return tuple(dict.fromkeys(found))


def _dialled(link: str, number: str) -> str:
    """The number of a link with its plus sign, which wa.me and its like leave out."""
    plain = re.sub(r"(?i)^%2b", "+", number)
    digits = re.sub(r"\D", "", plain)
    national = link.rstrip("/").endswith(":") or plain.startswith(("+", "0")) or len(digits) < _SHORTEST_INTERNATIONAL
    return plain if national else f"+{digits}"


def _read_phones(cell: Cell, region: str | None) -> tuple[str, ...]:
    # The metadata of all countries' numbers: loaded by the first number among accounts.
    from psi.identifiers.phone import phone_numbers

    return phone_numbers(cell, Hints(region))


def handles(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The accounts of a cell; () for a blank. `hints.qualifier` is the platform of the column, if it has one.

    Raises `RefusedValue`: `handle/no-platform`, `handle/unknown-platform`, `handle/other-platform`,
    `handle/not-an-account`, `handle/is-a-phone`, `handle/too-many`.
    """
    expected = _find(fold(hints.qualifier.strip())) if hints.qualifier is not None else None
    if cell.number is not None:
        if not clean(cell):
            return ()
        raise _not_an_account()
    return read_each(cell, "handle", lambda part: (_handle(fold(part), expected),), _BETWEEN)


def _handle(text: str, expected: Platform | None) -> str:
    if any(ord(character) > 126 for character in text):
        raise _not_an_account()
    if expected is not None:
        for prefix in expected.before:
            text = text.removeprefix(prefix)
    if skype := _SKYPE.fullmatch(text):
        found, account = PLATFORMS["skype"], skype[1]
    elif "/" in text:
        found, account = _from_address(text, expected)
    else:
        found, account = _from_words(text, expected)
    if expected is not None and found is not expected:
        raise _refuse(
            "other-platform", "This account is on another platform than its column says.", "Move it to its own column."
        )
    account = account.removeprefix("@")
    # Before the dots go: "photo.php" is the page of every photograph, and no account "photophp".
    if account in found.not_accounts or account.endswith(".php"):
        raise _not_an_account()
    if not found.dots_count:
        account = account.replace(".", "")
    if account in found.not_accounts or not found.account.fullmatch(account):
        raise _not_an_account()
    return f"{found.name}:{account}"


def _from_words(text: str, expected: Platform | None) -> tuple[Platform, str]:
    match = _WORDS.fullmatch(text)
    if match and not (expected is not None and platform_of_word(match[1]) is None and " " not in text):
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


def _from_address(text: str, expected: Platform | None) -> tuple[Platform, str]:
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = address.hostname or ""
        path = unquote(address.path)
        number = parse_qs(address.query, max_num_fields=20).get("id", [""])[0]
    except ValueError:
        raise _not_an_account() from None
    if re.fullmatch(r"(?:www\.|api\.|web\.)?(?:whatsapp\.com|wa\.me)", host) or host == "zalo.me":
        raise _is_a_phone()
    if host in _INVITATIONS:
        raise _not_an_account()
    found = platform_of_host(host)
    if found is None and expected is not None and expected.on_any_host:
        found = expected
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
    account = next(filter(None, match.groups()))
    return found, account if not found.on_any_host or "@" in account else f"{account}@{host}"


_INVITATIONS: Final = frozenset({"chat.whatsapp.com", "discord.gg", "invite.viber.com", "signal.group"})
"""Hosts that invite to a group: whoever has the link, not who somebody is."""


def _find(word: str) -> Platform:
    if word in PHONE_PLATFORMS:
        raise _is_a_phone()
    found = platform_of_word(word)
    if found is None:
        raise _unknown_platform()
    return found


def _is_a_phone() -> RefusedValue:
    return _refuse(
        "is-a-phone",
        "An account of this service is a telephone number.",
        "Put the number in a phone column.",
    )


def _unknown_platform() -> RefusedValue:
    return _refuse(
        "unknown-platform", "This platform is not one that is known here.", f"Known are: {', '.join(PLATFORMS)}."
    )


def _not_an_account() -> RefusedValue:
    return _refuse(
        "not-an-account", "This cell holds no account of its platform.", "Write the account name alone, or its address."
    )
