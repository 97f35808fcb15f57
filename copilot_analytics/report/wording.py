"""Where in a run something is, and text from a log, as they are written in reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics import wording
from copilot_analytics.analyzers._loss_fall import LossFall
from copilot_analytics.analyzers._metric_gain import Gain
from copilot_analytics.analyzers._phase_kinds import IMPROVING, Phase
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.events import ENDED
from copilot_analytics.wording import epochs, plural

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.run import Run

_ACTIVE = re.compile(r"[<>\[\]|]")
# An underscore inside a word is no markup.
_MARKUP = re.compile(r"[\\`*{}\[\]<>|#!]|(?<![^\W_])_|_(?![^\W_])")

_NO_MEASURE = frozenset({"line", "sample"})
_COUNTED = frozenset({"image", "sample", "timestep", "tree"})

_IS = {
    "INITIALIZING": "cannot be judged yet",
    "WARMUP": "warms up",
    "LEARNING_FAST": "learns fast",
    "STABLE_CONVERGENCE": "improves steadily",
    "PLATEAU": "is on a plateau",
    "OVERFITTING_RISK": "is at risk of overfitting",
    "DIVERGING": "diverges",
    "CONVERGED": "has converged",
}
_ENDED = {
    "INITIALIZING": "cannot be judged",
    "WARMUP": "ended during warm-up",
    "LEARNING_FAST": "ended while it still learned fast",
    "STABLE_CONVERGENCE": "ended while it still improved",
    "PLATEAU": "ended on a plateau",
    "OVERFITTING_RISK": "ended at risk of overfitting",
    "DIVERGING": "ended diverging",
    "CONVERGED": "had converged when it ended",
}
_UNTIL_LATELY = {
    "LEARNING_FAST": "learned fast until lately",
    "STABLE_CONVERGENCE": "improved until lately",
}
LET_IT_RUN = "Let it run"
"""Advice to go on with a run that is well."""
_EVEN = 0.5
_STILL = (Phase.CONVERGED, Phase.PLATEAU)


def within(metric: MainMetric) -> str:
    """Say what the evaluations that tie with the best lie within."""
    of_the_set = metric.error is not None and metric.error == metric.tie_margin
    return "within one standard error" if of_the_set else "within noise"


def phase_in_words(phase: str, *, ended: bool) -> str:
    """Say in which phase a run is or ended, as it follows "it".

    Examples
    --------
    >>> phase_in_words("CONVERGED", ended=True), phase_in_words("WARMUP", ended=False)
    ('had converged when it ended', 'warms up')
    """
    return (_ENDED if ended else _IS)[phase]


def phase_of(analysis: Analysis) -> str:
    """Say in which phase a run is or ended, as it follows "it".

    What ended with its loss still falling still improved only if the metric did, if there is one.
    One that goes on is not said to improve by what its loss does, or a forecast expects, alone,
    nor where it loses in its metric. A phase that improves is left on evidence, so that its newest
    evaluations may tell of none.
    """
    phase, ended = analysis.phases.current, analysis.life.status in ENDED
    if analysis.life.stopped_early and phase.value != "DIVERGING":
        return "was stopped early by its own patience"
    if ended and metric_is_level(analysis):
        return f"ended with no gain in {analysis.metric.name} worth having"
    if not ended and metric_is_level(analysis):
        return _of_late(analysis)
    if ended and phase in _STILL and metric_is_lost(analysis):
        return "ended past its best"
    return phase_in_words(phase.value, ended=ended)


def _of_late(analysis: Analysis) -> str:
    """Say what a run in a phase that improves shows, whose metric no longer does."""
    if metric_is_lost(analysis) and not is_a_return(analysis.metric.name or ""):
        return "is past its best"
    if _loss_falls(analysis):
        return "improves in its training loss alone"
    if _tells_of_a_loss(analysis):
        return _UNTIL_LATELY[analysis.phases.current.value]
    return "shows no gain worth having of late"


def _tells_of_a_loss(analysis: Analysis) -> bool:
    """Tell whether what is said first of a phase that improves is that the metric got worse."""
    metric, phase = analysis.metric, analysis.phases.current
    leads = metric.name is not None and analysis.phases.reason.startswith(metric.name)
    if phase not in IMPROVING or not leads:
        return False
    gain = Gain.of(analysis.run, metric, analysis.learning_rate, phase)
    return gain is not None and gain.gained < 0.0


def to_go_on(analysis: Analysis) -> str:
    """Say that a run may go on; one that overfits only if a gain is as likely as not."""
    p_gain = analysis.forecast.p_gain
    overfits = analysis.phases.current is Phase.OVERFITTING_RISK
    unlikely = overfits and p_gain is not None and p_gain < _EVEN
    return "Unless it turns, stop" if unlikely else LET_IT_RUN


def metric_is_level(analysis: Analysis) -> bool:
    """Tell whether the metric no longer grows in a phase that improves by its loss."""
    phase = analysis.phases.current
    if phase not in IMPROVING:
        return False
    gain = Gain.of(analysis.run, analysis.metric, analysis.learning_rate, phase)
    return gain is not None and not (gain.grows and gain.worth)


def _loss_falls(analysis: Analysis) -> bool:
    return LossFall.of(analysis.run, analysis["trend"], metric_is_flat=True).falls


def metric_is_lost(analysis: Analysis) -> bool:
    """Tell whether the newest evaluations are worse than those before, beyond doubt."""
    phase = analysis.phases.current
    gain = Gain.of(analysis.run, analysis.metric, analysis.learning_rate, phase)
    return gain is not None and gain.gained < -max(gain.reach, analysis.metric.delta)


def place(run: Run, step: int | None, epoch: float | None = None) -> str:
    """Write where in a run something is: by its epoch if epochs are known, else by its step.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> place(Run(), 1200), place(Run(), 1200, 12.0)
    ('step 1,200', 'epoch 12')
    """
    return wording.place(step, run.epoch_of(step) if epoch is None else epoch)


def extent(run: Run) -> str:
    """Write how far the run came, against its plan where there is one.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> extent(Run())
    'nothing yet'
    >>> from copilot_analytics import Record
    >>> records = [Record("config", facts={"planned_epochs": 43, "step_unit": "epoch"})]
    >>> extent(Run.from_records([*records, Record("train", step=60, epoch=60.0)]))
    '60 epochs (43 were planned)'

    Lines that are counted because nothing else tells steps are no measure.

    >>> records = [Record("config", facts={"step_unit": "line"})]
    >>> extent(Run.from_records([*records, Record("train", step=60, epoch=1.5)]))
    '1.5 epochs'

    Neither are examples, where epochs say it as well.

    >>> records = [Record("config", facts={"step_unit": "sample"})]
    >>> extent(Run.from_records([*records, Record("train", step=60000, epoch=1.0)]))
    '1 epoch'
    """
    epoch, planned = run.last_epoch, run.meta.planned_epochs
    tells_steps = run.last_step and not run.counts_epochs
    tells_steps = tells_steps and run.meta.step_unit not in _NO_MEASURE
    if epoch is not None and (planned or not tells_steps):
        done = epochs(epoch)
        if planned and epoch > planned + 0.5:
            return f"{done} epochs ({planned} were planned)"
        if planned:
            return f"{done} of {plural(planned, 'epoch')}"
        return f"{done} epoch" + ("" if done == "1" else "s")
    if run.last_step:
        steps = run.planned_steps
        noun = step_noun(run)
        return f"{run.last_step:,} of {steps:,} {noun}s" if steps else plural(run.last_step, noun)
    return "nothing yet"


def step_noun(run: Run) -> str:
    """Return what the steps of a run are called.

    Examples
    --------
    >>> from copilot_analytics import Record
    >>> from copilot_analytics.run import Run
    >>> step_noun(Run.from_records([Record("config", facts={"step_unit": "sample"})]))
    'sample'
    """
    return run.meta.step_unit if run.meta.step_unit in _COUNTED else "step"


def defused(text: str) -> str:
    r"""Make a sentence with text from a log harmless in Markdown, its own bold and code kept.

    Examples
    --------
    >>> print(defused("**Stop.** <img src=x> | [a](b)\n# c"))
    **Stop.** \<img src=x\> \| \[a\](b) # c
    """
    return _ACTIVE.sub(r"\\\g<0>", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def escaped(text: str) -> str:
    r"""Make text from a log harmless in Markdown: one line, no markup, no control characters.

    Examples
    --------
    >>> print(escaped("a_b|c <b>`x`\n# y"))
    a_b\|c \<b\>\`x\` \# y
    """
    return _MARKUP.sub(r"\\\g<0>", _one_line(text))
