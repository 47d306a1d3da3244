"""The sample settings: the real programs read them, they are complete, and what their comments say of bounds holds."""

import re
import tomllib
from pathlib import Path

import pytest
from annotated_types import Ge, Le, MaxLen
from pydantic.fields import FieldInfo

from node.config import Config, Section, Settings, load, load_settings
from node.errors import UserError
from node.relay.settings import RelaySettings
from tests.support.tree import ROOT

SAMPLES = ROOT / "deploy" / "samples"
WHOLE = {"advanced.toml": Config, "relay.toml": RelaySettings}
UNITS = re.compile(r"\b(host:port|elements|days|characters|number|threads|MiB|path|standard error)\b", re.IGNORECASE)


def sections(kind: type[Settings]) -> dict[str, type[Section]]:
    return {name: field.annotation for name, field in kind.model_fields.items() if field.annotation}


def all_keys(kind: type[Settings]) -> set[str]:
    return {f"{table}.{key}" for table, section in sections(kind).items() for key in section.model_fields}


def keys_in(text: str) -> set[str]:
    return {f"{table}.{key}" for table, values in tomllib.loads(text).items() for key in values}


def comments(text: str) -> dict[str, str]:
    """table.key -> the comment right above it, in one line."""
    found, table, above = {}, "", []
    for line in text.splitlines():
        if line.startswith("#"):
            above.append(line.removeprefix("#").strip())
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            table = heading[1]
        elif key := re.match(r"(\w+) = ", line):
            found[f"{table}.{key[1]}"] = " ".join(above)
        above = []
    return found


def bounds(field: FieldInfo) -> list[str]:
    """What a comment must say of a setting, as it would write it."""
    least = [limit.ge for limit in field.metadata if isinstance(limit, Ge)]
    most = [limit.le for limit in field.metadata if isinstance(limit, Le)]
    longest = [limit.max_length for limit in field.metadata if isinstance(limit, MaxLen)]
    said = [f"from {low:,} to {high:,}" for low, high in zip(least, most, strict=True)]
    return said + [f"{length} characters" for length in longest if length < 200]


def untrue(kind: type[Settings], text: str) -> list[str]:
    """Settings whose comment is missing, has no unit, or states other bounds than the program has."""
    said, wrong = comments(text), []
    for table, section in sections(kind).items():
        for key, field in section.model_fields.items():
            comment = said.get(f"{table}.{key}", "")
            has_unit = UNITS.search(comment) or field.metadata == [] or isinstance(field.default, str)
            if len(comment) < 20 or not has_unit or not all(bound in comment for bound in bounds(field)):
                wrong.append(f"{table}.{key}")
    return wrong


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_sample_holds_every_setting_at_its_default(name: str, tmp_path: Path) -> None:
    kind, text = WHOLE[name], (SAMPLES / name).read_text(encoding="utf-8")
    assert keys_in(text) == all_keys(kind), "a setting was added or taken away: say in the sample when to change it"
    assert load_settings(SAMPLES / name, kind) == kind(), "a default was changed: change the sample as well"


@pytest.mark.parametrize("name", WHOLE)
def test_the_comment_of_each_setting_says_its_unit_and_its_true_bounds(name: str) -> None:
    assert untrue(WHOLE[name], (SAMPLES / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("of", "becomes", "wrong"),
    [
        ("from 1 to 3,650", "from 1 to 365", ["budget.days"]),
        ("in threads, from 2 to 128", "from 2 to 128", ["limits.workers"]),
        ("at most 120 characters, that the same", "that the same", ["contact.email"]),
        ("# What the node says on", "\n#", ["node.log"]),
    ],
)
def test_a_comment_that_is_not_true_is_found(of: str, becomes: str, wrong: list[str]) -> None:
    text = (SAMPLES / "advanced.toml").read_text(encoding="utf-8")
    assert text.count(of) == 1
    sabotaged = text.replace(of, becomes)
    if wrong == ["node.log"]:
        sabotaged = re.sub(r"\n# *standard error.*\n", "\n", sabotaged)
    assert untrue(Config, sabotaged) == wrong


@pytest.mark.parametrize("key", sorted(all_keys(Config)))
def test_a_setting_that_is_missing_is_found(key: str) -> None:
    text = (SAMPLES / "advanced.toml").read_text(encoding="utf-8")
    table, name = key.split(".")
    kept = re.sub(rf"(\[{table}\]\n(?:(?!\[).*\n)*?){name} = .*\n", r"\1", text)
    assert all_keys(Config) - keys_in(kept) == {key}


def test_the_basic_sample_is_short_and_a_node_starts_with_it() -> None:
    text = (SAMPLES / "basic.toml").read_text(encoding="utf-8")
    settings = load(SAMPLES / "basic.toml")
    assert settings.node.listen == "none"
    assert len(keys_in(text)) <= 8
    assert len(text.splitlines()) <= 30
    # What is not named keeps its default, and each that is named has its reason.
    assert settings.budget == Config().budget
    assert settings.tripwires == Config().tripwires
    assert all(comments(text)[key] for key in ("node.listen", "contact.desk", "limits.arithmetic_threads"))


@pytest.mark.parametrize("name", ["basic.toml", *WHOLE])
@pytest.mark.parametrize("line", ["listens = 1", "passphrase = 'x'"])
def test_a_sample_with_a_key_that_is_not_known_is_refused(tmp_path: Path, name: str, line: str) -> None:
    text = (SAMPLES / name).read_text(encoding="utf-8")
    sabotaged = tmp_path / name
    sabotaged.write_text(re.sub(r"^(\[\w+\])$", rf"\1\n{line}", text, count=1, flags=re.MULTILINE), encoding="utf-8")
    with pytest.raises(UserError, match="There is no setting"):
        load_settings(sabotaged, WHOLE.get(name, Config))
