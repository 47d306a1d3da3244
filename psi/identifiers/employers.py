"""Employers and agencies by their number in a public register, canonical as `register:number`.

The table below is ours: which registers are read, what their numbers look like, and which module of python-stdnum
checks the last digit. What a spreadsheet or an office writes differently becomes one number:

    RO 1859 0130, RO18590130, CUI 18590130, "18590130" in a Romanian column     ro.cui:18590130
    a SIRET (establishment) becomes the SIREN of its company; so do branches in Bulgaria, Hungary, Poland, Britain

Two registers of one country stay two kinds of number: a court register's HRB never meets the tax office's number of
the same company. Numbers that registers give to people as well are refused where they can be told apart.
python-stdnum can ask services on the internet for some of these; only its arithmetic is used.
"""

import re
import unicodedata
from functools import cache
from importlib import import_module
from string import ascii_lowercase
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean, fold
from psi.identifiers.several import read_each, refuser, undamaged

__all__ = ["REGISTERS", "employers"]


class _Register(NamedTuple):
    """`shape` matches a number without spaces and marks, `check` is a module of stdnum ("" where there is no check
    digit), `keep` how many characters name the company (`branch`: only those are checked), `width` the digits to
    which lost zeros are put back. A register that is `named` is read only where cell or column names it."""

    country: str
    shape: re.Pattern[str]
    check: str = ""
    keep: int = 0
    width: int = 0
    labels: tuple[str, ...] = ()
    vat: tuple[str, ...] = ()
    branch: bool = False
    named: bool = False


_TABLE: Final = """
    al.nipt    [A-Z]\\d{8}[A-Z]          al.nipt            labels=nipt,nuis
    at.uid     U\\d{8}                   at.uid             labels=uid         vat=AT
    at.fn      \\d{5,6}[A-Z]             -                  labels=fn,firmenbuch
    be.kbo     [01]\\d{9}                be.vat             labels=kbo,bce,btw vat=BE  width=10
    bg.eik     \\d{9}|\\d{13}            bg.vat   keep=9 branch  labels=eik,uic,bulstat,еик,булстат  vat=BG  width=9
    by.unp     \\d{9}                    by.unp             labels=unp,унп
    ch.uid     CHE\\d{9}                 ch.uid             labels=uid,ide     vat=CHE
    cy.vat     \\d{8}[A-Z]               cy.vat             vat=CY
    cz.ico     \\d{8}                    cz.dic             labels=ico,ic      vat=CZ  width=8
    de.vat     [1-9]\\d{8}               de.vat             labels=ustid,ustidnr  vat=DE
    dk.cvr     [1-9]\\d{7}               dk.cvr             labels=cvr      vat=DK
    ee.reg     [1789]\\d{7}              ee.registrikood    labels=reg,registrikood
    ee.vat     \\d{9}                    ee.kmkr            labels=kmkr        vat=EE
    es.cif     [A-HJNP-SUVW]\\d{7}[0-9A-J]  es.cif          labels=cif,nif     vat=ES
    fi.ytunnus \\d{8}                    fi.alv             labels=ytunnus     vat=FI  width=8
    fr.siren   \\d{9}                    fr.siren           labels=siren       width=9
    fr.siret   \\d{14}                   fr.siret keep=9    labels=siret       width=14
    gb.crn     \\d{8}|[A-Z]{2}\\d{6}     -                  labels=crn,company width=8
    gb.vat     \\d{9}|\\d{12}            gb.vat   keep=9    vat=GB,XI
    gr.afm     \\d{9}                    gr.vat             labels=afm,αφμ     vat=EL,GR  width=9
    hr.oib     \\d{11}                   hr.oib             labels=oib         vat=HR  width=11
    hu.anum    \\d{8}|\\d{11}            hu.anum  keep=8 branch  labels=adoszam,adószám  vat=HU
    ie.vat     \\d[0-9A-Z]\\d{5}[A-W][A-I]?  ie.vat         vat=IE
    il.hp      5\\d{8}                   il.hp              labels=hp
    it.iva     \\d{11}                   it.iva             labels=iva,piva,partitaiva  vat=IT  width=11
    lt.pvm     \\d{7}1\\d                lt.pvm             labels=pvm         vat=LT
    lu.vat     \\d{8}                    lu.tva             labels=tva         vat=LU
    lv.pvn     [4-9]\\d{10}              lv.pvn             labels=pvn         vat=LV
    md.idno    1\\d{12}                  md.idno            labels=idno
    me.pib     \\d{8}                    me.pib             labels=pib         width=8
    mk.edb     \\d{13}                   mk.edb             labels=edb,едб     vat=MK
    mt.vat     \\d{8}                    mt.vat             vat=MT
    nl.kvk     \\d{8}                    -                  labels=kvk         width=8
    nl.btw     \\d{9}B\\d\\d             nl.btw             labels=btw         vat=NL
    nl.rsin    \\d{9}                    nl.bsn             labels=rsin        width=9  named
    no.orgnr   \\d{9}                    no.orgnr           labels=orgnr,org
    pl.nip     \\d{10}                   pl.nip             labels=nip         vat=PL
    pl.regon   \\d{9}|\\d{14}            pl.regon keep=9    labels=regon       width=9
    pl.krs     \\d{10}                   -                  labels=krs         width=10  named
    pt.nipc    [5689]\\d{8}              pt.nif             labels=nipc,nif    vat=PT
    ro.cui     [1-9]\\d{1,9}             ro.cui             labels=cui,cif,cf  vat=RO
    rs.pib     \\d{9}                    rs.pib             labels=pib,пиб     vat=RS
    ru.inn     \\d{10}                   ru.inn             labels=inn,инн     width=10
    ru.ogrn    [1-9]\\d{12}              ru.ogrn            labels=ogrn,огрн
    se.orgnr   \\d\\d[2-9]\\d{7}         se.orgnr           labels=orgnr,org
    se.vat     \\d\\d[2-9]\\d{7}01       se.vat   keep=10   vat=SE
    si.ddv     [1-9]\\d{7}               si.ddv             labels=ddv         vat=SI
    sk.ico     \\d{8}                    cz.dic             labels=ico,ic      width=8
    sk.dph     [1-9]\\d{9}               sk.dph             labels=dph,dic     vat=SK
    tr.vkn     \\d{10}                   tr.vkn             labels=vkn         width=10
    ua.edrpou  \\d{8}                    ua.edrpou          labels=edrpou,єдрпоу,едрпоу  width=8
    us.ein     \\d{9}                    us.ein             labels=ein
    lei        [0-9A-Z]{18}\\d\\d        lei                labels=lei
"""

