"""How a member is reached can be set, and what goes by carried files is counted.

A member without a setting (NULL) is reached as its card says.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("members", sa.Column("reach", sa.Text()))
    op.create_table(
        "carried",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("round_id", "member_id", name="pk_carried"),
    )
