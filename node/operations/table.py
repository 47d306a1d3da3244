"""The table of everything the owner of a node can ask of it.

    name            request model   ->   handler(parts, request, progress)   ->   reply model

A request is checked against its model before the handler sees it; unknown fields are refused. The same table serves
the control socket of a running node and the command line on a node that does not run, so an operation behaves the same
in both. `--json` prints the reply as it is.

Whoever a request names in `by` acts in the role of its row: where staff is registered (`node.staff.roster`), that is
somebody active who has this role and has just shown their own passphrase. It travels beside the request, never in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from node.clock import Clock
from node.errors import UserError
from node.operations.parts import Parts, Progress
from node.rounds.progress import Meter
from node.staff import Role
from psi.secret import SecretBytes

__all__ = ["Dispatcher", "Nothing", "Operation", "Reply", "Request", "SecretRequest"]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SecretRequest(Request):
    """A request that a new passphrase comes with, beside it; the handler does not keep it."""

    _new: SecretBytes | None = PrivateAttr(default=None)

    @property
    def new_passphrase(self) -> SecretBytes:
        """UserError if none came."""
        if self._new is None:
            raise UserError("No new passphrase was given.", advice="Type it, or name a file: --new-passphrase-file.")
        return self._new

    def take(self, passphrase: SecretBytes | None) -> None:
        """For the dispatcher."""
        self._new = passphrase


class Nothing(Request):
    """For operations that take no arguments."""


class Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


R = TypeVar("R", bound=Request)
A = TypeVar("A", bound=Reply)


@dataclass(frozen=True)
class Operation(Generic[R, A]):
    """One row. `needs_running`: useless on a node that does not run. `role`: of whoever the request names in `by`;
    None: any, or one that the handler asks for."""

    name: str
    request: type[R]
    handler: Callable[[Parts, R, Progress], A]
    needs_running: bool = False
    role: Role | None = Role.OPERATOR


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

    def invoke(
        self,
        name: str,
        request: bytes,
        progress: Progress,
        *,
        credential: SecretBytes | None = None,
        new_credential: SecretBytes | None = None,
    ) -> bytes:
        """JSON in, JSON out. UserError for an unknown operation or a request that does not fit it, NotAllowed if
        whoever it names may not do that. The caller wipes both credentials."""
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
        if isinstance(by := getattr(asked, "by", None), str):
            self._parts.roster.admit(by, operation.role, credential)
            asked = asked.model_copy(update={"by": self._parts.roster.spelt(by)})  # so that the log finds it
        if isinstance(asked, SecretRequest):
            asked.take(new_credential)
        reply: Reply = operation.handler(self._parts, asked, _timed(progress, self._parts.clock))
        return reply.model_dump_json().encode()
