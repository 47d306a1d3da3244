"""Which personal numbers of which country can be read, and what checks each: the table behind `national_ids`.

A rule is a module of python-stdnum, or a function below where the library asks the clock (a number would then be read
today and refused tomorrow, or by one side of a round only) or does not know the number. Numbers of companies are left
out. So are numbers with neither check digits nor a date in a register that anyone could look at (Albania, Colombia).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["COUNTRIES", "NUMBERS", "PersonalNumber"]


@dataclass(frozen=True, slots=True)
class PersonalNumber:
    """One number of one country: what it looks like without separators, and what checks it: a module of python-stdnum,
    or a function that raises the library's errors and returns the number."""

    country: str
    name: str
    form: re.Pattern[str]
    check: str | Callable[[str], str]


# Rules of our own. They raise what the library raises, so that one place explains it.


def _errors() -> tuple[type[Exception], type[Exception]]:
    """The library's errors for a wrong check digit and for a date or place that cannot be."""
    from stdnum.exceptions import InvalidChecksum, InvalidComponent

    return InvalidChecksum, InvalidComponent


def _hold(check_digits_fit: bool, parts_exist: bool = True) -> None:
    checksum, component = _errors()
    if not parts_exist:
        raise component
    if not check_digits_fit:
        raise checksum


