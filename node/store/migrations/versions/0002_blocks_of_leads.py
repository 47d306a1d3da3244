"""Leads are stored in blocks: one sealed cell for many, and a letter for the status of each.

A lead that is there becomes a block of one. Its sealed body stays as it is: the text that it is bound to, round and
number, is that of a block which begins with this number. `node.rounds.leads` reads both forms. PostgreSQL came later
than this step: there every database runs through it while it is empty, so there is nothing to carry over.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    kept = op.get_bind().dialect.name == "sqlite"
    if kept:
        op.rename_table("results", "results_0001")
    else:
        op.drop_table("results")
    op.create_table(
        "results",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("first", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("statuses", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("length(statuses) > 0", name="ck_results_statuses"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_results_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
        sa.UniqueConstraint("round_id", "first", name="uq_results_round_id_first"),
    )
    if kept:
        op.execute(
            "INSERT INTO results (id, round_id, first, body, statuses, at) "
            "SELECT id, round_id, number, body, substr(status, 1, 1), at FROM results_0001"
        )
        op.drop_table("results_0001")
