"""The documents tell the truth: commands and options exist, links lead somewhere, nothing names a machine.

Checked in every Markdown file: `blindmatch ...` in a code block or in back-ticks against `--help`; `make ...` against
the Makefile; relative links and their anchors. Checked in every tracked text file: no path of the machine it was
written on, no package index. Limits (habit 7): each says its unit.
"""

import ast
import contextlib
import io
import re
import shlex
import sys
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.support.tree import ROOT, project_files, public_modules

DOCUMENTS = [path for path in project_files() if path.suffix == ".md"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
BACK_TICKED = re.compile(r"`(blindmatch [^`\n]+|make [a-z-]+[^`\n]*)`")
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


# Commands


def commands_in(document: str) -> list[str]:
    """Every command line that starts with `blindmatch` or `make`, continuation lines joined, prompts dropped."""
    lines = []
    for language, block in FENCE.findall(document):
        if language in {"", "sh", "shell", "console", "bash"}:
            lines += [line.strip().removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines()]
    lines += BACK_TICKED.findall(FENCE.sub("", document))
    lines = [
        re.sub(r"^(sudo (-u \S+ )?)?([A-Z_]+=\S+ )*(\.venv/bin/|/usr/lib/blindmatch/bin/)?", "", line) for line in lines
    ]
    return [line for line in lines if re.match(r"(blindmatch|make)\b(?! *[:=])", line)]


@cache
def help_of(*words: str) -> str | None:
    """What `blindmatch WORDS --help` prints; None when there is no such command."""
    from cli.main import main

    output, before = io.StringIO(), sys.argv
    sys.argv = ["blindmatch", *words, "--help"]
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main()
    except SystemExit as done:
        code = done.code
    finally:
        sys.argv = before
    return output.getvalue() if code in (0, None) else None


def problem_with(line: str) -> str | None:
    """Why this command line of a document cannot be right; None when it can."""
    words = shlex.split(re.split(r"\s[|>&;#]|[…<\[]", line)[0], comments=True)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        missing = [word for word in targets if not re.search(rf"^{re.escape(word)}:", text_of(Path("Makefile")), re.M)]
        return f"the Makefile has no target {', '.join(missing)}" if missing else None
    # The longest run of leading words that is a command; what follows are its arguments.
    path: list[str] = []
    page = help_of()
    for word in words[1:]:
        deeper = help_of(*path, word) if re.fullmatch(r"[a-z][a-z-]*", word) and takes_commands(page) else None
        if deeper is None:
            break
        path.append(word)
        page = deeper
    rest = words[1 + len(path) :]
    if takes_commands(page) and rest and not rest[0].startswith("-") and rest[0] != "...":
        return f"there is no command {' '.join(['blindmatch', *path, rest[0]])}"
    options = [word.split("=")[0] for word in rest if word.startswith("-") and word not in {"--", "-"}]
    unknown = [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page or "")]
    return f"{' '.join(['blindmatch', *path])} has no {', '.join(unknown)}" if unknown else None


def takes_commands(page: str | None) -> bool:
    return page is not None and re.search(r"Usage:.*\bCOMMAND\b", page) is not None


