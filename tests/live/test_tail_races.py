"""A log that is rotated or moved between any two calls that a tailer makes to the file system."""

from __future__ import annotations

import os
import shutil
import sys
from random import Random

import pytest

from copilot_analytics.live.follow_directory import RunDirectory
from copilot_analytics.live.pieces import Bytes
from copilot_analytics.live.tail import Tailer

CALLS = frozenset(
    "stat lstat fstat open close pread read scandir readlink inode is_symlink is_file".split()
)
LOGS = [f"20300101_00000{n}/20300101_00000{n}.log" for n in range(9)]


class BetweenCalls:
    """Takes steps just before the n-th calls of the code under test, counted on over its uses."""

    def __init__(self, plan):
        self._plan, self._calls = list(plan), 0

    def __enter__(self):
        sys.setprofile(self._on_call)

    def __exit__(self, *_):
        sys.setprofile(None)

    def finish(self):
        while self._plan:
            self._plan.pop(0)[1]()

    def _on_call(self, frame, event, call):
        if event != "c_call" or call.__module__ not in {"posix", None}:
            return
        self._calls += call.__name__ in CALLS
        while self._plan and self._plan[0][0] <= self._calls:
            sys.setprofile(None)
            self._plan.pop(0)[1]()
            sys.setprofile(self._on_call)


def changes(folder, how):
    """Return the steps of some changes, and all that is written.

    A change is a rotation by rename (r) or copytruncate (c), or a log in a new folder (n).
    """
    steps, written, rotated = [], b"begun\n" * 300, 0
    log = folder / LOGS[0]
    log.parent.mkdir()
    log.write_bytes(written)

    def rename(old, new):
        return lambda: old.rename(new)

    def append(log, content):
        def step():
            with log.open("ab") as file:
                file.write(content)

        return step

    for number, one in enumerate(how):
        if one == "n":
            log, rotated = folder / LOGS[number + 1], 0
            steps.append(log.parent.mkdir)
        names = [log, *(log.with_name(f"{log.name}.{k}") for k in range(1, 9))]
        if one != "n":
            steps += [rename(names[k], names[k + 1]) for k in range(rotated, 0, -1)]
            rotated += 1
        if one == "r":
            steps.append(rename(log, names[1]))
        elif one == "c":
            steps.append(names[1].touch)
            steps.append(lambda names=names: shutil.copyfile(names[0], names[1]))
            steps.append(lambda log=log: os.truncate(log, 0))
        content = b"after change %d\n" % number * (100 + 7 * number)
        steps.append(append(log, content))
        written += content
    return steps, written


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be renamed elsewhere")
@pytest.mark.parametrize("how", ["rr", "rc", "cr", "cc", "ccr", "crrr", "nr", "ncr", "ncc", "rnrc"])
def test_no_change_between_two_calls_loses_or_repeats_a_byte(how, tmp_path):
    chances = Random(how)  # noqa: S311  # it chooses moments
    for played in range(200):
        folder = tmp_path / str(played)
        folder.mkdir()
        steps, written = changes(folder, how)
        looks_s = chances.choice([[6.0], [2.0], [0.3, 6.0]])
        at, plan = chances.choice([0, 0, chances.randint(0, 80)]), []
        for step in steps:
            plan.append((at, step))
            at += chances.choice([0, 0, 1, chances.randint(1, 6), chances.randint(1, 60)])
        now, taken = [0.0], b""

        def clock(now=now):
            return now[0]

        with Tailer(RunDirectory(folder, clock=clock), clock=clock) as tailer:
            between = BetweenCalls(plan)
            for look in range(20):
                if look == 13:
                    between.finish()
                if 0 < look < 13:
                    with between:
                        pieces = tailer.poll()
                else:
                    pieces = tailer.poll()
                taken += b"".join(one.content for one in pieces if isinstance(one, Bytes))
                now[0] += looks_s[look % len(looks_s)] if look < 13 else 6.0
        assert taken == written, [place for place, _ in plan]
        shutil.rmtree(folder)
