"""Make a Debian package of this checkout, with everything that the program needs beside Python itself.

    debian.py [--python /usr/bin/python3] [--wheel FILE] [--out build/debian] [--fast]        (make deb)

For whoever has a laptop with Debian, Ubuntu or Mint and one command in them: the package installs without a network, is
removed without a trace but for what its owner made, and brings the systemd units along. Its tree:

    /usr/lib/blindmatch/            a Python environment: the wheel, the packages of requirements.lock by their hashes
    /usr/bin/blindmatch             a link into it
    /usr/lib/systemd/system/        the units of deploy/systemd, none of them enabled
    /usr/lib/{sysusers,tmpfiles}.d/ accounts for them, the folders for secrets and backups
    /usr/share/doc/blindmatch/      the documents and samples

The packages are compiled for one minor version of Python, so the package depends on that version and says it in its
own: 0.2.0+py3.11 is for Debian 12, +py3.12 for Ubuntu 24.04, +py3.13 for Debian 13. The same sources, lock and Python
give the same bytes. Needs dpkg-deb and, without --wheel, what `make wheel-check` needs.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import wheel_check

ROOT = wheel_check.ROOT
HOME = "usr/lib/blindmatch"
EPOCH = int(wheel_check.EPOCH)
DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "threat_model.md", "deploy", "cli/README.md")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LAUNCHER = f"""#!/{HOME}/bin/python -I
import sys

from cli.main import main

sys.exit(main())
"""
CONTROL = """Package: blindmatch
Version: {version}+py{python}
Architecture: {architecture}
Maintainer: The blindmatch project <blindmatch@blindmatch.invalid>
Installed-Size: {kibibytes}
Depends: python{python}, libc6 (>= 2.28), libstdc++6
Suggests: sudo
Section: utils
Priority: optional
Description: privacy-preserving record matching between organisations
 Two organisations find out which people, telephone numbers and accounts they
 both hold, and learn nothing about anybody else. This package holds the
 command and the service of one organisation, and starts nothing by itself.
 Read /usr/share/doc/blindmatch/deploy/debian/README.md first.
