"""Data sets get versions, rounds keep which one they used, and there is a table for stop-lists.

What is there counts as version 1, under the name its record file has: the id of the data set. A round that is past
preparing made its list from it; the day of that is not known any more, so the last change of the row stands for it.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # A column that may not be NULL needs a default where there are rows; nothing that is inserted later relies on it.
    op.add_column("datasets", sa.Column("version_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("datasets", sa.Column("version", WHOLE, nullable=False, server_default="1"))
    op.add_column("datasets", sa.Column("refreshed_at", sa.Text()))
    op.execute("UPDATE datasets SET version_id = dataset_id")
    op.add_column("rounds", sa.Column("version_id", sa.Text()))
    op.add_column("rounds", sa.Column("listed_at", sa.Text()))
    op.execute(
        "UPDATE rounds SET version_id = dataset_id, listed_at = updated_at "
        "WHERE dataset_id IS NOT NULL AND state IN ('running', 'deciding', 'finished')"
    )
    op.create_table(
        "stop_lists",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_stop_lists"),
    )
