"""What this node sees of its own list before it leaves: does it look generated, and which records were shown before?

One walk over the records that take part, together with whatever else walks them: when a person signs, and when the list
is made. What is looked for stands in `node.policy.generated` and `node.policy.exposure`; nothing of it leaves the node.
"""

from node.datasets.alike import Alike
from node.datasets.records import Consent, PreparedRecord
from node.policy.exposure import Sketch
from node.policy.generated import SeriesWatch
from node.rounds.participation import Asked
from node.texts import Texts

__all__ = ["MOST_LOOKED_AT", "OwnList"]

MOST_LOOKED_AT = 200_000
"""Records of a data set that are walked only to show a warning again, in number: a few seconds."""


_NONE = Texts(b"", 0)


class OwnList:
    """Takes the records that take part, in order."""

    def __init__(self, asked: Asked, sketch: Sketch) -> None:
        self.asked = asked
        self.sketch = sketch
        self._series = SeriesWatch()
        self._consent: Consent | None = None
        self._kinds: tuple[str, ...] = ()

    def take(self, found: PreparedRecord | Alike) -> None:
        """A record that takes part, or several that are alike, with the kinds that their consent covers."""
        if found.consent is not self._consent:  # the same object for most records
            self._consent = found.consent
            self._kinds = tuple(kind for kind in self.asked.kinds if self.asked.covers(found.consent, kind))
        if isinstance(found, Alike):
            for kind in self._kinds:
                self._series.take_texts(kind, found.values.get(kind, _NONE))
            self.sketch.take_all(found.references)
        else:
            self._series.take(found.identifiers, found.person, self._kinds)
            self.sketch.take(found.reference)

    def check(self) -> None:
        """ListRefused if it looks generated."""
        self._series.check()
