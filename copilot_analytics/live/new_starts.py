"""Trainings that begin from scratch in a directory whose newest run is watched."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.log_families import later_logs
from copilot_analytics.live.resumes import begins_anew
from copilot_analytics.reading.run_folders import logs_within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot_analytics.live.following import Following

_MOST_READ = 40  # of those that are there at first; the newest are the last to begin


class NewStarts:
    r"""The trainings that begin in a directory from now on.

    Parameters
    ----------
    directory
        To which each start of a training adds a log.

    Examples
    --------
    >>> import tempfile
    >>> rows = "epoch,train_loss\n0,2.5\n1,2.25\n2,2.125\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     logs = [Path(folder, f"version_{number}", "metrics.csv") for number in (0, 1)]
    ...     logs[0].parent.mkdir()
    ...     _ = logs[0].write_text(rows)
    ...     starts = NewStarts(Path(folder))
    ...     before = starts.after(logs[0])
    ...     logs[1].parent.mkdir()
    ...     _ = logs[1].write_text(rows)
    ...     before, starts.after(logs[0]) == logs[1]
    (None, True)
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        there = logs_within(directory)
        open_still = {log for log in islice(there, _MOST_READ) if begins_anew(log) is None}
        self._past = {os.path.realpath(log) for log in there if log not in open_still}

    def after(self, log: Path) -> Path | None:
        """Return the log of the newest training that began and is named as another start would be.

        That is a name that comes after the one of `log`, or the same name in another folder. What
        else appears there may be a table or a copy of the run that is watched.

        Parameters
        ----------
        log
            Of the run that is watched.
        """
        later = {str(one) for one in later_logs(log.absolute())}
        for other in logs_within(self._directory):
            whole = other.absolute()
            is_named_so = str(whole) in later or whole.name == log.name
            if not is_named_so or os.path.realpath(other) in {*self._past, os.path.realpath(log)}:
                continue
            if begins_anew(other):
                self._past.add(os.path.realpath(other))
                return other
        return None


class DirectoryStarts:
    """Finds the training that began anew in the directory of one that is at rest.

    Directories of logs that are named by a time stamp need none: whoever follows one goes from log
    to log by itself.

    Parameters
    ----------
    follow
        Begins to follow a log.
    """

    def __init__(self, follow: Callable[[Path], Following]) -> None:
        self._follow = follow
        self._starts: dict[str, NewStarts] = {}

    def note(self, directory: Path, following: Following) -> None:
        """Take what is followed, which may be of a directory that a user named."""
        source = following.source
        if isinstance(source, ResumedLogs) and Path(source.path).is_relative_to(
            directory.absolute()
        ):
            self._starts[following.path] = NewStarts(directory)
            source.tells_apart = False

    def __call__(self, current: Following) -> Following | None:
        """Return what to follow instead; None if nothing began anew."""
        known = self._starts.get(current.path)
        log = known.after(Path(current.file or current.path)) if known is not None else None
        if known is None or log is None:
            return None
        other = self._follow(log)
        if isinstance(other.source, ResumedLogs):
            other.source.tells_apart = False
        self._starts[other.path] = known
        return other


def new_starts(
    named: Sequence[Path], followings: Sequence[Following], follow: Callable[[Path], Following]
) -> DirectoryStarts:
    """Return what finds the trainings that begin anew in named directories.

    Parameters
    ----------
    named
        Logs and directories that a user named.
    followings
        What is followed of these.
    follow
        Begins to follow a log.
    """
    starts = DirectoryStarts(follow)
    for directory in filter(Path.is_dir, named):
        for following in followings:
            starts.note(directory, following)
    return starts
