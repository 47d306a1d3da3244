"""The platforms whose accounts are compared: what an account may look like, and where its profile stands.

The table is ours, after the rules that each platform publishes for names. It is no list of what exists: a platform
that is missing here is refused until both sides have a version that knows it. Where a platform lets people change
their name, the same person may have had several, and an abandoned name may have passed to somebody else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["PHONE_PLATFORMS", "PLATFORMS", "Platform", "platform_of_host", "platform_of_word"]


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform. `account` matches a folded account; `path` finds it in the path of a profile's address, as its
    first group that took part; `hosts` are without `www.` and the like; `not_accounts` are paths that lead elsewhere.
    `before` is what people write in front of an account besides @."""

    name: str
    hosts: tuple[str, ...]
    account: re.Pattern[str]
    path: re.Pattern[str] = re.compile(r"/@?([^/]+)/?.*")
    aliases: tuple[str, ...] = ()
    not_accounts: frozenset[str] = frozenset()
    before: tuple[str, ...] = ()
    dots_count: bool = True
    on_any_host: bool = False


_NO_ONES_ON_VK: Final = (
    "(?:club|public|event|apps?|walls?|photos?|videos?|topics?|albums?|audios?|clips?|docs?|market|product|poll|story"
    "|page|note|board|tag)"
)
"""What stands before the number of a group or of something that was posted."""

_AT: Final = r"/@([^/]+)/?.*"
_INSTAGRAM_ACCOUNT: Final = r"[a-z0-9_](?:[a-z0-9_.]{0,28}[a-z0-9_])?"
_HOST: Final = r"(?=.{3,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"


def _row(
    name: str,
    hosts: str,
    account: str,
    path: str = r"/@?([^/]+)/?.*",
    *,
    aliases: str = "",
    not_accounts: str = "",
    before: str = "",
    dots_count: bool = True,
    on_any_host: bool = False,
) -> Platform:
    return Platform(
        name,
        tuple(hosts.split()),
        re.compile(account),
        re.compile(path),
        tuple(aliases.split()),
        frozenset(not_accounts.split()),
        tuple(before.split()),
        dots_count,
        on_any_host,
    )


