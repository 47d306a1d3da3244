"""One web address in parts, read as browsers read it (WHATWG URL, by ada) and rid of what does not tell pages apart.

    hxxp://WWW.Example[.]com:80/a/%7Eb/?utm_source=x&b=2&a=1#top      https://example.com/a/~b?a=1&b=2

`web` says what counts as the same and why. Everything here is done once: whoever needs a form that no longer changes
reads it again (`%%34%31` is `%41` and then `A`).
"""

import re
from functools import cache
from ipaddress import ip_address
from types import ModuleType
from typing import Any, Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.network import is_public_address
from psi.identifiers.several import refuser
from psi.identifiers.sites import ascii_host, is_local, is_public_suffix, registrable

__all__ = ["MAILBOXES", "WebAddress", "message_link", "no_address", "parse_address"]

_FOLLOWERS: Final = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ymclid twclid ttclid igshid igsh li_fat_id mc_cid mc_eid
    _ga _gl _hsenc _hsmi mkt_tok ref_src ref_url s_cid wickedid oly_anon_id oly_enc_id vero_id rb_clickid
    phpsessid jsessionid aspsessionid
"""
_FOLLOWING: Final = frozenset(_FOLLOWERS.split())
"""Parameters that say how a reader came, or who reads, and never which page it is. All `utm_*` belong to them."""

_DEFANGED: Final = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_TO_A_PERSON: Final = "mailto tel sms smsto mms callto whatsapp viber tg skype facetime sip sips im xmpp line weixin"
_NO_PAGES: Final = "javascript data file blob about ftp vbscript chrome magnet urn content"
_MESSAGES: Final = frozenset(_TO_A_PERSON.split())
_OTHER_SCHEMES: Final = frozenset(_NO_PAGES.split())
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SESSION: Final = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_PRIVATE_PAGES: Final = """
    mail.google.com outlook.live.com outlook.office.com outlook.office365.com mail.yahoo.com e.mail.ru mail.yandex.ru
    mail.proton.me web.whatsapp.com web.telegram.org web.skype.com messages.google.com
"""
MAILBOXES: Final = frozenset(_PRIVATE_PAGES.split())
"""Hosts whose pages are a reader's own mailbox."""

_PAGE_IN_FRAGMENT: Final = re.compile(r"#.*(?:[/!=?&@]|%2[16f]|%3[df]|%40)", re.IGNORECASE)
"""A fragment with structure: `#/user/7`, `#F!key`, `#id=7`. One word leads to a place on the page."""
_ONION: Final = re.compile(r"(?:[a-z2-7]{16}|[a-z2-7]{56})\.onion")
"""Rendezvous names of Tor: a public key in base 32 (versions 2 and 3)."""

_refuse = refuser("url")


class WebAddress(NamedTuple):
    """A web address in parts. `owner` is the registrable part of the host, "" for a host that is an IP address."""

    host: str
    port: str
    path: str
    query: tuple[str, ...]
    owner: str

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        query = f"?{'&'.join(self.query)}" if self.query else ""
        return f"https://{self.host}{port}{self.path}{query}"


def parse_address(text: str) -> WebAddress:
    """The parts of one written address, cleaned once. Raises `RefusedValue` (`url/...`)."""
    text = _DEFANGED.sub(".", text).replace("[:]", ":").strip("<>\"'").rstrip(".,;!")
    text = re.sub(r"^hxxp", "http", text, flags=re.IGNORECASE)
    scheme = _SCHEME.match(text)
    word = scheme[1].casefold() if scheme else ""
    if word in _MESSAGES:
        raise message_link()
    other = scheme is not None and word not in ("http", "https") and text.startswith("//", scheme.end())
    if other or word in _OTHER_SCHEMES:
        raise _refuse("not-the-web", "This is no address on the web.", "Write one that begins with https://.")
    if word not in ("http", "https"):
        if "." not in text.partition("/")[0] and not text.startswith("//"):
            raise no_address()
        text = f"https:{text}" if text.startswith("//") else f"https://{text}"
    try:
        seen = _ada().URL(text)
    except (ValueError, UnicodeError):
        raise no_address() from None
    if seen.username or seen.password:
        raise _refuse(
            "user-info",
            "This address holds a user name or a password.",
            "Write it without the part before the @.",
        )
    host, owner = _host(seen)
    if host not in MAILBOXES and _PAGE_IN_FRAGMENT.match(seen.hash.partition(":~:")[0]):
        raise _refuse(
            "page-in-fragment",
            "The page of this address stands behind the #, which is not compared.",
            "Write the address that the page gives for sharing.",
        )
    path = _plain(_SESSION.sub("", seen.pathname)).rstrip("/") or "/"
    query = sorted(filter(None, (_plain(part).replace("+", "%20") for part in seen.search[1:].split("&"))))
    kept = tuple(part for part in query if not _follows(part.partition("=")[0].casefold()))
    return WebAddress(host, seen.port if seen.port not in ("80", "443") else "", path, kept, owner)


def _host(seen: Any) -> tuple[str, str]:
    """The host without `www.`, and its registrable part."""
    host = str(seen.hostname).removesuffix(".")
    if seen.host_type != _ada().HostType.DEFAULT:
        if not is_public_address(ip_address(host.strip("[]"))):
            raise _local()
        return host, ""
    host = ascii_host(host)
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    if not host:
        raise no_address()
    if "." not in host or is_local(host):
        raise _local()
    owner = registrable(host)
    if host.endswith(".onion") and not _ONION.fullmatch(owner):
        raise no_address()
    if not owner and not is_public_suffix(host):
        raise _refuse("unknown-ending", "No web address ends like this one.", "Check it against the original.")
    return host, owner


def _follows(name: str) -> bool:
    return name in _FOLLOWING or name.startswith("utm_")


def _plain(text: str) -> str:
    """Percent signs only where RFC 3986, section 6.2.2 needs them, in capitals."""

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(one, text)


@cache
def _ada() -> ModuleType:
    # Its library is compiled code: loaded by the first web address.
    import ada_url

    return ada_url


def no_address() -> RefusedValue:
    return _refuse(
        "not-an-address", "This cell holds something that is no web address.", "Write it as https://example.com/page."
    )


def _local() -> RefusedValue:
    return _refuse(
        "local",
        "This address leads nowhere outside one computer or network.",
        "Write the address that the public sees.",
    )


def message_link() -> RefusedValue:
    return _refuse(
        "message-link",
        "This opens a message, a call or somebody's own mailbox, and is no page.",
        "Put telephone numbers, e-mail addresses and accounts into columns of their own.",
    )
