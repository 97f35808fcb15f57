"""One wish to end is one, however often its signal comes."""

from __future__ import annotations

import signal

import pytest

from copilot_analytics.live import signals


@pytest.fixture
def asked(monkeypatch):
    """Return the signals that asked to end, and a clock that can be set."""
    clock, wishes = [100.0], []
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    before = signals.catch_signals(wishes.append, lambda: bool(wishes))
    yield wishes, clock
    for signum, handler in before.items():
        signal.signal(signum, handler)


def test_a_signal_that_comes_again_at_once_is_the_same_wish(asked):
    wishes, clock = asked
    signal.raise_signal(signal.SIGHUP)
    clock[0] += 0.5
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert wishes == [signal.SIGHUP]


def test_one_that_comes_later_interrupts(asked):
    wishes, clock = asked
    signal.raise_signal(signal.SIGTERM)
    clock[0] += 1.5
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    assert wishes == [signal.SIGTERM]
