"""Which log of a directory is followed, and whether training is still to begin there."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from copilot_analytics.errors import LogError
from copilot_analytics.live.folder_walk import Walk
from copilot_analytics.live.processes import Writers, process_of
from copilot_analytics.live.same_run import TOGETHER_S
from copilot_analytics.reading.beside import joined
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.run_folders import (
    find_run,
    is_event_file,
    logs_beside,
    logs_within,
)
from copilot_analytics.reading.saved_states import STATE
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import records_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from copilot_analytics.records import Record

_CHUNK = 1 << 16
_MOST_FAILED = 1 << 20
_FEW_ROWS = 4  # an epoch of a bar's is told as training and evaluation
_MOST_S = 2.0
_MOST_ASKED_FOR = 8


def log_in(directory: Path) -> Path:
    """Return the log of the newest run in a directory, one that holds training if there is one.

    What a program printed may hold no line of training, which it writes to another log: the
    console of Lightning beside its ``metrics.csv``, or no more than the bar that stood there when
    it crashed. A report joins both; one is followed: not event files where another log says the
    same, as in a report.

    Parameters
    ----------
    directory
        Where to look.

    Raises
    ------
    LogError
        If there is no log.
    """
    log = find_run(directory)
    rows = len(list(itertools.islice(_rows(log), _FEW_ROWS)))
    saved = log.name == STATE  # with a checkpoint, after what is printed of its evaluation
    if rows >= _FEW_ROWS and not saved and not is_event_file(log):
        return log
    since = log.stat().st_mtime - TOGETHER_S
    others = logs_within(directory) if saved else logs_beside(log)[1:]
    others = [one for one in others if one.stat().st_mtime >= since]
    trained = [log] if rows else []
    trained += [one for one in others if has_trained(one)]
    trained = [one for one in trained if one.name != STATE]  # nothing is added to one
    return joined(trained)[0] if trained else log


def has_trained(log: Path) -> bool:
    """Tell whether a log holds a row of training or an evaluation.

    One that stands at its end and waits for a next line does not count: the only row of a console
    may be the bar that was left there when all was over. It does where a failure follows it.

    Examples
    --------
    >>> from pathlib import Path
    >>> has_trained(Path("nowhere.log"))
    False
    """
    return any(_rows(log)) or _has_failed(log)


def trains_by_its_looks(log: Path) -> bool:
    """Tell whether a log whose format is not settled yet shows two rows of a training.

    The likeliest format is gone by, as where a log is named that says a line in minutes.

    Examples
    --------
    >>> from pathlib import Path
    >>> trains_by_its_looks(Path("nowhere.log"))
    False
    """
    reader = LogReader(str(log))
    try:
        for chunk in read_chunks(log, _CHUNK):
            reader.feed(chunk)
        rows = records_of(reader.presume())
    except LogError:
        return False
    return any(record.kind in {"train", "eval"} for record in rows)


def is_in_use(directory: Path, age_s: float) -> bool:
    """Tell whether a file in a directory changed lately or is held open for writing.

    Parameters
    ----------
    directory
        Looked through with all below it.
    age_s
        What changed so many seconds ago at most changed lately; a new file changes its directory.
    """
    files = sorted(Walk(time.monotonic() + _MOST_S).files([directory]), key=lambda file: -file[2])
    newest = max([_changed(directory), *(modified for _, _, modified in files)])
    if time.time() - newest <= age_s:
        return True
    writers = Writers()
    newest_files = itertools.islice(files, _MOST_ASKED_FOR)
    found = (process_of(path, writers=writers).state for path, _, _ in newest_files)
    return any(state in {"alive", "stopped"} for state in found)


def _rows(log: Path) -> Iterator[Record]:
    """Yield the rows of a log; none where it cannot be read."""
    reader = LogReader(str(log))
    with suppress(LogError):
        for chunk in read_chunks(log, _CHUNK):
            for record in records_of(reader.feed(chunk)):
                if record.kind in {"train", "eval"}:
                    yield record


def _has_failed(log: Path) -> bool:
    """Tell whether a log of few rows ends with a failure, after which no next one comes."""
    reader, kinds = LogReader(str(log)), set[str]()
    with suppress(LogError, OSError):
        if log.stat().st_size > _MOST_FAILED:
            return False  # so long a log shows its rows, or is none
        for chunk in read_chunks(log, _CHUNK):
            kinds |= {record.kind for record in records_of(reader.feed(chunk))}
        kinds |= {record.kind for record in records_of(reader.close())}
    return "crash" in kinds and not kinds.isdisjoint({"train", "eval"})


def _changed(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return float("-inf")
