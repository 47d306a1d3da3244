"""What a relay keeps: order, numbers, marks, room, age; and that its counts are those of its parcels."""

import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.clock import ManualClock
from node.errors import NotAllowed, NotFound, StateDamaged, UserError
from node.identity.members import MemberState
from node.relay import database as database_module
from node.relay import mailbox as module
from node.relay.database import PARCEL_OVERHEAD_BYTES, RelayDatabase
from node.relay.mailbox import Mailbox, Trouble
from node.relay.members import RelayMembers
from node.relay.settings import RelayLimits
from node.store.files import FILE_MODE
from node.wire.parcels import SealedParcel
from tests.support.agreements import NOW, card
from tests.support.offices import office
from tests.support.relays import fake_parcel

DAY = 24 * 3600.0
CARDS = [card(name, "ngo") for name in ("Alpha", "Beta", "Gamma")]
ALPHA, BETA, GAMMA = (one.member_id for one in CARDS)
LIMITS = RelayLimits(keep_days=2, pair_parcels=10, pair_mib=2, sender_mib=3, total_mib=8)
MIB = 1024 * 1024


class Relay:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.database = RelayDatabase(folder / "mail.db")
        self.members = RelayMembers(self.database, self.clock)
        self.mailbox = Mailbox(self.database, LIMITS, self.clock)

    def serve(self, *cards: object) -> None:
        """Admit without a signed file: what is admitted is tested with one below."""
        with self.database.transaction() as connection:
            for one in cards:
                connection.execute(
                    "INSERT INTO members VALUES (?, ?, ?, 'ngo', x'00', ?, 'confirmed', '', 0)",
                    (one.member_id, one.name.lower(), one.name, one.certificate.key_hash),  # type: ignore[attr-defined]
                )

    def numbers(self, recipient: str, limit: int = 100) -> list[int]:
        return [parcel.number for parcel in self.mailbox.take(recipient, limit)]

    def counted(self) -> None:
        """The counts that decide about room are those of the parcels."""
        with self.database.reading() as connection:
            pairs = connection.execute("SELECT * FROM pairs ORDER BY 1, 2").fetchall()
            truth = connection.execute(
                "SELECT sender, recipient, count(*), sum(size) FROM parcels GROUP BY 1, 2 ORDER BY 1, 2"
            ).fetchall()
            totals = connection.execute("SELECT * FROM totals").fetchall()
        assert pairs == truth
        assert totals == [(sum(row[2] for row in truth), sum(row[3] for row in truth))]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path)
    made.serve(*CARDS)
    yield made
    made.counted()
    made.database.close()


def test_numbers_are_each_recipients_own_and_never_used_again(relay: Relay) -> None:
    for number in range(3):
        relay.mailbox.put([fake_parcel(ALPHA, BETA, number), fake_parcel(ALPHA, GAMMA, number)])
    assert (relay.numbers(BETA), relay.numbers(GAMMA), relay.numbers(ALPHA)) == ([1, 2, 3], [1, 2, 3], [])
    assert relay.mailbox.done(BETA, [3, 3, 77]) == 1
    assert relay.mailbox.put([fake_parcel(ALPHA, BETA, 9)]) == (1, 0, None)
    assert relay.numbers(BETA) == [1, 2, 4]
    assert relay.mailbox.done(BETA, [3]) == 0


def test_nobody_forgets_for_another(relay: Relay) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, 1)])
    assert relay.mailbox.done(GAMMA, [1]) == relay.mailbox.done(ALPHA, [1]) == 0
    assert relay.numbers(BETA) == [1]


def test_a_mark_counts_within_its_pair_only(relay: Relay) -> None:
    assert relay.mailbox.put([fake_parcel(ALPHA, BETA, 1)] * 3) == (3, 2, None)
    assert relay.mailbox.put([fake_parcel(GAMMA, BETA, 1)]) == (1, 0, None)
    assert relay.mailbox.put([fake_parcel(ALPHA, GAMMA, 1)]) == (1, 0, None)
    assert relay.mailbox.totals().parcels == 3


def test_the_number_of_parcels_of_a_pair_is_bounded(relay: Relay) -> None:
    sent = [fake_parcel(ALPHA, BETA, number) for number in range(12)]
    assert relay.mailbox.put(sent) == (10, 0, Trouble.PAIR_FULL)
    assert relay.mailbox.put([fake_parcel(GAMMA, BETA, number) for number in range(12)])[0] == 10
    relay.mailbox.done(BETA, [1])
    assert relay.mailbox.put(sent[10:]) == (1, 0, Trouble.PAIR_FULL)


