"""The runbooks of deploy/runbooks, read and played: each command as it stands on the page, in order, at real nodes.

    play = Play("leave", {"": folder / "harbour", "River": folder / "river"}, folder, patch)
    play.next("blindmatch round list")
    play.next("blindmatch audit share", {"4f1c": round_id})
    play.instead("systemctl disable", harbour.stop)
    play.done()

A test names how the next command begins and what stands in the places of the page's examples. So a page whose commands
change, or change their order, fails until somebody has tried it again.
"""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.main import main
from node.app import serving
from psi.secret import SecretBytes
from tests.support.nodes import Running
from tests.support.tree import ROOT

__all__ = ["PAGES", "Command", "Play", "Said", "Stage", "blocks_of", "commands_of", "page_text"]

FOLDER = ROOT / "deploy" / "runbooks"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")

_FENCE = re.compile(r"^( *)```sh\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"# at (\w+)")


def page_text(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Command:
    """One line of a block. `place`: where it is typed; empty: at the reader's own node."""

    line: str
    place: str = ""


def blocks_of(text: str) -> Iterator[list[Command]]:
    for _, block in _FENCE.findall(text):
        place, commands = "", []
        for line in map(str.strip, block.splitlines()):
            if found := _PLACE.fullmatch(line):
                place = found.group(1)
            elif line and not line.startswith("#"):
                commands.append(Command(line, place))
        yield commands


def commands_of(text: str) -> list[Command]:
    """Every command of a page's blocks, in order."""
    return [command for block in blocks_of(text) for command in block]


@dataclass(frozen=True)
class Said:
    code: int
    text: str

    @property
    def line(self) -> str:
        """All of it on one line: where lines break says nothing."""
        return " ".join(self.text.split())


@dataclass
class Stage:
    """Nodes of this process, started and stopped as an administrator does."""

    stack: ExitStack
    running: dict[Path, tuple[ExitStack, Running]] = field(default_factory=dict)

    def start(self, folder: Path, passphrase: bytes | None = None) -> Running:
        own = self.stack.enter_context(ExitStack())
        secret = None
        if passphrase is not None:
            secret = own.enter_context(SecretBytes(len(passphrase)))
            secret.view()[:] = passphrase
        node = Running(folder.name, own.enter_context(serving(folder, secret)))
        self.running[folder] = (own, node)
        return node

    def stop(self, folder: Path) -> None:
        own, _ = self.running.pop(folder)
        own.close()


@dataclass
class Play:
    """One page. `folders`: of the node at each place; `here`: where relative names of files lead to."""

    page: str
    folders: dict[str, Path]
    here: Path
    patch: pytest.MonkeyPatch
    passphrases: dict[str, Path] = field(default_factory=dict)
    typed: int = 0
    elsewhere: int = 0

    def __post_init__(self) -> None:
        self._left = commands_of(page_text(self.page))
        (self.here / "stick").mkdir(exist_ok=True)
        self.patch.chdir(self.here)
        for name, value in {"NO_COLOR": "1", "COLUMNS": "200"}.items():
            self.patch.setenv(name, value)
        self.patch.setattr("node.app.harden", lambda: None)  # it is for a process of its own

    def next(
        self, begins: str, places: Mapping[str, str | Path] | None = None, *more: str | Path, code: int = 0,
        types: str = "",
    ) -> Said:  # fmt: skip
        """Type the next command of the page. `places`: words of it -> what stands there; `more`: what a person would be
        asked for; `types`: what comes on standard input."""
        command = self._take(begins)
        words = [str(word) for word in (*self._meant(command.line, places or {}), *more)]
        self.typed += 1
        return self.at(command.place, *words, code=code, types=types)

    def instead(self, begins: str, what: Callable[[], object]) -> None:
        """Do what the next command, which is none of ours, would do."""
        command = self._take(begins)
        assert not command.line.startswith("blindmatch ")
        self.elsewhere += 1
        what()

    def at(self, place: str, *words: str, code: int = 0, types: str = "") -> Said:
        """Type something at a node, on a page or not."""
        self.patch.setenv("BLINDMATCH_STATE", str(self.folders[place]))
        self.patch.delenv("BLINDMATCH_PASSPHRASE_FILE", raising=False)
        if place in self.passphrases:
            self.patch.setenv("BLINDMATCH_PASSPHRASE_FILE", str(self.passphrases[place]))
        output = io.StringIO()
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(types.encode())))
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            ended = main([*words])
        assert ended == code, f"{self.page}: {' '.join(words)}\n{output.getvalue()}"
        return Said(ended, output.getvalue())

    def done(self) -> str:
        """Nothing of the page is left; what was typed, in words."""
        assert self._left == [], f"{self.page}: not tried: {self._left}"
        others = f", {self.elsewhere} of other programs acted out" if self.elsewhere else ""
        return f"{self.page}: {self.typed} commands typed{others}"

    def _take(self, begins: str) -> Command:
        assert self._left, f"{self.page}: no command is left, and {begins} was expected"
        command = self._left.pop(0)
        assert command.line.startswith(begins), f"{self.page}: {command.line!r}, and {begins!r} was expected"
        return command

    def _meant(self, line: str, places: Mapping[str, str | Path]) -> list[str | Path]:
        words = shlex.split(line)
        assert words.pop(0) == "blindmatch"
        unknown = set(places) - set(words)
        assert not unknown, f"{self.page}: {line!r} has no {unknown}"
        return [places.get(word, word.replace("/media/stick", str(self.here / "stick"), 1)) for word in words]
