"""Conformance of protocol `pair`: recorded rounds come out byte for byte, and each wrong message is refused by name.

The wrong messages go to a live session that has taken the recorded round up to there, so they are also what another
implementation should be tested with. psi/PROTOCOL.md, "Vectors".
"""

import json
from functools import cache
from typing import Any

import pytest

from psi.errors import PeerError
from psi.messages import decode
from psi.protocol.states import Place, Reply
from tests.support.pair_vectors import FOLDER, Side, described, files, numbers, sides, speak

LEAST_REFUSED = 80


@cache
def vector(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def round_of(reply: Reply) -> dict[str, Any]:
    return vector(f"pair_{reply.name.lower()}.json")  # type: ignore[no-any-return]


def test_the_files_are_what_the_code_makes() -> None:
    for name, text in files().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: see tests/support/pair_vectors.py"


def replayed(reply: Reply, messages: list[dict[str, str]]) -> dict[Place, Side]:
    """Two live sides after these recorded messages; each must say its own exactly as recorded."""
    first, second = sides(reply)
    both = {Place.FIRST: first, Place.SECOND: second}
    for message in messages:
        place = Place[message["from"].upper()]
        data = bytes.fromhex(message["bytes"])
        assert speak(both[place]) == data
        both[place.other].session.receive(decode(data))
    return both


@pytest.mark.parametrize("reply", list(Reply))
def test_a_recorded_round_comes_out_byte_for_byte(reply: Reply) -> None:
    recorded = round_of(reply)
    both = replayed(reply, recorded["messages"])
    for place, side in both.items():
        assert side.session.finished
        assert side.session.context.hex() == recorded["context"]
        assert side.session.transcript().hex() == recorded["transcript"]
        assert described(side) == recorded[place.name.lower()]


@pytest.mark.parametrize("reply", [Reply.ORDERED, Reply.RELEASED, Reply.COUNT_RELEASED])
def test_both_sides_name_a_hit_by_the_same_handle(reply: Reply) -> None:
    recorded = round_of(reply)
    first, second = recorded["first"], recorded["second"]
    assert set(first["handles"]) == set(second["handles"])
    assert len(set(first["handles"])) == len(first["matches"]) == 2
    assert {tuple(pair) for pair in first["matches"]} == {tuple(pair[::-1]) for pair in second["matches"]}


@pytest.mark.parametrize("case", vector("pair_refused.json"), ids=lambda case: case["name"].replace(" ", "-"))
def test_a_wrong_message_is_refused_by_name(case: dict[str, Any]) -> None:
    reply = Reply(case["reply"])
    messages = round_of(reply)["messages"]
    both = replayed(reply, messages[: case["at"]])
    liar = Place[messages[case["at"]]["from"].upper()]
    victim = both[liar.other]
    learned = numbers(victim)
    with pytest.raises(PeerError) as caught:
        victim.session.receive(decode(bytes.fromhex(case["bytes"])))
    assert caught.value.code == case["failure"]
    assert numbers(victim) == learned


def test_there_are_as_many_wrong_messages_as_promised() -> None:
    cases = vector("pair_refused.json")
    assert len(cases) >= LEAST_REFUSED
    assert len({case["name"] for case in cases}) == len(cases)
    failures = {case["failure"] for case in cases}
    # One needs a peer that planned ahead, and is shown in tests/security; one belongs to the envelopes.
    assert {code for code in every_code() if code not in failures} == {"shared-element", "changed-answer"}


def every_code() -> set[str]:
    """Of the protocol: the node has a refusal of its own, which is none of it."""
    return {kind.code for kind in PeerError.__subclasses__() if kind.__module__ == "psi.errors"}
