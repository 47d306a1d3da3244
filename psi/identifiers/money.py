"""Bank accounts, payment cards, payment references and wallets.

| kind | canonical | rule |
| --- | --- | --- |
| iban | capitals without spaces | ISO 13616: country, form, two check digits modulo 97 |
| card | 12 to 19 digits | ISO/IEC 7812: a known scheme's prefix and length, Luhn digit |
| payment_ref | `service:reference` | each service's own form (`payment_services`) |
| wallet | `chain:address` | each chain's checksum (`wallet_codes`) |

A masked number (4111 11** **** 1111) is refused, for many cards share what is left of it. A reference of a money
transfer is ten digits without check digits, so it means something only with its service's name.
"""

import re
from functools import cache
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean
from psi.identifiers.lettering import latin_capitals, one_or_words, plain_capitals
from psi.identifiers.payment_services import SERVICE_NAMES, SERVICES, describes_itself
from psi.identifiers.several import BETWEEN_CODES, Refuse, is_zero, number_cell, read_each, refuser, undamaged
from psi.identifiers.wallet_codes import read_address

__all__ = ["cards", "ibans", "payment_refs", "wallets"]

_refuse_iban = refuser("iban")
_refuse_card = refuser("card")
_refuse_payment_ref = refuser("payment_ref")
_refuse_wallet = refuser("wallet")

_MASKED: Final = re.compile(r"[*•●…#]|X{3,}|\.{3}")


def ibans(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The bank accounts of one cell; () for a blank.

    Raises `RefusedValue`: `iban/not-an-iban`, `masked`, `unknown-country`, `length`, `wrong-form`, `check-digits`,
    `number-cell`, `too-many`.
    """
    if cell.number is not None:
        if is_zero(cell):
            return ()
        raise number_cell(_refuse_iban)
    return read_each(cell, "iban", one_or_words(_iban), BETWEEN_CODES)


_IBAN_LABEL: Final = re.compile(r"IBAN(?:\s*(?:NO|NR|CODE))?\s*[.:]*\s*(?=[A-Z]{2}\s?[0-9]{2})")
_IBAN_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+")


def _iban(part: str) -> str:
    text = _IBAN_LABEL.sub("", latin_capitals(ascii_digits(part)), count=1)
    number = re.sub(r"[ .\-]", "", text)
    if _MASKED.search(number):
        raise _masked(_refuse_iban)
    if not _IBAN_SHAPE.fullmatch(number):
        raise _refuse_iban(
            "not-an-iban",
            "This cell holds something that is no IBAN.",
            "Write the IBAN, which begins with two letters and two digits; an account number alone is not enough.",
        )
    form = _account_form(number[:2])
    if not form:
        raise _refuse_iban(
            "unknown-country",
            "No country that uses IBANs has these two letters.",
            "Check the first two letters against the original.",
        )
    if len(number) != 4 + sum(int(count) for count, _ in form):
        raise _refuse_iban(
            "length", "This IBAN is too short or too long for its country.", "Check it against the original."
        )
    if not re.fullmatch("".join(f"[{characters}]{{{count}}}" for count, characters in form), number[4:]):
        raise _refuse_iban(
            "wrong-form",
            "This IBAN has a letter where its country has a digit, or the other way round.",
            "Check it against the original, above all O and 0, I and 1.",
        )
    # Modulo 97 alone would let 00 stand for 97, 01 for 98 and 99 for 02: one account would have two numbers.
    remainder = int("".join(str(int(one, 36)) for one in f"{number[4:]}{number[:2]}00")) % 97
    if number[2:4] != f"{98 - remainder:02}":
        raise _refuse_iban(
            "check-digits",
            "The check digits of this IBAN are wrong, so one of its characters is.",
            "Check it against the original.",
        )
    return number


_CHARACTERS: Final = {"n": "0-9", "a": "A-Z", "c": "A-Z0-9"}


@cache
def _account_form(country: str) -> tuple[tuple[int, str], ...]:
    """Counts and characters of a country's account numbers (SWIFT's IBAN registry, as python-stdnum carries it)."""
    from stdnum import numdb

    form = numdb.get("iban").info(country)[0][1].get("bban", "")
    return tuple((int(count), _CHARACTERS[letter]) for count, letter in re.findall("([0-9]+)!([nac])", form))


def cards(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The payment cards of one cell; () for a blank.

    Raises `RefusedValue`: `card/not-a-card`, `masked`, `length`, `unknown-scheme`, `check-digit`, `lost-digits`,
    `too-many`.
    """
    if is_zero(cell):
        return ()
    return read_each(undamaged(cell, "card"), "card", one_or_words(_card), BETWEEN_CODES)


