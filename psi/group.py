"""The group all of psi computes in: ristretto255 (RFC 9496), and what a backend must offer for it.

ristretto255 is a group of prime order L = 2^252 + 27742317777372353535851937790883648493. An element is 32 bytes and
has exactly one encoding, so two elements are equal if and only if their bytes are; a scalar is an integer mod L, 32
bytes, little-endian. There is no cofactor to think of.

An encoding is canonical when, read as a little-endian integer s, it is even and s < p = 2^255 - 19 (RFC 9496 section
4.3.1, step 1). We check that here, on every element that comes in: libsodium 1.0.18 ignores bit 255 and would let
two encodings of one element pass, and then one identifier could be counted twice. Whether s is a point at all is for
the backend to say.

`Backend` is the only way to the arithmetic. It works on batches in contiguous buffers, because a call per element is
what makes Python slow, and because faster backends compute several elements at once. Elements and public scalars are
plain bytes; secret scalars are `SecretBytes` and never become a Python int or bytes.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from psi.errors import InvalidElement, LocalError
from psi.secret import SecretBytes

__all__ = [
    "DIGEST_BYTES",
    "ELEMENT_BYTES",
    "GENERATOR",
    "IDENTITY",
    "MAX_BATCH",
    "MAX_SCALARS",
    "ORDER",
    "PRIME",
    "SCALAR_BYTES",
    "WIDE_BYTES",
    "Backend",
    "Buffer",
    "RandomBytes",
    "check_batch",
    "invalid_element",
    "is_canonical_element",
    "is_canonical_scalar",
    "rows",
    "rows_to_hash",
]

ELEMENT_BYTES = 32
"""Length of an encoded element, in bytes."""

SCALAR_BYTES = 32
"""Length of a scalar, in bytes, little-endian."""

WIDE_BYTES = 64
"""Length of uniform input for one element or one reduced scalar, in bytes: 512 bits leave no measurable bias mod L."""

DIGEST_BYTES = 64
"""Longest result of `hash_rows` for one row, in bytes: a whole SHA-512 digest."""

MAX_BATCH = 2**20
"""Most rows in one call. The protocol uses 4,096; this only stops a broken caller from asking for all memory."""

MAX_SCALARS = 8
"""Most secret scalars in one call of `multiply_each`, in number."""

PRIME = 2**255 - 19
"""p, the field (RFC 9496 section 4.1)."""

ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, the number of elements (RFC 9496 section 4.4)."""

IDENTITY = bytes(ELEMENT_BYTES)
"""The encoding of the neutral element."""

GENERATOR = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
"""The encoding of the base element G (RFC 9496 appendix A.1)."""

Buffer = bytes | bytearray | memoryview
"""Contiguous bytes: n rows of one width, row after row."""

RandomBytes = Callable[[int], bytes]
"""Gives that many uniform random bytes, for example `os.urandom`."""


