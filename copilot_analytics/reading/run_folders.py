"""Finds logs in folders: that of the newest run, and what a run left beside its log."""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import (
    LogError,
    LogNotFoundError,
    NotATrainingLogError,
    UnreadableLogError,
)
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.event_folders import EVENTS, holds_a_session, writer_of
from copilot_analytics.reading.last_words import failure_of, last_words
from copilot_analytics.reading.recognise import recognise
from copilot_analytics.reading.saved_states import STATE, is_saved_state, saved_state, states_of
from copilot_analytics.reading.sources import explained, read_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.formats._base import LogFormat

COPIES = frozenset({"vis_data", "tf_logs"})
"""Folders in which trainers keep copies of their logs in other forms."""

_STAMP = re.compile(r"(?<!\d)(20\d\d[01]\d[0-3]\d)[_-]?([0-2]\d[0-5]\d[0-5]\d)(?!\d)")
_TEXT_ENDINGS = frozenset({".log", ".txt", ".out", ".err"})
_DATA_ENDINGS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
_PLAIN_NAMES = frozenset({"log", "logs", "train_log", "training_log", "output", "stdout", "stderr"})
_SKIPPED = frozenset(
    "__pycache__ node_modules site-packages wandb_cache venv env conda-meta mlruns".split()
)
_MOST_DEPTH = 5
_MOST_ENTRIES = 50_000
_MOST_JUDGED = 40
_MOST_BESIDE = 12
SORTING = frozenset(
    "vis_data tf_logs tensorboard tb tb_logs logs log events summaries train training validation"
    " valid val eval test".split()
)
_VERSION = re.compile(r"version_\d{1,9}")  # of a logger of Lightning, below a folder for its name
_AT_ONCE_S = 60.0  # a process prints and logs the same
_TWIN_S = 3600.0  # a text log and its JSON twin are written together


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """A file that may be a log; the last in order is the newest."""

    stamp: str
    is_text: bool
    modified: float
    path: str


def find_run(directory: str | Path, *, formats: Mapping[str, LogFormat] | None = None) -> Path:
    """Return the log of the newest run in a directory.

    The newest is told by the time stamps in names, as ``20240131_093000``, else by the time of the
    last change. Text logs are preferred to others that were written with them. Hidden folders,
    environments and caches are not entered.

    Parameters
    ----------
    directory
        Where to look, five levels deep.
    formats
        Formats that count as logs, by name; None takes all that are installed.

    Raises
    ------
    LogNotFoundError
        If there is no such directory, or no file in it that is named like a log.
    NotATrainingLogError
        If no file in it is a training log.
    """
    directory = Path(directory)
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            return directory
        os.scandir(directory).close()
    except (OSError, ValueError) as error:
        raise explained(directory, error) from None
    found = sorted(_candidates(directory), reverse=True)
    if not found:
        endings = ", ".join(sorted(_TEXT_ENDINGS | _DATA_ENDINGS))
        msg = f"no file in {directory} is named like a log ({endings}); name the log itself"
        raise LogNotFoundError(msg)
    formats = known_formats() if formats is None else formats
    refusals = []
    for candidate in found[:_MOST_JUDGED]:
        refusal = _why_no_log(Path(candidate.path), formats)
        if refusal is None:
            by_path = {Path(one.path): one for one in found}
            written = {path: one.modified for path, one in by_path.items()}
            candidate = by_path[writer_of(Path(candidate.path), written)]
            own = _own_log(candidate, found, directory, formats)
            own = own or _growing_log(candidate, found, formats)
            return Path((own or _twin(candidate, found, formats)).path)
        refusals.append(f"{os.path.relpath(candidate.path, directory)} ({refusal})")
    tried = ", ".join(refusals[:8]) + (", ..." if len(refusals) > 8 else "")
    msg = (
        f"none of {len(found)} files in {directory} is a training log that copilot knows. Tried "
        f"the newest {len(refusals)}: {tried}. Name the log itself, with --log-format if need be"
    )
    raise NotATrainingLogError(msg)


def logs_within(directory: Path) -> list[Path]:
    """Return the files in a directory and below it that are named like logs, the newest first.

    Parameters
    ----------
    directory
        Where to look, as :func:`find_run` does.

    Examples
    --------
    >>> logs_within(Path("no/such/folder"))
    []
    """
    return [Path(one.path) for one in sorted(_candidates(directory), reverse=True)]


