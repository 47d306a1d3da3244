"""How many values of each kind one record usually has room for: what the shipped agreements take, and what a report
warns about.

Every place costs both sides curve work and 64 bytes for each record and each row of padding, filled or not. So the
room is that of an ordinary record, not of the longest one; an agreement can set another number.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["USUAL_ROOM", "Room"]


class Room(NamedTuple):
    """`values` of one kind in one record, and what a person calls several of them."""

    values: int
    words: str


USUAL_ROOM: Final[Mapping[str, Room]] = MappingProxyType(
    {
        "phone": Room(3, "telephone numbers"),
        "email": Room(2, "e-mail addresses"),
        "handle": Room(2, "accounts"),
        "alias": Room(2, "aliases"),
        "document": Room(2, "identity documents"),
        "national_id": Room(2, "national identity numbers"),
        "url": Room(4, "web addresses"),
        "advert": Room(4, "advertisements"),
        "domain": Room(4, "internet domains"),
        # Two windows for each sighting.
        "ip_window": Room(16, "windows of IP addresses"),
        "iban": Room(2, "bank accounts"),
        "card": Room(2, "payment cards"),
        "payment_ref": Room(4, "payment references"),
        "wallet": Room(4, "wallets"),
        "plate": Room(2, "registration plates"),
        "vin": Room(2, "vehicle identification numbers"),
        "imei": Room(2, "handset numbers"),
        "imsi": Room(2, "SIM numbers"),
        "mac": Room(2, "network card addresses"),
        "address": Room(2, "postal addresses"),
        "employer": Room(2, "employer numbers"),
        "image_hash": Room(8, "image hashes"),
        "shared_case_ref": Room(2, "shared case numbers"),
    }
)
