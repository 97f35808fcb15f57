"""Which logs are watched: those that are named, once they are there, or those that are found."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import LogError, LogNotFoundError, UnreadableLogError
from copilot_analytics.live._files import rotated_siblings
from copilot_analytics.live.finding import LEAST_BYTES, LIVE_S, Search, find_logs, table
from copilot_analytics.live.follow_directory import RunDirectory
from copilot_analytics.live.processes import process_of
from copilot_analytics.live.run_logs import has_trained, is_in_use, log_in, trains_by_its_looks
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.run_folders import find_run, logs_within
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.wording import duration, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from copilot_analytics.live._files import Sibling
    from copilot_analytics.live.finding import Candidate

MOST_LOGS = 500
_SEARCH_EVERY_S = 3.0
_SAY_EVERY_S = 60.0
_GROWTH_S = 1.0
_MOST_NAMED = 5
_CHUNK = 1 << 14  # of what tells the format, which stands at the beginning


@dataclass(frozen=True, slots=True)
class Lack:
    """What a log lacks that is to be followed.

    Parameters
    ----------
    text
        What is waited for.
    error
        What is wrong if it does not come in time; None if the log is followed all the same.
    """

    text: str
    error: LogError | None


class Waiting:
    """Waits for a log, and says so at once and then once a minute.

    Parameters
    ----------
    note
        Takes what is said.
    wait_s
        For how long; None means for ever.
    """

    def __init__(self, note: Callable[[str], None], wait_s: float | None) -> None:
        self.wait_s = wait_s
        self._note = note
        self._until = float("inf") if wait_s is None else time.monotonic() + wait_s
        self._told_at = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether it has waited long enough."""
        return time.monotonic() >= self._until

    def go_on(self, text: str) -> None:
        """Wait a little more for what the text says."""
        now = time.monotonic()
        left_s = self._until - now
        if now - self._told_at >= _SAY_EVERY_S:
            self._told_at = now
            more = "" if self.wait_s is None else f", {duration(max(left_s, 0.0))} more"
            self._note(f"{text}{more}; Ctrl-C ends the wait")
        time.sleep(min(max(left_s, 0.01), _SEARCH_EVERY_S if self.wait_s is not None else 1.0))


def named_logs(
    logs: Sequence[Path],
    note: Callable[[str], None],
    wait_s: float | None,
    log_format: str | None = None,
    followed: Mapping[Path, Path] | None = None,
) -> list[Path]:
    """Return those of the logs that a user named which are to be followed now.

    It waits until one of them shows training. Of the others files are followed too, since they are
    read as soon as they hold something; a directory is not, for which of its files will hold the
    training is not known yet, see :class:`copilot_analytics.live.awaited_logs.AwaitedLogs`.

    Parameters
    ----------
    logs
        Logs and directories of runs.
    note
        Takes what is said while waiting.
    wait_s
        How long to wait for them; None waits for ever.
    log_format
        Name of the format.
    followed
        The file in which the run began, of those that were followed before: these may hold
        anything by now, such as the rest of a traceback that went on in a new file.

    Raises
    ------
    LogError
        If there is none in time, or if one is no training log, nothing writes to it, and it did not
        change in the last five minutes: a loop may open it for each line and have written its
        header. Of a directory any file may be written, or have changed.
    """
    waiting, followed = Waiting(note, wait_s), followed or {}
    sizes = {log: _size_of(log) for log in logs}
    while True:
        known = {log for log in logs if log in followed and _may_go_on(log, followed[log])}
        known |= {log for log in logs if 0 < sizes[log] < _size_of(log)}
        sizes = {log: size or _size_of(log) for log, size in sizes.items()}
        lacks = {log: _lack_of(log, log_format, wait_s) for log in logs if log not in known}
        lacking = {log: lack for log, lack in lacks.items() if lack is not None}
        if waiting.is_over and len(lacking) == len(set(logs)):
            lacking = {log: lack for log, lack in lacking.items() if lack.error is not None}
            if len(lacking) == len(set(logs)):
                raise next(lack.error for lack in lacking.values() if lack.error is not None)
        if len(lacking) < len(set(logs)):
            break
        waiting.go_on(_told(lacking))
    if lacking:
        others = len(logs) - len(lacking)
        are = "is" if others == 1 else "are"
        note(f"{_told(lacking)}; {plural(others, 'other log')} {are} watched meanwhile")
    return [log for log in logs if log not in lacking or not _may_be_directory(log)]