class Backend(Protocol):
    """Arithmetic in ristretto255, in batches of n >= 0 rows.

    All inputs are checked, in order: `InvalidElement` carries the index of the first row that is the identity, not
    canonical, or no element. `LocalError` means that the caller passed something of the wrong shape. Objects hold no
    state of a caller, so several threads may use one backend at the same time.
    """

    @property
    def name(self) -> str:
        """What `blindmatch doctor` shows."""
        ...

    def new_scalar(self, random_bytes: RandomBytes | None = None) -> SecretBytes:
        """A uniform, non-zero scalar.

        Without `random_bytes` the backend's own generator writes straight into the secret's memory. With it the
        scalar is 64 of its bytes reduced mod L: that is for repeatable tests and simulations, since the bytes object
        it returns stays in memory after us.
        """
        ...

    def base_multiply(self, scalar: SecretBytes) -> bytes:
        """k*G, 32 bytes."""
        ...

    def map_to_group(self, uniform: Buffer) -> bytes:
        """n x 64 uniform bytes to n x 32: the one-way map of RFC 9496 section 4.3.4.

        The result may be the identity (for 64 zero bytes it is; for uniform ones never): all other operations refuse
        it then.
        """
        ...

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        """n messages to n x 32: hash_to_ristretto255 of RFC 9380 appendix B, with expand_message_xmd and SHA-512."""
        ...

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        """k*H(m) for n messages, n x 32; the unblinded elements never leave the backend."""
        ...

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        """k*P for n elements, n x 32."""
        ...

    def multiply_keeping(self, scalar: SecretBytes, elements: Buffer) -> tuple[bytes, bytes]:
        """As `multiply`; and the elements once more, for `multi_scalar_kept`: n rows of one width.

        The rows are public. Their form is the backend's own and spares it what it has done already; they are not stored
        and not sent, and no other backend reads them.
        """
        ...

    def multiply_each(self, scalars: Sequence[SecretBytes], elements: Buffer) -> bytes:
        """k_i*P_i for as many secret scalars as elements, at most MAX_SCALARS: n x 32. For the few of one proof."""
        ...

    def validate(self, elements: Buffer) -> None:
        """Refuse all that is not an element other than the identity."""
        ...

    def sum(self, elements: Buffer) -> bytes:
        """The sum of n elements, 32 bytes; the identity for none, or where they cancel."""
        ...

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        """The sum of s_i*P_i over n public canonical scalars (zero allowed) and n elements; may be the identity."""
        ...

    def multi_scalar_kept(self, scalars: Buffer, kept: Buffer) -> bytes:
        """`multi_scalar` over the elements whose rows `multiply_keeping` gave; any whole rows of it, in any order.

        Other rows give a wrong sum or an error, and nothing worse: only a caller's own are to be passed.
        """
        ...

    def hash_rows(self, prefix: bytes, rows: Buffer, width: int, length: int) -> bytes:
        """The first `length` (1..64) bytes of SHA-512(prefix || row) for n public rows of `width` bytes: n x length."""
        ...

    def reduce(self, wide: Buffer) -> bytes:
        """64 public bytes, little-endian, mod L: 32 bytes."""
        ...

    def response(self, nonce: SecretBytes, challenge: bytes, scalar: SecretBytes) -> bytes:
        """r - c*k mod L, the public answer of a proof, 32 bytes."""
        ...

    def derive_nonce(self, scalar: SecretBytes, statement: bytes, fresh: bytes) -> SecretBytes:
        """A non-zero nonce for a proof: SHA-512 over a label, k, statement and fresh, reduced mod L.

        The key and the statement make two proofs never share a nonce even if the random source fails; the fresh
        bytes keep a fault in one of two equal computations from showing the key.
        """
        ...


def is_canonical_element(encoding: bytes) -> bool:
    """Whether 32 bytes are a canonical field encoding other than the identity's. Not yet: whether it is a point."""
    value = int.from_bytes(encoding, "little")
    return 0 < value < PRIME and not value & 1


def is_canonical_scalar(encoding: bytes) -> bool:
    """Whether 32 public bytes are a scalar below L (RFC 9496 section 4.4). Never call it on a secret."""
    return len(encoding) == SCALAR_BYTES and int.from_bytes(encoding, "little") < ORDER


def rows(data: Buffer, width: int) -> tuple[bytes, int]:
    """The bytes of a buffer and how many rows of `width` bytes it holds; LocalError if it is not whole rows.

    A mutable buffer is copied, so that nothing can change between its check and its use.
    """
    fixed = bytes(data)
    count, rest = divmod(len(fixed), width)
    if rest:
        raise _wrong_length()
    check_batch(count)
    return fixed, count


def rows_to_hash(data: Buffer, width: int, length: int) -> tuple[bytes, int]:
    """`rows` for `Backend.hash_rows`, which checks its figures as well."""
    if width < 1 or not 1 <= length <= DIGEST_BYTES:
        raise _wrong_length()
    return rows(data, width)


def check_batch(count: int) -> None:
    """LocalError for more than MAX_BATCH rows."""
    if count > MAX_BATCH:
        raise _wrong_length()


def invalid_element(index: int | None) -> InvalidElement:
    """The refusal of row `index`; None where there is only one value, such as a public key."""
    return InvalidElement(
        "The other organisation's program sent a value that is not a valid blinded value.",
        advice="Nothing was released. Tell the other organisation; its program may be damaged or out of date.",
        index=index,
    )


def _wrong_length() -> LocalError:
    return LocalError(
        "This program passed on a list of the wrong length.",
        advice="This is a fault in blindmatch. Please report it; no data was sent.",
    )
