"""Checkpoints on disk of a run whose log names none: told by the step or epoch in their names."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._keepers import ranked
from copilot_analytics.analyzers._plan import saved_at
from copilot_analytics.analyzers.stopping import CheckpointChoice
from copilot_analytics.events import ENDED
from copilot_analytics.reading.saved_states import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from copilot_analytics.analysis import Analysis

_HF = re.compile(r"^checkpoint-(?P<step>\d{1,9})$")
# Lightning counts epochs from 0, and names the metrics that its user wants named.
_LIGHTNING = re.compile(
    r"^(?=.*\.ckpt$)(?=.*\b(?:epoch|step)=)(?:.*?\bepoch=(?P<epoch>\d{1,9}))?(?:.*?\bstep=(?P<step>\d{1,9}))?"
)
_WEIGHTS = r"(?:\.(?:pth?|ckpt|bin|safetensors|tar|pkl|npz|h5|keras|pdparams))+$"
_BY_STEP = re.compile(
    r"^(?:\w{1,40}?[_-])?(?:global_?)?(?:step|iter|iteration)s?[_-]?(?P<step>\d{1,9})" + _WEIGHTS
)
_BY_EPOCH = re.compile(r"^(?:\w{1,40}?[_-])?ep(?:och)?[_-]?(?P<named>\d{1,6})" + _WEIGHTS)
_BEST = re.compile(r"(?i)^(?:\w{1,40}?[_-])?best(?:[_-]\w{1,40})?" + _WEIGHTS)
# Stable-Baselines3 saves `rl_model_12000_steps.zip`.
_BY_STEPS_DONE = re.compile(r"^\w{1,40}?_(?P<step>\d{1,12})_steps\.zip$")
_VERSION = re.compile(r"version_\d{1,6}")
_LOGS = (".log", ".out", ".err")
_NO_CHECKPOINTS = frozenset(
    "__pycache__ node_modules venv env site-packages wandb mlruns data datasets".split()
)
# A look is for a message: what is larger or deeper is not the folder of a run.
_MOST_SEEN, _DEEPEST, _MOST_ABOVE = 3_000, 3, 2
_MOST_READ = 1 << 24
_ROUNDED = 1e-3  # the Trainer prints four digits


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """What the folder of a run's checkpoints holds of those to use.

    Parameters
    ----------
    by_step
        Name on disk of a choice, by its step.
    missing
        Steps of choices of which none is there, although later ones are, or the run is over.
    newest
        Name of the newest checkpoint; empty if no folder is known.
    best
        The one there whose evaluation was the best, whether it is to be used or not.
    """

    by_step: dict[int, str]
    missing: frozenset[int]
    newest: str
    best: CheckpointChoice | None = None

    def named(self, choices: Iterable[CheckpointChoice]) -> tuple[CheckpointChoice, ...]:
        """Return the choices, those that are on disk by their names."""
        return tuple(
            replace(one, path=self.by_step[one.step])
            if one.path is None and one.step in self.by_step
            else one
            for one in choices
        )


NO_FOLDER = CheckpointFolder({}, frozenset(), "")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    step: int | None
    epoch: int | None  # how many are done
    written: float
    is_of_hf: bool
    counts_epochs: bool = False  # from 0 or 1 as its log does
    is_best: bool = False


def checkpoint_folder(analysis: Analysis) -> CheckpointFolder:
    """Look for the checkpoints of a run whose log names none.

    They are looked for below the directory of the log, and ``checkpoint-500`` of the Trainer above
    it too. A folder is taken for that of the run if its checkpoints reach no further than the run
    did, if one was saved at an evaluation, and if it is the only such folder, or the one beside the
    log. Where the Trainer kept its state, that has to hold the value of the evaluation. In a
    directory with several logs nothing else is believed of the folders beside them. One by the name
    of the best, alone below a log that stands alone, is what that says it saved last for a best
    result.

    Parameters
    ----------
    analysis
        The answers for a run, with the log that it was read from.

    Returns
    -------
    CheckpointFolder
        Names are relative to the directory that holds both the log and the checkpoints.
    """
    run, choices = analysis.run, analysis.stop.checkpoints
    unnamed = [one for one in choices if one.path is None]
    if not run.path or not unnamed or any(one.facts.get("path") for one in run.checkpoints):
        return NO_FOLDER
    log = Path(os.path.abspath(run.path))  # noqa: PTH100  # links stay
    folders = _folders(log)
    best = _saved_for_best(analysis, log, folders, unnamed)
    found = [
        (folder, kept)
        for folder, files in folders.items()
        if (kept := _of_run(analysis, log, [one for one in files if not one.is_best]))
    ]
    beside = [one for one in found if one[0] in {log.parent, log.parent / "checkpoints"}]
    if len(found) != 1:
        found = beside
    if len(found) != 1:
        return replace(NO_FOLDER, by_step=best)
    files = found[0][1]
    near = _nearness(analysis)
    saved = {one.step: _saved_at(files, one.step, one.epoch, near) for one in unnamed}
    by_step = {
        one.step: _name(log, there.path)
        for one in unnamed
        if (there := saved[one.step]) is not None and _is_of_run(there, files, one.value)
    }
    last = max((one.step or 0 for one in files), default=0)
    is_over = analysis.life.status in ENDED
    missing = frozenset(
        step for step, kept in saved.items() if kept is None and (is_over or step + near < last)
    )
    left = next(
        (
            CheckpointChoice(tie.step, tie.epoch, tie.value, _name(log, there.path), best=False)
            for tie in ranked(run, analysis.metric, analysis.good_until)
            if (there := _saved_at(files, tie.step, tie.epoch, near)) is not None
            and _is_of_run(there, files, tie.value)
        ),
        None,
    )
    newest = _name(log, files[-1].path)
    return CheckpointFolder(best | by_step, missing - best.keys(), newest, left)


def _saved_for_best(
    analysis: Analysis,
    log: Path,
    folders: Mapping[Path, list[_File]],
    unnamed: Iterable[CheckpointChoice],
) -> dict[int, str]:
    """Return the name of the best checkpoint by the step of the choice that it is."""
    run, near = analysis.run, _nearness(analysis)
    saved = [saved_at(run, one) for one in run.checkpoints if "best_metric" in one.facts]
    files = [one for some in folders.values() for one in some if one.is_best]
    if not saved or len(files) != 1 or _has_neighbours(log):
        return {}
    name, step = _name(log, files[0].path), saved[-1]
    return {one.step: name for one in unnamed if step is not None and abs(one.step - step) <= near}


def _folders(log: Path) -> dict[Path, list[_File]]:
    """Return checkpoints by the folder that they lie in; none if there is too much to see."""
    found: dict[Path, list[_File]] = {}
    seen, level = 0, [log.parent]
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                seen += 1
                if seen > _MOST_SEEN:
                    return {}
                kept = _as_checkpoint(entry)
                if kept is not None:
                    found.setdefault(folder, []).append(kept)
                elif entry.name[0] != "." and entry.name not in _NO_CHECKPOINTS:
                    with suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            below.append(folder / entry.name)
        level = below
    above = list(log.parent.parents)[:_MOST_ABOVE]
    if _HF.match(log.parent.name):  # its own checkpoint is the directory of trainer_state.json
        above = above[:1]
    for folder in above:
        kept_above = [one for one in map(_as_checkpoint, _entries(folder)) if one is not None]
        if any(one.is_of_hf for one in kept_above):
            found[folder] = [one for one in kept_above if one.is_of_hf]
            break
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number > _MOST_SEEN:
                return
            yield entry


def _as_checkpoint(entry: os.DirEntry[str]) -> _File | None:
    name = entry.name
    if not name.isprintable() or "`" in name:
        return None
    hf = _HF.match(name)
    forms = _LIGHTNING, _BY_STEP, _BY_STEPS_DONE, _BY_EPOCH, _BEST
    match = hf or next((found for form in forms if (found := form.match(name))), None)
    if match is None:
        return None
    groups = match.groupdict()
    step, epoch, named = groups.get("step"), groups.get("epoch"), groups.get("named")
    try:
        written = entry.stat().st_mtime
    except OSError:
        return None
    path = Path(entry.path)
    return _File(
        path,
        None if step is None else int(step),
        int(named) if named is not None else None if epoch is None else int(epoch) + 1,
        written,
        hf is not None and (path / STATE).is_file(),
        named is not None,
        match.re is _BEST,
    )


def _of_run(analysis: Analysis, log: Path, files: list[_File]) -> list[_File]:
    """Return the checkpoints that this run wrote, the newest last; none if they are another's."""
    run, main = analysis.run, analysis.metric
    if main.name is None:
        return []
    series = judged_series(run, main.name)
    end = run.last_step + (int(np.diff(series.step).max()) if len(series.step) > 1 else 0) + 1
    done = run.epoch_of(run.last_step) or 0.0
    files = sorted(_counted_from_1(files, done), key=lambda one: (one.step or 0, one.epoch or 0))
    kept = [one for one in files if (one.step or 0) <= end and (one.epoch or 0) <= done + 1]
    # An earlier run in the same folder may have left some of higher steps, which are older.
    newest_s = max((one.written for one in kept), default=0.0)
    if any(one.written >= newest_s for one in files[len(kept) :]):
        return []
    near, evals = _nearness(analysis), (series.step, series.value, series.epoch)
    by_eval = [
        (value, found)
        for step, value, epoch in zip(*(column.tolist() for column in evals), strict=True)
        if (found := _saved_at(kept, step, epoch, near)) is not None
    ]
    if not by_eval or not _is_of_run(by_eval[-1][1], kept, by_eval[-1][0]):
        return []
    own = {log.parent, log.parent / "checkpoints"}
    newest = by_eval[-1][1]
    if not newest.is_of_hf and newest.path.parent not in own and _has_neighbours(log):
        return []
    return kept


