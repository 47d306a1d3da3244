"""Recovery shares: a secret that opens the key file, split so that any k of n officers have it together.

    secret (16 random bytes) --Shamir, k of n, over GF(2^128)--> one share for each officer
    secret --HKDF(split id)--> key --AES-256-GCM--> the master key, in the key file       (node.store.keyring)

A share as written down is 32 bytes in four lines of five groups; the fifth group checks its line, so that a slip of
the pen is found where it is:

    version (1) | split id (8) | needed (1) | officers (1) | number (1) | share (16) | SHA-256 of these, first 4 bytes

Shamir (1979): fewer than k shares fit every secret equally well, so by themselves they tell *nothing* about it,
whatever anybody can compute. With the key file in hand a guess can be checked: 2^128 of them. pycryptodome combines
whatever it is given, also shares of two different splits, and gives garbage; so each share names its split, and the key
file holds a check value for each share (HKDF of it, 16 bytes), by which a wrong one is named.

A later split, or a rotation, replaces what the key file holds, and earlier shares open it no more. They still open
older copies of the key file: old backups. Not promised: that the secret and the shares leave no copy in this process's
memory; the library computes with Python integers.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from Crypto.Protocol.SecretSharing import Shamir
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import UserError
from node.ids import RandomBytes
from node.store.keyring import Recovery
from node.wording import plural
from psi.secret import SecretBytes

__all__ = ["MAX_OFFICERS", "MAX_SHARE_FILE_BYTES", "Share", "combine", "parse_share", "share_text", "split_secret"]

MAX_OFFICERS = 20
"""Shares of one split, in number."""

MAX_SHARE_FILE_BYTES = 16 * 1024
"""Largest file read as a share, in bytes."""

VERSION = 1
SECRET_BYTES = 16
SPLIT_BYTES = 8
_CHECK_BYTES = 16
_SUM_BYTES = 4
_LINES = 4
_PER_LINE = 8
_LINE_SUM_BYTES = 2
_LINE = re.compile(r"^[ \t]*(?:[0-9a-fA-FoOlI]{4}[ \t-]+){4}[0-9a-fA-FoOlI]{4}[ \t\r]*$", re.MULTILINE)
_LOOKALIKES = str.maketrans("oOlI", "0011")


@dataclass(frozen=True)
class Share:
    """One officer's share: `number` of `officers`, `needed` of which open the key file of `split`."""

    split: bytes
    needed: int
    officers: int
    number: int
    value: bytes = field(repr=False)

    def _bytes(self) -> bytes:
        return bytes([VERSION]) + self.split + bytes([self.needed, self.officers, self.number]) + self.value

    def lines(self) -> list[str]:
        """The four lines that an officer keeps."""
        data = self._bytes()
        data += hashlib.sha256(b"blindmatch share 1: " + data).digest()[:_SUM_BYTES]
        written = []
        for place in range(_LINES):
            part = data[place * _PER_LINE : (place + 1) * _PER_LINE]
            text = (part + _line_sum(place, part)).hex()
            written.append(" ".join(text[at : at + 4] for at in range(0, len(text), 4)))
        return written

    @property
    def check(self) -> bytes:
        """What the key file holds of it."""
        label = b"blindmatch share check 1: %d" % self.number
        return HKDF(SHA256(), _CHECK_BYTES, salt=self.split, info=label).derive(self.value)


def split_secret(needed: int, officers: int, random_bytes: RandomBytes) -> tuple[SecretBytes, Recovery, list[Share]]:
    """A new secret, what the key file shall know of it, and the shares. The caller wipes the secret.

    UserError for numbers that make no sense.
    """
    if not 2 <= needed <= officers <= MAX_OFFICERS:
        raise UserError(
            f"At least 2 officers are needed, and there are at most {MAX_OFFICERS}, no fewer than are needed.",
            advice="For example --needed 2 --officers 3.",
        )
    secret = SecretBytes(SECRET_BYTES)
    secret.view()[:] = random_bytes(SECRET_BYTES)
    split = random_bytes(SPLIT_BYTES)
    made = Shamir.split(needed, officers, bytes(secret.view()))
    shares = [Share(split, needed, officers, number, value) for number, value in made]
    return secret, Recovery(split, needed, officers, tuple(share.check for share in shares)), shares


