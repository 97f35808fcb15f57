"""A log that is read in one go, with what a watch kept of its run."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from copilot_analytics.alerts.state_folder import state_folder
from copilot_analytics.errors import NotATrainingLogError, UsageError
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.journal import read_journal
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.resumes import rotated_before, starts_of
from copilot_analytics.live.settled import said_beside
from copilot_analytics.live.trainer_states import TrainerStates, telling
from copilot_analytics.reading.beside import Beside, joined, words_beside
from copilot_analytics.reading.detect import format_named
from copilot_analytics.reading.run_folders import find_run, logs_beside
from copilot_analytics.reading.saved_states import STATE
from copilot_analytics.reading.sources import explained, read_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.records import Item
    from copilot_analytics.run import Run

_MOST_CHUNKS = 16  # in which the first row of a log stands
_LONGEST_LINE = 512
Journals: TypeAlias = str | Path | Literal[False] | None
"""Where the journals are: None is where ``copilot live`` keeps them, False leaves them out."""


def journals_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where ``copilot live`` keeps the journals, whether or not that is there.

    Examples
    --------
    >>> str(journals_folder({"XDG_STATE_HOME": "/state"}))
    '/state/copilot/journals'
    """
    return state_folder(environment) / "journals"


def recorded(
    path: str | Path,
    options: Options | None = None,
    *,
    log_format: str | None = None,
    journals: Journals = None,
    light: bool = False,
    before: Callable[[Item], None] | None = None,
) -> LogSession:
    """Return a session for a log that is to be read in one go; nothing is read yet.

    Parameters
    ----------
    path
        A log, with what was rotated of it (``train.log.1``) and goes on in it, also if that was
        just now, so that the log is empty; or a directory: then its newest run, from all logs that
        it left: one for each time that it was resumed, or several beside each other. Of a log
        alone too the Trainer's state beside it tells by which metric it is judged.
    options
        What the user asks for.
    log_format
        Name of the format; None tells it by the content.
    journals
        Folder of journals, of which the run's own is taken; or one journal, which is taken to be
        of the last run in the log. None is the folder of ``copilot live``; False takes none.
    light
        Read the run and judge nothing.
    before
        Called with each record or block before it is taken.

    Raises
    ------
    LogError
        If there is no such log.
    UsageError
        If the journals that are named are not there, or no format has that name.

    Examples
    --------
    >>> recorded("sample_logs/digits_step", journals=False).run_key  # doctest: +SKIP
    ''
    """
    if log_format is not None:
        format_named(log_format)
    log, beside = find_run(path), None
    starts: list[Path] = []
    rotated = rotated_before(log)
    if Path(path).is_dir() and log_format is None:
        starts = starts_of(log)
        if len(starts) == 1:
            logs = logs_beside(log)
            rotated = rotated if len(logs) == 1 else []  # which hold what came before themselves
            log, beside = joined(logs)
        else:
            beside = Beside(words=words_beside([log]))
    folder = file = None
    launch = 0
    if journals is None:
        folder = journals_folder()
    elif journals is not False:
        folder = Path(journals)
        if not folder.exists():
            msg = f"there is no journal {folder}; leave it out, or name a file or a folder of them"
            raise UsageError(msg)
        if not folder.is_dir():
            folder, file = None, folder
    if rotated and not _is_empty(log) and _is_watched_alone(log, log_format, folder, file):
        rotated = []
    if beside is None and log_format is None and not starts[1:]:
        beside = _chosen(log, folder, file)
    if file is not None:
        launch = len(_read(log, log_format, rotated).session.earlier_runs)
    return LogSession(
        str(log),
        options,
        log_format=log_format,
        journals=folder if folder is not None and folder.is_dir() else None,
        journal=file,
        launch=launch,
        named=followed_path(log),
        light=light,
        beside=beside,
        earlier=[*starts[:-1], *rotated],
        before=before,
    )


