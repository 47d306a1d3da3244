"""Leads are stored in blocks: one sealed cell for many, and a letter for the status of each.

A lead that is there becomes a block of one. Its sealed body stays as it is: the text that it is bound to, round and
number, is that of a block which begins with this number. `node.rounds.leads` reads both forms.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("results", "results_0001")
    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("statuses", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("length(statuses) > 0", name="ck_results_statuses"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_results_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
        sa.UniqueConstraint("round_id", "first", name="uq_results_round_id_first"),
    )
    op.execute(
        "INSERT INTO results (id, round_id, first, body, statuses, at) "
        "SELECT id, round_id, number, body, substr(status, 1, 1), at FROM results_0001"
    )
    op.drop_table("results_0001")
