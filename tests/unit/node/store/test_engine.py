"""What the store promises, on SQLite and on PostgreSQL alike."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from node.errors import Busy, StateDamaged, UserError
from node.rounds.mailbox import PROTOCOL_LINE
from node.store import Store
from node.store.schema import inbox, metadata, outbox, results, settings
from tests.support.stores import SmallNode, count, put, reopen, small_node


@pytest.fixture(params=["sqlite", "postgres"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallNode]:
    url = request.getfixturevalue("postgres").database().url if request.param == "postgres" else None
    with small_node(tmp_path / "state", url=url) as made:
        yield made


def test_the_migrations_lead_to_the_schema(node: SmallNode) -> None:
    def ours(_object: object, name: str | None, *_: object) -> bool:
        return name not in node.store._database.own_tables

    with node.store.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        made = {check["name"] for table in metadata.tables for check in found.get_check_constraints(table)}
    constraints = {c.name for t in metadata.tables.values() for c in t.constraints if str(c.name).startswith("ck_")}
    assert made == constraints
    assert constraints


def test_the_largest_sequence_number_fits_and_ids_count_up(node: SmallNode) -> None:
    """The second line of the mailbox goes up to 2^32 - 1, beyond a server's `integer`."""
    said = {"round_id": "r", "recipient": "m", "kind": "round", "envelope": b"", "acknowledged": False}
    came = {"round_id": "r", "sender": "m", "kind": "round", "digest": b"", "processed": False}
    sequences = [1, PROTOCOL_LINE + 1, 2**32 - 1]
    with node.store.transaction() as tx:
        for number in sequences:
            tx.execute(outbox.insert().values(sequence=number, **said))
            tx.execute(inbox.insert().values(sequence=number, **came))
    for table in (outbox, inbox):
        with node.store.read() as connection:
            rows = connection.execute(select(table.c.id, table.c.sequence).order_by(table.c.id)).all()
        assert [(int(row.id), row.sequence) for row in rows] == list(enumerate(sequences, start=1))


def test_a_transaction_that_raises_leaves_nothing(node: SmallNode) -> None:
    with pytest.raises(ZeroDivisionError), node.store.transaction() as tx:  # noqa: PT012
        tx.execute(settings.insert().values(key="a", value=b""))
        raise ZeroDivisionError
    assert count(node.store) == 0
    put(node.store, "b")
    assert count(node.store) == 1


def test_a_transaction_in_a_transaction_is_a_mistake(node: SmallNode) -> None:
    with pytest.raises(RuntimeError, match="already open"), node.store.transaction(), node.store.transaction():
        pass
    put(node.store, "still works")


def test_reading_inside_a_transaction_sees_it_and_outside_does_not(node: SmallNode) -> None:
    seen: list[int] = []
    with node.store.transaction() as tx:
        tx.execute(settings.insert().values(key="a", value=b""))
        assert count(node.store) == 1
        other = threading.Thread(target=lambda: seen.append(count(node.store)))
        other.start()
        other.join()
    assert seen == [0]
    assert count(node.store) == 1


def test_a_reader_cannot_write(node: SmallNode) -> None:
    with pytest.raises((DBAPIError, StateDamaged, UserError, Busy)), node.store.read() as connection:
        connection.execute(settings.insert().values(key="a", value=b""))
    assert count(node.store) == 0


def test_a_read_is_a_view_of_one_moment(node: SmallNode) -> None:
    with node.store.read() as connection:
        query = select(func.count()).select_from(settings)
        assert connection.execute(query).scalar_one() == 0
        writer = threading.Thread(target=put, args=(node.store, "a"))
        writer.start()
        writer.join()
        assert connection.execute(query).scalar_one() == 0
    assert count(node.store) == 1


def test_many_threads_write_and_none_is_lost(node: SmallNode) -> None:
    def work(name: int) -> None:
        for number in range(25):
            with node.store.transaction() as tx:
                total = tx.execute(select(func.count()).select_from(settings)).scalar_one()
                tx.execute(settings.insert().values(key=f"{total:05}", value=b"%d %d" % (name, number)))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Read and write in one transaction: had two writers overlapped, two would have seen the same total.
    assert count(node.store) == 200


def test_foreign_keys_hold(node: SmallNode) -> None:
    with pytest.raises(IntegrityError), node.store.transaction() as tx:
        tx.execute(results.insert().values(round_id="none", first=1, body=b"", statuses="l", at=""))


def test_opening_again_changes_nothing(node: SmallNode) -> None:
    put(node.store, "a")
    again = reopen(node)
    try:
        assert count(again) == 1
        assert again.check() == []
    finally:
        again.close()


def test_a_database_of_a_newer_version_is_refused(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateDamaged, match="newer blindmatch"):
        reopen(node)


def test_a_database_that_is_not_ours_is_refused(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        tx.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StateDamaged, match="not made by blindmatch"):
        reopen(node)


def test_what_was_made_in_an_empty_database_can_be_taken_back(node: SmallNode) -> None:
    assert node.store.new
    again = reopen(node)
    assert not again.new
    again.discard()
    again.close()
    once_more = reopen(node)
    assert once_more.new
    once_more.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://host/db",
        "postgresql://",
        "postgresql+asyncpg://h/db",
        "",
        "a b",
        "x",
    ],
)
def test_another_kind_of_database_is_refused(tmp_path: Path, url: str) -> None:
    with small_node(tmp_path / "state") as node, pytest.raises(UserError, match=r"PostgreSQL|address"):
        Store.open(url, node.keys, clock=node.clock)
