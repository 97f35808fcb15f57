"""Whether the training loss falls, whether that is worth having, and how to say it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics import wording
from copilot_analytics.analyzers._pace import fall_pct, pace_in_words
from copilot_analytics.analyzers._phase_kinds import Phase
from copilot_analytics.analyzers.trend import Trend, epoch_or_stand_in
from copilot_analytics.findings import Evidence

if TYPE_CHECKING:
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class LossFall:
    """What the pace of the training loss says.

    Parameters
    ----------
    falls
        Whether it falls beyond doubt, and by as much as is worth having until the end.
    perhaps
        Whether it may.
    evidence
        What that rests on; None where the pace is unknown.
    """

    falls: bool = False
    perhaps: bool = False
    evidence: Evidence | None = None

    @classmethod
    def of(cls, run: Run, trend: Trend, *, metric_is_flat: bool) -> LossFall:
        """Judge the pace; a slow one counts less beside a metric that is surely flat."""
        speed = trend.loss
        if speed is None or not math.isfinite(speed.per_epoch_pct):
            return cls()
        _, gaps = epoch_or_stand_in(run)
        reach = min(trend.loss_ahead_pct or 0.0, 100.0)
        slow = bool(gaps) or speed.per_epoch_pct < SLOW_PCT
        needed = _WORTH_PCT_BESIDE_A_FLAT_METRIC if slow and metric_is_flat else _WORTH_PCT
        what = "fall" if speed.per_epoch_pct >= 0 else "rise"
        line = run.last.line if run.last is not None else 0
        seen = Evidence(
            f"{what} of the training loss",
            pace_in_words(speed, _unit(run)),
            f"0, and {needed:g} % to come",
            (line,) if line else (),
        )
        return cls(speed.low > 0.0 and reach > needed, reach > _PERHAPS * needed, seen)


def loss_in_words(run: Run, trend: Trend, phase: Phase) -> str:
    """Say how the loss goes, by its pace where that is of the phase, else by its way so far.

    A fast pace at the bottom of a long fall covers little of it, and a slow one at the top
    much; a phase named for the one would read like an error beside the other.
    """
    speed = trend.loss
    if speed is None or not math.isfinite(speed.per_epoch_pct):
        return ""
    if speed.low * speed.high <= 0:
        return "the training loss is flat within noise"
    word = "falls" if speed.per_epoch_pct >= 0 else "rises"
    relative = fall_pct(speed)
    share = trend.recent_share
    fits = True
    if relative is not None and word == "falls" and _unit(run) == "an epoch":
        low, high = _PACES.get(phase, (0.0, math.inf))
        fits = low <= relative[0] <= high
    if fits or share is None:
        return f"the training loss {word} by {pace_in_words(speed, _unit(run))}"
    if share >= FAST_SHARE / 2 and phase is not Phase.LEARNING_FAST:
        return "the training loss still falls"
    part = "twentieth of the plan" if run.planned_steps else "quarter of the run so far"
    return (
        f"the training loss still falls: {wording.share(share)} of its whole way in the last {part}"
    )


def _unit(run: Run) -> str:
    _, gaps = epoch_or_stand_in(run)
    return "a hundredth of the run" if gaps else "an epoch"


FAST_PCT = 5.0
"""Fall in per cent an epoch above which a loss falls fast."""
FAST_SHARE = 0.1
"""Share of all progress in the newest part of the run above which a loss falls fast."""
SLOW_PCT = 1.0
FLAT_PCT = 1.0
_WORTH_PCT = 1.0
_WORTH_PCT_BESIDE_A_FLAT_METRIC = 5.0
_PERHAPS = 3.0
_FEWEST_FOR_PLATEAU = 50
# What the phases mean to a reader, in per cent an epoch.
_PACES = {
    Phase.LEARNING_FAST: (FAST_PCT, math.inf),
    Phase.STABLE_CONVERGENCE: (0.0, FAST_PCT),
    Phase.PLATEAU: (0.0, FLAT_PCT),
    Phase.CONVERGED: (0.0, FLAT_PCT),
}


def may_yet_begin(run: Run) -> bool:
    """Tell whether a flat loss alone may still be the beginning of something."""
    progress = run.progress
    done = progress or 0.0
    if done >= 0.5:
        return False
    per_epoch, unknown = epoch_or_stand_in(run)
    # A loss may lie flat within the first epoch and fall where the next one begins.
    first = not unknown and run.last_step < 2.0 * per_epoch
    few = len(run.train_log) < _FEWEST_FOR_PLATEAU
    return few or first or (progress is not None and progress < 0.1)
