"""What the files for containers say, without a container: each wall stands in them, and each has a twin without it.

`test_container_rounds.py` builds and runs what these files describe.
"""

import os
import re
import runpy
import shlex
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import blindmatch
from tests.support.tree import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
README = ROOT / "deploy" / "container" / "README.md"
HEALTHY = ROOT / "deploy" / "container" / "healthy.py"
BY_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
IMAGE = {"node": "${BLINDMATCH_IMAGE:?", "database": "${POSTGRES_IMAGE:-"}


# The compose file


def compose() -> dict[str, Any]:
    found = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def one_limit(service: dict[str, Any], name: str) -> bool:
    return bool(service.get(name))


WALLS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "read_only": lambda service: service.get("read_only") is True,
    "cap_drop": lambda service: service.get("cap_drop") == ["ALL"],
    "security_opt": lambda service: "no-new-privileges" in service.get("security_opt", []),
    "pids_limit": lambda service: one_limit(service, "pids_limit"),
    "mem_limit": lambda service: one_limit(service, "mem_limit"),
    "memswap_limit": lambda service: service.get("memswap_limit", 0) == service.get("mem_limit"),
    "ulimits": lambda service: service.get("ulimits", {}).get("core") == 0,
    "tmpfs": lambda service: all("noexec" in one and "size=" in one for one in service.get("tmpfs") or ["none"]),
    "healthcheck": lambda service: service.get("healthcheck", {}).get("test", [""])[0] == "CMD",
}
NEVER = ("privileged", "cap_add", "ports", "devices", "pid", "ipc", "userns_mode", "env_file", "build", "expose")
SECRET = re.compile(r"pass(word|phrase)|secret|token", re.IGNORECASE)


def gaps(found: dict[str, Any]) -> list[str]:
    """Whatever the file leaves open, as service and setting."""
    open_ = []
    for name, service in found["services"].items():
        open_ += [f"{name} {wall}" for wall, holds in WALLS.items() if not holds(service)]
        open_ += [f"{name} {word}" for word in NEVER if word in service]
        for key in service.get("environment", {}):
            if SECRET.search(key) and not key.endswith("_FILE"):
                open_.append(f"{name} {key} in the environment")
        for volume in service.get("volumes", []):
            if ".sock" in volume or volume.startswith("/"):
                open_.append(f"{name} {volume}")
    open_ += [f"network {name}" for name, network in found["networks"].items() if network.get("internal") is not True]
    for name, secret in found["secrets"].items():
        if set(secret) != {"file"} or not secret["file"].startswith("${BOX:?"):
            open_.append(f"secret {name}")
    return open_


@pytest.mark.tm("TM-244")
def test_every_service_is_shut_in(record_property: Callable[[str, object], None]) -> None:
    found = compose()
    assert gaps(found) == []
    assert set(found["services"]) == {"shelter", "hotline", "police", "police-db", "relay", "board"}
    record_property("ran", f"{len(found['services'])} services of deploy/compose.yaml, {len(WALLS)} walls each")


@pytest.mark.tm("TM-244")
@pytest.mark.parametrize("wall", sorted(WALLS))
def test_a_service_without_one_wall_is_found(wall: str) -> None:
    for name in ("shelter", "police-db", "relay"):
        found = deepcopy(compose())
        del found["services"][name][wall]
        assert f"{name} {wall}" in gaps(found)


@pytest.mark.tm("TM-244")
@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("privileged", True),
        ("cap_add", ["NET_ADMIN"]),
        ("ports", ["7443:7443"]),
        ("environment", {"BLINDMATCH_PASSPHRASE": "made up"}),
        ("volumes", ["/var/run/docker.sock:/var/run/docker.sock"]),
    ],
)
def test_what_opens_a_service_is_found(word: str, value: object) -> None:
    found = compose()
    found["services"]["shelter"][word] = value
    assert [gap for gap in gaps(found) if gap.startswith("shelter")]


