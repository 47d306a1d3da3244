"""Imports run one way, psi stays pure, and each module says what it offers (`__all__`).

The contracts are in pyproject.toml and import-linter judges them; here they are run, and run again on a small tree
that breaks each of them, so that a contract that no longer bites is found.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT, public_modules

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PATH": "", "COLUMNS": "200"})


def small_tree(folder: Path, files: dict[str, str]) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("psi/__init__.py", "node/__init__.py", "cli/__init__.py", *files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""), encoding="utf-8")
    return folder


def test_every_import_contract_holds() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_small_tree_itself_is_accepted(tmp_path: Path) -> None:
    result = lint_imports(small_tree(tmp_path, {"node/app.py": "import psi", "cli/main.py": "import node.app, rich"}))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "source", "broken"),
    [
        pytest.param("psi/codec.py", "import socket", "psi is pure", id="psi-opens-sockets"),
        pytest.param("psi/codec.py", "from datetime import date", "psi is pure", id="psi-reads-dates"),
        pytest.param("psi/codec.py", "import google.protobuf", "psi is pure", id="psi-knows-protobuf"),
        pytest.param("psi/codec.py", "def later():\n    import random", "psi is pure", id="hidden-in-a-function"),
        pytest.param("psi/codec.py", "import node", "cli > node > psi", id="psi-imports-node"),
        pytest.param("node/ids.py", "import cli", "cli > node > psi", id="node-imports-cli"),
        pytest.param("node/store.py", "import node.rounds", "inside node", id="store-imports-rounds"),
        pytest.param("node/policy.py", "import node.audit", "inside node", id="sideways"),
        pytest.param("node/misc.py", "", "inside node", id="a-part-without-a-place"),
        pytest.param("node/app.py", "import rich", "terminal belongs to cli", id="node-prints"),
        pytest.param("psi/group.py", "import rbcl", "Never imported", id="rbcl"),
    ],
)
def test_a_broken_contract_is_found(tmp_path: Path, file: str, source: str, broken: str) -> None:
    parts = dict.fromkeys(("node/rounds.py", "node/audit.py"), "")
    result = lint_imports(small_tree(tmp_path, parts | {file: source}))
    assert result.returncode == 1
    assert re.search(rf"{re.escape(broken)}.*BROKEN", result.stdout), result.stdout


def offered_problems(source: str) -> list[str]:
    """What is wrong with a module's `__all__`; empty when it is sorted, complete and true."""
    tree = ast.parse(source)
    defined: set[str] = set()
    assigned: set[str] = set()
    imported: set[str] = set()
    offered: list[str] | None = None
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=decorators) if decorators and is_command(decorators):
                imported.add(name)  # registered with typer; nobody imports it
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                offered = ast.literal_eval(value)
            case ast.Assign(targets=targets):
                assigned |= {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                assigned.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                imported |= {alias.asname or alias.name.split(".")[0] for alias in names}
            case _:
                pass
    # A constant need not be offered (a limit that only its own module applies), unless another module imports it.
    public = {name for name in defined | {name for name in assigned if not name.isupper()} if not name.startswith("_")}
    if offered is None:
        return ["has no __all__"] if public else []
    problems = []
    if offered != sorted(set(offered), key=house_order):
        problems.append("__all__ is not sorted, or names something twice")
    if missing := sorted(public - set(offered)):
        problems.append(f"public but not in __all__ (offer it or give it a leading underscore): {', '.join(missing)}")
    if unknown := sorted(set(offered) - defined - assigned - imported):
        problems.append(f"in __all__ but not there: {', '.join(unknown)}")
    return problems


def is_command(decorators: list[ast.expr]) -> bool:
    return any(isinstance(leaf, ast.Attribute) and leaf.attr in {"command", "callback"}
               for decorator in decorators for leaf in ast.walk(decorator))  # fmt: skip


def house_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """CONSTANTS, then Classes, then the rest, numbers by value: as ruff's RUF022 sorts."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


@pytest.mark.parametrize("path", public_modules(), ids=str)
def test_a_module_offers_what_it_says(path: Path) -> None:
    assert not offered_problems((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(): ...", "no __all__"),
        ("__all__ = ['g', 'f']\ndef f(): ...\ndef g(): ...", "not sorted"),
        ("__all__ = ['f', 'f']\ndef f(): ...", "twice"),
        ("__all__ = ['f']\ndef f(): ...\nclass G: ...", "G"),
        ("__all__ = ['f']\ndef f(): ...\nText = str", "Text"),
        ("__all__ = ['f']\ndef f(): ...\na, (b, _c) = 1, (2, 3)", "a, b"),
        ("__all__ = ['f', 'gone']\nfrom x import f", "gone"),
    ],
)
def test_a_module_that_offers_something_else_is_found(source: str, problem: str) -> None:
    assert problem in " ".join(offered_problems(source))


def taken(source: str) -> set[tuple[str, str]]:
    """(module, name) for each name that a module imports from psi, node or cli."""
    return {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in {"psi", "node", "cli"}
        for alias in node.names
    }


def not_offered(imports: set[tuple[str, str]], offers: dict[str, set[str]]) -> list[str]:
    """Of these imports, those that name something their module does not offer. Sub-modules may be imported."""
    return sorted(
        f"{module}.{name}"
        for module, name in imports
        if module in offers and name not in offers[module] and not is_module(f"{module}.{name}")
    )


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_nobody_imports_what_a_module_does_not_offer() -> None:
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in public_modules()}
    offers = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): offered_names(source)
        for path, source in sources.items()
    }
    # A module may use the private parts of its own package (psi._sodium): those are not in `offers`.
    assert {
        str(path): problems for path, source in sources.items() if (problems := not_offered(taken(source), offers))
    } == {}


def offered_names(source: str) -> set[str]:
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return set(ast.literal_eval(value))
            case _:
                pass
    return set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from psi.padding import FLOOR", ["psi.padding.FLOOR"]),
        ("def f():\n    from psi.padding import size_class, _steps", ["psi.padding._steps"]),
        ("from psi.padding import size_class\nfrom psi import errors", []),
        ("from os import path", []),
    ],
)
def test_an_import_of_something_not_offered_is_found(source: str, found: list[str]) -> None:
    assert not_offered(taken(source), {"psi": set(), "psi.padding": {"size_class"}}) == found


def test_every_public_module_begins_with_what_it_is() -> None:
    silent = [
        str(path)
        for path in public_modules()
        if (text := (ROOT / path).read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
