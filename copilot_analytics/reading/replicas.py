"""Follows one of several processes whose output Ray, MPI or torchrun puts into one log.

With Ray each line begins with ``(train_fn pid=71)``. The ranks of one training print the same
lines, the trials of a search print lines that look the same: read as one training, either would be
a muddle. Of lines that look the same but for their numbers, those of one process are left in.

With ``mpirun --tag-output``, and so with Horovod, each begins with ``[1,0]<stdout>:``, with
``torchrun --tee`` with ``[default0]:``, and with PyTorch what a rank says of a failure with
``[rank0]:``, with ``srun --label`` with ``0: ``. The tag is taken off, and all its processes are
ranks of one training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from copilot_analytics.reading.lines import Lines

_MARK, _TAG_MARKS = b" pid=", (b"]<std", b"[default", b"[rank")
_TAG = re.compile(
    rb"^\[(?:(?:\d{1,4},)?(?P<mpi>\d{1,6})\]<std(?:out|err|diag)>:|default(?P<torch>\d{1,6})\]:"
    rb"|rank(?P<rank>\d{1,6})\]: ?)"
)
_RANKS = b""  # the task of all ranks
_LABEL = re.compile(rb"^ {0,3}(?P<label>\d{1,4}): ")
_FEWEST_LOOKS = 3  # of the first rank: what counts lines says the same behind each number
_MOST_UNDECIDED = 400  # lines
_PREFIX = re.compile(
    rb"^(?:\x1b\[[\d;]{0,12}m)?\((?P<task>[^\x1b\n]{1,100}) pid=(?P<pid>\d{1,10})"
    rb"(?:, ip=[\w.:]{1,40})?\)"
)
_NUMBER = re.compile(rb"(?<![A-Za-z_])(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|nan|inf)")
_NO_LETTERS = re.compile(rb"[^A-Za-z_]+")
_LONGEST_LOOK = 300
_MOST_LOOKS = 2000
_ESTABLISHED = 5  # lines of a look after which a process that has none yet began later
_SILENT = 20  # lines of others after which the one that was followed counts as gone


@dataclass
class _Look:
    """Who prints lines of one look."""

    owner: bytes
    total: int = 1  # lines so far
    lines: int = 1  # of the owner
    silence: int = 0  # lines of others since its last one
    others: set[bytes] = field(default_factory=set)


class _Labels:
    """Learns whether ``srun --label`` put the number of a rank before each line of the log.

    Darknet counts its iterations so, ``3000: 1.38, 0.97 avg``, and so do scripts.
    """

    def __init__(self) -> None:
        self.are_there: bool | None = None  # None as long as that is open
        self._looks: set[bytes] = set()
        self._lines = 0

    def learn(self, line: bytes) -> None:
        """Take the next line of a log in which it is open."""
        label = _LABEL.match(line)
        if label is None:
            self.are_there = False if line.strip() else None
            return
        self._lines += 1
        if int(label["label"]) == 0:
            self._looks.add(_NO_LETTERS.sub(b" ", line[label.end() :]))
        if len(self._looks) >= _FEWEST_LOOKS:
            self.are_there = True
        elif self._lines >= _MOST_UNDECIDED:
            self.are_there = False


class ReplicaFilter:
    r"""Blanks lines of processes that repeat what the one that is followed prints.

    A process that prints a look for the first time when another has printed it five times began
    later, as the next trial does: it is followed from there on; a rank is only behind. What only
    one process prints is left in, whichever it is.

    Examples
    --------
    >>> from copilot_analytics.reading.lines import LineSplitter
    >>> text = b"(fn pid=1) loss 2.5\n(fn pid=2) loss 2.75\n(fn pid=2) done\n(fn pid=1) loss 2.0\n"
    >>> [line for _, line in ReplicaFilter().see(LineSplitter().feed(text)).cleaned()]
    ['(fn pid=1) loss 2.5', '', '(fn pid=2) done', '(fn pid=1) loss 2.0']
    """

    def __init__(self) -> None:
        self._looks: dict[tuple[bytes, bytes], _Look] = {}
        self._main: dict[bytes, _Look] = {}  # the look of most lines of a task
        self._followed: dict[bytes, bytes] = {}  # process by task
        self._labels = _Labels()

    def see(self, lines: Lines) -> Lines:
        """Take complete lines; return them with those of other processes blank."""
        is_plain = self._labels.are_there is False
        if is_plain and not any(mark in lines.text for mark in (_MARK, *_TAG_MARKS)):
            return lines
        raw = lines.text.split(b"\n")[: lines.size]
        kept = [self._said(line) for line in raw]
        if kept == raw:
            return lines
        ends = np.cumsum(np.array([len(line) + 1 for line in kept], dtype=np.int64)) - 1
        return Lines(b"\n".join(kept) + b"\n", ends, lines.numbers)

    def _said(self, line: bytes) -> bytes:
        """Return what a line says to who follows one process, nothing if another prints it."""
        if self._labels.are_there is None:
            self._labels.learn(line)
        label = _LABEL.match(line) if self._labels.are_there else None
        if label is not None:
            rest = line[label.end() :]
            return rest if self._is_followed(_RANKS, label["label"], rest) else b""
        tag = _TAG.match(line)
        if tag is not None:
            rest, rank = line[tag.end() :], tag["mpi"] or tag["torch"] or tag["rank"]
            return rest if self._is_followed(_RANKS, rank, rest) else b""
        prefix = _PREFIX.match(line) if _MARK in line else None
        if prefix is None:
            return line
        rest = line[prefix.end() :]
        return line if self._is_followed(prefix["task"], prefix["pid"], rest) else b""

    def _is_followed(self, task: bytes, process: bytes, said: bytes) -> bool:
        look, numbers = _NUMBER.subn(b"", said[:_LONGEST_LOOK])
        return not numbers or self._takes(task, process, _NO_LETTERS.sub(b" ", look))

    def _takes(self, task: bytes, process: bytes, words: bytes) -> bool:
        look = self._looks.get((task, words))
        if look is None:
            if len(self._looks) < _MOST_LOOKS:
                look = self._looks[task, words] = _Look(process)
                self._main.setdefault(task, look)
            return True
        look.total += 1
        if look.total > self._main[task].total:
            self._main[task] = look
        if process == look.owner:
            look.lines += 1
            look.silence = 0
            return True
        look.silence += 1
        is_new = process not in look.others
        look.others.add(process)
        if process != self._followed.setdefault(task, look.owner):
            begins = task != _RANKS and is_new and look.lines >= _ESTABLISHED
            if look is not self._main[task] or not (begins or look.silence >= _SILENT):
                return False
            self._followed[task] = process
        look.others.add(look.owner)
        look.owner, look.lines, look.silence = process, 1, 0
        return True
