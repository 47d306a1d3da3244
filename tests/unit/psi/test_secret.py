"""SecretBytes: what it wipes, when, and what it refuses to do."""

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys

import pytest

import psi.secret
from psi.backend import BACKENDS, shortfall, usable
from psi.errors import WrongState
from psi.secret import MAX_SECRET_BYTES, SecretBytes


def test_a_new_secret_is_zero_and_has_its_size():
    secret = SecretBytes(40)
    assert secret.size == 40
    assert bytes(secret.view()) == bytes(40)
    assert not secret.wiped


@pytest.mark.parametrize("size", [0, -1, MAX_SECRET_BYTES + 1])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match="1 to"):
        SecretBytes(size)


def test_the_largest_size_works():
    assert len(SecretBytes(MAX_SECRET_BYTES).view()) == MAX_SECRET_BYTES


def test_view_and_address_are_the_same_memory():
    secret = SecretBytes(4)
    secret.view()[:] = b"abcd"
    assert ctypes.string_at(secret.address, 4) == b"abcd"
    ctypes.memset(secret.address, 0x7A, 2)
    assert bytes(secret.view()) == b"zzcd"


@pytest.mark.tm("TM-94")
def test_wiping_overwrites_the_memory_itself():
    secret = SecretBytes(32)
    secret.view()[:] = b"s" * 32
    earlier = secret.view()
    secret.wipe()
    assert secret.wiped
    assert bytes(earlier) == bytes(32)
    secret.wipe()  # twice is fine


@pytest.mark.tm("TM-94")
def test_a_twin_that_does_not_overwrite_is_noticed(monkeypatch):
    monkeypatch.setattr(SecretBytes, "_memset", lambda *_: None)
    secret = SecretBytes(32)
    secret.view()[:] = b"s" * 32
    earlier = secret.view()
    secret.wipe()
    assert bytes(earlier) != bytes(32)


def test_the_end_of_a_with_block_wipes_even_after_an_error():
    secret = SecretBytes(8)
    secret.view()[:] = b"12345678"
    earlier = secret.view()
    with pytest.raises(KeyError), secret:
        raise KeyError
    assert secret.wiped
    assert bytes(earlier) == bytes(8)


def test_a_forgotten_secret_is_wiped():
    secret = SecretBytes(8)
    secret.view()[:] = b"12345678"
    earlier = secret.view()
    del secret
    gc.collect()
    assert bytes(earlier) == bytes(8)


LIVES_TO_THE_END = """
import os, sys, types
early = types.ModuleType("early")  # taken apart after psi.secret, as whatever was imported before it
early.itself = sys.itself = sys.modules["early"] = early
import psi.secret

if sys.argv[1] == "twin":
    exec("erase = ctypes.memset; by_name = lambda *what: erase(*what)", vars(psi.secret))
    psi.secret.SecretBytes._memset = staticmethod(psi.secret.by_name)

class Witness:
    def __init__(self, view):
        self.view, self.write, self.bytes = view, os.write, bytes

    def __del__(self):
        self.write(1, b"left" if any(self.bytes(self.view)) else b"wiped")

early.kept, early.module = psi.secret.SecretBytes(8), psi.secret
early.kept.view()[:] = b"12345678"
early.witness = Witness(early.kept.view())
"""


@pytest.mark.tm("TM-94")
def test_a_secret_that_lives_until_the_interpreter_ends_is_wiped():
    def end(which: str) -> tuple[str, bool]:
        done = subprocess.run(
            [sys.executable, "-c", LIVES_TO_THE_END, which], capture_output=True, text=True, check=True
        )
        return done.stdout, done.stderr == ""

    assert end("ours") == ("wiped", True)
    assert end("twin") == ("left", False), "a name of a module is gone by then"


@pytest.mark.parametrize("use", [lambda s: s.view(), lambda s: s.address, lambda s: s.__enter__()])
def test_a_wiped_secret_cannot_be_used(use):
    secret = SecretBytes(8)
    secret.wipe()
    with pytest.raises(WrongState, match="erased"):
        use(secret)


@pytest.mark.tm("TM-94")
@pytest.mark.parametrize(
    "leak",
    [bytes, hash, iter, len, copy.copy, copy.deepcopy, pickle.dumps, list, lambda s: s == s, lambda s: s != b"x"],
)
def test_a_secret_does_not_leave_by_accident(leak):
    with pytest.raises(TypeError):
        leak(SecretBytes(8))


