"""A machine of one's own for a test: the system of this one as it lies, booted by systemd in namespaces of its own.

    with Machine.staged(folder) as machine:       an overlay of /: what is written is gone afterwards
        machine.boot()                              systemd as process 1
        machine.run("systemctl", "start", ...)      inside

It has no network but its own loopback, sees neither the checkout nor anybody's home, and its cgroups lie in one of its
own, which goes with it. It needs root, Linux with overlayfs, and systemd; `missing()` says what is not here. Nothing of
the real machine is changed: mounts belong to its namespace, which dies with its last process.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.tree import ROOT

__all__ = ["Machine", "missing"]

SYSTEMD = Path("/lib/systemd/systemd")
BOOT_SECONDS = 60
STAGE = r"""
set -e
base=$1 up=$2
mount -t tmpfs -o mode=0755 none "$base"
mkdir "$base/upper" "$base/work" "$base/whole"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/whole"
root=$base/whole
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=0755 none "$root/sys/fs/cgroup"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount "$root/sys/fs/cgroup"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
fi
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 none "$root/run"
for folder in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 none "$root$folder"; done
for folder in "$3" "$4" /home /opt; do
  if [ -d "$root$folder" ]; then mount -t tmpfs -o mode=0755 none "$root$folder"; fi
done
mkdir -p "$root/handed"
mount --bind "$up" "$root/handed"
# No unit of the machine itself: what the test starts is what runs.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/default.target
bare=$root/etc/systemd/system/bare.target
printf '[Unit]\nWants=systemd-journald.service\nAfter=systemd-journald.service\n' >"$bare"
printf '[Journal]\nStorage=volatile\nReadKMsg=no\n' >"$root/etc/systemd/journald.conf"
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
# What systemd mounts for one service, such as its credentials, must reach that service.
mount --make-rshared /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8
unset XDG_RUNTIME_DIR PYTHONPATH
: >/handed/staged
while [ ! -e /handed/go ]; do sleep 0.05; done
exec env -i container=test PATH="$PATH" /lib/systemd/systemd --system --unit=bare.target --show-status=0
"""


def missing() -> str | None:
    """Why there can be no such machine here; None if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a machine of one's own needs root on Linux"
    if not SYSTEMD.exists():
        return "systemd is not here (Debian: systemd)"
    absent = [name for name in ("unshare", "nsenter", "pivot_root", "mount") if shutil.which(name) is None]
    if absent:
        return f"{absent[0]} is not here (Debian: util-linux)"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], capture_output=True)
    return None if tried.returncode == 0 else "this machine allows no namespaces of one's own"


class Machine:
    """One staged machine. `handed`: a folder that is /handed inside. `installed`: for the test's own notes."""

    installed = ""

    def __init__(self, handed: Path, process: "subprocess.Popen[bytes]") -> None:
        self.handed = handed
        self._process = process

    @classmethod
    @contextmanager
    def staged(cls, folder: Path) -> Iterator["Machine"]:
        """Laid out, not yet up. OSError with what was said if this machine does not allow it."""
        base, handed = folder / "base", folder / "handed"
        for path in (base, handed):
            path.mkdir()
        home = str(Path.home())
        flags = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--propagation", "private")
        with _own_cgroup() as join, (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [
                    "unshare",
                    *flags,
                    "--kill-child",
                    "sh",
                    "-c",
                    STAGE,
                    "stage",
                    str(base),
                    str(handed),
                    str(ROOT),
                    home,
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=join,
            )
            try:
                until = time.monotonic() + BOOT_SECONDS
                while not (handed / "staged").exists():
                    if process.poll() is not None or time.monotonic() > until:
                        raise OSError((folder / "said").read_text(errors="replace")[-500:])
                    time.sleep(0.05)
                yield cls(handed, process)
            finally:
                process.kill()  # --kill-child: the first process inside goes too, and with it all others
                process.wait()

    @property
    def first(self) -> int:
        """The process that is number 1 inside, by its number here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def inside(self, *words: str) -> list[str]:
        """The command that runs `words` inside."""
        spaces = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root")
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
        return ["nsenter", "--target", str(self.first), *spaces, "--wd=/", *clean, *words]

    def run(
        self, *words: str, given: str = "", user: str | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command inside, as root or as `user`; what comes of it."""
        settings = [f"{name}={value}" for name, value in environment.items()]
        who = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return subprocess.run(
            self.inside(*settings, *who, *words), input=given, capture_output=True, text=True, timeout=300
        )

    def done(self, *words: str, given: str = "", user: str | None = None, **environment: str) -> str:
        """The same, and it must succeed; what it printed."""
        result = self.run(*words, given=given, user=user, **environment)
        assert result.returncode == 0, f"{' '.join(words)}\n{result.stdout}{result.stderr}{self.journal()}"
        return result.stdout

    def boot(self) -> None:
        """systemd as process 1; OSError if it does not come up here."""
        (self.handed / "go").touch()
        until = time.monotonic() + BOOT_SECONDS
        while self.run("systemctl", "is-active", "--quiet", "bare.target").returncode:
            if self._process.poll() is not None or time.monotonic() > until:
                raise OSError("systemd does not come up in namespaces of its own here")
            time.sleep(0.1)

    def journal(self) -> str:
        """The end of what its services said."""
        return self.run("journalctl", "--no-pager", "-n", "40", "-o", "cat").stdout


@contextmanager
def _own_cgroup() -> Iterator["object"]:
    """A function that moves the process that calls it into cgroups of their own, which are removed at the end."""
    name = f"blindmatch-test-{os.getpid()}-{time.monotonic_ns()}"
    tops = [Path("/sys/fs/cgroup")]
    if not (tops[0] / "cgroup.controllers").exists():
        tops = [path for path in tops[0].iterdir() if path.is_dir() and not path.is_symlink()]
    made: list[Path] = []
    for top in tops:
        with suppress(OSError):
            (top / name).mkdir()
            made.append(top / name)

    def join() -> None:
        for group in made:
            with suppress(OSError):  # cpuset wants more words; systemd does not use it
                (group / "cgroup.procs").write_text("0")

    try:
        yield join
    finally:
        for group in made:
            _remove(group)


def _remove(group: Path) -> None:
    until = time.monotonic() + 10
    while group.exists():
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)
        if time.monotonic() > until:
            return
        time.sleep(0.05)
