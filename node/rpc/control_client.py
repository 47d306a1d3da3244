"""The other end of the control socket, for the command line.

Every error of the node arrives as RemoteError with the node's own code, sentence and advice. If no node runs in the
folder, that is a NodeNotRunning and nothing was asked.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from node.errors import NodeError
from node.rpc.control_socket import ControlFolder
from node.wire import control_pb2
from node.wire.limits import CONTROL_DEADLINE_SECONDS, control_options
from node.wire.services import INVOKE
from psi.secret import SecretBytes

__all__ = ["ControlClient", "NodeNotRunning", "RemoteError"]


class NodeNotRunning(NodeError):
    """No node answers on the socket of this folder."""

    code = "node-not-running"


class RemoteError(NodeError):
    """An error that the node reported. `code` is the node's."""

    code = "remote"

    def __init__(self, code: str, sentence: str, *, advice: str = "") -> None:
        super().__init__(sentence, advice=advice)
        self.code = code  # type: ignore[misc]  # the class of the error is at the other end


class ControlClient:
    """A connection to the node in `folder`. Use it in a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = ControlFolder(folder)
        self._channel = grpc.secure_channel(
            self._folder.address,
            grpc.local_channel_credentials(grpc.LocalConnectionType.UDS),
            options=control_options(),
            compression=grpc.Compression.NoCompression,
        )

    def call(
        self,
        operation: str,
        request: Mapping[str, Any],
        progress: Callable[[Mapping[str, Any]], None] | None = None,
        *,
        timeout_seconds: float = CONTROL_DEADLINE_SECONDS,
        credential: SecretBytes | None = None,
        new_credential: SecretBytes | None = None,
    ) -> Any:
        """Run one operation and give its reply, parsed. Raises RemoteError or NodeNotRunning. `credential`: the own
        passphrase of whoever asks, `new_credential` one that is set; the caller wipes them.

        Left by an exception (Ctrl-C, too), the call is given up; the operation itself runs to its end.
        """
        message = control_pb2.Invocation(operation=operation, request_json=json.dumps(dict(request)).encode("ascii"))
        if credential is not None:
            message.credential = bytes(credential.view())
        if new_credential is not None:
            message.new_credential = bytes(new_credential.view())
        stream = self._channel.unary_stream(
            INVOKE, control_pb2.Invocation.SerializeToString, control_pb2.Outcome.FromString
        )
        outcomes = stream(message, timeout=timeout_seconds)
        try:
            for outcome in outcomes:
                kind = outcome.WhichOneof("outcome")
                if kind == "progress_json":
                    if progress is not None:
                        progress(json.loads(outcome.progress_json))
                elif kind == "reply_json":
                    return json.loads(outcome.reply_json)
                elif kind == "error_json":
                    error = json.loads(outcome.error_json)
                    raise RemoteError(error["code"], error["sentence"], advice=error["advice"])
        except grpc.RpcError as error:
            raise _explain(error) from None
        finally:
            outcomes.cancel()
        raise _broken_off()

    def close(self) -> None:
        self._channel.close()
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _explain(error: grpc.RpcError) -> NodeError:
    status = error.code() if isinstance(error, grpc.Call) else None
    details = (error.details() or "") if isinstance(error, grpc.Call) else ""
    if status is grpc.StatusCode.UNAVAILABLE and "onnect" in details and "Socket closed" not in details:
        return NodeNotRunning("The node is not running.", advice="Start it with `blindmatch node run`.")
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return RemoteError("busy", "The node is busy with other commands.", advice="Try again in a moment.")
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return RemoteError(
            "deadline", "The node did not finish in time.", advice="`blindmatch node status` shows what it is doing."
        )
    return _broken_off()


def _broken_off() -> RemoteError:
    return RemoteError(
        "broken-off",
        "The node stopped while it worked on this.",
        advice="Start it again; it goes on where it stopped, or says what was lost.",
    )
