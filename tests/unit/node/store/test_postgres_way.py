"""How a PostgreSQL server is reached: over which way, by which address, and the file that holds it.

Each defence has its twin: the same check with the defence taken out, which must come out the other way.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from node.errors import Busy, UserError
from node.store import _postgres, address, read_address
from node.store.address import libpq_words, parsed
from node.store.engine import look_at_server
from tests.support.postgres import HOST_NAME, Database, Server, server_setting
from tests.support.stores import another, put, says, small_node


@pytest.fixture
def database(postgres: Server) -> Database:
    return postgres.database()


def certified(database: Database, more: str, host: str = HOST_NAME) -> str:
    return database.url_at(host, f"?hostaddr=127.0.0.1{more}")


@pytest.mark.tm("TM-127")
def test_another_machine_is_reached_over_tls_and_checked(database: Database, tmp_path: Path) -> None:
    url = certified(database, f"&sslrootcert={database.server.folder / 'ca.pem'}")
    with small_node(tmp_path / "state", url=url) as node:
        put(node.store, "a")
        assert database.ask(
            "SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE starts_with(application_name, 'blindmatch ')"
        ) == [(True, "TLSv1.3")]
        assert "over TLS" in look_at_server(url)


@pytest.mark.tm("TM-127")
@pytest.mark.parametrize(
    ("host", "more", "sentence"),
    [
        (HOST_NAME, "&sslrootcert={}/other.pem", "could not show that it is the one"),
        ("wrong.example", "&sslrootcert={}/ca.pem", "could not show that it is the one"),
        (HOST_NAME, "", "no certificate here by which"),
        (HOST_NAME, "&sslmode=disable", "not fully checked"),
        (HOST_NAME, "&sslmode=require&sslrootcert={}/ca.pem", "not fully checked"),
        (HOST_NAME, "&sslmode=verify-ca&sslrootcert={}/ca.pem", "not fully checked"),
        ("192.0.2.1", "&sslmode=prefer", "not fully checked"),
        ("localhost", "&hostaddr=192.0.2.1&sslmode=disable", "one twice"),
        (f"{HOST_NAME},127.0.0.1", "", "several servers"),
        ("localhost", "&options=-csynchronous_commit%3Doff", "option that is not taken"),
        ("localhost", "&service=other", "option that is not taken"),
        ("localhost", "&host=db.example", "two hosts"),
    ],
)
def test_a_way_that_is_not_checked_is_not_taken(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, more: str, sentence: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    url = certified(database, more.format(database.server.folder), host)
    with small_node(tmp_path / "state") as node:
        assert sentence in says(lambda: another(node, url), database.password, database.name, host)
    assert database.sessions() == []


@pytest.mark.tm("TM-127")
def test_twin_without_the_rule_the_same_way_is_plain(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "is_local", lambda host: True)
    with small_node(tmp_path / "state", url=certified(database, "&sslmode=disable")) as node:
        put(node.store, "a")
        assert database.ask(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE starts_with(application_name, 'blindmatch ')"
        ) == [(False,)]


@pytest.mark.tm("TM-127")
@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
def test_an_unchecked_connection_that_leads_elsewhere_is_found_afterwards(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Should a name of this machine lead to another one, by a hosts file: encrypted is not enough."""
    with monkeypatch.context() as patch:
        patch.setattr(_postgres, "is_local", lambda host: host != "127.0.0.1")
        with pytest.raises(UserError, match="without being encrypted and checked"):
            small_node(tmp_path / "state", url=f"{database.url}?sslmode={mode}").__enter__()
        checked = certified(database, f"&sslrootcert={database.server.folder / 'ca.pem'}")
        with small_node(tmp_path / "checked", url=checked):
            pass
    with small_node(tmp_path / "twin", url=f"{database.url}?sslmode={mode}"):
        pass  # the twin: what is not found to lead elsewhere is taken


