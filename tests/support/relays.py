"""A real relay on loopback, and offices that know it and each other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from node.clock import Clock, ManualClock
from node.identity.members import Member
from node.relay.running import RelayParts, create_relay, serving
from node.transport.relay import RelayClient
from node.wire.parcels import Parcel, SealedParcel
from tests.support.offices import Office, office, profile
from tests.support.ports import free_port

if TYPE_CHECKING:
    from node.operations import Parts

__all__ = ["client", "fake_parcel", "make_relay", "offices", "parcel", "relay", "relayed", "take_in"]


def make_relay(folder: Path, *, settings: str = "", clock: Clock | None = None) -> int:
    """A new relay's folder; the port that its card names."""
    port = free_port()
    made = profile("Joint Relay", member_class="relay", endpoint=f"127.0.0.1:{port}")
    create_relay(folder, made, listen=f"127.0.0.1:{port}", clock=clock)
    if settings:
        (folder / "relay.toml").write_text(f'[relay]\nlisten = "127.0.0.1:{port}"\n[limits]\n{settings}\n')
    return port


@contextmanager
def relay(
    folder: Path,
    *members: Office,
    settings: str = "",
    clock: Clock | None = None,
    adapt: Callable[[RelayParts], None] = lambda _parts: None,
) -> Iterator[RelayParts]:
    """A relay that serves these members, which have confirmed it; in `folder`, made if it is not there."""
    new = not folder.exists()
    if new:
        make_relay(folder, settings=settings, clock=clock)
    with serving(folder, clock=clock, adapt=adapt) as parts:
        for member in members if new else ():
            parts.members.admit(member.card_file)
            take_in(member, parts.keys.signed_card.to_bytes())
        yield parts


@contextmanager
def relayed(
    folder: Path, nodes: "Sequence[Parts]", adapt: Callable[[RelayParts], None] = lambda _parts: None
) -> Iterator[str]:
    """A relay that serves these whole nodes; gives its card, which they still have to take in."""
    make_relay(folder)
    with serving(folder, adapt=adapt) as parts:
        for node in nodes:
            parts.members.admit(node.identity.signed_card.to_bytes())
        yield parts.keys.signed_card.to_bytes().decode()


def take_in(host: Office, card_file: bytes) -> Member:
    """Two people of this office take in a card."""
    member = host.book.add(card_file, "Ada")
    return host.book.confirm(member.alias, " ".join(host.book.check_words(member.alias)), "Ben")


@contextmanager
def offices(folder: Path, *names: str, clock: Clock | None = None) -> Iterator[list[Office]]:
    """Offices that have confirmed each other. Their clock is the machine's time, standing still, unless given."""
    clock = clock or ManualClock(datetime.now(UTC))
    made: list[Office] = []

    def nested(rest: tuple[str, ...]) -> Iterator[list[Office]]:
        if not rest:
            for one in made:
                for other in made:
                    if one is not other:
                        one.trust(other)
            yield made
            return
        with office(folder / rest[0].lower(), rest[0], clock=clock) as one:
            made.append(one)
            yield from nested(rest[1:])

    yield from nested(names)


def client(host: Office, parts: RelayParts) -> RelayClient:
    return RelayClient(host.identity, host.book, parts.keys.signed_card.card.member_id, host.clock)


def parcel(sender: Office, recipient: Office, payload: bytes = b"payload", sequence: int = 1) -> Parcel:
    """A real envelope as a parcel."""
    envelope = sender.envelope(recipient, payload, sequence)
    return Parcel(envelope.sender, envelope.recipient, envelope=envelope.to_bytes())


def fake_parcel(sender: str, recipient: str, number: int, size: int = 100) -> SealedParcel:
    """What a relay cannot tell from a real one."""
    return SealedParcel(sender, recipient, number.to_bytes(16, "big"), bytes([number % 251]) * size)
