"""A relay is watched as a node is: three pages on this computer, counts only, and why it cannot work in one word."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node import config
from node.clock import ManualClock
from node.errors import UserError
from node.relay.figures import RELAY
from node.relay.mailbox import KEEP_FREE_BYTES, Mailbox
from node.relay.running import RelayParts, serving
from node.relay.settings import RelaySettings
from node.watch import FIGURES_SECONDS, LOOK_SECONDS
from tests.support.offices import Office
from tests.support.relays import client, make_relay, offices, parcel, take_in

LIMITS = "pair_parcels = 10\npair_mib = 2\nkeep_days = 7"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Office]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with offices(tmp_path_factory.mktemp("two"), "Alpha", "Beta") as made:
            yield made


@contextmanager
def watched(folder: Path, *members: Office) -> Iterator[RelayParts]:
    """A relay with a watch address of its own that serves these members."""
    make_relay(folder, settings=LIMITS, clock=members[0].clock)
    settings = folder / "relay.toml"
    settings.write_text(settings.read_text().replace("[relay]\n", '[relay]\nwatch = "127.0.0.1:0"\n'))
    with serving(folder, clock=members[0].clock) as parts:
        for member in members:
            parts.members.admit(member.card_file)
        yield parts


def get(parts: RelayParts, path: str, **headers: str) -> tuple[int, str]:
    assert parts.watch is not None
    connection = http.client.HTTPConnection("127.0.0.1", parts.watch, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def figures(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def strange(text: str, *people: Office) -> list[str]:
    """What stands on the page that may not: a series that is not listed, or anything of the members."""
    allowed = {f"{RELAY.prefix}_{name}{'_total' * shape.counter}" for name, shape in RELAY.shapes.items()}
    names = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}
    found = sorted(name for name in names - allowed if not name.startswith("process_"))
    for one in people:
        card = one.identity.signed_card.card
        found += [word for word in (card.member_id, card.name, card.contact, card.endpoint) if word in text]
    return found


@pytest.mark.tm("TM-252")
def test_the_pages_of_a_relay_say_counts_and_nobody(tmp_path: Path, two: list[Office]) -> None:
    alpha, beta = two
    clock = alpha.clock
    assert isinstance(clock, ManualClock)
    with watched(tmp_path / "relay", alpha, beta) as parts:
        assert get(parts, "/health") == (200, "alive\n")
        assert get(parts, "/ready") == (200, "ready\n")
        assert figures(get(parts, "/metrics")[1])["blindmatch_relay_parcels"] == 0
        take_in(alpha, parts.keys.signed_card.to_bytes())
        sender = client(alpha, parts)
        sender.put([parcel(alpha, beta, sequence=number) for number in range(1, 6)])
        sender.close()
        clock.advance(3600)
        status, text = get(parts, "/metrics")
        found = figures(text)
        assert status == 200
        assert found["blindmatch_relay_ready"] == 1
        assert found["blindmatch_relay_parcels"] == 5
        assert found['blindmatch_relay_members{state="confirmed"}'] == 2
        assert found['blindmatch_relay_moved_total{how="stored"}'] == 5
        assert found['blindmatch_relay_used_ratio{of="pair"}'] == 0.5  # of ten parcels
        assert 0 < found['blindmatch_relay_used_ratio{of="all"}'] < found['blindmatch_relay_used_ratio{of="sender"}']
        assert found["blindmatch_relay_oldest_parcel_seconds"] == pytest.approx(3600, abs=2)
        assert found["blindmatch_relay_keep_seconds"] == 7 * 86_400
        assert found['blindmatch_relay_certificate_seconds_left{whose="own"}'] > 1000 * 86_400
        assert found["blindmatch_relay_dropped_total"] == 0
        stated = {re.split(r"[{ ]", name)[0] for name in found}
        assert {f"{RELAY.prefix}_{name}{'_total' * shape.counter}" for name, shape in RELAY.shapes.items()} <= stated
        assert strange(text, alpha, beta) == []


@pytest.mark.tm("TM-252")
def test_twin_a_page_that_names_somebody_would_be_found(two: list[Office]) -> None:
    alpha, beta = two
    leak = f'blindmatch_relay_parcels{{for="{alpha.identity.member_id}"}} 3.0\nblindmatch_relay_senders 1.0\n'
    assert strange(leak, alpha, beta) == ["blindmatch_relay_senders", alpha.identity.member_id]


@pytest.mark.tm("TM-252")
def test_a_web_page_and_another_name_are_refused_at_a_relay_too(tmp_path: Path, two: list[Office]) -> None:
    with watched(tmp_path / "relay", *two) as parts:
        for path in ("/health", "/ready", "/metrics"):
            assert get(parts, path, Origin="https://evil.example")[0] == 403
            assert get(parts, path, Host="evil.example")[0] == 403


@pytest.mark.tm("TM-252")
def test_a_relay_that_cannot_work_says_why_in_one_word(
    tmp_path: Path, two: list[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = two[0].clock
    assert isinstance(clock, ManualClock)

    def broken(_mailbox: Mailbox) -> int:
        raise OSError("+40721123456")

    with watched(tmp_path / "relay", *two) as parts:
        assert get(parts, "/ready")[0] == 200
        with monkeypatch.context() as patch:
            patch.setattr(Mailbox, "free", lambda _mailbox: KEEP_FREE_BYTES - 1)
            clock.advance(LOOK_SECONDS + FIGURES_SECONDS)
            assert get(parts, "/ready") == (503, "disk-low\n")
            assert "blindmatch_relay_ready 0.0" in get(parts, "/metrics")[1]
            patch.setattr(Mailbox, "totals", broken)
            clock.advance(LOOK_SECONDS + FIGURES_SECONDS)
            assert get(parts, "/ready") == (503, "database\ndisk-low\n")
            assert get(parts, "/metrics") == (503, "The figures cannot be read now.\n")
        clock.advance(LOOK_SECONDS + FIGURES_SECONDS)
        assert get(parts, "/ready") == (200, "ready\n")


@pytest.mark.tm("TM-252")
@pytest.mark.parametrize("address", ["0.0.0.0:9465", "192.0.2.1:9465", "relay.example:9465"])
def test_a_relay_answers_no_other_computer_and_nobody_unless_it_is_set(tmp_path: Path, address: str) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(f'[relay]\nwatch = "{address}"\n')
    with pytest.raises(UserError, match="address of this computer"):
        config.load_settings(path, RelaySettings)
    assert RelaySettings().relay.watch == ""
