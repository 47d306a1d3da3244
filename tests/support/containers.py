"""podman with a home of its own for one test module: its images, containers, networks and mounts lie in one folder.

    with engine() as podman:
        base, builder, database = podman.bases()
        podman.run("image", "ls")

Nothing is fetched from an image registry: the bases are made by mmdebstrap from Debian's packages, as this machine gets
them, and imported. Packages of Python come the way this machine's pip is set up for: its settings are read here and
shown to the build as a file, and stand in no file of the project and in no image.

At the end everything is stopped and removed, and it is looked for what was left: a process, a mount, a network device.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.tree import ROOT

__all__ = ["NEEDED", "Engine", "Unexpected", "engine", "needs_containers"]

NEEDED = ("podman", "buildah", "runc", "mmdebstrap", "aardvark-dns", "netavark", "conmon", "iptables")
_PLACES = f"{os.environ.get('PATH', '')}:/usr/lib/podman:/usr/libexec/podman:/usr/sbin:/sbin"
STEP_SECONDS = 600

# libstdc++6 is what packages with C++ in them want of a system; every Debian image that has apt has it.
_BASE_TREE = ("python3", "libstdc++6")
_BUILD_TOOLS = ("gcc", "libc6-dev", "python3-dev", "python3-venv")

# What the image of PostgreSQL does with the three variables of deploy/compose.yaml, in as few words as possible.
_DATABASE_START = """#!/bin/sh
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PATH PGDATA=/var/lib/postgresql/data
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # shellcheck disable=SC2086
  initdb --no-sync --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec "$@"
"""


# podman asks for a million open files and the like, which a root without CAP_SYS_RESOURCE (in a sandbox) cannot give:
# this starts runc with what the machine allows. Nothing else of what is asked for is changed.
_WITHIN_LIMITS = """#!{python} -I
import json, os, resource, sys
words = sys.argv[1:]
for option, name in (("--bundle", "config.json"), ("-b", "config.json"), ("--process", ""), ("-p", "")):
    if option in words:
        path = os.path.join(words[words.index(option) + 1], name).rstrip("/")
        with open(path) as file:
            settings = json.load(file)
        for limit in settings.get("process", settings).get("rlimits") or []:
            most = resource.getrlimit(getattr(resource, limit["type"]))[1]
            if most != resource.RLIM_INFINITY:
                limit["hard"], limit["soft"] = min(limit["hard"], most), min(limit["soft"], most)
        with open(path, "w") as file:
            json.dump(settings, file)
