"""Follows one of several processes whose output Ray or torchrun puts into one log.

Each line begins with ``(train_fn pid=71)``, or with ``[rank1]:`` or ``[default1]:``. The ranks of
one training print the same lines, the trials of a search print lines that look the same: read as
one training, either would be a muddle. Of lines that look the same but for their numbers, those of
one process are left in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from copilot_analytics.reading.lines import Lines

_MARKS = (b" pid=", b"[rank", b"[default")
_PREFIX = re.compile(
    rb"^(?:\x1b\[[\d;]{0,12}m)?\((?P<task>[^\x1b\n]{1,100}) pid=(?P<pid>\d{1,10})"
    rb"(?:, ip=[\w.:]{1,40})?\)"
    rb"|^\[(?P<of_ranks>rank|default)(?P<rank>\d{1,5})\]:"
)
_FIRST = (b"(", b"[", b"\x1b")
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

    def see(self, lines: Lines) -> Lines:
        """Take complete lines; return them with those of other processes blank."""
        if not any(mark in lines.text for mark in _MARKS):
            return lines
        raw = lines.text.split(b"\n")[: lines.size]
        kept = [line if self._is_followed(line) else b"" for line in raw]
        if kept == raw:
            return lines
        ends = np.cumsum(np.array([len(line) + 1 for line in kept], dtype=np.int64)) - 1
        return Lines(b"\n".join(kept) + b"\n", ends, lines.numbers)

    def _is_followed(self, line: bytes) -> bool:
        prefix = _PREFIX.match(line) if line[:1] in _FIRST else None
        if prefix is None:
            return True
        said = line[prefix.end() : prefix.end() + _LONGEST_LOOK]
        look, numbers = _NUMBER.subn(b"", said)
        if not numbers:
            return True
        words = _NO_LETTERS.sub(b" ", look)
        if prefix["task"] is None:
            return self._takes(prefix["of_ranks"], prefix["rank"], words, may_begin=False)
        return self._takes(prefix["task"], prefix["pid"], words)

    def _takes(self, task: bytes, process: bytes, words: bytes, *, may_begin: bool = True) -> bool:
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
            begins = may_begin and is_new and look.lines >= _ESTABLISHED
            if look is not self._main[task] or not (begins or look.silence >= _SILENT):
                return False
            self._followed[task] = process
        look.others.add(look.owner)
        look.owner, look.lines, look.silence = process, 1, 0
        return True
