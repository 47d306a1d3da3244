"""An error on its way to a person at the other end: a code, a sentence, and what to do.

It travels as canonical JSON in the trailing metadata of a failed call, under METADATA_KEY. What arrives was written
by somebody else: `from_bytes` caps it and takes out whatever could move a terminal's cursor or turn text around.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from node.wire.strict_json import canonical, parse

__all__ = ["MAX_PROBLEM_BYTES", "MAX_SENTENCE_CHARACTERS", "METADATA_KEY", "Problem", "clean"]

METADATA_KEY = "blindmatch-problem-bin"
"""The suffix tells gRPC that the value is bytes."""
MAX_PROBLEM_BYTES = 4096
MAX_SENTENCE_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Problem:
    """`code`: stable slug; `sentence` and `advice`: at most MAX_SENTENCE_CHARACTERS each, one line, printable."""

    code: str
    sentence: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"advice": self.advice, "code": self.code, "sentence": self.sentence}

    def to_bytes(self) -> bytes:
        """Canonical JSON; text that is too long is cut, so that an error always gets through."""
        cut = MAX_SENTENCE_CHARACTERS
        while len(data := canonical({name: clean(text, cut) for name, text in self.as_dict().items()})) > (
            MAX_PROBLEM_BYTES
        ):
            cut //= 2
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Problem | None":
        """What the other end says, made safe to print; None when it is not a problem."""
        try:
            document = parse(data, max_bytes=MAX_PROBLEM_BYTES)
        except ValueError:
            return None
        if not isinstance(document, dict) or set(document) != {"advice", "code", "sentence"}:
            return None
        if not all(isinstance(text, str) for text in document.values()):
            return None
        if not re.fullmatch(r"[a-z0-9][a-z0-9/-]{0,63}", document["code"]):
            return None
        sentence, advice = (clean(document[name], MAX_SENTENCE_CHARACTERS) for name in ("sentence", "advice"))
        return cls(document["code"], sentence, advice)

    @classmethod
    def from_metadata(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> "Problem | None":
        """The problem in the trailing metadata of a call, if there is one."""
        for key, value in metadata or ():
            if key == METADATA_KEY and isinstance(value, bytes):
                return cls.from_bytes(value)
        return None


def clean(text: str, max_characters: int) -> str:
    """One printable line of at most `max_characters`."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "?" for character in line)[:max_characters]
