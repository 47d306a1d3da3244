"""The first shape of the database."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# 64 bits on a server: a sequence number goes up to 2^32 - 1. On SQLite as it always was.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Every table. There is no way back: an older blindmatch refuses the database, a backup is the way."""
    op.create_table(
        "audit_entries",
        sa.Column("position", WHOLE, autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 0", name="ck_audit_entries_position"),
        sa.PrimaryKeyConstraint("position", name="pk_audit_entries"),
    )
    op.create_table(
        "charges",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("elements", WHOLE, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("elements >= 0", name="ck_charges_elements"),
        sa.PrimaryKeyConstraint("id", name="pk_charges"),
        sa.UniqueConstraint("peer", "round_id", "reason", name="uq_charges_peer_round_id_reason"),
    )
    op.create_index("ix_charges_peer_at", "charges", ["peer", "at"])
    op.create_table(
        "checkpoints",
        sa.Column("tree_size", WHOLE, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tree_size", name="pk_checkpoints"),
    )
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("record_class", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("region", sa.Text()),
        sa.Column("normaliser_version", sa.Text(), nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("usable", WHOLE, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_datasets"),
        sa.UniqueConstraint("name", name="uq_datasets_name"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("processed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("round_id", "sender", "sequence", name="uq_inbox_round_id_sender_sequence"),
    )
    op.create_index("ix_inbox_processed_round_id", "inbox", ["processed", "round_id"])
    op.create_table(
        "members",
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("member_class", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("card_digest", sa.LargeBinary(), nullable=False),
        sa.Column("tls_key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text()),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.Text()),
        sa.CheckConstraint("state IN ('pending', 'confirmed', 'removed')", name="ck_members_state"),
        sa.PrimaryKeyConstraint("member_id", name="pk_members"),
        sa.UniqueConstraint("alias", name="uq_members_alias"),
    )
    op.create_index("ix_members_tls_key_hash", "members", ["tls_key_hash"])
    op.create_table(
        "outbox",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("round_id", "recipient", "sequence", name="uq_outbox_round_id_recipient_sequence"),
    )
    op.create_index("ix_outbox_acknowledged_recipient", "outbox", ["acknowledged", "recipient"])
    op.create_table(
        "peer_checkpoints",
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("tree_size", WHOLE, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("moment IN ('open', 'close')", name="ck_peer_checkpoints_moment"),
        sa.PrimaryKeyConstraint("member_id", "round_id", "moment", name="pk_peer_checkpoints"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
    op.create_table(
        "rounds",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("convener", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("reports", sa.Text(), nullable=False),
        sa.Column("learned", sa.Boolean(), nullable=False),
        sa.Column("count_low", WHOLE),
        sa.Column("count_high", WHOLE),
        sa.Column("peer", sa.Text()),
        sa.Column("snapshot", sa.LargeBinary()),
        sa.Column("scalar", sa.LargeBinary()),
        sa.Column("failure_code", sa.Text()),
        sa.Column("failure_sentence", sa.Text()),
        sa.Column("blamed", sa.Text()),
        sa.Column("decision", sa.LargeBinary()),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("position IN ('first', 'second', 'none')", name="ck_rounds_position"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.dataset_id"], name="fk_rounds_dataset_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("round_id", name="pk_rounds"),
    )
    op.create_index("ix_rounds_state", "rounds", ["state"])
    op.create_table(
        "results",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('lead', 'released', 'withheld')", name="ck_results_status"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_results_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
        sa.UniqueConstraint("round_id", "number", name="uq_results_round_id_number"),
    )
    op.create_table(
        "signatures",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('signed', 'refused')", name="ck_signatures_verdict"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round_id"], name="fk_signatures_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "member_id", name="pk_signatures"),
    )
