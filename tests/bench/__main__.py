"""python -m tests.bench [NAME]: see _bench.py."""

from tests.bench._bench import main

main()
