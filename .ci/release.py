"""Makes a release: everything in one folder, built twice, checked, tried, listed and signed. `make release` runs this.

    release.py --key FILE      a release, in build/release
    release.py --trial         the same steps, whatever forbids a release, in build/release-trial

What comes out: the source distribution; a wheel for each system, with its compiled core; the bill of materials; the
licences; a requirements file with which one command installs it all by hash; the changes; what it was built with;
SHA256SUMS and its signature. deploy/release/README.md says who does what.

Nothing is built from what merely lies here. The files that git knows are copied and built; what came out as source
distribution is unpacked elsewhere and built again; both must be the same bytes, file for file.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path

import advisories
import checksums
import cross
import licences
import locked
import sbom
import wheels
from release_facts import ROOT, Facts, facts, objections, tracked
from wheel_check import check_contents

__all__ = ["Stop", "main", "requirements"]

SIGNERS = ROOT / "deploy" / "release" / "allowed_signers"
LOCKS = ("requirements.lock", "requirements-release.lock")
LIBRARIES = ROOT / "build" / "cross" / "zig" / "global"
"""The C libraries that come with zig as sources: compiled by the first build on a machine, which takes minutes."""
STEP_SECONDS = 900
PYTHONS = ("3.11", "3.12", "3.13")
INSTALL = "python3 -I -m pip install --require-hashes --only-binary :all: -r"
MARKERS = {
    "linux-x86_64": ("linux", "x86_64"),
    "linux-aarch64": ("linux", "aarch64"),
    "macos-x86_64": ("darwin", "x86_64"),
    "macos-arm64": ("darwin", "arm64"),
    "windows-amd64": ("win32", "AMD64"),
}
"""What Python calls each system: `sys.platform` and `platform.machine()`."""

Files = dict[str, tuple[bytes, bool]]
"""Path -> contents, and whether it is a program."""


class Stop(Exception):
    """Why there is no release, as sentences."""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run one step, return what it printed. Stop, with all it said, if it fails."""
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    words = [str(word) for word in command]
    given = clean | environment
    done = subprocess.run(words, cwd=cwd, env=given, capture_output=True, text=True, timeout=STEP_SECONDS)
    if done.returncode:
        raise Stop(f"exit code {done.returncode} from: {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(files: Files, epoch: int, work: Path) -> dict[str, bytes]:
    """The wheels and the source distribution of these sources, by name."""
    tree, made = work / "tree", work / "made"
    made.mkdir(parents=True)
    # Nothing of ours is kept from an earlier build, only what zig compiled of its own.
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    (work / "zig").mkdir()
    (work / "zig" / "global").symlink_to(LIBRARIES)
    for name, (data, _) in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    # Without a core: a compiler that always fails. The cores come from zig, one for each system.
    step = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work / "base")
    run(*step, cwd=tree, SOURCE_DATE_EPOCH=str(epoch), CC=shutil.which("false") or "false")
    (base,) = (wheels.unpack(path) for path in (work / "base").iterdir())
    for target in cross.TARGETS:
        core = cross.compile_core(target, tree, work / target.name, cache=work / "zig").read_bytes()
        wheel = wheels.pack_wheel(base, target, core, made, epoch)
        check_contents(wheel, [Path(name) for name in files], target.core)
    about = next(data for name, data in base.items() if name.endswith(".dist-info/METADATA"))
    name = "-".join(next(iter(made.iterdir())).name.split("-")[:2])
    sources = {path: data for path, (data, _) in files.items()} | {"PKG-INFO": about}
    wheels.pack_sources(sources, name, made, epoch, frozenset(path for path, (_, program) in files.items() if program))
    return {path.name: path.read_bytes() for path in sorted(made.iterdir())}


def sources_in(archive: Path) -> Files:
    """What a source distribution holds, without the note about itself."""
    with tarfile.open(archive) as tar:
        held = {entry.name.partition("/")[2]: entry for entry in tar.getmembers() if entry.isfile()}
        return {
            name: (part.read(), bool(entry.mode & 0o100))
            for name, entry in held.items()
            if name != "PKG-INFO" and (part := tar.extractfile(entry))
        }


