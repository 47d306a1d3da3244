"""Who was withdrawn or withheld in data sets that were removed: it holds again when the same record is added anew.

    remove    each reference on a list of the data set   --keyed digest (`erasing.Erased`)-->  kept, by member
    add       a record of the new file whose reference is among them is on the same list again
    readmit   the person agreed anew: the digest goes

Case numbers are compared over all data sets: where two registers use the same ones, a record may be kept out that need
not be; the reply of `dataset add` says how many, and `dataset readmit` brings them back. The references themselves go
with the data set.
"""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from node.datasets.erasing import Erased
from node.datasets.exclusions import Exclusions
from node.store import Store
from node.store.own_settings import read_own, write_own

__all__ = ["RemovedLists"]

_KEY = "exclusions/removed"


class RemovedLists:
    """Reads and writes them, in the transaction of whoever changes a data set."""

    def __init__(self, store: Store, exclusions: Exclusions, erased: Erased) -> None:
        self._store = store
        self._exclusions = exclusions
        self._erased = erased

    def keep(self, tx: Connection, dataset_id: str) -> None:
        """A data set is being removed: keep who was on its lists."""
        lists = self._exclusions.everything(tx, dataset_id)
        if lists:
            known = self._read(tx)
            for peer, references in lists.items():
                known[peer] = known.get(peer, frozenset()) | self._erased.digests(tx, references).keys()
            self._write(tx, known)

    def found_in(self, tx: Connection, references: Iterable[str]) -> dict[str, frozenset[str]]:
        """Member id (`EVERYBODY`) -> which of these references were kept from it in a data set that was removed."""
        known = self._read(tx)
        if not known:
            return {}
        digests = self._erased.digests(tx, references)
        found = {peer: frozenset(digests[one] for one in kept & digests.keys()) for peer, kept in known.items()}
        return {peer: names for peer, names in found.items() if names}

    def readmit(self, tx: Connection, peer: str, references: Iterable[str]) -> None:
        """These take part again, whichever data set they come with."""
        known = self._read(tx)
        if peer in known:
            self._write(tx, known | {peer: known[peer] - self._erased.digests(tx, references).keys()})

    def _read(self, tx: Connection) -> dict[str, frozenset[str]]:
        plain = read_own(self._store, tx, _KEY)
        return {} if plain is None else {peer: frozenset(kept) for peer, kept in json.loads(plain).items()}

    def _write(self, tx: Connection, known: Mapping[str, frozenset[str]]) -> None:
        kept = {peer: sorted(digests) for peer, digests in known.items() if digests}
        write_own(self._store, tx, _KEY, json.dumps(kept, separators=(",", ":")).encode())
