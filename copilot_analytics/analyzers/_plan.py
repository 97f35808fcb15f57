"""Where the run ends, and how many evaluations and checkpoints lie before that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._course import epoch_length
from copilot_analytics.wording import place

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints, Record
    from copilot_analytics.run import Run
    from copilot_analytics.schedule import Drop

_NEWEST = 12
_ETA_ROWS = 2000
_FEWEST_ETAS = 3
_NEARLY_OVER = 1.5  # lines' worth of time: less is left where the next line would be the end
_LAST_TENTH = 0.9
_BEGINNING = 0.5  # of what comes before the first evaluation
_OVERDUE = 2.5  # times as far as the first evaluation
_UNKNOWN_SPACING = 0.03
_MOST_BEFORE = 10  # intervals between rows before the first one


def planned_end(run: Run) -> int | None:
    """Return the planned end in steps; None if the log does not tell.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run()
    >>> run.append(Record("config", facts={"planned_epochs": 12}))
    >>> run.append(Record("train", step=50, epoch=0.5))
    >>> run.append(Record("train", step=100, epoch=1.0))
    >>> planned_end(run)
    1200
    """
    planned = run.planned_steps
    if planned is None and run.meta.planned_epochs:
        per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
        if per_epoch is None:
            per_epoch = epoch_length(run.eval_log, None)
        if per_epoch is not None:
            planned = round(run.meta.planned_epochs * per_epoch)
    return planned if planned and planned > 0 else None


def began_before(steps: Ints) -> bool:
    """Tell whether a log begins in the middle of a training, by the steps of its rows.

    Examples
    --------
    >>> import numpy as np
    >>> began_before(np.array([100, 200])), began_before(np.array([9000, 9100]))
    (False, True)
    """
    first, second = steps[:2].tolist()
    return bool(first > _MOST_BEFORE * max(second - first, 1))


class PrintedEta(NamedTuple):
    """What the log itself expects to be left.

    `nearly_over`: it reaches 0 before another training line is due.
    """

    left_s: float
    nearly_over: bool


def printed_eta(run: Run) -> PrintedEta | None:
    """Return the log's own estimate of the time left; None if it prints none that counts down.

    An estimate that starts again with each epoch tells nothing about the end of the run.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> lines = [Record("train", step=s, metrics={"eta_s": 500.0 - 10 * s}) for s in range(1, 41)]
    >>> printed_eta(Run.from_records(lines))
    PrintedEta(left_s=100.0, nearly_over=False)
    """
    log = run.train_log
    if not len(log) or "eta_s" not in log.metric_names:
        return None
    newest = slice(max(len(log) - _ETA_ROWS, 0), None)
    eta = log.column("eta_s")[newest][log.segment[newest] == log.segment[-1]]
    if len(eta) < _FEWEST_ETAS or not np.isfinite(eta).all():
        return None
    changes = np.diff(eta)
    per_line = float(np.median(-changes))
    passed = np.diff(log.time[newest][log.segment[newest] == log.segment[-1]])
    if np.isfinite(passed).all() and np.median(passed) >= 0:
        # Where it falls faster than time passes it gets better, as at the beginning of a run.
        per_line = min(per_line, float(np.median(passed)))
    most = float(eta.max())
    starts_again = (changes > 0.5 * most) & (eta[:-1] < 0.2 * most)
    if np.count_nonzero(starts_again) or per_line < 0:
        return None
    left = float(eta[-1])
    return PrintedEta(left, left < _NEARLY_OVER * max(per_line, 1.0))


def eval_steps(run: Run) -> Floats:
    """Return the distinct steps of the newest evaluations, in order."""
    log = run.eval_log
    newest = slice(max(len(log) - 4 * _NEWEST, 0), None)
    keep = ~log.superseded[newest]
    return np.unique(log.step[newest][keep])[-_NEWEST:].astype(np.float64)


def eval_spacing(run: Run) -> float | None:
    """Return the steps between evaluations: as seen lately, or else as stated."""
    gaps = np.diff(eval_steps(run))
    stated = _in_steps(run, run.meta.val_interval, run.meta.val_unit)
    if len(gaps) >= 2 or (len(gaps) and stated is None):
        return float(np.median(gaps[-5:]))
    return stated


def evals_left(run: Run, planned: int) -> int | None:
    """Return how many evaluations are still to come; None if their spacing is unknown."""
    spacing = eval_spacing(run)
    if spacing is None or spacing <= 0:
        return None
    done = eval_steps(run)
    if not len(done) and run.last_step > 2.0 * spacing:
        return 0
    last = float(done[-1]) if len(done) else 0.0
    return _left(last, spacing, run.last_step, planned)


def evals_left_as_the_first(run: Run, planned: int) -> int | None:
    """Return how many evaluations are to come if they go on as far apart as the first one came.

    None unless the log begins with the training and holds a single evaluation so far, and the
    second one is not overdue.
    """
    done, log = eval_steps(run), run.train_log
    if len(done) != 1 or not len(log) or float(log.step[0]) > _BEGINNING * float(done[0]):
        return None
    spacing = float(done[0])
    if spacing <= 0 or run.last_step > _OVERDUE * spacing:
        return None
    return _left(spacing, spacing, run.last_step, planned)


def evaluates_in_each_row(run: Run) -> bool:
    """Tell whether each row of the training is a whole epoch, and was evaluated at its own step."""
    steps = run.train_log.step
    return run.counts_epochs and len(steps) > 1 and bool(np.isin(steps, run.eval_log.step).all())


def may_evaluate(run: Run) -> bool:
    """Tell whether an evaluation may come after the first epoch, though no plan says so.

    One that has gone on into a second epoch without any shows that its epochs need not end so. A
    row of a whole epoch holds what evaluated it.
    """
    log, epochs = run.train_log, run.meta.planned_epochs
    if len(run.eval_log) or not len(log) or not epochs or epochs < 2 or run.counts_epochs:
        return False
    if eval_spacing(run) is not None:
        return False  # the plan says when
    known = log.epoch[np.isfinite(log.epoch)]
    return len(known) > 0 and float(known[-1]) <= math.floor(float(known[0])) + 1 + 1e-6


def little_left(run: Run) -> bool:
    """Tell whether so little of the plan is left that ending the run saves next to nothing."""
    planned = planned_end(run)
    if planned is None:
        return False
    left = evals_left(run, planned)
    return (left is not None and left <= 1) or run.last_step >= _LAST_TENTH * planned


class Decision(NamedTuple):
    """Where to decide; `epoch` is None if epochs are unknown."""

    step: int
    epoch: float | None

    def __str__(self) -> str:
        """Return the place for a reader."""
        return place(*self)


def decide_at(run: Run, drop: Drop) -> Decision:
    """Return where to judge what a scheduled drop of the learning rate brought.

    That is two evaluations after it, or a thirtieth of the run where their spacing is unknown,
    and never after the planned end.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> from copilot_analytics.schedule import Drop
    >>> facts = {"planned_epochs": 12, "steps_per_epoch": 100, "val_interval": 1}
    >>> run = Run.from_records([Record("config", facts=facts | {"val_unit": "epoch"})])
    >>> str(decide_at(run, Drop(800, 8, 0.1))), str(decide_at(run, Drop(1100, 11, 0.1)))
    ('epoch 10', 'epoch 12')
    """
    planned = planned_end(run)
    spacing = eval_spacing(run)
    later = 2.0 * spacing if spacing else _UNKNOWN_SPACING * (planned or drop.step)
    until = drop.step + later
    if planned is not None:
        until = min(until, float(planned))
    per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
    epoch = None if per_epoch is None else round(until / per_epoch, 2)
    if drop.epoch is not None and drop.step > 0:
        epoch = round(until * drop.epoch / drop.step, 2)
    return Decision(round(until), epoch)


def saved_at(run: Run, record: Record) -> int | None:
    """Return the step of a checkpoint; None if the log does not tell."""
    step = record.facts.get("step", record.step)
    if step is not None:
        return int(step)
    epoch = record.facts.get("epoch", record.epoch)
    if epoch is None:
        return None
    per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
    return None if per_epoch is None else round(float(epoch) * per_epoch)


def checkpoints_left(run: Run, planned: int) -> int | None:
    """Return how many regular checkpoints are still to come; None if unknown."""
    steps = regular_checkpoints(run)
    gaps = np.diff(steps)
    spacing = _in_steps(run, run.meta.checkpoint_interval, run.meta.checkpoint_unit)
    if len(gaps) >= 2 or (len(gaps) and spacing is None):
        spacing = float(np.median(gaps[-5:]))
    if spacing is None or spacing <= 0:
        return None
    last = float(steps[-1]) if len(steps) else 0.0
    return _left(last, spacing, run.last_step, planned)


def regular_checkpoints(run: Run) -> Floats:
    """Return the steps of the newest checkpoints that were not saved for being the best."""
    newest = run.checkpoints[-4 * _NEWEST :]
    known = [saved_at(run, r) for r in newest if r.facts.get("best_metric") is None]
    return np.unique(np.array([step for step in known if step is not None], dtype=np.float64))


def _left(last: float, spacing: float, now: int, planned: int) -> int:
    """Count the places after `last`, those left out that are long past."""
    to_end = math.ceil((planned - last) / spacing - 0.02)
    missed = max(math.ceil((now - last) / spacing - 0.5) - 1, 0)
    return max(to_end - missed, 0)


def _in_steps(run: Run, interval: float | None, unit: str | None) -> float | None:
    if not interval or not math.isfinite(interval) or interval <= 0:
        return None
    if unit != "epoch":
        return float(interval)
    per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
    return None if per_epoch is None else interval * per_epoch
