"""An IP address at a time, for who was behind an account when its name has changed.

An address belongs to somebody only for a while, so it is compared together with its time, in windows of an hour that
begin every half hour. Each sighting lies in two of them:

    14:20   |--- 13:30 to 14:30 ---|
                  |--- 14:00 to 15:00 ---|      203.0.113.7@2026-03-05T14:00Z/60

Two sightings within 30 minutes always share a window, two that are an hour apart never do, and between those it
depends. All times are UTC, counted by hand in the Gregorian calendar: a time without its zone is refused, since the
half of all exports that are in local time would agree with nobody, or with the wrong person.

An IPv6 address stands for its first 64 bits, which one customer has; the rest changes daily (RFC 8981). Addresses that
many people have at once, or nobody, are refused by a list of our own (IANA special-purpose registries; the one inside
Python changes with its version). The ranges for documentation (RFC 5737, 3849) are nobody's either, and are read all
the same, because manuals and tests need some.
"""

import re
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean
from psi.identifiers.several import read_each, refuser

__all__ = ["WINDOW_MINUTES", "WINDOW_STEP_MINUTES", "ip_windows", "is_public_address"]

WINDOW_MINUTES: Final = 60
"""Minutes that one window lasts."""

WINDOW_STEP_MINUTES: Final = 30
"""Minutes from the start of one window to the start of the next."""

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2099
"""Years. Times outside are damage: the epoch itself, or a counter."""

MAX_OFFSET_MINUTES: Final = 14 * 60
"""Minutes between a place's clock and UTC; Kiribati has the most."""

_NOT_ONE_PERSONS: Final = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.88.99.0/24
    192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
    ::/8 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:10::/28 2001:20::/28 2002::/16 fc00::/7 fe80::/10
    fec0::/10 ff00::/8
"""
"""Private, shared by a provider's customers (RFC 6598), loopback, link-local, tunnels, benchmarks, multicast."""

_refuse = refuser("ip_window")

_CANONICAL: Final = re.compile(r"([0-9a-f.:]+(?:/64)?)@(\d{4})-(\d\d)-(\d\d)[tT](\d\d):(00|30)[zZ]/60")
_PREFIX: Final = re.compile(r"([0-9a-f:]+)/64")
_ADDRESS_FIRST: Final = re.compile(r"\[?([0-9a-fA-F.:]+)\]?(/\d{1,3})?(?:\s*@\s*|\s+|$)(.*)")
_WITH_PORT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}|\[([0-9a-fA-F.:]+)\]:\d{1,5}")
_TIME: Final = re.compile(
    r"(?:(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)\.(\d\d?)\.(\d{4}))"
    r"(?:[tT]\s*|,?\s+)(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?\s*(.*)"
)
_DATE: Final = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?[./]\d\d?[./]\d{4}")
_SLASHES: Final = re.compile(r"\d\d?/\d\d?/\d{4}.*")
_EPOCH: Final = re.compile(r"(\d{10})(?:\d{3})?")
_OFFSET: Final = re.compile(r"(?:utc|gmt)?\s*([+-])(\d\d?)(?::?(\d\d))?")
_UTC: Final = frozenset({"z", "utc", "gmt", "utc+0", "gmt+0"})


