"""The tables of a node.

This is the shape that the code reads and writes; `migrations/` brings a database to it, and a test compares the two.
Portable SQL only. Columns named "sealed" hold `Cells` output and nothing else may put personal data into the database:
everything that is not sealed is a name the members use among themselves, a number, a state, a time or a digest.
Times are RFC 3339 text in UTC with whole seconds (`node.clock.timestamp`), so that they sort as text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "approvals",
    "audit_entries",
    "carried",
    "charges",
    "checkpoints",
    "contacts",
    "cosignatures",
    "datasets",
    "decoys",
    "erasures",
    "exclusions",
    "exposures",
    "feedback",
    "freezes",
    "grants",
    "inbox",
    "known_different",
    "members",
    "metadata",
    "outbox",
    "peer_checkpoints",
    "results",
    "reviews",
    "rounds",
    "settings",
    "signatures",
    "staff",
    "stop_lists",
]

# Sequence numbers go up to 2^32 - 1, a server's Integer to 2^31 - 1. SQLite has one kind, and counts up only that.
_Whole = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # sealed where it is a secret, as its owner decides
)

members = Table(
    "members",
    metadata,
    Column("member_id", Text, primary_key=True),
    Column("alias", Text, nullable=False, unique=True),
    Column("member_class", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("card", LargeBinary, nullable=False),  # sealed
    Column("card_digest", LargeBinary, nullable=False),
    Column("tls_key_hash", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("confirmed_by", Text),
    Column("added_at", Text, nullable=False),
    Column("confirmed_at", Text),
    Column("reach", Text),  # how it is reached; NULL: as its card says
    Column("children", Boolean),  # takes part in rounds about children, as two people here decided; NULL: no
    CheckConstraint("state IN ('pending', 'confirmed', 'removed')", name="state"),
    Index(None, "tls_key_hash"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("dataset_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("record_class", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("region", Text),
    Column("normaliser_version", Text, nullable=False),
    Column("records", _Whole, nullable=False),
    Column("usable", _Whole, nullable=False),
    Column("counts", Text, nullable=False),  # JSON, numbers only
    Column("details", LargeBinary, nullable=False),  # sealed: name of the source file, mapping
    Column("created_at", Text, nullable=False),
    Column("version_id", Text, nullable=False),  # names the record file; another one after each refresh
    Column("version", _Whole, nullable=False),  # counted from 1
    Column("refreshed_at", Text),
)

# Own contacts that never take part: hotlines, shelters, hotels, outreach accounts.
stop_lists = Table(
    "stop_lists",
    metadata,
    Column("name", Text, primary_key=True),
    Column("counts", Text, nullable=False),  # JSON: kind -> number of values
    Column("body", LargeBinary, nullable=False),  # sealed: the values
    Column("changed_at", Text, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("round_id", Text, primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("convener", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("dataset_id", Text, ForeignKey("datasets.dataset_id", ondelete="SET NULL")),
    Column("state", Text, nullable=False, index=True),
    Column("started", Boolean, nullable=False),  # the convener has said go
    Column("reports", Text, nullable=False),  # JSON: member id -> state it last reported
    Column("learned", Boolean, nullable=False),  # the leads of this side are stored
    Column("count_low", _Whole),  # what the first learner declared to this side
    Column("count_high", _Whole),
    Column("peer", Text),
    Column("snapshot", LargeBinary),  # sealed
    Column("scalar", LargeBinary),  # sealed; NULL again when the round is over
    Column("failure_code", Text),
    Column("failure_sentence", Text),
    Column("blamed", Text),
    Column("decision", LargeBinary),  # sealed
    Column("sealing_key", LargeBinary),  # sealed; what the other side seals for; NULL again when the round is over
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("version_id", Text),  # of the data set, once the list is made
    Column("listed_at", Text),  # when it was made; both stay when the round is over
    Column("ended_at", Text),  # when it came to its end here: the agreed time to keep results runs from then
    Column("erased_at", Text),  # when its results were deleted
    CheckConstraint("position IN ('first', 'second', 'none')", name="position"),
)

signatures = Table(
    "signatures",
    metadata,
    Column("round_id", Text, ForeignKey("rounds.round_id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("round_key", LargeBinary),  # public; given with a signature
    Column("at", Text, nullable=False),
    CheckConstraint("verdict IN ('signed', 'refused')", name="verdict"),
)

# No foreign key from outbox and inbox to rounds: an answer to, or the digest of, an envelope about an unknown round
# must be kept as well, so that a resend gets the same bytes back.
outbox = Table(
    "outbox",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("sequence", _Whole, nullable=False),
    Column("kind", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),  # sealed; row = round_id/recipient/sequence
    Column("acknowledged", Boolean, nullable=False),
    UniqueConstraint("round_id", "recipient", "sequence"),
    Index(None, "acknowledged", "recipient"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sequence", _Whole, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("payload", LargeBinary),  # sealed; row = round_id/sender/sequence; NULL once processed
    Column("processed", Boolean, nullable=False),
    UniqueConstraint("round_id", "sender", "sequence"),
    Index(None, "processed", "round_id"),
)

# What goes to a member by carried files, per round: see node.transport.file.
carried = Table(
    "carried",
    metadata,
    Column("round_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("files", Integer, nullable=False),  # written so far
    Column("written", Integer, nullable=False),  # highest row of the outbox that was written into one
    Column("refusals", LargeBinary, nullable=False),  # lines of receipts that the next file brings
)

results = Table(
    "results",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, ForeignKey("rounds.round_id", ondelete="CASCADE"), nullable=False),
    Column("first", _Whole, nullable=False),  # number of the block's first lead within its round, from 1
    Column("body", LargeBinary, nullable=False),  # sealed; row = round_id/first
    Column("statuses", Text, nullable=False),  # a letter for each lead of the block
    Column("at", Text, nullable=False),
    UniqueConstraint("round_id", "first"),
    CheckConstraint("length(statuses) > 0", name="statuses"),
)

# Charges outlive their round: a budget counts what was spent, also on rounds that were erased.
charges = Table(
    "charges",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("peer", Text, nullable=False),
    Column("round_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("elements", _Whole, nullable=False),
    Column("at", Text, nullable=False),
    Column("granted", _Whole, nullable=False, default=0),  # of the elements, what grants paid for
    UniqueConstraint("peer", "round_id", "reason"),
    CheckConstraint("elements >= 0", name="elements"),
    Index(None, "peer", "at"),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("position", _Whole, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("leaf_hash", LargeBinary, nullable=False),
    CheckConstraint("position >= 0", name="position"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("tree_size", _Whole, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("at", Text, nullable=False),
)

peer_checkpoints = Table(
    "peer_checkpoints",
    metadata,
    Column("member_id", Text, primary_key=True),
    Column("round_id", Text, primary_key=True),
    Column("moment", Text, primary_key=True),
    Column("tree_size", _Whole, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    CheckConstraint("moment IN ('open', 'close')", name="moment"),
)

# People of this organisation who act here, by the label that stands in the log.
staff = Table(
    "staff",
    metadata,
    Column("label", Text, primary_key=True),
    Column("roles", Text, nullable=False),  # words with commas between, in order
    Column("verifier", LargeBinary, nullable=False),  # sealed: what their own passphrase is checked against
    Column("state", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Text, nullable=False),
    Column("removed_at", Text),
    Column("tries", _Whole, nullable=False),  # wrong passphrases since the last right one
    Column("tried_at", Text),  # the last wrong one
    Column("signed_in_at", Text),  # the last sign-in that the log tells of
    CheckConstraint("state IN ('waiting', 'active', 'removed')", name="state"),
)

# What waits for, or has, the decision of a second person.
approvals = Table(
    "approvals",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),  # what it is about, a word: see node.staff.approvals
    Column("subject_id", Text, nullable=False),  # which one
    Column("digest", LargeBinary, nullable=False),  # of exactly what was asked
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Text),
    Column("seal", LargeBinary, nullable=False),  # sealed: all of the above
    CheckConstraint("verdict IN ('waiting', 'approved', 'declined', 'overridden')", name="verdict"),
    Index(None, "subject", "subject_id"),
)

# More budget for one member for some time, asked for by one person and approved by another.
grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("elements", _Whole, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("valid_until", Text, nullable=False),
    Column("used", _Whole, nullable=False, default=0),  # elements that charges took from it
    Column("approved_by", Text),
    Column("approved_at", Text),
    Column("revoked_by", Text),
    Column("revoked_at", Text),
    CheckConstraint("elements > 0", name="elements"),
    CheckConstraint("used >= 0 AND used <= elements", name="used"),
    Index(None, "peer"),
)

# Which of our own records we exposed to whom, as keyed digests: see node.policy.exposure.
exposures = Table(
    "exposures",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("peer", Text, nullable=False),
    Column("round_id", Text, nullable=False),
    Column("records", _Whole, nullable=False),
    Column("again", _Whole, nullable=False),  # of them, shown to that peer before
    Column("rounds_before", _Whole, nullable=False),  # in so many rounds
    Column("exact", Boolean, nullable=False),  # else both are estimates
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("at", Text, nullable=False),
    UniqueConstraint("peer", "round_id"),
)

# Decoys among our own list, while the round needs them.
decoys = Table(
    "decoys",
    metadata,
    Column("round_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # sealed
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("member_id", Text, nullable=False),
    Column("round_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", LargeBinary, nullable=False),  # sealed
    Column("frozen_at", Text, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_second", Text),
    Column("lifted_at", Text),
    UniqueConstraint("member_id", "round_id"),
)

# Checkpoints that one member signed of another one's log: a peer of ours ("ours"), or we of a peer's ("theirs"), and
# what belongs to them: see node.audit.witness.
cosignatures = Table(
    "cosignatures",
    metadata,
    Column("member_id", Text, primary_key=True),
    Column("round_id", Text, primary_key=True),
    Column("moment", Text, primary_key=True),
    Column("log", Text, primary_key=True),
    Column("tree_size", _Whole, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),  # of the log's owner
    Column("cosigned_at", _Whole, nullable=False),  # seconds since 1970, by the clock of whoever cosigned
    Column("cosignature", LargeBinary, nullable=False),
    Column("gone", Boolean, nullable=False),  # of a log that was restored since, and does not have it any more
    CheckConstraint("log IN ('ours', 'theirs', 'lost', 'restored', 'refused')", name="log"),
    Index(None, "log", "tree_size"),
)

# What people decided about leads: a line for each decision, the last one counts.
reviews = Table(
    "reviews",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, ForeignKey("rounds.round_id", ondelete="CASCADE"), nullable=False),
    Column("number", _Whole, nullable=False),
    Column("status", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("due_on", Text),  # a day
    Index(None, "round_id", "number"),
)

# What both sides say to each other of a lead: a status, by its match handle.
feedback = Table(
    "feedback",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, ForeignKey("rounds.round_id", ondelete="CASCADE"), nullable=False),
    Column("handle", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Text, nullable=False),
    CheckConstraint("direction IN ('sent', 'received')", name="direction"),
    UniqueConstraint("round_id", "handle", "direction"),
)

# "These two are known to be different people", as a keyed digest: see node.rounds.known_different.
known_different = Table(
    "known_different",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", Text, nullable=False),
)

# Contact cards and agreed fields, for matched records alone: offered by one side, given once both have offered.
contacts = Table(
    "contacts",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("round_id", Text, ForeignKey("rounds.round_id", ondelete="CASCADE"), nullable=False),
    Column("handle", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary),  # sealed
    Column("at", Text, nullable=False),
    CheckConstraint("direction IN ('ours', 'theirs')", name="direction"),
    CheckConstraint("state IN ('offered', 'given', 'withdrawn')", name="state"),
    UniqueConstraint("round_id", "handle", "direction"),
)

# Records of a data set that take no part: withdrawn, or kept from one member.
exclusions = Table(
    "exclusions",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("dataset_id", Text, ForeignKey("datasets.dataset_id", ondelete="CASCADE"), nullable=False),
    Column("peer", Text, nullable=False),  # member id; empty: everybody
    Column("records", _Whole, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed: references
    Column("changed_at", Text, nullable=False),
    UniqueConstraint("dataset_id", "peer"),
)

# What was erased at a person's request: a keyed digest of the reference, and counts.
erasures = Table(
    "erasures",
    metadata,
    Column("id", _Whole, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False),
    Column("counts", Text, nullable=False),  # JSON, numbers only
    Column("by", Text, nullable=False),
    Column("second", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("position", _Whole, nullable=False),  # of its entry in the audit log
    Index(None, "digest"),
)
