"""The program that atheris runs: any bytes as a text source (CSV, JSON Lines or the file of a query).

The first byte chooses which, and with which options; the rest is the file. `--twin` takes a defence out, which must be
found: then a line that is not UTF-8 is no longer turned into a reason code.
"""

import sys
from pathlib import Path

import atheris

FUZZED = ("csv_source", "encodings", "header", "json_shape", "jsonl_source", "sql_source", "sources", "tables")

with atheris.instrument_imports(include=[f"node.datasets.{name}" for name in FUZZED]):
    from node.datasets import jsonl_source
    from tests.support.source_fuzz import attempt

CSV_OPTIONS = (
    {},
    {"delimiter": "tab"},
    {"encoding": "utf-16"},
    {"encoding": "cp1252", "delimiter": "^"},
    {"header_row": 2},
)


def main() -> None:
    path = Path.cwd() / "source"  # the process ends without clean-up: its caller owns the folder
    query = path.with_suffix(".toml")
    if "--twin" in sys.argv:
        sys.argv.remove("--twin")
        jsonl_source.parse_object = lambda line: {"a": line.decode()}

    def target(data: bytes) -> None:
        choice, data = (data[0], data[1:]) if data else (0, data)
        if choice >= 0xF0:
            query.write_bytes(data)
            query.chmod(0o600)
            attempt(query)
        elif choice >= 0x80:
            path.write_bytes(b'{"r": 1}\n' + data)
            attempt(path, **({"explode": "m"} if choice & 1 else {}))
        else:
            path.write_bytes(data)
            attempt(path, **CSV_OPTIONS[choice % len(CSV_OPTIONS)])

    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


main()
