"""JSON with exactly one way to write it: the JSON Canonicalization Scheme (RFC 8785).

A signed document must mean the same to everyone who reads it. So `parse` refuses what readers disagree about
(duplicate keys, NaN, whole numbers of 2^53 and more, lone surrogates) and then anything that is not byte for byte
its own canonical form: `canonical(parse(data)) == data` holds for whatever it returns.

It does not know what a document should contain; that is the caller's model.
"""

import json
from typing import Any, NoReturn

import rfc8785

__all__ = ["canonical", "parse"]

_MOST_DIGITS = 17  # of a whole number, with its sign: what JSON carries exactly has 16


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value. Raises ValueError for values that JSON cannot carry exactly."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        # The library's message may quote the value: do not chain it into what a person sees.
        raise ValueError("not a value that canonical JSON can carry") from error


def parse(data: bytes, *, max_bytes: int) -> Any:
    """Read canonical JSON of at most `max_bytes` bytes. Raises ValueError with a plain reason, never with content."""
    if len(data) > max_bytes:
        raise ValueError(f"longer than {max_bytes} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_int=_whole, parse_constant=_no_constants
        )
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("not JSON in UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if canonical(value) != data:
        raise ValueError("not in canonical form")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number in it is too large")
    return int(digits)


def _no_constants(name: str) -> NoReturn:
    raise ValueError("not a number that JSON knows")