def _lack_of(log: Path, log_format: str | None, wait_s: float | None) -> Lack | None:
    """Return what a log lacks, None if it may be followed.

    Parameters
    ----------
    log, log_format, wait_s
        As in `named_logs`.

    Raises
    ------
    LogError
        If it is no training log and nothing shows that it will be one.
    """
    missing = _missing(log)
    if missing is not None:
        return Lack(missing, _absence(log, wait_s))
    unseen = f"no training seen yet in {log}"
    refusal = refusal_of(log, log_format)
    if refusal is not None and not _is_written(log):
        lately = is_in_use(log, LIVE_S) if log.is_dir() else _is_new(log)
        if not lately or isinstance(refusal, UnreadableLogError):
            raise refusal
        return Lack(unseen, refusal)
    return Lack(unseen, None) if _is_to_begin(log) else None


def found_logs(
    base: Path | None, note: Callable[[str], None], wait_s: float | None, *, every: bool
) -> list[Path]:
    """Return the logs that grow, or the newest one.

    Parameters
    ----------
    base
        Where to look; None means here.
    note
        Takes what is said.
    wait_s
        How long to wait for a live log; None takes the newest one, though it be at rest.
    every
        Whether all that grow are wanted; then one that has just begun is waited for.

    Raises
    ------
    LogNotFoundError
        If there is none in time.
    """
    waiting, beginning = Waiting(note, wait_s or 0.0), Waiting(note, None)
    while True:
        search = find_logs(base)
        found = _picked(search, every=every, at_rest=not wait_s)
        if found:
            note(search.why)
            return found
        begun = [one.path for one in search.candidates if every and _has_just_begun(one)]
        if waiting.is_over and begun:
            beginning.go_on(f"waiting for {begun[0]} to show training")
            continue
        if waiting.is_over:
            looked = table(search, time.time())
            within = f"within {duration(wait_s or 0.0)}"
            if search.chosen is not None:
                looked = f"no log grew {within}; name one all the same, or leave --wait out to take"
                looked += f" the newest\n{table(search, time.time())}"
            elif wait_s:
                looked += f"\nno training log came {within}"
            else:
                looked += "\nno training log yet; --wait 600 waits for one that begins"
            raise LogNotFoundError(looked)
        text = "waiting for a training log"
        if search.chosen is not None:
            text = f"waiting for a log that grows ({search.why})"
        waiting.go_on(text)


def _has_just_begun(one: Candidate) -> bool:
    """Tell whether a file is small and changed lately, so that it may yet show training."""
    return one.size < LEAST_BYTES and time.time() - one.modified < LIVE_S


def shows_training(log: Path, log_format: str | None = None) -> bool:
    """Tell whether a path may be followed by now: a file, or a directory in which training began.

    Parameters
    ----------
    log
        A log or a directory of runs, which need not exist.
    log_format
        Name of the format.

    Examples
    --------
    >>> shows_training(Path("no/such/folder"))
    False
    """
    if not log.is_dir():
        return log.is_file()
    if _missing(log) is not None or refusal_of(log, log_format) is not None:
        return False
    return not _is_untrained(log)


def refusal_of(log: Path, log_format: str | None = None) -> LogError | None:
    """Return why a log, or what is in a directory, is no training log, None if it is one.

    These are the words of the other commands. A log that was begun, whose header alone is there,
    is one, and so is what a rotation left of one: the end of a traceback, say.
    """
    if log.is_dir():
        if RunDirectory(log).newest() is not None:
            return None
        rotated: list[Sibling] = []
    else:
        rotated = rotated_siblings(os.path.realpath(log))
    refusal = _refusal_of_one(log, log_format)
    if refusal is None or not rotated:
        return refusal
    older = (_refusal_of_one(Path(sibling.path), log_format) for sibling in reversed(rotated))
    return None if any(one is None for one in older) else refusal


