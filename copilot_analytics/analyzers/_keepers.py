"""Which of the saved checkpoints are the ones to use."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.analyzers._eval_noise import noise_of_the_best
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._plan import eval_spacing, saved_at
from copilot_analytics.analyzers.metric import Tie
from copilot_analytics.stats.checkpoints import tie_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


@dataclass
class Saved:
    """The checkpoints that exist as far as the log tells.

    Examples
    --------
    >>> from copilot_analytics.analyzers.metric import Tie
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run, saved = Run(), Saved()
    >>> for step, path, old in ((100, "best_100.pth", None), (200, "best_200.pth", "best_100.pth")):
    ...     facts = {"path": path, "replaces": old, "best_metric": 0.5}
    ...     run.append(Record("checkpoint", step=step, facts=facts))
    >>> saved.follow(run)
    >>> saved.at(Tie(100, None, 0.4, 0), 100.0), saved.at(Tie(200, None, 0.5, 0), 100.0)
    (None, 'best_200.pth')
    """

    seen: int = 0
    paths: dict[str, tuple[int, bool, float | None]] = field(default_factory=dict)
    by_step: dict[int, list[str]] = field(default_factory=dict)

    def follow(self, run: Run) -> None:
        """Take the checkpoints that came since the last time."""
        for record in run.checkpoints[self.seen :]:
            self._take(run, record)
        self.seen = len(run.checkpoints)

    def _take(self, run: Run, record: Record) -> None:
        facts = record.facts
        replaced = facts.get("replaces")
        if replaced:
            self._drop(str(replaced))
        path, step = facts.get("path"), saved_at(run, record)
        if not path or step is None:
            return
        best = facts.get("best_metric")
        self._drop(str(path))
        self.paths[str(path)] = (step, best is not None, None if best is None else float(best))
        self.by_step.setdefault(step, []).append(str(path))

    def _drop(self, path: str) -> None:
        gone = self.paths.pop(path, None)
        if gone is None:
            tail = path.replace("\\", "/").rsplit("/", 1)[-1]
            alike = [p for p in self.paths if p.replace("\\", "/").rsplit("/", 1)[-1] == tail]
            if len(alike) != 1:
                return
            path = alike[0]
            gone = self.paths.pop(path)
        kept = [other for other in self.by_step[gone[0]] if other != path]
        if kept:
            self.by_step[gone[0]] = kept
        else:
            del self.by_step[gone[0]]

    def at(self, tie: Tie, spacing: float | None) -> str | None:
        """Return the checkpoint of an evaluation, one saved for being the best first."""
        return next(iter(self.all_at(tie, spacing)), None)

    def all_at(self, tie: Tie, spacing: float | None) -> list[str]:
        """Return the checkpoints of an evaluation, one saved for being the best first."""
        paths = list(self.by_step.get(tie.step, ()))
        if not paths and self.by_step and spacing is not None:
            # Some logs count the step before or after; evaluations are much further apart.
            near = int(min(0.02 * spacing, 20))
            for away in range(1, near + 1):
                paths = self.by_step.get(tie.step - away) or self.by_step.get(tie.step + away) or []
                if paths:
                    break
        return sorted(paths, key=lambda path: not self.paths[path][1])


@dataclass(frozen=True, slots=True)
class Keeper:
    """An evaluation worth keeping and its checkpoint, if the log names one."""

    tie: Tie
    path: str | None


def keepers(run: Run, saved: Saved, main: MainMetric, most: int = 5) -> list[Keeper]:
    """Return the best evaluation, then those that tie with it, saved ones first."""
    if not main.ties:
        return []
    spacing = eval_spacing(run)
    first, *others = [Keeper(tie, saved.at(tie, spacing)) for tie in main.ties]
    kept = [other for other in others if other.path is not None]
    lost = [other for other in others if other.path is None]
    if saved.paths:
        # Where checkpoints are logged, an evaluation without one helps nobody.
        lost = []
    return [first, *kept, *lost][:most]


def keepers_until(
    good: int, run: Run, saved: Saved, main: MainMetric, kept: list[Keeper]
) -> list[Keeper]:
    """Return the best evaluation of weights that were not lost yet, and those that tie with it.

    Parameters
    ----------
    good
        The last step before the loss was lost.
    run, saved, main
        As for `keepers`.
    kept
        What `keepers` returns.
    """
    kept = [one for one in kept if one.tie.step <= good]
    series = judged_series(run, main.name or "")
    early = np.flatnonzero(series.step <= good)
    steps, values = series.step[early], series.value[early]
    direction: Literal["min", "max"] = "max" if main.direction == "max" else "min"
    noise = noise_of_the_best(values, direction) if len(early) else None
    error = main.error
    if kept and (noise is not None or error is not None):
        # The fall to what lost weights are worth is no noise, and makes nothing a tie.
        margin = max(noise or 0.0, error or 0.0)
        tied = tie_set(steps, values, direction=direction, noise=margin)
        kept = [one for one in kept if one.tie.step in steps[tied]] or kept[:1]
    if kept or not len(early):
        return kept
    tie = next(ranked(run, main, good))
    return [Keeper(tie, saved.at(tie, eval_spacing(run)))]


def ranked(run: Run, main: MainMetric, until: float = math.inf) -> Iterator[Tie]:
    """Yield the evaluations up to a step from the best to the worst, of equals the earlier."""
    series = judged_series(run, main.name or "")
    for at in np.argsort(series.value if main.direction == "min" else -series.value, kind="stable"):
        step, value, line = int(series.step[at]), float(series.value[at]), int(series.line[at])
        if step <= until:
            yield Tie(step, run.epoch_of(step), value, line)
