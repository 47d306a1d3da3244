"""Ways to carry an envelope to another node. There is one so far: calling it directly."""
