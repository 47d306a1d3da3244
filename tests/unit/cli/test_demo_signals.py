"""The demo's signals where Python cannot raise: in the callback of a weak reference."""

import signal
import sys
import weakref

import pytest

from cli.demo.stage import Signals, Stopped


class _Thing:
    pass


def strike_while_something_is_collected() -> None:
    thing = _Thing()
    kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
    del thing
    assert kept() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_could_not_be_raised_says_nothing_and_is_raised_at_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append(args.exc_type))
    signals = Signals()
    with signals.caught():
        signals.release()
        strike_while_something_is_collected()
        with pytest.raises(Stopped) as stopped:
            signals.check()
    assert stopped.value.code == 143
    assert told == []


def test_what_else_could_not_be_raised_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append(args.exc_type))

    def broken(_: object) -> None:
        raise ValueError

    thing = _Thing()
    with Signals().caught():
        kept = weakref.ref(thing, broken)
        del thing
    assert kept() is None
    assert told == [ValueError]
