"""The example of psi/README.md runs and prints what it says."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "psi" / "README.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(source, str(README), "exec"), {"__name__": "example"})
    said = re.search(r"print\(.*\)  # (.*)", source)
    assert said
    assert capsys.readouterr().out.strip() == said[1]


def test_the_map_names_every_module() -> None:
    text = README.read_text(encoding="utf-8")
    modules = {path.name for path in README.parent.glob("*.py")} | {
        path.name for path in (README.parent / "protocol").glob("*.py")
    }
    assert {name for name in modules - {"__init__.py"} if name not in text} == set()
