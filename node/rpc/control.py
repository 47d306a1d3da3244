"""The control service: what the command line asks of the node that runs in the same folder.

    Invoke(operation, request as JSON)  ->  progress ... progress, then one reply or one error, all as JSON

Beside the request travels, where somebody has to show who they are, their own passphrase: as bytes, for the operation
alone. The copies that gRPC and Python make of it on the way are beyond our reach; ours is wiped.

There is one generic call, behind `Operations`. Progress is for the eye: when nobody reads it fast enough, steps are
left out, and the operation never waits. An operation whose caller went away runs to its end, like one whose caller
stays; the state of the node tells what became of it. A node that stops breaks it off at its next step of progress, and
leaves one that tells of none behind: what it had not stored is not there, as after a crash.
"""

import contextlib
import json
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import grpc

from node.errors import Busy, UserError
from node.rpc.access import ACCESS, Caller
from node.rpc.control_socket import ControlFolder
from node.rpc.status import Audience, problem_of
from node.wire import control_pb2
from node.wire.limits import MAX_CONTROL_MESSAGE_BYTES, MAX_OPERATION_NAME_CHARACTERS, control_options
from node.wire.problem import Problem
from node.wire.services import CONTROL
from psi.secret import MAX_SECRET_BYTES, SecretBytes

__all__ = ["MAX_CONTROL_CALLS", "PROGRESS_BACKLOG", "ControlServer", "Operations", "Progress"]

MAX_CONTROL_CALLS = 8
"""Operations that may run at once."""
PROGRESS_BACKLOG = 64
"""Steps of progress that wait for a slow reader; more are left out."""

_MESSAGE_ROOM_BYTES = 1024
_POLL_SECONDS = 0.5
_OPERATION = re.compile(rf"[a-z][a-z0-9.-]{{0,{MAX_OPERATION_NAME_CHARACTERS - 1}}}")

Progress = Callable[[Mapping[str, Any]], None]
_Steps: TypeAlias = "queue.Queue[control_pb2.Outcome | None]"


class Operations(Protocol):
    """What the node can do for its owner."""

    def invoke(
        self,
        name: str,
        request: bytes,
        progress: Progress,
        *,
        credential: SecretBytes | None = None,
        new_credential: SecretBytes | None = None,
    ) -> bytes:
        """Run one operation. `request` and the reply are JSON. Raises NodeError or PsiError. The caller wipes what
        was given."""
        ...


