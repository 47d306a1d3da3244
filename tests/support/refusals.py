"""Every refusal that the readers of identifiers can give, read from their source: reason and sentence.

`python -m tests.support.refusals` writes the table at the end of psi/identifiers/KINDS.md anew.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from psi.identifiers import CATALOGUE

__all__ = ["KINDS_PAGE", "refusal_table", "refusals"]

PACKAGE = Path(__file__).parents[2] / "psi" / "identifiers"
KINDS_PAGE = PACKAGE / "KINDS.md"
HEADING = "## Every refusal\n"
ANY_KIND = "<kind>"
"""Stands for the kind where helpers of several kinds refuse."""


@cache
def refusals() -> dict[str, set[str]]:
    """Reason -> its sentences (a reason may have several). `...` stands for what is only known at run time."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = vars(import_module(f"psi.identifiers.{path.stem}")) if path.stem != "__init__" else {}
        kinds = dict(_refusers(tree))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            if name == "RefusedValue" and call.args and "reason" in words:
                reason, sentence = _text(words["reason"], known), _text(call.args[0], known)
            elif len(call.args) > 1 and (name in kinds or name == "refuse"):
                reason = f"{kinds.get(name, ANY_KIND)}/{_text(call.args[0], known)}"
                sentence = _text(call.args[1], known)
            else:
                continue
            if reason and sentence and "..." not in reason.replace(f"{ANY_KIND}/", ""):
                found.setdefault(reason, set()).add(sentence)
    return found


def _refusers(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names under which a module refuses, and the kind each stands for."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "_refuse":
            reason = next(
                k.value for n in ast.walk(node) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "reason"
            )
            yield node.name, ast.unparse(reason).partition("/")[0].removeprefix("f'")
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and ast.unparse(value.func) == "refuser":
            yield target.id, ast.literal_eval(value.args[0])


def _text(node: ast.expr, known: dict[str, Any]) -> str:
    """The text of a string in the source; "" for what is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            name = part.value.id if isinstance(part.value, ast.Name) else ""
            parts.append(ANY_KIND if name == "kind" and parts == [] else str(known.get(name, "...")))
    return "".join(parts)


def refusal_table() -> str:
    """The table as Markdown, kinds in the order of the catalogue, what all share first."""
    order = ["cell", ANY_KIND, *CATALOGUE]
    rows = []
    for reason, sentences in refusals().items():
        kind = reason.partition("/")[0]
        place = order.index(kind) if kind in order else len(order)
        rows.append((place, kind, f"| `{reason}` | {' / '.join(sorted(sentences))} |"))
    return "\n".join(["| reason | sentence |", "| --- | --- |", *(row for *_, row in sorted(rows))]) + "\n"


def main() -> None:
    text = KINDS_PAGE.read_text(encoding="utf-8")
    KINDS_PAGE.write_text(text.partition(HEADING)[0] + f"{HEADING}\n{refusal_table()}", encoding="utf-8")


if __name__ == "__main__":
    main()
