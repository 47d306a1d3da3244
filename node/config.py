"""The settings of a node: `config.toml` in its folder, read once at start.

Everything has a default, so an empty file is a good one. A key that is not known is refused, with the nearest one that
is: a misspelt limit must not silently be no limit. Nothing in this file is secret.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from node.errors import UserError

__all__ = [
    "MAX_CONFIG_BYTES",
    "MAX_CONTACT_CHARACTERS",
    "NO_PORT",
    "Address",
    "Budget",
    "Config",
    "ContactSection",
    "Limits",
    "Listen",
    "LogStyle",
    "NodeSection",
    "Section",
    "Settings",
    "StoreSection",
    "TripwireSection",
    "WatchAddress",
    "is_loopback",
    "load",
    "load_settings",
    "write_default",
]

MAX_CONFIG_BYTES = 64 * 1024
"""Largest settings file read, in bytes."""

MAX_CONTACT_CHARACTERS = 120
"""Longest field of a contact card, in characters."""


def _address(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or host != host.strip() or not (port.isascii() and port.isdigit() and len(port) < 6):
        raise ValueError('must be host:port, for example "127.0.0.1:7443"')
    if int(port) > 65535:
        raise ValueError("has a port above 65535")
    return value


def is_loopback(host: str) -> bool:
    """Is this a name or number of this very computer?"""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _here(value: str) -> str:
    if value and not is_loopback(_address(value).rpartition(":")[0]):
        raise ValueError('must be an address of this computer, for example "127.0.0.1:9464", or "" for none')
    return value


NO_PORT = "none"
"""In place of an address to listen on: no port is opened."""


def _listen(value: str) -> str:
    if value != NO_PORT:
        try:
            _address(value)
        except ValueError as error:
            raise ValueError(f'{error}, or "{NO_PORT}"') from None
    return value


Address = Annotated[str, Field(max_length=260), AfterValidator(_address)]
Listen = Annotated[str, Field(max_length=260), AfterValidator(_listen)]
WatchAddress = Annotated[str, Field(max_length=260), AfterValidator(_here)]
LogStyle = Literal["console", "json"]


class Section(BaseModel):
    """Settings that belong together; one table of the file."""

    # strict: "10" is not 10, and 1 is not true.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Settings(Section):
    """All settings of one program: its sections. `program` and `made_by` stand in what is said about the file."""

    program: ClassVar[str]
    made_by: ClassVar[str]


_S = TypeVar("_S", bound=Settings)


class NodeSection(Section):
    """Where this node is found."""

    listen: Listen = "127.0.0.1:7443"
    """Where other members' nodes are answered (host:port; port 0: a free one), or "none": then it only calls others."""
    watch: WatchAddress = ""
    """Address and port for health and figures over HTTP, such as 127.0.0.1:9464; "" for none. Loopback only."""
    log: LogStyle = "console"
    """What it says while it runs, on standard error: "console" for people, or "json", an object a line."""


class StoreSection(Section):
    """Where the database is."""

    database_file: str = Field(default="", max_length=4096)
    """File (mode 0600) that holds the address of a PostgreSQL database; if empty, SQLite in the node's folder."""


class Budget(Section):
    """How much a peer may have evaluated, over all agreements with it."""

    elements: int = Field(default=20_000, ge=1, le=100_000_000)
    """Elements per peer within `days`. 20,000 in 10 days: 137 years for 10^8 numbers. Below 20 years it takes two."""
    elements_in_all: int = Field(default=100_000, ge=1, le=1_000_000_000)
    """Elements over all peers together within `days`; never less than `elements`."""
    days: int = Field(default=10, ge=1, le=3650)
    """Length of the window, in days."""


class ContactSection(Section):
    """Contact card of this node: given to another member only for a record that agrees, and only where both asked."""

    desk: str = Field(default="", max_length=MAX_CONTACT_CHARACTERS)
    """Whom to ask for, for example "Night desk"; a post, not a person's name. Empty: this node gives no card."""
    phone: str = Field(default="", max_length=MAX_CONTACT_CHARACTERS)
    """A telephone number that is answered by people who may speak about cases."""
    email: str = Field(default="", max_length=MAX_CONTACT_CHARACTERS)
    """A mailbox that the same people read."""
    hours: str = Field(default="", max_length=MAX_CONTACT_CHARACTERS)
    """When they can be reached, with the time zone."""


