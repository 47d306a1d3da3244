"""Rounds: how an agreement comes about (`templates`, `negotiation`) and how it runs (`engine`, `scheduler`)."""