@pytest.mark.tm("TM-244")
def test_who_can_reach_whom() -> None:
    services = compose()["services"]
    networks = {name: set(service.get("networks", [])) for name, service in services.items()}
    assert services["police-db"]["network_mode"] == "none"
    assert "listen_addresses=" in services["police-db"]["command"]
    with_the_hotline = {name for name in networks if networks[name] & networks["hotline"]} - {"hotline"}
    assert with_the_hotline == {"relay"}
    assert {name for name in networks if "meeting" in networks[name]} == {"shelter", "police", "relay", "board"}
    # Nobody but the police unit gets at its database, and no two services share a state or a folder of files.
    held = [(name, volume.rpartition(":")[0]) for name, service in services.items() for volume in service["volumes"]]
    assert {name for name, source in held if source == "police-db-socket"} == {"police", "police-db"}
    rest = [source for _, source in held if source != "police-db-socket"]
    assert len(rest) == len(set(rest))
    secrets = [secret["source"] for service in services.values() for secret in service.get("secrets", [])]
    assert len(secrets) == len(set(secrets)) == len(compose()["secrets"])
    assert "secrets" not in services["relay"]


def test_images_are_named_by_digest_or_by_whoever_built_them() -> None:
    for name, service in compose()["services"].items():
        image = service["image"]
        if name == "police-db":
            assert image.startswith(IMAGE["database"])
            assert BY_DIGEST.fullmatch(image.removeprefix(IMAGE["database"]).removesuffix("}"))
        else:
            assert image.startswith(IMAGE["node"])


# The Containerfile


def stages(text: str) -> list[list[str]]:
    """Its instructions, continuation lines joined, comments dropped, cut at each FROM; first what comes before."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[list[str]] = [[]]
    for line in kept.replace("\\\n", " ").splitlines():
        if line.startswith("FROM "):
            found.append([])
        if line.strip():
            found[-1].append(" ".join(line.split()))
    return found


def image_gaps(text: str) -> list[str]:
    """What an image that is built from this would leave open."""
    before, *_, last = stages(text)
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", "\n".join(before), re.MULTILINE))
    open_ = [name for name in ("BASE", "BUILDER") if not BY_DIGEST.fullmatch(arguments.get(name, ""))]
    froms = [one for stage in stages(text) for one in stage if one.startswith("FROM ")]
    open_ += [one for one in froms if one not in ("FROM ${BUILDER} AS build", "FROM ${BASE}")]
    words = [one.split()[0] for one in last]
    open_ += [word for word in ("RUN", "ADD", "VOLUME") if word in words]
    users = [one.split()[1] for one in last if one.startswith("USER ")]
    if not users or not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1]):
        open_.append("USER")
    open_ += [one for one in last if one.startswith("COPY ") and "--from=build" not in one]
    installs = [part for stage in stages(text) for one in stage for part in one.split("&&") if " install " in part]
    open_ += ["install" for part in installs if not ("--require-hashes" in part or "--no-index" in part)]
    open_ += ["wheels" for part in installs if not ("--only-binary :all:" in part or "--no-index" in part)]
    return open_


@pytest.mark.tm("TM-242")
def test_the_image_is_made_of_what_is_named_by_its_hash() -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    assert image_gaps(text) == []
    assert len(re.findall("--require-hashes", text)) == 2


@pytest.mark.tm("TM-242")
@pytest.mark.parametrize(
    ("pattern", "instead", "gap"),
    [
        (r"(ARG BASE=\S+)@sha256:\w+", r"\1", "BASE"),
        (r"(ARG BUILDER=\S+)@sha256:\w+", r"\1", "BUILDER"),
        (r"FROM \$\{BASE\}", "FROM python:3.13", "FROM python:3.13"),
        (r"USER \S+", "USER root", "USER"),
        (r"USER \S+", "USER 0:0", "USER"),
        (r"STOPSIGNAL", "VOLUME /var/lib/blindmatch\nSTOPSIGNAL", "VOLUME"),
        (r"STOPSIGNAL", "RUN apt-get install gcc\nSTOPSIGNAL", "RUN"),
        (r"--require-hashes", "", "install"),
        (r"--only-binary :all:", "", "wheels"),
        (r"STOPSIGNAL", "COPY . /src\nSTOPSIGNAL", "COPY . /src"),
    ],
)
def test_an_image_file_with_a_gap_is_found(pattern: str, instead: str, gap: str) -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    changed = re.sub(pattern, instead, text)
    assert changed != text
    assert gap in image_gaps(changed)


@pytest.mark.tm("TM-242")
@pytest.mark.parametrize("name", ["BASE", "BUILDER"])
@pytest.mark.parametrize(
    "image", ["docker.io/library/python:3.13-slim", "python", "python@sha256:12ab", "python@sha256:"]
)
def test_make_image_refuses_a_base_without_a_digest(name: str, image: str) -> None:
    result = make_image(name, image)
    assert result.returncode != 0
    assert f"{name} is not named by its digest" in result.stderr
    assert "Traceback" not in result.stderr


def test_make_image_takes_a_base_by_its_digest(tmp_path: Path) -> None:
    """The twin: only the digest was missing. The program that builds is one that says what it was told."""
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$@"\n')
    engine.chmod(0o755)
    result = make_image("BASE", f"made.invalid/base@sha256:{'0' * 64}", ENGINE=str(engine))
    assert result.returncode == 0, result.stderr
    assert f"--build-arg=BASE=made.invalid/base@sha256:{'0' * 64}" in result.stdout
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert result.stdout.splitlines()[-1] == f"localhost/blindmatch:{version}"


def make_image(name: str, image: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key not in ("BASE", "BUILDER", "IMAGE", "ENGINE")}
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "image.py"],
        env=clean | {"ENGINE": "there-is-no-such-engine"} | environment | {name: image},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


# The page


def command(page: str, start: str) -> list[str]:
    """The words of the one command of a page that starts like this."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    found = [line for line in blocks.splitlines() if line.startswith(start)]
    assert len(found) == 1, f"{len(found)} commands start with {start!r}"
    return shlex.split(found[0])