def folders_of(log: Path) -> list[Path]:
    """Return the folders in which the run of a log may keep others: its own, and what it lies in.

    Folders that only sort the logs of a run are gone up from.

    Examples
    --------
    >>> [str(folder) for folder in folders_of(Path("a/tb_logs/version_0/metrics.csv"))]
    ['a/tb_logs/version_0', 'a/tb_logs', 'a']
    """
    folders = [log.parent]
    if _VERSION.fullmatch(folders[0].name):
        folders += [log.parent.parent, log.parent.parent.parent]
    while folders[-1].name.lower() in SORTING or (len(folders) == 1 and _stamp_of(log.parent.name)):
        folders.append(folders[-1].parent)
    return list(dict.fromkeys(folders))


def logs_beside(log: Path, *, formats: Mapping[str, LogFormat] | None = None) -> list[Path]:
    """Return a log and the others that its run may have left, the log itself first.

    They are looked for in its folder and below it, and from a folder that only sorts logs
    (``vis_data``, ``tensorboard``, ``train`` and ``validation`` of Keras) in the one above; the
    Trainer of Hugging Face keeps its state with the last checkpoint. Copies of what the log says
    already, folders of other runs, and all but the newest of ``version_0/metrics.csv`` and
    ``version_1/metrics.csv`` are left out.

    Parameters
    ----------
    log
        A log of the run.
    formats
        Formats that count as logs, by name; None takes all that are installed.
    """
    formats = known_formats() if formats is None else formats
    own = format_of(log, formats)
    folder = log.parent.parent if log.parent.name.lower() in SORTING else log.parent
    stamp = _stamp_of(log.parent.name)
    found = [log, *states_of(log), *(_consoles_above(log, formats) if stamp else ())]
    for candidate in sorted(_candidates(folder), reverse=True)[:_MOST_JUDGED]:
        path = Path(candidate.path)
        inner = path.parent.relative_to(folder).parts
        other_run = any(_stamp_of(name) not in {"", stamp} for name in inner)
        other_run = other_run or any(_is_earlier_start(path, one) for one in found)
        if len(found) > _MOST_BESIDE or path in found or other_run or holds_a_session(path):
            continue
        if is_saved_state(path) and path != saved_state(path.parent.parent):
            continue  # of a checkpoint before the last one
        form = format_of(path, formats)
        if form is not None and (own is None or formats[form].twin_of != own):
            found.append(path)
    return found


def _consoles_above(log: Path, formats: Mapping[str, LogFormat]) -> list[Path]:
    """Return the logs above a stamped folder that were written to together with the one in it."""
    try:
        ended = log.stat().st_mtime
        near = [
            path
            for path in log.parent.parent.iterdir()
            if _kind_of(path.name) == "text"
            and not _stamp_of(path.name)
            and abs(path.stat().st_mtime - ended) <= _AT_ONCE_S
        ]
    except OSError:
        return []
    return [path for path in sorted(near)[:_MOST_BESIDE] if format_of(path, formats) is not None]


def _is_earlier_start(log: Path, newer: Path) -> bool:
    """Tell whether another start of a training wrote a log under the same name in its own folder.

    From one seed it gives the same values, which would tell it for the same run.
    """
    folders = {log.parent.name.lower(), newer.parent.name.lower()}
    return log.name == newer.name and log.parent != newer.parent and not folders & SORTING


def format_of(path: Path, formats: Mapping[str, LogFormat] | None = None) -> str | None:
    """Return the name of the format of a log by its first lines; None if it is none of these.

    Examples
    --------
    >>> format_of(Path("no/such.log")) is None
    True
    """
    formats = known_formats() if formats is None else formats
    try:
        return recognise(read_chunks(path, 1 << 18), formats)
    except LogError:
        return None


def _own_log(
    console: _Found, found: list[_Found], directory: Path, formats: Mapping[str, LogFormat]
) -> _Found | None:
    """Return the log in a stamped folder of which a text above it is the console.

    A trainer stamps its log with its start; the console ends with the run, and so looks newer.
    """
    folder = Path(console.path).parent
    if not console.is_text or _is_stamped(Path(console.path), directory):
        return None
    for other in found:
        path = Path(other.path)
        if (
            other.is_text
            and folder in path.parents
            and abs(other.modified - console.modified) <= _AT_ONCE_S
            and _is_stamped(path, directory)
            and _why_no_log(path, formats) is None
        ):
            return other
    return None