"""


def fail(sentence: str) -> None:
    sys.exit(f"deb: {sentence}")


def version_of(python: Path) -> str:
    """Its minor version, such as 3.11."""
    said = wheel_check.run(python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])", cwd=ROOT).strip()
    if tuple(map(int, said.split("."))) < (3, 11):
        fail(f"{python} is Python {said}; blindmatch needs 3.11 or newer.")
    return said


def build_wheel(folder: Path) -> Path:
    wheel_check.check_compiler()
    return wheel_check.build(folder, wheel_check.source_files())


def install_packages(python: Path, site: Path) -> None:
    """The locked packages, as they are: nothing is built, nothing of theirs runs, and each is held against its hash."""
    options = ["--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", site]
    pip = (sys.executable, "-I", "-m", "pip", "--python", python, *wheel_check.PIP)
    wheel_check.run(*pip, *options, "-r", ROOT / "requirements.lock", cwd=site.parent)
    shutil.rmtree(site / "bin", ignore_errors=True)  # other programs' commands, with a path of this machine in them
    for record in site.glob("*.dist-info/RECORD"):
        kept = [line for line in record.read_text("utf-8").splitlines() if not line.startswith(("../", "bin/"))]
        record.write_text("\n".join([*sorted(kept), ""]), encoding="utf-8")


def unpack_wheel(wheel: Path, site: Path) -> str:
    """Our own wheel, which has nothing but files in their places; its version."""
    with zipfile.ZipFile(wheel) as archive:
        if any(".data/" in name for name in archive.namelist()):
            fail("the wheel has files of a kind that this does not install.")
        archive.extractall(site)
    version = re.match(r"blindmatch-([0-9][\w.]*)-", wheel.name)
    if version is None:
        fail(f"{wheel.name} is not a wheel of blindmatch.")
    assert version is not None
    return version[1]


def lay_out(tree: Path, python: str) -> None:
    """Everything of the tree but the packages."""
    home = tree / HOME
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n")
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{python}")
    (home / "bin" / "blindmatch").write_text(LAUNCHER)
    (home / "bin" / "blindmatch").chmod(0o755)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/blindmatch").symlink_to("../lib/blindmatch/bin/blindmatch")
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for source in sorted((ROOT / "deploy/systemd").iterdir()):
        if source.suffix in {".service", ".socket", ".timer"}:
            shutil.copyfile(source, units / source.name)
        elif source.suffix in {".sysusers", ".tmpfiles"}:
            folder = tree / "usr/lib" / f"{source.suffix[1:]}.d"
            folder.mkdir()
            shutil.copyfile(source, folder / "blindmatch.conf")
    documents = tree / "usr/share/doc/blindmatch"
    for file in wheel_check.source_files():
        if {file.parts[0], file.as_posix()} & set(DOCUMENTS) and not (
            file.parts[0] == "deploy" and file.parts[1] == "systemd" and file.suffix != ".md"
        ):
            (documents / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, documents / file)
    shutil.copyfile(ROOT / "LICENSE", documents / "copyright")


def entries(tree: Path) -> Iterator[Path]:
    yield from sorted(tree.rglob("*"))


def pack(tree: Path, out: Path, version: str, python: str, *, fast: bool = False) -> Path:
    """The package of a tree; whatever its modes and times are, they become the same."""
    control = tree / "DEBIAN"
    control.mkdir()
    files = [path for path in entries(tree) if path.is_file() and not path.is_symlink() and control not in path.parents]
    sizes = sum(-(-path.stat().st_size // 1024) for path in files)
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        fail(f"there is no Debian package for {platform.machine()} yet.")
    text = CONTROL.format(version=version, python=python, architecture=architecture, kibibytes=sizes)
    (control / "control").write_text(text, encoding="utf-8")
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files]  # noqa: S324
    (control / "md5sums").write_text("".join(sums), encoding="utf-8")  # what `dpkg --verify` reads; no signature
    for source in sorted((ROOT / "deploy/debian").glob("*inst")) + sorted((ROOT / "deploy/debian").glob("*rm")):
        script = source.read_text(encoding="utf-8").replace("@PYTHON@", python)
        (control / source.name).write_text(script, encoding="utf-8")
        (control / source.name).chmod(0o755)
    for path in [*entries(tree), tree]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    out.mkdir(parents=True, exist_ok=True)
    made = out / f"blindmatch_{version}+py{python}_{architecture}.deb"
    squeeze = ["-Zgzip", "-z1"] if fast else ["-Zxz", "-z6"]
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *squeeze, "--threads-max=1", "--build", str(tree), str(made)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)},
    )
    return made


def make(tree: Path, python: Path, wheel: Path | None) -> tuple[str, str]:
    """The tree without its DEBIAN folder; the version of the package and of Python."""
    minor = version_of(python)
    site = tree / HOME / "lib" / f"python{minor}" / "site-packages"
    site.mkdir(parents=True)
    install_packages(python, site)
    with tempfile.TemporaryDirectory() as temporary:
        version = unpack_wheel(wheel or build_wheel(Path(temporary)), site)
    lay_out(tree, minor)
    return version, minor


def main() -> None:
    words = argparse.ArgumentParser(description="Make a Debian package of this checkout.")
    words.add_argument("--python", type=Path, default=Path("/usr/bin/python3"), help="the Python that it is for")
    words.add_argument("--wheel", type=Path, help="a wheel of blindmatch; without it, one is built")
    words.add_argument("--out", type=Path, default=ROOT / "build" / "debian")
    words.add_argument("--fast", action="store_true", help="pack it quickly, for a test; larger")
    given = words.parse_args()
    if shutil.which("dpkg-deb") is None:
        fail("dpkg-deb is not here: Debian packages are made on Debian, Ubuntu or Mint.")
    if not given.python.exists():
        fail(f"there is no {given.python}. Install python3, or name one with --python.")
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        tree.mkdir()
        version, minor = make(tree, given.python, given.wheel)
        made = pack(tree, given.out.absolute(), version, minor, fast=given.fast)
    digest = wheel_check.digest(made)
    print(f"{made}  sha256 {digest}")


if __name__ == "__main__":
    main()
