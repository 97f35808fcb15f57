"""Messages in words, of an analysis that advises what a test wants."""

from __future__ import annotations

from dataclasses import replace

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.policy import Context
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.analyzers.stopping import CheckpointChoice, StopAdvice
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

FLAT = Event(
    "finding", "true_plateau", 8000, None, 90,
    "flat since epoch 10, with no drop of the learning rate ahead",
    Severity.WARNING,
)  # fmt: skip


def told(analysis, *tidings, **options):
    words = wording.news(tidings, Context("key", "my_run", lambda: analysis), **options)
    return "\n".join((words.title, *words.body))


def stopping(analysis, advice="stop"):
    choices = (
        CheckpointChoice(5000, 10.0, 0.275, "epoch_10.pth", True),
        CheckpointChoice(6000, 12.0, 0.274, "epoch_12.pth", False),
    )
    stop = StopAdvice(
        advice,
        "P(≥ 0.5 pt more by epoch 24) = 4 %",
        None,
        None,
        4800.0,
        4.0,
        None,
        0.0,
        choices,
        says_chance=True,
    )
    return replace(analysis, stop=stop)


def diverging(analysis, **stop):
    phases = replace(analysis.phases, current=Phase.DIVERGING)
    return replace(analysis, phases=phases, stop=replace(analysis.stop, **stop))
