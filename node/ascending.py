"""Numbers in ascending order.

numpy's `unique` looks values up in a table before it sorts them: where they are sorted already, or can be sorted in
place, comparing neighbours is many times faster.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct"]

_Number = TypeVar("_Number", bound="np.generic[Any]")


def distinct(ascending: NDArray[_Number]) -> NDArray[_Number]:
    """One of each of these ascending numbers."""
    heads = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=heads[1:])
    return ascending[heads]
