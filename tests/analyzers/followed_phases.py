"""The phases of made-up runs, and what is asked of them."""

from __future__ import annotations

from made_up_runs import PER_EPOCH, STEP

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.phase import PhaseAnalyzer
from copilot_analytics.records import Record

FINAL = {"final": True}


def follow(records, *, final=True):
    events = []
    fold = Fold([PhaseAnalyzer], on_look=lambda _run, _results, _record, news: events.extend(news))
    for record in records:
        fold.update(record)
    if final:
        fold.update(Record("tick", time=fold.run.last_time, facts=FINAL))
    return fold.results.of(PhaseAnalyzer), [e for e in events if e.kind == "phase"]


def names(phases):
    return [span.phase for span in phases.history]


def at_epoch(phases, epoch):
    step = epoch * PER_EPOCH * STEP
    return [s.phase for s in phases.history if s.from_step <= step][-1]
