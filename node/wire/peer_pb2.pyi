from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_PROPOSAL: _ClassVar[Kind]
    KIND_SIGNATURE: _ClassVar[Kind]
    KIND_REFUSAL: _ClassVar[Kind]
    KIND_START: _ClassVar[Kind]
    KIND_CANCEL: _ClassVar[Kind]
    KIND_STATUS: _ClassVar[Kind]
    KIND_ROUND: _ClassVar[Kind]
    KIND_WITNESS: _ClassVar[Kind]
    KIND_FEEDBACK: _ClassVar[Kind]
    KIND_CONTACT: _ClassVar[Kind]
KIND_UNSPECIFIED: Kind
KIND_PROPOSAL: Kind
KIND_SIGNATURE: Kind
KIND_REFUSAL: Kind
KIND_START: Kind
KIND_CANCEL: Kind
KIND_STATUS: Kind
KIND_ROUND: Kind
KIND_WITNESS: Kind
KIND_FEEDBACK: Kind
KIND_CONTACT: Kind

class Envelope(_message.Message):
    __slots__ = ("format", "round_id", "sender", "recipient", "sequence", "kind", "payload", "signature")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    format: int
    round_id: bytes
    sender: str
    recipient: str
    sequence: int
    kind: Kind
    payload: bytes
    signature: bytes
    def __init__(self, format: _Optional[int] = ..., round_id: _Optional[bytes] = ..., sender: _Optional[str] = ..., recipient: _Optional[str] = ..., sequence: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., payload: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("status",)
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Receipt.Status]
        ACCEPTED: _ClassVar[Receipt.Status]
        ALREADY: _ClassVar[Receipt.Status]
        RETRY_LATER: _ClassVar[Receipt.Status]
    STATUS_UNSPECIFIED: Receipt.Status
    ACCEPTED: Receipt.Status
    ALREADY: Receipt.Status
    RETRY_LATER: Receipt.Status
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: Receipt.Status
    def __init__(self, status: _Optional[_Union[Receipt.Status, str]] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("envelopes",)
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    envelopes: _containers.RepeatedCompositeFieldContainer[Envelope]
    def __init__(self, envelopes: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ...) -> None: ...

class BatchReceipt(_message.Message):
    __slots__ = ("taken",)
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    taken: int
    def __init__(self, taken: _Optional[int] = ...) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ("receipts", "wait_milliseconds")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    WAIT_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    receipts: bytes
    wait_milliseconds: int
    def __init__(self, receipts: _Optional[bytes] = ..., wait_milliseconds: _Optional[int] = ...) -> None: ...

class HelloRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("protocol", "normaliser", "software", "unix_milliseconds")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NORMALISER_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    UNIX_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    normaliser: str
    software: str
    unix_milliseconds: int
    def __init__(self, protocol: _Optional[str] = ..., normaliser: _Optional[str] = ..., software: _Optional[str] = ..., unix_milliseconds: _Optional[int] = ...) -> None: ...