def ip_windows(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The windows of each address in a cell, the earlier one first; () for a blank.

    The time stands behind the address, or `hints.qualifier` gives it as ISO 8601 text for all addresses of the cell,
    or gives only the zone (`UTC`, `+02:00`) of the times in the column. A count of seconds or milliseconds since 1970
    is UTC. Raises `RefusedValue`: `ip_window/not-an-address`, `ip_window/several-addresses` (a network),
    `ip_window/not-public`, `ip_window/no-time`, `ip_window/no-zone`, `ip_window/not-a-time`,
    `ip_window/ambiguous-date`, `ip_window/too-many`.
    """
    if cell.number is not None:
        raise _not_an_address()
    said = ascii_digits(clean(Cell(hints.qualifier))) if hints.qualifier is not None else ""
    return read_each(cell, "ip_window", lambda part: _windows_of(ascii_digits(part), said), _BETWEEN)


_BETWEEN: Final = re.compile(r"[;|]|,(?=\s*[0-9a-fA-F]*[.:][0-9a-fA-F]*[.:])")
"""A comma parts two values only before something like an address: "5.3.2026, 14:20" is one time."""


def _windows_of(text: str, said: str) -> tuple[str, ...]:
    if canonical := _CANONICAL.fullmatch(text):
        year, month, day, hour, minute = map(int, canonical.groups()[1:])
        start = _minutes(year, month, day, hour, minute)
        return (_window(_owner(canonical[1]), start),)
    if with_port := _WITH_PORT.match(text):
        text = (with_port[1] or with_port[2]) + text[with_port.end() :]
    match = _ADDRESS_FIRST.fullmatch(text)
    if not match:
        raise _not_an_address()
    network = match[2] or ""
    owner = _owner(match[1].lower() + network)
    zone = _zone(said) if said and not match[3] else None
    if match[3]:
        time = _time(match[3], _zone(said))
    elif said and zone is None:
        time = _time(said, None)
    else:
        raise _refuse(
            "no-time",
            "This address has no time, and without one it belongs to many people in turn.",
            "Map a column with the time, or write address and time together: 198.51.100.23 2026-03-05T14:20Z.",
        )
    second = time - time % WINDOW_STEP_MINUTES
    first = second - WINDOW_STEP_MINUTES
    if not (_date(first // 1440)[0] >= FIRST_YEAR and _date(second // 1440)[0] <= LAST_YEAR):
        raise _not_a_time()
    return _window(owner, first), _window(owner, second)


def _owner(text: str) -> str:
    """The address of one customer: an IPv4 address, or the first 64 bits of an IPv6 one."""
    prefix = _PREFIX.fullmatch(text)
    if "/" in text and not prefix:
        raise _refuse(
            "several-addresses",
            "This cell holds a network, which many people share.",
            "Write one address; of IPv6 also its /64.",
        )
    try:
        address = ip_address(prefix[1] if prefix else text)
    except ValueError:
        raise _not_an_address() from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if not is_public_address(address):
        raise _refuse(
            "not-public",
            "This address is not one person's on the internet: it is used inside networks, or shared by many.",
            "Ask the provider for the public address, or leave it out.",
        )
    if isinstance(address, IPv4Address):
        return str(address)
    return f"{IPv6Network((int(address) >> 64 << 64, 64)).network_address}/64"


def is_public_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address can be one customer's on the public internet."""
    return not any(address.version == network.version and address in network for network in _special())


@cache
def _special() -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, _NOT_ONE_PERSONS.split()))


def _zone(text: str) -> int | None:
    """Minutes ahead of UTC, None for what is no zone."""
    word = text.strip().casefold()
    if word in _UTC:
        return 0
    match = _OFFSET.fullmatch(word)
    if not match:
        return None
    hours, minutes = int(match[2]), int(match[3] or 0)
    offset = hours * 60 + minutes
    if minutes > 59 or offset > MAX_OFFSET_MINUTES:
        return None
    return -offset if match[1] == "-" else offset


def _time(text: str, zone: int | None) -> int:
    """Minutes of UTC since 1970."""
    if epoch := _EPOCH.fullmatch(text):
        return int(epoch[1]) // 60
    match = _TIME.fullmatch(text)
    if not match:
        if _SLASHES.fullmatch(text):
            raise _refuse(
                "ambiguous-date",
                "This date can be read as day and month or as month and day.",
                "Write it as 2026-03-05T14:20Z.",
            )
        if _DATE.fullmatch(text):
            raise _refuse("no-time", "This is a date without the time of day.", "Write it as 2026-03-05T14:20Z.")
        raise _not_a_time()
    year, month, day = (int(part) for part in (match.groups()[:3] if match[1] else match.groups()[5:2:-1]))
    hour, minute, second = int(match[7]), int(match[8]), int(match[9] or 0)
    if match[10]:
        zone = _zone(match[10])
    if zone is None:
        raise _refuse(
            "no-zone",
            "This time does not say in which time zone it is.",
            "Write it with Z for UTC or with its distance from UTC: 2026-03-05T14:20Z or 2026-03-05T16:20+02:00.",
        )
    if second > 60:
        raise _not_a_time()
    return _minutes(year, month, day, hour, minute) - zone


def _minutes(year: int, month: int, day: int, hour: int, minute: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    in_range = FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and hour <= 23 and minute <= 59
    if not (in_range and 1 <= day <= lengths[month - 1]):
        raise _not_a_time()
    return (_days_before(year) + sum(lengths[: month - 1]) + day - 1) * 1440 + hour * 60 + minute


def _days_before(year: int) -> int:
    """Days from 1 January 1970 to 1 January of a year."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 - 719_162


def _date(days: int) -> tuple[int, int, int]:
    """The date that lies so many days after 1 January 1970."""
    year = 1970 + days // 366
    while _days_before(year + 1) <= days:
        year += 1
    rest = days - _days_before(year)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    month = 1
    for length in (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31):
        if rest < length:
            break
        rest -= length
        month += 1
    return year, month, rest + 1


def _window(owner: str, start: int) -> str:
    year, month, day = _date(start // 1440)
    return f"{owner}@{year:04}-{month:02}-{day:02}T{start % 1440 // 60:02}:{start % 60:02}Z/{WINDOW_MINUTES}"


def _not_an_address() -> RefusedValue:
    return _refuse(
        "not-an-address",
        "This cell holds no IP address with a time.",
        "Write one address and its time: 198.51.100.23 2026-03-05T14:20Z.",
    )


def _not_a_time() -> RefusedValue:
    return _refuse("not-a-time", "There is no such time.", "Write it as 2026-03-05T14:20Z.")