class ControlServer:
    """Serves `operations` on the socket in `folder`, which the node has locked. Start and stop it once."""

    def __init__(self, folder: Path, operations: Operations) -> None:
        self._folder = ControlFolder(folder)
        self._operations = operations
        # These only wait. The operations behind them have threads of their own: see `_begin`.
        self._callers = ThreadPoolExecutor(MAX_CONTROL_CALLS, thread_name_prefix="control-call")
        self._places = threading.BoundedSemaphore(MAX_CONTROL_CALLS)
        self._lock = threading.Lock()
        self._running: set[Future[control_pb2.Outcome]] = set()
        self._stopping = threading.Event()
        invoke = grpc.unary_stream_rpc_method_handler(
            self._invoke, control_pb2.Invocation.FromString, control_pb2.Outcome.SerializeToString
        )
        self._server = grpc.server(
            self._callers,
            handlers=[grpc.method_handlers_generic_handler(CONTROL.full_name, {"Invoke": invoke})],
            interceptors=[_OwnerOnly()],
            options=control_options(),
            maximum_concurrent_rpcs=MAX_CONTROL_CALLS,
            compression=grpc.Compression.NoCompression,
        )

    def start(self) -> None:
        """Listen on the socket. A socket left over from a crash is replaced: the folder's lock says it is ours.

        Raises UserError when the folder does not allow a socket.
        """
        credentials = grpc.local_server_credentials(grpc.LocalConnectionType.UDS)
        try:
            bound = self._server.add_secure_port(self._folder.address, credentials)
        except RuntimeError:
            bound = 0
        if not bound:
            raise UserError(
                f"The control socket {self._folder.path} cannot be made.",
                advice="Keep the node's folder on a local disk with room left.",
            )
        self._folder.restrict()
        self._server.start()

    def stop(self, grace_seconds: float) -> None:
        """Take no more calls, break off the operations that run, and wait for them for at most so long."""
        self._stopping.set()
        ended = self._server.stop(grace_seconds)
        with self._lock:
            running = set(self._running)
        wait(running, grace_seconds)
        ended.wait()
        self._callers.shutdown()
        self._folder.path.unlink(missing_ok=True)
        self._folder.close()

    def _invoke(self, request: control_pb2.Invocation, context: grpc.ServicerContext) -> Iterator[control_pb2.Outcome]:
        steps: _Steps = queue.Queue(PROGRESS_BACKLOG)
        future = self._begin(request, steps)
        # Wakes the loop below when the operation ends; a full queue needs no waking.
        future.add_done_callback(lambda _: _offer(steps, None))
        while not (future.done() and steps.empty()):
            try:
                step = steps.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if not context.is_active():
                    return
            else:
                if step is not None:
                    yield step
        yield future.result()

    def _begin(self, request: control_pb2.Invocation, steps: _Steps) -> "Future[control_pb2.Outcome]":
        """Run an operation in a thread that does not keep this process from ending, when a place is free."""
        future: Future[control_pb2.Outcome] = Future()

        def work() -> None:
            try:
                with self._places:
                    future.set_result(self._run(request, steps))
            finally:
                with self._lock:
                    self._running.discard(future)

        with self._lock:
            self._running.add(future)
        threading.Thread(target=work, name="operation", daemon=True).start()
        return future

    def _run(self, request: control_pb2.Invocation, steps: _Steps) -> control_pb2.Outcome:
        def progress(step: Mapping[str, Any]) -> None:
            if self._stopping.is_set():
                raise Busy("The node is stopping, so this was broken off.", advice="Ask again when it runs.")
            _offer(steps, control_pb2.Outcome(progress_json=_json(step)))

        try:
            if not _OPERATION.fullmatch(request.operation):
                raise UserError("The command line asked for something that is no operation.")
            with _secret(request.credential) as own, _secret(request.new_credential) as new:
                reply = self._operations.invoke(
                    request.operation, request.request_json, progress, credential=own, new_credential=new
                )
        except Exception as error:  # noqa: BLE001  status.py decides what becomes of it
            return _failed(problem_of(error, Audience.OWNER, "invoke"))
        if len(reply) > MAX_CONTROL_MESSAGE_BYTES - _MESSAGE_ROOM_BYTES:
            return _failed(Problem("user-error", "The answer is too long to show at once.", "Ask for less of it."))
        return control_pb2.Outcome(reply_json=reply)


@contextlib.contextmanager
def _secret(data: bytes) -> Iterator[SecretBytes | None]:
    """What came in a buffer that is wiped; None for nothing."""
    if not data:
        yield None
        return
    if len(data) > MAX_SECRET_BYTES:
        raise UserError("A passphrase is far too long.")
    with SecretBytes(len(data)) as secret:
        secret.view()[:] = data
        yield secret


def _failed(problem: Problem) -> control_pb2.Outcome:
    return control_pb2.Outcome(error_json=_json(problem.as_dict()))


def _offer(steps: _Steps, step: control_pb2.Outcome | None) -> None:
    with contextlib.suppress(queue.Full):
        steps.put_nowait(step)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(value)).encode("ascii")


class _OwnerOnly(grpc.ServerInterceptor):
    """Serves only what the access table gives to the owner; the socket itself let in nobody else."""

    def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if ACCESS.get(handler_call_details.method) is not Caller.OWNER:
            return None  # gRPC answers UNIMPLEMENTED
        return continuation(handler_call_details)