_INTO: Final = MappingProxyType({"fr.siret": "fr.siren", "se.vat": "se.orgnr"})
"""Registers whose numbers hold another one's: compared as that."""

_COURT: Final = "de.hr"
"""The German court registers, whose number is nothing without court and section (Aachen HRB 11223)."""

_PEOPLE: Final = MappingProxyType(
    {
        "bg": r"\d{10}",
        "cz": r"\d{9,10}",
        "es": r"\d{8}[A-Z]|[K-MX-Z]\d{7}[A-Z]",
        "it": r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]",
        "lt": r"\d{12}",
        "lv": r"[0-3]\d{10}",
        "md": r"[02]\d{12}",
        "pl": r"\d{11}",
        "pt": r"[1-4]\d{8}",
        "ro": r"\d{13}",
        "ru": r"\d{12}",
        "se": r"(?:\d\d)?\d\d[01]\d{7}|\d\d[01]\d{7}01",
        "tr": r"\d{11}",
        "ua": r"\d{10}",
    }
)
"""What numbers of people look like where the register of companies has none of that shape."""


def _row(line: str) -> tuple[str, _Register]:
    name, shape, check, *rest = line.split()
    words = dict(word.partition("=")[::2] for word in rest)
    return name, _Register(
        name.partition(".")[0] if "." in name else "",
        re.compile(shape),
        "" if check == "-" else check,
        int(words.get("keep", 0)),
        int(words.get("width", 0)),
        tuple(filter(None, words.get("labels", "").split(","))),
        tuple(filter(None, words.get("vat", "").split(","))),
        "branch" in words,
        "named" in words,
    )


_ROWS: Final = dict(map(_row, _TABLE.strip().splitlines()))

REGISTERS: Final = (*(name for name in _ROWS if name not in _INTO), _COURT)
"""The registers that canonical values name."""

