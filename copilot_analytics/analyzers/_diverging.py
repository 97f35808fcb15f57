"""What is said of a loss or a metric that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.analyzers._lr_rise import rise_behind, risen
from copilot_analytics.findings import Evidence
from copilot_analytics.wording import place

if TYPE_CHECKING:
    from copilot_analytics.analyzers.divergence import Divergence
    from copilot_analytics.analyzers.learning_rate import LearningRate
    from copilot_analytics.run import Run


def divergence_in_words(run: Run, health: Divergence, rate: LearningRate) -> tuple[str, Evidence]:
    """Say what is lost, since when and after what, with the evidence.

    Examples
    --------
    >>> from copilot_analytics import Run
    >>> from copilot_analytics.analyzers.divergence import Divergence
    >>> from copilot_analytics.analyzers.learning_rate import LearningRate
    >>> from copilot_analytics.analyzers._lr_rise import LrRise
    >>> health = Divergence("exploded", since_step=50, level=3.0, before=0.5, peak=70.0)
    >>> divergence_in_words(Run(), health, LearningRate())[0]
    'loss exploded to 3 since step 50 (0.5 before, 70 at its highest)'
    >>> raised = LearningRate(raised=LrRise(50, 5, 0.001, 0.7))
    >>> divergence_in_words(Run(), health, raised)[0].partition(", after ")[2]
    'the learning rate rose from 0.001 to 0.7 at step 50'
    """
    where = f"since {place(health.since_step, run.epoch_of(health.since_step))}"
    observed = "unknown" if health.level is None else f"{health.level:.4g}"
    bound = "" if health.threshold is None else f"{health.threshold:.4g}"
    mean = f" (mean of {health.averaged} values)" if health.averaged > 1 else ""
    known = {"before": health.before, "at its highest": health.peak}
    levels = ", ".join(f"{level:.4g} {when}" for when, level in known.items() if level is not None)
    levels = f" ({levels})" if levels else ""
    reason = {
        "nan": f"{health.column} is {observed} {where}",
        "exploded": f"{health.column} exploded to {observed} {where}{levels}",
        "rising": f"{health.column} rises without recovery {where}, to {observed}{mean}",
        "masked": f"{health.column} looks like a hidden NaN {where} ({observed})",
        "collapsed": f"{health.column} went to {observed}{mean} {where}{levels}",
    }[health.state]
    rise = rise_behind(rate.raised, health.since_step, health.last_good_step)
    if rise is not None:
        reason += f", after {risen(rise, place(rise.step, run.epoch_of(rise.step)))}"
    lines = (health.since_line,) if health.since_line else ()
    return reason, Evidence(health.column, observed, bound or "finite", lines)
