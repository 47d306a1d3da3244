"""Limits of the protocol; each has a unit and a reason."""

__all__ = ["MAX_LIST_ELEMENTS", "MAX_RELEASED"]

MAX_LIST_ELEMENTS = 1 << 27
"""Most elements in one padded list (134 million): chunk numbers and counters stay far from their ends."""

MAX_RELEASED = 1 << 16
"""Most single answers that one round may release: a person decided on each record behind them."""
