"""The figures of RFC 9496 on one backend. Needs psi and nothing else: a Python of another machine runs it, too."""

import json
from functools import partial
from pathlib import Path

from psi.errors import InvalidElement
from psi.group import GENERATOR, IDENTITY, Backend

__all__ = ["vectors_hold"]


def vectors_hold(backend: Backend, figures: Path) -> int:
    """How many figures of RFC 9496 appendix A were put to a backend; AssertionError at the first that does not hold."""
    said = json.loads(figures.read_text())
    ran = 0
    for case in said["multiples"]:
        number, element = case["scalar"], bytes.fromhex(case["element"])
        assert backend.multi_scalar(number.to_bytes(32, "little"), GENERATOR) == element
        assert backend.sum(GENERATOR * number) == element
        ran += 1
    for case in said["bad_encodings"]:
        elements = GENERATOR + bytes.fromhex(case["element"]) + IDENTITY
        for refuse in (backend.validate, backend.sum, partial(backend.multi_scalar, bytes(96))):
            index = None
            try:
                refuse(elements)
            except InvalidElement as refusal:
                index = refusal.index
            assert index == 1, "a bad encoding was accepted, or another one refused"
        ran += 1
    for case in [*said["one_way_map"], *said["one_way_map_same_element"]]:
        assert backend.map_to_group(bytes.fromhex(case["uniform"])).hex() == case["element"]
        ran += 1
    return ran
