"""Are the committed protobuf files what protos/ generates? With --write: make them so.

Generated code is committed, so that nobody needs the generator to run blindmatch; this check keeps it honest. It
generates with the grpcio-tools of the dev lock into a temporary folder and compares file by file, both ways.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("node/wire")
PATTERN = "*_pb2*.py*"


def generate(target: Path) -> dict[str, bytes]:
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos" / PACKAGE).glob("*.proto"))
    # No gRPC stubs: node/wire/services.py reads the calls from the descriptors.
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", *outputs, *sources]
    if not sources or subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("protoc could not generate from protos/; the lines above say why.")
    return contents(target / PACKAGE)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(PATTERN) if path.is_file()}


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        fresh = generate(Path(temporary))
    committed = contents(ROOT / PACKAGE)
    different = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    if sys.argv[1:] == ["--write"]:
        for name in different:
            if name in fresh:
                (ROOT / PACKAGE / name).write_bytes(fresh[name])
            else:
                (ROOT / PACKAGE / name).unlink()
        print(f"{len(fresh)} generated files in {PACKAGE}, {len(different)} of them changed")
    elif different:
        sys.exit(f"Not what protos/ generates: {', '.join(different)} in {PACKAGE}. Run `make wire` and commit.")
    else:
        print(f"{len(fresh)} generated files are what protos/ generates")


if __name__ == "__main__":
    main()
