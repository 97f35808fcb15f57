"""A log that is rotated between any two calls that a tailer makes to the file system."""

from __future__ import annotations

import os
import shutil
import sys
from random import Random

import pytest

from copilot_analytics.live.tail import Bytes, Tailer

CALLS = frozenset(
    "stat lstat fstat open close pread read scandir readlink inode is_symlink is_file".split()
)


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


def rotations(folder, how):
    """Return the steps of rotations by rename (r) or copytruncate (c), and all that is written."""
    log = folder / "train.log"

    def rename(old, new):
        return lambda: (folder / old).rename(folder / new)

    def append(content):
        def step():
            with log.open("ab") as file:
                file.write(content)

        return step

    steps, written = [], b"begun\n" * 300
    log.write_bytes(written)
    for number, one in enumerate(how):
        shifted = range(number, 0, -1)
        steps += [rename(f"train.log.{k}", f"train.log.{k + 1}") for k in shifted]
        if one == "r":
            steps.append(rename("train.log", "train.log.1"))
        else:
            steps.append((folder / "train.log.1").touch)
            steps.append(lambda: shutil.copyfile(log, folder / "train.log.1"))
            steps.append(lambda: os.truncate(log, 0))
        content = b"after rotation %d\n" % number * (100 + 7 * number)
        steps.append(append(content))
        written += content
    return steps, written


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be renamed elsewhere")
@pytest.mark.parametrize("how", ["rr", "rc", "cr", "cc", "rrr", "ccr", "crrr"])
def test_no_rotation_between_two_calls_loses_or_repeats_a_byte(how, tmp_path):
    chances = Random(how)  # noqa: S311  # it chooses moments
    for played in range(300):
        folder = tmp_path / str(played)
        folder.mkdir()
        steps, written = rotations(folder, how)
        looks_s = chances.choice([[6.0], [2.0], [0.3, 6.0]])
        at, plan = chances.choice([0, 0, chances.randint(0, 80)]), []
        for step in steps:
            plan.append((at, step))
            at += chances.choice([0, 0, 1, chances.randint(1, 6), chances.randint(1, 60)])
        now = [0.0]
        taken = b""
        with Tailer(folder / "train.log", clock=lambda now=now: now[0]) as tailer:
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
