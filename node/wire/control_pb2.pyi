from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Invocation(_message.Message):
    __slots__ = ("operation", "request_json", "credential", "new_credential")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_JSON_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    NEW_CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    operation: str
    request_json: bytes
    credential: bytes
    new_credential: bytes
    def __init__(self, operation: _Optional[str] = ..., request_json: _Optional[bytes] = ..., credential: _Optional[bytes] = ..., new_credential: _Optional[bytes] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("progress_json", "reply_json", "error_json")
    PROGRESS_JSON_FIELD_NUMBER: _ClassVar[int]
    REPLY_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_JSON_FIELD_NUMBER: _ClassVar[int]
    progress_json: bytes
    reply_json: bytes
    error_json: bytes
    def __init__(self, progress_json: _Optional[bytes] = ..., reply_json: _Optional[bytes] = ..., error_json: _Optional[bytes] = ...) -> None: ...
