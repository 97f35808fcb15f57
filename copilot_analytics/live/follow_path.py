"""What is followed for a path that a user names, and what names its runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.follow_directory import RunDirectory, is_stamped
from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.resumes import starts_of

if TYPE_CHECKING:
    from collections.abc import Collection


def source_of(path: str | Path, apart: Collection[str] = ()) -> str | RunDirectory | ResumedLogs:
    """Return what to follow for a path: the directory of its runs, or the first log of its run.

    A log in a folder named by a time stamp is followed by way of the folder above, in which a
    resume makes the next one, unless a newer run is there already. Another one is followed from
    the log on with which its run began, see `starts_of`.

    Parameters
    ----------
    path
        A log or a directory of runs.
    apart
        See `ResumedLogs`.

    Returns
    -------
    str, RunDirectory or ResumedLogs
        The path alone if it is an older log of a directory: nothing goes on from it.

    Raises
    ------
    LogError
        If a directory holds no log.

    Examples
    --------
    >>> source_of("/no/such.log").path
    '/no/such.log'
    """
    whole = Path(path).absolute()
    if whole.is_dir():
        from copilot_analytics.live.run_logs import log_in

        directory = RunDirectory(whole, begins=_beginning)
        if directory.newest() is not None or not any(whole.iterdir()):
            return directory
        whole = log_in(whole).absolute()
    if not is_stamped(whole.name):
        return ResumedLogs(starts_of(whole)[0], apart)
    parent = whole.parent
    above = parent.parent if whole.name.startswith(parent.name) else parent
    directory = RunDirectory(above, begins=_beginning)
    newest = directory.newest()
    if newest is not None and Path(newest) == whole:
        return directory
    return str(whole)


def _beginning(log: str) -> str:
    return str(starts_of(Path(log))[0])


def followed_path(path: str | Path) -> str:
    """Return what names the runs of a log: the path by way of which it is followed.

    Parameters
    ----------
    path
        A log or a directory of runs.

    Returns
    -------
    str
        The first log of its run, or the directory of its runs.

    Examples
    --------
    >>> followed_path("/no/such.log")
    '/no/such.log'
    """
    source = source_of(path)
    return source if isinstance(source, str) else source.path
