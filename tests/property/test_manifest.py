"""The manifest parser under random damage: one refusal class leaves it, and what it accepts is its own byte form."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.agreement.manifest import Manifest
from node.errors import RefusedByPolicy
from node.rounds.explain import explain
from node.wire import strict_json
from tests.support.agreements import NGO, POLICE, agreement, fields

GOOD = agreement()
BYTES = GOOD.canonical()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def accepts(data: bytes) -> Manifest | None:
    try:
        return Manifest.parse(data)
    except RefusedByPolicy:
        return None


@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    assert accepts(data) is None


@given(JSON)
def test_random_json(value: Any) -> None:
    assert accepts(json.dumps(value).encode("utf-8", "surrogatepass")) is None


@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
@settings(max_examples=500)
def test_a_flipped_byte_is_refused_or_another_agreement(place: int, flip: int) -> None:
    data = bytearray(BYTES)
    data[place] ^= flip
    found = accepts(bytes(data))
    if found is not None:
        assert found.canonical() == bytes(data)
        assert found.digest() != GOOD.digest()


@given(st.integers(0, len(BYTES) - 1))
def test_every_truncation_is_refused(end: int) -> None:
    assert accepts(BYTES[:end]) is None


PLACES = [
    *((name,) for name in fields(GOOD)),
    *(("members", 0, name) for name in fields(GOOD)["members"][0]),
    *(("reply", name) for name in fields(GOOD)["reply"]),
    *(("match", 0, name) for name in fields(GOOD)["match"][0]),
]


@given(st.sampled_from(PLACES), JSON)
@settings(max_examples=500)
def test_any_value_in_any_field(place: tuple[Any, ...], value: Any) -> None:
    document: Any = fields(GOOD)
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    try:
        data = strict_json.canonical(document)
    except ValueError:
        return
    found = accepts(data)
    if found is not None:
        assert found.canonical() == data


@given(
    st.sampled_from(["J1", "J2", "J3", "J6"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(["ordered", "released", "count", "none"]),
)
def test_what_a_template_makes_parses_and_explains_itself(template: str, ours: int, theirs: int, mode: str) -> None:
    members = {NGO.member_id: {"records": ours}, POLICE.member_id: {"records": theirs}}
    manifest = agreement(template, members=members, reply={"mode": mode})
    assert Manifest.parse(manifest.canonical()) == manifest
    for me in (NGO.member_id, POLICE.member_id):
        assert all(sentence.endswith((".", "!")) for sentence in explain(manifest, me))
        assert manifest.size_class(me) == manifest.member(me).records * manifest.tokens_per_record