@pytest.fixture
def _plain_help(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "250", "TERMINAL_WIDTH": "250", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_plain_help")
@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_each_command_of_a_document_exists(path: Path) -> None:
    assert {line: problem for line in commands_in(text_of(path)) if (problem := problem_with(line))} == {}


@pytest.mark.usefixtures("_plain_help")
@pytest.mark.parametrize(
    "line", ["blindmatch nod run", "blindmatch node rum", "blindmatch node run --wrong", "make coffee"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert commands_in(f"Text.\n```sh\n$ {line}\n```\n") == [line]
    assert commands_in(f"Run `{line}` now.") == [line]
    assert problem_with(line) is not None


def test_the_readme_shows_the_two_commands_that_a_newcomer_needs() -> None:
    assert {"make demo", "make test"} <= set(commands_in(text_of(Path("README.md"))))


# Links


def anchors_of(document: str) -> set[str]:
    """The anchors of a document's headings, formed as code hosts form them."""
    headings = HEADING.findall(FENCE.sub("", document))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, document: str) -> list[str]:
    broken = []
    for link in LINK.findall(FENCE.sub("", document)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / path.parent / name).resolve() if name else (ROOT / path)
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and target.suffix == ".md" and anchor not in anchors_of(target.read_text("utf-8"))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_each_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path, text_of(path)) == []


@pytest.mark.parametrize(
    "link", ["gone.md", "../outside.md", "CONTRIBUTING.md#no-such-heading", "#nowhere", "psi/gone/"]
)
def test_a_broken_link_is_found(link: str) -> None:
    assert broken_links(Path("SECURITY.md"), f"See [there]({link}).") == [link]


# Nothing of a machine

# Split, so that this file does not find itself.
MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.~])/" + r"(?:work|root|Users|home/[a-z]|opt/py|opt/wh|tmp/w/)",
            r"file:/" + r"//(?!usr/share/doc)",
            r"py" + r"pi\.",
            r"python" + r"hosted",
            r"--(?:extra-)?" + r"index-url|--find" + r"-links",
        ]
    )
)
MAX_TEXT_BYTES = 2 * 1024 * 1024  # a larger file is data


def machine_traces(text: str) -> list[str]:
    return [match.group() for match in MACHINE.finditer(text)]


def is_text(path: Path) -> bool:
    file = ROOT / path
    return file.stat().st_size <= MAX_TEXT_BYTES and b"\0" not in file.read_bytes()[:8192]


def test_no_tracked_file_names_a_machine_or_a_package_index() -> None:
    exempt = {Path("tests/unit/test_locks.py")}  # has a line with an index as a negative case
    found = {
        str(path): traces
        for path in project_files()
        if path not in exempt
        and is_text(path)
        and (traces := machine_traces((ROOT / path).read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text", ["see /" + "root/.config", "cp /" + "home/someone/x .", "--index" + "-url https://x", "a py" + "pi.org b"]
)
def test_a_trace_of_a_machine_is_found(text: str) -> None:
    assert machine_traces(text)


# Limits

LIMIT = re.compile(r"_?(MAX|MIN)_|_(LIMIT|CAP|FLOOR|CEILING)$")
UNIT = re.compile(
    r"BYTES|CHARACTERS|SECONDS|MINUTES|HOURS|DAYS|YEARS?|ROWS|RECORDS|ELEMENTS|TOKENS|COLUMNS|CELLS|CHUNKS|MEMBERS"
    r"|FIELDS|DIGITS|LABELS|PARTS|KEYS|VALUES|MESSAGES|ENTRIES|FILES|BITS|PERCENT|SHARE|FACTOR|_PER_|[A-Z]{3,}S$"
)


def limits_without_unit(source: str) -> list[str]:
    """Limit constants whose unit is neither in the name nor in a comment on or above the line, or a string below."""
    lines = ["", *source.splitlines()]
    unclear = []
    body = ast.parse(source).body
    for node, following in zip_longest(body, body[1:]):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                commented = "#" in lines[node.lineno] or lines[node.lineno - 1].lstrip().startswith("#")
                match following:
                    case ast.Expr(value=ast.Constant(value=str())):
                        commented = True
                    case _:
                        pass
                if LIMIT.search(name) and not UNIT.search(name.removeprefix("MAX_")) and not commented:
                    unclear.append(name)
            case _:
                pass
    return unclear


def test_every_limit_says_its_unit() -> None:
    unclear = {str(path): names for path in public_modules() if (names := limits_without_unit(text_of(path)))}
    assert unclear == {}


def test_a_limit_without_a_unit_is_found() -> None:
    source = "MAX_CELL = 9\nMAX_CELL_BYTES = 9\nMAX_WAIT = 9  # seconds\n# elements\nFLOOR_CAP = 64\n\nWAIT_LIMIT = 3\n"
    source += 'MAX_SOUNDS = 4\nMAX_WIDTH = 8\n"""Bytes of a row."""\n'
    assert limits_without_unit(source) == ["MAX_CELL", "WAIT_LIMIT"]
