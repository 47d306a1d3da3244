"""Names that the command line needs before it talks to a node."""

__all__ = ["FACTS_FILE", "MAX_FACTS_BYTES"]

FACTS_FILE = "facts.json"
"""The name of the file with the facts that the papers were made from."""

MAX_FACTS_BYTES = 256 * 1024
"""Longest file of facts that is compared, in bytes."""
