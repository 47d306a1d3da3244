"""The tamper-evident record of what a node did: Merkle log, signed checkpoints, verification."""

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey, NoteSigner, parse_checkpoint
from node.audit.log import AuditLog, Entry, Event
from node.audit.verify import Report

__all__ = [
    "AuditLog",
    "BadCheckpoint",
    "Checkpoint",
    "Entry",
    "Event",
    "NoteKey",
    "NoteSigner",
    "Report",
    "parse_checkpoint",
]
