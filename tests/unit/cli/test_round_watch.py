"""`blindmatch round watch`: a line whenever something has changed, and an end when a person is needed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import typer

import cli.round
from cli._exit import Exit
from tests.unit.cli.test_output import ROUND

LIST = {"what": "list", "ours": True, "total": 100, "records_per_second": None, "seconds_left": None}


def shown(state: str, whose: str, done: int | None = None) -> dict[str, Any]:
    progress = [] if done is None else [{**LIST, "done": done}]
    return {"round": {**ROUND, "state": state, "whose": whose, "progress": progress}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the node answers, one after the other; the last one again and again."""
    replies: list[dict[str, Any]] = []

    class Session:
        def __init__(self, *_arguments: object) -> None: ...

        @contextmanager
        def connect(self, *, running: bool) -> Iterator[Any]:
            assert running
            yield lambda _operation, _request: replies.pop(0) if len(replies) > 1 else replies[0]

    monkeypatch.setattr(cli.round, "Session", Session)
    monkeypatch.setattr(cli.round, "_WAIT_POLL_SECONDS", 0.0)
    return replies


def test_json_lines_one_for_each_change(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    asked += [shown("running", "both nodes", done) for done in (10, 10, 60)]
    asked += [shown("deciding", "you")]
    cli.round.watch("4f", as_json=True)
    lines = [json.loads(line)["round"] for line in capsys.readouterr().out.splitlines()]
    assert [(line["state"], [one["done"] for one in line["progress"]]) for line in lines] == [
        ("running", [10]), ("running", [60]), ("deciding", []),
    ]  # fmt: skip


@pytest.mark.parametrize("end", [("finished", "nobody"), ("failed", "nobody"), ("proposed", "another member"),
                                 ("agreed", "the convener"), ("deciding", "you")])  # fmt: skip
def test_it_ends_where_a_person_is_needed_or_it_is_over(
    end: tuple[str, str], asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked += [shown("running", "this node", 10), shown(*end)]
    cli.round.watch("4f")
    said = capsys.readouterr()
    assert "our list goes out: 10 of 100 elements" in said.err
    assert "4f1c2d3e" in said.out


def test_the_longest_time_ends_it_with_its_own_code(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked += [shown("running", "both nodes", 10)]
    with pytest.raises(typer.Exit) as caught:
        cli.round.watch("4f", timeout=0.01)
    assert caught.value.exit_code == Exit.BUSY
    assert "goes on" in capsys.readouterr().err
