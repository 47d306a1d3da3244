"""Recovery shares: any k of n open the key file; whatever is wrong with one is said of that one."""

import os
import random
import re
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import pytest
from Crypto.Protocol.SecretSharing import Shamir
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import UserError
from node.keeping.shares import MAX_OFFICERS, Share, combine, parse_share, share_text, split_secret
from node.store import KeyRing
from node.store.keyring import WrongSecret
from tests.support.stores import CHEAP, secret

SEED = 20260102


def text(share: Share) -> str:
    return share_text(share, organisation="Harbour", member_id="a" * 32, made_at="2026-01-02T03:04:05Z")


@pytest.mark.parametrize(("needed", "officers"), [(2, 2), (2, 3), (3, 5), (5, 5), (2, MAX_OFFICERS)])
@pytest.mark.tm("TM-133")
def test_any_k_shares_give_the_secret_and_fewer_do_not(needed: int, officers: int) -> None:
    key, recovery, shares = split_secret(needed, officers, os.urandom)
    named = [(f"file {share.number}", parse_share(text(share), "x")) for share in shares]
    tried = 0
    for chosen in list(combinations(named, needed))[:40]:
        assert bytes(combine(chosen, recovery).view()) == bytes(key.view())
        tried += 1
    assert tried >= 1
    with pytest.raises(UserError, match=f"{needed} shares are needed, and {needed - 1} w(as|ere) given"):
        combine(named[: needed - 1], recovery)


@pytest.mark.tm("TM-133")
def test_one_share_of_two_fits_every_secret_equally_well() -> None:
    """With one share known, the secret is an affine map of the missing one. Its matrix over GF(2) has full rank, so
    each of the 2^128 secrets belongs to exactly one value of the missing share, and none is excluded."""
    _, _, shares = split_secret(2, 2, os.urandom)

    def secret_for(missing: int) -> int:
        chosen = [(1, shares[0].value), (2, missing.to_bytes(16, "big"))]
        return int.from_bytes(Shamir.combine(chosen), "big")

    origin = secret_for(0)
    leading: dict[int, int] = {}
    for bit in range(128):
        image = secret_for(1 << bit) ^ origin
        while image and image.bit_length() in leading:
            image ^= leading[image.bit_length()]
        if image:
            leading[image.bit_length()] = image
    assert len(leading) == 128
    probe = random.Random(SEED)
    for _ in range(20):  # and affine it is
        one, other = probe.getrandbits(128), probe.getrandbits(128)
        assert secret_for(one ^ other) == secret_for(one) ^ secret_for(other) ^ origin


@pytest.mark.parametrize(("needed", "officers"), [(1, 3), (0, 0), (4, 3), (2, MAX_OFFICERS + 1), (-1, 2)])
def test_numbers_that_make_no_sense_are_refused(needed: int, officers: int) -> None:
    with pytest.raises(UserError, match="needed"):
        split_secret(needed, officers, os.urandom)