SHORTEST_CARD: Final = 12
LONGEST_CARD: Final = 19
"""Digits (ISO/IEC 7812-1)."""

_SCHEMES: Final = """
    4:13,16,19 51-55:16 222100-272099:16 34:15 37:15 300-305:14-19 309:14-19 36:14-19 38-39:14-19 6011:16-19
    644-649:16-19 65:16-19 3528-3589:16-19 62:16-19 81:16-19 50:12-19 56-58:12-19 60-61:12-19 63-64:12-19 66-69:12-19
    2200-2205:16-19 9792:16 9112:16 8600:16 9860:16 1:15 82:16
"""
"""Prefixes and lengths: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro and other debit
schemes, Mir, Troy, Belkart, Uzcard, Humo, UATP, RuPay. Wide on purpose: banks get new prefixes every month."""


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


_PREFIXES: Final = tuple(
    (len(prefix.split("-")[0]), *_range(prefix), tuple(_range(length) for length in lengths.split(",")))
    for prefix, lengths in (row.split(":") for row in _SCHEMES.split())
)
_CARD_LABEL: Final = re.compile(
    r"(?:CARD|PAN|KARTE|CARTE|VISA|MASTERCARD|AMEX|MAESTRO)(?:\s*(?:NO|NR))?\s*[.:]*\s*(?=\d)"
)


def _card(part: str) -> str:
    from stdnum import luhn

    text = plain_capitals(ascii_digits(part))
    if _MASKED.search(text):
        raise _masked(_refuse_card)
    number = re.sub(r"[ .\-]", "", _CARD_LABEL.sub("", text, count=1))
    if not re.fullmatch("[0-9]+", number):
        raise _refuse_card(
            "not-a-card",
            "This cell holds something that is no card number.",
            "Keep only the digits of the card, without its date, code or owner.",
        )
    if not SHORTEST_CARD <= len(number) <= LONGEST_CARD:
        raise _refuse_card("length", "This card number is too short or too long.", "Check it against the original.")
    fitting = [lengths for width, first, last, lengths in _PREFIXES if first <= int(number[:width]) <= last]
    if not any(least <= len(number) <= most for lengths in fitting for least, most in lengths):
        raise _refuse_card(
            "unknown-scheme",
            "No card scheme has numbers that begin like this and have this length.",
            "Check it against the original; an account number belongs in another column.",
        )
    if not luhn.is_valid(number):
        raise _refuse_card(
            "check-digit",
            "The check digit of this card number is wrong, so one of its digits is.",
            "Check it against the original.",
        )
    return number


