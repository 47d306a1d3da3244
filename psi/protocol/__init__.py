"""The protocols. `pair` compares the lists of two members; `states` holds its table of turns."""
