"""What to bear in mind before anybody acts on a lead: safety advice for each kind of identifier.

A lead names somebody who may be watched, and an identifier that may be in the hands of who watches. Ringing a number,
writing to an account or driving to an address can put a person into danger and warn who exploits them. Advice is said
for what agrees, in plain words, wherever leads are shown; a test compares the table with the catalogue of kinds, so
that no kind is without.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["ADVICE", "ALWAYS", "advice_for"]

ALWAYS = "Check the lead in your own file first; a person decides what follows from it, never the program."

_DO_NOT_CONTACT = "Do not write to it: whoever reads there may not be the person, and is warned."
_MONEY = "Do not ask the bank or the service without your legal adviser: the holder may be told."
_DEVICE = "Do not ring, page or locate it: somebody else may carry it, and is warned."
_PLACE = "Do not go there or send anybody there without a plan for the safety of who lives or works there."
_VEHICLE = "A vehicle is lent, hired and sold: who drives it may not be the holder. Do not have it stopped for this."
_ONLINE = "Do not open it from your own connection and do not reply there: visits are seen."

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "phone": "Do not ring the number and send it nothing: it may be in the hands of who controls the person.",
        "email": _DO_NOT_CONTACT,
        "handle": "Do not follow, like or write to the account: it is seen there, and others may read along.",
        "person": "It may be a relative or a namesake. Speak to the person alone, and only as they agreed to.",
        "alias": "Working names repeat: without something else that agrees, this is hardly a lead.",
        "document": "The document may be held or used by somebody else. Do not ask the person to bring it.",
        "national_id": "Do not look it up in a register for this alone: the query leaves a trace with others.",
        "url": _ONLINE,
        "advert": "Do not answer the advertisement: who placed it is often not who is shown in it.",
        "domain": _ONLINE,
        "ip_window": "An address is shared by a household, a shelter or a whole network: it names no person.",
        "iban": _MONEY,
        "card": _MONEY,
        "payment_ref": _MONEY,
        "wallet": _MONEY,
        "plate": _VEHICLE,
        "vin": _VEHICLE,
        "imei": _DEVICE,
        "imsi": _DEVICE,
        "mac": _DEVICE,
        "address": _PLACE,
        "employer": "Do not call there: an inspection that is announced finds nobody, and who talked is made to pay.",
        "image_hash": "Do not open or send the picture. A hit goes to the unit that may hold such pictures.",
        "shared_case_ref": "The number says that it is the same case, not that it is the same person.",
    }
)
"""Kind -> one sentence or two."""


def advice_for(keys: Iterable[str]) -> tuple[str, ...]:
    """What to bear in mind with these keys (`Token.key`), each sentence once, in the order of the table; with near
    matches and persons too. What is no key of the table says nothing."""
    kinds = {key.partition(":")[0] for key in keys}
    said = dict.fromkeys(sentence for kind, sentence in ADVICE.items() if kind in kinds)
    return (*said, ALWAYS) if said else ()
