"""The metric that the run is judged by: which, why, how noisy, and its best values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._bare_splits import BARE_SPLIT, direction_by_values
from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._eval_noise import (
    FEWEST_FOR_NOISE,
    counted_examples,
    eval_noise,
    noise_of_the_best,
)
from copilot_analytics.analyzers._judged import (
    accuracies,
    is_fellow,
    is_nothing_yet,
    is_usable,
    judged_series,
)
from copilot_analytics.analyzers._metric_scale import Scale, difference_text, scale_of
from copilot_analytics.analyzers._news import news
from copilot_analytics.analyzers._primary import (
    UNRANKED,
    better_ranked,
    matching,
    rank_of,
)
from copilot_analytics.errors import UnknownMetricError
from copilot_analytics.findings import NotJudged
from copilot_analytics.schema import Direction, direction_of
from copilot_analytics.stats.checkpoints import tie_set
from copilot_analytics.stats.noise import COARSE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Tie:
    """An evaluation as good as the best within noise.

    Parameters
    ----------
    step, epoch, value, line
        Where and what; epoch None if unknown.
    """

    step: int
    epoch: float | None
    value: float
    line: int


@dataclass(frozen=True, slots=True)
class MainMetric:
    """The main metric as it stands.

    Parameters
    ----------
    name
        As the log names it; None if nothing was evaluated or nothing can be judged.
    direction
        Better lower or higher.
    reason
        Why this metric and this direction.
    n
        Finite evaluations so far.
    first, last, best
        Values.
    last_step, best_step
        Their steps.
    best_epoch
        Epoch of the best, None if unknown.
    noise
        Standard deviation of one evaluation; None if there are too few.
    examples, resolution, error
        Where the metric is a share of so many examples, as the log tells: their number, what one of
        them makes, and the standard error of the best, both in the metric's units.
    delta
        Smallest gain worth having, in the metric's units; 0.0 if there is no metric.
    delta_text
        The same for a reader, e.g. ``"0.5 pt"``.
    scale
        What its numbers are.
    ties
        Evaluations within one standard error of the best, the best first; fifty at most.
    tied
        How many these are, and those left out.
    tie_margin
        That standard error: the noise of the best, or what the size of the evaluation set leaves
        open if that is more; None if neither is known.
    """

    name: str | None = None
    direction: Direction = "max"
    reason: str = ""
    n: int = 0
    first: float | None = None
    last: float | None = None
    last_step: int | None = None
    best: float | None = None
    best_step: int | None = None
    best_epoch: float | None = None
    noise: float | None = None
    delta: float = 0.0
    delta_text: str = ""
    scale: Scale = "other"
    ties: tuple[Tie, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    examples: int | None = None
    resolution: float | None = None
    error: float | None = None
    tied: int = 0
    tie_margin: float | None = None

    @property
    def further(self) -> str:
        """What a gain worth having is, for a reader.

        Examples
        --------
        >>> MainMetric("mIoU", delta_text="0.5 pt").further
        '≥ 0.5 pt more mIoU'
        >>> MainMetric("val_loss", "min", best=0.4, delta_text="0.5 % of 0.4").further
        'val_loss ≥ 0.5 % lower'
        """
        if self.direction == "max":
            return f"≥ {self.delta_text} more {self.name}"
        share, per_cent, _ = self.delta_text.partition(" % of ")
        of_best = bool(per_cent) and self.best is not None and self.best > 0
        return f"{self.name} ≥ {f'{share} %' if of_best else self.delta_text} lower"


class MetricAnalyzer(Analyzer[MainMetric]):
    """Chooses and follows the main metric.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> run = Run.from_records(
    ...     Record("eval", step=step, epoch=step, metrics={"aAcc": 0.9, "mIoU": value})
    ...     for step, value in enumerate([0.2, 0.5, 0.4], start=1)
    ... )
    >>> main = MetricAnalyzer.of(run)
    >>> main.name, main.best, main.best_step, main.delta_text
    ('mIoU', 0.5, 2, '0.5 pt')
    """

    name: ClassVar[str] = "metric"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = MainMetric()
        self._choice: _Choice | None = None
        self._evals = (-1, 0)
        self._named = ""
        self._bare: dict[str, tuple[Direction | None, str]] = {}

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        if record.kind == "tick" and record.facts.get("final"):
            self.insist(run)
        named = _name_in_checkpoints(run, self._named)
        fresh = run.eval_log.revision != self._evals or named != self._named
        if not fresh and record.kind == "train":
            return ()
        self._evals, self._named = run.eval_log.revision, named
        before = self._now
        self._now = self._judge(run)
        now = self._now
        if before.best is None or now.best is None or record.kind not in {"eval", "config"}:
            return ()
        if now.name != before.name:
            text = f"{now.name} {now.best:.5g} is the best so far; the run is judged by it from "
            text += f"here on, no longer by {before.name}"
        elif now.best != before.best:
            text = f"{now.name} {now.best:.5g} is the best so far, after {before.best:.5g}"
        else:
            return ()
        return (news(run, record, "best", str(now.name), text),)

    def result(self) -> MainMetric:
        """Return the answer as of the last look."""
        return self._now

    def insist(self, run: Run) -> None:
        """Complain about a metric that was asked for and never came.

        Raises
        ------
        UnknownMetricError
            If there is none of that name.
        """
        wanted = self.options.metric
        if wanted is None or matching(wanted, run.metric_names) is not None:
            return
        there = ", ".join(run.metric_names) or f"no evaluation metrics at all{_of_training(run)}"
        msg = f"no metric {wanted!r} in the log; it has: {there}. Name one of these with --metric"
        raise UnknownMetricError(msg)

    def _judge(self, run: Run) -> MainMetric:
        names = run.metric_names
        if not names:
            why = f"the log holds no evaluations{_of_training(run)}"
            if len(run.eval_log):
                why = "the evaluations of the log hold no numbers"
            return MainMetric(not_judged=(NotJudged("metric", why),))
        self._choice = self._choose(run, names)
        if self._choice is None:
            shown = ", ".join(names[:5])
            why = f"none of its metrics ({shown}) has a known direction; say it with --direction"
            if self.options.metric is not None:
                why = f"{self.options.metric!r} is not logged yet; there are: {shown}"
            elif any(self._direction_of(run, name)[0] for name in names):
                why = f"its metrics ({shown}) hold no usable numbers yet"
            return MainMetric(not_judged=(NotJudged("metric", why),))
        return self._measure(run, self._choice)

    def _choose(self, run: Run, names: tuple[str, ...]) -> _Choice | None:
        wanted = self.options.metric
        if wanted is not None:
            found = matching(wanted, names)
            return None if found is None else self._directed(run, found, "asked for", _ASKED)
        stated = run.meta.save_best
        if stated is not None and stated.lower() not in {"auto", "true"}:
            found = matching(stated, names)
            choice = found and self._directed(run, found, "save_best names it", _STATED)
            if choice:
                return choice
        if self._named:
            found = matching(self._named, names)
            why = "the best checkpoints are chosen by it"
            choice = found and self._directed(run, found, why, _STATED)
            if choice:
                return choice
        old = self._choice
        ranked = sorted(names, key=lambda name: better_ranked(name, names))
        for name in ranked:
            if self._direction_of(run, name)[0] is None and self.options.direction is None:
                continue
            if not is_usable(run, name) or self._came_once(run, name, ranked):
                continue
            if is_nothing_yet(run, name) and any(
                other != name and is_fellow(other, name) and not is_nothing_yet(run, other)
                for other in ranked
            ):
                continue  # a detector of masks whose boxes are not scored
            if old is not None and old.name != name and is_usable(run, old.name):
                new_rank, old_rank = better_ranked(name, names), better_ranked(old.name, names)
                if new_rank[:2] >= old_rank[:2]:
                    return old
            family = rank_of(name, names)[0]
            why = "the usual metric of its task" if family < 50 else "the validation loss"
            if family >= UNRANKED:
                why = "the first metric with a known direction"
            return self._directed(run, name, why, _RANKED)
        return None

    def _came_once(self, run: Run, name: str, others: list[str]) -> bool:
        """Tell whether it is but a test at the end, where others were measured all along."""
        return len(judged_series(run, name).value) == 1 and any(
            len(judged_series(run, other).value) >= FEWEST_FOR_NOISE
            and self._direction_of(run, other)[0] is not None
            for other in others
        )

    def _direction_of(self, run: Run, name: str) -> tuple[Direction | None, str]:
        """Tell the direction by the name, or by the values where the name is a split alone."""
        told = direction_of(name)
        if told[0] is None and BARE_SPLIT.fullmatch(name.strip()):
            if name not in self._bare and (
                found := direction_by_values(run, judged_series(run, name).value)
            ):
                self._bare[name] = found
            return self._bare.get(name, told)
        return told

    def _directed(self, run: Run, name: str, why: str, grade: int) -> _Choice | None:
        direction, source = self._direction_of(run, name)
        if run.meta.save_best_direction is not None and grade == _STATED:
            direction, source = run.meta.save_best_direction, "the log says so"
        if self.options.direction is not None:
            direction, source = self.options.direction, "asked for"
        if direction is None:
            return None
        word = "higher" if direction == "max" else "lower"
        return _Choice(name, direction, f"{why}; {word} is better ({source})")

    def _measure(self, run: Run, choice: _Choice) -> MainMetric:
        step, value, epoch, _, line = judged_series(run, choice.name)
        scale = scale_of(choice.name, value, accuracies(run))
        if not len(value):
            why = f"{choice.name} has no finite value yet"
            gap = (NotJudged("metric", why),)
            return MainMetric(choice.name, choice.direction, choice.reason, not_judged=gap)
        best = int(np.argmax(value) if choice.direction == "max" else np.argmin(value))
        examples, resolution, error = counted_examples(
            choice.name, scale, value, float(value[best]), run.meta.eval_samples
        )
        noise = eval_noise(value)
        if noise is not None and resolution is not None:
            noise = max(noise, COARSE * resolution)
        ties = [best]
        own = noise_of_the_best(value, choice.direction)
        if own is not None and resolution is not None:
            own = max(own, COARSE * resolution)
        margin = max((one for one in (own, error) if one is not None), default=None)
        if margin is not None:
            ties = tie_set(step, value, direction=choice.direction, noise=margin).tolist()
        delta, text = self._delta(scale, float(value[best]))
        return MainMetric(
            name=choice.name,
            direction=choice.direction,
            reason=choice.reason,
            n=len(value),
            first=float(value[0]),
            last=float(value[-1]),
            last_step=int(step[-1]),
            best=float(value[best]),
            best_step=int(step[best]),
            best_epoch=_known(epoch[best]),
            noise=noise,
            delta=delta,
            delta_text=text,
            scale=scale,
            ties=tuple(
                Tie(int(step[i]), _known(epoch[i]), float(value[i]), int(line[i]))
                for i in ties[:_MOST_TIES]
            ),
            examples=examples,
            resolution=resolution,
            error=error,
            tied=len(ties),
            tie_margin=margin,
        )

    def _delta(self, scale: Scale, best: float) -> tuple[float, str]:
        asked, unit = self.options.delta, self.options.delta_unit
        if asked is not None and unit == "relative":
            return abs(asked * best), f"{100 * asked:g} % of {best:.4g}"
        if asked is not None and unit == "points":
            return asked / (100 if scale == "fraction" else 1), f"{asked:g} pt"
        if asked is not None:
            return asked, difference_text(asked, scale)
        if scale == "percent":
            return 0.5, "0.5 pt"
        if scale == "fraction":
            return 0.005, "0.5 pt"
        return 0.005 * abs(best), f"0.5 % of {best:.4g}"


ANALYZER = MetricAnalyzer

_ASKED, _STATED, _RANKED = 3, 2, 1
_MOST_TIES = 50


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    direction: Direction
    reason: str


def _known(epoch: float) -> float | None:
    return None if math.isnan(epoch) else float(epoch)


def _name_in_checkpoints(run: Run, known: str) -> str:
    if known:
        return known
    for saved in run.checkpoints[-3:]:
        named = saved.facts.get("best_metric_name")
        if named and matching(str(named), run.metric_names) is not None:
            return str(named)
    return ""


def _of_training(run: Run) -> str:
    """Name what would be evaluated by, were it not in lines of the training."""
    names = [name for name in run.train_log.metric_names if direction_of(name)[0] == "max"]
    if not names:
        return ""
    stand = "stands" if len(names) == 1 else "stand"
    return f" ({', '.join(names[:3])} {stand} in lines of the training)"
