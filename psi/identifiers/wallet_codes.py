"""How addresses of cryptocurrencies prove that they were copied rightly, and which chain they belong to.

| form | checksum | chains |
| --- | --- | --- |
| Base58Check | 4 bytes of double SHA-256 | Bitcoin, Litecoin, Dogecoin, Tron, told apart by the first byte |
| Bech32, Bech32m (BIP 173, 350) | 30 bits | Bitcoin, Litecoin (SegWit and Taproot) |
| 0x and 40 hexadecimal digits | mixed letter case, from Keccak-256 (EIP-55) | Ethereum and its copies |
| Base58 in blocks | 4 bytes of Keccak-256 | Monero |
| Base64 of 36 bytes | CRC-16/XMODEM | TON |

An Ethereum address all in one case, and the raw form of TON (`0:` and 64 hexadecimal digits), have no checksum and are
read all the same, because most software writes them so. Other addresses without a checksum (Solana) are refused: a
typing mistake in one is another address.
"""

import binascii
import re
from base64 import b64decode
from hashlib import sha256
from typing import Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.several import refuser

__all__ = ["Address", "keccak_256", "read_address"]

_refuse = refuser("wallet")


class Address(NamedTuple):
    """A checked address: the chain's short name, and the address in its canonical spelling."""

    chain: str
    spelling: str


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_TEXT: Final = re.compile(f"[{_BASE58}]+")
_BASE58_ADDRESS_BYTES: Final = 25
"""Version, hash of 20 bytes, checksum of 4."""

_VERSIONS: Final = {0x00: "btc", 0x05: "btc", 0x30: "ltc", 0x32: "ltc", 0x1E: "doge", 0x16: "doge", 0x41: "tron"}
_TEST_VERSIONS: Final = frozenset({0x6F, 0xC4, 0x3A, 0x71})
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_TEXT: Final = re.compile(f"(bc|ltc|tb|tltc|bcrt)1([{_BECH32}]{{8,86}})")
_BECH32_CHAINS: Final = {"bc": "btc", "ltc": "ltc"}
_BECH32M: Final = 0x2BC830A3
"""What the checksum of a Taproot address leaves; that of version 0 leaves 1."""

_ETHEREUM: Final = re.compile(r"0[xX]([0-9a-fA-F]{40})")
_TON_RAW: Final = re.compile(r"(0|-1):([0-9a-fA-F]{64})")
_TON_TEXT: Final = re.compile(r"[EUk0][fQ][A-Za-z0-9_/+-]{46}")
_PRIVATE: Final = re.compile(f"[5KL9c][{_BASE58}]{{50,51}}|(?:xprv|yprv|zprv)[{_BASE58}]{{100,}}|6P[{_BASE58}]{{56}}")
_HASH: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{64}")
_MONERO: Final = re.compile(f"[48][{_BASE58}]{{94}}|4[{_BASE58}]{{105}}")
_MONERO_VERSIONS: Final = frozenset({18, 19, 42})
"""Of a main address, one with a payment number, and a subaddress."""

_NOBODYS: Final = frozenset(
    {
        "eth:0x0000000000000000000000000000000000000000",
        "eth:0x000000000000000000000000000000000000dead",
        "eth:0xdac17f958d2ee523a2206206994597c13d831ec7",
        "eth:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
        "tron:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        f"ton:0:{'0' * 64}",
        "btc:1111111111111111111114oLvT2",
        "btc:1BitcoinEaterAddressDontSendf59kuE",
        "btc:1CounterpartyXXXXXXXXXXXXXXXUWLpVr",
        "eth:0x0000000000000000000000000000000000000001",
        "eth:0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
        "eth:0xffffffffffffffffffffffffffffffffffffffff",
        "eth:0x55d398326f99059ff775485246999027b3197955",
        "eth:0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d",
        "eth:0xc2132d05d31c914a87c6611c10748aeb04b58e8f",
        "eth:0x2791bca1f2de4661ed88a30c99a7a9449aa84174",
        "eth:0x3c499c542cef5e3811e1192ce70d8cc03d5c3359",
        "eth:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
        "tron:T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
        "tron:TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8",
    }
)
"""Where money is destroyed, what stands for a chain's own coin, and the contracts of the stablecoins (on Ethereum, its
copies and Tron) and of wrapped ether, which people copy in place of their own address."""


def read_address(text: str) -> Address:
    """The chain and canonical spelling of an address without any prefix. Raises `RefusedValue`: `wallet/check-digits`,
    `private-key`, `test-network`, `no-check-digits`, `transaction`, `not-an-address`, `nobodys`."""
    found = _read(text)
    if f"{found.chain}:{found.spelling}" in _NOBODYS:
        raise _refuse(
            "nobodys",
            "This address belongs to a currency itself, or to nobody: everyone's transfers touch it.",
            "Give the address of the person's own wallet.",
        )
    return found


