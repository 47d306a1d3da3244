"""A node in a container, spoken to as its people would, and looked at from outside.

    box = Box(engine, "shelter", "shelter"); box.ready(); box.say("round", "list")
    introduce(shelter, police); take_in(shelter, police); complete_j1(shelter, shelter, police)

What must not be found in one: `openings` (how it is less shut in than promised), `writable`, `tools` (a compiler), and
`sightings` (a secret outside its file).
"""

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.containers import Engine, Unexpected
from tests.support.make_demo_data import PLANTED

__all__ = [
    "ACCOUNT",
    "IMAGE",
    "Box",
    "complete_j1",
    "introduce",
    "openings",
    "sightings",
    "take_in",
    "tools",
    "writable",
]

IMAGE = "localhost/blindmatch-under-test:latest"
ACCOUNT = 10001
ROUND_SECONDS = 120.0
POLL_SECONDS = 1.0


@dataclass
class Box:
    """A container with a node in it, spoken to as its people would."""

    podman: Engine
    container: str
    alias: str

    def say(self, *words: str, stdin: str = "") -> Any:
        """A blindmatch command; its JSON."""
        called = ("exec", "--interactive", self.container, "blindmatch", *words, "--json")
        return json.loads(self.podman.podman(*called, stdin=stdin))

    @property
    def process(self) -> Path:
        """The folder in /proc of its first process."""
        return Path("/proc") / str(self.podman.inspect(self.container)["State"]["Pid"])

    @property
    def root(self) -> Path:
        return self.process / "root"

    def ready(self, seconds: float = 60.0) -> None:
        """Until its health check, asked for by hand, is content."""
        until = time.monotonic() + seconds
        while (done := self.podman.call("podman", "healthcheck", "run", self.container)).returncode:
            if time.monotonic() > until:
                logs = self.podman.call("podman", "logs", "--tail=20", self.container)
                raise Unexpected(f"{self.container}: {done.stdout}{done.stderr}{logs.stdout}{logs.stderr}")
            time.sleep(POLL_SECONDS)

    def state(self, round_id: str) -> str:
        found = [one for one in self.say("round", "list")["rounds"] if one["round_id"] == round_id]
        return str(found[0]["state"]) if found else "unknown"

    def wait(self, round_id: str, state: str) -> None:
        until = time.monotonic() + ROUND_SECONDS
        while (now := self.state(round_id)) != state:
            over = now in ("failed", "refused", "cancelled") or time.monotonic() > until
            assert not over, (self.alias, now, self.say("round", "status", round_id))
            time.sleep(POLL_SECONDS)

    def learned(self, round_id: str) -> list[str]:
        return sorted(lead["reference"] for lead in self.say("round", "results", round_id)["leads"])


def introduce(*boxes: Box) -> None:
    """Everybody takes in everybody's card; a second person confirms."""
    cards = {box.alias: box.say("card", "show")["file"] for box in boxes}

    def meet(box: Box) -> None:
        for alias, card in cards.items():
            if alias != box.alias:
                words = box.say("member", "add", "-", "--alias", alias, "--by", "ana", stdin=card)["words"]
                box.say("member", "confirm", alias, "--words", " ".join(words), "--by", "ben")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(meet, boxes))


def take_in(shelter: Box, police: Box) -> None:
    """The two data sets that are shipped: ten people each, of whom three are the same and may be found."""
    common = ("--record-class", "victim", "--region", "DE", "--by", "lena")
    shelter.say("dataset", "add", "/files/harbour_shelter.xlsx", "--name", "cases", "--basis", "consent", *common)
    law = ("--basis", "legal_duty", "--legal-reference", "Police Act, section 4")
    police.say("dataset", "add", "/files/riverside_police_unit.csv", "--name", "files", *law, *common)


