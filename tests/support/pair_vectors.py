"""The house vectors of protocol `pair`: whole rounds, byte for byte, and messages that must be refused.

    python -m tests.support.pair_vectors        writes tests/vectors/house/pair_*.json again

psi/PROTOCOL.md, "Vectors", says what the fields mean. Everything follows from the seeds, so a change of one byte
anywhere in the protocol changes these files: do that only together with the protocol version.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psi.backend import choose
from psi.group import GENERATOR, IDENTITY, ORDER
from psi.messages import Blinded, Close, Count, Evaluated, Message, Open, Release, Released, decode
from psi.protocol.proofs import signed_close, signed_count
from psi.protocol.states import Gate, Place, Reply
from psi.spool import chunks
from psi.transcript import Label, digest, tags
from tests.support.pairs import FakeVoice, Side, elements_of, make_pair, say

FOLDER = Path(__file__).parents[1] / "vectors" / "house"
FIRST_VALUES = ["+4915100001", "+4915100002", "+4915100003", "+4915100004"]
SECOND_VALUES = ["+4915100003", "+4915100004", "+4915100005"]
SIZES = {Place.FIRST: 8, Place.SECOND: 16}
BANDS = ((0, 0), (1, 8))
SEED = "vector/"


def sides(reply: Reply) -> tuple[Side, Side]:
    banded = reply is Reply.COUNT_RELEASED
    return make_pair(
        FIRST_VALUES,
        SECOND_VALUES,
        reply,
        first_size=SIZES[Place.FIRST],
        second_size=SIZES[Place.SECOND],
        bands=BANDS if banded else (),
        max_released=4,
        seed=SEED,
    )


def speak(side: Side) -> bytes | None:
    """The side's next message; the first learner releases all that it found."""
    if side.session.waiting_for is Gate.RELEASE:
        if side.session.terms.reply is not Reply.ORDERED:
            side.release(side.learned())
        side.session.permit_release()
    return say(side)


def course(reply: Reply) -> tuple[Side, Side, list[tuple[Place, bytes]]]:
    """A whole round: each side says all it can, FIRST first."""
    first, second = sides(reply)
    said: list[tuple[Place, bytes]] = []
    while not (first.session.finished and second.session.finished):
        for side, other in ((first, second), (second, first)):
            while (data := speak(side)) is not None:
                said.append((side.session.terms.place, data))
                other.session.receive(decode(data))
    return first, second, said


def numbers(side: Side) -> list[list[int]]:
    data = b"".join(chunks(side.session.spools.matches))
    pairs = [data[at : at + 16] for at in range(0, len(data), 16)]
    return [[int.from_bytes(pair[:8], "big"), int.from_bytes(pair[8:], "big")] for pair in pairs]


def described(side: Side) -> dict[str, Any]:
    session = side.session
    evaluated = session.spools.evaluated.read(0)
    order = side.order.read(0)
    places = [int.from_bytes(order[at : at + 8], "big") for at in range(0, len(order), 8)]
    tag_row = tags(choose(), session.context, evaluated)
    tag_list = [tag_row[at : at + 16] for at in range(0, len(tag_row), 16)]
    return {
        "name": session.terms.me,
        "random": f"{SEED}{session.terms.me}",
        "values": side.values,
        "size": session.terms.my_size,
        "scalar": bytes(side.scalar.view()).hex(),
        "order": [place if place < len(side.values) else None for place in places],
        "tags_of_the_other_list": [tag.hex() for tag in tag_list],
        "matches": numbers(side),
        "handles": [
            digest(Label.HANDLE, session.context, tag_list[theirs])[:8].hex() for _mine, theirs in numbers(side)
        ],
    }


def round_vector(reply: Reply) -> dict[str, Any]:
    first, second, said = course(reply)
    terms = first.session.terms
    return {
        "reply": reply.value,
        "agreement": terms.agreement.hex(),
        "run": terms.run.hex(),
        "scope": terms.agreement.hex(),
        "kind": "phone",
        "normaliser": "test/1",
        "bands": [list(band) for band in terms.bands],
        "max_released": terms.max_released,
        "first": described(first),
        "second": described(second),
        "context": first.session.context.hex(),
        "transcript": first.session.transcript().hex(),
        "messages": [{"from": place.name.lower(), "bytes": data.hex()} for place, data in said],
    }


# Messages that must be refused.


@dataclass(frozen=True)
class Wrong:
    """In a round of `reply`, `liar`'s first message of `kind` is replaced by `change` of it."""

    name: str
    reply: Reply
    liar: Place
    kind: type[Message]
    change: Callable[[Any, Side, Side], Message | bytes]
    """Of the true message, the honest liar's side and its victim."""
    failure: str


