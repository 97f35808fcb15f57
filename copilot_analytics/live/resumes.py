"""Which logs are one run that was resumed, told by their content.

Some trainers write a new log at each start, also when they resume. A log that begins in the middle
of the training goes on from the one before it. Where names are no time stamps it must also begin
where the other one stopped.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from copilot_analytics.errors import LogError, NotATrainingLogError
from copilot_analytics.live._files import rotated_siblings
from copilot_analytics.live.follow_directory import RunDirectory, is_stamped
from copilot_analytics.live.liveness import NEAR_THE_END
from copilot_analytics.live.log_families import earlier_logs, later_logs
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks, read_ends
from copilot_analytics.records import Block, records_of
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from copilot_analytics.records import Item

Judgement: TypeAlias = Literal["continues", "apart", "open"]

_MOST_STARTS = 100
_MOST_READ = 1 << 20  # bytes of either end of a log: a plan or an end is never so far from it
_OPENING_BYTES = 1 << 14  # read at once, until two rows were found
# A judgement: who keeps checkpoints so seldom that a crash costs half of the run? What goes back
# further is as likely another run with another name for its warm-up.
_FURTHEST_BACK = 0.5
_ROTATED = frozenset(f".{number}" for number in range(1, 100))
_BY_LINES = frozenset({".log", ".txt", ".out", ".err", ".csv", ".tsv", ".jsonl", ".ndjson", ""})


def starts_of(log: Path) -> list[Path]:
    """Return the logs of the run that a log ends, in the order of their starts, itself last.

    Parameters
    ----------
    log
        A log. Others before it are named by the time of their start as it is, or with an earlier
        number.
    """
    if not is_stamped(log.name):
        return _numbered_starts(log)
    parent = log.parent
    directory = RunDirectory(parent.parent if log.name.startswith(parent.name) else parent)
    logs = [Path(one) for one in directory.logs() if Path(one).name <= log.name]
    starts = [log]
    for before in reversed([one for one in logs if one.name < log.name][-_MOST_STARTS:]):
        if not begins_in_the_middle(starts[0]):
            break
        starts.insert(0, before)
    return starts


def begins_in_the_middle(log: Path) -> bool:
    """Tell whether a log says that it resumes, or its first training line is not at the start.

    Examples
    --------
    >>> begins_in_the_middle(Path("nowhere.log"))
    False
    """
    opening = _opening(log)
    return opening is not None and (opening.resumes or opening.is_in_the_middle)


def begins_anew(log: Path) -> bool | None:
    """Tell whether a log is that of a training from scratch; None if it has not said enough yet.

    Examples
    --------
    >>> begins_anew(Path("nowhere.log")) is None
    True
    """
    opening = _opening(log)
    if opening is None or not (opening.resumes or opening.is_settled):
        return None
    return not (opening.resumes or opening.is_in_the_middle)


def judge_next(log: Path, later: Path) -> tuple[Judgement, str]:
    """Tell whether a log goes on where another one stopped, and what shows it.

    It does if it is of the same format and not written before the other one stopped, if the other
    one had not come to its end, and if it says that it resumes or begins in the middle, at most
    two lines after the last step of the other one and not before half of it: checkpoints are
    seldom older. A plan that differs speaks against it unless it says that it resumes.

    Returns
    -------
    judgement : {"continues", "apart", "open"}
        ``open``: it has not said enough yet, or one of them cannot be read now.
    why : str
        In half a sentence.
    """
    opening = _opening(later)
    if opening is None or not (opening.resumes or opening.is_settled):
        return "open", "it has not trained yet"
    if not (opening.resumes or opening.is_in_the_middle):
        return "apart", f"it begins at {opening.place}, the start"
    try:
        before = _standing(log)
    except LogError:
        return "open", "the other one cannot be read now"
    if before is None or before.log_format != opening.log_format:
        return "apart", "it is of another format"
    if before.time is not None and opening.time is not None and opening.time < before.time:
        return "apart", "it began while the other one was written"
    if before.is_complete:
        return "apart", "the other one had come to its end"
    if opening.step is None and opening.epoch is None:
        return "continues", "it says that it resumes"
    if not _is_near(before, opening):
        return "apart", f"it begins at {opening.place}, and the other one stopped at {before.place}"
    common = dict(before.plan).keys() & dict(opening.plan).keys()
    is_alike = len(before.plan & opening.plan) == len(common)
    if not opening.resumes and not is_alike:
        return "apart", "its plan is another one"
    return "continues", f"it goes on at {opening.place}"


def rotated_before(log: Path) -> list[Path]:
    """Return what was rotated of a log and goes on in it, the oldest first.

    Each must begin where the one before it stopped, in the same format and not earlier by the clock
    of the log: others are of runs before, or copies of what the log still holds. A log that was
    rotated just now is empty: then the newest of them goes on in it.
    """
    parts = _parts(log)
    if not parts:
        return []
    if parts[-1].path == log:
        *rotated, last = parts
        # Of copies, whose times are those of the copying, the content tells which number is older.
        return max((_chain(order, last) for order in (rotated, rotated[::-1])), key=len)
    if not log.is_file():
        return []
    chains = [[*_chain(order[:-1], order[-1]), order[-1].path] for order in (parts, parts[::-1])]
    longest = max(chains, key=len)
    return longest if _standing(longest[-1]) is not None else []


def _chain(rotated: Sequence[_Part], last: _Part) -> list[Path]:
    """Return what goes on in a log without a gap, of parts of which the newest comes last."""
    found: list[Path] = []
    later = last
    for before in reversed(rotated):
        if not _is_cut(before, later):
            break
        found.insert(0, before.path)
        later = before
    return found


def _is_cut(before: _Part, later: _Part) -> bool:
    """Tell whether a rotation cut a log in two here."""
    try:
        stood, opening = _standing_as((before,)), _opening_as((later,))
    except LogError:
        return False
    if stood is None or opening is None or stood.log_format != opening.log_format:
        return False
    if stood.time is not None and opening.time is not None and opening.time < stood.time:
        return False
    if stood.is_complete or opening.step is None or opening.step <= stood.step:
        return False
    return _is_near(stood, opening)


class _Part(NamedTuple):
    """A file that holds a part of a log, as it was met."""

    path: Path
    inode: int
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Opening:
    """How a log begins."""

    log_format: str
    resumes: bool = False
    step: int | None = None
    epoch: float | None = None
    spacing: int | None = None
    time: float | None = None
    plan: frozenset[tuple[str, object]] = frozenset()

    @property
    def is_settled(self) -> bool:
        return self.spacing is not None or (self.epoch is not None and self.epoch > 1.0)

    @property
    def is_in_the_middle(self) -> bool:
        if self.epoch is not None and self.epoch > 1.0:
            return True
        return self.step is not None and self.step > 2 * max(self.spacing or 0, 1)

    @property
    def place(self) -> str:
        return _place(self.step, self.epoch)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a log stopped."""

    log_format: str
    step: int
    epoch: float | None
    spacing: int
    time: float | None
    is_complete: bool
    plan: frozenset[tuple[str, object]]

    @property
    def place(self) -> str:
        return _place(self.step, self.epoch)