def _read(text: str) -> Address:
    if match := _ETHEREUM.fullmatch(text):
        return _ethereum(match[1])
    if match := _BECH32_TEXT.fullmatch(text.lower() if text == text.upper() else text):
        return _bech32(match[1], match[2])
    if match := _TON_RAW.fullmatch(text):
        return Address("ton", f"{match[1]}:{match[2].lower()}")
    if _PRIVATE.fullmatch(text):
        raise _refuse(
            "private-key",
            "This looks like the private key of a wallet: whoever reads this file can take its money.",
            "Remove it from the file at once and tell the person responsible for data protection.",
        )
    if _MONERO.fullmatch(text):
        return _monero(text)
    if _TON_TEXT.fullmatch(text) and (found := _ton(text)):
        return found
    if _HASH.fullmatch(text):
        raise _refuse(
            "transaction",
            "This is the number of a transaction, or a key, but no address.",
            "Give the address that sent or received the money.",
        )
    if _BASE58_TEXT.fullmatch(text) and 25 <= len(text) <= 44:
        return _base58(text)
    raise _refuse(
        "not-an-address",
        "This is no address of a cryptocurrency that is known here.",
        "Known are Bitcoin, Litecoin, Dogecoin, Ethereum and its copies, Tron, Monero and TON.",
    )


def _base58(text: str) -> Address:
    from stdnum.bitcoin import b58decode

    data = bytes(b58decode(text))
    if len(data) == 32:
        raise _refuse(
            "no-check-digits",
            "Addresses of this cryptocurrency hold no check digits, so a typing mistake cannot be seen.",
            "Leave it out, or compare it by hand.",
        )
    if len(data) != _BASE58_ADDRESS_BYTES or sha256(sha256(data[:-4]).digest()).digest()[:4] != data[-4:]:
        raise _wrong_digits()
    if data[0] in _TEST_VERSIONS:
        raise _test_network()
    if data[0] not in _VERSIONS:
        raise _wrong_digits()
    return Address(_VERSIONS[data[0]], text)


def _bech32(prefix: str, text: str) -> Address:
    from stdnum.bitcoin import b32decode, bech32_checksum
    from stdnum.exceptions import ValidationError

    values = [_BECH32.index(character) for character in text]
    expanded = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    version = values[0]
    try:
        program = bytes(b32decode(values[1:-6]))
    except ValidationError:
        raise _wrong_digits() from None
    lengths = {0: (20, 32)}.get(version, range(2, 41))
    if (
        bech32_checksum(expanded + values) != (_BECH32M if version else 1)
        or version > 16
        or len(program) not in lengths
    ):
        raise _wrong_digits()
    if prefix not in _BECH32_CHAINS:
        raise _test_network()
    return Address(_BECH32_CHAINS[prefix], f"{prefix}1{text}")


def _ethereum(digits: str) -> Address:
    lower = digits.lower()
    if digits not in (lower, digits.upper()):
        nibbles = keccak_256(lower.encode()).hex()
        cased = "".join(
            one.upper() if int(nibble, 16) >= 8 else one for one, nibble in zip(lower, nibbles, strict=False)
        )
        if cased != digits:
            raise _wrong_digits()
    return Address("eth", f"0x{lower}")


def _monero(text: str) -> Address:
    data = b""
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        size = {11: 8, 7: 5, 9: 6, 10: 7, 6: 4, 5: 3, 3: 2, 2: 1}.get(len(block))
        value = 0
        for character in block:
            value = value * 58 + _BASE58.index(character)
        if size is None or value >= 1 << (8 * size):
            raise _wrong_digits()
        data += value.to_bytes(size, "big")
    if data[0] not in _MONERO_VERSIONS or keccak_256(data[:-4])[:4] != data[-4:]:
        raise _wrong_digits()
    return Address("xmr", text)


def _ton(text: str) -> Address | None:
    data = b64decode(text.replace("-", "+").replace("_", "/"))
    if binascii.crc_hqx(data[:34], 0) != int.from_bytes(data[34:], "big"):
        return None
    tag, chain = data[0], data[1]
    if tag & 0x80:
        raise _test_network()
    if tag not in (0x11, 0x51) or chain not in (0x00, 0xFF):
        return None
    # One wallet has two spellings, bounceable and not; the raw form is the same for both.
    return Address("ton", f"{'-1' if chain else '0'}:{data[2:34].hex()}")


def keccak_256(data: bytes) -> bytes:
    """Keccak-256 with its original padding, as Ethereum and Monero use it (not SHA3-256 of FIPS 202)."""
    from Crypto.Hash import keccak

    return keccak.new(digest_bits=256, data=data).digest()


def _wrong_digits() -> RefusedValue:
    return _refuse(
        "check-digits",
        "The check digits of this address are wrong, so it was not copied rightly.",
        "Copy it again from the original; capital and small letters count.",
    )


def _test_network() -> RefusedValue:
    return _refuse("test-network", "This address is for play money on a test network.", "Leave the cell empty.")
