"""What cells look like: kinds with a form of their own are proposed, everything else is left to the person."""

import hashlib
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.datasets.content import MIN_CELLS, SAMPLE_CELLS, look, readable_share, sample
from node.datasets.tables import Row
from psi.identifiers import CATALOGUE, Cell, canonicalise

DICE = random.Random(4)


def luhn(digits: str) -> str:
    total = sum(sum(divmod(int(d) * 2, 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def weighed(digits: str, weights: list[int], modulus: int) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % modulus


def cnp() -> str:
    digits = f"2{DICE.randrange(60, 99)}0{DICE.randrange(1, 10)}{DICE.randrange(10, 29)}40{DICE.randrange(100, 999)}"
    rest = weighed(digits, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9], 11)
    return digits + str(1 if rest == 10 else rest)


def egn() -> str:
    digits = f"{DICE.randrange(60, 99)}0{DICE.randrange(1, 10)}{DICE.randrange(10, 29)}{DICE.randrange(100, 999)}"
    return digits + str(weighed(digits, [2, 4, 8, 5, 10, 9, 7, 3, 6], 11) % 10)


def bsn() -> str:
    while True:
        digits = f"{DICE.randrange(10_000_000, 99_999_999)}"
        if (check := weighed(digits, [9, 8, 7, 6, 5, 4, 3, 2], 11)) < 10:
            return digits + str(check)


KINDS = {
    "email": [f"person{n}@example.org" for n in range(12)],
    "iban": [
        "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR14 2004 1010 0505 0001 3M02 606",
        "RO49AAAA1B31007593840000", "BG80BNBG96611020345678", "NL91ABNA0417164300", "BE68539007547034",
    ],
    "wallet": [
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
    "image_hash": [hashlib.sha256(bytes([n])).hexdigest() for n in range(8)],
    "mac": [f"00-00-5E-00-53-{n:02X}" for n in range(1, 12)],
    "vin": ["1M8GDM9AXKP042788", "WVWZZZ1JZXW000001", "WBA3A5C51CF256651", "VF1BB05CF24010203", "JH4KA7561PC008269"],
    "imei": [luhn(f"49015420{DICE.randrange(100_000, 999_999)}") for _ in range(9)],
    "card": ["4111 1111 1111 1111", "5555555555554444", "4012888888881881", "5105105105105100", "4222222222222"],
    "url": [f"https://www.example.org/page/{n}?x={n}" for n in range(9)],
    "handle": [f"https://t.me/example_{n}" for n in range(9)],
    "domain": [f"site{n}.example.com" for n in range(9)],
    "national_id:RO": [cnp() for _ in range(20)],
    "national_id:BG": [egn() for _ in range(20)],
    "national_id:NL": [bsn() for _ in range(20)],
    "phone": ["+49 171 3920061", "+49 171 3920062", "0171 3920063", "0049 171 3920064", "(030) 23125 065",
        "03023125066"],
}  # fmt: skip


@pytest.mark.parametrize("role", KINDS)
def test_cells_with_a_form_of_their_own_propose_their_kind(role):
    assert look(KINDS[role], region="DE").role == role


BENIGN = {
    "case numbers of ten digits that count on": [f"20240{n:05}" for n in range(0, 400, 2)],
    "case numbers of ten digits": [f"{DICE.randrange(10**9, 10**10)}" for _ in range(200)],
    "case numbers with a leading zero that count on": [f"0{n}" for n in range(720_000_000, 720_000_900, 5)],
    "numbers of eleven digits": [f"{DICE.randrange(10**10, 10**11)}" for _ in range(200)],
    "numbers of nine digits": [f"{DICE.randrange(10**8, 10**9)}" for _ in range(200)],
    "numbers of thirteen digits": [f"{DICE.randrange(10**12, 10**13)}" for _ in range(200)],
    "numbers of fifteen digits": [f"{DICE.randrange(10**14, 10**15)}" for _ in range(200)],
    "numbers of sixteen digits": [f"4{DICE.randrange(10**14, 10**15)}" for _ in range(200)],
    "numbers that a spreadsheet made": [float(DICE.randrange(7 * 10**8, 8 * 10**8)) for _ in range(200)],
    "dates": [
        f"{DICE.randrange(1, 29):02}.{DICE.randrange(1, 13):02}.{DICE.randrange(1960, 2010)}" for _ in range(200)
    ],
    "ISO dates": [f"{DICE.randrange(1960, 2010)}-0{DICE.randrange(1, 10)}-1{DICE.randrange(10)}" for _ in range(200)],
    "postcodes": [f"0{DICE.randrange(1000, 9999)}" for _ in range(200)],
    "prices": [f"{DICE.randrange(1, 900)},00" for _ in range(200)],
    "names": ["Ana", "Christian", "Roman", "Olena", "Kurt", "Maria", "Gay", "Faith", "Hope", "Roma", "Ion", "Iva"] * 9,
    "files": [f"IMG_{n:04}.jpg" for n in range(100)],
    "references": [f"HS-2024-{n:03}" for n in range(100)],
    "yes and no": ["yes", "no"] * 40,
    "identities of rows": [hashlib.sha256(bytes([n])).hexdigest()[:24] for n in range(100)],
    "accounts without a platform": [f"@example_{n}" for n in range(50)],
    "words": [f"word{n}" for n in range(50)],
    "mixed": ["person@example.org", "07700 900123", "Ana", "?", "12", "see file", "x"] * 3,
    "too few": KINDS["email"][: MIN_CELLS - 1],
    "one value in every row": ["info@example.org"] * 100,
}


@pytest.mark.parametrize("what", BENIGN)
@pytest.mark.parametrize("region", ["RO", "US", "DE"])
def test_cells_that_any_list_could_have_propose_nothing(what, region):
    assert look(BENIGN[what], region=region).role == ""


def test_a_few_damaged_cells_do_not_hide_a_kind_and_many_do():
    good = [f"person{n}@example.org" for n in range(100)]
    assert look(good[:95] + ["?"] * 5).role == "email"
    assert look(good[:80] + [f"none of it {n}" for n in range(20)]).role == ""


def test_what_is_proposed_is_what_the_reader_reads():
    for role, cells in KINDS.items():
        kind, _, qualifier = role.partition(":")
        region, probe = "DE", qualifier or None
        assert all(canonicalise(kind, Cell(cell), region=region, qualifier=probe) for cell in cells), role


def test_the_share_that_a_kind_can_read():
    assert readable_share(KINDS["phone"], "phone", region="DE") == 1.0
    assert readable_share(KINDS["email"], "phone", region="DE") == 0.0
    assert readable_share(["unknown"] * 9, "phone") == 1.0  # placeholders say nothing
    assert readable_share(KINDS["email"][:2], "phone") == 1.0  # too few to tell


def test_a_sample_holds_the_first_cells_that_are_not_blank():
    rows = [Row(n, ("", float(n)) if n < 50 else ("x" * 9_000, float(n), "beyond")) for n in range(1_000)]
    first, second = sample(iter(rows), 2)
    assert (len(first), len(second)) == (SAMPLE_CELLS, SAMPLE_CELLS)
    assert second[0] == 0.0
    assert len(first[0]) == 4_000
    assert sample(iter(rows[:10]), 1) == ((),)
    assert sample(iter([Row(1, (), "row/quotation-mark")]), 1) == ((),)


@given(st.lists(st.one_of(st.text(max_size=60), st.floats()), max_size=30), st.sampled_from(["RO", None]))
def test_whatever_stands_in_a_column_a_look_is_the_answer(cells, region):
    seen = look(cells, region=region)
    assert seen.cells == len(cells)
    assert seen.role == "" or seen.role.partition(":")[0] in CATALOGUE


def test_looking_at_a_full_sample_takes_less_than_half_a_second():
    columns = [(list(KINDS[role]) * SAMPLE_CELLS)[:SAMPLE_CELLS] for role in KINDS] + list(BENIGN.values())
    took = []
    for column in columns:
        look(column, region="RO")  # loads what its reader needs
        start = time.perf_counter()
        look(column, region="RO")
        took.append(time.perf_counter() - start)
    assert max(took) < 0.5
