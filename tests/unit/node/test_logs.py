import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from node import logs
from node.clock import ManualClock

CANARIES = ["+40721123456", "ioana@example.org", "Ioana Exemplară", "CASE-2026-0042", "secret-passphrase 99999"]
CLOCK = ManualClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    handlers, level = logging.root.handlers[:], logging.root.level
    before = structlog.get_config() if structlog.is_configured() else None
    stream = io.StringIO()
    logs.configure("json", CLOCK, stream)
    yield stream
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    if before is not None:  # the watch over the whole run (`canary_watch`) listens there
        structlog.configure(**before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_event_part_and_facts(written: io.StringIO) -> None:
    logs.get("rounds").info("round-started", round_id="0" * 32, rows=64, seconds=1.5)
    assert lines(written) == [
        {
            "at": "2026-01-02T03:04:05Z",
            "event": "round-started",
            "level": "info",
            "part": "rounds",
            "round_id": "0" * 32,
            "rows": 64,
            "seconds": 1.5,
        }
    ]


def say_everything(log: Any) -> None:
    """Every way in which a canary could get into a log line."""
    for canary in CANARIES:
        log.info(canary)
        log.info(f"found {canary}", peer="b" * 32)
        log.warning("round-failed", phone=canary)
        log.warning("round-failed", code=canary, peer=canary, rows=canary, seconds=canary, error=canary)
        log.bind(reference=canary, part=canary, library=canary).error("round-failed")
        try:
            raise ValueError(canary)
        except ValueError as error:
            log.exception("call-failed")
            log.error("call-failed", exc_info=error)
            logging.getLogger("grpc._server").exception("Exception calling application: %s", error)
        log.info("round-%s", canary)
        logging.getLogger(canary).error("by name")
        warnings.warn(canary, stacklevel=1)


@pytest.mark.tm("TM-93")
def test_no_canary_gets_into_a_log(written: io.StringIO) -> None:
    say_everything(logs.get("rounds"))
    found = lines(written)
    assert len(found) >= 10 * len(CANARIES)
    assert not [canary for canary in CANARIES if canary in written.getvalue() or canary[:6] in written.getvalue()]
    assert {"error": "ValueError", "event": "call-failed"}.items() <= found[5].items()
    assert sum(line.get("dropped", 0) for line in found) > 5 * len(CANARIES)


@pytest.mark.tm("TM-93")
def test_twin_without_the_filter_canaries_are_in_the_log(written: io.StringIO) -> None:
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[one for one in processors if one is not logs.only_facts])
    say_everything(logs.get("rounds").bind())
    assert all(json.dumps(canary)[1:-1] in written.getvalue() for canary in CANARIES)


@pytest.mark.parametrize("seconds", [1, -1.0, float("nan"), float("inf"), 1e12, "1"])
def test_a_duration_is_a_float_within_bounds(written: io.StringIO, seconds: object) -> None:
    logs.get("rounds").info("round-started", seconds=seconds)
    assert "seconds" not in lines(written)[0]
    assert lines(written)[0]["dropped"] == 1


def test_lines_of_warnings_and_errors_are_counted(written: io.StringIO) -> None:
    before = logs.said()
    log = logs.get("rounds")
    log.info("round-started")
    log.warning("round-failed")
    for _ in range(2):
        log.error("round-failed")
    after = logs.said()
    assert {level: after[level] - before[level] for level in after} == {"warning": 1, "error": 2}


def test_debug_lines_are_not_written(written: io.StringIO) -> None:
    logs.get("rounds").debug("round-started")
    assert written.getvalue() == ""


def test_an_exception_outside_a_handler_is_none(written: io.StringIO) -> None:
    logs.get("rounds").error("call-failed", exc_info=True)
    assert lines(written)[0]["error"] == "none"


def test_the_console_form_is_readable_and_plain_into_a_file(written: io.StringIO) -> None:
    logs.configure("console", CLOCK, written)
    logs.get("rounds").info("round-started", rows=64)
    assert "round-started" in written.getvalue()
    assert "rows=64" in written.getvalue()
    assert "\x1b" not in written.getvalue()
