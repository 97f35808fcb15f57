"""However a log is cut and however often one asks, time and advice come out the same."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_runs import blocks
from simulated_runs import Simulated

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer
from copilot_analytics.analyzers.memory import MemoryAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.analyzers.throughput import ThroughputAnalyzer

if TYPE_CHECKING:
    from copilot_analytics.records import Item

KINDS = (EtaAnalyzer, ForecastAnalyzer, MemoryAnalyzer, StoppingAnalyzer, ThroughputAnalyzer)
RECORDS = Simulated(epochs=14, eval_every=2, seed=4).first(0.9)


def answers_of(items: list[Item], *, ask: bool = False) -> list[str]:
    fold = Fold(KINDS)
    for item in items:
        fold.update(item)
        if ask:
            for kind in KINDS:
                fold.results.of(kind)
    return [repr(fold.results.of(kind)) for kind in KINDS]


WHOLE = answers_of(list(RECORDS))


@settings(max_examples=15)
@given(st.sets(st.integers(0, len(RECORDS)), max_size=20))
def test_chunks_do_not_matter(cuts: set[int]) -> None:
    assert answers_of(blocks(RECORDS, sorted(cuts))) == WHOLE


def test_asking_changes_nothing() -> None:
    assert answers_of(list(RECORDS), ask=True) == WHOLE


@pytest.mark.parametrize("at", [3, 40, 101])
def test_state_survives_pickling(at: int) -> None:
    fold = Fold(KINDS)
    for record in RECORDS[:at]:
        fold.update(record)
    fold = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own bytes
    for record in RECORDS[at:]:
        fold.update(record)
    assert [repr(fold.results.of(kind)) for kind in KINDS] == WHOLE


def test_the_cost_of_a_look_does_not_grow_with_the_log() -> None:
    """Held sums are bounded, so a hundred times the rows keep no more of them."""
    kept = []
    for rows in (20, 2000):
        fold = Fold((EtaAnalyzer, MemoryAnalyzer, ThroughputAnalyzer))
        for item in blocks(Simulated(epochs=3, rows=rows).records(), []):
            fold.update(item)
        kept.append(sum(len(pickle.dumps(fold._analyzers[kind])) for kind in fold._analyzers))
    assert kept[1] < kept[0] + 60_000