_COUNTRIES: Final = frozenset(row.country for row in _ROWS.values() if row.country)
_VAT: Final = {prefix: name for name, row in _ROWS.items() for prefix in row.vat}
_CANONICAL: Final = re.compile(r"([a-z]{2}\.[a-z]{2,8}|lei):(.+)")
_MARKS: Final = re.compile(r"[\s./-]+")
_VAT_WORD: Final = re.compile(r"vat(?:\s*(?:id|no|nr|number|reg))*[\s.:#-]*(?=\S)")
_LEI: Final = re.compile(r"[0-9A-Z]{18}\d\d")
_FRENCH_VAT: Final = re.compile(r"FR([0-9A-Z]{2}\d{9})")
_SWISS_ENDING: Final = re.compile(r"(?<=\d)(?:MWST|TVA|IVA|HR)$")
_COURT_FIRST: Final = re.compile(
    r"(?:amtsgericht |registergericht |ag )?(.+?)[\s,-]+(hra|hrb|gnr|pr|vr)[\s.:-]*(\d{1,6})(?:[\s-]?([a-z]{1,3}))?"
)
_COURT_LAST: Final = re.compile(
    r"(hra|hrb|gnr|pr|vr)[\s.:-]*(\d{1,6})(?:\s?([a-z]{1,3}))?[\s,]+(?:amtsgericht |registergericht |ag )?(\D+)"
)
_BETWEEN: Final = re.compile(r"[;|]|,(?=\s*(?:\w{2,4}\s*)?\d)")
"""A comma parts two values only before a number: "HRB 11223, Aachen" is one."""

_ZEROS_WITHOUT_CHECK: Final = 2
"""Lost zeros that are put back in a number that has no check digit to confirm them."""

_refuse = refuser("employer")