@pytest.mark.tm("TM-134")
def test_each_slip_of_the_pen_is_found_in_its_line() -> None:
    """Every single changed character of the four lines, and every pair of lines exchanged."""
    _, _, shares = split_secret(2, 3, os.urandom)
    lines = shares[0].lines()
    slips = 0
    for number, line in enumerate(lines):
        for place in range(len(line)):
            if line[place] == " ":
                continue
            wrong = line[:place] + ("0" if line[place] != "0" else "1") + line[place + 1 :]
            copied = [*lines[:number], wrong, *lines[number + 1 :]]
            with pytest.raises(UserError, match=f"Line {number + 1} of the share in anna.txt was not copied"):
                parse_share("\n".join(copied), "anna.txt")
            slips += 1
    assert slips == 80
    for one, other in combinations(range(4), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        with pytest.raises(UserError, match="out of order"):
            parse_share("\n".join(swapped), "anna.txt")
    with pytest.raises(UserError, match=r"no whole recovery share in anna.txt"):
        parse_share("\n".join(lines[:3]), "anna.txt")
    with pytest.raises(UserError, match="made of lines of several shares"):
        parse_share("\n".join([*lines[:2], *shares[1].lines()[2:]]), "anna.txt")


def test_a_share_copied_by_hand_is_read() -> None:
    _, _, shares = split_secret(2, 3, os.urandom)
    by_hand = "My share!\r\n" + "\r\n".join(line.upper().replace("0", "O") for line in shares[2].lines()) + "\r\nthanks"
    assert parse_share(by_hand, "x") == shares[2]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789abcdefOlI -\t\r\nxyz"), max_size=400) | st.text(max_size=200))
def test_any_text_is_a_share_or_refused_with_a_sentence(anything: str) -> None:
    with suppress(UserError):
        assert parse_share(anything, "x")


@pytest.mark.tm("TM-134")
def test_a_wrong_share_is_named() -> None:
    _, recovery, shares = split_secret(2, 3, os.urandom)
    _, _, older = split_secret(2, 3, os.urandom)
    good = ("ada.txt", shares[0])
    with pytest.raises(UserError, match=r"share in ben.txt belongs to an earlier split"):
        combine([good, ("ben.txt", older[1])], recovery)
    forged = Share(shares[1].split, 2, 3, 2, bytes(16))
    with pytest.raises(UserError, match=r"share in ben.txt is not the one that was handed out"):
        combine([good, ("ben.txt", forged)], recovery)
    with pytest.raises(UserError, match=r"ada.txt and copy.txt hold the same share, number 1"):
        combine([good, ("copy.txt", shares[0])], recovery)
    with pytest.raises(UserError, match="does not know any recovery shares"):
        combine([good, ("ben.txt", shares[1])], None)


@pytest.mark.tm("TM-134")
def test_twin_without_the_checks_combines_shares_of_two_splits_to_garbage(tmp_path: Path) -> None:
    """What pycryptodome does by itself, and why the key file would then only say "wrong"."""
    key, recovery, shares = split_secret(2, 3, os.urandom)
    _, _, older = split_secret(2, 3, os.urandom)
    garbage = Shamir.combine([(1, shares[0].value), (2, older[1].value)])
    assert garbage != bytes(key.view())
    ring = KeyRing.create(tmp_path / "key", secret(), os.urandom, cost=CHEAP)
    ring.entrust(key, recovery, os.urandom)
    with pytest.raises(WrongSecret):
        KeyRing.open_recovered(tmp_path / "key", secret(garbage))


@pytest.mark.tm("TM-133")
def test_the_key_file_opens_with_the_secret_until_the_next_split_or_rotation(tmp_path: Path) -> None:
    path = tmp_path / "key"
    ring = KeyRing.create(path, secret(), os.urandom, cost=CHEAP)
    first, before, _ = split_secret(2, 2, os.urandom)
    ring.entrust(first, before, os.urandom)
    opened = KeyRing.open_recovered(path, first)
    assert bytes(opened.data_key(1).view()) == bytes(ring.data_key(1).view())
    opened.protect(secret(b"another passphrase"), os.urandom, cost=CHEAP)
    KeyRing.open(path, secret(b"another passphrase")).close()
    second, after, _ = split_secret(2, 2, os.urandom)
    KeyRing.open_recovered(path, first).entrust(second, after, os.urandom)
    assert KeyRing.recovery_of(path) == after
    with pytest.raises(WrongSecret):
        KeyRing.open_recovered(path, first)
    KeyRing.open_recovered(path, second).renew(secret(), os.urandom, cost=CHEAP)
    assert KeyRing.recovery_of(path) is None
    with pytest.raises(UserError, match="does not know any recovery shares"):
        KeyRing.open_recovered(path, second)


def test_a_share_file_says_what_it_is_and_shows_its_value_only_in_the_lines() -> None:
    _, _, shares = split_secret(3, 5, os.urandom)
    page = text(shares[1])
    assert "RECOVERY SHARE 2 OF 5" in page
    assert "any 3 of 5 officers" in page
    assert "with 2 others it opens" in page
    assert "blindmatch key recover" in page
    assert max(len(line) for line in page.splitlines()) <= 110
    assert shares[1].value.hex() not in re.sub(r"\s", "", page.split("capitals")[0])
    assert shares[1].value.hex() not in repr(shares[1])
