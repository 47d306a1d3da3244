"""Handsets, SIM cards and network cards: only what is one device's own becomes a value."""

from hypothesis import given
from hypothesis import strategies as st

from psi.identifiers.cells import Cell, Hints
from psi.identifiers.devices import imeis, imsis, macs
from tests.support.damage import outcome

BODIES = st.integers(30_000_000_000_000, 99_999_999_999_999).map(str)


@given(BODIES)
def test_one_handset_in_its_three_lengths_is_one_value(body: str) -> None:
    """With check digit, without, and with a software version; and no other check digit is read."""
    bare = outcome(imeis, body)
    if isinstance(bare, tuple) and bare:
        assert bare == imeis(Cell(f"{body}07"), Hints()) == imeis(Cell(bare[0]), Hints())
        assert bare[0][:14] == body
        read = [digit for digit in "0123456789" if isinstance(outcome(imeis, body + digit), tuple)]
        assert [body + digit for digit in read] == [bare[0]]


@given(BODIES, st.integers(0, 13))
def test_one_wrong_digit_is_always_seen(body: str, place: int) -> None:
    """Luhn finds every single wrong digit."""
    right = outcome(imeis, body)
    if isinstance(right, tuple) and right:
        number = right[0]
        wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        assert outcome(imeis, wrong) in ("imei/check-digit", "imei/shared", ())


@given(st.integers(0, 10**15 - 1))
def test_a_number_cell_never_gains_digits_in_front(number: int) -> None:
    for reader in (imeis, imsis):
        result = outcome(reader, Cell("", float(number)))
        if isinstance(result, tuple) and result:
            assert result[0].startswith(str(number)[:14])


@given(st.binary(min_size=6, max_size=6), st.sampled_from([":", "-", "", " "]))
def test_only_a_cards_own_address_is_read(address: bytes, separator: str) -> None:
    text = address.hex(separator) if separator else address.hex()
    result = outcome(macs, text)
    if result == ():
        assert len(set(address.hex())) == 1 or address.hex() in ("0" * 12,)
    elif isinstance(result, tuple):
        assert address[0] & 3 == 0
        assert result == (address.hex(":"),)
    elif result != "mac/not-a-mac":
        assert address[0] & 3 != 0


def test_spellings_of_one_address_are_one_value() -> None:
    spellings = ("00:00:5E:00:53:0A", "00-00-5e-00-53-0a", "0000.5E00.530A", "00005e-00530a", "00 00 5E 00 53 0A")
    assert {macs(Cell(text), Hints()) for text in spellings} == {("00:00:5e:00:53:0a",)}
