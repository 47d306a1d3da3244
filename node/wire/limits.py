"""Limits of every gRPC connection, each with its unit, and the options that set them.

gRPC's own defaults are meant for services that trust each other: messages of 4 MiB, compression, any number of calls
at once, proxies taken from the environment, retries and settings fetched from DNS. Here every one of them is said.

Not bounded here: how much of the calls below one member may use. A confirmed member that floods us slows others down
until somebody removes it; it is named in the audit log and cannot make us use more memory than the product of the
limits.
"""

from node.wire.envelope import MAX_ENVELOPE_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES

__all__ = [
    "COLLECT_WAIT_SECONDS",
    "CONTROL_DEADLINE_SECONDS",
    "DEFAULT_CALL_SECONDS",
    "DELIVERY_SECONDS",
    "MAX_CALLS_PER_CONNECTION",
    "MAX_CONCURRENT_CALLS",
    "MAX_CONTROL_MESSAGE_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_METADATA_BYTES",
    "MAX_OPERATION_NAME_CHARACTERS",
    "MAX_PARCEL_MESSAGE_BYTES",
    "MOST_COLLECTED",
    "STREAM_CALL_SECONDS",
    "WORKERS",
    "Options",
    "client_options",
    "control_options",
    "server_options",
]

Options = list[tuple[str, str | int]]

MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES
"""Largest message of a peer, in bytes: 1 MiB. A larger one ends the call with RESOURCE_EXHAUSTED. Both ends
must agree on it, so it is no setting; the longest message of the protocol has half of it."""
MAX_PARCEL_MESSAGE_BYTES = MAX_MESSAGE_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES
"""Largest message to and from a relay, in bytes: the largest envelope with the address around it."""
MAX_METADATA_BYTES = 8 * 1024
"""Largest headers or trailers of a call, in bytes."""
WORKERS = 8
"""Threads that serve peers."""
MAX_CONCURRENT_CALLS = 32
"""Calls accepted at once; one more is told RESOURCE_EXHAUSTED and tries again."""
MAX_CALLS_PER_CONNECTION = 16
DEFAULT_CALL_SECONDS = 25
"""Deadline of a call to or from a peer. A caller that sets none, or a longer one, is cut off after this; the thread
that served it is free within 30 seconds."""
STREAM_CALL_SECONDS = 300
"""The same for a call that carries a stream of messages; nothing moving for DEFAULT_CALL_SECONDS ends it, too."""
DELIVERY_SECONDS = 10
"""Longest that we wait for a member to take an envelope. It stores it and no more, so a slow line is all that it must
bear with; a member that takes calls and does not answer holds one of our threads for so long."""

COLLECT_WAIT_SECONDS = 20
"""Longest that a node which collects may wait in one call for something to come. Under DEFAULT_CALL_SECONDS."""
MOST_COLLECTED = 16
"""Envelopes handed out in one call of a node that collects, in number: 16 MiB at most."""

MAX_CONTROL_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest request or reply of the control service, in bytes: some 100,000 results."""
CONTROL_DEADLINE_SECONDS = 6 * 3600
"""Longest operation the command line waits for, in seconds."""
MAX_OPERATION_NAME_CHARACTERS = 64

_HANDSHAKE_MILLISECONDS = 10_000
_IDLE_MILLISECONDS = 5 * 60_000
_CONNECTION_AGE_MILLISECONDS = 60 * 60_000
_AGE_GRACE_MILLISECONDS = 60_000
_KEEPALIVE_MILLISECONDS = 60_000
_KEEPALIVE_ANSWER_MILLISECONDS = 20_000
_MIN_PING_INTERVAL_MILLISECONDS = 30_000
_IDENTITY_ONLY = 1
"""gRPC's bit set of compression methods: none. What is compressed may tell by its length what it says, and a small
message could unfold into a large one."""


def _common(max_message_bytes: int) -> Options:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
    ]


def server_options(max_message_bytes: int = MAX_MESSAGE_BYTES) -> Options:
    """For the server that peers call."""
    return [
        *_common(max_message_bytes),
        # Without this a second node could share our port, and every other call would go to it.
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", MAX_CALLS_PER_CONNECTION),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MILLISECONDS),
        ("grpc.max_connection_idle_ms", _IDLE_MILLISECONDS),
        ("grpc.max_connection_age_ms", _CONNECTION_AGE_MILLISECONDS),
        ("grpc.max_connection_age_grace_ms", _AGE_GRACE_MILLISECONDS),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MILLISECONDS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_ANSWER_MILLISECONDS),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MILLISECONDS),
    ]


def client_options(server_name: str, max_message_bytes: int = MAX_MESSAGE_BYTES) -> Options:
    """For a channel to one peer, whose certificate carries `server_name`."""
    return [
        *_common(max_message_bytes),
        ("grpc.ssl_target_name_override", server_name),
        # Neither the environment nor the DNS has a say in how we reach a peer, and the round engine does the retries.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 0),
        # Failures of one channel are not remembered for the next one to the same address.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MILLISECONDS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_ANSWER_MILLISECONDS),
    ]


def control_options() -> Options:
    """For both ends of the control socket."""
    return [
        *_common(MAX_CONTROL_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
