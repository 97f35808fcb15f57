"""Home-made logs of a run, and the time that it takes to find the one that goes on from another."""

from __future__ import annotations

import followed_logs
from followed_logs import touch


def rows(first, stop, *, total=40, stamp=True, begins=0):
    """Return lines of a home-made log."""
    made = []
    for epoch in range(first, stop):
        second = begins + 60 * epoch
        at = f"2030-01-02 {3 + second // 3600:02}:{second // 60 % 60:02}:00 " if stamp else ""
        loss = 0.2 + 2.0 / (1 + epoch) + 0.01 * (epoch * 7 % 5)
        made.append(f"{at}epoch {epoch}/{total} train_loss: {loss:.4f} val_loss: {loss + 0.1:.4f}")
    return made


def write(path, lines, clock, mode="a"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.write("".join(f"{line}\n" for line in lines))
    touch(path, clock)


def settle(following, clock, seconds=40.0):
    """Step until a log is taken to be at rest, and what goes on from it was looked for."""
    return followed_logs.settle(following, clock, seconds)