def _refusal_of_one(log: Path, log_format: str | None) -> LogError | None:
    try:
        path = find_run(log)
        reader = LogReader(str(path), log_format)
        for chunk in read_chunks(path, _CHUNK):
            reader.feed(chunk)
            if reader.detection is not None:
                return None
        reader.close()
    except LogError as error:
        return error
    return None


def _missing(log: Path) -> str | None:
    """Return what is waited for; None if the log is there and holds something."""
    try:
        if log.is_dir():
            return None if any(log.iterdir()) else f"waiting for a log in {log}, which is empty"
        if log.is_file() and not log.stat().st_size:
            return f"waiting for the first line of {log}, which is empty"
    except OSError:
        return None  # reading it tells what is wrong
    return None if log.exists() else f"waiting for {log}, which is not there yet"


def _absence(log: Path, wait_s: float | None) -> LogError:
    within = f" within {duration(wait_s)}" if wait_s else "; --wait 600 waits for it"
    if log.is_dir():
        return LogError(f"{log} holds no log{within}")
    if log.exists():
        return LogError(f"{log} has no line{within}")
    told = f"{log} did not appear{within}" if wait_s else f"there is no {log}{within}"
    return LogNotFoundError(told)


def _told(lacking: Mapping[Path, Lack]) -> str:
    """Say in one line what is waited for."""
    if len(lacking) == 1:
        return next(iter(lacking.values())).text
    named = ", ".join(str(log) for log in list(lacking)[:_MOST_NAMED])
    more = ", …" if len(lacking) > _MOST_NAMED else ""
    are_empty = all(_missing(log) is not None for log in lacking)
    lack = "hold nothing yet" if are_empty else "show no training yet"
    return f"waiting for {plural(len(lacking), 'log')} that {lack} ({named}{more})"


def _may_be_directory(log: Path) -> bool:
    """Tell whether a path is a directory, or may become one: files of logs have endings."""
    return log.is_dir() or not (log.exists() or log.suffix)


def _may_go_on(log: Path, began: Path) -> bool:
    """Tell whether a run that was followed may go on in a log, whatever that holds.

    All that was written may have been rotated, or its link moved, a moment ago.
    """
    return bool(rotated_siblings(os.path.realpath(log))) or _size_of(began) > 0


def _is_written(log: Path) -> bool:
    """Tell whether a file grows or a process holds it open for writing."""
    try:
        if not log.is_file():
            return False
        size = log.stat().st_size
        if process_of(log).state in {"alive", "stopped"}:
            return True
        time.sleep(_GROWTH_S)
        return log.stat().st_size != size
    except OSError:
        return False


def _size_of(log: Path) -> int:
    """Return how many bytes a file holds, 0 if there is none."""
    try:
        return log.stat().st_size if log.is_file() else 0
    except OSError:
        return 0


def _is_new(log: Path) -> bool:
    try:
        return time.time() - log.stat().st_mtime <= LIVE_S
    except OSError:
        return False


def _is_to_begin(log: Path) -> bool:
    """Tell whether no log of a directory in use holds training: which one will is not known yet."""
    try:
        return log.is_dir() and _is_untrained(log) and is_in_use(log, LIVE_S)
    except (LogError, OSError):
        return False


def _is_untrained(directory: Path) -> bool:
    if RunDirectory(directory).newest() is not None:
        return False
    log = log_in(directory)
    # Of several it is known only later which one holds the training; one alone is that one.
    is_alone = len(logs_within(directory)) == 1
    return not (has_trained(log) or (is_alone and trains_by_its_looks(log)))


def _picked(search: Search, *, every: bool, at_rest: bool) -> list[Path]:
    if search.chosen is None or not (search.chosen.sign or at_rest):
        return []
    growing = [Path(one.path) for one in search.growing[:MOST_LOGS]] if every else []
    return growing or [Path(search.chosen.path)]
