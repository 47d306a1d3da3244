"""What governs rounds: staff and approvals, grants, decoys, freezes, reviews, contacts, cosignatures."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("charges", sa.Column("granted", WHOLE, nullable=False, server_default="0"))
    op.add_column("members", sa.Column("children", sa.Boolean()))
    op.add_column("rounds", sa.Column("ended_at", sa.Text()))
    op.add_column("rounds", sa.Column("erased_at", sa.Text()))
    # Nothing tells more of an earlier end than the last change of its row, which is at or after it.
    op.execute("UPDATE rounds SET ended_at = updated_at WHERE state IN ('finished', 'refused', 'cancelled', 'failed')")
    op.create_table(
        "approvals",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.Text()),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("verdict IN ('waiting', 'approved', 'declined', 'overridden')", name="ck_approvals_verdict"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_subject_subject_id", "approvals", ["subject", "subject_id"])
    op.create_table(
        "contacts",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('ours', 'theirs')", name="ck_contacts_direction"),
        sa.CheckConstraint("state IN ('offered', 'given', 'withdrawn')", name="ck_contacts_state"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_contacts_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("round_id", "handle", "direction", name="uq_contacts_round_id_handle_direction"),
    )
    op.create_table(
        "cosignatures",
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("tree_size", WHOLE, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", WHOLE, nullable=False),
        sa.Column("cosignature", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.CheckConstraint("log IN ('ours', 'theirs', 'lost', 'restored', 'refused')", name="ck_cosignatures_log"),
        sa.PrimaryKeyConstraint("member_id", "round_id", "moment", "log", name="pk_cosignatures"),
    )
    op.create_index("ix_cosignatures_log_tree_size", "cosignatures", ["log", "tree_size"])
    op.create_table(
        "decoys",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("round_id", name="pk_decoys"),
    )
    op.create_table(
        "erasures",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_digest", "erasures", ["digest"])
    op.create_table(
        "exclusions",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.dataset_id"], name="fk_exclusions_dataset_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_exclusions"),
        sa.UniqueConstraint("dataset_id", "peer", name="uq_exclusions_dataset_id_peer"),
    )
    op.create_table(
        "exposures",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("again", WHOLE, nullable=False),
        sa.Column("rounds_before", WHOLE, nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exposures"),
        sa.UniqueConstraint("peer", "round_id", name="uq_exposures_peer_round_id"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('sent', 'received')", name="ck_feedback_direction"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_feedback_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("round_id", "handle", "direction", name="uq_feedback_round_id_handle_direction"),
    )
    op.create_table(
        "freezes",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("frozen_at", sa.Text(), nullable=False),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("lifted_second", sa.Text()),
        sa.Column("lifted_at", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_freezes"),
        sa.UniqueConstraint("member_id", "round_id", name="uq_freezes_member_id_round_id"),
    )
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("elements", WHOLE, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=False),
        sa.Column("used", WHOLE, nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("approved_at", sa.Text()),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_at", sa.Text()),
        sa.CheckConstraint("elements > 0", name="ck_grants_elements"),
        sa.CheckConstraint("used >= 0 AND used <= elements", name="ck_grants_used"),
        sa.PrimaryKeyConstraint("grant_id", name="pk_grants"),
    )
    op.create_index("ix_grants_peer", "grants", ["peer"])
    op.create_table(
        "known_different",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_known_different"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text()),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_reviews_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_round_id_number", "reviews", ["round_id", "number"])
    op.create_table(
        "staff",
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("removed_at", sa.Text()),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("tried_at", sa.Text()),
        sa.Column("signed_in_at", sa.Text()),
        sa.CheckConstraint("state IN ('waiting', 'active', 'removed')", name="ck_staff_state"),
        sa.PrimaryKeyConstraint("label", name="pk_staff"),
    )