def _day_and_month(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _belgian(number: str) -> str:
    # Registered and foreign (BIS: month + 20 or + 40) persons. Born from 2000 on, a 2 stands before the nine digits.
    check = int(number[9:])
    fits = any(97 - int(century + number[:9]) % 97 == check for century in ("", "2"))
    _hold(fits, parts_exist=int(number[2:4]) % 20 <= 12 and int(number[2:4]) <= 52)
    return number


def _argentine(number: str) -> str:
    # Of seven or eight digits. The old ones are also written with a zero before them.
    return number.removeprefix("0")


def _chilean(number: str) -> str:
    from stdnum.cl import rut

    # As in Argentina: 05.126.663-3 is 5.126.663-3.
    return str(rut.validate(number)).removeprefix("0")


def _danish(number: str) -> str:
    from stdnum.dk import cpr

    cpr.get_birth_date(number)
    return number


def _hungarian_tax(number: str) -> str:
    # Act XX of 1996: each of nine digits times its place, modulo 11.
    _hold(sum(place * int(digit) for place, digit in enumerate(number[:9], 1)) % 11 == int(number[9]))
    return number


def _hungarian(number: str) -> str:
    # Act XX of 1996: places counted from the left for those born before 1997, from the right for the others.
    exists = _day_and_month(number[5:7], number[3:5])
    rising = sum(place * int(digit) for place, digit in enumerate(number[:10], 1)) % 11
    falling = sum((11 - place) * int(digit) for place, digit in enumerate(number[:10], 1)) % 11
    old_digit, new_digit = number[0] in "12", number[0] in "34"
    year = int(number[1:3])
    fits = int(number[10]) == (rising if old_digit and year < 97 else falling)
    _hold(fits, parts_exist=exists and (old_digit or new_digit))
    return number


def _norwegian(number: str) -> str:
    from stdnum.no import fodselsnummer

    fodselsnummer.get_birth_date(number)
    _hold(number[9:] == fodselsnummer.calc_check_digit1(number) + fodselsnummer.calc_check_digit2(number))
    return number


def _peruvian(number: str) -> str:
    # The card prints a digit or a letter after the number, and both are in use: the number is without it.
    from stdnum.pe import cui

    return str(cui.validate(number))[:8]


def _south_african(number: str) -> str:
    from stdnum import luhn
    from stdnum.za import idnr

    idnr.get_citizenship(number)
    _hold(bool(luhn.is_valid(number)), parts_exist=_day_and_month(number[4:6], number[2:4]))
    return number


def _swedish(number: str) -> str:
    from stdnum import luhn

    # With or without its century, and the numbers of people who only stay for a while (day + 60).
    number = number[-10:]
    day = int(number[4:6])
    exists = _day_and_month(str(day - 60 if day > 60 else day), number[2:4])
    _hold(bool(luhn.is_valid(number)), parts_exist=exists)
    return number


def _rows() -> Iterator[tuple[str, str, str, str | Callable[[str], str]]]:
    """Country, name of the number, its form, its rule."""
    jmbg = r"\d{13}"
    codice_fiscale = r"[A-Z]{6}[0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]"
    yield from (
        ("AR", "DNI", r"[1-9]\d{6,7}|0[1-9]\d{6}", _argentine),
        ("AT", "SVNR", r"\d{10}", "at.vnr"),
        ("BA", "JMBG", jmbg, "si.emso"),
        ("BE", "NISS", r"\d{11}", _belgian),
        ("BG", "ЕГН", r"\d{10}", "bg.egn"),
        ("BG", "ЛНЧ", r"\d{10}", "bg.pnf"),
        ("BR", "CPF", r"\d{11}", "br.cpf"),
        ("CA", "SIN", r"\d{9}", "ca.sin"),
        ("CH", "AHV", r"\d{13}", "ch.ssn"),
        ("CL", "RUN", r"[1-9]\d{6,7}[0-9K]|0[1-9]\d{6}[0-9K]", _chilean),
        ("CN", "RIC", r"\d{17}[0-9X]", "cn.ric"),
        ("CR", "CPF", r"0?\d{9}", "cr.cpf"),
        ("CU", "NI", r"\d{11}", "cu.ni"),
        ("CZ", "RC", r"\d{9,10}", "cz.rc"),
        ("DE", "IDNR", r"\d{11}", "de.idnr"),
        ("DK", "CPR", r"\d{10}", _danish),
        ("DO", "CEDULA", r"\d{11}", "do.cedula"),
        ("EC", "CI", r"\d{10}", "ec.ci"),
        ("EE", "IK", r"\d{11}", "ee.ik"),
        ("ES", "DNI", r"\d{8}[A-Z]", "es.dni"),
        ("ES", "NIE", r"[XYZ]\d{7}[A-Z]", "es.nie"),
        ("FI", "HETU", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]", "fi.hetu"),
        ("FR", "NIR", r"\d{5}(?:\d\d|2[AB])\d{8}", "fr.nir"),
        ("GR", "ΑΜΚΑ", r"\d{11}", "gr.amka"),
        ("HR", "OIB", r"\d{11}", "hr.oib"),
        ("HU", "SZEMELYI", r"[1-4]\d{10}", _hungarian),
        ("HU", "ADOAZONOSITO", r"8\d{9}", _hungarian_tax),
        ("ID", "NIK", r"\d{16}", "id.nik"),
        ("IE", "PPS", r"\d{7}[A-W][ABHWTX]?", "ie.pps"),
        ("IL", "TZ", r"\d{8,9}", "il.idnr"),
        ("IN", "AADHAAR", r"[2-9]\d{11}", "in_.aadhaar"),
        ("IS", "KENNITALA", r"[0-3]\d{9}", "is_.kennitala"),
        ("IT", "CODICEFISCALE", codice_fiscale, "it.codicefiscale"),
        ("JP", "MYNUMBER", r"\d{12}", "jp.in_"),
        ("KR", "RRN", r"\d{13}", "kr.rrn"),
        ("LT", "AK", r"\d{11}", "lt.asmens"),
        ("LV", "PK", r"[0-3]\d{10}", "lv.pvn"),
        ("MD", "IDNP", r"[02]\d{12}", "md.idno"),
        ("ME", "JMBG", jmbg, "si.emso"),
        ("MK", "EMBG", jmbg, "si.emso"),
        ("MU", "ID", r"[A-Z]\d{12}[0-9A-Z]", "mu.nid"),
        ("MX", "CURP", r"[A-Z]{4}\d{6}[A-Z]{6}[0-9A-Z]\d", "mx.curp"),
        ("MY", "NRIC", r"\d{12}", "my.nric"),
        ("NL", "BSN", r"\d{8,9}", "nl.bsn"),
        ("NO", "FNR", r"\d{11}", _norwegian),
        ("PE", "DNI", r"\d{8}[0-9A-K]?", _peruvian),
        ("PK", "CNIC", r"\d{13}", "pk.cnic"),
        ("PL", "PESEL", r"\d{11}", "pl.pesel"),
        ("PT", "CC", r"\d{9}[0-9A-Z]{2}\d", "pt.cc"),
        ("PT", "NIF", r"[1-4]\d{8}", "pt.nif"),
        ("RO", "CNP", r"\d{13}", "ro.cnp"),
        ("RS", "ЈМБГ", jmbg, "si.emso"),
        ("RU", "ИНН", r"\d{12}", "ru.inn"),
        ("SE", "PERSONNUMMER", r"(?:18|19|20)?\d{10}", _swedish),
        ("SI", "EMSO", jmbg, "si.emso"),
        ("SK", "RC", r"\d{9,10}", "sk.rc"),
        ("TH", "ID", r"[1-8]\d{12}", "th.pin"),
        ("TR", "TCKN", r"[1-9]\d{10}", "tr.tckimlik"),
        ("UA", "РНОКПП", r"\d{10}", "ua.rntrc"),
        ("US", "SSN", r"\d{9}", "us.ssn"),
        ("XK", "JMBG", jmbg, "si.emso"),
        ("ZA", "ID", r"\d{13}", _south_african),
    )


NUMBERS: Final = tuple(PersonalNumber(country, name, re.compile(form), check) for country, name, form, check in _rows())

COUNTRIES: Final = MappingProxyType(
    {row.country: tuple(one for one in NUMBERS if one.country == row.country) for row in NUMBERS}
)
"""Two-letter code -> the personal numbers of that country that can be checked."""
