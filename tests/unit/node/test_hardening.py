"""A process that serves ends when it is told to, whichever thread the signal comes to and at whatever moment."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

OURS = """
from node.hardening import until_told
with until_told() as told:
    before_the_wait()
    print(told.wait())
"""
BY_AN_EVENT = """
told = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: told.set())
before_the_wait()
print(told.wait())
"""
"""The usual way, which was ours once: the sabotaged twin."""
BY_A_PAUSE = """
class Told:
    heard = False

    def wait(self):  # in a file of a name that is traced
        while not self.heard:
            signal.pause()
        return True

told = Told()
def hear(*_):
    told.heard = True
signal.signal(signal.SIGTERM, hear)
before_the_wait()
print(told.wait())
"""
"""No lock, but a signal between the look and the sleep is slept over: the other twin."""

TO_ANOTHER_THREAD = """
import signal, sys, threading, time

def to_itself():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.{name})

def before_the_wait():
    threading.Thread(target=to_itself, daemon=True).start()
    print("begun", file=sys.stderr, flush=True)
"""
AT_A_LINE = """
import signal, sys, threading, time
lines = 0

def at_each(frame, event, _argument):
    global lines
    if event == "line" and frame.f_code.co_filename.endswith(("threading.py", "hardening.py")):
        lines += 1
        if lines == {line}:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
    return at_each

def at_last(main):
    time.sleep(2)
    if lines < {line}:  # asleep before it came so far
        print("later", end=" ")
        signal.pthread_kill(main, signal.SIGTERM)

def before_the_wait():
    threading.Thread(target=at_last, args=[threading.get_ident()], daemon=True).start()
    print("begun", file=sys.stderr, flush=True)
    sys.settrace(at_each)
"""
"""The main thread is told at its so-many-eth line of waiting, twice; if it sleeps before it, two seconds later."""
LINES = range(1, 16)
PATIENCE_SECONDS = 20.0
"""Until a program that has begun to wait and has not ended never will."""
TWIN_PATIENCE_SECONDS = 4.0
"""The same for one of which that is expected."""


def printed(*codes: str, patience: float = PATIENCE_SECONDS) -> list[str | None]:
    """What each of these programs printed, run side by side, after it had begun; None for one that did not end."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for code in codes
    ]
    found: list[str | None] = []
    try:
        for process in running:
            assert process.stderr is not None
            assert process.stderr.readline() == "begun\n"
        end = time.monotonic() + patience
        for process in running:
            try:
                found.append(process.communicate(timeout=max(0.0, end - time.monotonic()))[0].strip())
            except subprocess.TimeoutExpired:
                found.append(None)
    finally:
        for process in running:
            process.kill()
            process.communicate()
    return found


@pytest.mark.tm("TM-141")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_another_thread_takes_is_heard(name: str) -> None:
    assert printed(TO_ANOTHER_THREAD.format(name=name) + OURS) == ["True"]


def test_by_an_event_it_would_not_be_heard() -> None:
    assert printed(TO_ANOTHER_THREAD.format(name="SIGTERM") + BY_AN_EVENT, patience=TWIN_PATIENCE_SECONDS) == [None]


@pytest.mark.tm("TM-141")
def test_a_signal_at_any_line_of_the_waiting_is_heard() -> None:
    said = printed(*(AT_A_LINE.format(line=line) + OURS for line in LINES))
    struck = said.index("later True")
    assert struck > 3, "it is not the waiting that was traced"
    assert said == ["True"] * struck + ["later True"] * (len(LINES) - struck)


def test_inside_an_event_it_would_lock_the_process_up() -> None:
    """At some of its lines; which, is Python's affair."""
    assert None in printed(
        *(AT_A_LINE.format(line=line) + BY_AN_EVENT for line in LINES[:6]), patience=TWIN_PATIENCE_SECONDS
    )


def test_before_a_pause_it_would_be_slept_over() -> None:
    traced = AT_A_LINE.replace('"hardening.py"', '"<string>"')
    assert None in printed(
        *(traced.format(line=line) + BY_A_PAUSE for line in LINES[:6]), patience=TWIN_PATIENCE_SECONDS
    )


WAITS = """
import signal, sys
from node.hardening import until_told
with until_told() as told:
    print("begun", file=sys.stderr, flush=True)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.raise_signal(signal.SIGUSR1)
    print(told.wait(0.05), told.wait(0))
    signal.raise_signal(signal.SIGINT)
    print(told.wait(0), told.wait(), told.wait(0.05))
signal.raise_signal(signal.SIGTERM)
print("still here")
"""


def test_it_waits_no_longer_than_asked_and_for_no_other_signal_and_stays_told() -> None:
    assert printed(WAITS) == ["False False\nTrue True True\nstill here"]
