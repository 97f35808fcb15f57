from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest


@pytest.fixture
def eta_runs(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return import_module("eta_runs")


def test_a_run_at_a_constant_pace_is_told_to_the_second(eta_runs):
    step = np.arange(0.0, 101.0)
    run = eta_runs.as_run("made up", "even", True, step, np.r_[0.0, 60.0 + 2.0 * step[1:]])
    made = eta_runs.said_of(run)
    assert [case.fraction for case in made] == list(eta_runs.FRACTIONS)
    for case in made:
        assert case.truth_s == pytest.approx(200 * (1 - case.fraction))
        assert case.said[0] == pytest.approx(case.truth_s)
        assert case.rivals["mean interval"] == pytest.approx(case.truth_s)
        late = 60 / (case.fraction * 100) * (100 - case.fraction * 100)
        assert case.rivals["elapsed / done"] == pytest.approx(case.truth_s + late)
        assert np.isnan(case.rivals["the log's own"])


def test_a_plan_that_is_told_late_counts_from_there(eta_runs):
    step = np.arange(0.0, 101.0)
    run = eta_runs.as_run("made up", "late", True, step, 2.0 * step)
    plan, *rows = run.items
    late = run._replace(items=[*rows[:30], plan, *rows[30:]])
    fractions = [case.fraction for case in eta_runs.said_of(late)]
    assert fractions == [one for one in eta_runs.FRACTIONS if one > 0.3]


def test_tqdm_smooths_units_and_seconds_apart(eta_runs):
    # tqdm.std.EMA(0.3): x -> 0.3 x + 0.7 last, divided by 1 - 0.7 ** calls; the divisor cancels.
    rate = eta_runs.tqdm_rate(np.array([1.0, 1.0, 2.0]), np.array([10.0, 1.0, 2.0]))
    smoothed_s = 0.3 * 2 + 0.7 * (0.3 * 1 + 0.7 * 0.3 * 10)
    smoothed_n = 0.3 * 2 + 0.7 * (0.3 * 1 + 0.7 * 0.3 * 1)
    assert rate == pytest.approx(smoothed_s / smoothed_n)
