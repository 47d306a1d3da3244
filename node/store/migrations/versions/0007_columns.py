"""Prepared records and leads may be stored in columns, and what was shown in another form.

No table changes, and what is stored already stays as it is.

The step is there for its number: a version that knows lines of records and rows of leads alone refuses the database
with a sentence, where it would take what it cannot read for damage.
"""

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing to do."""
