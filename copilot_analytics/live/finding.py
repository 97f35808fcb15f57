"""Finds the log that someone means who names none: the newest training log that still grows."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import LogError, UnreadableLogError
from copilot_analytics.live.copies import copies_among
from copilot_analytics.live.folder_walk import Walk
from copilot_analytics.live.processes import Writers, process_of
from copilot_analytics.live.same_run import Form, forms_of_one_run, width
from copilot_analytics.reading.beside import RICHER
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.recognise import recognise
from copilot_analytics.reading.run_folders import COPIES, is_named_like_a_log
from copilot_analytics.reading.sources import binary_kind, read_chunks
from copilot_analytics.wording import duration, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from copilot_analytics.formats._base import LogFormat

SUBFOLDERS = ("work_dirs", "outputs", "runs", "logs", "experiments")
"""Where trainers write; these are looked through before the rest of the base folder."""

ELSEWHERE = ("/kaggle/working", "/content")
"""Where notebooks on the web write; looked through where no base folder is named."""

LIVE_S = 300.0
"""A log that changed so lately is taken for live though nothing is seen to write to it."""

LEAST_BYTES = 1024
"""What is smaller counts only while it lives, and only if it shows some rows of a training."""

_LEAST_ROWS = 2
_GROWS, _HELD = "grows", "process "
_MOST_SECONDS = 10.0
_MOST_JUDGED = 200
_JUDGED_BYTES = 2 << 20
_MOST_ASKED_FOR = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that was looked at.

    Parameters
    ----------
    path
        Where it is.
    size
        In bytes.
    modified
        Seconds since 1970.
    log_format
        Title of its format; empty if it is none.
    refusal
        Why it is not taken; empty if it is a training log.
    sign
        What shows that it is alive; empty if nothing does.
    """

    path: str
    size: int
    modified: float
    log_format: str = ""
    refusal: str = ""
    sign: str = ""

    @property
    def grows(self) -> bool:
        """Whether it was seen to grow."""
        return self.sign.startswith(_GROWS)

    @property
    def is_held(self) -> bool:
        """Whether a process holds it open for writing."""
        return self.sign.startswith(_HELD)


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Parameters
    ----------
    chosen
        The log to follow, None if there is none.
    why
        Why this one, or why none, in one line.
    candidates
        What was looked at, the chosen one first, then logs, then what was refused, the newest
        first.
    places
        Folders that were looked through.
    notes
        What was left out, e.g. because of the limits.
    copies
        The log that is kept for each one that only repeats it.
    """

    chosen: Candidate | None
    why: str
    candidates: tuple[Candidate, ...]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def growing(self) -> tuple[Candidate, ...]:
        """All logs that grow or are held open for writing."""
        alive = (one for one in self.candidates if not one.refusal)
        return tuple(one for one in alive if one.grows or one.is_held)


def find_logs(
    base: str | Path | None = None,
    *,
    look_s: float = 1.0,
    least_bytes: int = LEAST_BYTES,
    followed: Collection[str] = (),
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Search:
    """Look for the log of the training that runs now.

    A log is live if it grows, if a process holds it open for writing, or if it changed within the
    last five minutes.

    Parameters
    ----------
    base
        Folder to search; None means the current one and those of web notebooks.
    look_s
        Time between the two looks that show whether a file grows.
    least_bytes
        What is smaller is refused, unless it is live and has two rows of a training.
    followed
        Real paths of logs that are watched already: of several forms of one run these are kept.
    now, sleep
        The clock.

    Returns
    -------
    Search
        Files that grow come first, then those that a process holds open for writing, then the
        newest. Hidden folders, environments and caches are left out; a search ends after 7 levels,
        100,000 entries or 10 s, and says so.
    """
    places = places_of(base)
    until = time.monotonic() + _MOST_SECONDS
    walk = Walk(until)
    files = (Candidate(*file) for file in walk.files(places))
    found = sorted(files, key=lambda one: (-one.modified, one.path))
    judged, notes = [], list(walk.notes)
    kept_for: dict[str, str] = {}
    small = [one for one in found if one.size < LEAST_BYTES and not is_named_like_a_log(one.path)]
    found = [one for one in found if one not in small]
    formats = known_formats()
    for number, one in enumerate(found):
        if number >= _MOST_JUDGED or time.monotonic() > until:
            notes.append(f"{plural(len(found) - number, 'older file')} not opened")
            break
        judged.append(judged_by_content(one, formats, least_bytes))
    if small:
        notes.append(f"{plural(len(small), 'file')} left out: below 1 kB, and not named like a log")
    logs = _without_twins([one for one in judged if not one.refusal])
    refused = [one for one in judged if one.refusal]
    if logs:
        sleep(look_s)
        writers = Writers()
        at = now()
        logs = [_look_again(one, number, look_s, writers, at) for number, one in enumerate(logs)]
        logs, refused = _at_rest_and_small(logs, refused, least_bytes)
        kept_for = copies_among(
            {one.path: one.grows or one.is_held for one in logs if one.sign}, followed
        )
        logs, copies = _set_apart(logs, kept_for, "a copy of")
        logs, forms = _without_other_forms(logs, followed)
        refused = copies + forms + refused
        logs.sort(key=lambda one: (-_rank(one), -one.modified, one.path))
    shown = tuple(logs + refused)
    looked_in = tuple(str(place) for place in places)
    if not logs:
        return Search(None, _why_none(looked_in, refused), shown, looked_in, tuple(notes))
    return Search(logs[0], _why(logs, now()), shown, looked_in, tuple(notes), kept_for)


def table(search: Search, now: float) -> str:
    """Write what a search looked at as a table for the terminal.

    Examples
    --------
    >>> one = Candidate("runs/a.log", 20480, 1000.0, "MMEngine text log", "", "grows")
    >>> print(table(Search(one, "because", (one,), (".",)), 1060.0))
    because
    <BLANKLINE>
      LOG         SIZE   CHANGED    FORMAT             VERDICT
    → runs/a.log  20 kB  1 min ago  MMEngine text log  grows
    """
    rows = [("LOG", "SIZE", "CHANGED", "FORMAT", "VERDICT")]
    marks = [" "]
    for one in search.candidates[:60]:
        age = f"{duration(max(now - one.modified, 0.0))} ago"
        verdict = one.refusal or one.sign or "a training log"
        rows.append((_shown(one.path), _size(one.size), age, one.log_format or "–", verdict))
        marks.append("→" if one is search.chosen else " ")
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [search.why]
    if len(rows) > 1:
        lines.append("")
    for mark, row in zip(marks, rows, strict=True):
        if len(rows) == 1:
            break
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        lines.append(f"{mark} {'  '.join([*cells, row[4]])}".rstrip())
    if len(search.candidates) > 60:
        lines.append(f"  … and {len(search.candidates) - 60} more")
    lines += [f"  ({note})" for note in search.notes]
    return "\n".join(lines)


def places_of(base: str | Path | None) -> list[Path]:
    """Return the folders that are looked through, those where trainers write first."""
    root = Path(base) if base is not None else Path()
    places = [root / name for name in SUBFOLDERS if (root / name).is_dir()]
    places.append(root)
    if base is None:
        places += [Path(name) for name in ELSEWHERE if Path(name).is_dir()]
    return places


def judged_by_content(
    one: Candidate, formats: dict[str, LogFormat], least_bytes: int = LEAST_BYTES
) -> Candidate:
    """Return a file with its format, or with why it is no training log by its first lines."""
    if one.size < least_bytes and not _trains(one.path):
        lacks = "neither 1 kB nor two rows of a training"
        return replace(one, refusal=f"only {one.size} bytes; {lacks}")
    try:
        with Path(one.path).open("rb", buffering=0) as file:
            what = binary_kind(file.read(1 << 14))
        if what is not None:
            return replace(one, refusal=f"no text: {what}")
        found = recognise(read_chunks(one.path, 1 << 18), formats, most_bytes=_JUDGED_BYTES)
    except (UnreadableLogError, PermissionError) as error:
        return replace(one, refusal=_short(str(error), one.path) or "may not be read")
    except (LogError, OSError):
        return replace(one, refusal="vanished or cannot be read")
    if found is None:
        return replace(one, refusal="no training log of a known format")
    return replace(one, log_format=formats[found].title)


def _trains(path: str) -> bool:
    """Tell whether a small file shows some rows of a training."""
    reader = LogReader(path)
    try:
        for chunk in read_chunks(path):
            reader.feed(chunk)
        reader.close()
    except (LogError, OSError):
        return False
    return max(reader.stats.training, reader.stats.evaluations) >= _LEAST_ROWS


def _at_rest_and_small(
    logs: list[Candidate], refused: list[Candidate], least_bytes: int
) -> tuple[list[Candidate], list[Candidate]]:
    """Refuse what is small and does not live; return what is left and what is refused."""
    small = [one for one in logs if one.size < least_bytes and not one.sign]
    why = "only {} bytes and at rest; a log has more than 1 kB"
    now_refused = [replace(one, refusal=why.format(one.size)) for one in small]
    return [one for one in logs if one not in small], now_refused + refused


def _short(message: str, path: str) -> str:
    text = message.replace(path, "").strip()
    return text.partition(";")[0].removeprefix("is ").removeprefix("[Errno 13] ").rstrip(": '")


def _may_be_twin(path: Path) -> bool:
    """Tell whether a log is named like a copy that a trainer writes beside its text."""
    return path.suffix in {".json", ".csv", ".tsv"} or "tfevents" in path.name


def _without_twins(logs: list[Candidate]) -> list[Candidate]:
    """Leave out the copies in other forms that trainers write beside their text logs."""
    text = {str(Path(one.path).parent) for one in logs if not _may_be_twin(Path(one.path))}

    def is_twin(path: Path) -> bool:
        folder = path.parent
        beside = {str(folder)} | ({str(folder.parent)} if folder.name in COPIES else set())
        return _may_be_twin(path) and bool(beside & text)

    return [one for one in logs if not is_twin(Path(one.path))]


def _set_apart(
    logs: list[Candidate], kept_for: Mapping[str, str], what: str
) -> tuple[list[Candidate], list[Candidate]]:
    """Refuse logs for the sake of others; return those that are left and those that are not."""
    others = [
        replace(one, refusal=f"{what} {_shown(kept_for[one.path])}")
        for one in logs
        if one.path in kept_for
    ]
    return [one for one in logs if one.path not in kept_for], others


def _without_other_forms(
    logs: list[Candidate], followed: Collection[str]
) -> tuple[list[Candidate], list[Candidate]]:
    """Set apart what tells the run of another log in another form; the richest is kept."""
    kept_for: dict[str, str] = {}
    known = {one.path: one for one in logs}
    forms = [Form(one.path, one.log_format, one.size, one.modified) for one in logs]
    for run in forms_of_one_run(forms):
        kept = next((path for path in run if os.path.realpath(path) in followed), None)
        if kept is None:
            widths = {path: width(path) for path in run}
            kept = max(run, key=lambda path: _standing(known[path], widths))
        kept_for.update({path: kept for path in run if path != kept})
    return _set_apart(logs, kept_for, "of the same run as")


def _standing(one: Candidate, widths: dict[str, int]) -> tuple[bool, bool, bool]:
    """Rank a form of a run: one that lives and tells most; a console, where a crash would stand."""
    is_rich = RICHER * widths[one.path] > max(widths.values())
    return _rank(one) > 0, is_rich, not _may_be_twin(Path(one.path))


def _look_again(
    one: Candidate, number: int, look_s: float, writers: Writers, now: float
) -> Candidate:
    try:
        status = Path(one.path).stat()
    except OSError:
        return replace(one, refusal="vanished")
    grown = status.st_size - one.size
    if grown or status.st_mtime > one.modified:
        sign = f"{_GROWS}, {grown:+,} bytes in {look_s:g} s"
        return replace(one, size=status.st_size, modified=status.st_mtime, sign=sign)
    if number < _MOST_ASKED_FOR:
        process = process_of(one.path, writers=writers)
        if process.state in {"alive", "stopped"}:
            return replace(one, sign=f"{_HELD}{process.pid} ({process.name}) holds it open")
    age_s = now - one.modified
    return replace(one, sign=f"changed {duration(max(age_s, 0.0))} ago") if age_s <= LIVE_S else one


def _rank(one: Candidate) -> int:
    return 2 if one.grows else 1 if one.is_held else 0


def _why(logs: list[Candidate], now: float) -> str:
    first = logs[0]
    age = duration(max(now - first.modified, 0.0))
    reason = first.sign or f"the newest, but at rest: it changed last {age} ago"
    others = ""
    if len(logs) > 1:
        rivals = [one for one in logs[1:] if one.sign]
        others = f"; {plural(len(logs) - 1, 'other log')} "
        others += f"({len(rivals)} of them live)" if rivals else "older or at rest"
    return f"{_shown(first.path)}: {reason}{others}"


def _why_none(places: tuple[str, ...], refused: list[Candidate]) -> str:
    where = ", ".join(_printable(str(Path(place).absolute())) for place in places)
    why = f"there is no file like a log in {where}"
    if refused:
        why = f"{plural(len(refused), 'file')} in {where} refused, see the table"
    return f"no training log was found: {why}"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB"


def _shown(path: str) -> str:
    """Write a path in the safest and shortest way."""
    near = os.path.relpath(path)
    return _printable(near if not near.startswith("..") and len(near) < len(path) else path)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
