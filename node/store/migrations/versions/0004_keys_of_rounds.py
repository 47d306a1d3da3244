"""Each round gets a key of its own, under which the other side seals what it says, and the keys that others gave.

A round that was signed before has none, so nothing can be sealed for it: it ends as failed and is proposed again. What
still lies in the outbox is of the form before and cannot be sent any more, so it counts as done; its numbers stay used,
because some of it may have arrived.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("sealing_key", sa.LargeBinary()))
    op.add_column("signatures", sa.Column("round_key", sa.LargeBinary()))
    outbox = sa.table("outbox", sa.column("envelope", sa.LargeBinary()), sa.column("acknowledged", sa.Boolean()))
    unsent = outbox.update().where(outbox.c.acknowledged.is_(False))
    op.execute(unsent.values(acknowledged=True, envelope=b""))