def rows_changed(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Any, Side, Side], Message]:
    return lambda m, _liar, _victim: replace(m, elements=b"".join(change(elements_of(m.elements))))


def fields(**values: Any) -> Callable[[Any, Side, Side], Message]:
    return lambda m, _liar, _victim: replace(m, **values)


def raw(change: Callable[[bytes], bytes]) -> Callable[[Any, Side, Side], bytes]:
    return lambda m, _liar, _victim: change(m.encode())


def item(**values: Any) -> Callable[[Any, Side, Side], Message]:
    return lambda m, _liar, _victim: replace(m, items=(replace(m.items[0], **values), *m.items[1:]))


def shifted(row: bytes) -> bytes:
    return choose().sum(row + GENERATOR)


def put(row: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda rows: sorted([*rows[1:], row])


def cancelling(rows: list[bytes]) -> list[bytes]:
    minus = choose().multi_scalar((ORDER - 1).to_bytes(32, "little"), GENERATOR)
    return [shifted(rows[0]), choose().sum(rows[1] + minus), *rows[2:]]


def signed_as_close(message: Count, liar: Side, _victim: Side) -> Message:
    terms = liar.session.terms
    data = signed_count(liar.session.context, terms.me, message.low, message.high)
    return replace(message, signature=FakeVoice(terms.me, terms.peer).sign(Label.SIGN_CLOSE, data))


def signed_by_the_victim(message: Close, liar: Side, victim: Side) -> Message:
    terms = liar.session.terms
    checkpoint = message.encode()[2 : 2 + 104]
    data = signed_close(liar.session.context, terms.me, message.transcript, checkpoint)
    return replace(message, signature=victim.session.voice.sign(Label.SIGN_CLOSE, data))


BAD_ELEMENTS = {
    "the identity": IDENTITY,
    "an encoding with bit 255 set": GENERATOR[:-1] + bytes([GENERATOR[-1] | 0x80]),
    "an encoding of p or more": (2**255 - 17).to_bytes(32, "little"),
    "a negative encoding": bytes.fromhex("ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20"),
    "an encoding that is no square": bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
}


def wrongs() -> list[Wrong]:
    cases: list[Wrong] = []

    def both(name: str, kind: type[Message], change: Any, failure: str) -> None:
        cases.extend(
            Wrong(f"{name}, by {liar.name.lower()}", Reply.ORDERED, liar, kind, change, failure) for liar in Place
        )

    def first(name: str, reply: Reply, kind: type[Message], change: Any, failure: str) -> None:
        cases.append(Wrong(name, reply, Place.FIRST, kind, change, failure))

    both("a copy of the victim's key", Open, lambda m, liar, v: replace(m, public_key=key_of(v)), "reflected-key")
    both("another sender", Open, fields(sender="cedar"), "wrong-party")
    both("another recipient", Open, fields(recipient="cedar"), "wrong-party")
    both("another run", Open, fields(run=bytes(16)), "wrong-party")
    both("another agreement", Open, fields(agreement=bytes(64)), "wrong-party")
    both("another suite", Open, fields(suite="P256-SHA256"), "version-mismatch")
    both("another size", Open, fields(size=64), "wrong-count")
    both("another version", Open, raw(lambda data: b"\x02" + data[1:]), "version-mismatch")
    for what, bad in BAD_ELEMENTS.items():
        both(f"as key {what}", Open, fields(public_key=bad), "invalid-element")
        both(f"in the list {what}", Blinded, rows_changed(put(bad)), "invalid-element")
        both(f"in the answer {what}", Evaluated, rows_changed(lambda r, b=bad: [b, *r[1:]]), "invalid-element")
        first(f"released {what}", Reply.RELEASED, Released, item(element=bad), "invalid-element")
    both("a list with an element twice", Blinded, rows_changed(lambda r: [r[0], *r[:-1]]), "list-out-of-order")
    both("a list in descending order", Blinded, rows_changed(lambda r: r[::-1]), "list-out-of-order")
    both("an element short", Blinded, rows_changed(lambda r: r[:-1]), "wrong-count")
    both("an element too many", Blinded, rows_changed(lambda r: [*r, b"\xff" * 32]), "wrong-count")
    both("another list than committed to", Blinded, rows_changed(put(GENERATOR)), "broken-commitment")
    both("another chunk number", Blinded, fields(chunk=1), "unexpected-message")
    both("an answer short", Evaluated, rows_changed(lambda r: r[:-1]), "wrong-count")
    both("one answer wrong", Evaluated, rows_changed(lambda r: [shifted(r[0]), *r[1:]]), "bad-proof")
    both("two answers exchanged", Evaluated, rows_changed(lambda r: [r[1], r[0], *r[2:]]), "bad-proof")
    both("two errors that cancel", Evaluated, rows_changed(cancelling), "bad-proof")
    both("an empty proof", Evaluated, fields(proof=bytes(64)), "bad-proof")
    both("a proof of scalars of L or more", Evaluated, fields(proof=b"\xff" * 64), "bad-proof")
    both(
        "the answer before the list",
        Blinded,
        lambda m, liar, v: Evaluated(0, m.elements, bytes(64)),
        "unexpected-message",
    )
    both("a closing in the middle", Evaluated, lambda m, liar, v: any_close(liar), "unexpected-message")
    both("another transcript", Close, fields(transcript=bytes(64)), "transcript-mismatch")
    both("a closing that nobody signed", Close, fields(signature=bytes(64)), "bad-signature")
    both("a closing signed by its receiver", Close, signed_by_the_victim, "bad-signature")
    both("bytes left over", Close, raw(lambda data: data + b"\x00"), "malformed-message")
    both("a message cut off", Close, raw(lambda data: data[:-1]), "malformed-message")
    both("an unknown type", Close, raw(lambda data: b"\x01\x09" + data[2:]), "malformed-message")
    first("a count that was not signed", Reply.COUNT, Count, fields(signature=bytes(64)), "bad-signature")
    first("another count than signed", Reply.COUNT, Count, fields(low=3, high=3), "bad-signature")
    first("a count signed under another label", Reply.COUNT, Count, signed_as_close, "bad-signature")
    first("a range where exact counts are agreed", Reply.COUNT, Count, fields(low=0, high=8), "wrong-count")
    first("more than the list can hold", Reply.COUNT, Count, fields(low=9, high=9), "wrong-count")
    first("an exact count where bands are agreed", Reply.COUNT_RELEASED, Count, fields(low=2, high=2), "wrong-count")
    first("a count under none", Reply.NONE, Close, lambda *_: Count(2, 2, bytes(64)), "unexpected-message")
    first("answers under released", Reply.RELEASED, Released, any_answer, "unexpected-message")
    first("a release under count", Reply.COUNT, Count, lambda *_: Released(0, True, ()), "unexpected-message")
    first("a release with another element", Reply.RELEASED, Released, lambda m, *_: shift_item(m), "bad-proof")
    first("a release without a proof", Reply.RELEASED, Released, item(proof=bytes(64)), "bad-proof")
    first("a release for another row", Reply.RELEASED, Released, item(index=0), "bad-proof")
    first("a release for no row", Reply.RELEASED, Released, item(index=2**63), "forged-release")
    first("one row twice", Reply.RELEASED, Released, lambda m, *_: replace(m, items=m.items[:1] * 2), "forged-release")
    first("over the cap", Reply.RELEASED, Released, lambda m, *_: replace(m, items=m.items * 3), "wrong-count")
    first("neither full nor last", Reply.RELEASED, Released, fields(last=False), "unexpected-message")
    first("a truth value of 2", Reply.RELEASED, Released, raw(lambda d: d[:6] + b"\x02" + d[7:]), "malformed-message")
    return cases


def key_of(side: Side) -> bytes:
    return side.session.opening(side.session.terms.place).public_key


def any_close(liar: Side) -> Close:
    return Close(liar.session.voice.checkpoint(), bytes(64), bytes(64))


def any_answer(_message: Released, _liar: Side, victim: Side) -> Evaluated:
    return Evaluated(0, victim.session.spools.mine.read(0), bytes(64))


def shift_item(message: Released) -> Released:
    true: Release = message.items[0]
    return replace(message, items=(replace(true, element=shifted(true.element)), *message.items[1:]))


def refused_vectors() -> list[dict[str, Any]]:
    courses = {reply: course(reply) for reply in Reply}
    vectors = []
    for case in wrongs():
        first, second, said = courses[case.reply]
        liar, victim = (first, second) if case.liar is Place.FIRST else (second, first)
        at = next(
            number
            for number, (place, data) in enumerate(said)
            if place is case.liar and isinstance(decode(data), case.kind)
        )
        changed = case.change(decode(said[at][1]), liar, victim)
        data = changed if isinstance(changed, bytes) else changed.encode()
        vectors.append(
            {"name": case.name, "reply": case.reply.value, "at": at, "bytes": data.hex(), "failure": case.failure}
        )
    return vectors


def files() -> dict[str, str]:
    """Name and content of every file."""
    made: dict[str, Any] = {f"pair_{reply.name.lower()}.json": round_vector(reply) for reply in Reply}
    made["pair_refused.json"] = refused_vectors()
    return {name: json.dumps(content, indent=1) + "\n" for name, content in made.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