def _counted_from_1(files: list[_File], done: float) -> list[_File]:
    """Return the files with the epochs that were done; without those that leave it open.

    `epoch_24.pt` is of the epoch that its log calls so. What is left of them tells where they
    begin by the first one, or by the newest one, if that is of the last epoch.
    """
    named = {one.epoch or 0 for one in files if one.counts_epochs}
    if not named or not ({0, 1} & named or max(named) == round(done)):
        return [one for one in files if not one.counts_epochs]
    less = 1 if 0 in named else 0
    return [
        replace(one, epoch=(one.epoch or 0) + less) if one.counts_epochs else one for one in files
    ]


def _is_of_run(saved: _File, files: list[_File], value: float) -> bool:
    """Tell whether a checkpoint is of the run that measured a value at its step.

    Without a state that tells, it is not where it is older than one of fewer steps: then an earlier
    run may have left it.
    """
    if saved.is_of_hf:
        return _holds(saved, value)
    return all(one.written <= saved.written for one in files[: files.index(saved)])


def _has_neighbours(log: Path) -> bool:
    """Tell whether other logs lie beside it, whose checkpoints those below may be."""
    return any(one.name.endswith(_LOGS) and one.name != log.name for one in _entries(log.parent))


def _nearness(analysis: Analysis) -> int:
    """Return how far from its evaluation a checkpoint may count itself, in steps."""
    main = analysis.metric
    steps = judged_series(analysis.run, main.name or "").step
    gap = int(np.diff(steps).min()) if len(steps) > 1 else 0
    # Some logs count from 0, and some the step before or after.
    return max(int(min(0.02 * gap, 20)), 1 if gap > 2 else 0)


