from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Parcel(_message.Message):
    __slots__ = ("sender", "recipient", "mark", "content", "number")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    sender: str
    recipient: str
    mark: bytes
    content: bytes
    number: int
    def __init__(self, sender: _Optional[str] = ..., recipient: _Optional[str] = ..., mark: _Optional[bytes] = ..., content: _Optional[bytes] = ..., number: _Optional[int] = ...) -> None: ...

class PutReply(_message.Message):
    __slots__ = ("stored", "trouble")
    class Trouble(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[PutReply.Trouble]
        UNKNOWN_RECIPIENT: _ClassVar[PutReply.Trouble]
        PAIR_FULL: _ClassVar[PutReply.Trouble]
        RELAY_FULL: _ClassVar[PutReply.Trouble]
        TOO_MANY: _ClassVar[PutReply.Trouble]
    NONE: PutReply.Trouble
    UNKNOWN_RECIPIENT: PutReply.Trouble
    PAIR_FULL: PutReply.Trouble
    RELAY_FULL: PutReply.Trouble
    TOO_MANY: PutReply.Trouble
    STORED_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    stored: int
    trouble: PutReply.Trouble
    def __init__(self, stored: _Optional[int] = ..., trouble: _Optional[_Union[PutReply.Trouble, str]] = ...) -> None: ...

class TakeRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class DoneRequest(_message.Message):
    __slots__ = ("numbers",)
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, numbers: _Optional[_Iterable[int]] = ...) -> None: ...

class DoneReply(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...
