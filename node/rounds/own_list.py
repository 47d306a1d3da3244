"""What this node sees of its own list before it leaves: does it look generated, and which records were shown before?

One walk over the records that take part, together with whatever else walks them: when a person signs, and when the list
is made. What is looked for stands in `node.policy.generated` and `node.policy.exposure`; nothing of it leaves the node.
"""

from node.datasets.records import Consent, PreparedRecord
from node.policy.exposure import Sketch
from node.policy.generated import SeriesWatch
from node.rounds.participation import Asked

__all__ = ["MOST_LOOKED_AT", "OwnList"]

MOST_LOOKED_AT = 200_000
"""Records of a data set that are walked only to show a warning again, in number: a few seconds."""


class OwnList:
    """Takes the records that take part, one after the other."""

    def __init__(self, asked: Asked, sketch: Sketch) -> None:
        self.asked = asked
        self.sketch = sketch
        self._series = SeriesWatch()
        self._consent: Consent | None = None
        self._kinds: tuple[str, ...] = ()

    def take(self, record: PreparedRecord) -> None:
        """A record that takes part, with the kinds that its consent covers."""
        if record.consent is not self._consent:  # the same object for most records
            self._consent = record.consent
            self._kinds = tuple(kind for kind in self.asked.kinds if self.asked.covers(record.consent, kind))
        self._series.take(record.identifiers, record.person, self._kinds)
        self.sketch.take(record.reference)

    def check(self) -> None:
        """ListRefused if it looks generated."""
        self._series.check()