def read_to_end(log: LogSession) -> None:
    """Read the log of a session to its end; how the run stands is left to its `close`.

    Raises
    ------
    LogError
        If the log is no training log or cannot be read.
    """
    for _ in read_on(log):
        pass
    log.end()
    if log.trouble:
        raise NotATrainingLogError(log.trouble)
    rotated = [path.name for path in log.earlier if path in _rotated(log)]
    if rotated and _is_empty(Path(log.path)):
        note = f"read from {', '.join(rotated)}: {Path(log.path).name} is empty"
        log.run.meta = log.run.meta.updated({"note": note})
    elif rotated:
        note = f"read after {', '.join(rotated)}, from whose first line on lines are counted"
        log.run.meta = log.run.meta.updated({"note": note})


def read_on(log: LogSession, least: int | None = None) -> Iterator[None]:
    """Feed a session what its logs hold, and yield after each piece.

    Parameters
    ----------
    log
        The session.
    least
        Bytes that a piece has at least; it ends with a line if one ends soon. None takes as much
        as can be read at once.

    Raises
    ------
    LogError
        If the log is no training log or cannot be read.
    """
    rotated, before = _rotated(log), None
    last = Path(log.path)
    for path in log.earlier if log.earlier and _is_empty(last) else (*log.earlier, last):
        if before is not None and before not in rotated:
            log.end_line(resumes=True)
        before = path
        for chunk in read_chunks(path):
            for piece in (chunk,) if least is None else _pieces(chunk, least):
                log.feed(piece)
                if log.trouble:
                    raise NotATrainingLogError(log.trouble)
                yield


def _pieces(chunk: bytes, least: int) -> Iterator[bytes]:
    start = 0
    while start < len(chunk):
        longest = start + least + _LONGEST_LINE
        stop = chunk.find(b"\n", start + least - 1, longest) + 1 or longest
        yield chunk[start:stop]
        start = stop


def read_light(path: Path, log_format: str | None = None, earlier: Sequence[Path] = ()) -> Run:
    """Return the last run of a log, of which nothing is judged.

    Parameters
    ----------
    path
        The log.
    log_format
        Name of the format; None tells it by the content.
    earlier
        What is read before it, as in :class:`copilot_analytics.live.log_session.LogSession`.

    Raises
    ------
    LogError
        If the log is no training log or cannot be read.
    """
    return _read(path, log_format, earlier).run


def _read(path: Path, log_format: str | None, earlier: Sequence[Path]) -> LogSession:
    log = LogSession(str(path), log_format=log_format, light=True, earlier=earlier)
    read_to_end(log)
    return log


def _is_empty(log: Path) -> bool:
    try:
        return log.stat().st_size == 0
    except OSError as error:
        raise explained(log, error) from None


def _rotated(log: LogSession) -> frozenset[Path]:
    """Return those of the logs before the last one that a rotation cut off from it."""
    return frozenset(rotated_before(Path(log.path)) if log.earlier else ())


def _is_watched_alone(
    log: Path, log_format: str | None, folder: Path | None, file: Path | None
) -> bool:
    """Tell whether a watch that began after the rotation kept a journal: its lines are others."""
    key = _key_of(log, log_format)
    if folder is not None:
        return (folder / f"{key}.jsonl").exists()
    return file is not None and file.stem == key


def _key_of(log: Path, log_format: str | None = None) -> str:
    """Return the key of the first run of a log, empty if none begins in its first chunks."""
    alone = LogSession(str(log), log_format=log_format, named=followed_path(log), light=True)
    for chunk in islice(read_chunks(log), _MOST_CHUNKS):
        alone.feed(chunk)
        if alone.run_key or alone.trouble:
            break
    return alone.run_key


def _chosen(log: Path, folder: Path | None, file: Path | None) -> Beside | None:
    """Return what the state beside a log tells, unless a watch has kept where it heard of that."""
    chosen = TrainerStates().choice(log, 0.0)
    if not chosen:
        return None
    kept = file if folder is None else folder / f"{_key_of(log)}.jsonl"
    with suppress(OSError):
        if kept is not None and any(said_beside(one) == STATE for one in read_journal(kept)):
            return None
    return telling(chosen)
