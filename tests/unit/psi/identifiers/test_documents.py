"""Documents and national numbers: check digits by hand, every rule of every country, and no clock."""

import inspect
import itertools
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.identifiers.cells import Cell, Hints
from psi.identifiers.country_codes import ISSUERS_WITHOUT_STATE, STATES, THREE_LETTERS, issuer_code, state_code
from psi.identifiers.documents import documents
from psi.identifiers.lettering import latin_capitals, swaps
from psi.identifiers.mrz import check_digit
from psi.identifiers.national_id_rules import COUNTRIES, NUMBERS
from psi.identifiers.national_ids import national_ids
from tests.support.damage import outcome

LINES = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
CARD = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
CHECKED_IN_PASSPORT = (*range(45, 55), *range(58, 65), *range(66, 89))
"""Places of the second line that a check digit covers: not nationality and sex."""

NUMBERS_OF_STATES = {
    "AR": "20123456",
    "AT": "1237010180",
    "BA": "0101006500006",
    "BE": "85073003328",
    "BG": "8032056031",
    "BR": "39053344705",
    "CA": "123456782",
    "CH": "7569217076985",
    "CL": "125319092",
    "CN": "360426199101010071",
    "CR": "0304550175",
    "CU": "91021027775",
    "CZ": "7103192745",
    "DE": "36574261809",
    "DK": "2110625629",
    "DO": "00113918205",
    "EC": "1714307103",
    "EE": "36805280109",
    "ES": "54362315K",
    "FI": "131052-308T",
    "FR": "295109912611193",
    "GR": "01013099997",
    "HR": "33392005961",
    "HU": "18001010016",
    "ID": "3171011708450001",
    "IE": "6433435F",
    "IL": "039337423",
    "IN": "234123412346",
    "IS": "1201743399",
    "IT": "RCCMNL83S18D969H",
    "JP": "621498320257",
    "KR": "9710139019902",
    "LT": "33309240064",
    "LV": "16117519997",
    "MD": "2000000000004",
    "ME": "0101006500006",
    "MK": "0101006500006",
    "MX": "BOXW310820HNERXN09",
    "MY": "770305021234",
    "NL": "111222333",
    "NO": "15108695088",
    "PE": "10117410",
    "PK": "3420108912318",
    "PL": "44051401359",
    "PT": "000000000ZZ4",
    "RO": "1630615123457",
    "RS": "0101006500006",
    "RU": "123456789047",
    "SE": "8803200016",
    "SI": "0101006500006",
    "SK": "7103192745",
    "TH": "3100600445635",
    "TR": "17291716060",
    "UA": "1759013776",
    "US": "536904399",
    "XK": "0101006500006",
    "ZA": "7503305044089",
}
"""Examples that python-stdnum prints, and made-up ones."""

WITHOUT_CHECK_DIGIT = {"AR", "CR", "CU", "DK", "ID", "MY", "PE", "PK", "US"}


def assert_not_taken_for_right(lines: str) -> None:
    """A wrong line is refused, or one of its O, I, 0 and 1 makes its check digit fit; then it is another document."""
    result = outcome(documents, lines)
    if result != "document/check-digit":
        assert result[0] not in ("UTO:L898902C3", "UTO:D23145890")
        assert any(other.rstrip("<") in result[0] for other in swaps(lines[45:54], 1) + swaps(lines[5:14], 1))


def test_icao_check_digits_by_hand() -> None:
    # ICAO Doc 9303-3, section 4.9: 520727 gives 3, AB2134<<< gives 5.
    assert check_digit("520727") == "3"
    assert check_digit("AB2134<<<") == "5"


@pytest.mark.parametrize("place", CHECKED_IN_PASSPORT)
def test_no_wrong_digit_in_a_checked_place_of_a_passport_is_read(place: int) -> None:
    """Every other digit in every covered place, but those that weigh the same: 1 for L is beyond any check digit."""
    tried = 0
    for other in "0123456789":
        if check_digit(other) != check_digit(LINES[place]):
            tried += 1
            assert_not_taken_for_right(LINES[:place] + other + LINES[place + 1 :])
    assert tried >= 9


def test_no_misread_digit_in_a_card_is_read() -> None:
    places = [*range(5, 15), *range(31, 38), *range(39, 46), 60]
    for place, other in itertools.product(places, "23456789"):
        if check_digit(CARD[place]) != check_digit(other):
            assert_not_taken_for_right(CARD[:place] + other + CARD[place + 1 :])


def test_lines_with_and_without_their_break_are_one_document() -> None:
    for text in (LINES, LINES.replace("\n", " "), LINES.replace("\n", ""), LINES.lower(), LINES.replace("<<A", "«A")):
        assert documents(Cell(text), Hints()) == ("UTO:L898902C3",)