def _growing_log(
    state: _Found, found: list[_Found], formats: Mapping[str, LogFormat]
) -> _Found | None:
    """Return the log that grew until a checkpoint was saved, if `state` was saved with one."""
    if not is_saved_state(Path(state.path)):
        return None
    for other in found:
        path = Path(other.path)
        is_near = 0.0 <= state.modified - other.modified <= _TWIN_S
        if path.name != STATE and is_near and _why_no_log(path, formats) is None:
            return other
    return None


def _is_stamped(path: Path, directory: Path) -> bool:
    return any(_stamp_of(name) for name in (directory.resolve().name, *path.parts))


def _twin(candidate: _Found, found: list[_Found], formats: Mapping[str, LogFormat]) -> _Found:
    """Return the text log of the same run if `candidate` is none and has no time stamp."""
    folder = Path(candidate.path).parent
    beside = {str(folder), str(folder.parent)} if folder.name in COPIES else {str(folder)}
    for other in found if not candidate.is_text else ():
        near = abs(other.modified - candidate.modified) <= _TWIN_S
        is_twin = other.is_text and near and str(Path(other.path).parent) in beside
        if is_twin and _why_no_log(Path(other.path), formats) is None:
            return other
    return candidate


def _candidates(directory: Path) -> list[_Found]:
    found: list[_Found] = []
    entered: set[tuple[int, int]] = set()
    folders = [(str(directory), 0, _stamp_of(directory.resolve().name))]
    entries_left = _MOST_ENTRIES
    while folders and entries_left > 0:
        folder, depth, stamp = folders.pop(0)
        try:
            here = Path(folder).stat()
            if (here.st_dev, here.st_ino) in entered:
                continue
            entered.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name, reverse=True)
        except OSError:
            continue
        for entry in entries[:entries_left]:
            entries_left -= 1
            own = _stamp_of(entry.name) or stamp
            try:
                if entry.is_dir():
                    if depth < _MOST_DEPTH and not _is_skipped(entry):
                        folders.append((entry.path, depth + 1, own))
                elif entry.is_file() and (kind := _kind_of(entry.name)) is not None:
                    modified = entry.stat().st_mtime
                    when = own or time.strftime("%Y%m%d%H%M%S", time.localtime(modified))
                    found.append(_Found(when, kind == "text", modified, entry.path))
            except (OSError, ValueError, OverflowError):
                continue
    return found


def _stamp_of(name: str) -> str:
    found = _STAMP.search(name)
    return found[1] + found[2] if found else ""


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name.startswith(".") or name in _SKIPPED or name.endswith((".egg-info", ".dist-info")):
        return True
    return Path(entry.path, "pyvenv.cfg").exists()


def is_named_like_a_log(path: str) -> bool:
    """Tell whether a file has one of the endings that logs have.

    Examples
    --------
    >>> is_named_like_a_log("runs/train.log"), is_named_like_a_log("runs/last_checkpoint")
    (True, False)
    """
    return _kind_of(Path(path).name) is not None


def is_event_file(path: Path) -> bool:
    """Tell whether a file is named as TensorBoard names its own.

    Examples
    --------
    >>> is_event_file(Path("runs/a/events.out.tfevents.1700000000.host"))
    True
    """
    return path.name.startswith(EVENTS)


def _kind_of(name: str) -> str | None:
    stem = name.lower().removesuffix(".gz")
    ending = Path(stem).suffix
    if ending in _DATA_ENDINGS or stem.startswith(EVENTS):
        return "data"
    return "text" if ending in _TEXT_ENDINGS or stem in _PLAIN_NAMES else None


def _why_no_log(path: Path, formats: Mapping[str, LogFormat]) -> str | None:
    """Judge a file by its first bytes; None if it is a log."""
    try:
        found = recognise(read_chunks(path, 1 << 18), formats)
    except UnreadableLogError:
        return "unreadable"
    except LogError:
        return "empty"
    if found is not None:
        return None
    died = last_words(path) if path.suffix.lower() in _TEXT_ENDINGS else []
    return f"no training, but {failure_of(died[-1])}" if died else "no known format"