def _saved_at(files: list[_File], step: int, epoch: float | None, near: int) -> _File | None:
    """Return the checkpoint of an evaluation; None without one, or with several as near."""
    known = [one for one in files if one.step is not None and abs(one.step - step) <= near]
    if known:
        return min(known, key=lambda one: abs((one.step or 0) - step))
    if epoch is None or not np.isfinite(epoch):
        return None
    of_epoch = [one for one in files if one.epoch is not None and abs(one.epoch - epoch) < 0.02]
    return of_epoch[0] if len(of_epoch) == 1 else None


def _holds(kept: _File, value: float) -> bool:
    """Tell whether the Trainer's state of a checkpoint tells a value among those of its step."""
    state = kept.path / STATE
    try:
        if state.stat().st_size > _MOST_READ:
            return False
        history = json.loads(state.read_bytes())["log_history"]
        told = [one for row in history if row.get("step") == kept.step for one in row.values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return any(
        isinstance(one, int | float) and abs(one - value) <= _ROUNDED * abs(value) for one in told
    )


def _name(log: Path, path: Path) -> str:
    """Name a file from the folder that a person knows as the run's."""
    base = Path(os.path.commonpath([log.parent, path.parent]))
    if _VERSION.fullmatch(base.name):
        base = base.parents[min(1, len(base.parents) - 1)]
    return path.relative_to(base).as_posix()
