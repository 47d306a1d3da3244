"""Any envelope survives the wire, and any bytes are an envelope or a MalformedMessage, nothing else."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire.envelope import MAX_SEQUENCE, Envelope, EnvelopeKind
from node.wire.problem import Problem
from node.wire.signing import labelled
from psi.errors import BadSignature, PeerError

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_PUBLIC = _KEY.public_key().public_bytes_raw()
_MEMBER = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=32, max_size=32)
_ROUND = st.binary(min_size=16, max_size=16).map(bytes.hex)


class _Signer:
    def __init__(self, member_id: str) -> None:
        self.member_id = member_id

    def sign(self, label: bytes, data: bytes) -> bytes:
        return _KEY.sign(labelled(label, data))


_ENVELOPES = st.builds(
    lambda sender, **fields: Envelope.signed(_Signer(sender), **fields),
    sender=_MEMBER,
    round_id=_ROUND,
    recipient=_MEMBER,
    sequence=st.integers(0, MAX_SEQUENCE),
    kind=st.sampled_from(EnvelopeKind),
    payload=st.binary(max_size=300),
)


@given(_ENVELOPES)
def test_what_is_sent_arrives(envelope: Envelope) -> None:
    arrived = Envelope.from_bytes(envelope.to_bytes())
    assert arrived == envelope
    arrived.verify(_PUBLIC)


@given(_ENVELOPES, _ENVELOPES)
def test_different_envelopes_sign_different_bytes(one: Envelope, other: Envelope) -> None:
    assert (one.signing_bytes() == other.signing_bytes()) == (one == other)


@given(_ENVELOPES, _ENVELOPES)
def test_the_length_is_a_function_of_the_payloads_length(one: Envelope, other: Envelope) -> None:
    same = len(one.payload) == len(other.payload)
    assert not same or len(one.to_bytes()) == len(other.to_bytes())


@settings(max_examples=500)
@given(_ENVELOPES, st.data())
def test_damage_is_refused_and_never_believed(envelope: Envelope, data: st.DataObject) -> None:
    spoiled = bytearray(envelope.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[position] = data.draw(st.integers(0, 255))
    try:
        read = Envelope.from_bytes(bytes(spoiled))
        read.verify(_PUBLIC)
    except PeerError:
        return
    # Protobuf can be written in more than one way; what is believed is what was signed.
    assert read == envelope


@settings(max_examples=500)
@given(st.binary(max_size=400))
def test_any_bytes_are_an_envelope_or_refused(data: bytes) -> None:
    try:
        envelope = Envelope.from_bytes(data)
    except PeerError:
        return
    try:
        envelope.verify(_PUBLIC)
    except BadSignature:
        return
    raise AssertionError("a signature out of thin air")


@given(st.text(), st.text())
def test_any_text_gets_through_as_a_problem_that_a_terminal_can_print(sentence: str, advice: str) -> None:
    problem = Problem.from_bytes(Problem("code", sentence, advice).to_bytes())
    assert problem is not None
    assert problem.sentence.isprintable()
    assert problem.advice.isprintable()


@given(st.binary(max_size=5000))
def test_any_bytes_are_a_problem_or_none(data: bytes) -> None:
    assert Problem.from_bytes(data) is None or data.startswith(b"{")
