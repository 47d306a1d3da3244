"""Tripwires: decoys among our own list, and what a hit does.

    draw        fair choices out of the node's random bytes
    phones      telephone decoys: ranges that operators use, and ranges that none does
    values      decoys of all other kinds
    decoys      which and how many a list gets
    table       which sweep is caught how surely, and how often an honest side is stopped by chance
    freezes     members that nothing is exchanged with until two people have decided

They see broad sweeps by an unmodified program. They never see a single guess, and a program that was changed need not
heed them. A hit is a reason to stop and ask, not proof.
"""

from node.tripwires.decoys import DEFAULT_DECOYS, HONEST_ROUNDS, Decoy, draw_decoys
from node.tripwires.draw import Draw
from node.tripwires.freezes import Freeze, FreezeBook, Hit

__all__ = ["DEFAULT_DECOYS", "HONEST_ROUNDS", "Decoy", "Draw", "Freeze", "FreezeBook", "Hit", "draw_decoys"]
