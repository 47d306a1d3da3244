"""A PostgreSQL server of our own, started once for a process of pytest, and databases in it.

`pg_virtualenv` (Debian: postgresql-common) makes the server, as the account `postgres` where the tests run as root.
It drops it again when the command ends that it runs: here one that waits for its standard input to end, which it does
however this process ends. It switches fsync off on its own; ours has it on, since the node demands it. The data lies
in memory where there is such a folder: what is flushed is what counts here, and a server that crashes shows that.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.ports import free_port

__all__ = ["HOST_NAME", "Server", "here", "running_server", "server_setting"]

HOST_NAME = "db.example"
"""The name in the server's certificate. It is reached at a loopback address (`hostaddr`)."""

START_SECONDS = 60
_SAY = 'echo "$PGUSER $PGPASSWORD" >"$0.part"; mv "$0.part" "$0"; cat >/dev/null'
"""Into a file: were it a pipe, `pg_virtualenv` could not clean up once nobody reads it any more."""


def here() -> bool:
    return shutil.which("pg_virtualenv") is not None


@dataclass
class Server:
    port: int
    account: str
    password: str
    folder: Path
    """Holds `ca.pem`, the certificate of the authority that signed the server's, and `other.pem`, of another one."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection that may do everything."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.account,
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def database(self) -> "Database":
        """A new database, with an account of its own that owns it and may do nothing else."""
        made = Database(self, f"node_{next(self._numbers)}")
        with self.admin() as connection:
            connection.execute(f"CREATE ROLE {made.name} LOGIN PASSWORD '{made.password}'")
            connection.execute(f"CREATE DATABASE {made.name} OWNER {made.name}")
        return made


@dataclass
class Database:
    server: Server
    name: str
    password: str = "fireweed-4711"

    @property
    def url(self) -> str:
        return self.url_at("127.0.0.1")

    def url_at(self, host: str, more: str = "") -> str:
        return f"postgresql://{self.name}:{self.password}@{host}:{self.server.port}/{self.name}{more}"

    def file(self, path: Path, url: str | None = None) -> Path:
        """A file with the address, as `[store] database_file` names one."""
        path.write_text((url or self.url) + "\n")
        path.chmod(0o600)
        return path

    def ask(self, query: str, *values: object) -> list[Any]:
        """Look in from outside, with every right."""
        with self.server.admin(self.name) as connection:
            found = connection.execute(query.encode(), values or None)
            return found.fetchall() if found.description else []

    def sessions(self) -> list[int]:
        """Process numbers of the server's sessions with nodes, the one that writes first."""
        return [
            row[0]
            for row in self.ask(
                "SELECT pid FROM pg_stat_activity a WHERE datname = current_database() "
                "AND starts_with(application_name, 'blindmatch ') ORDER BY NOT EXISTS "
                "(SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)"
            )
        ]

    def lose_the_writer(self) -> None:
        """End the session that has the lock."""
        self.ask("SELECT pg_terminate_backend(%s)", self.sessions()[0])

    def crash(self, number: int | None = None) -> None:
        """Kill one of the server's processes, a session if not told: one that dies takes the memory of the whole server
        along, which then reads its disk again."""
        number = number or self.sessions()[0]
        os.kill(number, signal.SIGKILL)
        until = time.monotonic() + 60
        while True:
            assert time.monotonic() < until
            with suppress(psycopg.OperationalError):
                if not self.ask("SELECT 1 FROM pg_stat_activity WHERE pid = %s", number):
                    return
            time.sleep(0.05)

    @contextmanager
    def wal_writer_stopped(self) -> Iterator[int]:
        """The process that writes down on its own what no commit waits for, stopped where it idles and holds no lock;
        its number. However long its pauses are, it is woken for every full page of the log."""
        until = time.monotonic() + 20
        while True:
            ((number,),) = self.ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
            os.kill(number, signal.SIGSTOP)
            while ") T " not in Path(f"/proc/{number}/stat").read_text():
                assert time.monotonic() < until
            if self.ask("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Activity'", number):
                break
            os.kill(number, signal.SIGCONT)
            assert time.monotonic() < until
        try:
            yield number
        finally:
            with suppress(ProcessLookupError):  # it died in a crash
                os.kill(number, signal.SIGCONT)

    @contextmanager
    def taken_by(self, name: str, key: int) -> Iterator[psycopg.Connection[Any]]:
        """Somebody of that name gets an advisory lock in the moment in which the one who has it is cut off."""
        with psycopg.connect(self.url, autocommit=True, application_name=name) as other:
            waiter = threading.Thread(target=other.execute, args=("SELECT pg_advisory_lock(%s)", (key,)))
            waiter.start()
            until = time.monotonic() + 20
            while not self.ask("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert time.monotonic() < until
            self.lose_the_writer()
            waiter.join(20)
            assert not waiter.is_alive()
            yield other


@contextmanager
def running_server() -> Iterator[Server]:
    """A server until the block ends. Skips the test where there is no `pg_virtualenv`."""
    if not here():
        pytest.skip("pg_virtualenv is not here (on Debian: postgresql, postgresql-common)")
    folder = Path(tempfile.mkdtemp(prefix="bm-pg-"))
    try:
        folder.chmod(0o755)
        _certificates(folder)
        port = free_port()  # two servers that start at the same time would choose the same port
        options = ["fsync=on", "shared_buffers=16MB", "max_connections=100"]
        memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}
        told, log = folder / "told", folder / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [
                    "pg_virtualenv",
                    "-t",
                    *(w for option in options for w in ("-o", option)),
                    "sh",
                    "-c",
                    _SAY,
                    str(told),
                ],
                env={**os.environ, "PGPORT": str(port), "LC_ALL": "C.UTF-8", **memory},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then closes its input
            ) as process,
        ):
            assert process.stdin is not None
            try:
                until = time.monotonic() + START_SECONDS
                while not told.exists():
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.05)
                account, password = told.read_text().split()
                server = Server(port, account, password, folder)
                with server.admin() as admin:
                    for name, value in (("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")):
                        admin.execute(f"ALTER SYSTEM SET {name} = '{folder / value}'")
                    admin.execute("ALTER SYSTEM SET ssl = on")
                    admin.execute("SELECT pg_reload_conf()")
                yield server
            finally:
                process.stdin.close()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _certificates(folder: Path) -> None:
    """An authority, the server's certificate for `HOST_NAME` alone, and an authority that has nothing to do with it."""
    for name in ("ca", "other"):
        key, certificate = _issued(name, None, authority=True)
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if name == "ca":
            server_key, server = _issued(HOST_NAME, (key, certificate), authority=False)
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    path = folder / "server.key"
    path.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(path, "postgres")


Issuer = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _issued(name: str, issuer: Issuer | None, *, authority: bool) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer[0] if issuer else key, hashes.SHA256())
    )
    return key, certificate


@contextmanager
def server_setting(server: Server, name: str, value: str) -> Iterator[None]:
    """The server with this setting, until the block ends.

    Each look over a connection of its own: a test may crash the server in between.
    """

    def current() -> str:
        with server.admin() as admin:
            found = admin.execute(f"SHOW {name}".encode()).fetchone()
        assert found is not None
        return str(found[0])

    def change(wanted: str) -> None:
        with server.admin() as admin:
            admin.execute(f"ALTER SYSTEM SET {name} = '{wanted}'".encode())
            admin.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 10
        while current() != wanted:
            assert time.monotonic() < until
            time.sleep(0.02)

    before = current()
    change(value)
    try:
        yield
    finally:
        change(before)