def complete_j1(convener: Box, first: Box, second: Box) -> str:
    """Propose, sign with two people on each side, start, decide: J1, with everything released. The round's id."""
    members = [word for box in (first, second) for word in ("--with", "me" if box is convener else box.alias)]
    round_id = str(convener.say("round", "propose", "J1", *members, "--by", "carla")["round"]["round_id"])
    for box, dataset in ((first, "cases"), (second, "files")):
        box.wait(round_id, "proposed")
        box.say("round", "sign", round_id, "--dataset", dataset, "--by", "lena")
        box.say("round", "approve", round_id, "--by", "ben")
    convener.wait(round_id, "agreed")
    convener.say("round", "start", round_id, "--by", "carla")
    first.wait(round_id, "deciding")
    first.say("round", "release", round_id, "--all", "--by", "lena")
    for box in (first, second):
        box.wait(round_id, "finished")
    assert first.learned(round_id) == sorted(PLANTED)
    assert second.learned(round_id) == sorted(PLANTED.values())
    return round_id


# What is looked for

COMPILERS = re.compile(r"(.+-)?(gcc|g\+\+|cc|c\+\+|cpp|cc1|clang|tcc|as|ld|gold|zig|rustc|javac|make|cmake)(-[\d.]+)?")


def tools(root: Path) -> list[str]:
    """Whatever compiles or links in a file system, and the headers for it."""
    found = []
    for folder, names, files in os.walk(root):
        if folder == str(root):
            names[:] = [name for name in names if name not in ("proc", "sys", "dev")]
        for name in files:
            place = Path(folder, name)
            if name == "Python.h" or (COMPILERS.fullmatch(name) and not place.is_dir() and os.access(place, os.X_OK)):
                found.append(str(place.relative_to(root)))
    return found


def openings(box: Box) -> list[str]:
    """How a running container is less shut in than promised."""
    status = dict(line.split(":", 1) for line in (box.process / "status").read_text().splitlines())
    found = []
    if set(status["Uid"].split()) | set(status["Gid"].split()) != {str(ACCOUNT)}:
        found.append("account")
    if any(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
        found.append("capabilities")
    if status["NoNewPrivs"].strip() != "1":
        found.append("new privileges")
    if status["Seccomp"].strip() != "2":
        found.append("system calls")
    mounts = {
        line.split()[4]: line.split()[5].split(",") for line in (box.process / "mountinfo").read_text().splitlines()
    }
    if "ro" not in mounts["/"]:
        found.append("root")
    return found


_WRITABLE = """
import json, os
found = []
for folder, names, _ in os.walk("/"):
    if folder == "/":
        names[:] = [name for name in names if name not in ("proc", "sys")]
    if os.access(folder, os.W_OK):
        found.append(folder)
        names.clear()
print(json.dumps(found))
"""


def writable(box: Box) -> dict[str, str]:
    """Every folder in which the container's account may write -> the file system it is on."""
    folders = json.loads(box.podman.podman("exec", box.container, "python3", "-c", _WRITABLE))
    mounts = {line.split()[1]: line.split()[2] for line in (box.process / "mounts").read_text().splitlines()}

    def below(folder: str) -> str:
        return mounts[max((place for place in mounts if f"{folder}/".startswith(f"{place.rstrip('/')}/")), key=len)]

    return {folder: below(folder) for folder in folders}


def sightings(podman: Engine, containers: list[str], secret: str) -> list[str]:
    """Where a secret stands that should stand in its file alone."""
    found = []
    for name in containers:
        process = Path("/proc") / str(podman.inspect(name)["State"]["Pid"])
        logs = podman.call("podman", "logs", name)
        places = {
            "settings": podman.podman("container", "inspect", name),
            "log": logs.stdout + logs.stderr,
            "environment": (process / "environ").read_text(errors="replace"),
            "arguments": (process / "cmdline").read_text(errors="replace"),
        }
        found += [f"{name} {place}" for place, text in places.items() if secret in text]
    about = podman.podman("image", "inspect", IMAGE) + podman.podman("history", "--no-trunc", IMAGE)
    return found + ["image"] * (secret in about)
