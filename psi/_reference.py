"""ristretto255 in plain integers: slow, readable, and for tests only.

NOT CONSTANT TIME. It branches on secrets, keeps them in Python ints and wipes nothing. No user data may ever go
through it: `choose()` does not know it, and the start-up self-test does not use it. It exists so that a reader can
hold each function next to its section of RFC 9496 and RFC 9380, and so that the fast backends have a twin that shares
no code with them: it has its own expand_message_xmd, its own constants and its own way to check an encoding.

A point is (X, Y, Z, T) in extended coordinates of the curve -x^2 + y^2 = 1 + d*x^2*y^2 over p = 2^255 - 19, with
x = X/Z, y = Y/Z, x*y = T/Z. Four such points, differing by a 4-torsion point, stand for one element of the group;
encoding and decoding hide that.
"""

import hashlib
from collections.abc import Sequence

from psi.errors import LocalError
from psi.group import MAX_SCALARS, Buffer, RandomBytes, invalid_element, rows
from psi.secret import SecretBytes

__all__ = ["ReferenceBackend", "decode", "encode", "expand_message_xmd", "one_way_map"]

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def is_negative(x: int) -> bool:
    """RFC 9496 section 4.1: a field element is negative if its canonical form is odd."""
    return x % P % 2 == 1


def absolute(x: int) -> int:
    """CT_ABS of RFC 9496 section 4.1."""
    return -x % P if is_negative(x) else x % P


