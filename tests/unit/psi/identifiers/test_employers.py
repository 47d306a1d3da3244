"""The table of registers of companies: every row works, and nothing in it reaches for the network."""

import re

import pytest

from psi.identifiers import Cell, RefusedValue, canonicalise
from psi.identifiers.employers import _ROWS, REGISTERS, _stdnum

EXAMPLES = {
    # Published examples of python-stdnum or of the register, where there is a check digit.
    "al.nipt": "J91402501L",
    "at.fn": "122119M",
    "at.uid": "U13585627",
    "be.kbo": "0428759497",
    "bg.eik": "175074752",
    "by.unp": "200988541",
    "ch.uid": "CHE100155212",
    "cy.vat": "10259033P",
    "cz.ico": "25123891",
    "de.hr": "aachen-hra-11223",
    "de.vat": "136695976",
    "dk.cvr": "13585628",
    "ee.reg": "12345678",
    "ee.vat": "100931558",
    "es.cif": "J99216582",
    "fi.ytunnus": "20774740",
    "fr.siren": "552008443",
    "gb.crn": "SC123456",
    "gb.vat": "980780684",
    "gr.afm": "094259216",
    "hr.oib": "33392005961",
    "hu.anum": "12892312",
    "ie.vat": "6433435F",
    "il.hp": "516179157",
    "it.iva": "00743110157",
    "lei": "213800KUD8LAJWSQ9D15",
    "lt.pvm": "119511515",
    "lu.vat": "15027442",
    "lv.pvn": "40003521600",
    "md.idno": "1008600038413",
    "me.pib": "02655284",
    "mk.edb": "4030000375897",
    "mt.vat": "11679112",
    "nl.btw": "004495445B01",
    "nl.kvk": "12345678",
    "nl.rsin": "111222333",
    "no.orgnr": "988077917",
    "pl.krs": "0000127206",
    "pl.nip": "8567346215",
    "pl.regon": "192598184",
    "pt.nipc": "501964843",
    "ro.cui": "18547290",
    "rs.pib": "101134702",
    "ru.inn": "7707083893",
    "ru.ogrn": "1022200525819",
    "se.orgnr": "1234567897",
    "si.ddv": "50223054",
    "sk.dph": "2022749619",
    "sk.ico": "35763469",
    "tr.vkn": "4540536920",
    "ua.edrpou": "32855961",
    "us.ein": "911144442",
}


def test_there_is_an_example_of_every_register() -> None:
    assert set(EXAMPLES) == set(REGISTERS)


@pytest.mark.parametrize("register", REGISTERS)
def test_a_register_reads_its_numbers(register: str) -> None:
    number = EXAMPLES[register]
    value = f"{register}:{number}"
    country = register.partition(".")[0].upper() if "." in register else None
    assert canonicalise("employer", Cell(value)) == (value,)
    assert canonicalise("employer", Cell(value), region="RO", qualifier=register) == (value,)
    assert canonicalise("employer", Cell(number.lower()), qualifier=register) == (value,)
    assert canonicalise("employer", Cell(value), qualifier=country) == (value,)


@pytest.mark.parametrize("register", [name for name in REGISTERS if name in _ROWS and _ROWS[name].check])
def test_a_changed_digit_is_mostly_refused(register: str) -> None:
    """Ten modulo eleven is nought in some, and the last two digits of a BTW number are no check digits."""
    number = EXAMPLES[register]
    places = [place for place, character in enumerate(number) if character.isdigit()]
    refused = 0
    for place in places:
        changed = f"{number[:place]}{(int(number[place]) + 1) % 10}{number[place + 1 :]}"
        try:
            canonicalise("employer", Cell(f"{register}:{changed}"))
        except RefusedValue:
            refused += 1
    without_check_digit = register in ("al.nipt", "us.ein")  # python-stdnum knows no more than the form of these
    assert refused >= (0 if without_check_digit else len(places) - 2)


@pytest.mark.parametrize("register", [name for name in _ROWS if _ROWS[name].vat])
def test_a_vat_number_names_its_country(register: str) -> None:
    row = _ROWS[register]
    for prefix in row.vat:
        number = {"se.vat": "123456789701"}.get(register) or EXAMPLES[register].removeprefix("CHE")
        found = canonicalise("employer", Cell(f"{prefix} {number}"))
        assert found == (f"{'se.orgnr' if register == 'se.vat' else register}:{EXAMPLES.get(register, number[:10])}",)


def test_every_module_is_there_and_no_row_is_odd() -> None:
    for name, row in _ROWS.items():
        assert re.fullmatch(r"[a-z]{2}\.[a-z]{2,8}|lei", name)
        assert not row.check or callable(_stdnum(row.check).is_valid)
        assert row.keep == 0 or row.keep < 14
        assert not row.branch or row.keep


@pytest.mark.parametrize(
    ("text", "number", "region", "value"),
    [
        ("743110157", 743110157.0, "IT", "it.iva:00743110157"),
        ("743110157.0", None, "IT", "it.iva:00743110157"),
        ("94259216", 94259216.0, "GR", "gr.afm:094259216"),
        ("445790", 445790.0, "GB", "gb.crn:00445790"),
        ("18547290", 18547290.0, "RO", "ro.cui:18547290"),
    ],
)
def test_zeros_that_a_spreadsheet_dropped_are_put_back(
    text: str, number: float | None, region: str, value: str
) -> None:
    assert canonicalise("employer", Cell(text, number), region=region) == (value,)


@pytest.mark.parametrize(("number", "region"), [(45790.0, "GB"), (12345.0, "NL"), (743110158.0, "IT"), (1.5, "RO")])
def test_and_not_where_another_number_would_fit_as_well(number: float, region: str) -> None:
    with pytest.raises(RefusedValue):
        canonicalise("employer", Cell("", number), region=region)
