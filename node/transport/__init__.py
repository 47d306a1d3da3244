"""Ways to carry an envelope to another node, and the one door through which those of others come in."""
