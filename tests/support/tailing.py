"""A writer whose time stamps differ, and what a tailer gave."""

from __future__ import annotations

import os

from copilot_analytics.live.pieces import Began, Bytes


def write(path, content, ticks=[1_900_000_000_000_000_000]):  # noqa: B006  # a counter on purpose
    with path.open("ab") as stream:
        stream.write(content)
    ticks[0] += 10**9  # the kernel's time stamps are coarser than a fast test
    os.utime(path, ns=(ticks[0], ticks[0]))


def content(pieces):
    return b"".join(piece.content for piece in pieces if isinstance(piece, Bytes))


def begun(pieces):
    return [piece.why for piece in pieces if isinstance(piece, Began)]


def polls(tailer, clock, count=6, pause=3.0):
    pieces = []
    for _ in range(count):
        clock.now += pause
        pieces += tailer.poll()
    return pieces