@given(st.text(alphabet="ABCOI019", min_size=9, max_size=9))
def test_a_letter_o_in_a_number_is_settled_only_by_its_check_digit(number: str) -> None:
    """What is read has the right check digit, and differs from what was written in O, 0, I and 1 alone."""
    for digit in "0123456789":
        line = f"I<UTO{number}{digit}{'<' * 15}"
        result = outcome(documents, line)
        if isinstance(result, tuple):
            read = result[0].partition(":")[2]
            assert check_digit(read) == digit
            assert read == number or (check_digit(number) != digit and read in swaps(number))


def test_codes_of_all_states_are_their_own() -> None:
    assert len(STATES) == 250
    assert all(state_code(code) == code and issuer_code(code) == code for code in STATES)
    assert all(state_code(three) == two for three, two in THREE_LETTERS.items() if len(three) == 3)
    assert all(issuer_code(code) == code for code in ISSUERS_WITHOUT_STATE)
    assert not ISSUERS_WITHOUT_STATE & THREE_LETTERS.keys()


@pytest.mark.parametrize("issuer", sorted(STATES | ISSUERS_WITHOUT_STATE))
def test_every_issuer_has_a_canonical_form_that_is_itself(issuer: str) -> None:
    value = f"{issuer}:AB123456"
    assert documents(Cell(value), Hints()) == documents(Cell(value), Hints(qualifier=issuer)) == (value,)


def test_look_alikes_become_latin_and_stay_so() -> None:
    assert latin_capitals("аВсЕ хΥΖ яШ") == "ABCE XYZ ЯШ"
    assert latin_capitals(latin_capitals("РУСЬ")) == latin_capitals("РУСЬ")


@pytest.mark.parametrize("country", sorted(NUMBERS_OF_STATES))
def test_every_country_reads_its_number_in_four_ways(country: str) -> None:
    number = NUMBERS_OF_STATES[country]
    value = f"{country}:{number}"
    for text, hints in (
        (value, Hints()),
        (f"{country} {number}", Hints()),
        (number, Hints(region=country)),
        (number.lower(), Hints(qualifier=country)),
    ):
        assert national_ids(Cell(text), hints) == (value,)


def test_the_examples_are_all_countries_but_one_without_a_published_example() -> None:
    assert set(COUNTRIES) - set(NUMBERS_OF_STATES) == {"MU"}


@pytest.mark.parametrize("country", sorted(set(NUMBERS_OF_STATES) - WITHOUT_CHECK_DIGIT))
def test_one_changed_digit_is_never_the_same_number(country: str) -> None:
    """Of all numbers that differ in one digit, at most one in six is valid, in countries with check digits."""
    number = NUMBERS_OF_STATES[country]
    tried = valid = 0
    for place, other in itertools.product(range(len(number)), "0123456789"):
        if number[place].isdigit() and number[place] != other:
            tried += 1
            result = outcome(national_ids, number[:place] + other + number[place + 1 :], Hints(region=country))
            valid += isinstance(result, tuple)
            assert result != (f"{country}:{number}",)
    assert tried >= 50
    assert valid * 6 <= tried


def test_no_rule_asks_for_the_date_of_today() -> None:
    """A number that is read today and refused tomorrow would break the agreement of two sides."""
    for row in NUMBERS:
        source = inspect.getsource(row.check if callable(row.check) else import_module(f"stdnum.{row.check}"))
        if row.check == "kr.rrn":
            # It asks only if it is told to refuse the future, which is not its default.
            assert "allow_future: bool = True" in source
            continue
        assert not any(clock in source for clock in ("today(", "now(")), row


def test_the_borrowed_functions_ask_for_no_date_either() -> None:
    from stdnum.dk import cpr
    from stdnum.no import fodselsnummer
    from stdnum.za import idnr

    borrowed = (
        cpr.get_birth_date,
        fodselsnummer.get_birth_date,
        fodselsnummer.calc_check_digit1,
        fodselsnummer.calc_check_digit2,
        idnr.get_citizenship,
    )
    assert not any("today(" in inspect.getsource(function) for function in borrowed)


@given(st.integers(1, 10**13 - 1))
def test_a_number_cell_gets_zeros_in_front_and_nothing_else(number: int) -> None:
    for country in ("BG", "RO", "CZ", "DK", "RS"):
        result = outcome(national_ids, Cell("", float(number)), Hints(region=country))
        if isinstance(result, tuple) and result:
            assert result[0].partition(":")[2].lstrip("0") == str(number)
