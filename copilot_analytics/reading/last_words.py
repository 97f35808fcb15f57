"""How a run died, from what its process wrote to another file than its rows.

A queue or a shell keeps the errors of a program apart: ``slurm-12.err`` beside ``slurm-12.out``,
``stderr.txt`` beside ``train.log``. No format knows such a file, since it holds no training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.errors import LogError
from copilot_analytics.reading.crashes import CrashWatcher
from copilot_analytics.reading.lines import LineSplitter
from copilot_analytics.reading.sources import read_ends

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from copilot_analytics.reading.lines import Lines
    from copilot_analytics.records import Record

_MOST_BYTES = 1 << 18
_MOST_AFTER = 60  # lines, of a launcher that sums up or a queue that cleans up


def last_words(path: Path) -> list[Record]:
    """Return the crash that a file ends with; nothing if it tells none or more came after it.

    Parameters
    ----------
    path
        A text of any kind.
    """
    watcher, splitter = CrashWatcher(str(path)), LineSplitter()
    crashes: list[Record] = []
    after = 0
    try:
        for chunk in read_ends(path, _MOST_BYTES):
            for number, line in splitter.feed(chunk).cleaned():
                told = [one for one in watcher.see(line, number) if one.kind == "crash"]
                crashes += told
                after = 0 if told else after + 1
        for number, line in splitter.close().cleaned():
            crashes += [one for one in watcher.see(line, number) if one.kind == "crash"]
    except LogError:
        return []
    crashes += watcher.close()
    return crashes[-1:] if after <= _MOST_AFTER else []


def died_untrained(file: str, held: Iterable[Lines]) -> str:
    """Say how a process died, if lines without a training tell.

    Parameters
    ----------
    file
        The log.
    held
        Its lines.
    """
    watcher = CrashWatcher(file)
    numbered = (one for lines in held for one in lines.cleaned())
    told = [one for number, text in numbered for one in watcher.see(text, number)]
    crashes = [one for one in (*told, *watcher.close()) if one.kind == "crash"]
    if not crashes:
        return ""
    died = crashes[-1]
    return f" The process died before it trained, at line {died.line}: {failure_of(died)}."


def failure_of(crash: Record) -> str:
    """Write the failure that a crash names.

    Examples
    --------
    >>> from copilot_analytics import Record
    >>> failure_of(Record("crash", facts={"error": "KeyError", "message": "'x'"}))
    "KeyError: 'x'"
    """
    error, message = crash.facts["error"], crash.facts["message"]
    return f"{error}: {message}" if message else str(error)
