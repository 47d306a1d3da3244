"""Where a node's database is: a file of SQLite in its folder, or a database of a PostgreSQL server.

The address of a server holds a password, so it stands in a file of its own that only the node's account may read, and
`config.toml` names that file:

    [store]
    database_file = "/etc/blindmatch/database"      one line: postgresql://account:password@db.example/blindmatch

What may stand behind the `?` of an address is a closed list (`_WORDS`), because some of libpq's words would take a
protection away. To another machine the connection is encrypted and the server's certificate and name are checked
(`sslmode=verify-full`); only on this machine, by its socket folder or a loopback address, may it be plain. No error
repeats an address or any part of it.
"""

import os
import stat
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from node.errors import UserError

__all__ = ["MAX_ADDRESS_BYTES", "is_local", "libpq_words", "parsed", "read_address"]

MAX_ADDRESS_BYTES = 4096
"""Bytes of the file that holds the address."""

CONNECT_SECONDS = 5
"""Seconds until a server that does not answer is given up for the moment."""

DEAD_SECONDS = 25
"""Seconds until either end gives up the other one if nothing comes back from it: then a lock that it held is free."""

_WORDS = frozenset({"host", "hostaddr", "sslmode", "sslrootcert", "sslcert", "sslkey"})
_SERVERS = ("postgresql", "postgres")
_EXAMPLE = "Write it as postgresql://account:password@host/database"


def read_address(path: Path) -> str:
    """The address in a file. UserError if there is none, others may read it, or it is not one line of text."""
    try:
        # A pipe would be waited for; what is no file is refused below.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise UserError(
            f"The file that holds the database's address cannot be read: {error.strerror}.",
            advice="Check database_file under [store] in config.toml, and whose file it is.",
        ) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UserError("The database's address does not stand in a file.", advice="Name a file with one line.")
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in (os.geteuid(), 0):
            raise UserError(
                "Other accounts of this machine may read the file with the database's address, so it was not used.",
                advice="Close it (chmod 600). If others have been able to read it, change the password.",
            )
        text = os.read(descriptor, MAX_ADDRESS_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        lines = text.decode().split()
    except UnicodeDecodeError:
        lines = []
    if len(text) > MAX_ADDRESS_BYTES or len(lines) != 1:
        raise UserError("The file with the database's address does not hold one line.", advice=f"{_EXAMPLE}.")
    return lines[0]


def parsed(text: str) -> URL:
    """An address, of a kind that this version knows. UserError for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UserError("The database address is not an address.", advice=f"{_EXAMPLE}.") from None
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if url.drivername in (*_SERVERS, "postgresql+psycopg"):
        libpq_words(url)
        return url
    raise UserError(
        "This version of blindmatch keeps its database in an SQLite file or on a PostgreSQL server.",
        advice=f"Leave database_file out, or name a PostgreSQL server. {_EXAMPLE}.",
    )


def libpq_words(url: URL) -> dict[str, str | int]:
    """What libpq is told; nothing that matters is left to its environment. UserError for what is not acceptable."""
    given: dict[str, str] = {}
    for word, value in url.query.items():
        if word not in _WORDS or not isinstance(value, str):
            raise UserError(
                "The database address has an option that is not taken here, or one twice.",
                advice=f"What may stand behind the ?: {', '.join(sorted(_WORDS))}.",
            )
        given[word] = value
    if url.host and "host" in given:
        raise UserError("The database address names two hosts.", advice="Leave one of them out.")
    host = url.host or given.pop("host", "")
    if "," in host or "," in given.get("hostaddr", ""):
        # A second server that does not have all that the first one acknowledged would bring spent budgets back.
        raise UserError("The database address names several servers.", advice="Name the one that holds the database.")
    if not url.database:
        raise UserError("The database address names no database.", advice=f"{_EXAMPLE}.")
    if is_local(host) and is_local(given.get("hostaddr", "")):
        given.setdefault("sslmode", "prefer")
    elif given.setdefault("sslmode", "verify-full") != "verify-full":
        raise UserError(
            "The database is on another machine, and its address asks for a connection that is not fully checked.",
            advice="Write sslmode=verify-full, and sslrootcert=FILE with the certificate of the server's authority.",
        )
    words: dict[str, str | int] = {
        **given,
        "host": host,
        "dbname": url.database,
        "gssencmode": "disable",  # what is checked above is TLS
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": DEAD_SECONDS * 1000,
    }
    if url.port is not None:
        words["port"] = url.port
    if url.username is not None:
        words["user"] = url.username
    if url.password is not None:
        words["password"] = str(url.password)
    return words


def is_local(host: str) -> bool:
    """Whether a host is this machine: no name, a folder of sockets, `localhost` or a loopback address."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
