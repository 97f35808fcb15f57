"""What a report says of the devices: what was sampled, and nothing that was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_runs import make_run

from copilot_analytics.api import analyze
from copilot_analytics.records import Record
from copilot_analytics.report.document import document
from copilot_analytics.report.gpu_figure import draw_gpu, gpu_figure
from copilot_analytics.report.markdown import render
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis

EVERYTHING = {
    "gpu_memory_used_mib": 8192.0,
    "gpu_memory_total_mib": 16384.0,
    "gpu_process_memory_mib": 4096.0,
    "gpu_utilization_pct": 90.0,
    "gpu_temperature_c": 70.0,
    "gpu_power_w": 250.0,
    "gpu_power_limit_w": 300.0,
    "gpu_throttle_thermal": 0.0,
    "gpu_throttle_power": 1.0,
    "gpu_ecc_uncorrected": 0.0,
}
CELLS = {
    "gpu_memory_used_mib": ("memory, peak", "8 GiB of 16 GiB (50 %)"),
    "gpu_process_memory_mib": ("of this training", "4 GiB"),
    "gpu_utilization_pct": ("busy, median (p95)", "90 % (90 %)"),
    "gpu_temperature_c": ("°C, median (max)", "70 (70)"),
    "gpu_power_w": ("W, median (max) of limit", "250 (250) of 300"),
    "gpu_throttle_thermal": ("slowed by heat", "never"),
    "gpu_throttle_power": ("at the power limit", "always"),
    "gpu_ecc_uncorrected": ("ECC errors, uncorrected", "0"),
}


def with_devices(*devices: dict[str, float], times: list[float] | None = None) -> Analysis:
    """Return the analysis of a detector's run in whose course devices were sampled."""
    run = make_run()
    begin = run.first_time or 0.0
    samples = [
        Record("gpu", time=begin + at, metrics=told, facts={"uuid": f"GPU-{n}", "index": n})
        for at in times or [10.0 * row for row in range(40)]
        for n, told in enumerate(devices)
    ]
    return analyze(Run.from_records([*run.items(), *samples], path=run.path))


def table(analysis: Analysis) -> list[dict[str, str]]:
    """Read the table of the devices back from the Markdown."""
    lines = render(analysis, {}).partition("## GPUs")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_a_report_without_samples_has_no_section_and_no_figure(analysis: Analysis) -> None:
    assert "## GPUs" not in render(analysis, {})
    assert document(analysis)["gpu"] is None
    assert gpu_figure(analysis) is None


def test_everything_that_a_device_tells_is_shown() -> None:
    (row,) = table(with_devices(EVERYTHING))
    assert row == {"": "GPU 0", **dict(CELLS.values())}


@pytest.mark.parametrize("missing", CELLS)
def test_what_no_device_tells_has_no_column_and_is_never_zero(missing: str) -> None:
    told = {name: value for name, value in EVERYTHING.items() if name != missing}
    analysis = with_devices(told)
    (row,) = table(analysis)
    header, _ = CELLS[missing]
    assert row == {"": "GPU 0", **{h: c for h, c in CELLS.values() if h != header}}
    assert "Not told by the driver: " in render(analysis, {})
    (device,) = document(analysis)["gpu"]["devices"]
    whole = document(with_devices(EVERYTHING))["gpu"]["devices"][0]
    changed = {name for name in whole if device[name] != whole[name]}
    assert changed
    assert all(device[name] is None for name in changed)


@pytest.mark.parametrize("missing", CELLS)
def test_what_one_of_two_devices_tells_is_unknown_for_the_other(missing: str) -> None:
    told = {name: value for name, value in EVERYTHING.items() if name != missing}
    first, second = table(with_devices(EVERYTHING, told))
    header, cell = CELLS[missing]
    ours = missing == "gpu_process_memory_mib"
    assert (first[header], second[header]) == (cell, "none" if ours else "unknown")


def test_a_lost_device_keeps_what_it_told_and_is_named() -> None:
    run = with_devices(EVERYTHING).run
    lost = Record(
        "gpu", time=(run.last_time or 0.0) + 9e3, facts={"uuid": "GPU-0", "index": 0, "lost": True}
    )
    analysis = analyze(Run.from_records([*run.items(), lost], path=run.path))
    (row,) = table(analysis)
    assert row["busy, median (p95)"] == "90 % (90 %)"
    assert "**GPU 0 fell off the bus**" in render(analysis, {})
    figure = gpu_figure(analysis)
    assert figure is not None
    assert [mark.text for mark in figure.marks] == ["GPU 0 lost"]


def test_a_line_never_crosses_a_pause_of_the_watch() -> None:
    times = [*np.arange(0.0, 300.0, 10.0).tolist(), *np.arange(3000.0, 3300.0, 10.0).tolist()]
    hot = {**EVERYTHING, "gpu_throttle_thermal": 1.0}
    data = gpu_figure(with_devices(hot, times=times))
    assert data is not None
    assert [panel.label for panel in data.panels] == [
        "memory, GiB", "busy, %", "temperature, °C", "power, W",
    ]  # fmt: skip
    for panel in data.panels:
        assert np.isnan(panel.curves[0].mid).sum() == 1
    assert [panel.limit for panel in data.panels] == [16.0, None, None, 300.0]
    assert len(data.panels[2].hot) == len(times)
    assert len(draw_gpu(data).axes) == 4


def test_more_devices_than_colours_are_counted_not_drawn() -> None:
    data = gpu_figure(with_devices(*[EVERYTHING] * 8))
    assert data is not None
    assert (len(data.devices), data.left_out) == (6, 2)
