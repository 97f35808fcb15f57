"""A writer, a rotator and a reader in any order: what is read is what was written."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from copilot_analytics.live.follow_directory import RunDirectory
from copilot_analytics.live.pieces import Began, Bytes
from copilot_analytics.live.tail import Tailer


class Consumer:
    """Puts lines together as an incremental reader does."""

    def __init__(self):
        self.lines = []
        self.partial = b""

    def take(self, pieces):
        for piece in pieces:
            if isinstance(piece, Began):
                self.end()
            elif isinstance(piece, Bytes):
                assert piece.content
                *whole, self.partial = (self.partial + piece.content).split(b"\n")
                self.lines += whole

    def end(self):
        if self.partial:
            self.lines.append(self.partial)
        self.partial = b""


class FollowedLog(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from(["plain", "link", "directory"]),
        lean=st.booleans(),
        created=st.booleans(),
    )
    def start(self, kind, lean, created):
        self.folder = Path(tempfile.mkdtemp())
        self.kind, self.lean = kind, lean
        self.now = 1000.0
        self.ticks = 1_800_000_000_000_000_000
        self.count = 0
        self.expected = []  # [line, number of its file]
        self.optional = set()
        self.file_number = 0
        self.late = None  # the file that was renamed last, its number, and when
        self.deleted = set()
        self.half = None
        self.consumer = Consumer()
        self.log = self.next_log()
        if created:
            self.create()
        self.tailer = self.new_tailer(None)
        self.poll(0.0)

    def teardown(self):
        if not hasattr(self, "folder"):
            return
        try:
            self.settle()
        finally:
            self.tailer.close()
            shutil.rmtree(self.folder)

    # The writer

    def next_log(self):
        number = self.file_number
        if self.kind == "plain":
            return self.folder / "train.log"
        if self.kind == "link":
            return self.folder / f"run{number}" / "train.log"
        stamp = f"20300101_{number:06d}"
        return self.folder / stamp / f"{stamp}.log"

    def create(self):
        self.log.parent.mkdir(exist_ok=True)
        self.log.touch()
        if self.kind == "link":
            fresh = self.folder / "fresh"
            fresh.symlink_to(self.log)
            fresh.rename(self.folder / "latest.log")

    def append(self, content, path=None):
        path = path or self.log
        if not path.exists():
            self.create()
        with path.open("ab") as stream:
            stream.write(content)
        self.stamp(path)

    def stamp(self, path):
        # The kernel's time stamps are too coarse for a test that runs faster than time.
        self.ticks += 1_000_000_000
        os.utime(path, ns=(self.ticks, self.ticks))

    def new_line(self):
        self.count += 1
        return b"%d " % self.count + b"x" * (self.count * 37 % 400) + b" %d" % self.count

    @rule(count=st.integers(1, 5))
    def write_lines(self, count):
        self.flush()
        for _ in range(count):
            line = self.new_line()
            self.expected.append((line, self.file_number))
            self.append(line + b"\n")

    @precondition(lambda self: self.half is None)
    @rule()
    def write_half(self):
        line = self.new_line()
        self.append(line[: len(line) // 2])
        self.half = line

    @rule()
    def flush(self):
        if self.half is not None:
            half, self.half = self.half, None
            self.expected.append((half, self.file_number))
            self.append(half[len(half) // 2 :] + b"\n")

    def tear(self):
        """The first half of a line ends its file; the second half is never written."""
        if self.half is not None:
            self.expected.append((self.half[: len(self.half) // 2], self.file_number))
            self.half = None

    # Whoever rotates

    def shift(self):
        for number in range(60, 0, -1):
            old = self.log.with_name(f"{self.log.name}.{number}")
            if old.exists():
                old.rename(old.with_name(f"{self.log.name}.{number + 1}"))
        return self.log.with_name(f"{self.log.name}.1")

    @precondition(lambda self: self.log.exists())
    @rule(late=st.integers(0, 2), create=st.booleans())
    def rotate_by_rename(self, late, create):
        known = self.is_known()
        first = self.shift()
        self.log.rename(first)
        if self.half is not None:  # the writer has it open still
            half, self.half = self.half, None
            self.append(half[len(half) // 2 :] + b"\n", first)
            self.expected.append((half, self.file_number))
        for _ in range(late):
            line = self.new_line()
            self.append(line + b"\n", first)
            self.expected.append((line, self.file_number))
        self.next_file(known=known)
        if known and first.stat().st_size > 0:
            self.late = (first, self.file_number - 1, self.now)
        if create:
            self.create()

    @precondition(lambda self: self.late is not None)
    @rule()
    def write_late(self):
        path, number, rotated_at = self.late
        if self.now - rotated_at < 4.5:
            line = self.new_line()
            self.expected.append((line, number))
            self.append(line + b"\n", path)

    @precondition(lambda self: self.log.exists())
    @rule()
    def copy_and_truncate(self):
        first = self.shift()
        shutil.copyfile(self.log, first)
        self.stamp(first)
        self.tear()
        os.truncate(self.log, 0)
        self.stamp(self.log)
        self.next_file(known=self.kind == "plain" or self.has_begun())

    @precondition(lambda self: self.log.exists())
    @rule(create=st.booleans())
    def delete(self, create):
        self.tear()
        self.log.unlink()
        self.deleted.add(self.file_number)
        self.next_file(known=self.has_begun() and self.held)
        if create:
            self.create()

    @precondition(lambda self: self.kind != "plain" and self.log.exists())
    @rule()
    def move_on(self):
        self.tear()
        self.next_file(known=self.kind == "directory" or self.is_known())
        self.log = self.next_log()
        self.create()

    def is_known(self):
        """Nobody can know of a file where nobody looked; beside a plain log its name tells."""
        looked_at = self.kind == "link" and self.polled == self.file_number
        return self.kind == "plain" or looked_at or self.has_begun()

    def has_begun(self):
        return any(n == self.file_number and line in self.seen() for line, n in self.expected)

    def seen(self):
        return set(self.consumer.lines)

    def next_file(self, *, known):
        if not known:
            self.may_be_lost(lambda number: number == self.file_number)
        self.file_number += 1
        self.late = None

    def may_be_lost(self, which):
        self.optional |= {line for line, number in self.expected if which(number)} - self.seen()

    # The reader

    def new_tailer(self, position):
        path = {"plain": "train.log", "link": "latest.log", "directory": ""}[self.kind]
        followed = self.folder / path
        if self.kind == "directory":
            followed = RunDirectory(followed, clock=lambda: self.now)
        return Tailer(followed, clock=lambda: self.now, resume=position, lean=self.lean)

    @rule(pause=st.sampled_from([0.0, 0.3, 2.0, 6.0]))
    def poll(self, pause):
        self.now += pause
        self.consumer.take(self.tailer.poll())
        self.held = not self.lean
        self.polled = self.file_number if self.log.exists() else None
        self.check()

    @rule()
    def restart(self):
        position = self.tailer.position(unread=len(self.consumer.partial))
        self.consumer.partial = b""
        self.tailer.close()
        self.tailer = self.new_tailer(position)
        self.held = False
        self.late = None
        # What only a descriptor held is lost, and so is what the old tailer was about to open.
        self.may_be_lost(lambda number: number in self.deleted)
        if self.kind != "plain" or position is None:
            self.may_be_lost(lambda number: number < self.file_number)
        self.poll(0.0)

    def check(self):
        lines = self.consumer.lines
        assert len(set(lines)) == len(lines), "a line was told twice"
        by_file = sorted(self.expected, key=lambda entry: entry[1])
        place = {line: number for number, (line, _) in enumerate(by_file)}
        torn = [line for line in lines if line not in place]
        cut = [*self.optional, *filter(None, [self.half])]
        assert [line for line in torn if not any(whole.startswith(line) for whole in cut)] == []
        order = [place[line] for line in lines if line in place]
        assert order == sorted(order)

    def settle(self):
        self.flush()
        quiet = 0
        while quiet < 6:
            self.now += 5.5
            pieces = self.tailer.poll()
            self.consumer.take(pieces)
            quiet = 0 if pieces else quiet + 1
        self.consumer.end()
        self.check()
        missed = [line for line, _ in self.expected if line not in self.consumer.lines]
        assert [line for line in missed if line not in self.optional] == []


FollowedLog.TestCase.settings = settings(max_examples=300, stateful_step_count=50)
TestFollowedLog = FollowedLog.TestCase
