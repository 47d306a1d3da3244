"""The settings of a node: every default is written out, unknown keys and values out of range are refused in words."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import config
from node.errors import UserError


def loaded(folder: Path, text: str | bytes) -> config.Config:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.load(path)


def test_an_empty_file_is_a_good_one(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings.node.listen == "127.0.0.1:7443"
    assert (settings.budget.elements, settings.budget.days) == (20_000, 10)
    assert (settings.limits.workers, settings.limits.inbox_messages) == (8, 1_000)


def test_the_file_we_write_is_read_and_shows_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    config.write_default(path)
    assert config.load(path) == config.Config()
    assert path.stat().st_mode & 0o777 == 0o600
    # With the comment signs taken off, every line is a setting with its default.
    plain = "\n".join(line.removeprefix("# ") for line in path.read_text().splitlines() if " = " in line or "[" in line)
    sections = tomllib.loads(plain.replace('"host:port"', '"127.0.0.1:7443"'))
    assert {name: set(keys) for name, keys in sections.items()} == {
        name: set(type(section).model_fields) for name, section in config.Config()
    }


def test_a_settings_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine")
    with pytest.raises(UserError):
        config.write_default(tmp_path / "config.toml")
    assert (tmp_path / "config.toml").read_text() == "# mine"


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    text = '[node]\nlisten = "[::1]:0"\n[budget]\nelements = 1'
    settings = loaded(tmp_path, text)
    assert settings.node.listen == "[::1]:0"
    assert (settings.budget.elements, settings.budget.days) == (1, 10)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[node]\nlisen = "a:1"', ["[node] lisen", "Did you mean listen in [node]?"]),
        ("[budget]\nelement = 1", ["[budget] element", "Did you mean elements"]),
        ("[limit]\nworkers = 3", ["[limit]", "Did you mean [limits]?"]),
        ("workers = 3", ["[workers]", "Did you mean"]),
        ('[budget]\nelements = "many"', ["[budget] elements", "integer"]),
        ("[budget]\nelements = -1", ["[budget] elements", "greater than or equal to 1"]),
        ("[budget]\nelements = 1.0", ["[budget] elements"]),
        ("[budget]\ndays = true", ["[budget] days"]),
        # The size of a message is the same at both ends, so it is no setting.
        ("[limits]\nmax_message_bytes = 1048576", ["There is no setting [limits] max_message_bytes"]),
        ("[limits]\ninbox_messages = 9", ["[limits] inbox_messages"]),
        ("[limits]\nworkers = 0", ["workers"]),
        ("[limits]\nrounds_at_once = 0", ["[limits] rounds_at_once"]),
        ('[node]\nlisten = "7443"', ["host:port"]),
        ('[node]\nlisten = ":7443"', ["host:port"]),
        ('[node]\nlisten = "a:65536"', ["65535"]),
        ('[node]\nlisten = "a:-1"', ["host:port"]),
        ('[node]\nlisten = "a:٣"', ["host:port"]),
        ("[node]\nlisten = 7443", ["string"]),
        ("node = 3", ["'node'", "section"]),
        ("[[node]]", ["'node'", "section"]),
        ("[node", ["not valid TOML", "end of document"]),
        ("a = 1\na = 2", ["not valid TOML"]),
        (b"\xff\xfe[\x00", ["not a text file"]),
        (b"#" * 70_000, ["not a text file"]),
    ],
)
def test_a_bad_setting_is_named_with_what_to_do(tmp_path: Path, text: str | bytes, says: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, text)
    for part in says:
        assert part in caught.value.diagnostics()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        config.load(tmp_path / "config.toml")


@given(st.one_of(st.binary(max_size=200), st.text(st.sampled_from("[]node.=\n\"'1ax{},#"), max_size=60)))
def test_any_file_gives_settings_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: str | bytes) -> None:
    with suppress(UserError):
        assert isinstance(loaded(tmp_path_factory.mktemp("config"), data), config.Config)


def test_a_node_may_open_no_port_and_a_relay_may_not(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[node]\nlisten = "none"')
    assert config.load(path).node.listen == config.NO_PORT
    path.write_text('[node]\nlisten = "None"')
    with pytest.raises(UserError, match='or "none"'):
        config.load(path)
