"""Services that move money, and what their references look like.

Most are bare digits that mean nothing without the service's name, and have no check digits: a typing mistake in one is
somebody else's transfer. The table is ours, from what the services print on their receipts and say on their help pages.
Three kinds of reference show by themselves what they are, and can be checked: ISO 11649 (RF...), the structured
communication of Belgian banks (+++.../..../.....+++), and the end-to-end number of SWIFT (UETR, a UUID of version 4).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["SERVICES", "SERVICE_NAMES", "Service", "describes_itself"]


def _always(_reference: str) -> bool:
    return True


def _creditor_reference(reference: str) -> bool:
    from stdnum import iso11649

    return bool(iso11649.is_valid(reference))


def _structured_communication(reference: str) -> bool:
    from stdnum.be import ogm_vcs

    return bool(ogm_vcs.is_valid(reference))


@dataclass(frozen=True, slots=True)
class Service:
    """A service, other names of it (without spaces, in capitals), the form of its references once `separators` are
    taken out, and whether their check digits hold."""

    name: str
    also: tuple[str, ...]
    form: re.Pattern[str]
    holds: Callable[[str], bool] = _always
    separators: str = r"[ .\-#/]"


def _row(name: str, also: str, form: str, holds: Callable[[str], bool] = _always) -> Service:
    return Service(name, tuple(also.split()), re.compile(form), holds)


_TABLE: Final = (
    # Money transfer control number (MTCN).
    _row("western_union", "WU MTCN WESTERNUNIONMTCN WUMTCN", "[0-9]{10}"),
    _row("moneygram", "MG MONEYGRAMREF", "[0-9]{8}"),
    _row("ria", "RIAMONEYTRANSFER RIAPIN", "[0-9]{11}"),
    _row("remitly", "", "R[0-9]{11}"),
    _row("paypal", "PP PAYPALTRANSACTION", "(?=.*[0-9])[0-9A-Z]{17}"),
    # Vouchers that are money to whoever holds the code.
    _row("paysafecard", "PSC PAYSAFE PAYSAFECARDPIN", "[0-9]{16}"),
    _row("neosurf", "", "(?=.*[0-9])[0-9A-Z]{10}"),
    _row("apple_gift_card", "APPLE ITUNES APPLEGIFTCARD ITUNESGIFTCARD", "X(?=.*[0-9])[0-9A-Z]{15}"),
    _row("amazon_gift_card", "AMAZON AMAZONGIFTCARD", "(?=.*[0-9])[0-9A-Z]{14,15}"),
    # References that show by themselves what they are.
    _row("rf", "RFREFERENCE ISO11649 CREDITORREFERENCE", "RF[0-9]{2}[0-9A-Z]{1,21}", _creditor_reference),
    Service("ogm", ("VCS", "OGMVCS"), re.compile("[0-9]{12}"), _structured_communication, r"[ .+*/\-]"),
    _row("uetr", "SWIFTGPI GPI", "[0-9A-F]{12}4[0-9A-F]{3}[89AB][0-9A-F]{15}"),
)

SERVICES: Final = MappingProxyType({row.name: row for row in _TABLE})
"""The services by canonical name."""

SERVICE_NAMES: Final = MappingProxyType(
    {word: row.name for row in _TABLE for word in (re.sub("[^A-Z0-9]", "", row.name.upper()), *row.also)}
)
"""Name of a service in capitals, without spaces and dashes -> canonical name."""

_SPEAKING: Final = (
    (re.compile(r"RF[0-9]{2}[0-9A-Z .\-]{1,30}"), "rf"),
    (re.compile(r"(?:\+{3}|\*{3}) ?[0-9]{3} ?/ ?[0-9]{4} ?/ ?[0-9]{5} ?(?:\+{3}|\*{3})"), "ogm"),
    (re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}"), "uetr"),
)


def describes_itself(text: str) -> str | None:
    """The service of a reference in capitals that shows by itself what it is, else None."""
    return next((service for form, service in _SPEAKING if form.fullmatch(text)), None)
