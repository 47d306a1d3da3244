"""Sealing of single database cells.

    sealed = version (1 byte) | data key number (4, big-endian) | nonce (12) | AES-256-GCM(plaintext) | tag (16)
    associated data = header | table | row | column, each of the three with a 4-byte length before it

The associated data ties a sealed cell to its place: moved to another row, column or table it no longer opens. Lengths
make the three names unambiguous ("ab" + "c" is not "a" + "bc"). The row is the text of the primary key, or of another
unique key that is known before the row is written; parts of a compound key are joined by "/".

Not promised: an attacker who can write the database can put back an older value of the *same* cell, or delete rows;
the audit log shows what happened. Random 96-bit nonces are safe for 2^32 cells under one data key; rotate before that.
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.errors import StateDamaged
from node.ids import RandomBytes
from node.store.keyring import KeyRing
from psi.secret import MAX_SECRET_BYTES, SecretBytes

__all__ = ["VERSION", "Cells", "key_number"]

VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16
_HEADER = struct.Struct(">BI")


class Cells:
    """Seals and unseals cells with the data keys of one key ring. Safe for several threads."""

    def __init__(self, keys: KeyRing, random_bytes: RandomBytes) -> None:
        self._keys = keys
        self._random_bytes = random_bytes
        # One prepared cipher per data key: making one costs more than sealing a small cell.
        self._ciphers: dict[int, AESGCM] = {}

    def seal(self, table: str, row: str, column: str, plaintext: bytes | memoryview) -> bytes:
        """`plaintext` sealed for one place, under the newest data key: 33 bytes longer."""
        number = self._keys.newest
        header = _HEADER.pack(VERSION, number)
        nonce = self._random_bytes(NONCE_BYTES)
        place = _associated_data(header, table, row, column)
        return header + nonce + self._cipher(number).encrypt(nonce, plaintext, place)

    def unseal(self, table: str, row: str, column: str, sealed: bytes) -> bytes:
        """The plaintext of the cell at this place; StateDamaged if it was altered or belongs elsewhere."""
        cipher, nonce, body, place = self._opened(table, row, column, sealed)
        try:
            return cipher.decrypt(nonce, body, place)
        except InvalidTag:
            raise _damaged(table, column) from None

    def unseal_secret(self, table: str, row: str, column: str, sealed: bytes) -> SecretBytes:
        """As `unseal`, into a buffer that the caller wipes. The plaintext was never in a `bytes`."""
        cipher, nonce, body, place = self._opened(table, row, column, sealed)
        size = len(body) - TAG_BYTES
        if not 1 <= size <= MAX_SECRET_BYTES:
            raise _damaged(table, column)
        secret = SecretBytes(size)
        try:
            cipher.decrypt_into(nonce, body, place, secret.view())
        except InvalidTag:
            secret.wipe()
            raise _damaged(table, column) from None
        return secret

    def check(self, table: str, row: str, column: str, sealed: bytes, *, only: int | None = None) -> None:
        """StateDamaged if the cell does not open, or is not sealed under the data key `only`. Keeps no plaintext."""
        cipher, nonce, body, place = self._opened(table, row, column, sealed)
        plain = bytearray(len(body) - TAG_BYTES)
        try:
            cipher.decrypt_into(nonce, body, place, plain)
        except InvalidTag:
            raise _damaged(table, column) from None
        finally:
            plain[:] = bytes(len(plain))
        if only not in (None, key_number(sealed)):
            raise _damaged(table, column)

    def _opened(self, table: str, row: str, column: str, sealed: bytes) -> tuple[AESGCM, bytes, bytes, bytes]:
        """Cipher, nonce, ciphertext with tag, and associated data of a sealed cell."""
        start = _HEADER.size + NONCE_BYTES
        if len(sealed) < start + TAG_BYTES:
            raise _damaged(table, column)
        header, nonce = sealed[: _HEADER.size], sealed[_HEADER.size : start]
        version, number = _HEADER.unpack(header)
        if version != VERSION:
            raise StateDamaged(
                "A part of this node's database was written by a newer blindmatch.", advice="Install that version."
            )
        try:
            cipher = self._cipher(number)
        except KeyError:
            raise _damaged(table, column) from None
        return cipher, nonce, sealed[start:], _associated_data(header, table, row, column)

    def _cipher(self, number: int) -> AESGCM:
        cipher = self._ciphers.get(number)
        if cipher is None:
            cipher = self._ciphers[number] = AESGCM(self._keys.data_key(number).view())
        return cipher


def key_number(sealed: bytes) -> int:
    """The number of the data key that a cell says it is sealed under; 0 for bytes that are no cell."""
    return int(_HEADER.unpack_from(sealed)[1]) if len(sealed) >= _HEADER.size else 0


def _associated_data(header: bytes, table: str, row: str, column: str) -> bytes:
    parts = (name.encode() for name in (table, row, column))
    return header + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _damaged(table: str, column: str) -> StateDamaged:
    return StateDamaged(
        f"A protected entry of this node's database (table {table}, column {column}) was altered or moved.",
        advice="Stop the node, keep a copy of its folder for examination, and restore a backup.",
    )