_TABLE: Final = (
    _row(
        "instagram",
        "instagram.com instagr.am ig.me",
        _INSTAGRAM_ACCOUNT,
        r"/(?:_u/|m/)?@?([^/]+)/?.*",
        aliases="insta ig",
        not_accounts="p reel reels explore stories accounts direct tv about legal s share web tags challenge emails",
    ),
    _row(
        "facebook",
        "facebook.com fb.com fb.me m.me messenger.com",
        r"[a-z0-9]{5,50}",
        r"/(?:t/)?@?([^/]+)/?.*",
        aliases="fb messenger",
        not_accounts="groups pages events watch marketplace sharer share story.php photo.php photo permalink.php"
        " login help public hashtag reel profile.php people l.php dialog media messages settings notifications friends"
        " photos videos notes gaming games ads business policies privacy recover saved bookmarks memories fundraisers"
        " stories places directory checkpoint plugins composer webapp search",
        dots_count=False,
    ),
    _row(
        "telegram",
        "t.me telegram.me telegram.dog",
        r"[a-z][a-z0-9_]{3,31}",
        r"/(?:s/)?@?([^/]+)/?.*",
        aliases="tg",
        not_accounts="joinchat addstickers addlist addemoji share proxy socks iv login setlanguage"
        " addtheme boost invoice giftcode confirmphone contact socks5",
    ),
    _row("tiktok", "tiktok.com", r"[a-z0-9_.]{2,24}", _AT),
    _row(
        "x",
        "x.com twitter.com",
        r"[a-z0-9_]{1,15}",
        aliases="twitter",
        not_accounts="home explore search i hashtag intent share settings login tos privacy messages notifications"
        " compose account jobs",
    ),
    _row("snapchat", "snapchat.com", r"[a-z][a-z0-9_.-]{1,13}[a-z0-9]", r"/(?:add/|@)([^/]+)/?.*", aliases="snap"),
    _row(
        "vk",
        "vk.com vk.ru vkontakte.ru",
        rf"(?!{_NO_ONES_ON_VK}-?\d)[a-z0-9_.]{{3,32}}",
        aliases="vkontakte",
        not_accounts="feed im groups search away away.php video audio photo login friends market docs",
    ),
    _row(
        "youtube",
        "youtube.com",
        r"[a-z0-9](?:[a-z0-9_.-]{1,28}[a-z0-9])|uc[a-z0-9_-]{22}",
        r"/(?:@([^/]+)|channel/(uc[^/]{22}))/?.*",
        aliases="yt",
    ),
    _row("linkedin", "linkedin.com", r"[a-z0-9-]{3,100}", r"/in/([^/]+)/?.*"),
    _row("reddit", "reddit.com", r"[a-z0-9_-]{3,20}", r"/u(?:ser)?/([^/]+)/?.*", before="/u/ u/"),
    _row(
        "pinterest",
        "pinterest.com pinterest.at pinterest.ch pinterest.co.uk pinterest.de pinterest.es pinterest.fr pinterest.it"
        " pinterest.pt pinterest.se",
        r"[a-z0-9_]{3,30}",
        not_accounts="pin search ideas today settings business login",
    ),
    _row(
        "twitch",
        "twitch.tv",
        r"[a-z0-9][a-z0-9_]{3,24}",
        not_accounts="directory videos downloads settings login search turbo jobs subs",
    ),
    _row("threads", "threads.net threads.com", _INSTAGRAM_ACCOUNT, _AT),
    _row("bluesky", "bsky.app", _HOST, r"/profile/([^/]+)/?.*", aliases="bsky"),
    _row(
        "mastodon",
        "mastodon.social mastodon.online mstdn.social mas.to mastodon.world",
        rf"[a-z0-9_](?:[a-z0-9_.-]{{0,62}}[a-z0-9_])?@{_HOST}",
        r"/(?:@|users/)([^/]+)/?.*",
        on_any_host=True,
    ),
    _row(
        "okru",
        "ok.ru odnoklassniki.ru",
        r"[a-z0-9](?:[a-z0-9._-]{1,30}[a-z0-9])",
        r"/(?:profile/)?([^/]+)/?.*",
        aliases="ok odnoklassniki",
        not_accounts="group groups video music games feed messages help profile dk photos live login",
    ),
    _row("discord", "discord.com discordapp.com", r"[a-z0-9_](?:\.?[a-z0-9_]){1,31}", r"/users/(\d{17,20})/?"),
    _row(
        "onlyfans",
        "onlyfans.com",
        r"[a-z0-9_.-]{3,24}",
        r"/(?:\d+/)?@?([^/]+)/?.*",  # a post stands before its author
        aliases="of",
        not_accounts="help terms privacy posts my contract about blog login subscribe",
    ),
    _row("steam", "steamcommunity.com", r"[a-z0-9_-]{2,32}", r"/(?:id/([^/]+)|profiles/(7656119\d{10}))/?.*"),
    _row("kik", "kik.me", r"[a-z0-9._]{2,20}"),
    _row("skype", "", r"(?:live:)?[a-z0-9._][a-z0-9._-]{4,62}[a-z0-9]"),
    _row("wechat", "", r"[a-z][a-z0-9_-]{5,19}", aliases="weixin"),
    _row("line", "line.me", r"[a-z0-9._-]{4,20}", r"/(?:r/)?ti/p/[~@]?([^/]+)/?", not_accounts="g g2"),
    _row("signal", "", r"[a-z_][a-z0-9_]{2,31}\.\d{2,20}"),
)

PLATFORMS: Final[Mapping[str, Platform]] = MappingProxyType({row.name: row for row in _TABLE})
"""The platforms by canonical name."""

PHONE_PLATFORMS: Final = MappingProxyType(
    {"whatsapp": "WhatsApp", "wa": "WhatsApp", "viber": "Viber", "imo": "imo", "zalo": "Zalo"}
)
"""Services whose account is a telephone number, by the words for them."""

_WORDS: Final = {word: row for row in _TABLE for word in (row.name, *row.aliases)}
_HOSTS: Final = {host: row for row in _TABLE for host in row.hosts}
_SUBDOMAIN: Final = re.compile(r"(?:www|m|mobile|web|mbasic|old|[a-z]{2}|[a-z]{2}-[a-z]{2})\.(?=.*\.)")


def platform_of_word(word: str) -> Platform | None:
    """The platform of a folded name or nickname."""
    return _WORDS.get(word)


def platform_of_host(host: str) -> Platform | None:
    """The platform whose profiles stand on a host."""
    return _HOSTS.get(host) or _HOSTS.get(_SUBDOMAIN.sub("", host, count=1))
