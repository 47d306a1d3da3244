"""Limits of the protocol; each has a unit and a reason."""

__all__ = ["MAX_RELEASED"]

MAX_RELEASED = 1 << 16
"""Most single answers that one round may release: a person decided on each record behind them."""