@pytest.mark.tm("TM-127")
@pytest.mark.parametrize(
    ("host", "way", "mode"),
    [
        ("localhost", "127.0.0.1", "prefer"),
        ("localhost", "192.0.2.1", "verify-full"),
        ("127.0.0.1", "2001:db8::1", "verify-full"),
        (HOST_NAME, "127.0.0.1", "verify-full"),
        ("", "192.0.2.1", "verify-full"),
    ],
)
def test_an_address_beside_the_name_is_judged_too(host: str, way: str, mode: str) -> None:
    url = f"postgresql://a@{host}/db?hostaddr={way}"
    assert libpq_words(parsed(url))["sslmode"] == mode
    if mode == "verify-full":
        for weaker in ("disable", "prefer", "require", "verify-ca"):
            with pytest.raises(UserError, match="not fully checked"):
                parsed(f"{url}&sslmode={weaker}")


@contextmanager
def a_listener(host: str) -> Iterator[tuple[int, list[bytes]]]:
    """Its port, and what those said who called."""
    heard: list[bytes] = []

    def listen() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    heard.append(client.recv(100))

    with socket.create_server((host, 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)


@pytest.mark.tm("TM-127")
def test_the_environment_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """PGHOSTADDR would: its twin is called."""
    with a_listener("127.0.0.2") as (port, heard):
        url = f"postgresql://a:CANARY@localhost:{port}/db"
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.2")
        assert "PGHOSTADDR" in says(lambda: look_at_server(url), "CANARY", "127.0.0.2")
        assert heard == []
        monkeypatch.setattr(_postgres, "_nothing_from_outside", lambda: None)
        with pytest.raises(Busy):
            look_at_server(url)
        assert len(heard) > 0


@pytest.mark.tm("TM-127")
def test_no_variable_that_libpq_obeys_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE"}
    known |= {"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGOPTIONS", "PGSYSCONFDIR", "PGTARGETSESSIONATTRS"}
    assert known < _postgres._OUTSIDE
    for name in sorted(_postgres._OUTSIDE):
        with monkeypatch.context() as patch:
            patch.setenv(name, "CANARY")
            said = says(lambda: look_at_server("postgresql://a:CANARY@127.0.0.1:1/db"), "CANARY")
            assert f"server is reached: {name}." in said
    monkeypatch.setenv("PGDATA", "/nowhere")  # a server's own
    assert "cannot be reached" in says(lambda: look_at_server("postgresql://a:CANARY@127.0.0.1:1/db"), "CANARY")


def test_a_server_without_tls_is_refused_where_it_must_have_it(database: Database, tmp_path: Path) -> None:
    url = certified(database, f"&sslrootcert={database.server.folder / 'ca.pem'}")
    with server_setting(database.server, "ssl", "off"), small_node(tmp_path / "state") as node:
        assert "offers no encrypted connection" in says(lambda: another(node, url), database.password)


# The file with the address.


@pytest.mark.tm("TM-127")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "database"
    path.write_text("postgresql://a:CANARY@localhost/db\n")
    path.chmod(mode)
    assert "chmod 600" in says(lambda: read_address(path), "CANARY")
    path.chmod(0o600)
    assert read_address(path) == "postgresql://a:CANARY@localhost/db"


@pytest.mark.parametrize("content", [b"", b"\n", b"CANARY CANARY", b"\xffCANARY", b"CANARY" * 1000])
def test_a_file_without_one_line_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "database"
    path.write_bytes(content)
    path.chmod(0o600)
    assert "one line" in says(lambda: read_address(path), "CANARY")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert "cannot be read" in says(lambda: read_address(tmp_path / "missing"))
    assert "not stand in a file" in says(lambda: read_address(tmp_path))


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    said: list[str] = []
    waiter = threading.Thread(target=lambda: said.append(says(lambda: read_address(tmp_path / "pipe"))), daemon=True)
    waiter.start()
    waiter.join(20)
    assert "not stand in a file" in said[0]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("/var/run/postgresql", True),
        ("localhost.example", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("127.0.0.1.example", False),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert address.is_local(host) is local
