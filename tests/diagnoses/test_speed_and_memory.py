from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from simulated_runs import Simulated, found

from copilot_analytics.findings import Finding, Severity

Change = Callable[[int, float, dict[str, float]], dict[str, float]]


def findings_of(change: Change, share: float = 0.8, **facts: object) -> dict[str, Finding]:
    def row(step: int, done: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, **change(step, done, metrics)}

    return found(Simulated(change_row=row, facts=dict(facts)).session(share))


def test_data_loading_bound() -> None:
    finding = findings_of(lambda *_: {"data_time_s": 0.2})["data_loading_bound"]
    assert finding.severity is Severity.WARNING
    assert finding.title.startswith("40 %")


def test_a_slow_first_iteration_of_an_epoch_is_no_loading_bound() -> None:
    def first_is_slow(step: int, *_: object) -> dict[str, float]:
        slow = step % 100 == 10
        return {"iter_time_s": 3.0 if slow else 0.5, "data_time_s": 2.6 if slow else 0.05}

    findings = findings_of(first_is_slow)
    assert "data_loading_bound" not in findings
    assert "step_outliers" not in findings


def test_slowdown() -> None:
    findings = findings_of(lambda _, done, __: {"iter_time_s": 0.9 if done > 0.5 else 0.5})
    finding = findings["slowdown"]
    assert finding.severity is Severity.WARNING
    assert finding.step == pytest.approx(1500, abs=150)
    assert "1.8 times" in finding.title


@pytest.mark.parametrize(("work_s", "slower"), [(0.45, False), (0.9, True)])
def test_a_slow_loader_is_told_as_such_alone(work_s: float, slower: bool) -> None:
    def late(_: int, done: float, __: object) -> dict[str, float]:
        data_s, own_s = (0.9, work_s) if done > 0.5 else (0.05, 0.45)
        return {"iter_time_s": own_s + data_s, "data_time_s": data_s}

    findings = findings_of(late)
    assert "data_loading_bound" in findings
    assert ("slowdown" in findings) == slower


def test_a_little_slower_is_fine() -> None:
    slightly = findings_of(lambda _, done, __: {"iter_time_s": 0.6 if done > 0.5 else 0.5})
    assert "slowdown" not in slightly


def test_a_short_slow_stretch_is_fine() -> None:
    short = findings_of(lambda _, done, __: {"iter_time_s": 0.9 if 0.3 < done < 0.4 else 0.5})
    assert "slowdown" not in short


def test_step_outliers() -> None:
    findings = findings_of(lambda step, *_: {"iter_time_s": 4.0 if step % 70 == 0 else 0.5})
    assert "every 70 steps" in findings["step_outliers"].title


def test_inputs_of_many_sizes_are_no_stalls() -> None:
    rng = np.random.default_rng(0)
    findings = findings_of(lambda *_: {"iter_time_s": 0.5 * float(np.exp(0.8 * rng.normal()))})
    assert "step_outliers" not in findings


def test_memory_leak_towards_the_limit() -> None:
    finding = findings_of(
        lambda step, *_: {"memory_mib": 9000.0 + 2.5 * step}, 0.5, gpu_name="Tesla T4"
    )["memory_leak"]
    assert finding.severity is Severity.WARNING
    assert "15109 MiB" in finding.title and "epoch 24" in finding.title


def test_a_leak_without_a_known_limit_is_only_noted() -> None:
    findings = findings_of(lambda step, *_: {"memory_mib": 9000.0 + 2.5 * step}, 0.5)
    assert findings["memory_leak"].severity is Severity.INFO


def test_memory_that_levels_off_or_never_gets_there_is_fine() -> None:
    level = findings_of(
        lambda step, *_: {"memory_mib": 9000.0 + 4000 * (1 - np.exp(-step / 200))},
        gpu_name="Tesla T4",
    )
    slow = findings_of(lambda step, *_: {"memory_mib": 5000.0 + 0.1 * step}, gpu_name="Tesla T4")
    assert "memory_leak" not in level
    assert "memory_leak" not in slow


def test_memory_near_limit() -> None:
    def grows(step: int, *_: object) -> dict[str, float]:
        return {"memory_mib": 14750.0 if step > 1700 else 14000.0}

    finding = findings_of(grows, 0.6, gpu_name="Tesla T4")["memory_near_limit"]
    assert finding.severity is Severity.WARNING


def test_a_high_level_that_stays_is_fine() -> None:
    steady = findings_of(lambda *_: {"memory_mib": 14900.0}, gpu_name="Tesla T4")
    assert "memory_near_limit" not in steady
    unknown = findings_of(lambda *_: {"memory_mib": 14900.0})
    assert "memory_near_limit" not in unknown


def test_gradient_explosion() -> None:
    def bursts(step: int, *_: object) -> dict[str, float]:
        return {"grad_norm": 40.0} if step % 200 == 0 else {}

    finding = findings_of(bursts)["gradient_explosion"]
    assert finding.severity is Severity.INFO
    assert finding.evidence[0].lines


def test_heavy_tails_are_no_explosion() -> None:
    rng = np.random.default_rng(0)
    tails = findings_of(lambda *_: {"grad_norm": float(np.exp(0.5 * rng.normal()))})
    assert "gradient_explosion" not in tails


def test_clip_saturation() -> None:
    rng = np.random.default_rng(0)
    findings = findings_of(lambda *_: {"grad_norm": min(35.0, 60 * np.exp(rng.normal() / 4))})
    assert "clipped to 35" in findings["clip_saturation"].title


def test_norms_below_the_clip_are_fine() -> None:
    rng = np.random.default_rng(0)
    findings = findings_of(lambda *_: {"grad_norm": min(35.0, 30 * np.exp(rng.normal() / 2))})
    assert "clip_saturation" not in findings
