"""What a PostgreSQL server or the way to it says, as sentences. Never with an address, an account or a value in them.

An error of a statement has a code (SQLSTATE, appendix A of the PostgreSQL manual). One of a connection that does not
come about has only libpq's text, so that is looked at: where a server speaks another language, the last row of the
table is said. Nothing of the text is repeated.
"""

from node.errors import Busy, NodeError, StateDamaged, UserError

__all__ = ["explained"]

Sentence = tuple[str, str]

_LOST: Sentence = (
    "The connection to the database server was lost. Nothing of this step was saved.",
    "Try again; if it does not come back, ask the person who runs the database server.",
)
_FULL: Sentence = (
    "The disk of the database server is full. Nothing of this step was saved.",
    "Free some space there and try again.",
)
_RIGHTS: Sentence = (
    "The account in the database address may not do what is needed in this database.",
    "Make the database the account's own: CREATE DATABASE name OWNER account.",
)
_READ_ONLY: Sentence = (
    "The database server only lets read: it is a copy of another one, or was set so.",
    "Name the server that holds the original.",
)
_PASSWORD: Sentence = (
    "The database server does not accept the account or its password.",
    "Correct the file with the database's address.",
)
_NO_DATABASE: Sentence = (
    "The database server has no database of that name.",
    "Have it made (CREATE DATABASE name OWNER account), or correct the file with the database's address.",
)
_CROWDED: Sentence = (
    "The database server has no room for what was asked of it (memory or connections).",
    "Try again; if it lasts, raise max_connections or its memory there.",
)

_CODES: dict[str, tuple[type[NodeError], Sentence]] = {
    "08": (Busy, _LOST),
    "57P01": (Busy, _LOST),
    "57P02": (Busy, _LOST),
    "57P03": (Busy, ("The database server is starting or stopping.", "Try again in a moment.")),
    "57P05": (Busy, _LOST),
    "25P03": (Busy, _LOST),
    "53100": (Busy, _FULL),
    "53": (Busy, _CROWDED),
    "55P03": (
        Busy,
        ("Another program is holding this node's database.", "Close it (a database browser or a backup tool)."),
    ),
    "57014": (Busy, ("The database server stopped a statement. Nothing of this step was saved.", "Try again.")),
    "40": (Busy, ("Another program got in between. Nothing of this step was saved.", "Try again.")),
    "25006": (UserError, _READ_ONLY),
    "42501": (UserError, _RIGHTS),
    "28": (UserError, _PASSWORD),
    "3D000": (UserError, _NO_DATABASE),
    "XX001": (StateDamaged, ("This node's database is damaged on its server.", "Stop the node and restore a backup.")),
    "XX002": (StateDamaged, ("This node's database is damaged on its server.", "Stop the node and restore a backup.")),
    "58030": (StateDamaged, ("The database server cannot read or write its disk.", "Have that disk checked.")),
}

_TEXTS: tuple[tuple[tuple[str, ...], type[NodeError], Sentence], ...] = (
    (("password authentication failed", "no password supplied", "peer authentication failed"), UserError, _PASSWORD),
    (("role ", "does not exist"), UserError, _PASSWORD),
    (("database ", "does not exist"), UserError, _NO_DATABASE),
    (
        ("no pg_hba.conf entry",),
        UserError,
        ("The database server does not let this machine or account in.", "Have it added there (pg_hba.conf)."),
    ),
    (("permission denied for database",), UserError, _RIGHTS),
    (("too many clients", "connection slots"), Busy, _CROWDED),
    (("the database system is",), Busy, _CODES["57P03"][1]),
    (
        ("server does not support SSL",),
        UserError,
        ("The database server offers no encrypted connection, so nothing was sent.", "Have TLS switched on there."),
    ),
    (
        ("root certificate file",),
        UserError,
        (
            "There is no certificate here by which the database server could be checked, so nothing was sent.",
            "Add ?sslrootcert=FILE to the address, with the certificate of the authority that signed the server's.",
        ),
    ),
    (
        ("certificate verify failed", "server certificate for", "SSL error"),
        UserError,
        (
            "The database server could not show that it is the one in the address, so nothing was sent.",
            "Check the host name and sslrootcert in the address. If both are right, somebody may sit in between.",
        ),
    ),
    (
        ("failed to resolve host", "could not translate host name"),
        Busy,
        ("The database server's name is not known here.", "Check the host in the address, and this machine's network."),
    ),
)
_ALL_OF = {"does not exist"}

_UNREACHABLE: Sentence = (
    "The database server cannot be reached, or does not let this node in.",
    "Check that it runs, and the file with the database's address.",
)


def explained(code: str | None, text: str, *, connecting: bool, opening: bool) -> NodeError | None:
    """The error for a person; None for one that only a defect of the code can cause.

    `connecting`: it came while a connection was made. `opening`: the node starts. Once it runs, whatever can be put
    right outside of it is Busy, so that its rounds wait and do not end.
    """
    found = (_CODES.get(code) or _CODES.get(code[:2])) if code else None
    if found is None and code is None:
        found = _by_text(text) or (Busy, _UNREACHABLE if connecting else _LOST)
    if found is None:
        return None
    kind, (sentence, advice) = found
    return (Busy if kind is UserError and not opening else kind)(sentence, advice=advice)


def _by_text(text: str) -> tuple[type[NodeError], Sentence] | None:
    for words, kind, sentence in _TEXTS:
        there = [word in text for word in words]
        if all(there) if _ALL_OF.intersection(words) else any(there):
            return kind, sentence
    return None
