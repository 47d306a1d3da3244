"""What a node says while it runs: one line a moment, on standard error, JSON or readable.

    log = logs.get("rounds")
    log.info("round-started", round_id=..., peer=...)

The same promise as for the audit log: no identifier, record reference or key, ever. So an event is a fixed slug and
the keys are a closed list (`node.facts`, and the few below); what does not fit is left out and counted in `dropped`,
because a service must not stop over a log line. Exceptions appear as the name of their class: their text and
traceback may quote data. Messages of libraries are reduced to the library's name for the same reason.
"""

import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from node.clock import Clock, timestamp
from node.facts import check_fact

__all__ = ["MAX_SECONDS", "Style", "configure", "get", "only_facts", "said"]

MAX_SECONDS = 10_000_000.0
"""Longest duration that may be stated, in seconds (about four months)."""

Style = Literal["json", "console"]

_said: Counter[str] = Counter(warning=0, error=0)
_said_lock = threading.Lock()

_EVENT = re.compile(r"[a-z]+(?:-[a-z]+){0,5}")
_CLASS = re.compile(r"[A-Z][A-Za-z]{0,63}")
_MODULE = re.compile(r"[a-z_]+(?:\.[a-z_]+){0,7}(?<!.{65})")


def configure(style: Style, clock: Clock, stream: TextIO | None = None) -> None:
    """Set up logging for this process: called once, by `app`. Writes to `stream`, by default standard error."""
    output = stream or sys.stderr

    def add_time(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"at": timestamp(clock.now()), **event}

    render: Processor
    if style == "json":
        render = structlog.processors.JSONRenderer(sort_keys=False)
    else:
        render = structlog.dev.ConsoleRenderer(colors=output.isatty(), timestamp_key="at")
    structlog.configure(
        processors=[only_facts, structlog.processors.add_log_level, _count, add_time, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    logging.captureWarnings(True)
    logging.root.handlers[:] = [_Libraries()]
    logging.root.setLevel(logging.WARNING)


def get(part: str) -> FilteringBoundLogger:
    """The logger of a part of the node, such as "rounds"."""
    logger: FilteringBoundLogger = structlog.get_logger(part=part)
    return logger


def said() -> dict[str, int]:
    """How many lines of warnings and errors this process has written."""
    with _said_lock:
        return dict(_said)


def _count(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event["level"] in _said:
        with _said_lock:
            _said[event["level"]] += 1
    return event


def only_facts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that keeps what may be said."""
    kept: dict[str, Any] = {}
    dropped = 0
    for key, value in event.items():
        if key == "exc_info":
            kept["error"] = _class_name(value)
        elif _may_say(key, value):
            kept[key] = value
        else:
            dropped += 1
    if "event" not in kept:
        kept["event"] = "unnamed"
    if dropped:
        kept["dropped"] = dropped
    return kept


def _may_say(key: str, value: object) -> bool:
    if key == "event":
        return isinstance(value, str) and _EVENT.fullmatch(value) is not None
    if key in ("part", "library"):
        return isinstance(value, str) and _MODULE.fullmatch(value) is not None
    if key == "error":
        return isinstance(value, str) and _CLASS.fullmatch(value) is not None
    if key == "seconds":
        return isinstance(value, float) and 0.0 <= value <= MAX_SECONDS
    try:
        check_fact(key, value)
    except ValueError:
        return False
    return True


def _class_name(value: object) -> str:
    """The class of the exception that structlog's `exc_info` stands for."""
    if value is True:
        value = sys.exc_info()
    if isinstance(value, tuple):
        value = value[1]
    return type(value).__name__ if isinstance(value, BaseException) else "none"


class _Libraries(logging.Handler):
    """Says that a library had something to say; its text may quote data and stays unsaid."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "None"
        get("libraries").warning("library-message", library=record.name, error=error)
