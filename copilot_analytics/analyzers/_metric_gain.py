"""What the newest evaluations brought, and what more of them would bring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._level_return import wander
from copilot_analytics.analyzers._pace import gain_in_words
from copilot_analytics.analyzers._phase_kinds import IMPROVING, Phase
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.analyzers.trend import epoch_or_stand_in
from copilot_analytics.findings import Evidence
from copilot_analytics.wording import place

if TYPE_CHECKING:
    from copilot_analytics.analyzers.learning_rate import LearningRate
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Gain:
    """What the newest evaluations brought.

    Parameters
    ----------
    n
        Evaluations looked at.
    gained
        Their mean less that of as many before them, positive when better.
    error
        Standard error of that.
    grows
        Whether it is beyond noise.
    ahead
        What the same pace would bring until the end.
    worth
        Whether that is worth having.
    surely_flat
        Whether even the upper bound of the pace brings little until the end.
    reach
        Half of the width of the interval in which the gain lies: where it holds zero, nothing
        grows.
    from_step, since_step
        First step of the evaluations that were compared, and of the newer ones of them.
    """

    n: int
    gained: float
    error: float
    grows: bool
    ahead: float
    worth: bool
    surely_flat: bool
    reach: float
    from_step: int
    since_step: int

    @classmethod
    def of(
        cls, run: Run, main: MainMetric, rate: LearningRate, current: Phase | None
    ) -> Gain | None:
        """Measure the gain; None for too few evaluations.

        Less evidence is asked to stay in a phase that improves than to enter one.
        """
        if main.name is None or main.n < _FEWEST:
            return None
        step, value, *_ = judged_series(run, main.name)
        better = value if main.direction == "max" else -value
        # A drop of the rate is news of its own: the pace is measured on one side of it.
        for drop in reversed(rate.drops):
            later = step > drop.step
            if np.count_nonzero(later) >= 2 * FEWEST_AFTER_DROP:
                better, step = better[later], step[later]
                break
        n = min(max(4, math.ceil(0.2 * len(better))), 40, len(better) // 2)
        new, old = better[-n:], better[-2 * n : -n]
        noise = main.noise if main.noise is not None else float(np.std(better[-2 * n :]))
        if is_a_return(main.name):
            noise = max(noise, wander(better[-4 * n :], n))
        gained = float(np.mean(new) - np.mean(old))
        error = max(noise, 1e-12) * math.sqrt(2.0 / n)
        apart = max(float(step[-n:].mean() - step[-2 * n : -n].mean()), 1e-12)
        # Curves level off: a pace is trusted for twice the stretch that showed it.
        reach = min(steps_left(run) / apart, 2.0)
        ahead = gained * reach
        most = (gained + 2.0 * error) * reach
        z = _SURE if current not in IMPROVING else _STILL_SURE
        before = float(better[:-n].max())
        fresh_best = float(new.max()) - before > max(2.0 * noise, main.delta)
        worth = ahead > main.delta or fresh_best
        grows = gained > z * error or fresh_best
        flat = most < 2.0 * main.delta
        from_step, since_step = int(step[-2 * n]), int(step[-n])
        return cls(n, gained, error, grows, ahead, worth, flat, z * error, from_step, since_step)

    def in_words(self, run: Run, main: MainMetric) -> tuple[str, Evidence]:
        """Say it for a reader, and show it as evidence."""
        noisy = self.reach >= _SHOWN * max(main.delta, abs(self.gained))
        amount = gain_in_words(abs(self.gained), self.reach if noisy else None, main.scale)
        words = ("gained", "lost") if main.direction == "max" else ("improved by", "got worse by")
        word = words[self.gained < 0]
        text = f"{main.name} {word} {amount}, the last {self.n} evals against the {self.n} before"
        if self.gained >= 0 and main.best_step is not None and main.best_step < self.from_step:
            text += f"; its best is still that of {place(main.best_step, main.best_epoch)}"
        seen = f"{'+' if self.gained >= 0 else '−'}{amount}"
        lines = tuple(int(i) for i in run.eval_log.line[-1:] if i)
        what = f"mean {main.name} of {self.n} evaluations against the {self.n} before"
        return text, Evidence(what, seen, f"{main.delta_text} until the end", lines)


def climbs(main: MainMetric) -> bool:
    """Tell whether the few evaluations so far end with the best, by much."""
    if main.n < 2 or main.best is None or main.first is None:
        return False
    return main.best_step == main.last_step and abs(main.best - main.first) > 2 * main.delta


def climb_pct(run: Run, main: MainMetric) -> float:
    """Return the gain from the first evaluation to the best, in per cent an epoch."""
    if main.best is None or main.first is None or main.best_step is None or not main.name:
        return 0.0
    first_step = int(judged_series(run, main.name).step[0])
    per_epoch, _ = epoch_or_stand_in(run)
    epochs = max((main.best_step - first_step) / per_epoch, 1e-9)
    scale = max(abs(main.best), abs(main.first))
    return 100.0 * abs(main.best - main.first) / scale / epochs


def steps_left(run: Run) -> float:
    """Return the steps over which a gain counts: to the end, at least a tenth of the run."""
    done = float(run.last_step)
    planned = run.planned_steps
    left = done if planned is None else planned - done
    return max(left, 0.1 * done)


FEWEST_AFTER_DROP = 3
"""Evaluations that tell a pace on one side of a drop of the rate."""
_FEWEST = 5
_SURE = 2.5
_STILL_SURE = 1.8
_SHOWN = 0.005