def payment_refs(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The payment references of one cell; () for a blank. `hints.qualifier` is the service of the whole column.

    Raises `RefusedValue`: `payment_ref/no-service`, `unknown-service`, `other-service`, `wrong-form`, `check-digits`,
    `lost-digits`, `too-many`.
    """
    column = None
    if hints.qualifier is not None:
        column = SERVICE_NAMES.get(_service_word(hints.qualifier))
        if column is None:
            raise _unknown_service()
    if is_zero(cell):
        return ()
    cell = undamaged(cell, "payment_ref")
    return read_each(cell, "payment_ref", one_or_words(lambda part: _payment_ref(part, column)), BETWEEN_CODES)


_NAMED: Final = re.compile(r"([^:0-9#]{2,40}?)\s*(?::\s*|#\s*|\s+(?=[^ ]*[0-9]))(.+)")
_NOISE: Final = re.compile(r"^(?:(?:MTCN|PIN|REF(?:ERENCE)?|NO|NR|NUMBER|CODE)\b\s*[.:#]*\s*)+")


def _service_word(text: str) -> str:
    return re.sub("[^A-Z0-9]", "", plain_capitals(text))


def _payment_ref(part: str, column: str | None) -> str:
    text = plain_capitals(ascii_digits(part))
    service = column
    if match := _NAMED.fullmatch(text):
        named = SERVICE_NAMES.get(_service_word(match[1]))
        if named is not None:
            if column is not None and named != column:
                raise _refuse_payment_ref(
                    "other-service",
                    "This reference is of another service than its column says.",
                    "Move it to its own column.",
                )
            service, text = named, match[2]
        elif ":" in match[0][: match.start(2)] and not _NOISE.match(text):
            raise _unknown_service()
    text = _NOISE.sub("", text)
    service = service or describes_itself(text)
    if service is None:
        raise _refuse_payment_ref(
            "no-service",
            "This reference does not say of which payment service it is.",
            "Map the column to one service, or write service:reference, such as western_union: and the number.",
        )
    row = SERVICES[service]
    reference = re.sub(row.separators, "", text)
    if not row.form.fullmatch(reference) or not clean(Cell(reference)):
        raise _refuse_payment_ref(
            "wrong-form",
            "This is not what references of its service look like.",
            "Check that every character is there, also zeros at the start, and that the service is right.",
        )
    if not row.holds(reference):
        raise _refuse_payment_ref(
            "check-digits",
            "The check digits of this reference are wrong, so one of its characters is.",
            "Check it against the original.",
        )
    return f"{service}:{reference}"


def _unknown_service() -> RefusedValue:
    return _refuse_payment_ref(
        "unknown-service", "This payment service is not one that is known here.", f"Known are: {', '.join(SERVICES)}."
    )


def wallets(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The wallets of one cell; () for a blank.

    Raises `RefusedValue`: `wallet/unknown-chain`, `other-chain`, `number-cell`, `too-many`, and as `read_address`.
    """
    if cell.number is not None:
        if is_zero(cell):
            return ()
        raise number_cell(_refuse_wallet)
    return read_each(cell, "wallet", one_or_words(_wallet), BETWEEN_CODES)


_CHAIN_NAMES: Final = {
    "btc": "btc", "bitcoin": "btc", "xbt": "btc", "ltc": "ltc", "litecoin": "ltc", "doge": "doge", "dogecoin": "doge",
    "eth": "eth", "ethereum": "eth", "erc20": "eth", "bsc": "eth", "bnb": "eth", "bep20": "eth", "polygon": "eth",
    "tron": "tron", "trx": "tron", "trc20": "tron", "xmr": "xmr", "monero": "xmr", "ton": "ton",
}  # fmt: skip
"""One key has the same address on Ethereum and on all chains that copy it, so they are one."""

_COINS_ON_MANY_CHAINS: Final = frozenset({"usdt", "usdc", "tether", "wallet", "address", "crypto"})
_PREFIXED: Final = re.compile(r"([A-Za-z][A-Za-z0-9]{2,9})(?:\s*:\s*|\s+)(?:([A-Za-z][A-Za-z0-9]{2,9})\s*:?\s+)?(\S.*)")


def _wallet(part: str) -> str:
    chain = None
    address = part
    if match := _PREFIXED.fullmatch(part):
        words = [plain_capitals(word).lower() for word in match.groups()[:2] if word]
        if any(word not in _CHAIN_NAMES and word not in _COINS_ON_MANY_CHAINS for word in words):
            raise _refuse_wallet(
                "unknown-chain",
                "The cryptocurrency before this address is not one that is known here.",
                f"Known are: {', '.join(sorted(set(_CHAIN_NAMES.values())))}; or give the address alone.",
            )
        chain = next((_CHAIN_NAMES[word] for word in words if word in _CHAIN_NAMES), None)
        # A payment link goes on with an amount.
        address = match[3].split("?")[0].split("@")[0]
    found = read_address(address)
    if chain is not None and chain != found.chain:
        raise _refuse_wallet(
            "other-chain",
            "This address belongs to another cryptocurrency than the cell says.",
            "Correct the one that is wrong.",
        )
    return f"{found.chain}:{found.spelling}"


def _masked(refuse: Refuse) -> RefusedValue:
    return refuse(
        "masked",
        "Part of this number is hidden, and many numbers share what is left.",
        "Give the whole number, or leave the cell empty.",
    )