def build_twice(epoch: int, work: Path) -> dict[str, bytes]:
    """Build the checkout, and then what came out as its sources. Stop, unless both gave the same bytes."""
    checkout = {name: ((ROOT / name).read_bytes(), program) for name, program in tracked().items()}
    first = build(checkout, epoch, work / "first")
    (sources,) = (work / "first" / "made").glob("*.tar.gz")
    second = build(sources_in(sources), epoch, work / "second")
    if differ := sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name)):
        raise Stop(f"Two builds of the same sources differ: {', '.join(differ)}.")
    return first


def requirements(version: str, built: dict[str, bytes], lock: str) -> str:
    """The lock, and blindmatch itself: for each system the one wheel beside this file, by its hash and by no name that
    a package index could answer."""
    name = f"{locked.PROJECT}-{version}.requirements.txt"
    lines = [
        f"# blindmatch {version} and all that it needs, each file by its hash. In this folder:",
        f"#    {INSTALL} {name}",
    ]
    for target in cross.TARGETS:
        system, machine = MARKERS[target.name]
        (wheel,) = (one for one in built if one.endswith(f"-{target.tag}.whl"))
        lines.append(f"./{wheel} ; sys_platform == '{system}' and platform_machine == '{machine}' \\")
        lines.append(f"    --hash=sha256:{checksums.digest(built[wheel])}")
    return "\n".join([*lines, lock])


def pythons() -> dict[str, Path]:
    """The Pythons of PYTHONS that are here, by version."""
    beside = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parents[2]
    found = {}
    for version in PYTHONS:
        name = f"python{version}"
        for candidate in (shutil.which(name), *sorted(beside.glob(f"{version}.*/bin/{name}"))):
            try:
                question = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
                if candidate and run(candidate, "-I", "-c", question, cwd=ROOT).strip() == version:
                    found[version] = Path(candidate)
                    break
            except (Stop, OSError):
                continue  # a launcher with nothing behind it
    return found


def try_install(python: Path, folder: Path, version: str, work: Path) -> str:
    """Install the release as a user does, and start it in an empty folder: what it says of its arithmetic."""
    empty = work / "empty"
    empty.mkdir(parents=True)
    run(python, "-m", "venv", work / "env", cwd=empty)
    inside, listed = work / "env" / "bin", folder / f"{locked.PROJECT}-{version}.requirements.txt"
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--only-binary", ":all:"]
    run(inside / "python", "-I", "-m", "pip", "install", *options, "-r", listed, cwd=folder)
    run(inside / "python", "-I", "-m", "pip", "--disable-pip-version-check", "check", cwd=empty)
    said = run(inside / "blindmatch", "--version", cwd=empty, HOME=str(empty)).strip()
    report = json.loads(run(inside / "blindmatch", "doctor", "--json", cwd=empty, HOME=str(empty)))
    backend = next(one["says"] for one in report["checks"] if one["name"] == "backend").split(";")[0]
    if said != f"{locked.PROJECT} {version}" or not backend.startswith("native-"):
        raise Stop(f"{python.name}: installed was '{said}' with the backend {backend}")
    return str(backend)


def papers(said: Facts, lock: str) -> dict[str, str]:
    """The documents of a release, by name. Stop, if a package has no licence that we accept, or the bill is wrong."""
    rules, prefix = licences.policy(), f"{locked.PROJECT}-{said.version}"
    try:
        found = licences.find(locked.read(lock), licences.installed(), rules)
    except licences.Refused as refused:
        raise Stop(f"{refused}\nSee deploy/release/licences.toml.") from refused
    bill = sbom.make(found, sbom.sodium_pins(), said.version, said.day or locked.day(lock))
    if wrong := sbom.problems(bill, lock):
        raise Stop("\n".join(wrong))
    report = licences.report(found, rules)
    return {f"{prefix}.cdx.json": bill, f"{prefix}.licences.md": report, f"{prefix}.notes.md": said.notes + "\n"}


