"""One of each of ascending numbers."""

import numpy as np
import pytest

from node.ascending import distinct


@pytest.mark.parametrize("numbers", [[], [3], [3, 3], [1, 2, 2, 5], [0, 0, 1, 1, 1, 9, 9]])
def test_each_comes_once(numbers: list[int]) -> None:
    asked = np.array(numbers, dtype=np.int64)
    assert distinct(asked).tolist() == np.unique(asked).tolist()


def test_a_column_of_a_table_will_do_and_is_not_changed() -> None:
    table = np.array([[1, 7], [1, 8], [4, 9]], dtype=np.uint64)
    found = distinct(table[:, 0])
    found += np.uint64(1)
    assert table.tolist() == [[1, 7], [1, 8], [4, 9]]


def test_what_is_not_ascending_is_no_input() -> None:
    assert distinct(np.array([1, 2, 1])).tolist() == [1, 2, 1]