@pytest.mark.parametrize("size", [1_000_000, 100_000])
def test_the_bytes_of_a_pair_are_bounded(relay: Relay, size: int) -> None:
    relay.mailbox = Mailbox(relay.database, LIMITS.model_copy(update={"pair_parcels": 1000}), relay.clock)
    stored, _, trouble = relay.mailbox.put([fake_parcel(ALPHA, BETA, number, size) for number in range(100)])
    assert (stored, trouble) == (2 * 1024 * 1024 // (size + PARCEL_OVERHEAD_BYTES), Trouble.PAIR_FULL)


def test_all_bytes_together_are_bounded(relay: Relay) -> None:
    pairs = [(one, other) for one in (ALPHA, BETA, GAMMA) for other in (ALPHA, BETA, GAMMA) if one != other]
    done = [relay.mailbox.put([fake_parcel(*pair, number, 1_000_000) for number in range(3)]) for pair in pairs]
    assert [stored for stored, _, _ in done] == [2, 1, 2, 1, 2, 0]
    pair, sender, full = Trouble.PAIR_FULL, Trouble.SENDER_FULL, Trouble.RELAY_FULL
    assert [trouble for _, _, trouble in done] == [pair, sender, pair, sender, pair, full]
    assert 8_000_000 < relay.mailbox.totals().bytes <= 8 * MIB


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize(("sender_mib", "room"), [(3, 3), (100, 4)], ids=["as set", "never more than half"])
def test_one_sender_has_its_share_of_the_room_and_no_more(relay: Relay, sender_mib: int, room: int) -> None:
    limits = RelayLimits(pair_mib=100, sender_mib=sender_mib, total_mib=8)
    relay.mailbox = Mailbox(relay.database, limits, relay.clock)
    flood = [fake_parcel(ALPHA, dict(enumerate([BETA, GAMMA]))[number % 2], number, 100_000) for number in range(200)]
    stored, _, trouble = relay.mailbox.put(flood)
    assert (stored, trouble) == (room * MIB // (100_000 + PARCEL_OVERHEAD_BYTES), Trouble.SENDER_FULL)
    assert relay.mailbox.put(flood[:stored]) == (stored, stored, None)  # what lies there is acknowledged again
    assert relay.mailbox.put([fake_parcel(BETA, GAMMA, number, 100_000) for number in range(20)])[2] is None
    relay.mailbox.done(BETA, [1])
    assert relay.mailbox.put(flood[stored:]) == (1, 0, Trouble.SENDER_FULL)


def test_without_a_share_one_sender_takes_all_the_room(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(RelayLimits, "sender_bytes", property(lambda _limits: 1 << 62))
    relay.mailbox = Mailbox(relay.database, RelayLimits(pair_mib=100, total_mib=8), relay.clock)
    flood = [fake_parcel(ALPHA, BETA, number, 100_000) for number in range(200)]
    assert relay.mailbox.put(flood)[2] is Trouble.RELAY_FULL
    assert relay.mailbox.put([fake_parcel(BETA, GAMMA, 1, 100_000)]) == (0, 0, Trouble.RELAY_FULL)


def test_the_disk_is_not_filled_to_the_brim(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_FREE_BYTES", 1 << 62)
    assert relay.mailbox.put([fake_parcel(ALPHA, BETA, 1)]) == (0, 0, Trouble.RELAY_FULL)


def small_disk(folder: Path, mib: int) -> Callable[[Path], SimpleNamespace]:
    """A disk with so much room for a relay's database, which is all that lies on it."""

    def usage(_path: Path) -> SimpleNamespace:
        used = sum(path.stat().st_size for path in folder.glob("mail.db*"))
        return SimpleNamespace(free=module.KEEP_FREE_BYTES + mib * MIB - used)

    return usage


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize("sabotage", [None, "spare_bytes", "cut_log"])
def test_a_full_disk_that_is_fetched_empty_takes_as_much_again(
    relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotage: str | None
) -> None:
    """Three times over. The twins count only what the disk has free, or leave the log as long as it is."""
    if sabotage:
        monkeypatch.setattr(RelayDatabase, sabotage, lambda *_: 0)
    monkeypatch.setattr(module.shutil, "disk_usage", small_disk(tmp_path, 12))
    limits = RelayLimits(pair_mib=100, sender_mib=100, total_mib=1000)
    relay.mailbox = Mailbox(relay.database, limits, relay.clock)
    took, number = [0, 0, 0], 0
    for cycle in range(3):
        while relay.mailbox.put([fake_parcel(ALPHA, BETA, number, 250_000)]) == (1, 0, None):
            number += 1
            took[cycle] += 1
        relay.mailbox.done(BETA, range(number + 1))
        assert relay.mailbox.totals().parcels == 0
    if sabotage:
        assert took[0] > 20
        assert max(took[1:]) < took[0] / 2
    else:
        assert took[0] >= 12 * MIB // 250_000 - 3
        assert took == [took[0]] * 3


def test_what_is_free_goes_back_to_the_disk(relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps, so that nobody waits long; the database stays whole."""
    monkeypatch.setattr(database_module, "GIVE_BACK_PAGES", 64)
    monkeypatch.setattr(database_module, "GIVE_BACK_STEPS", 2)
    for number in range(6):  # the last to go lies at the end: its pages have to move
        relay.mailbox.put([fake_parcel(ALPHA, BETA, number, 250_000)])
    relay.mailbox.done(BETA, range(1, 6))
    sizes = []
    for _ in range(6):
        assert relay.mailbox.expire() == 0
        sizes.append((tmp_path / "mail.db").stat().st_size)
        assert (tmp_path / "mail.db-wal").stat().st_size == 0
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[1] == 2 * 64 * 4096
    assert sizes[0] > 1_000_000 > 400_000 > sizes[-1]
    assert [parcel.content for parcel in relay.mailbox.take(BETA, 9)] == [fake_parcel(ALPHA, BETA, 5, 250_000).content]
    with relay.database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("step", [4, 1000], ids=["in steps", "at once"])
def test_throwing_much_away_needs_little_room(
    relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """What goes passes through the log; at once it would need as much of the disk as it frees."""
    monkeypatch.setattr(database_module, "STEP_PARCELS", step)
    monkeypatch.setattr(RelayDatabase, "give_back", lambda _self: None)
    relay.mailbox = Mailbox(relay.database, RelayLimits(keep_days=2), relay.clock)
    for number in range(40):
        relay.mailbox.put([fake_parcel(ALPHA, BETA, number, 500_000)])
    relay.database.cut_log()
    relay.clock.advance(3 * DAY)
    assert relay.mailbox.expire() == 40
    log = (tmp_path / "mail.db-wal").stat().st_size
    assert log < 5 * MIB if step == 4 else log > 15 * MIB


def test_who_is_not_served_is_kept_nothing_for(relay: Relay) -> None:
    stranger = card("Nobody", "ngo").member_id
    sent = [fake_parcel(ALPHA, BETA, 1), fake_parcel(ALPHA, stranger, 1), fake_parcel(ALPHA, BETA, 2)]
    assert relay.mailbox.put(sent) == (1, 0, Trouble.UNKNOWN_RECIPIENT)
    relay.members.remove("beta")
    assert relay.mailbox.put([fake_parcel(ALPHA, BETA, 3)]) == (0, 0, Trouble.UNKNOWN_RECIPIENT)
    assert relay.numbers(BETA) == []  # what lay there went with the member


@pytest.mark.tm("TM-122")
def test_with_a_member_goes_what_it_left_for_others(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "STEP_PARCELS", 2)
    pairs = {(ALPHA, BETA): 7, (ALPHA, GAMMA): 2, (BETA, ALPHA): 3, (GAMMA, BETA): 4}
    for (one, other), count in pairs.items():
        assert relay.mailbox.put([fake_parcel(one, other, number) for number in range(count)])[0] == count
    gone = relay.members.remove("alpha")
    assert (gone.member.state, gone.sent_to, gone.sent_by) == (MemberState.REMOVED, 3, 9)
    assert relay.mailbox.totals().parcels == 4
    assert {parcel.sender for parcel in relay.mailbox.take(BETA, 100)} == {GAMMA}
    # A call of its that was under way leaves nothing more.
    with pytest.raises(NotAllowed):
        relay.mailbox.put([fake_parcel(ALPHA, BETA, 100)])
    assert relay.mailbox.totals().parcels == 4
    with pytest.raises(UserError, match="removed already"):
        relay.members.remove("alpha")


def test_a_removal_that_was_killed_on_its_way_is_given_once_more(relay: Relay) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, 1)])
    with relay.database.transaction() as connection:
        connection.execute("UPDATE members SET state = 'removed' WHERE alias = 'alpha'")
    assert relay.members.remove("alpha").sent_by == 1
    assert relay.mailbox.totals().parcels == 0


def test_what_is_too_old_is_gone_and_its_room_is_free(relay: Relay) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, number) for number in range(10)])
    relay.clock.advance(1 * DAY)
    relay.mailbox.put([fake_parcel(GAMMA, BETA, 1)])
    relay.clock.advance(1 * DAY + 1)
    assert relay.numbers(BETA) == [11]  # not shown any more, although nobody has swept yet
    assert relay.mailbox.put([fake_parcel(ALPHA, BETA, 20)]) == (1, 0, None)
    assert relay.mailbox.totals().parcels == 2
    relay.clock.advance(3 * DAY)
    assert relay.mailbox.expire() == 2
    assert relay.numbers(BETA) == []


def test_a_take_is_bounded(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, number, 1000) for number in range(8)])
    assert relay.numbers(BETA, 3) == [1, 2, 3]
    monkeypatch.setattr(module, "TAKE_BYTES", 4500)
    assert relay.numbers(BETA) == [1, 2, 3, 4, 5]


def test_everything_is_there_after_a_restart(relay: Relay, tmp_path: Path) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, number) for number in range(3)])
    relay.database.close()
    again = Relay(tmp_path)
    assert again.numbers(BETA) == [1, 2, 3]
    assert [member.alias for member in again.members.list()] == ["alpha", "beta", "gamma"]
    again.database.close()
    relay.database = RelayDatabase(tmp_path / "mail.db")


def test_counts_hold_after_a_thousand_random_steps(relay: Relay) -> None:
    dice = random.Random(5)
    steps = {"put": 0, "done": 0, "expire": 0}
    for _ in range(1000):
        one, other = dice.sample([ALPHA, BETA, GAMMA], 2)
        step = dice.choice(["put", "put", "done", "expire"])
        steps[step] += 1
        if step == "put":
            relay.mailbox.put([fake_parcel(one, other, dice.randrange(30), dice.randrange(49, 3000))])
        elif step == "done":
            relay.mailbox.done(one, dice.sample(range(1, 300), 40))
        else:
            relay.clock.advance(dice.random() * DAY / 20)
            relay.mailbox.expire()
    assert min(steps.values()) > 100
    relay.counted()


def test_the_file_is_ours_alone(relay: Relay, tmp_path: Path) -> None:
    relay.mailbox.put([fake_parcel(ALPHA, BETA, 1)])
    files = [path for path in tmp_path.iterdir() if path.name.startswith("mail.db")]
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {FILE_MODE}


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to be one" * 20, None])
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    import sqlite3

    path = tmp_path / "mail.db"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE other (x)")
        connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(StateDamaged):
        RelayDatabase(path)


def test_a_newer_database_is_left_alone(relay: Relay, tmp_path: Path) -> None:
    with relay.database.transaction() as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StateDamaged, match="newer blindmatch"):
        RelayDatabase(tmp_path / "mail.db")


# Members


def test_of_a_card_only_name_class_and_certificate_are_kept(tmp_path: Path) -> None:
    with office(tmp_path / "alpha", "Alpha", contact="The secret night desk", clock=ManualClock(NOW)) as alpha:
        relay = Relay(tmp_path)
        member = relay.members.admit(alpha.card_file)
        assert (member.alias, member.name, member.state) == ("alpha", "Alpha", MemberState.CONFIRMED)
        assert member.tls.key_hash == alpha.identity.certificate.key_hash
        relay.database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("mail.db*"))
    assert b"Alpha" in stored
    assert b"night desk" not in stored


def test_who_is_admitted_removed_and_admitted_again(tmp_path: Path) -> None:
    told: list[str] = []
    with office(tmp_path / "alpha", "Alpha", clock=ManualClock(NOW)) as alpha:
        relay = Relay(tmp_path)
        relay.members.watch(lambda: told.append("changed"))
        relay.members.admit(alpha.card_file)
        pin = alpha.identity.certificate.key_hash
        found = relay.members.holder(pin)
        assert found is not None
        assert relay.members.serves(found.member_id)
        assert relay.members.roots() == (alpha.identity.tls_cert_pem,)
        relay.members.remove("alpha")
        found = relay.members.holder(pin)
        assert found is not None
        assert found.state is MemberState.REMOVED
        assert not relay.members.serves(found.member_id)
        assert relay.members.roots() == ()
        with pytest.raises(UserError, match="removed already"):
            relay.members.remove("alpha")
        relay.members.admit(alpha.card_file, "night-desk")
        assert relay.members.get("night-desk").state is MemberState.CONFIRMED
        assert len(told) == 3
        with pytest.raises(NotFound):
            relay.members.remove("nobody")
        assert relay.members.holder(bytes(32)) is None
        relay.database.close()


def test_a_renewed_card_takes_the_place_of_the_old_one_and_keeps_what_lies_there(relay: Relay, tmp_path: Path) -> None:
    with office(tmp_path / "delta", "Delta", clock=ManualClock(NOW)) as delta:
        member = relay.members.admit(delta.card_file, "desk")
        relay.mailbox.put([fake_parcel(ALPHA, member.member_id, 1)])
        with relay.database.transaction() as connection:
            connection.execute("UPDATE members SET tls_key_hash = x'00' WHERE alias = 'desk'")  # as of the old card
        assert relay.members.holder(delta.identity.certificate.key_hash) is None
        assert relay.members.admit(delta.card_file).alias == "desk"
        assert relay.members.holder(delta.identity.certificate.key_hash) is not None
        assert relay.numbers(member.member_id) == [1]
        relay.mailbox.put([fake_parcel(ALPHA, member.member_id, 2)])
        assert relay.numbers(member.member_id) == [1, 2]


def test_a_change_by_another_process_is_told(tmp_path: Path) -> None:
    with office(tmp_path / "alpha", "Alpha", clock=ManualClock(NOW)) as alpha:
        running, command = Relay(tmp_path), Relay(tmp_path)
        told: list[str] = []
        running.members.watch(lambda: told.append("changed"))
        running.members.poll()
        assert told == []
        command.members.admit(alpha.card_file)
        running.members.poll()
        running.members.poll()
        assert told == ["changed"]
        running.database.close()
        command.database.close()


@pytest.mark.parametrize(
    ("changes", "days", "why"),
    [
        ({"member_class": "relay"}, 0, "the card of a relay"),
        ({}, 1200, "ran out on"),
        ({}, -30, "is only valid from"),
    ],
)
def test_cards_that_are_not_admitted(tmp_path: Path, changes: dict[str, str], days: int, why: str) -> None:
    with office(tmp_path / "alpha", "Alpha", clock=ManualClock(NOW), **changes) as alpha:
        relay = Relay(tmp_path)
        relay.clock.advance(days * DAY)
        with pytest.raises(UserError, match=why):
            relay.members.admit(alpha.card_file)
        with pytest.raises(UserError, match="not an intact member card"):
            relay.members.admit(alpha.card_file[:-3])
        assert relay.members.list() == ()
        relay.database.close()


def test_an_alias_and_a_tls_key_belong_to_one_member(relay: Relay, tmp_path: Path) -> None:
    with office(tmp_path / "delta", "Alpha", clock=ManualClock(NOW)) as delta:
        with pytest.raises(UserError, match="alias alpha is in use"):
            relay.members.admit(delta.card_file, "alpha")
        admitted = relay.members.admit(delta.card_file)
        assert admitted.alias == f"alpha-{delta.identity.member_id[:4]}"
        with relay.database.transaction() as connection:
            connection.execute("DELETE FROM members WHERE member_id = ?", (delta.identity.member_id,))
            connection.execute(
                "UPDATE members SET tls_key_hash = ? WHERE alias = 'beta'", (delta.identity.certificate.key_hash,)
            )
        with pytest.raises(UserError, match="same TLS key as beta"):
            relay.members.admit(delta.card_file)
        # The row says so, the certificate does not: the certificate counts.
        with pytest.raises(ValueError):
            relay.members.holder(delta.identity.certificate.key_hash)


def test_a_malformed_parcel_cannot_be_built() -> None:
    good = fake_parcel(ALPHA, BETA, 1)
    for wrong in (
        ("x", BETA, good.mark, good.content),
        (ALPHA, BETA, b"short", good.content),
        (ALPHA, BETA, good.mark, b""),
    ):
        with pytest.raises(Exception, match="damaged or does not follow"):
            SealedParcel(*wrong)