def asked(reason: str | None) -> str:
    """Ask for known weaknesses, or say why not. Stop, if one is known."""
    packages, entries = locked.read((ROOT / LOCKS[0]).read_text(encoding="utf-8")), advisories.exceptions()
    today = datetime.now(UTC).date()
    wrong = advisories.problems_of_file(entries, packages, today)
    if reason is None and not wrong:
        try:
            wrong = advisories.verdict(advisories.ask(packages), entries)
        except advisories.Unasked as error:
            wrong = [f"{error} Try again elsewhere, or give --without-advisories and the reason, which is published."]
    if wrong:
        raise Stop("\n".join(wrong))
    return f"asked on {today}: nothing known that is not excepted" if reason is None else f"not asked: {reason}"


def built_with(said: Facts, weaknesses: str, tried: dict[str, str]) -> str:
    """What somebody needs who wants to build the same bytes, and what was tried."""
    about = {
        "version": said.version,
        "commit": said.commit,
        "built with": {name: version_of(name) for name in ("build", "setuptools", "ziglang")}
        | {"python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION},
        "locks": {name: checksums.digest((ROOT / name).read_bytes()) for name in LOCKS},
        "known weaknesses": weaknesses,
        "installed and started on": {f"Python {version}": backend for version, backend in tried.items()}
        | {f"Python {version}": "not here" for version in PYTHONS if version not in tried},
        "not started": [name for name, kind in MARKERS.items() if kind != (sys.platform, platform.machine())],
    }
    return json.dumps(about, indent=1) + "\n"


def release(said: Facts, key: Path | None, without: str | None, place: Path) -> None:
    """All of it into `place`, which is replaced when everything is right and not before."""
    lock = (ROOT / LOCKS[0]).read_text(encoding="utf-8")
    weaknesses = asked(without)
    with tempfile.TemporaryDirectory() as temporary:
        work, folder = Path(temporary), Path(temporary, "release")
        folder.mkdir()
        texts = papers(said, lock)
        built = build_twice(int((said.day or locked.day(lock)).timestamp()), work)
        prefix = f"{locked.PROJECT}-{said.version}"
        texts[f"{prefix}.requirements.txt"] = requirements(said.version, built, lock)
        for name, data in (built | {name: text.encode() for name, text in texts.items()}).items():
            (folder / name).write_bytes(data)
        here_are = pythons().items()
        tried = {version: try_install(python, folder, said.version, work / version) for version, python in here_are}
        (folder / f"{prefix}.build.json").write_text(built_with(said, weaknesses, tried), encoding="utf-8")
        checksums.write(folder)
        if key:
            checksums.sign(folder, key, ROOT)
            checksums.verify(folder, SIGNERS)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)


def main() -> None:
    words = argparse.ArgumentParser(description="Build, check and sign a release.")
    words.add_argument("--key", type=Path, help="the private key that signs, or its public half if an agent has it")
    words.add_argument("--trial", action="store_true", help="go on where a release would be refused")
    words.add_argument("--without-advisories", metavar="REASON", help="why nobody was asked for known weaknesses")
    given = words.parse_args()
    said = facts()
    against = objections(said, datetime.now(UTC))
    against += [] if given.key else ["There is no key: a release is signed (--key, or make release KEY=FILE)."]
    place = ROOT / "build" / ("release-trial" if given.trial else "release")
    try:
        if against and not given.trial:
            raise Stop("\n".join(against))
        for sentence in against:
            print(f"A release would be refused: {sentence}")
        release(said, given.key, given.without_advisories, place)
    except (Stop, checksums.Unsigned, cross.CrossError, wheels.Unfit) as reason:
        sys.exit(f"There is no release.\n{reason}")
    print((place / checksums.SUMS).read_text(encoding="utf-8") + f"{place.relative_to(ROOT)} is complete.")


if __name__ == "__main__":
    main()