class TripwireSection(Section):
    """Decoys among this node's own list (`blindmatch tripwire table` says what they catch)."""

    decoys: int = Field(default=32, ge=0, le=1_024)
    """Decoys of each kind, and of each country of telephone numbers, as far as the padding has room; 0: none."""


class Limits(Section):
    """What this node takes on."""

    inbox_messages: int = Field(default=1_000, ge=10, le=100_000)
    """Messages of one peer that may wait to be processed, in number; more are answered with "try later"."""
    workers: int = Field(default=8, ge=2, le=128)
    """Calls answered at the same time, in number (threads)."""
    rounds_at_once: int = Field(default=2, ge=1, le=64)
    """Rounds worked on at the same time, in number (threads)."""
    arithmetic_threads: int = Field(default=0, ge=0, le=32)
    """Threads that share curve arithmetic, and processes that prepare a large table, in number; 0: one a processor."""


class Config(Settings):
    """All settings of a node; one section a table of the file."""

    program: ClassVar[str] = "node"
    made_by: ClassVar[str] = "blindmatch node init"

    node: NodeSection = NodeSection()
    store: StoreSection = StoreSection()
    budget: Budget = Budget()
    contact: ContactSection = ContactSection()
    tripwires: TripwireSection = TripwireSection()
    limits: Limits = Limits()


def load(path: Path) -> Config:
    """Read the settings file of a node. Raises as `load_settings` does."""
    return load_settings(path, Config)


def load_settings(path: Path, kind: type[_S]) -> _S:
    """Read a settings file.

    Raises UserError, naming the setting, for a file that cannot be read, is not TOML, or holds an unknown key or a
    value out of bounds.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"The settings file {path} cannot be read: {error.strerror}.",
            advice="An empty file is a good one: every setting has a default.",
        ) from None
    try:
        if len(data) > MAX_CONFIG_BYTES:
            raise ValueError("it is too long")
        raw = tomllib.loads(data.decode())
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"The settings file {path} is not valid TOML: {error}.", advice="Correct that line.") from None
    except (ValueError, RecursionError):
        raise UserError(f"The settings file {path} is not a text file of settings.", advice="Replace it.") from None
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise _explained(path, problem, kind) from None


def write_default(
    path: Path,
    *,
    listen: str | None = None,
    watch: str | None = None,
    database_file: str | None = None,
    kind: type[Settings] = Config,
) -> None:
    """Write a settings file with every setting, its default and its meaning, all commented out but what is given.

    UserError if there is a file already.
    """
    given = {
        (kind.program, "listen"): listen,
        (kind.program, "watch"): watch,
        ("store", "database_file"): database_file,
    }
    lines = [f"# Settings of this blindmatch {kind.program}. Remove the # before a setting to change it.\n"]
    for name, section in _sections(kind):
        lines.append(f"\n[{name}]  # {section.__doc__}\n")
        for key, field in section.model_fields.items():
            value = _toml(field.default)
            if (chosen := given.get((name, key))) is not None:
                lines.append(f"# {field.description}\n{key} = {_toml(chosen)}\n")
            else:
                lines.append(f"# {field.description}\n# {key} = {value}\n")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(lines))
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise UserError(
            f"The settings file {path} cannot be written: {error.strerror}.", advice="Choose another folder."
        ) from None


def _toml(value: str | int | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:_}"


def _sections(kind: type[Settings]) -> Iterator[tuple[str, type[Section]]]:
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield name, field.annotation


def _explained(path: Path, problem: Mapping[str, Any], kind: type[Settings]) -> UserError:
    *table, key = [str(part) for part in problem["loc"]]
    name = f"[{table[0]}] {key}" if table else f"[{key}]"
    if problem["type"] == "model_type":
        return UserError(
            f"'{key}' in {path} is a section, not a setting.",
            advice=f"Write [{key}] on a line of its own and the settings below it.",
        )
    if problem["type"] != "extra_forbidden":
        return UserError(
            f"The setting {name} in {path} is not acceptable: {_lower_first(problem['msg'])}.",
            advice=f"The file that `{kind.made_by}` writes shows every setting and its default.",
        )
    sections = dict(_sections(kind))
    known = list(sections[table[0]].model_fields) if table else list(sections)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    nearest = f"{near} in [{table[0]}]" if table else f"[{near}]"
    return UserError(
        f"There is no setting {name}; it stands in {path}.",
        advice=f"Did you mean {nearest}? A newer blindmatch may have more settings than this one.",
    )


def _lower_first(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