@pytest.mark.tm("TM-243")
@pytest.mark.parametrize("start", ["podman run --rm", "podman run --detach"])
def test_the_page_runs_a_node_shut_in(start: str) -> None:
    words = command(README.read_text(encoding="utf-8"), start)
    assert {"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(words)
    assert not {"--privileged", "--user=root", "--env", "-e"} & set(words)
    secrets = [word for word in words if "passphrase" in word]
    assert secrets == ["--volume=/srv/blindmatch/passphrase:/run/secrets/passphrase:ro"]


def test_the_page_names_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert set(re.findall(r"localhost/blindmatch:([\w.]+)", README.read_text(encoding="utf-8"))) == {version}


# The folders of a rehearsal


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the accounts of the containers")
@pytest.mark.tm("TM-246")
def test_the_secrets_of_a_rehearsal_are_drawn_and_belong_to_one_account_each(tmp_path: Path) -> None:
    box = tmp_path / "box"

    def make() -> subprocess.CompletedProcess[str]:
        command = ["sh", str(README.parent / "make_box.sh"), str(box)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    said = make()
    assert said.stdout + said.stderr == ""
    secrets = {path: path.read_text() for path in box.glob("*/*") if path.is_file()}
    assert {str(path.relative_to(box)) for path in secrets} == {
        secret["file"].partition("/")[2] for secret in compose()["secrets"].values()
    }
    assert len({text.strip() for text in secrets.values()}) == len(secrets)
    for path in secrets:
        details = path.stat()
        assert stat.S_IMODE(details.st_mode) == 0o400
        assert details.st_uid == details.st_gid == (999 if path.parent.name == "police-db" else 10001)
    password = secrets[box / "police-db" / "password"].strip()
    assert f"postgresql://blindmatch:{password}@/blindmatch?host=/run/postgresql\n" == secrets[box / "police/database"]
    make()
    assert {path: path.read_text() for path in secrets} == secrets, "a second run changed a secret"


def box_made(box: Path, *, sabotaged: bool = False) -> bool:
    """Whether a box is made there. The twin does not look whose folder it is."""
    text = (README.parent / "make_box.sh").read_text(encoding="utf-8")
    if sabotaged:
        text = text.replace("  exit 1\nfi", "fi")
    return (
        subprocess.run(["sh", "-s", str(box)], input=text, capture_output=True, text=True, timeout=60).returncode == 0
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the accounts of the containers")
@pytest.mark.tm("TM-246")
@pytest.mark.parametrize("kind", ["a link", "another owner", "open to all"])
def test_a_folder_that_somebody_else_laid_out_is_not_taken(tmp_path: Path, kind: str) -> None:
    box, known = tmp_path / "box", "a passphrase that he knows"
    (tmp_path / "his" / "shelter").mkdir(parents=True)
    (tmp_path / "his" / "shelter" / "passphrase").write_text(known)
    if kind == "a link":
        box.symlink_to("his")
    else:
        (tmp_path / "his").rename(box)
        os.chown(box, *((1234, 1234) if kind == "another owner" else (0, 0)))
        box.chmod(0o700 if kind == "another owner" else 0o777)
    assert not box_made(box)
    assert not (box / "police").exists()
    assert box_made(box, sabotaged=True)
    assert (box / "shelter" / "passphrase").read_text() == known


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the accounts of the containers")
def test_no_other_account_of_the_host_gets_into_a_box(tmp_path: Path) -> None:
    assert box_made(tmp_path / "box")
    assert stat.S_IMODE((tmp_path / "box").stat().st_mode) == 0o700


# Settings that a container cannot be given with an editor

NODE = ("node", "init", "--name", "Harbour Shelter", "--class", "ngo", "--no-passphrase", "--endpoint", "shelter:7443")
RELAY = ("relay", "init", "--name", "Lowland Relay", "--endpoint", "relay:7444")
BOTH = pytest.mark.parametrize(("words", "file"), [(NODE, "config.toml"), (RELAY, "relay.toml")], ids=["node", "relay"])
COMMON = ("--country", "DE", "--language", "de", "--contact", "Duty desk")


@BOTH
def test_the_watch_address_is_set_when_it_is_made(tmp_path: Path, words: tuple[str, ...], file: str) -> None:
    folder = tmp_path / "state"
    done = blindmatch(*words, *COMMON, "--folder", folder, "--watch", "127.0.0.1:9464")
    assert done.returncode == 0, done.stderr
    table = tomllib.loads((folder / file).read_text())[words[0]]
    assert (table["watch"], table["listen"].partition(":")[0]) == ("127.0.0.1:9464", "0.0.0.0")


@BOTH
@pytest.mark.parametrize("address", ["0.0.0.0:9464", "shelter:9464", "127.0.0.1", "127.0.0.1:99999"])
def test_an_address_that_others_could_read_is_refused_before_anything_is_made(
    tmp_path: Path, words: tuple[str, ...], file: str, address: str
) -> None:
    folder = tmp_path / "state"
    done = blindmatch(*words, *COMMON, "--folder", folder, "--watch", address)
    assert done.returncode == 2
    assert "--watch: Write an address of this computer" in " ".join(done.stderr.split())
    assert not folder.exists()


# Health


class _Page(BaseHTTPRequestHandler):
    said: tuple[int, bytes] = (200, b"ready\n")

    def do_GET(self) -> None:
        code, text = self.said if self.path == "/ready" else (404, b"")
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def page() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def look(monkeypatch: pytest.MonkeyPatch, **folders: Path) -> str:
    for name in ("BLINDMATCH_STATE", "BLINDMATCH_RELAY"):
        monkeypatch.setenv(name, str(folders.get(name, "/nonexistent")))
    # A proxy in the environment is not asked about this very computer.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    return str(runpy.run_path(str(HEALTHY))["look"]())


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ((200, b"ready\n"), "ready"),
        ((503, b"disk-low\nrounds\n"), "disk-low"),
        ((503, b""), "unwell"),
        ((500, b"x"), "x"),
    ],
)
@pytest.mark.parametrize("name", ["node", "relay"])
def test_health_is_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: HTTPServer, name: str, said: tuple[int, bytes], word: str
) -> None:
    monkeypatch.setattr(_Page, "said", said)
    file = {"node": "config.toml", "relay": "relay.toml"}[name]
    (tmp_path / file).write_text(f'[{name}]\nwatch = "127.0.0.1:{page.server_address[1]}"\n')
    folders = {"BLINDMATCH_STATE" if name == "node" else "BLINDMATCH_RELAY": tmp_path}
    assert look(monkeypatch, **folders) == word


def test_without_a_page_somebody_must_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: HTTPServer) -> None:
    (tmp_path / "config.toml").write_text("[node]\n")
    assert look(monkeypatch, BLINDMATCH_STATE=tmp_path) == "silent"
    relay = tmp_path / "relay"
    relay.mkdir()
    (relay / "relay.toml").write_text(f'[relay]\nlisten = "0.0.0.0:{page.server_address[1]}"\n')
    assert look(monkeypatch, BLINDMATCH_RELAY=relay) == "ready"


def test_where_nothing_was_made_nothing_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch) == "not-made"
    clean = {"PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, HEALTHY], env=clean, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "not-made\n", "")
