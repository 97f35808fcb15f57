"""Whether training reached its planned end, told from the lines that the log is bound to have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.analyzers._plan import saved_at
from copilot_analytics.stats.finite import median

if TYPE_CHECKING:
    from copilot_analytics.records import Ints, Record
    from copilot_analytics.run import Run


def reached_end(run: Run) -> Literal["no", "train", "yes"]:
    """Tell whether training reached its planned end, and whether all else is done too.

    The last line may stand short of the end only where no further one is due before it; a counter
    that began at 0 ends one before its plan. An evaluation or a checkpoint tells more than that if
    its own place is the end.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records([Record("config", facts={"planned_steps": 1000})])
    >>> for step in range(100, 1001, 100):
    ...     run.append(Record("train", step=step))
    ...     print(reached_end(run), end=" ")
    no no no no no no no no no yes
    """
    log = run.train_log
    planned = planned_place(run)
    if planned is None:
        return "no"
    missing = len(log) > 0 and _lacks_a_line(run, planned)
    evals = run.eval_log
    if len(evals) and _is_end(run, int(evals.step[-1]), float(evals.epoch[-1])):
        follows = _eval_follows(run)
        if follows or not missing:
            return "yes"
    last_line = int(log.line[-1]) if len(log) else -1
    saved = run.checkpoints[-1] if run.checkpoints else None
    if saved is not None and saved.line > last_line and _saved_at_end(run, saved):
        return "train" if awaits_eval(run) and _saves_before_eval(run) else "yes"
    if not len(log) or missing:
        return "no"
    done = _trained(run) >= _last_count(run, planned)
    return "yes" if done and not awaits_eval(run) else "train"


def lacks_nothing(run: Run) -> bool:
    """Tell whether a log that goes on no more is that of a finished run.

    No further training line was due before the planned end, and no evaluation at it.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> facts = {"planned_epochs": 3, "steps_per_epoch": 20}
    >>> run = Run.from_records([Record("config", facts=facts)])
    >>> for step in (1, 11, 21, 31, 41, 51):  # of 60, as printed every ten steps
    ...     run.append(Record("train", step=step, line=step))
    >>> reached_end(run), lacks_nothing(run)
    ('train', True)
    """
    reached = reached_end(run)
    return reached == "yes" or (reached == "train" and not awaits_eval(run))


def reaches_end(run: Run, record: Record) -> bool:
    """Tell whether a record that its run has not taken yet stands at the planned end."""
    place = record.kind in {"train", "eval"}
    return place and _is_end(run, record.step, record.epoch)


def planned_place(run: Run) -> float | None:
    """Return the planned end in steps, or in epochs where steps cannot tell."""
    if run.planned_steps is not None:
        return float(run.planned_steps)
    if run.meta.planned_epochs and run.last_epoch is not None:
        return float(run.meta.planned_epochs)
    return None


def _line_gap_in_steps(run: Run) -> float:
    gaps = np.diff(run.train_log.step[-20:])
    return median(gaps[gaps > 0]) if np.any(gaps > 0) else 0.0


def line_gap(run: Run) -> float:
    """Return the usual distance between training lines, in steps or else in epochs."""
    log = run.train_log
    in_steps = run.planned_steps is not None
    gaps = np.diff((log.step if in_steps else log.epoch)[-20:].astype(np.float64))
    gaps = gaps[gaps > 0]
    if len(gaps):
        return median(gaps)
    return float(run.meta.log_interval or 0) if in_steps and not run.counts_epochs else 0.0


def breaks_off(run: Run) -> bool:
    """Tell whether a log that tells no plan ends where hardly any plan does.

    That is between two evaluations that came equally far apart so far, or within an epoch of known
    length where nothing is evaluated.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run()
    >>> for step in range(10, 450, 10):
    ...     run.append(Record("train", step=step, line=2 * step))
    ...     if step % 100 == 0:
    ...         run.append(Record("eval", step=step, line=2 * step + 1))
    >>> run.last_step, breaks_off(run)
    (440, True)
    """
    log, per_epoch = run.train_log, run.meta.steps_per_epoch
    if not len(log) or (len(run.eval_log) and _eval_follows(run)):
        return False
    if len(run.eval_log):
        due = _next_eval(run)
        return due is not None and int(log.step[-1]) + _line_gap_in_steps(run) < due
    within = int(log.step[-1]) % per_epoch if per_epoch else 0
    return 0 < within < (per_epoch or 0) - _line_gap_in_steps(run)


def awaits_eval(run: Run) -> bool:
    """Tell whether an evaluation should follow the last planned step, and did not yet."""
    if not len(run.eval_log) or _eval_follows(run):
        return False
    every, planned = eval_every(run), run.planned_steps
    if planned is None:
        return True
    if every is None:
        due = _next_eval(run)
        return due is None or due <= planned
    return planned % every < 0.5 or every - planned % every < 0.5


def eval_every(run: Run) -> float | None:
    """Return the stated interval of the evaluations in the unit of the steps."""
    interval = run.meta.val_interval
    if not interval:
        return None
    if run.meta.val_unit == "epoch":
        per_epoch = run.steps_per_epoch
        return None if not per_epoch else interval * per_epoch
    return float(interval)


def _next_eval(run: Run) -> float | None:
    """Return the step of the next evaluation, where those so far were equally far apart.

    A tenth of their distance is left for plans that come from the rounded length of an epoch.
    """
    evals = run.eval_log
    step = np.unique(evals.step[-_EVALS:][evals.segment[-_EVALS:] == evals.segment[-1]])
    gaps = np.diff(step[-_GAPS - 1 :])
    if len(gaps) < _GAPS or gaps.min() != gaps.max():
        return None
    return float(step[-1]) + 0.9 * float(gaps[0])


_GAPS = 3  # that must be the same
_EVALS = 100  # rows, of which several may be of one step
_ROWS = 2000
_EPOCHS = 8


def _trained(run: Run) -> float:
    """Return how far training came, in the unit of `planned_place`."""
    log = run.train_log
    if run.planned_steps is None:
        return float(log.epoch[-1])
    return float(log.step[-1])


def _last_count(run: Run, planned: float) -> float:
    """Return what the counter of the last step shows: one less where the first step is 0."""
    log = run.train_log
    stated = run.meta.planned_steps is not None and not run.counts_epochs
    return planned - 1 if stated and len(log) and int(log.step[0]) == 0 else planned


def _lacks_a_line(run: Run, planned: float) -> bool:
    """Tell whether at least one more training line is due before the end or at it."""
    reached, gap, last_count = _trained(run), line_gap(run), _last_count(run, planned)
    if not math.isfinite(reached):
        return True
    if reached >= last_count:
        return False
    per_epoch = run.meta.steps_per_epoch
    by_epoch = run.planned_steps is not None and run.meta.planned_steps is None
    if by_epoch and not run.counts_epochs and per_epoch:
        last = _last_in_epoch(run, per_epoch, gap)
        if last is not None:
            return reached < planned - per_epoch + last
    return gap <= 0 or last_count - reached >= gap - 1e-6


def _last_in_epoch(run: Run, per_epoch: int, gap: float) -> float | None:
    """Return the step of an epoch at which its last line comes; None if lines ignore epochs."""
    log = run.train_log
    newest = slice(max(len(log) - _ROWS, 0), None)
    step: Ints = log.step[newest][log.segment[newest] == log.segment[-1]]
    gaps = np.diff(step)
    steady = len(gaps) > 0 and bool(np.all(gaps == gaps[0]))
    epoch, place = (step - 1) // per_epoch, (step - 1) % per_epoch + 1
    crosses = bool(epoch[0] < epoch[-1])
    if crosses and steady and per_epoch % int(gaps[0]):
        return None
    lasts = place[:-1][epoch[:-1] < epoch[1:]]
    if len(lasts):
        return float(lasts[-_EPOCHS:].min())
    if gap <= 0:
        return float(per_epoch)
    return per_epoch // gap * gap if gap <= per_epoch else float(per_epoch)


def _is_end(run: Run, step: int | None, epoch: float | None) -> bool:
    """Tell whether a place is the planned end."""
    if run.planned_steps is not None and step is not None and step >= run.planned_steps:
        return True
    planned = run.meta.planned_epochs
    return bool(planned) and epoch is not None and epoch >= (planned or 0) - 1e-6


def _eval_follows(run: Run) -> bool:
    """Tell whether the newest evaluation came after the newest training line."""
    log, evals = run.train_log, run.eval_log
    if not len(evals) or not len(log):
        return len(evals) > 0
    line, last_line = int(evals.line[-1]), int(log.line[-1])
    if line == last_line:  # one line tells both, frames of a bar do, or there are no lines
        return int(evals.step[-1]) >= int(log.step[-1])
    return line > last_line


def _saved_at_end(run: Run, saved: Record) -> bool:
    if saved.facts.get("best_metric"):
        return False
    epoch = saved.facts.get("epoch", saved.epoch)
    return _is_end(run, saved_at(run, saved), None if epoch is None else float(epoch))


def _saves_before_eval(run: Run) -> bool:
    """Tell whether this log notes its checkpoints before the evaluation at the same place."""
    evals, lines = run.eval_log, [c.line for c in run.checkpoints[-20:]]
    if not len(evals) or not lines:
        return False
    return any(line < int(evals.line[-1]) for line in lines)
