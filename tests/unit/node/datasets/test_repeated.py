"""Case numbers that stand on several rows are found in 9 bytes a row, whatever the distances between the rows."""

import random
import sys

from node.datasets.batches import reference_hash
from node.datasets.repeated import References


def expected(references, rows):
    seen, found = set(), []
    for reference, row in zip(references, rows, strict=True):
        if reference in seen:
            found.append(row)
        seen.add(reference)
    return found


def filled(references, rows, rng):
    found = References()
    start = 0
    while start < len(rows):
        stop = start + rng.randint(1, 50)
        found.extend(b"".join(map(reference_hash, references[start:stop])), rows[start:stop])
        start = stop
    found.extend(b"", [])
    return found


def test_the_rows_that_repeat_are_those_a_set_would_find():
    rng = random.Random(5)
    for _ in range(200):
        count = rng.randint(0, 300)
        steps = rng.choice(((1,), (1, 2, 3), (1, 254, 255, 256, 257, 100_000), (255,)))
        rows, row = [], rng.choice((1, 2, 700))
        for _ in range(count):
            row += rng.choice(steps)
            rows.append(row)
        references = [str(rng.randrange(rng.choice((1, 20, 10_000)))) for _ in rows]
        wanted = expected(references, rows)
        found = filled(references, rows, rng)
        assert found.repeated(10_000) == (len(wanted), wanted)
        assert found.repeated(3) == (len(wanted), wanted[:3])


def test_no_rows_repeat_nothing():
    assert References().repeated(10) == (0, [])


def test_nine_bytes_a_row():
    found = References()
    rows = 100_000
    found.extend(b"".join(reference_hash(str(n)) for n in range(rows)), range(2, rows + 2))
    assert sys.getsizeof(found._hashes) + sys.getsizeof(found._steps) < 10 * rows
    assert not found._far