SQRT_M1 = absolute(pow(2, (P - 1) // 4, P))


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496 section 4.2: whether u/v is a square, and the root of u/v or of SQRT_M1*u/v."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


# The roots whose sign RFC 9496 section 4.1 fixes by listing the constants.
SQRT_AD_MINUS_ONE = -sqrt_ratio(-D - 1, 1)[1] % P
INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


def decode(encoding: bytes) -> Point | None:
    """RFC 9496 section 4.3.1; None if the bytes are no canonical encoding."""
    s = int.from_bytes(encoding, "little")
    if len(encoding) != 32 or s >= P or is_negative(s):
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio(1, v * u2 * u2)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x = absolute(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or is_negative(t) or y == 0:
        return None
    return (x, y, 1, t)


def encode(point: Point) -> bytes:
    """RFC 9496 section 4.3.2."""
    x0, y0, z0, t0 = point
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, invsqrt = sqrt_ratio(1, u1 * u2 * u2)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    if is_negative(t0 * z_inv):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, den2
    if is_negative(x * z_inv):
        y = -y
    return absolute(den * (z0 - y)).to_bytes(32, "little")


def map_half(t: int) -> Point:
    """MAP of RFC 9496 section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    s_prime = -absolute(s * t) % P
    if not was_square:
        s = s_prime
    c = -1 if was_square else r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return (w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def one_way_map(uniform: bytes) -> Point:
    """Element derivation, RFC 9496 section 4.3.4: 64 bytes to a point; bit 255 of each half is ignored."""
    low = int.from_bytes(uniform[:32], "little") % 2**255
    high = int.from_bytes(uniform[32:], "little") % 2**255
    return add(map_half(low % P), map_half(high % P))


def add(a: Point, b: Point) -> Point:
    """The complete addition law for extended coordinates (RFC 8032 section 5.1.4)."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e, f = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    g, h = 2 * t1 * t2 * D, 2 * z1 * z2
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def times(k: int, point: Point) -> Point:
    """k*P by doubling and adding. The time shows k."""
    total = NEUTRAL
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


# RFC 9496 section 4.4 has the base point of edwards25519: y = 4/5, x not negative.
BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = sqrt_ratio(BASE_Y * BASE_Y - 1, D * BASE_Y * BASE_Y + 1)[1]
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """RFC 9380 section 5.3.1 with SHA-512, line by line."""
    ell = -(-length // 64)
    if ell > 255 or length > 65535 or not 1 <= len(dst) <= 255:
        raise ValueError("outside RFC 9380 section 5.3.1")
    dst_prime = dst + bytes([len(dst)])
    b_0 = hashlib.sha512(bytes(128) + message + length.to_bytes(2, "big") + bytes(1) + dst_prime).digest()
    b = [hashlib.sha512(b_0 + bytes([1]) + dst_prime).digest()]
    for i in range(2, ell + 1):
        mixed = bytes(x ^ y for x, y in zip(b_0, b[-1], strict=True))
        b.append(hashlib.sha512(mixed + bytes([i]) + dst_prime).digest())
    return b"".join(b)[:length]


class ReferenceBackend:
    """`psi.group.Backend` in integers, about fifty times slower than libsodium. Tests only; see the module."""

    name = "reference"

    def new_scalar(self, random_bytes: RandomBytes | None = None) -> SecretBytes:
        if random_bytes is None:
            raise LocalError("The reference backend makes no secrets of its own.", advice="Use it in tests only.")
        k = 0
        while k == 0:
            k = _number(random_bytes(64)) % L
        return _secret(k)

    def base_multiply(self, scalar: SecretBytes) -> bytes:
        return encode(times(_scalar(scalar), BASE))

    def map_to_group(self, uniform: Buffer) -> bytes:
        return b"".join(encode(one_way_map(row)) for row in _split(uniform, 64))

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        return b"".join(encode(one_way_map(expand_message_xmd(message, dst, 64))) for message in messages)

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        return self.multiply(scalar, self.hash_to_group(messages, dst))

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        k = _scalar(scalar)
        return b"".join(encode(times(k, point)) for point in _points(elements))

    def multiply_keeping(self, scalar: SecretBytes, elements: Buffer) -> tuple[bytes, bytes]:
        return self.multiply(scalar, elements), bytes(elements)

    def multiply_each(self, scalars: Sequence[SecretBytes], elements: Buffer) -> bytes:
        points = _points(elements)
        if len(scalars) != len(points) or len(points) > MAX_SCALARS:
            raise LocalError("Scalars and elements do not fit each other.")
        return b"".join(encode(times(_scalar(k), point)) for k, point in zip(scalars, points, strict=True))

    def validate(self, elements: Buffer) -> None:
        _points(elements)

    def sum(self, elements: Buffer) -> bytes:
        total = NEUTRAL
        for point in _points(elements):
            total = add(total, point)
        return encode(total)

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        factors = [_number(row) for row in _split(scalars, 32)]
        points = _points(elements)
        if len(factors) != len(points) or any(factor >= L for factor in factors):
            raise LocalError("Scalars and elements do not fit each other.")
        total = NEUTRAL
        for factor, point in zip(factors, points, strict=True):
            total = add(total, times(factor, point))
        return encode(total)

    def multi_scalar_kept(self, scalars: Buffer, kept: Buffer) -> bytes:
        return self.multi_scalar(scalars, kept)

    def hash_rows(self, prefix: bytes, rows: Buffer, width: int, length: int) -> bytes:
        if width < 1 or not 1 <= length <= 64:
            raise LocalError("A row has at least one byte, a digest at most 64.")
        return b"".join(hashlib.sha512(prefix + row).digest()[:length] for row in _split(rows, width))

    def reduce(self, wide: Buffer) -> bytes:
        if len(wide) != 64:
            raise LocalError("A wide scalar has 64 bytes.")
        return (_number(bytes(wide)) % L).to_bytes(32, "little")

    def response(self, nonce: SecretBytes, challenge: bytes, scalar: SecretBytes) -> bytes:
        c = _number(challenge)
        if len(challenge) != 32 or c >= L:
            raise LocalError("A challenge is a scalar.")
        return ((_scalar(nonce) - c * _scalar(scalar)) % L).to_bytes(32, "little")

    def derive_nonce(self, scalar: SecretBytes, statement: bytes, fresh: bytes) -> SecretBytes:
        _scalar(scalar)
        domain = b"blindmatch/1 proof nonce"
        hashed = hashlib.sha512(len(domain).to_bytes(4, "big") + domain + bytes(scalar.view()))
        for field in (statement, fresh):
            hashed.update(len(field).to_bytes(4, "big") + field)
        return _secret(_number(hashed.digest()) % L)


def _split(data: Buffer, width: int) -> list[bytes]:
    fixed, count = rows(data, width)
    return [fixed[index * width : (index + 1) * width] for index in range(count)]


def _points(elements: Buffer) -> list[Point]:
    points = []
    for index, row in enumerate(_split(elements, 32)):
        point = decode(row)
        if point is None or row == bytes(32):
            raise invalid_element(index)
        points.append(point)
    return points


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _scalar(secret: SecretBytes) -> int:
    k = _number(bytes(secret.view()))
    if secret.size != 32 or not 0 < k < L:
        raise LocalError("The scalar is not one.")
    return k


def _secret(k: int) -> SecretBytes:
    secret = SecretBytes(32)
    secret.view()[:] = k.to_bytes(32, "little")
    return secret
