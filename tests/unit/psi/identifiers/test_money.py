"""Accounts, cards, references and wallets: what check digits promise, and that what is nobody's is refused."""

import itertools
import string
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as library

from psi.identifiers.cells import Cell, Hints
from psi.identifiers.money import cards, ibans, payment_refs, wallets
from psi.identifiers.payment_services import SERVICE_NAMES, SERVICES
from psi.identifiers.wallet_codes import keccak_256
from tests.support.damage import outcome

ACCOUNT = "GB82WEST12345698765432"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(version: int, payload: bytes) -> str:
    """An address, written from the definition and not by the code under test."""
    data = bytes([version]) + payload
    data += sha256(sha256(data).digest()).digest()[:4]
    value, text = int.from_bytes(data, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def test_no_wrong_character_and_no_swap_of_an_account_is_read() -> None:
    """ISO 7064 modulo 97-10 finds every single wrong character and every two that change places."""
    for place, other in itertools.product(range(len(ACCOUNT)), string.digits + string.ascii_uppercase):
        if ACCOUNT[place] != other:
            assert isinstance(outcome(ibans, ACCOUNT[:place] + other + ACCOUNT[place + 1 :]), str)
    for place in range(4, len(ACCOUNT) - 1):
        one, other = ACCOUNT[place : place + 2]
        if one != other:
            assert isinstance(outcome(ibans, ACCOUNT[:place] + other + one + ACCOUNT[place + 2 :]), str)


@given(st.integers(0, 10**18 - 1))
def test_of_all_check_digits_one_is_read(account: int) -> None:
    """Also of those that agree modulo 97: 00 and 97, 01 and 98, 02 and 99."""
    read = [
        result[0][2:4]
        for check in range(100)
        if isinstance(result := outcome(ibans, f"DE{check:02}{account:018}"), tuple)
    ]
    assert len(read) == 1
    assert 2 <= int(read[0]) <= 98


@given(
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=30),
    st.sampled_from(["DE", "GB", "RO", "FR", "MT", "NO"]),
)
def test_what_we_read_the_library_reads(text: str, country: str) -> None:
    number = country + library.calc_check_digits(f"{country}00{text}") + text
    result = outcome(ibans, number)
    assert (result == (number,)) == library.is_valid(number, check_country=False)


@given(st.integers(10**14, 10**15 - 1), st.integers(0, 14))
def test_one_wrong_digit_of_a_card_is_always_seen(rest: int, place: int) -> None:
    number = next(
        f"4{str(rest)[1:]}{d}" for d in range(10) if outcome(cards, f"4{str(rest)[1:]}{d}") != "card/check-digit"
    )
    if outcome(cards, number) == (number,):
        wrong = number[:place] + str((int(number[place]) + 3) % 10) + number[place + 1 :]
        assert isinstance(outcome(cards, wrong), str)


@given(st.integers(1_000_000, 9_999_999_999))
def test_a_reference_belongs_to_one_service(number: int) -> None:
    read = {service: outcome(payment_refs, str(number), Hints(qualifier=service)) for service in SERVICES}
    assert outcome(payment_refs, str(number)) in ("payment_ref/no-service", ())
    for service, result in read.items():
        if isinstance(result, tuple) and result:
            assert result == (f"{service}:{number}",)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_known_by_its_canonical_name(service: str) -> None:
    assert SERVICE_NAMES[service.replace("_", "").upper()] == service


def test_keccak_is_the_one_before_the_standard() -> None:
    assert keccak_256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0")
    assert keccak_256(b"").hex().endswith("a470")


@given(
    st.binary(min_size=20, max_size=20).filter(any),
    st.sampled_from([(0, "btc"), (5, "btc"), (48, "ltc"), (50, "ltc"), (30, "doge"), (65, "tron")]),
)
def test_every_address_of_a_chain_is_read_and_no_mistyped_one(payload: bytes, chain: tuple[int, str]) -> None:
    address = base58check(chain[0], payload)
    assert wallets(Cell(address), Hints()) == (f"{chain[1]}:{address}",)
    place = payload[0] % len(address)
    wrong = address[:place] + ("2" if address[place] != "2" else "3") + address[place + 1 :]
    assert isinstance(outcome(wallets, wrong), str)
    assert isinstance(outcome(wallets, base58check(111, payload)), str)


@given(st.binary(min_size=20, max_size=20).filter(any))
def test_letter_case_of_an_ethereum_address_is_its_checksum(payload: bytes) -> None:
    lower = payload.hex()
    nibbles = keccak_256(lower.encode()).hex()
    right = "".join(one.upper() if int(nibble, 16) > 7 else one for one, nibble in zip(lower, nibbles, strict=False))
    values = {outcome(wallets, f"0x{text}") for text in (lower, lower.upper(), right)}
    assert values == {(f"eth:0x{lower}",)}
    swapped = right.swapcase()
    if swapped not in (lower, lower.upper()):
        assert outcome(wallets, f"0x{swapped}") == "wallet/check-digits"


@pytest.mark.parametrize("code", [b"\x80" + b"\x01" * 32, b"\x80" + b"\x01" * 33])
def test_a_private_key_is_named_as_what_it_is(code: bytes) -> None:
    key = base58check(code[0], code[1:])
    assert outcome(wallets, key) == "wallet/private-key"
