"""After a native operation nothing of the key, the message or the unblinded element is anywhere in the process.

Another process does the work, this one reads all its memory (/proc/PID/mem) before and after, and looks for words of
eight bytes, since that is what a register spilled to the stack leaves behind: of the scalar and its half, of the
message, of its hash in both byte orders, and of the element before blinding. The thread that worked is still there, so
that its stack lies as the core left it.

What stood there before (the message and the key came in somehow) may stay; nothing may be added. The careless twins
keep one value each, and the search finds it. It is a measurement, not a proof.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from psi.group import ORDER
from psi.hash_to_group import expand_messages
from tests.support.backends import backend_called

core = pytest.importorskip("psi._native._core", reason="the curve core was not built")
pytestmark = [
    pytest.mark.tm("TM-100"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/mem"),
]

DST = b"tests/native leftovers"
WORKER = """
import sys, threading
from psi._native import _core as core
from psi.secret import SecretBytes

name, what = sys.argv[1:]
key = SecretBytes(32)
sys.stdin.buffer.raw.readinto(key.view())
message = sys.stdin.buffer.raw.read(48)
messages = [message] * 300  # more than one block of batch.c, and not a multiple of eight
DST = b"tests/native leftovers"
core.hash_and_multiply(name, b"\\1" + bytes(31), [b"first use of the stack"] * 9, DST)
kept = None

def hash_and_multiply():
    core.hash_and_multiply(name, key.view(), messages, DST)

def keep_the_hash():
    global kept
    kept = core.expand(name, messages[:1], DST)

def keep_the_element():
    global kept
    kept = core.hash_to_group(name, messages[:1], DST)

def keep_the_key():
    global kept
    kept = bytes(key.view())

def multiply():
    core.multiply(name, key.view(), bytes.fromhex(
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76") * 300)

def multiply_each():
    core.multiply_each(name, key.view(), bytes.fromhex(
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))

def work():
    ready.wait()
    globals()[what]()
    done.set()
    leave.wait()

ready, done, leave = threading.Event(), threading.Event(), threading.Event()
thread = threading.Thread(target=work)
thread.start()
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.buffer.raw.read(1)
ready.set(); done.wait()
sys.stdout.write("done\\n"); sys.stdout.flush()
sys.stdin.buffer.raw.read(1)
leave.set()
"""


def words(data: bytes) -> set[bytes]:
    """The words of eight bytes, in both byte orders, but for those that stand everywhere."""
    cut = [data[at : at + 8] for at in range(0, len(data) - 7, 8)]
    return {word for one in cut for word in (one, one[::-1]) if len(set(word)) > 3}


def memory(process: int) -> Iterator[bytes]:
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as file:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            if "w" not in mode or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                file.seek(start)
                yield file.read(end - start)
            except OSError:
                continue


def places(process: int, secrets: dict[str, bytes]) -> dict[str, int]:
    """How often words of each secret lie in the process."""
    found = dict.fromkeys(secrets, 0)
    for data in memory(process):
        for name, secret in secrets.items():
            found[name] += sum(data.count(word) for word in words(secret))
    return found


@contextmanager
def worker(name: str, what: str, key: bytes, message: bytes) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", WORKER, name, what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        process.stdin.write(key)
        process.stdin.write(message)
        yield process
        process.stdin.write(b"x")


def added(name: str, what: str) -> dict[str, int]:
    """What the operation left behind, in words."""
    number = int.from_bytes(os.urandom(32), "little") % ORDER | 1
    key, message = number.to_bytes(32, "little"), os.urandom(48)
    uniform = expand_messages([message], DST)
    secrets = {
        "key": key,
        "half of the key": ((number + ORDER) // 2).to_bytes(32, "little"),
        "message": message,
        "hash": uniform,
        "element": backend_called("sodium").map_to_group(uniform),
    }
    with worker(name, what, key, message) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        before = places(process.pid, secrets)
        assert before["key"] >= 4
        assert before["message"] >= 6
        process.stdin.write(b"x")
        assert process.stdout.readline() == b"done\n"
        after = places(process.pid, secrets)
    return {secret: after[secret] - before[secret] for secret in secrets if after[secret] > before[secret]}


@pytest.mark.parametrize("what", ["hash_and_multiply", "multiply", "multiply_each"])
def test_nothing_is_left_behind(name: str, what: str) -> None:
    assert added(name, what) == {}


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("keep_the_hash", {"hash": 8}),
        ("keep_the_element", {"element": 4}),
        ("keep_the_key", {"key": 4}),
    ],
)
def test_what_is_kept_is_found(name: str, what: str, found: dict[str, int]) -> None:
    assert added(name, what) == found