def employers(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The companies of a cell as `register:number`; () for a blank.

    The register stands in the cell (`ro.cui:`, a word such as KVK, the country of a VAT number), or
    `hints.qualifier` says it for the column (a register, or a country whose registers the number's shape tells
    apart), or `hints.region` is the country. Raises `RefusedValue`: `employer/no-register`,
    `employer/unknown-register`, `employer/other-register`, `employer/not-a-number`, `employer/wrong-check-digit`,
    `employer/a-person`, `employer/lost-digits`, `employer/too-many`.
    """
    expected = _find(hints.qualifier) if hints.qualifier is not None else ""
    default = (hints.region or "").lower()
    plain = undamaged(cell, "employer")
    return read_each(plain, "employer", lambda part: (_employer(part, expected, default, plain is not cell),), _BETWEEN)


def _find(name: str) -> str:
    """The register or country of that name, or of a word that only one register uses."""
    word = fold(clean(Cell(name))).replace(":", ".")
    if word in _ROWS or word in _COUNTRIES or word == _COURT:
        return word
    labelled = [register for register, row in _ROWS.items() if word in row.labels]
    if len(labelled) == 1:
        return labelled[0]
    raise _refuse(
        "unknown-register",
        "This register of companies is not one that is known here.",
        f"Name a country or one of: {', '.join(REGISTERS)}.",
    )


def _employer(text: str, expected: str, default: str, numeric: bool) -> str:
    text = _VAT_WORD.sub("", fold(ascii_digits(text)), count=1)
    country = (expected or default).partition(".")[0]
    register, number = _named(text, country)
    if register and expected and not _agree(register, expected):
        raise _refuse(
            "other-register",
            "This number is of another register than its column says.",
            "Move it to its own column.",
        )
    register = register or expected or default
    if register == _COURT:
        return _court(number)
    if register not in _ROWS and register not in _COUNTRIES:
        raise _no_register()
    return _checked(_SWISS_ENDING.sub("", _MARKS.sub("", number).upper()), register, numeric)


def _agree(register: str, expected: str) -> bool:
    """Whether what a cell names is what its column says: the same register, or one of the column's country."""
    if "." in register and "." in expected:
        return _INTO.get(register, register) == _INTO.get(expected, expected)
    return register.partition(".")[0] == expected.partition(".")[0]


def _named(text: str, country: str) -> tuple[str, str]:
    """The register that a cell itself names, "" for none, and the rest of the cell."""
    if canonical := _CANONICAL.fullmatch(text):
        return _find(canonical[1]), canonical[2]
    if _COURT_FIRST.fullmatch(text) or _COURT_LAST.fullmatch(text):
        return _COURT, text
    plain = _MARKS.sub("", text).upper()
    if _LEI.fullmatch(plain) and _passes("lei", plain):
        return "lei", plain
    if french := _FRENCH_VAT.fullmatch(plain):
        # The last nine digits of a French VAT number are the SIREN; the two before check them.
        return "fr.siren", french[1][2:] if _passes("fr.tva", french[1]) else "-"
    for size in (3, 2):
        name = _VAT.get(plain[:size])
        if name and (_shaped(plain, _ROWS[name]) or not country) and re.search(r"\d{3}", plain):
            return name, plain
    for label in sorted(_labels(), key=len, reverse=True):
        if match := _labels()[label][0].match(text):
            names = _labels()[label][1]
            here = [name for name in names if _ROWS[name].country == country] or list(names)
            if len(here) == 1:
                return here[0], text[match.end() :]
    return "", text


@cache
def _labels() -> dict[str, tuple[re.Pattern[str], tuple[str, ...]]]:
    """Every label, with what it looks like in front of a number and the registers that use it."""
    words = sorted({label for row in _ROWS.values() for label in row.labels})
    return {
        word: (
            re.compile(
                r"[\W_]{0,2}".join(map(re.escape, word)) + r"(?:[\s.]*(?:nr|no)\b)?[\W_]*(?=[a-z]{0,3}[\W_]*\d)"
            ),
            tuple(name for name, row in _ROWS.items() if word in row.labels),
        )
        for word in words
    }


def _shaped(plain: str, row: _Register, numeric: bool = False) -> str:
    """The number as its register writes it: zeros put back, the country taken off; "" for another shape."""
    for prefix in ("", *row.vat):
        number = plain.removeprefix(prefix)
        lost = row.width - len(number)
        # Offices drop one zero (old Belgian and Greek numbers), spreadsheets all of them.
        most = (row.width if row.check else _ZEROS_WITHOUT_CHECK) if numeric else (1 if row.check else 0)
        if number.isdigit() and 0 < lost <= most:
            number = number.zfill(row.width)
        if row.shape.fullmatch(number) and number.strip("0"):
            return number
    return ""


def _checked(plain: str, register: str, numeric: bool) -> str:
    """The canonical number under a register, or under whichever register of a country has numbers of its shape."""
    names = [name for name, row in _ROWS.items() if name == register or (row.country == register and not row.named)]
    shaped = {name: number for name in names if (number := _shaped(plain, _ROWS[name], numeric))}
    if not shaped:
        people = _PEOPLE.get(register.partition(".")[0])
        if people and re.fullmatch(people, plain[2:] if plain[:2] == register[:2].upper() else plain):
            raise _refuse(
                "a-person",
                "This is the number of a person and not of a company.",
                "Map it as a national identity number, or leave it out.",
            )
        raise _not_a_number()
    passed = {name: number for name, number in shaped.items() if _passes(name, number)}
    if not passed:
        raise _refuse(
            "wrong-check-digit",
            "The check digit of this number is wrong, so a digit was mistyped or lost.",
            "Check it against the original.",
        )
    if len(passed) > 1:
        raise _no_register()
    name, number = passed.popitem()
    return f"{_INTO.get(name, name)}:{number[: _ROWS[name].keep or None]}"


def _passes(name: str, number: str) -> bool:
    row = _ROWS.get(name)
    module = row.check if row else name
    if row and row.branch:
        number = number[: row.keep]
    return not module or bool(_stdnum(module).is_valid(number))


@cache
def _stdnum(module: str) -> Any:
    # Each module is small, but there are fifty of them and most nodes meet two or three.
    return import_module(f"stdnum.{module}")


def _court(text: str) -> str:
    """The number of a German court register: the court in letters, the section, the number."""
    if match := _COURT_FIRST.fullmatch(text):
        court, section, number, ending = match.groups()
    elif match := _COURT_LAST.fullmatch(text):
        section, number, ending, court = match.groups()
    else:
        raise _not_a_number()
    known = _stdnum("de.handelsregisternummer")
    try:
        name = known.validate(f"{court} {section} {number.lstrip('0')}").rpartition(f" {section} ")[0]
    except _stdnum("exceptions").ValidationError:
        raise _not_a_number() from None
    letters = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if c in ascii_lowercase)
    return f"{_COURT}:{letters}-{section}-{number.lstrip('0')}" + (f"-{ending}" if ending else "")


def _no_register() -> RefusedValue:
    return _refuse(
        "no-register",
        "This number does not say of which register it is.",
        "Map the column to a register or a country, or write the country in front: RO18590130.",
    )


def _not_a_number() -> RefusedValue:
    return _refuse(
        "not-a-number",
        "This cell holds no number of its register.",
        "Check it against the original, and keep the number alone.",
    )
