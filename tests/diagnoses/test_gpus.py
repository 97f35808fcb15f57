"""Each rule about devices fires on what it is for, and keeps quiet on what only looks like it."""

from __future__ import annotations

import pytest
from gpu_runs import gpu, healthy, training, using

from copilot_analytics.engine import Session
from copilot_analytics.findings import Severity
from copilot_analytics.records import Record


def findings(records):
    session = Session()
    for record in records:
        session.update(record)
    return {f.id: f for f in session.findings if f.id.startswith("gpu_")}


def changed(**metrics):
    """A healthy device but for some metrics, each a number or a function of the sample."""

    def level(at):
        new = {name: m(at) if callable(m) else m for name, m in metrics.items()}
        if "gpu_memory_used_mib" in new:
            new = {**using(at, new["gpu_memory_used_mib"]), **new}
        return {name: m for name, m in {**healthy(at), **new}.items() if m is not None}

    return level  # fmt: skip


leaking = changed(gpu_memory_used_mib=lambda at: 4000.0 + 10.0 * at)


def test_a_healthy_device_is_no_news():
    assert findings(training(600, healthy, healthy, planned=5000, evals_every=50)) == {}


def test_a_device_without_answers_is_no_news():
    assert findings(training(600, lambda _: {}, planned=5000)) == {}


# gpu_memory_leak


def test_a_leak_that_meets_the_limit_before_the_end():
    finding = findings(training(500, leaking, planned=5000))["gpu_memory_leak"]
    assert finding.severity == Severity.WARNING
    assert "3600 MiB/h" in finding.title
    assert "GPU 0 (A100)" in finding.title


def test_a_leak_that_the_run_outlives():
    assert "gpu_memory_leak" not in findings(training(500, leaking, planned=700))


def test_memory_of_others_on_a_device_that_the_run_does_not_use():
    others = changed(gpu_memory_used_mib=lambda at: 4000.0 + 10.0 * at, gpu_process_memory_mib=None)
    assert findings(training(500, healthy, others, planned=5000)) == {}


# gpu_oom_risk


