"""Logs that are followed by a clock that the test moves."""

from __future__ import annotations

import os

from copilot_analytics.live.following import Following

NOW = 1.9e9


class Clock:
    """Seconds that only the test lets pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    @property
    def wall(self):
        """Seconds since 1970."""
        return NOW + self.now


def follow(path, clock, **more):
    """Follow a log by a clock."""
    return Following(path, clock=clock, wall=lambda: clock.wall, **more)


def settle(following, clock, seconds=12.0):
    """Step for some seconds; return the events."""
    events, until = [], clock.now + seconds
    while clock.now < until:
        events += following.step(clock.wall)
        clock.now += max(following.wait_s, 0.05)
    return events


def touch(path, clock):
    """Let a file have changed just now."""
    os.utime(path, (clock.wall, clock.wall))


def write(path, data, clock, mode="ab"):
    """Write bytes to a log, as of now."""
    with path.open(mode) as file:
        file.write(data)
    touch(path, clock)


def half(sample, share=0.6):
    """Return the first lines of a log."""
    data = sample.read_bytes()
    return data[: data.index(b"\n", int(len(data) * share)) + 1]
