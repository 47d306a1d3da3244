"""What a node keeps: the state folder, its keys, the database with sealed cells, and spools of long lists."""

from node.store.address import read_address
from node.store.cells import Cells
from node.store.engine import LOOK_SECONDS, Store
from node.store.keyring import KeyRing, PassphraseCost
from node.store.spool import SealedSpool, SpoolFolder
from node.store.state_dir import StateDir
from node.store.upgrading import Upgrade, UpgradeTold, untold

__all__ = [
    "LOOK_SECONDS",
    "Cells",
    "KeyRing",
    "PassphraseCost",
    "SealedSpool",
    "SpoolFolder",
    "StateDir",
    "Store",
    "Upgrade",
    "UpgradeTold",
    "read_address",
    "untold",
]