def _place(step: int | None, epoch: float | None) -> str:
    if step is not None:
        return f"step {step:,}"
    return "no step" if epoch is None else f"epoch {epoch:g}"


def _is_near(before: _Standing, opening: _Opening) -> bool:
    if opening.step is not None and before.step:
        furthest = before.step + 2 * max(before.spacing, opening.spacing or 0, 1)
        return _FURTHEST_BACK * before.step <= opening.step <= furthest
    if opening.epoch is not None and before.epoch is not None:
        return _FURTHEST_BACK * before.epoch <= opening.epoch <= before.epoch + 2.0
    return False


def _numbered_starts(log: Path) -> list[Path]:
    """Return the starts of a run whose logs are numbered."""
    starts = [log]
    while len(starts) < _MOST_STARTS:
        first = starts[0]
        if not earlier_logs(first) or not begins_in_the_middle(first):
            break
        before = next((one for one in earlier_logs(first) if _is_next(one, first)), None)
        if before is None:
            break
        starts.insert(0, before)
    return starts


def _is_next(log: Path, later: Path) -> bool:
    """Tell whether of the logs after it, `later` is the first that goes on from it."""
    for one in later_logs(log):
        if one == later:
            return judge_next(log, later)[0] == "continues"
        if judge_next(log, one)[0] == "continues":
            return False
    return False


