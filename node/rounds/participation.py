"""Whether a record takes part in a round, and if not, why: one function, asked for each record when a list is made.

    withdrawn            the person took the consent back                       `dataset withdraw`
    withheld             this organisation keeps the record from that member    `dataset withhold`
    child, not-a-child   children take part in rounds about children alone, and nobody else does in those
    no-consent           nobody said yes, and no law says that it must be
    expired              the consent ended before today
    receiver             the person does not agree to this kind of organisation
    purpose              the person does not agree to this purpose
    kind                 the person agrees to none of the kinds that are compared
    nothing-to-compare   the record holds no value of those kinds; only `coverage` asks that

The first reason that holds is the one that is given. None of it leaves the node: the other side sees a list of the
agreed size, whoever is on it. The agreement that the record's owner made with the person is in `Consent`; what the
organisation decided beside it in `Excluded`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.datasets.alike import Alike
from node.datasets.exclusions import Excluded
from node.datasets.records import Consent, PreparedRecord
from psi.errors import PsiError
from psi.identifiers import Rule, tokens

__all__ = ["Asked", "Coverage", "TakingPart", "Why", "coverage", "participation"]


class Why(StrEnum):
    """Why a record stays out of a round."""

    WITHDRAWN = "withdrawn"
    WITHHELD = "withheld"
    CHILD = "child"
    NOT_A_CHILD = "not-a-child"
    NO_CONSENT = "no-consent"
    EXPIRED = "expired"
    RECEIVER = "receiver"
    PURPOSE = "purpose"
    KIND = "kind"
    NOTHING = "nothing-to-compare"


class Asked:
    """What a round asks of a record, and what of the last consent: most records of a data set carry the same one."""

    def __init__(
        self,
        *,
        kinds: frozenset[str],
        receiver: str,
        purpose: str,
        today: date,
        children: bool = False,
        excluded: Excluded | None = None,
    ) -> None:
        """`receiver`: class of the other member; `children`: the round is about children alone."""
        self.kinds = kinds
        self.receiver = receiver
        self.purpose = purpose
        self.today = today
        self.children = children
        self.excluded = excluded or Excluded()
        self.some_excluded = bool(self.excluded)
        self._consent: Consent | None = None
        self._reason: Why | None = None

    @classmethod
    def of(cls, manifest: Manifest, me: str, today: date, excluded: Excluded | None = None) -> Self:
        """What an agreement asks of the records of its member `me`."""
        return cls(
            kinds=frozenset(rule.kind for rule in manifest.rules()),
            receiver=manifest.other(me).member_class,
            purpose=manifest.purpose,
            today=today,
            children=manifest.children == "only",
            excluded=excluded,
        )

    def of_consent(self, consent: Consent) -> Why | None:
        """Why a consent does not reach this round; None if it does, for one of the kinds at least."""
        if consent is not self._consent:
            self._consent, self._reason = consent, self._asked(consent)
        return self._reason

    def of_all(self, child: bool, consent: Consent) -> Why | None:
        """Why no record with this mark and this consent takes part; None if those do that nobody here kept out."""
        if child is not self.children:
            return Why.CHILD if child else Why.NOT_A_CHILD
        return self.of_consent(consent)

    def covers(self, consent: Consent, kind: str) -> bool:
        """Do values of one kind of a record with this consent take part?"""
        return consent.covers(kind, self.receiver, self.today, self.purpose)

    def _asked(self, consent: Consent) -> Why | None:
        if not consent.given:
            return Why.NO_CONSENT
        if consent.until is not None and consent.until < self.today:
            return Why.EXPIRED
        if consent.receivers is not None and self.receiver not in consent.receivers:
            return Why.RECEIVER
        if consent.purposes is not None and self.purpose not in consent.purposes:
            return Why.PURPOSE
        # Whatever a consent may learn to say, `covers` has the last word.
        return None if any(self.covers(consent, kind) for kind in self.kinds) else Why.KIND


def participation(record: PreparedRecord, asked: Asked) -> Why | None:
    """Why this record stays out of the round; None if it takes part."""
    if asked.some_excluded:
        if record.reference in asked.excluded.withdrawn:
            return Why.WITHDRAWN
        if record.reference in asked.excluded.withheld:
            return Why.WITHHELD
    return asked.of_all(record.child, record.consent)


class TakingPart:
    """Walks a data set once and gives those that take part: their numbers (the first record is 0), and they themselves,
    one record or several that are alike. `records`: how many were walked so far."""

    def __init__(self, records: Iterable[PreparedRecord | Alike], asked: Asked) -> None:
        self.records = 0
        self._coming = records
        self._asked = asked

    def __iter__(self) -> Iterator[tuple[Sequence[int], PreparedRecord | Alike]]:
        for found in self._coming:
            first = self.records
            if isinstance(found, PreparedRecord):
                self.records += 1
                if participation(found, self._asked) is None:
                    yield (first,), found
            else:
                self.records += len(found)
                if places := self._places(found):
                    numbers = range(first, self.records) if len(places) == len(found) else [first + at for at in places]
                    yield numbers, found.only(places)

    def _places(self, found: Alike) -> Sequence[int]:
        """Of those for each of which `participation` would give no reason."""
        asked = self._asked
        if asked.of_all(found.child, found.consent) is not None:
            return ()
        if asked.some_excluded:
            return [at for at, reference in enumerate(found.references) if reference not in asked.excluded]
        return range(len(found))


@dataclass
class Coverage:
    """How much of a data set an agreement reaches, in records.

    `out`: reason -> records. `kinds`: kind -> records that take part with a value of it. `ending`: records taking part
    whose consent ends before the deadline, so that they are missing from a list that is made on the last day.
    """

    records: int = 0
    taking_part: int = 0
    ending: int = 0
    out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Why, 0))
    kinds: dict[str, int] = field(default_factory=dict)


def coverage(records: Iterable[PreparedRecord], manifest: Manifest, asked: Asked) -> Coverage:
    """Walk a data set once. What it counts as taking part is what a list that is made now would hold."""
    rules = manifest.rules()
    found = Coverage(kinds={rule.kind: 0 for rule in rules})
    last = moment(manifest.deadline).date()
    for record in records:
        found.records += 1
        why = participation(record, asked)
        if why is None:
            given = [rule.kind for rule in rules if asked.covers(record.consent, rule.kind) and _gives(rule, record)]
            for kind in given:
                found.kinds[kind] += 1
            why = None if given else Why.NOTHING
        if why is not None:
            found.out[why] += 1
            continue
        found.taking_part += 1
        found.ending += record.consent.until is not None and record.consent.until < last
    return found


def _gives(rule: Rule, record: PreparedRecord) -> bool:
    """Does a record give anything to compare by this rule?"""
    if rule.kind != "person":
        return bool(record.identifiers.get(rule.kind))
    try:
        return bool(tokens(rule, record.identifiers, record.person))
    except PsiError:  # more values than the agreement has room for: the list would not be made, and says so
        return True
