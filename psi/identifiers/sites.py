"""Which part of a host name somebody registered: what domains, advertisements and web addresses share.

The public suffix list (publicsuffix.org) says under which names the public can register. It comes with the package
publicsuffixlist, whose version is part of the normaliser version; nothing is ever downloaded. Its private section
counts: two shops under one hoster (a.github.io, b.github.io) are two sites. A few hosters that are missing there are
added. Names go to their ASCII form by IDNA 2008 with the mapping of UTS 46 (package idna).

Of the names that RFC 2606 keeps out of the real tree, `.example` is read like any other, because manuals and tests
need an address that is nobody's; `.test`, `.invalid`, `.localhost` and the endings of local networks are refused.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["MAX_HOST_CHARACTERS", "SHARED_SITES", "ascii_host", "is_local", "is_public_suffix", "registrable"]

MAX_HOST_CHARACTERS: Final = 253
"""Characters in a host name (RFC 1035, section 2.3.4, without the final dot)."""

_LOCAL: Final = "localhost local localdomain lan home corp intranet internal private test invalid arpa"
_LOCAL_ENDINGS: Final = frozenset(_LOCAL.split())
"""Last labels that name something inside one network, or nothing (RFC 2606, 6761, 6762, 8375)."""

_OUR_HOSTERS: Final = """
    wordpress.com weebly.com jimdofree.com jimdosite.com tumblr.com livejournal.com over-blog.com canalblog.com
    skyrock.com ucoz.ru ucoz.com narod.ru webnode.com yolasite.com page.tl beepworld.de tripod.com angelfire.com
    squarespace.com substack.com blogger.com carrd.co bandcamp.com
"""
_HOSTERS: Final = frozenset(_OUR_HOSTERS.split())
"""Hosters whose customers have one label each, and which the list does not name."""

_SHARED: Final = """
    google.com gmail.com googlemail.com youtube.com youtu.be facebook.com fb.com instagram.com threads.net whatsapp.com
    wa.me telegram.org t.me twitter.com x.com tiktok.com snapchat.com linkedin.com pinterest.com reddit.com vk.com ok.ru
    discord.com discord.gg onlyfans.com twitch.tv microsoft.com outlook.com hotmail.com live.com msn.com yahoo.com
    ymail.com icloud.com apple.com aol.com gmx.de gmx.net gmx.com web.de mail.ru yandex.ru yandex.com rambler.ru ukr.net
    i.ua abv.bg mail.bg proton.me protonmail.com tutanota.com seznam.cz wp.pl onet.pl orange.fr free.fr laposte.net
    libero.it wikipedia.org amazon.com paypal.com booking.com airbnb.com linktr.ee viber.com skype.com signal.org
    bsky.app mastodon.social
"""
SHARED_SITES: Final = frozenset(_SHARED.split())
"""Sites of everybody: that two records both name one says nothing about either."""

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_EXAMPLE: Final = "example"


def ascii_host(host: str) -> str:
    """The lower-case ASCII form of a host name without its final dot; "" for what is none."""
    host = host.removesuffix(".")
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    host = host.lower()
    if len(host) > MAX_HOST_CHARACTERS or not all(map(_LABEL.fullmatch, host.split("."))):
        return ""
    return host


def is_local(host: str) -> bool:
    """Whether a host name means something inside one network only, or nothing. For an ASCII form."""
    return ("." not in host and not is_public_suffix(host)) or host.rpartition(".")[2] in _LOCAL_ENDINGS


def is_public_suffix(host: str) -> bool:
    """Whether the public registers names under this very host: com, co.uk, github.io. For an ASCII form."""
    return host in _HOSTERS or host == _EXAMPLE or _suffixes().publicsuffix(host) == host


def registrable(host: str) -> str:
    """The part of a host that one owner registered; "" if it is a public suffix or its ending does not exist.

    For an ASCII form (`ascii_host`). The part is its own registrable part.
    """
    labels = host.split(".")
    for size in (2, 3):
        if ".".join(labels[-size:]) in _HOSTERS:
            return ".".join(labels[-size - 1 :]) if len(labels) > size else ""
    if labels[-1] == _EXAMPLE:
        return ".".join(labels[-2:]) if len(labels) > 1 else ""
    return _suffixes().privatesuffix(host) or ""


@cache
def _suffixes() -> "PublicSuffixList":
    # A tenth of a second and some megabytes: loaded by the first web address.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False)