def _opening(log: Path) -> _Opening | None:
    """Return how a log begins; None if it cannot be read or holds nothing that copilot knows."""
    with suppress(LogError):
        return _opening_as(_parts(log))
    return None


def _parts(log: Path) -> tuple[_Part, ...]:
    """Return what was rotated of a log, the oldest first, and the log; none that is empty."""
    rotated = [Path(sibling.path) for sibling in rotated_siblings(os.path.realpath(log))]
    found = []
    for path in (*rotated, log):
        with suppress(OSError):
            status = path.stat()
            if status.st_size:
                found.append(_Part(path, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


@lru_cache(maxsize=512)
def _opening_as(parts: tuple[_Part, ...]) -> _Opening | None:
    run, rows = Run(), 0
    try:
        for item in _items(parts, _OPENING_BYTES):
            for record in records_of([item[:2] if isinstance(item, Block) else item]):
                if record.kind in {"train", "eval"} or record.kind in {"config", "resume"}:
                    run.append(record)
                rows += record.kind == "train"
            if rows > 1 or (rows and run.resumes):
                break
    except NotATrainingLogError:
        pass  # what else keeps it from being read may pass, and must not be remembered
    if run.meta.log_format is None:
        return None
    table = run.train_log if len(run.train_log) else run.eval_log
    if not len(table):
        return _Opening(run.meta.log_format, bool(run.resumes), plan=_plan(run))
    steps, epoch = table.step, float(table.epoch[0])
    return _Opening(
        run.meta.log_format,
        bool(run.resumes),
        int(steps[0]),
        epoch if math.isfinite(epoch) else None,
        max(int(steps[1]) - int(steps[0]), 1) if len(steps) > 1 else None,
        run.first_time,
        _plan(run),
    )


def _standing(log: Path) -> _Standing | None:
    """Return where a log stopped, or one that it goes on from if it holds no training itself."""
    for one in (log, *earlier_logs(log)):
        found = _standing_as(_parts(one))
        if found is not None:
            return found
        if not begins_in_the_middle(one):
            return None
    return None


@lru_cache(maxsize=64)
def _standing_as(parts: tuple[_Part, ...]) -> _Standing | None:
    run, has_ended = Run(), False
    try:
        for item in _items_at_the_ends(parts):
            if isinstance(item, Block):
                run.extend(item)
                continue
            run.append(item)
            has_ended = item.kind == "end" or (has_ended and item.kind != "train")
    except NotATrainingLogError:
        pass  # as above
    table = run.train_log if len(run.train_log) else run.eval_log
    if run.meta.log_format is None or not len(table):
        return None
    spacing = int(table.step[-1]) - int(table.step[-2]) if len(table) > 1 else 1
    done = run.progress is not None and run.progress >= NEAR_THE_END
    return _Standing(
        run.meta.log_format,
        run.last_step,
        run.last_epoch,
        spacing,
        run.last_time,
        has_ended or done,
        _plan(run),
    )


def _plan(run: Run) -> frozenset[tuple[str, object]]:
    meta = run.meta
    plan = (("steps", meta.planned_steps), ("epochs", meta.planned_epochs))
    return frozenset((name, planned) for name, planned in plan if planned is not None)


def _items(parts: tuple[_Part, ...], size: int) -> Iterator[Item]:
    yield from _read(parts, lambda path: read_chunks(path, size))


def _items_at_the_ends(parts: tuple[_Part, ...]) -> Iterator[Item]:
    """Read the first and the last lines: the plan and where it stopped stand there.

    Whoever asks follows other logs meanwhile, which a log of gigabytes must not stop.
    """
    newest, size = len(parts) - 1, 0
    while newest > 0 and size < _MOST_READ:
        size += parts[newest].size
        newest -= 1
    yield from _read((*parts[:1], *parts[newest + 1 :]), lambda path: read_ends(path, _MOST_READ))


def _read(parts: Sequence[_Part], chunks: Callable[[Path], Iterator[bytes]]) -> Iterator[Item]:
    if not parts or parts[-1].path.suffix.lower() not in _BY_LINES | _ROTATED:
        return
    reader = LogReader(str(parts[-1].path))
    for part in parts:
        for chunk in chunks(part.path):
            yield from reader.feed(chunk)
    yield from reader.close()