def parse_share(text: str, name: str) -> Share:
    """The share in a text, which may hold anything else besides; `name` says in an error which one it is.

    UserError that names the line, if one was mistyped.
    """
    lines = [line.translate(_LOOKALIKES) for line in _LINE.findall(text)]
    if len(lines) != _LINES:
        raise UserError(
            f"There is no whole recovery share in {name}: it has {_LINES} lines of five groups.",
            advice="Compare it with the paper or file that the officer was given.",
        )
    data = b""
    for place, line in enumerate(lines):
        raw = bytes.fromhex(re.sub(r"[ \t\r-]", "", line))
        part, found = raw[:_PER_LINE], raw[_PER_LINE:]
        if found != _line_sum(place, part):
            raise UserError(
                f"Line {place + 1} of the share in {name} was not copied correctly, or the lines are out of order.",
                advice="Compare that line with the paper or file that the officer was given.",
            )
        data += part
    body, total = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if hashlib.sha256(b"blindmatch share 1: " + body).digest()[:_SUM_BYTES] != total:
        raise UserError(
            f"The share in {name} is damaged, or is made of lines of several shares.",
            advice="Compare it with the paper or file that the officer was given.",
        )
    if body[0] != VERSION:
        raise UserError(
            f"The share in {name} was made by another version of blindmatch.",
            advice="Use the version that made it, or another officer's share.",
        )
    needed, officers, number = body[9:12]
    if not (2 <= needed <= officers <= MAX_OFFICERS and 1 <= number <= officers):
        raise UserError(f"The share in {name} is damaged.", advice="Use another officer's share.")
    return Share(body[1:9], needed, officers, number, body[12:])


def combine(shares: Sequence[tuple[str, Share]], recovery: Recovery | None) -> SecretBytes:
    """The secret, from shares each with the name of where it was read. The caller wipes it.

    UserError names the share that is of another split, is not the one that was handed out, or is there twice, and says
    how many are missing.
    """
    if recovery is None:
        raise UserError(
            "The key file does not know any recovery shares.",
            advice="They were never made, or the keys were renewed since: only the passphrase opens it.",
        )
    first: dict[int, str] = {}
    for name, share in shares:
        if share.split != recovery.split:
            raise UserError(
                f"The share in {name} belongs to an earlier split, or to another node.",
                advice="Ask that officer for the newest share. Earlier ones are void.",
            )
        known = recovery.checks[share.number - 1] if share.number <= len(recovery.checks) else b""
        if share.check != known:
            raise UserError(
                f"The share in {name} is not the one that was handed out: it was changed.",
                advice="Use another officer's share, and find out what happened to this one.",
            )
        if share.number in first:
            raise UserError(
                f"{first[share.number]} and {name} hold the same share, number {share.number}.",
                advice="Each officer has another one.",
            )
        first[share.number] = name
    if len(shares) < recovery.needed:
        missing = recovery.needed - len(shares)
        raise UserError(
            f"{recovery.needed} shares are needed, and {len(shares)} {plural(len(shares), 'was', 'were')} given.",
            advice=f"Ask {'one more officer' if missing == 1 else f'{missing} more officers'}.",
        )
    secret = SecretBytes(SECRET_BYTES)
    chosen = [(share.number, share.value) for _, share in shares[: recovery.needed]]
    secret.view()[:] = Shamir.combine(chosen)
    return secret


def share_text(share: Share, *, organisation: str, member_id: str, made_at: str) -> str:
    """The file for one officer: what it is, what to do, and the four lines."""
    others = share.needed - 1
    return "\n".join(
        [
            f"RECOVERY SHARE {share.number} OF {share.officers}",
            "",
            f"Organisation:  {organisation}",
            f"Node:          {member_id}",
            f"Split:         {share.split.hex()}, made {made_at}",
            "",
            "What this is. The keys of your organisation's blindmatch node are locked with a passphrase. If it is",
            f"lost, any {share.needed} of {share.officers} officers can set a new one together. You are one of them.",
            "Alone, this share opens nothing and tells nothing; with "
            f"{'one other' if others == 1 else f'{others} others'} it opens everything.",
            "",
            "What to do. Print this page or copy the four lines by hand, and keep it where you keep papers that",
            "nobody else may see, away from the node and from the other officers' shares. Then delete this file.",
            "Show it to nobody unless the passphrase is lost and you stand there yourself. If you lose it or leave,",
            "say so: the keys are then split again, and this share becomes void.",
            "",
            "When it is needed. Type the four lines into a text file, one file for each officer, and run",
            "    blindmatch key recover FILE FILE --by NAME",
            "Each line ends with a group that checks it, so a slip is found. O for 0 and capitals do not matter.",
            "",
            *(f"    {line}" for line in share.lines()),
            "",
        ]
    )


def _line_sum(place: int, part: bytes) -> bytes:
    return hashlib.sha256(b"blindmatch share line 1: %d" % place + part).digest()[:_LINE_SUM_BYTES]
