"""The rules and scores of the forecast benchmark, on curves whose truth is known."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test import the modules of the benchmark, which are no package."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))


def curve(values: object, direction: str = "max", source: str = "one") -> object:
    from forecast_curves import Curve

    up = np.asarray(values, dtype=np.float64)
    steps = 10.0 * np.arange(1, up.size + 1)
    return Curve("c", source, "w", True, direction, steps, up)


@pytest.mark.parametrize(
    "script",
    [
        "bench_forecast",
        "bench_eta",
        "bench_arrivals",
        "fit_stop_rule",
        "fit_forecast_priors",
        "fit_eta_widths",
        "one_law",
    ],
)
def test_without_the_curves_it_says_so(script: str, repository: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repository / "benchmarks" / f"{script}.py")],
        capture_output=True, text=True, check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "COPILOT_SHARED": str(tmp_path),
        },
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "COPILOT_SHARED" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("bench")
def test_rules_stop_where_their_definitions_say() -> None:
    from stop_rivals import gl, oracle, patience, patience_share, up

    rising = curve(np.linspace(0.1, 0.9, 20))
    assert all(rule(rising, 5) is None for rule in (patience, gl, up))
    peak = curve([0.5, 0.6, 0.7, 0.69, 0.68, 0.67, 0.66, 0.65, 0.64, 0.63, 0.62, 0.61])
    assert patience(peak, 3) == 5
    assert patience_share(peak, 0.25) == 5  # a quarter of 120 steps after step 30
    assert gl(peak, 9.0) == 5  # an error of 0.33 after 0.30 at best is a tenth more
    assert up(peak, 1) == 9
    assert oracle(peak) == 2
    loss = curve([1.0, 0.5, 0.498, 0.6, 0.7, 0.7], direction="min")
    assert oracle(loss) == 1, "half a per cent is δ"


@pytest.mark.usefixtures("bench")
def test_the_fit_takes_prefixes_of_curves_with_and_without_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import forecast_prefixes

    monkeypatch.setenv("COPILOT_SHARED", str(tmp_path))
    monkeypatch.setattr(forecast_prefixes, "load_small", list)
    accuracy = curve(0.9 - 0.5 * np.arange(1, 41) ** -0.5)
    reward = curve(100.0 - 50.0 * np.arange(1, 41) ** -0.5)
    found = forecast_prefixes.training([accuracy, reward])
    assert {one.case.curve.source for one in found} == {"one"}
    assert {one.scale.high for one in found} == {1.0, np.inf}
    assert any(one.changed for one in found) and not all(one.changed for one in found)
    assert all(np.isfinite(one.mean).all() and one.log_evidence.size for one in found)


@pytest.mark.usefixtures("bench")
def test_scores_are_printed_by_source_and_share_of_the_run(capsys: pytest.CaptureFixture) -> None:
    from forecast_scores import print_crossed

    one = {"crps forecast": 0.25, "cov80 forecast": 1.0}
    late = {"crps forecast": 0.125, "cov80 forecast": 0.0}
    print_crossed({("a", 0.1): [one], ("a", 0.8): [late, one], ("b", 0.1): [one]}, ["a", "b"])
    told = capsys.readouterr().out.splitlines()
    at = told.index(next(line for line in told if line.startswith("CRPS, forecast")))
    assert told[at + 1].split() == ["a", "0.250", "-", "-", "-", "0.188"]
    assert told[at + 2].split() == ["b", "0.250", "-", "-", "-", "-"]


@pytest.mark.usefixtures("bench")
def test_what_a_stop_saves_and_loses_is_a_mean_over_sources() -> None:
    from stop_scores import at_saving, score

    late = curve([0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.8])
    flat = [curve([0.1, 0.2] + 8 * [0.3], source="two") for _ in range(3)]
    found = score([(late, 4), *((one, 4) for one in flat)])
    assert found.saved == pytest.approx(0.5)
    assert found.missed == pytest.approx(0.5), "one of two sources, not one of four runs"
    assert found.wrong == pytest.approx(0.5) and found.stops == 4
    assert found.loss == pytest.approx(0.5 * 0.5 / 0.5)
    half = at_saving([found], 0.25)
    assert half is not None and half.missed == pytest.approx(0.25)
    assert at_saving([found], 0.6) is None


@pytest.mark.usefixtures("bench")
def test_the_limit_of_a_risk_keeps_below_it_everywhere() -> None:
    from fit_stop_rule import limit_for
    from stop_scores import Score

    missed = (0.0, 0.01, 0.04, 0.015, 0.2)
    scores = [Score(0.1, share, 0.0, 0.0, 1) for share in missed]
    assert limit_for(scores, 0.02) == 1, "a lower limit that misses more is not passed over"
    assert limit_for(scores, 0.05) == 3
    assert limit_for(scores, 0.3) == 4
    assert limit_for(scores[2:], 0.01) is None
    unsure = [Score(0.1, 0.01, 0.0, 0.0, 1, missed_error=0.02)]
    assert limit_for(unsure, 0.02) is None, "sources differ, and the next one is a new one"


@pytest.mark.usefixtures("bench")
def test_the_calibration_finds_the_truth() -> None:
    from fit_stop_rule import fit_calibration
    from gain_traces import Trace

    from copilot_analytics.stats.stopping import with_doubt

    rng = np.random.default_rng(8)
    known = []
    for source in ("one", "two"):
        for _ in range(300):
            progress = np.linspace(0.3, 0.9, 20)
            p, stale = rng.uniform(0.02, 0.98, 20), rng.uniform(0.0, 1.0, 20)
            short = rng.normal(0.0, 5.0, 20)
            said = np.array([with_doubt(*pair) for pair in zip(p, progress, strict=True)])
            z = -0.5 + 1.5 * np.log(said / (1 - said)) - 2.0 * stale
            z += 0.3 * np.arcsinh(short)
            lost = rng.random(20) < 1 / (1 + np.exp(-z))
            known.append(
                Trace(
                    curve(np.ones(30), source=source),
                    np.arange(20),
                    progress,
                    p,
                    stale,
                    short,
                    2.0 * lost,
                )
            )
    found = fit_calibration(known)
    assert found.offset == pytest.approx(-0.5, abs=0.25)
    assert found.slope == pytest.approx(1.5, abs=0.2)
    assert found.stale == pytest.approx(-2.0, abs=0.35)
    assert found.shortfall == pytest.approx(0.3, abs=0.1)


@pytest.mark.usefixtures("bench")
def test_the_ensemble_of_families_extrapolates_a_power_law() -> None:
    from curve_ensemble import ensemble

    steps = np.arange(1.0, 31.0)
    y = 0.9 - 0.5 * steps**-0.5 + 0.001 * np.random.default_rng(1).normal(size=30)
    low, middle, high = ensemble(steps, y, 120.0, np.array([0.05, 0.5, 0.95]))
    assert middle == pytest.approx(0.9 - 0.5 * 120**-0.5, abs=0.01)
    assert low < middle < high < middle + 0.1
    assert ensemble(steps[:4], y[:4], 120.0, np.array([0.5])) is None


@pytest.mark.usefixtures("bench")
def test_the_small_runs_are_whole_curves_of_both_directions() -> None:
    from forecast_curves import load_small

    curves = load_small()
    assert len({c.name for c in curves}) == len(curves) > 200
    assert {c.direction for c in curves} == {"min", "max"}
    assert all(np.isfinite(c.values).all() and (np.diff(c.steps) > 0).all() for c in curves)
    assert {c.bounds for c in curves if c.direction == "max"} == {(0.0, 1.0)}
    assert min(c.steps.size for c in curves) == 6
    assert max(c.steps.size for c in curves) == 50


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("late", [0.0, 0.1])
def test_a_law_that_held_is_judged_by_where_the_run_ends(late: float) -> None:
    from forecast_curves import cut
    from one_law import held

    t = np.arange(1.0, 61.0)
    values = 0.9 - 0.5 * t**-0.75 + late * (t > 40)
    (case,) = cut(curve(values), (0.5,))
    found = held(case)
    assert found is not None
    assert found.foretold < 1e-9 < found.moved
    # In units of the range seen after the first third of the prefix.
    assert found.at_end == pytest.approx(late / np.ptp(values[10:30]), abs=1e-9)


@pytest.mark.usefixtures("bench")
def test_too_little_is_no_law() -> None:
    from forecast_curves import cut
    from one_law import held

    (few,) = cut(curve(np.sqrt(np.arange(12.0))), (0.5,))
    (flat,) = cut(curve(np.full(40, 0.5)), (0.5,))
    assert held(few) is None
    assert held(flat) is None
