"""The table of everything the owner of a node can ask of it.

    name            request model   ->   handler(parts, request, progress)   ->   reply model

A request is checked against its model before the handler sees it; unknown fields are refused. The same table serves
the control socket of a running node and the command line on a node that does not run, so an operation behaves the same
in both. `--json` prints the reply as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from node.clock import Clock
from node.errors import UserError
from node.operations.parts import Parts, Progress
from node.rounds.progress import Meter

__all__ = ["Dispatcher", "Nothing", "Operation", "Reply", "Request"]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Nothing(Request):
    """For operations that take no arguments."""


class Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


R = TypeVar("R", bound=Request)
A = TypeVar("A", bound=Reply)


@dataclass(frozen=True)
class Operation(Generic[R, A]):
    """One row. `needs_running`: useless on a node that does not run."""

    name: str
    request: type[R]
    handler: Callable[[Parts, R, Progress], A]
    needs_running: bool = False


def _timed(progress: Progress, clock: Clock) -> Progress:
    """The same steps, with the rate at which they come and, where a step says of how many, the time left."""
    meter = Meter()

    def step(said: Mapping[str, Any]) -> None:
        done, total = said.get("done"), said.get("total")
        if isinstance(done, int):
            rate = meter.rate(clock.monotonic(), done)
            left = max(total - done, 0) / rate if rate and isinstance(total, int) else None
            said = {
                **said,
                "records_per_second": None if rate is None else round(rate, 1),
                "seconds_left": None if left is None else round(left, 1),
            }
        progress(said)

    return step


class Dispatcher:
    """Runs operations by name: `node.rpc.control.Operations`."""

    def __init__(self, parts: Parts, operations: Mapping[str, Operation[Any, Any]]) -> None:
        self._parts = parts
        self._operations = operations

    def invoke(self, name: str, request: bytes, progress: Progress) -> bytes:
        """JSON in, JSON out. UserError for an unknown operation or a request that does not fit it."""
        operation = self._operations.get(name)
        if operation is None:
            raise UserError(
                "This node does not know that command.",
                advice="The command line and the node are of different versions: restart the node.",
            )
        if operation.needs_running and not self._parts.running:
            raise UserError("The node is not running.", advice="Start it with `blindmatch node run`.")
        try:
            asked = operation.request.model_validate_json(request)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise UserError(f"The command does not have the right form: {place}: {first['msg']}.") from None
        reply: Reply = operation.handler(self._parts, asked, _timed(progress, self._parts.clock))
        return reply.model_dump_json().encode()
