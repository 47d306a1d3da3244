"""Accounts and the telephone numbers among them: the table of platforms, and addresses that are numbers."""

import pytest

from psi.identifiers import PLATFORMS, Cell, Hints, RefusedValue, canonicalise, identifiers_in
from psi.identifiers.handle import phones_in_handles
from psi.identifiers.platforms import PHONE_PLATFORMS, platform_of_host, platform_of_word

NUMBER = "+40721123456"  # a range that Romania has not given out

LINKS = (
    "tel:+40721123456",
    "tel:+40 721 123 456",
    "callto:+40721123456",
    "sms:+40721123456",
    "https://wa.me/40721123456",
    "wa.me/+40721123456?text=hello",
    "https://api.whatsapp.com/send?text=hello&phone=40721123456",
    "https://api.whatsapp.com/send/?phone=%2B40721123456&type=phone_number",
    "whatsapp://send?phone=40721123456",
    "viber://chat?number=%2B40721123456",
    "viber://add?number=40721123456",
    "https://signal.me/#p/+40721123456",
    "https://t.me/+40721123456",
    "tg://resolve?phone=40721123456",
    "skype:+40721123456?call",
    "WhatsApp: +40 721 123 456",
    "viber +40721123456",
    "signal: +40 721 123 456",
)


@pytest.mark.parametrize("link", LINKS)
def test_an_address_of_a_number_is_a_phone(link: str) -> None:
    assert identifiers_in("handle", Cell(link), Hints("RO")) == (("phone", NUMBER),)


@pytest.mark.parametrize("link", [link for link in LINKS if "://" in link])
def test_a_column_of_web_addresses_gives_it_too(link: str) -> None:
    assert identifiers_in("url", Cell(link), Hints()) == (("phone", NUMBER),)


@pytest.mark.parametrize("service", [*PHONE_PLATFORMS, "WhatsApp", " Viber "])
def test_a_column_of_a_service_of_numbers_holds_numbers(service: str) -> None:
    assert identifiers_in("handle", Cell("0721 123 456"), Hints("RO", service)) == (("phone", NUMBER),)
    assert phones_in_handles(Cell("721123456", 721123456.0), Hints("RO", service)) == (NUMBER,)
    assert phones_in_handles(Cell("n/a"), Hints("RO", service)) == ()


def test_zalo_writes_numbers_of_viet_nam() -> None:
    assert phones_in_handles(Cell("https://zalo.me/0912345678"), Hints()) == ("+84912345678",)


def test_two_addresses_are_two_numbers() -> None:
    cell = Cell("wa.me/40721123456, wa.me/40721123457")
    assert phones_in_handles(cell, Hints()) == (NUMBER, "+40721123457")


def test_a_number_and_an_account_refuse_the_cell() -> None:
    with pytest.raises(RefusedValue) as refusal:
        identifiers_in("handle", Cell("wa.me/40721123456; instagram:anna"), Hints())
    assert refusal.value.reason == "handle/account-and-phone"


def test_a_number_that_does_not_exist_is_refused_as_a_phone() -> None:
    with pytest.raises(RefusedValue) as refusal:
        identifiers_in("handle", Cell("https://wa.me/4072112"), Hints())
    assert refusal.value.reason.startswith("phone/")


@pytest.mark.parametrize(
    "text", ["instagram:anna", "https://t.me/anna", "t.me/+AbCdEf123", "wa.me/message/ABCDEF", "hotel", "", "-"]
)
def test_everything_else_is_no_phone(text: str) -> None:
    assert phones_in_handles(Cell(text), Hints("RO")) == ()


def test_the_table_of_platforms_is_consistent() -> None:
    hosts = [host for row in PLATFORMS.values() for host in row.hosts]
    words = [word for row in PLATFORMS.values() for word in (row.name, *row.aliases)]
    assert len(set(hosts)) == len(hosts)
    assert len(set(words)) == len(words)
    assert not set(words) & set(PHONE_PLATFORMS)
    for name, row in PLATFORMS.items():
        assert name == row.name == name.casefold()
        assert platform_of_word(name) is row
        for host in row.hosts:
            assert platform_of_host(host) is platform_of_host(f"www.{host}") is row


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("https://www.instagram.com/Anna.B/?hl=en", "instagram:anna.b"),
        ("https://m.me/anna.bb", "facebook:annabb"),
        ("https://t.me/s/anna_b", "telegram:anna_b"),
        ("https://www.tiktok.com/@anna.b/video/1", "tiktok:anna.b"),
        ("https://mobile.twitter.com/anna_b/status/1", "x:anna_b"),
        ("https://www.snapchat.com/add/anna-b", "snapchat:anna-b"),
        ("https://m.vk.com/anna_b", "vk:anna_b"),
        ("https://youtube.com/@Anna.B/videos", "youtube:anna.b"),
        ("https://de.linkedin.com/in/anna-b-123/", "linkedin:anna-b-123"),
        ("https://old.reddit.com/user/Anna_B/comments", "reddit:anna_b"),
        ("https://www.pinterest.co.uk/annab/", "pinterest:annab"),
        ("https://www.twitch.tv/anna_b", "twitch:anna_b"),
        ("https://www.threads.net/@anna.b", "threads:anna.b"),
        ("https://bsky.app/profile/anna.example.com", "bluesky:anna.example.com"),
        ("https://mastodon.social/@anna_b/112", "mastodon:anna_b@mastodon.social"),
        ("https://m.ok.ru/profile/123456789", "okru:123456789"),
        ("https://discord.com/users/123456789012345678", "discord:123456789012345678"),
        ("https://onlyfans.com/anna-b", "onlyfans:anna-b"),
        ("https://steamcommunity.com/id/annab/", "steam:annab"),
        ("https://kik.me/anna.b", "kik:anna.b"),
        ("https://line.me/R/ti/p/%40anna-b", "line:anna-b"),
    ],
)
def test_a_profile_is_its_account(address: str, account: str) -> None:
    assert canonicalise("handle", Cell(address)) == (account,)


@pytest.mark.parametrize(
    "text",
    [
        "x:a23456789012345b",  # one character more than X allows
        "instagram:.anna",
        "twitch:_anna",
        "twitch:abc",
        "discord:anna..b",
        "onlyfans:a",
        "line:abc",
        "wechat:1anna",
        "signal:anna",
        "bluesky:anna",
        "mastodon:anna",
        "steam:a",
        "telegram:1anna",
        "linkedin:anna_b",
        "snapchat:anna-",
    ],
)
def test_what_its_platform_would_not_have_let_anybody_be_called(text: str) -> None:
    with pytest.raises(RefusedValue) as refusal:
        canonicalise("handle", Cell(text))
    assert refusal.value.reason == "handle/not-an-account"