def test_a_nearly_full_device_whose_peak_still_rises():
    rising = changed(gpu_memory_used_mib=lambda at: 15400.0 + 60.0 * (at // 100))
    finding = findings(training(500, rising))["gpu_oom_risk"]
    assert finding.severity == Severity.WARNING
    assert finding.evidence[0].observed == "0.978"


@pytest.mark.parametrize("used", [15900.0, lambda at: 15000.0 + 900.0 * (at > 60)])
def test_a_full_device_whose_peak_stays(used):
    """Some frameworks take all memory at the start."""
    assert "gpu_oom_risk" not in findings(training(500, changed(gpu_memory_used_mib=used)))


def test_a_rising_peak_with_room():
    rising = changed(gpu_memory_used_mib=lambda at: 12000.0 + 60.0 * (at // 100))
    assert "gpu_oom_risk" not in findings(training(500, rising))


# gpu_idle


def test_an_idle_device():
    finding = findings(
        training(300, changed(gpu_utilization_pct=lambda at: 5.0 + 50 * (at % 9 == 0)))
    )
    assert finding["gpu_idle"].evidence[0].observed == "5 %"


@pytest.mark.parametrize(
    "busy",
    [
        lambda at: 25.0 if at % 10 else 90.0,  # busy in bursts
        lambda at: 40.0,
        None,  # split, or not told
    ],
)
def test_devices_that_are_not_idle(busy):
    assert "gpu_idle" not in findings(training(300, changed(gpu_utilization_pct=busy)))


def test_a_device_that_is_idle_only_while_evaluating():
    def records():
        for at in range(1, 300):
            yield Record("train", step=at, time=60.0 * at, line=at, metrics={"loss": 1.0})
            yield gpu(6 * at, healthy(at))
            if at % 2 == 0:
                for more in range(1, 6):
                    yield gpu(6 * at + more, changed(gpu_utilization_pct=2.0)(at))
                yield Record("eval", step=at, time=60.0 * at + 55, line=at, metrics={"acc": 0.5})

    assert "gpu_idle" not in findings(records())


def test_an_idle_device_beside_a_busy_one_that_may_be_the_only_one_used():
    idle = changed(gpu_utilization_pct=0.0, gpu_process_memory_mib=None)
    busy = changed(gpu_process_memory_mib=None)
    assert "gpu_idle" not in findings(training(300, busy, idle))
    assert "gpu_idle" not in findings(training(300, healthy, idle))
    assert "gpu_idle" in findings(training(300, idle, idle))
    ours = changed(gpu_utilization_pct=0.0)
    assert "gpu_idle" in findings(training(300, ours, healthy))


# gpu_thermal_throttling


def test_heat_in_more_than_a_tenth_of_the_samples():
    hot = changed(gpu_throttle_thermal=lambda at: float(at % 5 == 0), gpu_temperature_c=91.0)
    finding = findings(training(300, hot))["gpu_thermal_throttling"]
    assert "20%" in finding.title
    assert finding.evidence[1].observed == "91 °C"


def test_the_power_cap_and_a_little_heat_are_normal():
    warm = changed(gpu_throttle_thermal=lambda at: float(at % 20 == 0), gpu_throttle_power=1.0)
    assert findings(training(300, warm)) == {}


# gpu_zombie_memory


def over(held_for: int, level=healthy):
    yield from training(100, healthy)
    yield Record("end", time=1000.0, line=100)
    for at in range(101, 101 + held_for):
        yield gpu(at, level(at))


def test_memory_that_is_held_ten_minutes_after_the_end():
    finding = findings(over(90))["gpu_zombie_memory"]
    assert "process 4711 still holds 8900 MiB" in finding.title


@pytest.mark.parametrize(
    "records",
    [
        over(50),  # not long enough
        over(90, changed(gpu_process_memory_mib=0.0)),  # let go
        over(90, changed(gpu_process_memory_mib=None)),  # unknown whose it is
        training(300, healthy),  # still training
    ],
)
def test_memory_that_nobody_forgot(records):
    assert "gpu_zombie_memory" not in findings(records)


# gpu_lost


def test_a_lost_device_is_critical_at_once_and_taken_back_when_it_returns():
    session = Session()
    for record in [*training(40, healthy), gpu(41, {}, lost=True)]:
        session.update(record)
    (finding,) = [f for f in session.findings if f.id == "gpu_lost"]
    assert finding.severity == Severity.CRITICAL
    assert session.events[-1].key == "gpu_lost"
    session.update(gpu(42, healthy(42)))
    assert (session.events[-1].kind, session.events[-1].key) == ("resolved", "gpu_lost")
    assert "gpu_lost" not in {f.id for f in session.findings}


def test_a_lost_device_that_the_run_does_not_use():
    other = changed(gpu_process_memory_mib=None)
    found = findings([*training(40, healthy, other), gpu(41, {}, 1, lost=True)])
    assert found["gpu_lost"].severity == Severity.WARNING


def test_lost_telemetry_is_no_lost_device():
    found = findings([*training(40, healthy), gpu(41, {}, telemetry_lost=True)])
    assert found == {}


# gpu_xid


@pytest.mark.parametrize(
    ("xid", "severity", "says"),
    [
        (31, Severity.WARNING, "memory that is not its own"),
        (79, Severity.CRITICAL, "fell off the bus"),
        (4242, Severity.WARNING, "NVIDIA's list"),
    ],
)
def test_an_error_that_the_driver_told_once_stays(xid, severity, says):
    told = changed(gpu_xid=lambda at: float(xid) if at == 50 else None)
    finding = findings(training(120, told))["gpu_xid"]
    assert finding.severity == severity
    assert f"GPU 0 (A100) reports Xid {xid}" in finding.title
    assert says in finding.title


def test_the_broken_device_comes_before_the_kernel_that_failed_on_it():
    both = changed(gpu_xid=lambda at: {50: 13.0, 51: 48.0}.get(at))
    finding = findings(training(120, both))["gpu_xid"]
    assert "Xid 48" in finding.title
    assert [one.observed for one in finding.evidence] == ["Xid 48", "Xid 13"]


def test_cleaning_up_after_a_kill_and_devices_of_others_are_no_news():
    cleaned = changed(gpu_xid=lambda at: 45.0 if at == 50 else None)
    others = changed(gpu_xid=lambda at: 79.0 if at == 50 else None, gpu_process_memory_mib=None)
    assert findings(training(120, cleaned)) == {}
    assert findings(training(120, healthy, others)) == {}