@pytest.mark.parametrize("write", [repr, str, "{}".format, lambda s: f"{s!r}", ascii])
def test_no_text_form_shows_it(write):
    secret = SecretBytes(16)
    secret.view()[:] = b"open sesame 1234"
    assert write(secret) == "<SecretBytes of 16 bytes>"


def test_nothing_can_be_attached_to_it():
    with pytest.raises(AttributeError):
        SecretBytes(8).copy_of_it = b""


def test_it_goes_on_where_the_system_grants_no_lock(monkeypatch):
    monkeypatch.setattr(psi.secret, "_lock", lambda *_: False)
    with SecretBytes(8) as secret:
        assert not secret.locked
        secret.view()[:] = b"12345678"
        earlier = secret.view()
    assert bytes(earlier) == bytes(8)


def flags_of(address: int) -> list[str]:
    """The kernel's flags of the page at an address."""
    found = False
    with open("/proc/self/smaps") as maps:
        for line in maps:
            head = line.split()[0]
            if "-" in head and not head.endswith(":"):
                start, end = (int(part, 16) for part in head.split("-"))
                found = start <= address < end
            elif found and head == "VmFlags:":
                return line.split()[1:]
    raise AssertionError


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_page_is_private_and_stays_out_of_core_dumps_and_swap():
    secret = SecretBytes(32)
    flags = flags_of(secret.address)
    assert "dd" in flags  # do not dump
    assert "sh" not in flags  # not shared with a forked child
    assert ("lo" in flags) == secret.locked


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_that_wipes_leaves_the_parent_its_secret():
    # In a process of its own: forking a test run that has threads is not safe.
    program = (
        "import os\nfrom psi.secret import SecretBytes\ns = SecretBytes(4); s.view()[:] = b'keep'\n"
        "child = os.fork()\n"
        "if not child:\n    s.wipe(); os._exit(0)\n"
        "os.waitpid(child, 0); print(bytes(s.view()).decode())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "keep\n"


SEARCH = """
import ctypes, os, sys, threading
import numpy as np
from psi.backend import choose
from psi.dleq import prove_batch
from psi.secret import SecretBytes

MASK = 0x5A

def places(masked):
    "Where in this process 32 bytes lie, of which we only keep a masked copy."
    found = 0
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    for line in open("/proc/self/maps").read().splitlines():
        span, mode = line.split()[:2]
        if "r" not in mode or "[v" in line:
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        data = bytearray(end - start)
        try:
            os.preadv(memory, [data], start)
        except OSError:
            continue
        all_bytes = np.frombuffer(data, dtype=np.uint8)
        at = np.flatnonzero(all_bytes == masked[0] ^ MASK)
        for step in range(1, 32):
            at = at[at + step < len(all_bytes)]
            at = at[all_bytes[at + step] == masked[step] ^ MASK]
        found += len(at)
        ctypes.memset((ctypes.c_char * len(data)).from_buffer(data), 0, len(data))
    os.close(memory)
    return found

def masked(secret):
    return [byte ^ MASK for byte in secret.view()]

backend = choose(sys.argv[2])
key, nonce = backend.new_scalar(), backend.new_scalar()
hidden = [masked(key), masked(nonce)]
elements = backend.hash_to_group([b"a", b"b"], b"tag")
public = backend.base_multiply(key)
challenge = backend.reduce(b"c" * 64)
done, leave = threading.Event(), threading.Event()

def work():
    outputs = backend.multiply(key, elements)
    backend.hash_and_multiply(key, [b"a"], b"tag")
    prove_batch(backend, key, public, elements, outputs, label=b"", context=b"", random_bytes=os.urandom)
    backend.response(nonce, challenge, key)
    done.set()
    leave.wait()  # so that the stack stays as the library left it

thread = threading.Thread(target=work)
thread.start()
done.wait()
print([places(one) for one in hidden])
if sys.argv[1] == "careless":
    copy = bytes(key.view())
key.wipe()
nonce.wipe()
print([places(one) for one in hidden])
leave.set()
"""


@pytest.mark.tm("TM-94")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/mem")
@pytest.mark.parametrize(("habit", "after"), [("careful", "[0, 0]"), ("careless", "[1, 0]")])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_scalar_lies_in_one_place_and_after_wiping_in_none(name, habit, after):
    """The whole process is searched; the careless twin keeps one bytes copy, and the search finds it."""
    if name not in usable():
        pytest.skip(f"{name} is not there: {' '.join(shortfall() or ())}")
    done = subprocess.run([sys.executable, "-c", SEARCH, habit, name], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[1, 1]", after]
