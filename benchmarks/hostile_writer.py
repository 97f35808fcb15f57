"""A writer that does to a log what trainers, people and logrotate do, in the middle of a line."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from hostile_logs import LEAST_ROWS, Training

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

KINDS = ("plain", "link", "directory", "numbered")
_MOST_ROTATIONS = 4
_LEAST_ROTATED = 600


class HostileWriter:
    """Writes trainings one after the other.

    Parameters
    ----------
    folder
        Where.
    kind
        ``plain``: one path; ``link``: a link to the log; ``directory``: a folder for each launch;
        ``numbered``: a log with the next number for each.
    trainings
        What to write; more than one begin anew in the place of the one before.
    rng
        Chooses.
    clock
        Seconds since 1970 as the supervisor sees them; times of files are set by it.

    Attributes
    ----------
    path : Path
        What to follow.
    written : list of list of bytearray
        What each training wrote, file by file.
    destroyed : set of int
        Numbers of trainings of which something is no longer on the disk.
    story : list of str
        What was done.
    latest_s : float
        Longest time between a rotation and the last line that went to the old file; the
        supervisor reads on in it for 5 s only.
    """

    def __init__(
        self,
        folder: Path,
        kind: str,
        trainings: list[Training],
        rng: Random,
        clock: Callable[[], float],
    ) -> None:
        self.folder, self.kind, self._rng, self._clock = folder / "work", kind, rng, clock
        self.folder.mkdir()
        self.path = self.folder / {
            "plain": "train.log",
            "numbered": "train.log",
            "link": "latest.log",
        }.get(kind, "")
        self.written: list[list[bytearray]] = []
        self.destroyed: set[int] = set()
        self.latest_s = 0.0
        self.story: list[str] = [kind]
        self._trainings = trainings
        self._launches: list[list[bytes]] = []
        self._left = b""
        self._files = self._rotations = self._moves = 0
        self._log = self.folder
        self._next_training()

    @property
    def is_done(self) -> bool:
        """Whether everything is written."""
        return not (self._left or self._launches or self._trainings)

    def begin(self) -> None:
        """Write the header and the first rows, until the run is a run."""
        self._append(self._take_rows(LEAST_ROWS))

    def act(self) -> None:
        """Do one thing."""
        if self._left:
            hostile = self._rng.random()
            if hostile < 0.12:
                self._rotate()
            elif hostile < 0.16:
                self._move_link()
            self._append(self._take(self._rng.randint(1, 2500)))
        elif self._launches:
            self._next_launch()
        elif self._trainings:
            self._next_training()
            self.begin()

    def _take(self, size: int) -> bytes:
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def _take_rows(self, count: int) -> bytes:
        at = 0
        for _ in range(count):
            at = self._left.find(b"Epoch(train)", at) + 1
        end = self._left.find(b"\n", at) + 1
        return self._take(end)

    def _end_line(self) -> bytes:
        """Return the rest of a line that was begun."""
        content = self.written[-1][-1]
        if not content or content.endswith((b"\n", b"\r")) or not self._left:
            return b""
        ends = [at for at in (self._left.find(b"\n"), self._left.find(b"\r")) if at >= 0]
        return self._take(min(ends) + 1)

    def _append(self, content: bytes, path: Path | None = None) -> None:
        path = path or self._log
        while content:
            size = self._rng.randint(1, len(content)) if self._rng.random() < 0.5 else len(content)
            with path.open("ab", buffering=0) as file:
                file.write(content[:size])
            self._stamp(path)
            self.written[-1][-1] += content[:size]
            content = content[size:]

    def _stamp(self, path: Path) -> None:
        now = self._clock()
        os.utime(path, (now, now))

    # What happens to files

    def _next_file(self) -> None:
        self._files += 1
        self.story.append(f"next file {self._files}")
        number, name = self._files, f"20300101_{self._files:06d}"
        if self.kind == "directory":
            self._log = self.folder / name / f"{name}.log"
        elif self.kind == "link":
            self._log = self.folder / f"run{number}" / "train.log"
        elif self.kind == "numbered" and number > 1:
            self._log = self.folder / f"train{number}.log"
        else:
            self._log = self.path
        self._log.parent.mkdir(exist_ok=True)
        self.written[-1].append(bytearray())
        self._log.touch()
        self._stamp(self._log)
        if self.kind == "link":
            fresh = self.folder / "fresh"
            fresh.symlink_to(self._log)
            fresh.rename(self.path)

    def _next_training(self) -> None:
        """Begin a new training in the place of the last one."""
        if self.written:
            self._append(self._end_line())
        training = self._trainings.pop(0)
        how = self._rng.choice(("truncate", "delete", "go_on"))
        if self.written and how != "go_on" and self.kind == "plain":
            self.destroyed.add(len(self.written) - 1)
            if how == "delete":
                self._log.unlink(missing_ok=True)  # where it was rotated with its last line
            else:
                self._log.open("wb").close()
                self._stamp(self._log)
        self._launches = [list(launch) for launch in training.launches]
        self.story.append(f"new training by {how}")
        again = bool(self.written) and self.kind != "directory"
        self.written.append([])
        if again:  # at the same path; without a deed before, in the same file
            self.written[-1].append(bytearray())
            self._log.touch()
            self._left = b"".join(self._launches.pop(0))
        else:
            self._next_launch()

    def _next_launch(self) -> None:
        """Begin the next log: a resume makes a folder of its own, or goes on at the same path."""
        if not self.written[-1] or self.kind in {"directory", "numbered"}:
            self._next_file()
        self._left = b"".join(self._launches.pop(0))
        self.story.append("next launch")

    def _rotate(self) -> None:
        if self._rotations >= _MOST_ROTATIONS or self._log.stat().st_size < _LEAST_ROTATED:
            return
        self._rotations += 1
        first = self._log.with_name(f"{self._log.name}.1")
        for number in range(_MOST_ROTATIONS, 0, -1):
            old = self._log.with_name(f"{self._log.name}.{number}")
            if old.exists():
                old.rename(self._log.with_name(f"{self._log.name}.{number + 1}"))
        if self._rng.random() < 0.5:
            self.story.append("rotate by rename")
            late = self._end_line()
            if self._rng.random() < 0.5 and self._left:
                late += self._take(self._left.find(b"\n") + 1)
            began = time.monotonic()
            self._log.rename(first)
            if late:
                self._append(late, first)
                self.latest_s = max(self.latest_s, time.monotonic() - began)
        else:
            self.story.append("copy and truncate")
            shutil.copyfile(self._log, first)
            self._stamp(first)
            os.truncate(self._log, 0)
            self._stamp(self._log)
        self.written[-1].append(bytearray())
        # Without a log a watch that is started anew waits for one before it does anything.
        if self._rng.random() < 0.5 or not self._left:
            self._log.touch()
            self._stamp(self._log)

    def _move_link(self) -> None:
        """Let the link lead to another file, in which the same run goes on."""
        if self.kind != "link" or self._moves or not self.written[-1][-1]:
            return
        self._moves += 1
        self._append(self._end_line())
        self._next_file()