os.execv("{runc}", ["runc", *words])
"""


def _missing() -> str:
    """Why containers cannot be run here; empty if they can."""
    if os.geteuid() != 0:
        return "containers are built and run as root here, which this account is not"
    absent = [name for name in NEEDED if shutil.which(name, path=_PLACES) is None]
    return f"this needs {', '.join(absent)} (Debian has packages of these names)" if absent else ""


needs_containers = pytest.mark.skipif(bool(_missing()), reason=_missing() or "never")


class Unexpected(Exception):
    """A command ended otherwise than expected; holds all it said."""


@dataclass
class Engine:
    """One podman with everything of its own in `folder`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "graph", "run", "volumes", "networks", "libpod"):
            (self.folder / name).mkdir()
        storage = self.folder / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/graph"\nrunroot = "{self.folder}/run"\n'
        )
        containers = self.folder / "containers.conf"
        containers.write_text(
            f'[containers]\nlog_driver = "k8s-file"\n'
            f'[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\n'
            f'tmp_dir = "{self.folder}/libpod"\nvolume_path = "{self.folder}/volumes"\n'
            f'[engine.runtimes]\nrunc = ["{self.folder}/runc"]\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{self.folder}/networks"\n'
        )
        runtime = self.folder / "runc"
        runtime.write_text(_WITHIN_LIMITS.format(python=sys.executable, runc=shutil.which("runc", path=_PLACES)))
        runtime.chmod(0o755)
        registries = self.folder / "registries.conf"
        registries.write_text("unqualified-search-registries = []\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BLINDMATCH_", "XDG_"))}
        self.environment = kept | {
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_REGISTRIES_CONF": str(registries),
            "DISABLE_HC_SYSTEMD": "true",  # health is asked for by the test; systemd need not run here
        }

    def call(
        self, *words: str | Path, stdin: str = "", cwd: Path = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program with this engine's environment, whatever its exit code."""
        command = [str(word) for word in words]
        return subprocess.run(
            command, cwd=cwd, env=self.environment | environment, input=stdin, capture_output=True, text=True,
            timeout=STEP_SECONDS, check=False,
        )  # fmt: skip

    def must(self, *words: str | Path, stdin: str = "", cwd: Path = ROOT, **environment: str) -> str:
        """The same; what it printed. Unexpected if it failed."""
        done = self.call(*words, stdin=stdin, cwd=cwd, **environment)
        if done.returncode:
            said = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-40:])
            raise Unexpected(f"exit code {done.returncode} from {' '.join(map(str, words))}\n{said}")
        return done.stdout

    def podman(self, *words: str | Path, stdin: str = "") -> str:
        return self.must("podman", *words, stdin=stdin)

    def inspect(self, container: str) -> dict[str, Any]:
        found = json.loads(self.podman("container", "inspect", container))[0]
        assert isinstance(found, dict)
        return found

    # Bases

    def bases(self) -> tuple[str, str, str]:
        """Names, by digest, of three imported images: with Python; with a compiler as well; with PostgreSQL as well."""
        trees = self.folder / "trees"
        trees.mkdir()
        suite = dict(re.findall(r"^(\w+)=(\S+)$", Path("/etc/os-release").read_text(), re.MULTILINE))
        options = trees / "apt.conf"
        asked = self.must("apt-config", "dump").splitlines()
        options.write_text(
            "\n".join(line for line in asked if re.match(r"Acquire::(https?::|Check-|Retries)", line)) + "\n"
        )
        start = trees / "start"
        start.write_text(_DATABASE_START)
        outside = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -qq -y --no-install-recommends'
        apt = f'{outside} -oDPkg::Chroot-Directory="$1" install'
        hooks = [
            self._pack(trees / "base.tar"),
            f"{apt} {' '.join(_BUILD_TOOLS)}",
            self._pack(trees / "builder.tar"),
            'mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" '
            '> "$1/etc/postgresql-common/createcluster.conf"',
            f"{apt} postgresql",
            f'install -m 0755 "{start}" "$1/usr/local/bin/start-database"; '
            'install -d -m 0700 -o "$(stat -c %u "$1/var/lib/postgresql")" "$1/var/lib/postgresql/data"',
            self._pack(trees / "database.tar"),
        ]
        self.must(
            "mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(_BASE_TREE)}",
            f"--aptopt={options}", *(f"--customize-hook={hook}" for hook in hooks),
            suite["VERSION_CODENAME"], "/dev/null",
        )  # fmt: skip
        names = [self._import(trees / f"{name}.tar", name) for name in ("base", "builder", "database")]
        shutil.rmtree(trees)
        return names[0], names[1], names[2]

    @staticmethod
    def _pack(file: Path) -> str:
        left_out = (
            *("./proc/*", "./sys/*", "./dev/*", "./run/*", "./tmp/*", "./var/cache/apt/*", "./var/lib/apt/lists/*"),
            *("./etc/apt/apt.conf.d/99mmdebstrap", "./etc/resolv.conf", "./usr/share/doc/*", "./usr/share/locale/*"),
        )
        excluded = " ".join(f"--exclude='{name}'" for name in left_out)
        return f'tar --one-file-system -C "$1" {excluded} -cf "{file}" .'

    def _import(self, file: Path, name: str) -> str:
        changes = ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        if name == "database":
            changes += ['ENTRYPOINT ["/usr/local/bin/start-database"]']
        words = [f"--change={change}" for change in changes]
        tag = f"localhost/blindmatch-test-{name}"
        self.podman("import", "--quiet", *words, file, f"{tag}:latest")
        file.unlink()
        digest = self.podman("image", "inspect", "--format={{.Digest}}", f"{tag}:latest").strip()
        return f"{tag}@{digest}"

    # Python packages

    def pip_words(self) -> list[str]:
        """Words for a build that show it this machine's pip settings, and the files that they name."""
        listed = self.must(sys.executable, "-I", "-m", "pip", "config", "list")
        found: dict[str, str] = {}
        for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
            name, _, value = line.partition("=")
            found[name.rpartition(".")[2]] = str(ast.literal_eval(value))
        for name, value in os.environ.items():  # -I above hides these from pip
            if name.startswith("PIP_"):
                found[name[4:].lower().replace("_", "-")] = value
        settings = self.folder / "pip.conf"
        settings.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(found.items())))
        paths = {word.removeprefix("file://") for value in found.values() for word in value.split()}
        mounted = {str(self._top(Path(path))) for path in paths if path.startswith("/") and Path(path).exists()}
        words = [f"--volume={path}:{path}:ro" for path in sorted(mounted)]
        return ["--network=host", f"--volume={settings}:/etc/pip.conf:ro", *words]

    @staticmethod
    def _top(path: Path) -> Path:
        """An index in a folder refers to files beside it, so the folder above is shown."""
        return path.parent if path.name == "simple" else path

    # The end

    def close(self) -> list[str]:
        """Stop and remove everything. What was left, as sentences; then that is removed too."""
        for words in (
            ("rm", "--all", "--force", "--time=5"),
            ("volume", "rm", "--all", "--force"),
            ("network", "prune", "--force"),
        ):
            with suppress(subprocess.TimeoutExpired):
                self.call("podman", *words)
        left = [f"a process: {one}" for one in self._processes()]
        # podman keeps its folder of layers mounted on itself, for as long as the machine runs.
        mounts = sorted(self._mounts(), reverse=True)
        own = {f"{self.folder}/graph/overlay", f"{self.folder}/run", f"{self.folder}/libpod"}
        left += [f"a mount: {place.removeprefix(str(self.folder))}" for place in mounts if place not in own]
        for place in mounts:
            self.call("umount", "--lazy", place)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            left.append("its folder")
        return left

    def _processes(self) -> list[str]:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = place.read_bytes().split(b"\0")
                if any(str(self.folder).encode() in word for word in words):
                    found.append(words[0].decode(errors="replace"))
        return found

    def _mounts(self) -> set[str]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return {place for line in lines if (place := line.split()[4]).startswith(f"{self.folder}/")}


def _devices() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


@contextmanager
def engine() -> Iterator[Engine]:
    """An engine of its own. Whatever it leaves behind fails the test that uses it last."""
    before = _devices()
    # Not in pytest's folder: sockets in there would have longer names than the system takes.
    made = Engine(Path(tempfile.mkdtemp(prefix="bm-", dir="/var/tmp")))
    try:
        yield made
    finally:
        left = made.close()
        left += [f"a network device: {name}" for name in sorted(_devices() - before)]
        assert left == [], left
