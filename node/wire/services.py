"""The services and their calls, by name, read from the descriptors.

We do not use gRPC's generated stubs: they are untyped and tie the code to one version of gRPC's generator. What they
would do takes a line per call.
"""

from google.protobuf.descriptor import ServiceDescriptor

from node.wire import control_pb2, peer_pb2, relay_pb2

__all__ = [
    "COLLECT",
    "CONTROL",
    "DELIVER",
    "DELIVER_BATCH",
    "DONE",
    "HELLO",
    "INVOKE",
    "PEER",
    "PUT",
    "RELAY",
    "TAKE",
    "method_names",
    "short_name",
]

PEER: ServiceDescriptor = peer_pb2.DESCRIPTOR.services_by_name["Peer"]
CONTROL: ServiceDescriptor = control_pb2.DESCRIPTOR.services_by_name["Control"]
RELAY: ServiceDescriptor = relay_pb2.DESCRIPTOR.services_by_name["Relay"]


def method_names(service: ServiceDescriptor) -> tuple[str, ...]:
    """The full names of a service's calls, as gRPC spells them: "/package.Service/Method"."""
    return tuple(f"/{service.full_name}/{method.name}" for method in service.methods)


def short_name(method: str) -> str:
    """How logs call it: "/package.Service/Method" is "method"."""
    return method.rpartition("/")[2].lower()


DELIVER, DELIVER_BATCH, HELLO, COLLECT = method_names(PEER)
(INVOKE,) = method_names(CONTROL)
PUT, TAKE, DONE = method_names(RELAY)
