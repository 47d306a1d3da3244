"""Names of the months in the languages of the files: EN DE RO BG NL FR, and UA RU ES IT.

A name is read in full, in the genitive of Slavic dates, or cut to any beginning of three letters that leaves one month
("mar", "sept", "гру"); accents do not matter.
"""

import unicodedata
from typing import Final

from psi.identifiers.cells import fold

__all__ = ["month_number"]

_NAMES: Final = """
    january januar jänner ianuarie januari janvier enero gennaio януари января январь січня січень
    february februar feber februarie februari février febrero febbraio февруари февраля февраль лютого лютий
    march märz martie maart mars marzo март марта березня березень mrt mrz maerz
    april aprilie avril abril aprile април апреля апрель квітня квітень
    may mai mei mayo maggio май мая травня травень
    june juni iunie juin junio giugno юни июня июнь червня червень
    july juli iulie juillet julio luglio юли июля июль липня липень
    august augustus août agosto август августа серпня серпень aout
    september septembrie septembre septiembre settembre септември сентября сентябрь вересня вересень
    october oktober octombrie octobre octubre ottobre октомври октября октябрь жовтня жовтень
    november noiembrie novembre noviembre ноември ноября ноябрь листопада листопад
    december dezember decembrie décembre diciembre dicembre декември декабря декабрь грудня грудень
"""
_SHORTEST: Final = 3
"""Letters of an abbreviation."""


def _plain(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", fold(word)) if unicodedata.category(c) != "Mn")


def _beginnings() -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for month, row in enumerate(_NAMES.strip().splitlines(), 1):
        for name in map(_plain, row.split()):
            for length in range(min(_SHORTEST, len(name)), len(name) + 1):
                found.setdefault(name[:length], set()).add(month)
    return {word: months.pop() for word, months in found.items() if len(months) == 1}


_MONTHS: Final = _beginnings()


def month_number(word: str) -> int:
    """1 to 12, or 0 for a word that is no month, or could be two ("jui")."""
    return _MONTHS.get(_plain(word), 0)
